#include "kernels/gemm/gemv.h"

#include "base/checked.h"
#include "base/pool.h"

#include <stdatomic.h>

/* Depth of a block: a panel of B (NR floats deep) of this many rows is 64 KiB with AVX-512, which the second-level
 * cache holds beside a panel of A. Deeper products are summed block after block in tiles kept in memory. */
enum { DEPTH = 512 };
/* Floats of the shared operand that are multiplied with all of a piece's own panels before the next are read. */
enum { SHARED_BLOCK = 64 << 10 };
/* Floats that a piece packs for itself, and the number of pieces worth having. */
enum { OWN_BLOCK = 64 << 10, MIN_PIECES = 32 };
/* Steps of depth that are packed for all panels at hand before the next ones. */
enum { PACK_ROWS = 16 };
/* Multiply-adds of a product that is not worth sharing among threads, and of a piece of a batch of such. */
static const int64_t SMALL_WORK = 1 << 21;

const qn_gemm_isa *qn_gemm_isa_of(const qn_context *ctx) {
#if defined(__x86_64__)
    unsigned isa = qn_context_isa(ctx);
    if (isa & QN_ISA_AVX512)
        return &qn_gemm_isa_avx512;
    if (isa & QN_ISA_AVX2)
        return &qn_gemm_isa_avx2;
#else
    (void)ctx;
#endif
    return &qn_gemm_isa_scalar;
}

qn_gemm qn_gemm_make(int64_t m, int64_t n, int64_t k) {
    return (qn_gemm){.m = m, .n = n, .k = k, .c = {.alpha = 1, .beta = 1}, .n_batch = 1};
}

/* ---- one product -------------------------------------------------------------------------------------- */

/* An operand cut into panels: `width` (MR or NR) of its x each, all `extent` of them in n panels. */
typedef struct side {
    const qn_operand *op;
    int64_t extent, n;
    int width;
} side;

typedef struct product {
    const qn_gemm *g;
    const qn_gemm_isa *isa;
    bool shared_is_a;
    side shared, own;
    int64_t depth;      /* of a block */
    float *packed;      /* [chunk panels][k][width] of the shared operand */
    int64_t s0, s1;     /* the chunk */
    int64_t own_panels; /* of a piece */
    char *local;        /* for each worker local_bytes */
    size_t local_bytes;
} product;

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static int64_t panel_extent(const side *s, int64_t panel) { return min64(s->width, s->extent - panel * s->width); }

/* Pack panels [begin, end) over depth [k0, k0 + kn), panel i to dst + i * stride. A few steps of depth of all panels
 * before the next few: where x is contiguous in memory, neighbouring panels share rows, pages and prefetches. */
static void pack_panels(const product *p, const side *s, int64_t begin, int64_t end, int64_t k0, int64_t kn, float *dst,
                        int64_t stride) {
    const int64_t run = s->op->x_stride == 1 && !s->op->pack ? PACK_ROWS : max64(kn, 1);
    for (int64_t k = 0; k < kn; k += run)
        for (int64_t i = begin; i < end; i++)
            p->isa->pack(s->op, i * s->width, panel_extent(s, i), k0 + k, min64(run, kn - k), s->width,
                         dst + (i - begin) * stride + k * s->width);
}

static void pack_shared(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const product *p = arg;
    const side *s = &p->shared;
    const int64_t stride = p->g->k * s->width;
    pack_panels(p, s, p->s0 + begin, p->s0 + end, 0, p->g->k, p->packed + begin * stride, stride);
}

/* Own panels [begin, end) times the chunk of shared ones. Blocks of depth outside; inside, a few shared panels at a
 * time against all own ones. With one block of depth a single tile serves; else each has its place. */
static void multiply(void *arg, int64_t begin, int64_t end, int worker) {
    const product *p = arg;
    const qn_gemm *g = p->g;
    const qn_gemm_isa *isa = p->isa;
    const side *s = &p->shared, *o = &p->own;
    const int64_t tile_floats = (int64_t)isa->mr * isa->nr, n_shared = p->s1 - p->s0;
    const bool one_block = g->k <= p->depth;
    float *own = (float *)(void *)(p->local + (size_t)worker * p->local_bytes);
    float *tiles = own + p->own_panels * o->width * min64(g->k, p->depth);
    const int64_t step = max64(1, SHARED_BLOCK / max64(1, min64(g->k, p->depth) * s->width));
    int64_t k0 = 0;
    do {
        const int64_t kn = min64(p->depth, g->k - k0);
        const bool last = k0 + kn == g->k;
        pack_panels(p, o, begin, end, k0, kn, own, kn * o->width);
        for (int64_t sb = 0; sb < n_shared; sb += step)
            for (int64_t i = begin; i < end; i++)
                for (int64_t si = sb; si < min64(sb + step, n_shared); si++) {
                    const float *sp = p->packed + (si * g->k + k0) * s->width, *op = own + (i - begin) * kn * o->width;
                    float *tile = one_block ? tiles : tiles + ((i - begin) * n_shared + si) * tile_floats;
                    const int64_t a_panel = p->shared_is_a ? p->s0 + si : i, b_panel = p->shared_is_a ? i : p->s0 + si;
                    const int64_t rows = min64(isa->mr, g->m - a_panel * isa->mr);
                    const int64_t columns = min64(isa->nr, g->n - b_panel * isa->nr);
                    const int64_t vectors = ceil_div(columns, isa->nr / isa->nv);
                    isa->micro[rows][vectors](kn, p->shared_is_a ? sp : op, p->shared_is_a ? op : sp, tile, k0 > 0);
                    if (last)
                        isa->finish(&g->c, tile, a_panel * isa->mr, b_panel * isa->nr, (int)rows, columns);
                }
        k0 += kn;
    } while (k0 < g->k);
}

