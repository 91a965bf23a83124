#include "kernels/gemm/few_rows.h"
#include "kernels/gemm/gemv.h"

#include "base/checked.h"
#include "base/pool.h"

#include <stdatomic.h>

/* Most units of depth of a block: four panels of B this deep are 512 KiB with AVX-512, half of a second-level cache. Deeper
 * products are summed block after block in tiles kept in memory. */
enum { DEPTH = 1 << 10 };
/* Units of the shared operand that are multiplied with all of a piece's own panels before the next are read. */
enum { SHARED_BLOCK = 64 << 10 };
/* Units that a piece packs for itself, and the number of pieces worth having. */
enum { OWN_BLOCK = 128 << 10, MIN_PIECES = 32 };
/* With few rows all is waiting for B: fewer pieces, each with longer runs of its rows. */
enum { FEW_ROWS = 48, FEW_PIECES = 8, FEW_DEPTH = 256 };
/* Steps of depth that are packed for all panels at hand before the next ones. */
enum { PACK_ROWS = 16 };
/* Multiply-adds of a product that is not worth sharing among threads, and of a piece of a batch of such. */
static const int64_t SMALL_WORK = 1 << 21;

/* Best first; the last row of an arithmetic runs anywhere, if there is one. */
static const struct {
    qn_arith arith;
    unsigned isa;
    const qn_gemm_isa *table;
} g_tables[] = {
#if defined(__x86_64__)
    {QN_ARITH_F32, QN_ISA_AVX512, &qn_gemm_isa_avx512},
    {QN_ARITH_F32, QN_ISA_AVX2, &qn_gemm_isa_avx2},
    {QN_ARITH_BF16, QN_ISA_AVX512BF16, &qn_gemm_bf16_avx512bf16},
    {QN_ARITH_INT8, QN_ISA_AVX512VNNI, &qn_gemm_int8_avx512vnni},
    {QN_ARITH_INT8, QN_ISA_AVX512, &qn_gemm_int8_avx512},
    {QN_ARITH_INT8, QN_ISA_AVX2, &qn_gemm_int8_avx2},
#elif defined(__aarch64__)
    {QN_ARITH_F32, QN_ISA_NEON, &qn_gemm_isa_neon},
#endif
    {QN_ARITH_F32, 0, &qn_gemm_isa_scalar},
};

const qn_gemm_isa *qn_gemm_isa_for(const qn_context *ctx, qn_arith arith) {
    const unsigned isa = qn_context_isa(ctx);
    for (size_t i = 0; i < sizeof g_tables / sizeof g_tables[0]; i++)
        if (g_tables[i].arith == arith && (g_tables[i].isa & ~isa) == 0)
            return g_tables[i].table;
    return NULL;
}

const qn_gemm_isa *qn_gemm_isa_of(const qn_context *ctx) { return qn_gemm_isa_for(ctx, QN_ARITH_F32); }

bool qn_gemm_has(const qn_context *ctx, qn_arith arith) { return qn_gemm_isa_for(ctx, arith) != NULL; }

qn_arith qn_gemm_arith_of(const qn_context *ctx, qn_dtype a, qn_dtype b) {
    return a == QN_BF16 && b == QN_BF16 && qn_gemm_has(ctx, QN_ARITH_BF16) ? QN_ARITH_BF16 : QN_ARITH_F32;
}

qn_gemm qn_gemm_make(int64_t m, int64_t n, int64_t k) {
    return (qn_gemm){.m = m, .n = n, .k = k, .c = {.alpha = 1, .beta = 1}, .n_batch = 1};
}

/* ---- one product -------------------------------------------------------------------------------------- */

/* An operand cut into panels: `width` of its x each, all `extent` of them in n panels. */
typedef struct side {
    const qn_operand *op;
    int64_t extent, n;
    int width;
} side;

typedef struct product {
    const qn_gemm *g;
    const qn_gemm_isa *isa;
    const qn_micro_fn (*micro)[QN_GEMM_MAX_NV + 1];
    bool shared_is_a;
    side shared, own;
    int64_t units, depth; /* of all k; of a block */
    float *packed;        /* [chunk panels][units][width] of the shared operand */
    qn_side shared_side;  /* [chunk panels][width] */
    int64_t s0, s1;       /* the chunk */
    int64_t own_panels;   /* of a piece */
    char *local;          /* for each worker local_bytes */
    size_t local_bytes;
} product;

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static int64_t panel_extent(const side *s, int64_t panel) { return min64(s->width, s->extent - panel * s->width); }

