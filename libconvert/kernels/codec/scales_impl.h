/* Scales and zero points of many groups at once, and numbers times them. */
#ifndef QN_KERNELS_CODEC_SCALES_IMPL_H
#define QN_KERNELS_CODEC_SCALES_IMPL_H

#include "ir/groups.h"
#include "kernels/codec/unpack_impl.h"

/** to[0..n) = scales of groups [first, first + n). */
VF_INLINE void load_scales(const qn_const *c, int64_t first, int64_t n, float *to) {
    const qn_bytes *scales = &c->part[QN_PART_SCALES], *supers = &c->part[QN_PART_SUPER_SCALES];
    const qn_code_type *type = qn_code_type_of(c->scale_dtype);
    if (!type) {
        for (int64_t i = 0; i < n; i += VF_LANES)
            vf_write_n(QN_F32, to, i, vf_read_n(c->scale_dtype, scales->data, first + i, n - i), n - i);
        return;
    }
    unpack_numbers(type, scales->data, (int64_t)scales->n, first, n, to);
    for (int64_t i = 0; i < n && type->is_integer;) {
        const int64_t number = c->super_block ? (first + i) / c->super_block : 0,
                      end = c->super_block ? (number + 1) * c->super_block - first : n, stop = end < n ? end : n;
        float super;
        vf_store_n(&super, vf_read_n(c->super_dtype, supers->data, number, 1), 1);
        for (; i < stop; i++)
            to[i] *= super;
    }
}

/* Those of groups [first, first + n), as they were loaded last. */
enum { SCALES = 64 };
typedef struct scaler {
    const qn_const *c;
    const qn_code_type *code; /* with zero points; else NULL */
    int64_t first, n;
    float scales[SCALES], zeros[SCALES];
} scaler;

/* Afterwards groups [group, group + some) are there, 1 <= some <= SCALES, or, when more are of use, `wanted`. */
VF_INLINE void scaler_load(scaler *s, int64_t group, int64_t some, int64_t wanted) {
    if (group >= s->first && group + some <= s->first + s->n)
        return;
    s->first = group;
    s->n = wanted < some ? some : wanted > SCALES ? SCALES : wanted;
    load_scales(s->c, group, s->n, s->scales);
    if (s->code) {
        const qn_bytes *zeros = &s->c->part[QN_PART_ZERO_POINTS];
        unpack_numbers(s->code, zeros->data, (int64_t)zeros->n, group, s->n, s->zeros);
    }
}

/* x[0..n) of one group. */
VF_INLINE void scale_same(const scaler *s, int64_t group, int64_t n, float *x) {
    const vf scale = vf_set1(s->scales[group - s->first]);
    if (s->code) {
        const vf zero = vf_set1(s->zeros[group - s->first]);
        for (int64_t i = 0; i < n; i += VF_LANES)
            vf_write_n(QN_F32, x, i, vf_mul(vf_sub(vf_read_n(QN_F32, x, i, n - i), zero), scale), n - i);
        return;
    }
    for (int64_t i = 0; i < n; i += VF_LANES)
        vf_write_n(QN_F32, x, i, vf_mul(vf_read_n(QN_F32, x, i, n - i), scale), n - i);
}

/* x[0..n) of groups that follow each other. */
VF_INLINE void scale_each(scaler *s, int64_t group, int64_t n, float *x) {
    for (int64_t at = 0; at < n; at += SCALES) {
        const int64_t m = n - at < SCALES ? n - at : SCALES;
        scaler_load(s, group + at, m, m);
        const float *scales = s->scales + (group + at - s->first), *zeros = s->zeros + (group + at - s->first);
        for (int64_t i = 0; i < m; i += VF_LANES) {
            vf v = vf_read_n(QN_F32, x, at + i, m - i);
            if (s->code)
                v = vf_sub(v, vf_load_n(zeros + i, m - i));
            vf_write_n(QN_F32, x, at + i, vf_mul(v, vf_load_n(scales + i, m - i)), m - i);
        }
    }
}

/** x[0..n), numbers of elements [first, first + n), less their zero points, times their scales. */
VF_INLINE void scale_elements(scaler *s, const qn_groups *g, int64_t first, int64_t n, float *x) {
    /* blocks of elements that lie together: from one to the next in a row the group goes up by one */
    const bool rows = g->block2 > 0 ? g->inner2 == 1 : g->block > 0 && g->inner == 1;
    const int64_t size = g->block2 > 0 ? g->size2 : g->size, block = g->block2 > 0 ? g->block2 : g->block;
    while (n > 0) {
        const qn_run run = qn_run_at(g, first, n);
        if (run.step) {
            scale_each(s, run.group, run.n, x);
        } else if (!rows) {
            scaler_load(s, run.group, 1, 1);
            scale_same(s, run.group, run.n, x);
        } else {
            int64_t along = first % size, group = run.group;
            const int64_t end = size - along < n ? size : along + n, start = along, groups = (end - 1) / block - along / block;
            for (const int64_t last = group + groups; along < end; group++) {
                const int64_t stop = along - along % block + block, m = (stop < end ? stop : end) - along;
                scaler_load(s, group, 1, last - group + 1);
                scale_same(s, group, m, x + (along - start));
                along += m;
            }
            first += end - start;
            x += end - start;
            n -= end - start;
            continue;
        }
        first += run.n;
        x += run.n;
        n -= run.n;
    }
}

#endif
