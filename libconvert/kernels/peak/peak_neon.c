#include "kernels/peak/peak_impl.h"