static qn_side side_of(const qn_side *all, int64_t panel, int width) {
    return (qn_side){all->scale + panel * width, all->offset + panel * width};
}

/* Pack panels [begin, end) over depth [u0, u0 + un) in units, panel i to dst + (i - begin) * stride and its side to the
 * one of panel i - begin. A few steps of depth of all panels before the next few: where x is contiguous in memory,
 * neighbouring panels share rows, pages and prefetches. */
static void pack_panels(const product *p, const side *s, int64_t begin, int64_t end, int64_t u0, int64_t un, float *dst,
                        int64_t stride, const qn_side *sides) {
    const int unit = p->isa->unit;
    const int64_t run = s->op->x_stride == 1 && !s->op->pack ? PACK_ROWS : max64(un, 1), k_all = p->g->k;
    int64_t u = 0;
    do {
        for (int64_t i = begin; i < end; i++) {
            const int64_t k = (u0 + u) * unit, kn = min64(min64(run, un - u) * unit, k_all - k);
            const qn_side to = side_of(sides, i - begin, s->width);
            p->isa->pack_units(s->op, i * s->width, panel_extent(s, i), k, kn, k_all, s->width,
                               dst + (i - begin) * stride + u * s->width, &to);
        }
        u += run;
    } while (u < un);
}

static void pack_shared(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const product *p = arg;
    const side *s = &p->shared;
    const int64_t stride = p->units * s->width;
    const qn_side to = side_of(&p->shared_side, begin, s->width);
    pack_panels(p, s, p->s0 + begin, p->s0 + end, 0, p->units, p->packed + begin * stride, stride, &to);
}

/* Own panels [begin, end) times the chunk of shared ones. Blocks of depth outside; inside, a few shared panels at a
 * time against all own ones. With one block of depth a single tile serves; else each has its place. */
static void multiply(void *arg, int64_t begin, int64_t end, int worker) {
    const product *p = arg;
    const qn_gemm *g = p->g;
    const qn_gemm_isa *isa = p->isa;
    const side *s = &p->shared, *o = &p->own, *a = p->shared_is_a ? s : o, *b = p->shared_is_a ? o : s;
    const int64_t tile_units = (int64_t)isa->mr * isa->nr, n_shared = p->s1 - p->s0;
    const bool one_block = p->units <= p->depth;
    float *own = (float *)(void *)(p->local + (size_t)worker * p->local_bytes);
    qn_side own_side = {own + p->own_panels * o->width * p->depth, NULL};
    own_side.offset = (int32_t *)(void *)(own_side.scale + p->own_panels * o->width);
    float *tiles = own_side.scale + 2 * p->own_panels * o->width;
    const int64_t step = max64(1, SHARED_BLOCK / (p->depth * s->width));
    int64_t u0 = 0;
    do {
        const int64_t un = min64(p->depth, p->units - u0);
        const bool last = u0 + un == p->units;
        pack_panels(p, o, begin, end, u0, un, own, un * o->width, &own_side);
        for (int64_t sb = 0; sb < n_shared; sb += step)
            for (int64_t i = begin; i < end; i++) {
                const float *op = own + (i - begin) * un * o->width;
                const qn_side os = side_of(&own_side, i - begin, o->width);
                for (int64_t si = sb; si < min64(sb + step, n_shared); si++) {
                    const float *sp = p->packed + (si * p->units + u0) * s->width;
                    float *tile = one_block ? tiles : tiles + ((i - begin) * n_shared + si) * tile_units;
                    const int64_t pa = p->shared_is_a ? p->s0 + si : i, pb = p->shared_is_a ? i : p->s0 + si;
                    const int64_t rows = panel_extent(a, pa), columns = panel_extent(b, pb);
                    p->micro[rows][ceil_div(columns, isa->nr / isa->nv)](un, p->shared_is_a ? sp : op, a->width,
                                                                         p->shared_is_a ? op : sp, tile, u0 > 0);
                    if (last) {
                        const qn_side ss = side_of(&p->shared_side, si, s->width);
                        isa->finish(&g->c, tile, pa * a->width, pb * b->width, (int)rows, columns,
                                    p->shared_is_a ? &ss : &os, p->shared_is_a ? &os : &ss);
                    }
                }
            }
        u0 += un;
    } while (u0 < p->units);
}

