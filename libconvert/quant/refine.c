/* Descent by blocks of columns, all else given.
 *
 * Of a row, f = d H d^T. When the numbers of a block change by v, d becomes d - v and
 *
 *     f(v) - f(0) = v B v^T - 2 v . s        B = H[block, block], s = (d H)[block]
 *
 * which is least at v = s B^-1 =: t, and f(v) = (t - v) B (t - v)^T + constant: rounding q + t to the block's numbers so that this is
 * small is what qn_gptq_encode does for a whole row. It is done here for the block's scale and a few others; each then takes the
 * scale of least squares for its codes c, scale + (c . s') / (c B c^T) with s' = s - v B. The best of all is taken when f falls. */
#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "quant/gptq.h"

/* ROWS go through a block together, so that its rows of H are read once for them. FREE columns make a block where scales do not. */
enum { ROWS = 16, FREE = 64, MOST = 256 };

static const float g_factors[] = {1.0f, 0.93f, 1.07f}, g_powers[] = {1.0f, 2.0f, 0.5f};

typedef struct refiner {
    qn_gptq *g;
    int64_t block;        /* columns */
    bool own_scales;      /* each block of a row has a scale of its own */
    float *m, *inverse;   /* of a block from column k on: [n, n] from k * block on */
    float *slopes;        /* [rows, k]: d H */
} refiner;

/* A block of a row. */
typedef struct part {
    const refiner *r;
    int64_t n, first, group;     /* group: of its first element */
    const float *h, *m, *s;      /* B, row i from h + i * k_size on; M of B; s */
    int64_t e[MOST];             /* elements */
    float x[MOST], now[MOST], wanted[MOST]; /* weights, what is stored, now + t */
} part;

/* What it could have. */
typedef struct trial {
    float scale, number[MOST], stored[MOST];
    uint8_t code[MOST];
    double fall;                 /* f(0) - f(v) */
} trial;

static double dot(const float *a, const float *b, int64_t n) {
    float sum = 0; /* of a block: short */
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return (double)sum;
}

/* out = v B */
static void multiply(const part *p, const float *v, float *out) {
    const int64_t k_size = p->r->g->k_size, n = p->n;
    memset(out, 0, (size_t)n * sizeof *out);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; v[i] != 0 && k < n; k++)
            out[k] += v[i] * p->h[i * k_size + k];
}

/* How far f falls; product = v B. */
static void weigh(const part *p, trial *t, float *product) {
    float v[MOST];
    for (int64_t i = 0; i < p->n; i++) {
        t->stored[i] = t->number[i] * t->scale;
        v[i] = t->stored[i] - p->now[i];
    }
    multiply(p, v, product);
    t->fall = 2 * dot(v, p->s, p->n) - dot(v, product, p->n);
}

static void round_part(const part *p, float scale, trial *t) {
    const qn_grid *grid = &p->r->g->grid;
    float sums[MOST] = {0};
    t->scale = p->r->own_scales ? scale : 1.0f;
    for (int64_t i = 0; i < p->n; i++) {
        const float *m = p->m + i * p->n;
        if (p->r->own_scales) {
            t->number[i] = qn_grid_nearest(grid, p->e[i], p->group, scale, p->wanted[i] + sums[i], &t->code[i]);
        } else {
            const int64_t group = qn_grid_group(grid, p->e[i]);
            const float own = grid->scales[group];
            t->number[i] = own * qn_grid_nearest(grid, p->e[i], group, own, p->wanted[i] + sums[i], &t->code[i]);
        }
        const float d = p->wanted[i] - t->number[i] * t->scale;
        for (int64_t k = i + 1; k < p->n; k++)
            sums[k] += d * m[k];
    }
}

/* The scale of least squares for t's codes, as it can be stored. */
static float fitting_scale(const part *p, const trial *t, const float *product) {
    float c[MOST];
    double slope = 0;
    for (int64_t i = 0; i < p->n; i++)
        slope += (double)t->number[i] * ((double)p->s[i] - (double)product[i]);
    multiply(p, t->number, c);
    const double curvature = dot(t->number, c, p->n);
    const float scale = curvature > 0 ? t->scale + (float)(slope / curvature) : t->scale;
    if (p->r->g->grid.c->encoding == QN_ENC_AFFINE && !p->r->g->grid.c->symmetric && !(scale > 0))
        return t->scale;
    return qn_grid_scale(&p->r->g->grid, p->group, scale);
}

static void keep_better(const trial *t, trial *best) {
    if (t->fall > best->fall)
        *best = *t;
}

/* The best that is found for a block; false when it is what is there. */
static bool improve(part *p, trial *best) {
    const refiner *r = p->r;
    const float now = r->g->grid.scales[p->group];
    float product[MOST];
    trial t;
    *best = (trial){.fall = 0};
    const bool power = r->g->c->scale_dtype == QN_F8E8M0;
    const float *factors = power ? g_powers : g_factors;
    const size_t tries = !r->own_scales ? 1 : power ? sizeof g_powers / sizeof *g_powers : sizeof g_factors / sizeof *g_factors;
    for (size_t i = 0; i < tries; i++) {
        const float scale = i == 0 ? now : qn_grid_scale(&r->g->grid, p->group, now * factors[i]);
        if (i > 0 && (scale == now || scale == 0))
            continue;
        round_part(p, scale, &t);
        weigh(p, &t, product);
        keep_better(&t, best);
        if (!r->own_scales)
            continue;
        const float fitting = fitting_scale(p, &t, product);
        if (fitting == t.scale || fitting == 0)
            continue;
        t.scale = fitting;
        weigh(p, &t, product);
        keep_better(&t, best);
    }
    return best->fall > 0;
}

