/* A piece of attention (attention.h says which) for one instruction set. */
#include "kernels/attention/attention.h"
#include "kernels/simd/math.h"

#include <math.h>

enum { NV = 2, NR = NV * VF_LANES };

/* A query tile's state, each row NR lanes. */
typedef struct tile {
    float *q;    /* [D] */
    float *s;    /* [block] */
    float *mask; /* [block] */
    float *o;    /* [Dv] */
    float *out;  /* one row of y: [Dv] */
    vf max[NV], sum[NV];
} tile;

static tile place(const qn_attention *a, const qn_gemm_isa *isa, int worker) {
    float *p = (float *)(void *)(a->local + (size_t)worker * a->local_bytes);
    const int64_t block = (int64_t)isa->mr * QN_ATTENTION_PANELS * NR;
    tile t = {.q = p};
    t.s = t.q + a->q.D * NR;
    t.mask = t.s + block;
    t.o = t.mask + block;
    t.out = t.o + a->v.D * NR;
    return t;
}

/* Keys after their query, by row of s: lane i of key j0 + r is out when j0 + r > q0 + i + shift. */
static void hide_later_keys(tile *t, int64_t n, int64_t distance) {
    float lane[NR];
    for (int i = 0; i < NR; i++)
        lane[i] = (float)i;
    for (int64_t r = 0; r < n; r++) {
        int64_t least = distance + r; /* lanes below it are out */
        if (least <= 0)
            continue;
        vf bound = vf_set1((float)(least < NR ? least : NR)), out = vf_set1(-INFINITY);
        for (int v = 0; v < NV; v++) {
            float *s = t->s + r * NR + v * VF_LANES;
            vf_store(s, vf_select_lt(vf_load(lane + v * VF_LANES), bound, out, vf_load(s)));
        }
    }
}

/* s becomes exp(s - max'), and sum, o follow the new maximum. While every score of a query is -infinity its maximum
 * counts as 0: its probabilities are 0, and 0 / 0 makes the row NaN if that stays so, as softmax has it. */
static void exponentials(const qn_attention *a, tile *t, int64_t n) {
    vf shift[NV], keep[NV], sum[NV]; /* sum: of this block alone, so that errors do not pile up */
    for (int v = 0; v < NV; v++) {
        vf max = t->max[v];
        for (int64_t r = 0; r < n; r++)
            max = vf_max(max, vf_load(t->s + r * NR + v * VF_LANES));
        shift[v] = vf_select_lt(max, vf_set1(-3.4028234e38f), vf_set1(0.0f), max);
        keep[v] = vf_exp(vf_sub(t->max[v], shift[v]));
        t->max[v] = max;
        sum[v] = vf_set1(0.0f);
    }
    for (int64_t r = 0; r < n; r++)
        for (int v = 0; v < NV; v++) {
            float *s = t->s + r * NR + v * VF_LANES;
            vf p = vf_exp(vf_sub(vf_load(s), shift[v]));
            sum[v] = vf_add(sum[v], p);
            vf_store(s, p);
        }
    for (int v = 0; v < NV; v++)
        t->sum[v] = vf_fma(t->sum[v], keep[v], sum[v]);
    for (int64_t d = 0; d < a->v.D; d++)
        for (int v = 0; v < NV; v++) {
            float *o = t->o + d * NR + v * VF_LANES;
            vf_store(o, vf_mul(vf_load(o), keep[v]));
        }
}

static void write_rows(const qn_attention *a, const tile *t, int64_t at, int64_t n) {
    float sum[NR];
    for (int v = 0; v < NV; v++)
        vf_store(sum + v * VF_LANES, t->sum[v]);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t d = 0; d < a->v.D; d++)
            t->out[d] = t->o[d * NR + i];
        vf l = vf_set1(sum[i]);
        for (int64_t d = 0; d < a->v.D; d += VF_LANES)
            vf_write_n(a->dtype, a->y, at + i * a->q.H * a->v.D + d,
                       vf_div(vf_read_n(QN_F32, t->out, d, a->v.D - d), l), a->v.D - d);
    }
}

void VF_NAME(qn_attention)(void *arg, int64_t begin, int64_t end, int worker) {
    const qn_attention *a = arg;
    const qn_gemm_isa *isa = &VF_NAME(qn_gemm_isa);
    const int mr = isa->mr;
    const int64_t group = a->q.H / a->k.H, tiles = (a->q.N + NR - 1) / NR, block = (int64_t)mr * QN_ATTENTION_PANELS;
    tile t = place(a, isa, worker);
    for (int64_t item = begin; item < end; item++) {
        int64_t q0 = item % tiles * NR, head = item / tiles; /* of the chunk's query heads */
        int64_t kv = a->first + head / group, b = kv / a->k.H, h = kv % a->k.H * group + head % group;
        int64_t n = a->q.N - q0 < NR ? a->q.N - q0 : NR;
        const int vectors = n <= VF_LANES ? 1 : NV;
        const float *keys = a->packed + head / group * a->head_floats, *values = keys + a->v_floats;

        qn_operand q = {.data = qn_elem(a->q.data, a->q.dtype, b * a->q.batch + h * a->q.head),
                        .dtype = a->q.dtype,
                        .x_stride = a->q.row,
                        .k_stride = 1,
                        .scale_run = 1};
        isa->pack(&q, q0, n, 0, a->q.D, NR, t.q);
        for (int64_t i = 0; i < a->q.D * NR; i += VF_LANES)
            vf_store(t.q + i, vf_mul(vf_load(t.q + i), vf_set1(a->scale)));
        memset(t.o, 0, (size_t)(a->v.D * NR) * sizeof *t.o);
        for (int v = 0; v < NV; v++) {
            t.max[v] = vf_set1(-INFINITY);
            t.sum[v] = vf_set1(0.0f);
        }
        qn_operand mask = a->mask;
        mask.data = qn_elem(mask.data, mask.dtype, b * a->mask_batch + h * a->mask_head);

        const int64_t later = a->k.N - a->q.N; /* causal: query i sees keys up to i + later */
        int64_t n_keys = a->causal && q0 + n + later < a->k.N ? q0 + n + later : a->k.N;
        for (int64_t j0 = 0; j0 < n_keys; j0 += block) {
            int64_t kn = a->k.N - j0 < block ? a->k.N - j0 : block;
            memset(t.s, 0, vectors < NV ? (size_t)(kn * NR) * sizeof *t.s : 0); /* lanes that nobody computes */
            for (int64_t j = 0; j < kn; j += mr)
                isa->micro[kn - j < mr ? kn - j : mr][vectors](a->q.D, keys + (j0 + j) * a->q.D, mr, t.q, t.s + j * NR,
                                                               false);
            if (mask.data) {
                isa->pack(&mask, q0, n, j0, kn, NR, t.mask);
                for (int64_t i = 0; i < kn * NR; i += VF_LANES)
                    vf_store(t.s + i, vf_add(vf_load(t.s + i), vf_load(t.mask + i)));
            }
            if (a->causal)
                hide_later_keys(&t, kn, j0 - q0 - later);
            exponentials(a, &t, kn);
            for (int64_t d = 0; d < a->v.D; d += mr)
                isa->micro[a->v.D - d < mr ? a->v.D - d : mr][vectors](kn, values + d * a->k.N + j0 * mr, mr, t.s,
                                                                       t.o + d * NR, true);
        }
        write_rows(a, &t, (b * a->q.N + q0) * a->q.H * a->v.D + h * a->v.D, n);
    }
}
