/* Tiles of attention (attention.h) for one instruction set. */
#include "kernels/attention/attention_decode_impl.h"

/* A tile of queries; each row of q, s, mask and o is NR lanes. */
typedef struct tile {
    int64_t b, h, q0, n; /* queries q0..q0+n of head h of batch b */
    int64_t n_keys;      /* that they see */
    float *q;            /* [units of D] */
    float *o;            /* [E, whole panels] */
    vf max[NV], sum[NV];
} tile;

/* What the tiles of a worker have in common. */
typedef struct work {
    float *s;     /* [QN_ATTENTION_BLOCK]: scores, then weights as units */
    float *mask;  /* [QN_ATTENTION_BLOCK], or a number a key */
    bool scaled;  /* s is scale q k + mask, else q k alone */
    float factor; /* of the differences of s, to powers of two */
    bool mask_by_key;
    tile tiles[QN_ATTENTION_STRIP];
} work;

static const float g_lanes[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47};
_Static_assert(NR <= sizeof g_lanes / sizeof g_lanes[0], "a number for each lane");

/* sum[r][v] += over units: a[unit][r] b[unit][v]; rows of a are PW apart, of b NR. */
VF_INLINE void product(const int nv, int64_t units, const float *a, const float *b, vf sum[MR][NV]) {
    for (int64_t u = 0; u < units; u++, a += PW, b += NR) {
        vf x[NV];
        VF_UNROLL
        for (int v = 0; v < nv; v++)
            x[v] = vf_load(b + v * VF_LANES);
        VF_UNROLL
        for (int r = 0; r < MR; r++) {
            vf y = vf_set1(a[r]);
            VF_UNROLL
            for (int v = 0; v < nv; v++)
                sum[r][v] = unit_dot(y, x[v], sum[r][v]);
        }
    }
}

/* Scores of n keys to w->s, and t->max. `distance`: key r of the block is hidden from lane i when r + distance > i. */
VF_INLINE void scores(const int nv, const qn_attention *a, const work *w, tile *t, const float *keys, int64_t n,
                      int64_t distance) {
    const int64_t units = qn_attention_units(a->k.D, PAIR);
    const bool by_element = a->mask.data && !w->mask_by_key, by_key = a->mask.data && w->mask_by_key;
    const vf scale = vf_set1(a->scale);
    for (int64_t j = 0; j < n; j += MR) {
        vf c[MR][NV];
        VF_UNROLL
        for (int r = 0; r < MR; r++)
            VF_UNROLL
        for (int v = 0; v < nv; v++)
            c[r][v] = vf_set1(0.0f);
        product(nv, units, keys + j / PW * PW * units + j % PW, t->q, c);
        float *s = w->s + j * NR;
        if (by_key) {
            VF_UNROLL
            for (int r = 0; r < MR; r++) {
                vf mask = vf_set1(w->mask[j + r]);
                VF_UNROLL
                for (int v = 0; v < nv; v++)
                    c[r][v] = vf_fma(c[r][v], scale, mask);
            }
        } else if (by_element) {
            VF_UNROLL
            for (int r = 0; r < MR; r++)
                VF_UNROLL
            for (int v = 0; v < nv; v++)
                c[r][v] = vf_fma(c[r][v], scale, vf_load(w->mask + (j + r) * NR + v * VF_LANES));
        } else if (w->scaled) {
            VF_UNROLL
            for (int r = 0; r < MR; r++)
                VF_UNROLL
            for (int v = 0; v < nv; v++)
                c[r][v] = vf_mul(c[r][v], scale);
        }
        if (a->causal && distance + j + MR > 1) {
            VF_UNROLL
            for (int r = 0; r < MR; r++) {
                const int64_t least = distance + j + r; /* lanes below it are out */
                vf bound = vf_set1((float)(least > NR ? NR : least));
                VF_UNROLL
                for (int v = 0; v < nv; v++)
                    c[r][v] = vf_select_lt(vf_load(g_lanes + v * VF_LANES), bound, vf_set1(-INFINITY), c[r][v]);
            }
        }
        VF_UNROLL
        for (int r = 0; r < MR; r++) {
            VF_UNROLL
            for (int v = 0; v < nv; v++)
                vf_store(s + r * NR + v * VF_LANES, c[r][v]);
            if (r < n - j)
                VF_UNROLL
            for (int v = 0; v < nv; v++)
                t->max[v] = vf_max(t->max[v], c[r][v]);
        }
    }
}

