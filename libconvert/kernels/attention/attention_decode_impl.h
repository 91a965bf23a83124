/* Attention of few queries (attention.h) for one instruction set: keys and values are read once, where they lie. */
#include "kernels/attention/attention_pack_impl.h"

#include <math.h>

/* e^(factor x) for x <= 0 and a factor > 0 given times log2(e): 2^n 2^r with n = round(t), t = factor x, and 2^r by a
 * polynomial that is 1 at 0 (minimax in the relative error, 1.1e-7 on |r| <= 1/2). Below t = -152 the result is 0, so
 * -infinity gives 0; NaN stays. The rounding of t adds a relative error of |t| 2^-24, which is 4e-8 of the largest
 * weight at most, since the weight itself is 2^t. */
VF_INLINE vf exp_below(vf x, vf factor) {
    vf t = vf_max(vf_set1(-152.0f), vf_mul(x, factor));
    vf n = vf_round(t), r = vf_sub(t, n);
    vf p = vf_set1(0x1.5bba14p-10f);
    p = vf_fma(p, r, vf_set1(0x1.3cea88p-7f));
    p = vf_fma(p, r, vf_set1(0x1.c6b752p-5f));
    p = vf_fma(p, r, vf_set1(0x1.ebf9bcp-3f));
    p = vf_fma(p, r, vf_set1(0x1.62e42ap-1f));
    return vf_scale2(vf_fma(p, r, vf_set1(1.0f)), n);
}
static const float g_log2e = 0x1.715476p+0f;

/* Rows n0.. of a head that lie apart by `step` bytes, all of one dtype. */
typedef struct run {
    const char *data;
    qn_dtype dtype;
    int64_t step, n;
} run;

/* The rows n0.. < n1 that lie together: those of the past, or those after it. */
static run rows_from(const qn_heads *h, int64_t index, int64_t n0, int64_t n1) {
    run r;
    const bool past = n0 < h->n_past;
    r.data = qn_heads_row(h, index, n0, &r.dtype);
    r.step = (past ? h->D : h->row) * (int64_t)qn_dtype_bytes(r.dtype);
    r.n = (past && h->n_past < n1 ? h->n_past : n1) - n0;
    return r;
}

/* s[j] = q · row j */
VF_INLINE void dots(const qn_dtype dtype, const run *k, const float *q, int64_t D, float *s) {
    enum { AT_ONCE = 4 };
    for (int64_t j = 0; j < k->n; j += AT_ONCE) {
        const int64_t here = k->n - j < AT_ONCE ? k->n - j : AT_ONCE;
        const char *row[AT_ONCE];
        vf sum[AT_ONCE];
        VF_UNROLL
        for (int i = 0; i < AT_ONCE; i++) {
            row[i] = k->data + (j + (i < here ? i : 0)) * k->step;
            sum[i] = vf_set1(0.0f);
        }
        int64_t d = 0;
        for (; d + VF_LANES <= D; d += VF_LANES)
            VF_UNROLL
        for (int i = 0; i < AT_ONCE; i++)
            sum[i] = vf_fma(vf_load(q + d), vf_read_n(dtype, row[i], d, VF_LANES), sum[i]);
        if (d < D)
            VF_UNROLL
        for (int i = 0; i < AT_ONCE; i++)
            sum[i] = vf_fma(vf_load(q + d), vf_read_n(dtype, row[i], d, D - d), sum[i]);
        for (int i = 0; i < here; i++)
            s[j + i] = vf_sum(sum[i]);
    }
}

/* o[d] += sum over j: p[j] row j[d], for the n <= NC vectors' elements from d on */
VF_INLINE void mix(const qn_dtype dtype, const int nc, const run *v, const float *p, int64_t d, int64_t n, float *o) {
    vf sum[8];
    VF_UNROLL
    for (int c = 0; c < nc; c++)
        sum[c] = vf_load_n(o + d + c * VF_LANES, n - c * VF_LANES);
    for (int64_t j = 0; j < v->n; j++) {
        const char *row = v->data + j * v->step;
        VF_UNROLL
        for (int c = 0; c < nc; c++)
            sum[c] = vf_fma(vf_set1(p[j]), vf_read_n(dtype, row, d + c * VF_LANES, n - c * VF_LANES), sum[c]);
    }
    VF_UNROLL
    for (int c = 0; c < nc; c++)
        vf_store_n(o + d + c * VF_LANES, sum[c], n - c * VF_LANES);
}

VF_INLINE void mix_all(const qn_dtype dtype, const run *v, const float *p, int64_t D, float *o) {
    int64_t d = 0;
    for (; d + 8 * VF_LANES <= D; d += 8 * VF_LANES)
        mix(dtype, 8, v, p, d, 8 * VF_LANES, o);
    for (; d + 4 * VF_LANES <= D; d += 4 * VF_LANES)
        mix(dtype, 4, v, p, d, 4 * VF_LANES, o);
    for (; d + VF_LANES <= D; d += VF_LANES)
        mix(dtype, 1, v, p, d, VF_LANES, o);
    if (d < D)
        mix(dtype, 1, v, p, d, D - d, o);
}

