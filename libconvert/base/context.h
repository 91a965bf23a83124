/* What a context holds, for the library's own files. */
#ifndef QN_BASE_CONTEXT_H
#define QN_BASE_CONTEXT_H

#include "base/status.h"

/** Instruction-set families; a bit each, so that a set of them is a mask. */
typedef enum qn_isa {
    QN_ISA_SCALAR = 0,
    QN_ISA_AVX2 = 1 << 0,       /**< AVX2, FMA, F16C */
    QN_ISA_AVX512 = 1 << 1,     /**< F, BW, DQ, VL */
    QN_ISA_AVX512VNNI = 1 << 2,
    QN_ISA_AVX512BF16 = 1 << 3
} qn_isa;

/** What kernels may use: the machine's, less what the options and QUERN_ISA mask away. */
unsigned qn_context_isa(const qn_context *ctx);

#endif
