#define GEMM_MR      6
#define GEMM_NV      2
#define GEMM_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#include "kernels/gemm/gemm_impl.h"
