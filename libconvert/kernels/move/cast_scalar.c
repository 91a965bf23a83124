#include "kernels/move/cast_impl.h"
