#include "kernels/gemm/gemv_impl.h"
