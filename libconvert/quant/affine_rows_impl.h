/* affine_rows.h for one instruction set. Errors are summed in sixteen lanes, element i of a block in lane i % 16, whatever the
 * width of vectors, and without fused operations. */
#include "quant/affine_rows.h"

#include "kernels/simd/simd.h"

enum { LANES = 16, VECTORS = LANES / VF_LANES, PART = 4096 };

typedef struct lanes {
    vf v[VECTORS];
} lanes;

VF_INLINE vf load_at(const float *x, int64_t i, int64_t n) {
    return n - i >= VF_LANES ? vf_load(x + i) : n > i ? vf_load_n(x + i, n - i) : vf_set1(0.0f);
}

/* x - x is 0, but for what is not finite. */
VF_INLINE vf range_of(const float *x, int64_t n, float *least, float *largest, vf odd) {
    vf lo = vf_set1(0.0f), hi = lo;
    for (int64_t i = 0; i < n; i += VF_LANES) {
        const vf v = load_at(x, i, n);
        lo = vf_min(v, lo);
        hi = vf_max(v, hi);
        odd = vf_add(odd, vf_sub(v, v));
    }
    *least = -vf_top(vf_sub(vf_set1(0.0f), lo));
    *largest = vf_top(hi);
    return odd;
}

bool VF_NAME(qn_affine_rows_range)(const qn_affine_rows *r) {
    vf odd = vf_set1(0.0f);
    int64_t g = 0;
    for (int64_t row = 0; row < r->rows; row++)
        for (int64_t at = 0; at < r->size; at += r->block, g++) {
            const int64_t n = r->size - at < r->block ? r->size - at : r->block;
            odd = range_of(r->x + row * r->size + at, n, &r->least[g], &r->largest[g], odd);
        }
    return vf_sum(odd) == 0;
}

VF_INLINE void codes_of(const qn_affine_rows *r, const float *x, int64_t n, float scale, float zero, uint8_t *codes, lanes *xx, lanes *dd) {
    const bool none = scale == 0;
    const vf s = vf_set1(none ? 1.0f : scale), z = vf_set1(zero), lo = vf_set1(none ? 0.0f : r->min - zero),
             hi = vf_set1(none ? 0.0f : r->max - zero);
    for (int64_t i = 0; i < n; i += LANES)
        VF_UNROLL
        for (int k = 0; k < VECTORS; k++) {
            const int64_t at = i + k * VF_LANES;
            const vf v = load_at(x, at, n), q = vf_max(lo, vf_min(hi, vf_round(vf_div(v, s)))), d = vf_sub(v, vf_mul(q, s));
            if (n > at)
                vf_store_low_n(codes + at, vf_add(q, z), n - at);
            xx->v[k] = vf_add(xx->v[k], vf_mul(v, v));
            dd->v[k] = vf_add(dd->v[k], vf_mul(d, d));
        }
}

VF_INLINE double flush(lanes *sum) {
    float t[LANES];
    double total = 0;
    for (int k = 0; k < VECTORS; k++) {
        vf_store(t + k * VF_LANES, sum->v[k]);
        sum->v[k] = vf_set1(0.0f);
    }
    for (int l = 0; l < LANES; l++)
        total += (double)t[l];
    return total;
}

void VF_NAME(qn_affine_rows_codes)(qn_affine_rows *r) {
    lanes xx, dd;
    for (int k = 0; k < VECTORS; k++)
        xx.v[k] = dd.v[k] = vf_set1(0.0f);
    int64_t g = 0, summed = 0;
    for (int64_t row = 0; row < r->rows; row++)
        for (int64_t at = 0; at < r->size; at += r->block, g++) {
            const int64_t n = r->size - at < r->block ? r->size - at : r->block;
            for (int64_t i = 0; i < n; i += PART) { /* parts of float32 sums */
                const int64_t m = n - i < PART ? n - i : PART, e = row * r->size + at + i;
                codes_of(r, r->x + e, m, r->scales[g], r->zeros ? r->zeros[g] : 0.0f, (uint8_t *)r->codes + e, &xx, &dd);
                summed += m;
                if (summed < PART)
                    continue;
                r->signal += flush(&xx);
                r->noise += flush(&dd);
                summed = 0;
            }
        }
    r->signal += flush(&xx);
    r->noise += flush(&dd);
}
