#include "tests/kernels/simd_check_impl.h"
