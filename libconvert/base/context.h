/* What a context holds, for the library's own files. */
#ifndef QN_BASE_CONTEXT_H
#define QN_BASE_CONTEXT_H

#include "base/status.h"

/** Instruction-set families; a bit each, so that a set of them is a mask. */
typedef enum qn_isa {
    QN_ISA_SCALAR = 0,
    QN_ISA_AVX2 = 1 << 0,   /**< AVX2, FMA, F16C */
    QN_ISA_AVX512 = 1 << 1, /**< F, BW, DQ, VL */
    QN_ISA_AVX512VNNI = 1 << 2,
    QN_ISA_AVX512BF16 = 1 << 3,
    QN_ISA_NEON = 1 << 4 /**< of every 64-bit Arm */
} qn_isa;

/** What kernels may use: the machine's, less what the options and QUERN_ISA mask away. */
unsigned qn_context_isa(const qn_context *ctx);

/** The best form of NAME (a function, or & and an object) that `ctx` allows. Forms are NAME_scalar everywhere,
 * NAME_avx2 and NAME_avx512 on x86-64, NAME_neon on arm64. */
#if defined(__x86_64__)
#define QN_ISA_PICK(CTX, NAME)                                                                                         \
    (qn_context_isa(CTX) & QN_ISA_AVX512 ? NAME##_avx512                                                               \
     : qn_context_isa(CTX) & QN_ISA_AVX2 ? NAME##_avx2                                                                 \
                                         : NAME##_scalar)
#elif defined(__aarch64__)
#define QN_ISA_PICK(CTX, NAME) (qn_context_isa(CTX) & QN_ISA_NEON ? NAME##_neon : NAME##_scalar)
#else
#define QN_ISA_PICK(CTX, NAME) ((void)(CTX), NAME##_scalar)
#endif

#endif
