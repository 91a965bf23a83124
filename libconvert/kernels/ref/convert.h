/* Elements of one dtype as another: ONNX Cast.
 *
 *   float -> integer   truncated towards zero, saturated at the ends of the range, NaN is 0
 *   integer -> integer the low bits (two's complement)
 *   any -> bool        not equal to zero (NaN is true)
 *   -> float           rounded to nearest, ties to even, once: also from float64 and int64 to float16 and bfloat16
 */
#ifndef QN_KERNELS_REF_CONVERT_H
#define QN_KERNELS_REF_CONVERT_H

#include "kernels/kernel.h"

/** dst[0..n) = src[0..n). Both dtypes must be rows of dtypes.def. The two may not overlap. */
void qn_convert(qn_dtype from, const void *src, qn_dtype to, void *dst, int64_t n);

/** binary16 and bfloat16 of a double, rounded once. */
uint16_t qn_f64_to_f16(double x);
uint16_t qn_f64_to_bf16(double x);

#endif
