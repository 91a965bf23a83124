#include "quant/gptq.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "kernels/eval.h"
#include "kernels/gemm/gemm.h"
#include "quant/cholesky.h"
#include "quant/encode.h"

#define DAMPENING 0.01
/* Columns of which errors are passed on one by one. What is before them is one product. */
enum { COLUMNS = 128, ROW_GRAIN = 8 };

typedef struct rounding {
    qn_gptq *g;
    const float *m;           /* [k, k], by place in the order */
    int64_t begin, end;       /* places of the block of columns */
    int64_t first, last;      /* of the columns that are rounded now */
    float *sums;              /* [rows, end - begin]: what errors before first add */
    float *errors;            /* [rows, k], by place in the order */
    float *wanted;            /* [rows, last - first]: where the weights are moved to */
} rounding;

/* ---- the factor ---------------------------------------------------------------------------------------------- */

bool qn_gptq_feedback(qn_context *ctx, int64_t n, double *a, double *work, float *m) {
    if (!qn_cholesky(ctx, n, a, work))
        return false;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < n; k++) /* R[i, k] is L[n - 1 - i, n - 1 - k] */
            m[i * n + k] = k > i ? (float)(a[(n - 1 - i) * n + n - 1 - k] / a[(n - 1 - k) * n + n - 1 - k]) : k == i;
    return true;
}

/* M by place in the order, and H damped until there is one. */
static qn_status factor(qn_gptq *g, const float *gram, float *m) {
    const int64_t n = g->k_size;
    double mean = 0, *a, *work;
    QN_NEW_ARRAY(g->ctx, g->arena, a, n * n);
    QN_NEW_ARRAY(g->ctx, g->arena, work, 64 * n);
    for (int64_t k = 0; k < n; k++)
        mean += (double)gram[k * n + k] / (double)n;
    double damp = mean > 0 ? DAMPENING * mean : 1;
    for (int tries = 0; tries < 8; tries++, damp *= 10) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k <= i; k++)
                a[i * n + k] = (double)gram[(int64_t)g->order[n - 1 - i] * n + g->order[n - 1 - k]] + (i == k ? damp : 0);
        if (!qn_gptq_feedback(g->ctx, n, a, work, m))
            continue;
        memcpy(g->h, gram, (size_t)(n * n) * sizeof *g->h);
        for (int64_t k = 0; k < n; k++)
            g->h[k * n + k] += (float)damp;
        return QN_OK;
    }
    return qn_fail(g->ctx, QN_UNSUPPORTED, "tensor '%s': the inputs' products have no Cholesky factor", g->c->name);
}

typedef struct channel {
    float h;
    int32_t k;
} channel;

static int by_falling(const void *a, const void *b) {
    const channel *x = a, *y = b;
    return x->h != y->h ? (x->h < y->h) - (x->h > y->h) : (x->k > y->k) - (x->k < y->k);
}

static qn_status set_order(qn_gptq *g, const float *gram) {
    channel *channels;
    int32_t *order;
    QN_NEW_ARRAY(g->ctx, g->arena, channels, g->k_size);
    QN_NEW_ARRAY(g->ctx, g->arena, order, g->k_size);
    for (int64_t k = 0; k < g->k_size; k++)
        channels[k] = (channel){gram[k * g->k_size + k], (int32_t)k};
    if (g->c->how->scheme.act_order)
        qsort(channels, (size_t)g->k_size, sizeof *channels, by_falling);
    for (int64_t k = 0; k < g->k_size; k++)
        order[k] = channels[k].k;
    g->order = order;
    return QN_OK;
}

qn_status qn_gptq_product(qn_context *ctx, int64_t rows, int64_t n, const float *a, const float *h, float *out) {
    qn_gemm product = qn_gemm_make(rows, n, n);
    product.a = (qn_operand){.data = a, .dtype = QN_F32, .x_stride = n, .k_stride = 1};
    product.b = (qn_operand){.data = h, .dtype = QN_F32, .x_stride = 1, .k_stride = n};
    product.c.data = out;
    product.c.dtype = QN_F32;
    product.c.row_stride = n;
    return qn_gemm_run(ctx, &product);
}

/* ---- rounding ------------------------------------------------------------------------------------------------- */

/* Columns first..last of a row: sums of later ones of the block move along. `exact`: what is wanted is taken as it is. */
static void pass_row(const rounding *p, int64_t row, bool exact) {
    const qn_gptq *g = p->g;
    const int64_t n = g->k_size, width = p->end - p->begin;
    float *sums = p->sums + row * width - p->begin, *errors = p->errors + row * n, local[256];
    if (exact) {
        memcpy(local, sums + p->first, (size_t)(p->last - p->first) * sizeof *local);
        sums = local - p->first;
    }
    for (int64_t j = p->first; j < p->last; j++) {
        const int64_t e = qn_gptq_element(g, row, g->order[j]), group = qn_grid_group(&g->grid, e);
        const float wanted = g->x[e] + sums[j], scale = g->grid.scales[group], *m = p->m + j * n;
        float d = -sums[j];
        if (exact)
            p->wanted[row * (p->last - p->first) + j - p->first] = wanted;
        else
            errors[j] = d = g->x[e] - qn_grid_nearest(&g->grid, e, group, scale, wanted, &g->codes[e]) * scale;
        const int64_t end = exact ? p->last : p->end;
        for (int64_t i = j + 1; i < end; i++)
            sums[i] += d * m[i];
    }
}