static void look_at(const refiner *r, int64_t row, int64_t first, part *p) {
    const qn_gptq *g = r->g;
    const float *inverse = r->inverse + first * r->block, *d = g->d + row * g->k_size + first;
    *p = (part){.r = r, .first = first, .n = g->k_size - first < r->block ? g->k_size - first : r->block,
                .h = g->h + first * g->k_size + first, .m = r->m + first * r->block, .s = r->slopes + row * g->k_size + first};
    for (int64_t i = 0; i < p->n; i++) {
        p->e[i] = qn_gptq_element(g, row, first + i);
        p->x[i] = g->x[p->e[i]];
        p->now[i] = p->wanted[i] = p->x[i] - d[i];
    }
    for (int64_t i = 0; i < p->n; i++)
        for (int64_t k = 0; k < p->n; k++)
            p->wanted[k] += p->s[i] * inverse[i * p->n + k];
    p->group = qn_grid_group(&g->grid, p->e[0]);
}

static void refine_part(const refiner *r, int64_t row, int64_t first) {
    qn_gptq *g = r->g;
    part p;
    trial best;
    look_at(r, row, first, &p);
    if (!improve(&p, &best))
        return;
    if (r->own_scales)
        g->grid.scales[p.group] = best.scale;
    float *slopes = r->slopes + row * g->k_size;
    for (int64_t i = 0; i < p.n; i++) {
        const float *h = g->h + (first + i) * g->k_size, v = best.stored[i] - p.now[i];
        g->codes[p.e[i]] = best.code[i];
        g->d[row * g->k_size + first + i] = p.x[i] - best.stored[i];
        for (int64_t k = 0; v != 0 && k < g->k_size; k++)
            slopes[k] -= v * h[k];
    }
}

static void refine_rows(void *arg, int64_t begin, int64_t end, int worker) {
    const refiner *r = arg;
    (void)worker;
    for (int64_t first = 0; first < r->g->k_size; first += r->block)
        for (int64_t row = begin; row < end; row++)
            refine_part(r, row, first);
}

/* ---- what the blocks share -------------------------------------------------------------------------------------- */

/* inverse[n, n] of the matrix whose rows and columns, reversed, have the factor l. */
static void invert(int64_t n, const double *l, double *column, float *inverse) {
    for (int64_t c = 0; c < n; c++) {
        for (int64_t i = 0; i < n; i++) {
            double sum = i == c;
            for (int64_t k = 0; k < i; k++)
                sum -= l[i * n + k] * column[k];
            column[i] = sum / l[i * n + i];
        }
        for (int64_t i = n - 1; i >= 0; i--) {
            double sum = column[i];
            for (int64_t k = i + 1; k < n; k++)
                sum -= l[k * n + i] * column[k];
            column[i] = sum / l[i * n + i];
        }
        for (int64_t i = 0; i < n; i++)
            inverse[(n - 1 - c) * n + n - 1 - i] = (float)column[i];
    }
}

static qn_status prepare(refiner *r, bool *possible) {
    const qn_gptq *g = r->g;
    double *a, *work;
    QN_NEW_ARRAY(g->ctx, g->arena, a, MOST * MOST);
    QN_NEW_ARRAY(g->ctx, g->arena, work, 64 * MOST);
    QN_NEW_ARRAY(g->ctx, g->arena, r->m, (g->k_size + r->block) * r->block);
    QN_NEW_ARRAY(g->ctx, g->arena, r->inverse, (g->k_size + r->block) * r->block);
    QN_NEW_ARRAY(g->ctx, g->arena, r->slopes, g->rows * g->k_size);
    *possible = true;
    for (int64_t first = 0; first < g->k_size && *possible; first += r->block) {
        const int64_t n = g->k_size - first < r->block ? g->k_size - first : r->block;
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k <= i; k++)
                a[i * n + k] = (double)g->h[(first + n - 1 - i) * g->k_size + first + n - 1 - k];
        *possible = qn_gptq_feedback(g->ctx, n, a, work, r->m + first * r->block);
        if (*possible)
            invert(n, a, work, r->inverse + first * r->block);
    }
    return QN_OK;
}

qn_status qn_gptq_refine(qn_gptq *g, int sweeps) {
    const qn_const *c = g->c;
    refiner r = {.g = g, .block = FREE};
    bool possible;
    r.own_scales = c->scale_dtype != QN_NONE && c->block > 0 && c->block <= MOST && c->axis == c->how->importance_axis && !c->block2;
    if (r.own_scales)
        r.block = c->block;
    QN_TRY(prepare(&r, &possible));
    for (int sweep = 0; possible && sweep < sweeps; sweep++) {
        QN_TRY(qn_gptq_product(g->ctx, g->rows, g->k_size, g->d, g->h, r.slopes));
        qn_parallel_for(g->ctx, g->rows, ROWS, refine_rows, &r);
    }
    return QN_OK;
}