/* Keys j0..j0+n of one query to its state: m, l, o[E]. s has room for whole vectors of n. */
static void chunk_row(const qn_attention *a, int64_t kv, const float *q, const char *mask, int64_t j0, int64_t n,
                      float *s, float *state) {
    for (int64_t j = 0; j < n;) {
        const run k = rows_from(&a->k, kv, j0 + j, j0 + n);
        switch (k.dtype) {
        case QN_F16: dots(QN_F16, &k, q, a->k.D, s + j); break;
        case QN_BF16: dots(QN_BF16, &k, q, a->k.D, s + j); break;
        default: dots(QN_F32, &k, q, a->k.D, s + j); break;
        }
        j += k.n;
    }
    vf max = vf_set1(-INFINITY);
    for (int64_t j = 0; j < n; j += VF_LANES) {
        const int64_t here = n - j;
        vf x = vf_mul(vf_load_n(s + j, here), vf_set1(a->scale));
        if (mask)
            x = vf_add(x, a->mask.key ? vf_read_n(a->mask.dtype, mask, j0 + j, here)
                                      : vf_set1(qn_read_float(a->mask.dtype, mask, 0)));
        vf_store(s + j, x);
        for (int64_t i = here; i < VF_LANES; i++)
            s[j + i] = -INFINITY;
        max = vf_max(max, vf_load(s + j));
    }
    const float m = vf_top(max);
    const vf shift = vf_set1(m < -3.4028234e38f ? 0.0f : m);
    vf sum = vf_set1(0.0f);
    for (int64_t j = 0; j < n; j += VF_LANES) {
        vf p = exp_below(vf_sub(vf_load(s + j), shift), vf_set1(g_log2e));
        sum = vf_add(sum, p);
        vf_store(s + j, p);
    }
    state[0] = m;
    state[1] = vf_sum(sum);
    for (int64_t j = 0; j < n;) {
        const run v = rows_from(&a->v, kv, j0 + j, j0 + n);
        switch (v.dtype) {
        case QN_F16: mix_all(QN_F16, &v, s + j, a->v.D, state + 2); break;
        case QN_BF16: mix_all(QN_BF16, &v, s + j, a->v.D, state + 2); break;
        default: mix_all(QN_F32, &v, s + j, a->v.D, state + 2); break;
        }
        j += v.n;
    }
}

static void chunks(void *arg, int64_t begin, int64_t end, int worker) {
    const qn_attention *a = arg;
    float *q = (float *)(void *)(a->local + (size_t)worker * a->local_bytes);
    float *s = q + qn_attention_round_up(a->q.D, PW);
    const int64_t rows = a->group * a->q.N, size = 2 + a->v.D;
    for (int64_t item = begin; item < end; item++) {
        const int64_t kv = item / a->n_chunks, b = kv / a->k.H, j0 = item % a->n_chunks * QN_ATTENTION_CHUNK;
        for (int64_t r = 0; r < rows; r++) {
            const int64_t h = kv % a->k.H * a->group + r / a->q.N, i = r % a->q.N;
            int64_t n = (a->causal ? i + a->k.N - a->q.N + 1 : a->k.N) - j0;
            n = n < 0 ? 0 : n < QN_ATTENTION_CHUNK ? n : QN_ATTENTION_CHUNK;
            n = n < a->k.N - j0 ? n : a->k.N - j0;
            float *state = a->state + (item * rows + r) * size;
            memset(state, 0, (size_t)size * sizeof *state);
            qn_dtype dtype;
            const void *row = qn_heads_row(&a->q, b * a->q.H + h, i, &dtype);
            for (int64_t d = 0; d < a->q.D; d += VF_LANES)
                vf_store(q + d, vf_read_n(dtype, row, d, a->q.D - d));
            const int64_t at = b * a->mask.batch + h * a->mask.head + i * a->mask.query;
            const char *mask =
                a->mask.data ? (const char *)a->mask.data + at * (int64_t)qn_dtype_bytes(a->mask.dtype) : NULL;
            chunk_row(a, kv, q, mask, j0, n, s, state);
        }
    }
}

/* y[row] = the chunks' o, each times e^(its m - the largest), by the sum of their l so weighed. */
static void merge(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_attention *a = arg;
    const int64_t rows = a->group * a->q.N, size = 2 + a->v.D, E = a->v.D;
    for (int64_t item = begin; item < end; item++) {
        const int64_t kv = item / rows, r = item % rows;
        float *first = a->state + (kv * a->n_chunks * rows + r) * size;
        float m = -INFINITY;
        for (int64_t c = 0; c < a->n_chunks; c++)
            m = first[c * rows * size] > m ? first[c * rows * size] : m;
        const float shift = m < -3.4028234e38f ? 0.0f : m;
        vf l = vf_set1(0.0f);
        for (int64_t c = 0; c < a->n_chunks; c++) {
            float *state = first + c * rows * size;
            vf w = exp_below(vf_set1(state[0] - shift), vf_set1(g_log2e));
            l = vf_fma(vf_set1(state[1]), w, l);
            for (int64_t d = 0; d < E; d += VF_LANES) {
                vf o = vf_mul(vf_load_n(state + 2 + d, E - d), w);
                if (c > 0)
                    o = vf_add(vf_load_n(first + 2 + d, E - d), o);
                vf_store_n(first + 2 + d, o, E - d);
            }
        }
        const int64_t h = kv % a->k.H * a->group + r / a->q.N, i = r % a->q.N;
        const int64_t at = ((kv / a->k.H * a->q.N + i) * a->q.H + h) * E;
        for (int64_t d = 0; d < E; d += VF_LANES)
            vf_write_n(a->dtype, a->y, at + d, vf_div(vf_load_n(first + 2 + d, E - d), l), E - d);
    }
}