/* The sizes of the parts of a product; false on overflow. */
static bool lay_out(product *p, int threads, int64_t *chunk, size_t *packed_bytes) {
    const qn_gemm *g = p->g;
    const int64_t k = max64(g->k, 1);
    const int64_t n_blocks = ceil_div(k, DEPTH);
    p->depth = ceil_div(k, n_blocks);
    int64_t panel_floats, panel_bytes, bytes;
    if (!qn_mul_i64(k, p->shared.width, &panel_floats) ||
        !qn_mul_i64(panel_floats, (int64_t)sizeof(float), &panel_bytes))
        return false;
    *chunk = max64(1, min64(p->shared.n, QN_GEMM_SHARED_BYTES / panel_bytes));
    if (!qn_mul_i64(panel_bytes, *chunk, &bytes))
        return false;
    *packed_bytes = (size_t)bytes;
    p->own_panels = max64(1, min64(OWN_BLOCK / (p->depth * p->own.width), p->own.n / MIN_PIECES));
    int64_t tiles = n_blocks == 1 ? 1 : p->own_panels * *chunk;
    int64_t local = p->own_panels * p->own.width * p->depth + tiles * p->isa->mr * p->isa->nr;
    /* 16 floats between workers' parts; all of these are bounded by the constants above and the chunk's */
    p->local_bytes = ((size_t)local + 31) / 16 * 16 * sizeof(float);
    size_t all;
    return qn_mul_size(p->local_bytes, (size_t)threads, &all) && qn_add_size(all, *packed_bytes, packed_bytes);
}

/* A product with one column as one with one row: C's elements must then be neighbours, and so what is added. */
static bool turn(const qn_gemm *g, qn_gemm *out) {
    if (g->n != 1 || g->m == 1 || g->c.row_stride != 1 || g->c.bias.row_stride > 1 || g->c.residual.row_stride > 1)
        return false;
    *out = *g;
    out->m = 1;
    out->n = g->m;
    out->a = g->b;
    out->b = g->a;
    out->c.bias.col_stride = g->c.bias.row_stride;
    out->c.residual.col_stride = g->c.residual.row_stride;
    return qn_gemv_fits(out);
}

static qn_status run_one(qn_context *ctx, const qn_gemm *g) {
    if (g->m <= 0 || g->n <= 0)
        return QN_OK;
    qn_gemm turned;
    if (qn_gemv_fits(g))
        return qn_gemv_run(ctx, g);
    if (turn(g, &turned))
        return qn_gemv_run(ctx, &turned);
    const qn_gemm_isa *isa = qn_gemm_isa_of(ctx);
    side a = {&g->a, g->m, ceil_div(g->m, isa->mr), isa->mr}, b = {&g->b, g->n, ceil_div(g->n, isa->nr), isa->nr};
    bool shared_is_a = g->m <= g->n;
    product p = {
        .g = g, .isa = isa, .shared_is_a = shared_is_a, .shared = shared_is_a ? a : b, .own = shared_is_a ? b : a};
    int64_t chunk;
    size_t bytes;
    if (!lay_out(&p, qn_pool_threads(ctx), &chunk, &bytes))
        return qn_fail_memory(ctx, SIZE_MAX, "a matrix product");
    size_t locals = p.local_bytes * (size_t)qn_pool_threads(ctx);
    p.local = qn_scratch_take(ctx, bytes);
    if (!p.local)
        return qn_fail_memory(ctx, bytes, "a matrix product");
    p.packed = (float *)(void *)(p.local + locals);
    int64_t pack_grain = max64(1, (32 << 10) / max64(1, g->k * p.shared.width));
    for (p.s0 = 0; p.s0 < p.shared.n; p.s0 = p.s1) {
        p.s1 = min64(p.s0 + chunk, p.shared.n);
        qn_parallel_for(ctx, p.s1 - p.s0, pack_grain, pack_shared, &p);
        qn_parallel_for(ctx, p.own.n, p.own_panels, multiply, &p);
    }
    qn_scratch_give(ctx, p.local);
    return QN_OK;
}

/* ---- batches ---------------------------------------------------------------------------------------------- */

typedef struct batch {
    qn_context *ctx;
    const qn_gemm *g;
    _Atomic int status; /* the first failure */
} batch;

static qn_status run_at(qn_context *ctx, const qn_gemm *g, int64_t i) {
    qn_gemm one = *g;
    if (one.at)
        one.at(&one, i, one.at_arg);
    return run_one(ctx, &one);
}

static void run_batch(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    batch *b = arg;
    for (int64_t i = begin; i < end; i++) {
        qn_status status = run_at(b->ctx, b->g, i);
        int none = QN_OK;
        if (status != QN_OK)
            atomic_compare_exchange_strong(&b->status, &none, (int)status);
    }
}

qn_status qn_gemm_run(qn_context *ctx, const qn_gemm *g) {
    int64_t plane, work;
    bool small = qn_mul_i64(g->m, g->n, &plane) && qn_mul_i64(plane, g->k, &work) && work < SMALL_WORK;
    if (small && g->n_batch > 1) {
        batch b = {ctx, g, QN_OK};
        qn_parallel_for(ctx, g->n_batch, max64(1, SMALL_WORK / 8 / max64(1, work)), run_batch, &b);
        return (qn_status)b.status;
    }
    for (int64_t i = 0; i < g->n_batch; i++)
        QN_TRY(run_at(ctx, g, i));
    return QN_OK;
}