/* n rows of scores become weights, t->sum follows; keep[v] is what all earlier weights are to be multiplied by. While
 * every score of a query is -infinity its maximum counts as 0: its weights are 0, and 0 / 0 makes the row NaN if that
 * stays so, as softmax has it. */
VF_INLINE void weights(const int nv, const work *w, tile *t, const vf before[NV], int64_t n, vf keep[NV]) {
    const vf factor = vf_set1(w->factor);
    vf shift[NV], sum[NV]; /* sum: of this block alone, so that errors do not pile up */
    VF_UNROLL
    for (int v = 0; v < nv; v++) {
        shift[v] = vf_select_lt(t->max[v], vf_set1(-3.4028234e38f), vf_set1(0.0f), t->max[v]);
        keep[v] = exp_below(vf_sub(before[v], shift[v]), factor);
        sum[v] = vf_set1(0.0f);
    }
#if defined(__AVX512BF16__)
    for (int64_t r = 0; r < n; r += 2) {
        const float *s = w->s + r * NR;
        VF_UNROLL
        for (int v = 0; v < nv; v++) {
            vf p = exp_below(vf_sub(vf_load(s + v * VF_LANES), shift[v]), factor);
            vf p1 = exp_below(vf_sub(vf_load(s + NR + v * VF_LANES), shift[v]), factor);
            if (r + 1 == n)
                p1 = vf_set1(0.0f);
            sum[v] = vf_add(sum[v], vf_add(p, p1));
            vf_store(w->s + r / 2 * NR + v * VF_LANES, unit_pair(p, p1));
        }
    }
#else
    for (int64_t r = 0; r < n; r++) {
        float *s = w->s + r * NR;
        VF_UNROLL
        for (int v = 0; v < nv; v++) {
            vf p = exp_below(vf_sub(vf_load(s + v * VF_LANES), shift[v]), factor);
            sum[v] = vf_add(sum[v], p);
            vf_store(s + v * VF_LANES, p);
        }
    }
#endif
    VF_UNROLL
    for (int v = 0; v < nv; v++)
        t->sum[v] = vf_fma(t->sum[v], keep[v], sum[v]);
}

/* o = o keep + the block's values times its weights; o counts as 0 in the first block. */
VF_INLINE void outputs(const int nv, const qn_attention *a, const work *w, tile *t, const float *values, int64_t n,
                       bool first, const vf keep[NV]) {
    const int64_t units = qn_attention_units(a->v.N, PAIR);
    for (int64_t d = 0; d < a->v.D; d += MR) {
        float *o = t->o + d * NR;
        vf c[MR][NV];
        VF_UNROLL
        for (int r = 0; r < MR; r++)
            VF_UNROLL
        for (int v = 0; v < nv; v++)
            c[r][v] = first ? vf_set1(0.0f) : vf_mul(vf_load(o + r * NR + v * VF_LANES), keep[v]);
        product(nv, qn_attention_units(n, PAIR), values + d / PW * units * PW + d % PW, w->s, c);
        VF_UNROLL
        for (int r = 0; r < MR; r++)
            VF_UNROLL
        for (int v = 0; v < nv; v++)
            vf_store(o + r * NR + v * VF_LANES, c[r][v]);
    }
}

