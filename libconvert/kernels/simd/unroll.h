/* What every file of vector kernels says to the compiler. */
#ifndef QN_KERNELS_SIMD_UNROLL_H
#define QN_KERNELS_SIMD_UNROLL_H

#include <stdint.h>

/** Unroll the loop that follows: its bounds are constants where the function is inlined. */
#if defined(__clang__)
#define VF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define VF_UNROLL _Pragma("GCC unroll 32")
#endif
#define VF_INLINE static inline __attribute__((always_inline))

#endif
