#define GEMM_TABLE   qn_gemm_int8_avx512
#define GEMM_MR      11
#define GEMM_NV      2
#define GEMM_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#include "kernels/gemm/gemm_int8_impl.h"