/* The mask of queries q0..q0+n and keys j0..j0+kn. */
static void read_mask(const qn_attention_mask *m, const void *base, const work *w, int64_t q0, int64_t n, int64_t j0,
                      int64_t kn) {
    if (w->mask_by_key) {
        for (int64_t j = 0; j < kn; j += VF_LANES)
            vf_store(w->mask + j,
                     m->key ? vf_read_n(m->dtype, base, j0 + j, kn - j) : vf_set1(qn_read_float(m->dtype, base, 0)));
        return;
    }
    for (int64_t j = 0; j < kn; j += VF_LANES)
        for (int64_t i0 = 0; i0 < n; i0 += VF_LANES) {
            vf r[VF_LANES];
            VF_UNROLL
            for (int i = 0; i < VF_LANES; i++) {
                const int64_t at = (q0 + i0 + i) * m->query + (m->key ? j0 + j : 0);
                r[i] = i0 + i >= n ? vf_set1(0.0f)
                       : m->key    ? vf_read_n(m->dtype, base, at, kn - j)
                                   : vf_set1(qn_read_float(m->dtype, base, at));
            }
            vf_transpose(r);
            VF_UNROLL
            for (int i = 0; i < VF_LANES; i++)
                vf_store(w->mask + (j + i) * NR + i0, r[i]);
        }
}

/* The tile's rows of y. */
static void write_rows(const qn_attention *a, const tile *t) {
    const int64_t step = a->q.H * a->v.D, at = (t->b * a->q.N + t->q0) * step + t->h * a->v.D;
    for (int v = 0; v * VF_LANES < t->n; v++) {
        const vf inverse = vf_div(vf_set1(1.0f), t->sum[v]);
        const int64_t here = t->n - v * VF_LANES < VF_LANES ? t->n - v * VF_LANES : VF_LANES;
        for (int64_t d = 0; d < a->v.D; d += VF_LANES) {
            vf r[VF_LANES];
            VF_UNROLL
            for (int i = 0; i < VF_LANES; i++)
                r[i] = vf_mul(vf_load(t->o + (d + i) * NR + v * VF_LANES), inverse);
            vf_transpose(r);
            for (int64_t i = 0; i < here; i++)
                vf_write_n(a->dtype, a->y, at + (v * VF_LANES + i) * step + d, r[i], a->v.D - d);
        }
    }
}

/* Tile `index` of the group * n_tiles of key head kv, its queries read. */
static void begin_tile(const qn_attention *a, tile *t, int64_t kv, int64_t index, int64_t n_tiles) {
    const int64_t later = a->k.N - a->q.N; /* causal: query i sees keys up to i + later */
    t->b = kv / a->k.H;
    t->h = kv % a->k.H * a->group + index / n_tiles;
    t->q0 = index % n_tiles * NR;
    t->n = a->q.N - t->q0 < NR ? a->q.N - t->q0 : NR;
    t->n_keys = a->causal && t->q0 + t->n + later < a->k.N ? t->q0 + t->n + later : a->k.N;
    for (int v = 0; v < NV; v++) {
        t->max[v] = vf_set1(-INFINITY);
        t->sum[v] = vf_set1(0.0f);
    }
    pack_rows(&a->q, t->b * a->q.H + t->h, t->q0, t->n, NR, t->q);
    if (t->n_keys <= 0)
        memset(t->o, 0, (size_t)(qn_attention_round_up(a->v.D, PW) * NR) * sizeof *t->o);
}

/* The block of keys from j0 on. */
VF_INLINE void run_block(const int nv, const qn_attention *a, const work *w, tile *t, const float *keys, int64_t j0) {
    const int64_t units = qn_attention_units(a->k.D, PAIR);
    const int64_t n = t->n_keys - j0 < QN_ATTENTION_BLOCK ? t->n_keys - j0 : QN_ATTENTION_BLOCK;
    vf before[NV], keep[NV];
    memcpy(before, t->max, sizeof before);
    if (a->mask.data) {
        const int64_t at = t->b * a->mask.batch + t->h * a->mask.head;
        read_mask(&a->mask, (const char *)a->mask.data + at * (int64_t)qn_dtype_bytes(a->mask.dtype), w, t->q0, t->n,
                  j0, n);
    }
    scores(nv, a, w, t, keys + j0 * units, n, j0 - t->q0 - (a->k.N - a->q.N));
    weights(nv, w, t, before, n, keep);
    outputs(nv, a, w, t, keys + a->k_units + j0 / PAIR * PW, n, j0 == 0, keep);
}

