#include "kernels/move/turn_impl.h"