/* The sizes of the parts of a product; false on overflow. */
static bool lay_out(product *p, int threads, int64_t *chunk, size_t *packed_bytes) {
    const qn_gemm *g = p->g;
    const bool few = g->m <= FEW_ROWS;
    const int64_t n_blocks = max64(1, ceil_div(p->units, few ? FEW_DEPTH : DEPTH));
    p->depth = max64(1, ceil_div(p->units, n_blocks));
    int64_t panel_units, panel_bytes, bytes;
    if (!qn_mul_i64(p->units + 2, p->shared.width, &panel_units) || /* 2: its side */
        !qn_mul_i64(panel_units, (int64_t)sizeof(float), &panel_bytes))
        return false;
    *chunk = max64(1, min64(p->shared.n, QN_GEMM_SHARED_BYTES / panel_bytes));
    if (!qn_mul_i64(panel_bytes, *chunk, &bytes))
        return false;
    *packed_bytes = (size_t)bytes;
    p->own_panels = max64(1, min64(OWN_BLOCK / (p->depth * p->own.width), p->own.n / (few ? FEW_PIECES : MIN_PIECES)));
    int64_t tiles = n_blocks == 1 ? 1 : p->own_panels * *chunk;
    int64_t local = p->own_panels * p->own.width * (p->depth + 2) + tiles * p->isa->mr * p->isa->nr;
    /* 16 floats between workers' parts; all of these are bounded by the constants above and the chunk's */
    p->local_bytes = ((size_t)local + 31) / 16 * 16 * sizeof(float);
    size_t all;
    return qn_mul_size(p->local_bytes, (size_t)threads, &all) && qn_add_size(all, *packed_bytes, packed_bytes);
}

/* Rows of A's panels: as even as the microkernel's most allows. */
static int even_rows(int64_t m, int most) { return (int)ceil_div(m, ceil_div(m, most)); }

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
    if (qn_few_rows_fits(g))
        return qn_few_rows_run(ctx, g);
    if (turn(g, &turned))
        return qn_gemv_run(ctx, &turned);
    const qn_gemm_isa *isa = qn_gemm_isa_for(ctx, g->arith);
    if (!isa)
        return qn_fail(ctx, QN_UNSUPPORTED, "a matrix product in an arithmetic that this machine has not");
    const int mr = even_rows(g->m, isa->mr);
    side a = {&g->a, g->m, ceil_div(g->m, mr), mr}, b = {&g->b, g->n, ceil_div(g->n, isa->nr), isa->nr};
    bool shared_is_a = g->m <= g->n;
    product p = {.g = g,
                 .isa = isa,
                 .micro = g->arith == QN_ARITH_INT8 && g->b.is_unsigned ? isa->turned : isa->micro,
                 .shared_is_a = shared_is_a,
                 .shared = shared_is_a ? a : b,
                 .own = shared_is_a ? b : a,
                 .units = ceil_div(g->k, isa->unit)};
    int64_t chunk;
    size_t bytes;
    if (!lay_out(&p, qn_pool_threads(ctx), &chunk, &bytes))
        return qn_fail_memory(ctx, SIZE_MAX, "a matrix product");
    size_t locals = p.local_bytes * (size_t)qn_pool_threads(ctx);
    p.local = qn_scratch_take(ctx, bytes);
    if (!p.local)
        return qn_fail_memory(ctx, bytes, "a matrix product");
    p.packed = (float *)(void *)(p.local + locals);
    p.shared_side.scale = p.packed + chunk * p.units * p.shared.width;
    p.shared_side.offset = (int32_t *)(void *)(p.shared_side.scale + chunk * p.shared.width);
    int64_t pack_grain = max64(1, (32 << 10) / max64(1, p.units * p.shared.width));
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
