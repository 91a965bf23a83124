#define GEMM_TABLE   qn_gemm_int8_avx2
#define GEMM_MR      4
#define GEMM_NV      2
#define GEMM_ROWS(X) X(1) X(2) X(3) X(4)
#include "kernels/gemm/gemm_int8_impl.h"
