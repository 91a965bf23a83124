/* 10*2 accumulators, 2 registers for the row of B and 10 for the elements of A, which the compiler loads ahead (a
 * multiply-add by one element of a vector needs no broadcast): all of NEON's 32. */
#define GEMM_MR      10
#define GEMM_NV      2
#define GEMM_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10)
#include "kernels/gemm/gemm_impl.h"