static void run_any(const qn_attention *a, const work *w, tile *t, const float *keys, int64_t j0) {
    if (NV > 1 && t->n <= VF_LANES)
        run_block(1, a, w, t, keys, j0);
    else if (NV > 2 && t->n <= 2 * VF_LANES)
        run_block(2, a, w, t, keys, j0);
    else
        run_block(NV, a, w, t, keys, j0);
}

/* n tiles from `first` on of key head kv, whose packed keys and values are read once. */
static void run_strip(const qn_attention *a, work *w, const float *keys, int64_t kv, int64_t first, int64_t n,
                      int64_t n_tiles) {
    for (int64_t i = 0; i < n; i++)
        begin_tile(a, &w->tiles[i], kv, first + i, n_tiles);
    for (int64_t j0 = 0; j0 < a->k.N; j0 += QN_ATTENTION_BLOCK)
        for (int64_t i = 0; i < n; i++)
            if (j0 < w->tiles[i].n_keys)
                run_any(a, w, &w->tiles[i], keys, j0);
    for (int64_t i = 0; i < n; i++)
        write_rows(a, &w->tiles[i]);
}

static void tiles(void *arg, int64_t begin, int64_t end, int worker) {
    const qn_attention *a = arg;
    const int64_t n_tiles = (a->q.N + NR - 1) / NR, n = a->group * n_tiles;
    const int64_t strips = (n + QN_ATTENTION_STRIP - 1) / QN_ATTENTION_STRIP, pieces = a->n_heads * strips;
    float *local = (float *)(void *)(a->local + (size_t)worker * a->local_bytes), *at = local;
    work w = {.scaled = a->mask.data || !(a->scale > 0), .mask_by_key = a->mask.query == 0};
    w.factor = w.scaled ? g_log2e : a->scale * g_log2e;
    at += a->local_pack ? a->head_units : 0;
    w.s = at;
    w.mask = at + QN_ATTENTION_BLOCK * NR;
    at += 2 * QN_ATTENTION_BLOCK * NR;
    for (int i = 0; i < QN_ATTENTION_STRIP; i++) {
        w.tiles[i].q = at;
        w.tiles[i].o = at + qn_attention_units(a->k.D, PAIR) * NR;
        at = w.tiles[i].o + qn_attention_round_up(a->v.D, PW) * NR;
    }
    for (int64_t item = begin; item < end; item++) {
        /* backwards: where the mask is causal the last strips are the longest, and nobody is to wait for them */
        const int64_t strip = (pieces - 1 - item) % strips, head = (pieces - 1 - item) / strips;
        if (a->local_pack) {
            for (int64_t j0 = 0; j0 < a->k.N; j0 += QN_ATTENTION_BLOCK)
                pack_head_block(a, a->first + item, j0, local);
            for (int64_t i = 0; i < n; i += QN_ATTENTION_STRIP)
                run_strip(a, &w, local, a->first + item, i, n - i < QN_ATTENTION_STRIP ? n - i : QN_ATTENTION_STRIP,
                          n_tiles);
        } else {
            const int64_t i = strip * QN_ATTENTION_STRIP;
            run_strip(a, &w, a->packed + head * a->head_units, a->first + head, i,
                      n - i < QN_ATTENTION_STRIP ? n - i : QN_ATTENTION_STRIP, n_tiles);
        }
    }
}

const qn_attention_isa ATTENTION_NAME(qn_attention_isa) = {
    .nr = NR, .panel = PW, .pair = PAIR, .pack = pack, .tiles = tiles, .chunks = chunks, .merge = merge};
