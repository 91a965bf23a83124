/* Sums are made in two levels, BLOCK vectors and then their sums, so that their error grows with BLOCK and with size /
 * BLOCK instead of with size. */
#include "kernels/norm/norm.h"
#include "kernels/simd/math.h"

#include <math.h>

enum { BLOCK = 64 };

/* ---- LayerNormalization and RMSNormalization ------------------------------------------------------------ */

/* Sum of (x - mean)^power over a row, power 1 or 2; lanes beyond the end count nothing. */
VF_INLINE float row_sum(const int power, const qn_dtype dtype, const void *x, int64_t at, int64_t size, float mean) {
    vf total = vf_set1(0.0f), m = vf_set1(mean);
    const int64_t whole = size - size % VF_LANES;
    for (int64_t b = 0; b < whole; b += BLOCK * VF_LANES) {
        vf sum = vf_set1(0.0f);
        int64_t end = whole - b < BLOCK * VF_LANES ? whole : b + BLOCK * VF_LANES;
        for (int64_t i = b; i < end; i += VF_LANES) {
            vf d = vf_sub(vf_read_n(dtype, x, at + i, VF_LANES), m);
            sum = power == 2 ? vf_fma(d, d, sum) : vf_add(sum, d);
        }
        total = vf_add(total, sum);
    }
    float rest = 0;
    for (int64_t i = whole; i < size; i++) {
        float d = qn_read_float(dtype, x, at + i) - mean;
        rest += power == 2 ? d * d : d;
    }
    return vf_sum(total) + rest;
}

VF_INLINE void normalize(const qn_norm *n, const bool centred, const qn_dtype dx, const qn_dtype dy, int64_t row) {
    const int64_t at = row * n->size, size = n->size;
    float mean = centred ? row_sum(1, dx, n->x.data, at, size, 0) / (float)size : 0.0f;
    float inv = 1.0f / sqrtf(row_sum(2, dx, n->x.data, at, size, mean) / (float)size + n->epsilon);
    vf m = vf_set1(mean), s = vf_set1(inv);
    for (int64_t i = 0; i < size; i += VF_LANES) {
        int64_t left = size - i;
        vf v = vf_mul(vf_sub(vf_read_n(dx, n->x.data, at + i, left), m), s);
        v = vf_mul(v, vf_read_n(n->scale.dtype, n->scale.data, i, left));
        if (n->shift.data)
            v = vf_add(v, vf_read_n(n->shift.dtype, n->shift.data, i, left));
        vf_write_n(dy, n->y.data, at + i, v, left);
    }
}

/* ---- Softmax and LogSoftmax over the last axis -------------------------------------------------------------- */

/* x with -infinity in the lanes that are not there. */
VF_INLINE vf read_or_low(const qn_dtype dtype, const void *x, int64_t at, int64_t left) {
    vf v = vf_read_n(dtype, x, at, left);
    if (left >= VF_LANES)
        return v;
    float low[VF_LANES];
    vf_store(low, v);
    for (int64_t i = left; i < VF_LANES; i++)
        low[i] = -INFINITY;
    return vf_load(low);
}

VF_INLINE void softmax_row(const qn_norm *n, const bool logarithm, const qn_dtype dx, const qn_dtype dy, int64_t row) {
    const int64_t at = row * n->size, size = n->size;
    vf top = vf_set1(-INFINITY);
    for (int64_t i = 0; i < size; i += VF_LANES)
        top = vf_max(top, read_or_low(dx, n->x.data, at + i, size - i));
    float max = vf_top(top);
    vf shift = vf_set1(max), sums = vf_set1(0.0f);
    for (int64_t b = 0; b < size; b += BLOCK * VF_LANES) {
        vf sum = vf_set1(0.0f);
        for (int64_t i = b; i < size && i < b + BLOCK * VF_LANES; i += VF_LANES)
            sum = vf_add(sum, vf_exp(vf_sub(read_or_low(dx, n->x.data, at + i, size - i), shift)));
        sums = vf_add(sums, sum);
    }
    float total = vf_sum(sums);
    vf by = logarithm ? vf_set1(logf(total)) : vf_set1(1.0f / total);
    for (int64_t i = 0; i < size; i += VF_LANES) {
        vf v = vf_sub(vf_read_n(dx, n->x.data, at + i, size - i), shift);
        vf_write_n(dy, n->y.data, at + i, logarithm ? vf_sub(v, by) : vf_mul(vf_exp(v), by), size - i);
    }
}

