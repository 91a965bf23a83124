#include "kernels/recurrent/cells_impl.h"
