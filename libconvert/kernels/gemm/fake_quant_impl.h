/* Range and values of quantised inputs, a vector at a time. */
#include "kernels/gemm/fake_quant.h"
#include "kernels/simd/simd.h"

#include <math.h>

/* x - x is 0 for a number that is finite, else NaN, which every sum keeps. Zeros behind the end change nothing. */
VF_INLINE bool range(const qn_dtype dtype, const void *x, int64_t begin, int64_t end, float *least, float *largest) {
    vf lo = vf_set1(0.0f), hi = lo, rest = lo;
    for (int64_t i = begin; i < end; i += VF_LANES) {
        vf v = vf_read_n(dtype, x, i, end - i);
        lo = vf_min(v, lo);
        hi = vf_max(v, hi);
        rest = vf_add(rest, vf_sub(v, v));
    }
    float l[VF_LANES], h[VF_LANES];
    vf_store(l, lo);
    vf_store(h, hi);
    for (int i = 0; i < VF_LANES; i++) {
        *least = l[i] < *least ? l[i] : *least;
        *largest = h[i] > *largest ? h[i] : *largest;
    }
    return !isnan(vf_sum(rest));
}

VF_INLINE void values(const qn_dtype dtype, const void *x, int64_t begin, int64_t end, const qn_x_quant *q,
                      float *out) {
    const vf inverse = vf_set1(q->inverse), zero = vf_set1((float)q->zero_point), scale = vf_set1(q->scale);
    const vf low = vf_set1(0.0f), high = vf_set1(255.0f);
    for (int64_t i = begin; i < end; i += VF_LANES) {
        vf code = vf_add(vf_round(vf_mul(vf_read_n(dtype, x, i, end - i), inverse)), zero);
        code = vf_min(vf_max(code, low), high);
        vf_write_n(QN_F32, out, i, vf_mul(vf_sub(code, zero), scale), end - i);
    }
}

bool VF_NAME(qn_quant_range)(qn_dtype dtype, const void *x, int64_t begin, int64_t end, float *least, float *largest) {
    *least = *largest = 0;
    switch (dtype) {
    case QN_F16: return range(QN_F16, x, begin, end, least, largest);
    case QN_BF16: return range(QN_BF16, x, begin, end, least, largest);
    default: return range(QN_F32, x, begin, end, least, largest);
    }
}

void VF_NAME(qn_quant_values)(qn_dtype dtype, const void *x, int64_t begin, int64_t end, const qn_x_quant *q,
                              float *out) {
    switch (dtype) {
    case QN_F16: values(QN_F16, x, begin, end, q, out); break;
    case QN_BF16: values(QN_BF16, x, begin, end, q, out); break;
    default: values(QN_F32, x, begin, end, q, out); break;
    }
}