static void round_rows(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    for (int64_t row = begin; row < end; row++)
        pass_row(arg, row, false);
}
static void want_rows(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    for (int64_t row = begin; row < end; row++)
        pass_row(arg, row, true);
}

/* Scales of the block that columns first..last are, for where their weights are moved to. */
static qn_status fit_block(rounding *p, const float *importance, qn_arena *arena) {
    qn_gptq *g = p->g;
    const int64_t width = p->last - p->first;
    qn_encode_how how = *g->c->how;
    qn_const block = *g->c;
    qn_bytes part[QN_MAX_PARTS];
    qn_grid grid;
    how.importance = importance + p->first;
    how.importance_axis = 1;
    block.rank = 2;
    block.dims[0] = g->rows;
    block.dims[1] = block.block = width;
    block.axis = 1;
    block.how = &how;
    QN_NEW_ARRAY(g->ctx, arena, p->wanted, g->rows * width);
    qn_parallel_for(g->ctx, g->rows, ROW_GRAIN, want_rows, p);
    QN_TRY(qn_encode(g->ctx, arena, &block, p->wanted, part));
    QN_TRY(qn_grid_make(g->ctx, arena, &block, part, &grid));
    for (int64_t row = 0; row < g->rows; row++) {
        const int64_t group = qn_grid_group(&g->grid, qn_gptq_element(g, row, p->first));
        g->grid.scales[group] = grid.scales[row];
        g->grid.zeros[group] = grid.zeros[row];
    }
    return QN_OK;
}

/* Blocks along K whose scales are their own. */
static bool fits_blocks(const qn_gptq *g) {
    const qn_const *c = g->c;
    return c->encoding == QN_ENC_AFFINE && c->block > 0 && c->block <= 256 && c->axis == c->how->importance_axis && !c->block2 &&
           c->super_dtype == QN_NONE && !c->how->scheme.act_order;
}

static qn_status round_all(qn_gptq *g, const float *m, const float *importance) {
    const int64_t n = g->k_size, block = g->c->block;
    const bool fits = fits_blocks(g);
    const int64_t step = !fits ? COLUMNS : block >= COLUMNS ? block : COLUMNS / block * block;
    rounding p = {.g = g, .m = m};
    QN_NEW_ARRAY(g->ctx, g->arena, p.sums, g->rows * step);
    QN_NEW_ARRAY(g->ctx, g->arena, p.errors, g->rows * n);
    qn_arena *own = fits ? qn_arena_create() : NULL;
    if (fits && !own)
        return qn_fail_memory(g->ctx, 0, "an arena");
    qn_status status = QN_OK;
    for (p.begin = 0; p.begin < n && status == QN_OK; p.begin = p.end) {
        p.end = n - p.begin < step ? n : p.begin + step;
        qn_gemm product = qn_gemm_make(g->rows, p.end - p.begin, p.begin);
        product.a = (qn_operand){.data = p.errors, .dtype = QN_F32, .x_stride = n, .k_stride = 1};
        product.b = (qn_operand){.data = m + p.begin, .dtype = QN_F32, .x_stride = 1, .k_stride = n};
        product.c.data = p.sums;
        product.c.dtype = QN_F32;
        product.c.row_stride = p.end - p.begin;
        if (p.begin > 0)
            status = qn_gemm_run(g->ctx, &product);
        for (p.first = p.begin; p.first < p.end && status == QN_OK; p.first = p.last) {
            p.last = !fits || p.end - p.first < block ? p.end : p.first + block;
            status = fits ? fit_block(&p, importance, own) : QN_OK;
            if (status == QN_OK)
                qn_parallel_for(g->ctx, g->rows, ROW_GRAIN, round_rows, &p);
            if (own)
                qn_arena_reset(own);
        }
    }
    qn_arena_destroy(own);
    for (int64_t row = 0; row < g->rows; row++)
        for (int64_t j = 0; j < n; j++)
            g->d[row * n + g->order[j]] = p.errors[row * n + j];
    return status;
}

/* ---- the tensor ------------------------------------------------------------------------------------------------ */

/* out[rows] = v H v^T of each row v of vectors[rows, k]. */
static qn_status forms(const qn_gptq *g, const float *h, const float *vectors, double *out) {
    const int64_t n = g->k_size;
    float *product;
    QN_NEW_ARRAY(g->ctx, g->arena, product, g->rows * n);
    QN_TRY(qn_gptq_product(g->ctx, g->rows, n, vectors, h, product));
    for (int64_t row = 0; row < g->rows; row++) {
        out[row] = 0;
        for (int64_t k = 0; k < n; k++)
            out[row] += (double)product[row * n + k] * (double)vectors[row * n + k];
    }
    return QN_OK;
}