/* ---- and over another: a row a lane --------------------------------------------------------------------------- */

VF_INLINE void softmax_lanes(const qn_norm *n, const bool logarithm, int64_t group) {
    const int64_t groups = (n->inner + VF_LANES - 1) / VF_LANES, column = group % groups * VF_LANES;
    const int64_t at = group / groups * n->size * n->inner + column, left = n->inner - column;
    const qn_dtype dx = n->x.dtype;
    vf max = vf_set1(-INFINITY), sum = vf_set1(0.0f);
    for (int64_t i = 0; i < n->size; i++)
        max = vf_max(max, vf_read_n(dx, n->x.data, at + i * n->inner, left));
    for (int64_t b = 0; b < n->size; b += BLOCK) {
        vf part = vf_set1(0.0f);
        for (int64_t i = b; i < n->size && i < b + BLOCK; i++)
            part = vf_add(part, vf_exp(vf_sub(vf_read_n(dx, n->x.data, at + i * n->inner, left), max)));
        sum = vf_add(sum, part);
    }
    vf by = vf_div(vf_set1(1.0f), sum);
    if (logarithm) {
        float log_sum[VF_LANES];
        vf_store(log_sum, sum);
        for (int i = 0; i < VF_LANES; i++)
            log_sum[i] = logf(log_sum[i]);
        by = vf_load(log_sum);
    }
    for (int64_t i = 0; i < n->size; i++) {
        vf v = vf_sub(vf_read_n(dx, n->x.data, at + i * n->inner, left), max);
        vf_write_n(n->y.dtype, n->y.data, at + i * n->inner, logarithm ? vf_sub(v, by) : vf_mul(vf_exp(v), by), left);
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */

void VF_NAME(qn_norm_rows)(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_norm *n = arg;
    const bool plain = n->x.dtype == QN_F32 && n->y.dtype == QN_F32;
    for (int64_t r = begin; r < end; r++)
        switch (n->op) {
        case QN_OP_LayerNormalization:
            plain ? normalize(n, true, QN_F32, QN_F32, r) : normalize(n, true, n->x.dtype, n->y.dtype, r);
            break;
        case QN_OP_RMSNormalization:
            plain ? normalize(n, false, QN_F32, QN_F32, r) : normalize(n, false, n->x.dtype, n->y.dtype, r);
            break;
        case QN_OP_Softmax:
            if (n->inner > 1)
                softmax_lanes(n, false, r);
            else
                plain ? softmax_row(n, false, QN_F32, QN_F32, r) : softmax_row(n, false, n->x.dtype, n->y.dtype, r);
            break;
        default:
            if (n->inner > 1)
                softmax_lanes(n, true, r);
            else
                plain ? softmax_row(n, true, QN_F32, QN_F32, r) : softmax_row(n, true, n->x.dtype, n->y.dtype, r);
            break;
        }
}

VF_INLINE void normalize_plane(const qn_norm_channels *n, const qn_dtype dx, const qn_dtype dy, int64_t plane) {
    const int64_t c = plane % n->channels, at = plane * n->size;
    float mean, factor = n->factor[c];
    if (n->mean) {
        mean = n->mean[c];
    } else {
        mean = row_sum(1, dx, n->x.data, at, n->size, 0) / (float)n->size;
        factor /= sqrtf(row_sum(2, dx, n->x.data, at, n->size, mean) / (float)n->size + n->epsilon);
    }
    const vf m = vf_set1(mean), k = vf_set1(factor), b = vf_set1(n->shift[c]);
    for (int64_t i = 0; i < n->size; i += VF_LANES) {
        const int64_t left = n->size - i;
        vf_write_n(dy, n->y.data, at + i, vf_fma(vf_sub(vf_read_n(dx, n->x.data, at + i, left), m), k, b), left);
    }
}

void VF_NAME(qn_norm_planes)(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_norm_channels *n = arg;
    for (int64_t p = begin; p < end; p++)
        if (n->x.dtype == QN_F32 && n->y.dtype == QN_F32)
            normalize_plane(n, QN_F32, QN_F32, p);
        else
            normalize_plane(n, n->x.dtype, n->y.dtype, p);
}
