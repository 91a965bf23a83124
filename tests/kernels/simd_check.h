/* The vector operations of kernels/simd/simd.h against plain C, lane by lane: one form for each instruction set. */
#ifndef QN_TESTS_KERNELS_SIMD_CHECK_H
#define QN_TESTS_KERNELS_SIMD_CHECK_H

#include <stdbool.h>

/** Each fails the test that calls it when an operation has another result than simd.h says. `fused`: vf_fma rounds
 *  once. */
typedef struct simd_check {
    void (*arithmetic)(bool fused);
    void (*lanes)(void);
    void (*memory)(void);
    void (*storage)(void);
} simd_check;

extern const simd_check simd_check_scalar, simd_check_neon, simd_check_avx2, simd_check_avx512;

#endif