/* Rows whose numbers do not reach where errors were moved to, so that plain rounding is better, go back to it. */
static qn_status keep_better(qn_gptq *g, const qn_grid *plain, const qn_const *rounded) {
    const int64_t n = g->k_size;
    double *moved, *nearest;
    float *stored, *d;
    QN_NEW_ARRAY(g->ctx, g->arena, moved, g->rows);
    QN_NEW_ARRAY(g->ctx, g->arena, nearest, g->rows);
    QN_NEW_ARRAY(g->ctx, g->arena, stored, g->rows * n);
    QN_NEW_ARRAY(g->ctx, g->arena, d, g->rows * n);
    QN_TRY(qn_const_decode(g->ctx, rounded, 0, g->rows * n, stored));
    for (int64_t row = 0; row < g->rows; row++)
        for (int64_t k = 0; k < n; k++) {
            const int64_t e = qn_gptq_element(g, row, k);
            d[row * n + k] = g->x[e] - stored[e];
        }
    QN_TRY(forms(g, g->h, d, nearest));
    QN_TRY(forms(g, g->h, g->d, moved));
    for (int64_t row = 0; row < g->rows; row++)
        for (int64_t k = 0; moved[row] > nearest[row] && k < n; k++) {
            const int64_t e = qn_gptq_element(g, row, k), group = qn_grid_group(plain, e);
            g->grid.scales[group] = plain->scales[group];
            g->grid.zeros[group] = plain->zeros[group];
            g->codes[e] = (uint8_t)qn_code_bits(rounded->encoding == QN_ENC_AFFINE ? plain->type->bits : rounded->bits, rounded->part[0].data, e);
            g->d[row * n + k] = d[row * n + k];
        }
    return QN_OK;
}

/* tr(d H d^T) / tr(w H w^T) */
static qn_status measure(const qn_gptq *g, const float *gram, double *out) {
    const int64_t n = g->k_size;
    double *sums, signal = 0, noise = 0;
    float *w;
    QN_NEW_ARRAY(g->ctx, g->arena, sums, g->rows);
    QN_NEW_ARRAY(g->ctx, g->arena, w, g->rows * n);
    for (int64_t row = 0; row < g->rows; row++)
        for (int64_t k = 0; k < n; k++)
            w[row * n + k] = g->x[qn_gptq_element(g, row, k)];
    QN_TRY(forms(g, gram, w, sums));
    for (int64_t row = 0; row < g->rows; row++)
        signal += sums[row];
    QN_TRY(forms(g, gram, g->d, sums));
    for (int64_t row = 0; row < g->rows; row++)
        noise += sums[row];
    *out = signal > 0 ? noise / signal : 0;
    return QN_OK;
}

static qn_status encode(qn_gptq *g, qn_arena *arena, const float *gram, int sweeps, qn_bytes part[QN_MAX_PARTS], double *error) {
    const int64_t n = g->k_size, numel = g->rows * n;
    float *m, *importance;
    qn_encode_how how = *g->c->how;
    qn_const plain = *g->c;
    qn_grid nearest;
    QN_NEW_ARRAY(g->ctx, g->arena, g->h, n * n);
    QN_NEW_ARRAY(g->ctx, g->arena, m, n * n);
    QN_NEW_ARRAY(g->ctx, g->arena, importance, n);
    QN_NEW_ARRAY(g->ctx, g->arena, g->codes, numel + 1);
    QN_NEW_ARRAY(g->ctx, g->arena, g->d, numel + 1);
    QN_TRY(set_order(g, gram));
    QN_TRY(factor(g, gram, m));
    for (int64_t k = 0; k < n; k++)
        importance[k] = g->h[k * n + k];
    how.importance = importance;
    plain.how = &how;
    QN_TRY(qn_encode(g->ctx, arena, &plain, g->x, part));
    QN_TRY(qn_grid_make(g->ctx, g->arena, g->c, part, &g->grid));
    QN_TRY(qn_grid_make(g->ctx, g->arena, g->c, part, &nearest));
    QN_TRY(round_all(g, m, importance));
    memcpy(plain.part, part, sizeof plain.part);
    QN_TRY(keep_better(g, &nearest, &plain));
    QN_TRY(qn_gptq_refine(g, sweeps));
    if (error)
        QN_TRY(measure(g, gram, error));
    return qn_grid_store(g->ctx, arena, &g->grid, g->codes, part);
}

qn_status qn_gptq_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, const float *gram,
                         int sweeps, qn_bytes part[QN_MAX_PARTS], double *error) {
    const int32_t axis = c->how->importance_axis;
    qn_gptq g = {.ctx = ctx, .c = c, .x = x, .k_size = c->dims[axis], .inner = 1};
    for (int32_t d = axis + 1; d < c->rank; d++)
        g.inner *= c->dims[d];
    if (qn_const_numel(c) == 0)
        return qn_encode(ctx, arena, c, x, part);
    g.rows = qn_const_numel(c) / g.k_size;
    g.arena = qn_arena_create();
    if (!g.arena)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = encode(&g, arena, gram, sweeps, part, error);
    qn_arena_destroy(g.arena);
    return status;
}
