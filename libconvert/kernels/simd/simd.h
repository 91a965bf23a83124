/* Vectors of float32 for the instruction set that the including file is compiled for: AVX-512 (16 lanes), AVX2 with
 * FMA (8), NEON (4) or, anywhere, four lanes in the compiler's own vector type. simd_NAME.h has each; all give
 *
 *   vf, VF_LANES            that many floats
 *   VF_NAME(f)              f_NAME: the name of a function's form for this instruction set
 *   vf_load, vf_store       at any address
 *   vf_load_n, vf_store_n   the first n (>= 0; VF_LANES and more: all), zeros behind; nothing beyond is touched
 *   vf_load_T_n             n numbers of T as float32: f16, bf16, i8, u8
 *   vf_store_f16_n, _bf16_n rounded to nearest, ties to even; a NaN keeps its sign and upper bits, made quiet
 *   vf_store_low_n          the low bytes of integers
 *   vf_set1(x)              x in each lane
 *   vf_add, _sub, _mul, _div, _sqrt, _abs
 *   vf_fma(a,b,c)           a b + c, fused except on the last kind
 *   vf_min, vf_max          when either is NaN: the second operand
 *   vf_round                to integers, ties to even
 *   vf_select_lt(a,b,x,y)   a < b ? x : y; y where either is NaN
 *   vf_power(a)            the largest power of two that is not above |a|, of normal numbers; 0 of smaller ones
 *   vf_or_nan(a,x)          a where a is NaN, else x
 *   vf_scale2(x,n)          x 2^n, for integral n in -160..160
 *   vf_part(a,b,&even,&odd) the even and the odd elements of a and b, one after the other
 *   vf_zip(a,b,&lo,&hi)     the inverse: elements of a and b by turns, *lo the first VF_LANES of them
 *   vf_transpose(r)         rows to columns: lane j of r[i] becomes lane i of r[j]
 *   vf_sum, vf_top          the sum of the lanes (in pairs), the largest (unspecified when one is NaN)
 *
 * Kernels are written once against these names, as a header NAME_impl.h that NAME_scalar.c, NAME_neon.c, NAME_avx2.c
 * and NAME_avx512.c include; each of those gives its form of the functions, and QN_ISA_PICK chooses one. */
#ifndef QN_KERNELS_SIMD_SIMD_H
#define QN_KERNELS_SIMD_SIMD_H

#include "base/half.h"
#include "quern.h"

#include <string.h>

/* VF_NEON: arm64 has NEON in every file; that of the scalar forms is to be without. */
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include "kernels/simd/simd_avx512.h"
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "kernels/simd/simd_avx2.h"
#elif defined(VF_NEON)
#include "kernels/simd/simd_neon.h"
#else
#include "kernels/simd/simd_generic.h"
#endif

/* ---- by storage dtype (F32, F16 or BF16; a constant where it matters) ---------------------------------- */

VF_INLINE vf vf_read_n(qn_dtype dtype, const void *base, int64_t index, int64_t n) {
    if (dtype == QN_F16)
        return vf_load_f16_n((const uint16_t *)base + index, n);
    if (dtype == QN_BF16)
        return vf_load_bf16_n((const uint16_t *)base + index, n);
    return n >= VF_LANES ? vf_load((const float *)base + index) : vf_load_n((const float *)base + index, n);
}
VF_INLINE void vf_write_n(qn_dtype dtype, void *base, int64_t index, vf v, int64_t n) {
    if (dtype == QN_F16)
        vf_store_f16_n((uint16_t *)base + index, v, n);
    else if (dtype == QN_BF16)
        vf_store_bf16_n((uint16_t *)base + index, v, n);
    else if (n >= VF_LANES)
        vf_store((float *)base + index, v);
    else
        vf_store_n((float *)base + index, v, n);
}
VF_INLINE float qn_read_float(qn_dtype dtype, const void *base, int64_t index) {
    if (dtype == QN_F16)
        return qn_f16_to_f32(((const uint16_t *)base)[index]);
    if (dtype == QN_BF16)
        return qn_bf16_to_f32(((const uint16_t *)base)[index]);
    return ((const float *)base)[index];
}

#endif
