/* Scales under a palette: the first guess, and what fits the tables best. */
#include "quant/palette_work.h"

#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "quant/scales.h"

/* What the largest number of a group is brought to. */
static float top_of(const qn_palette *p) { return p->c->lut_dtype == QN_I8 ? 127.0f : 1.0f; }

static void largest_of_groups(const qn_palette *p, float *scales) {
    const bool sign = qn_scales_signed(p->c);
    qn_run run;
    for (int64_t e = 0; e < p->n; e += run.n) {
        run = qn_run_at(&p->groups, e, p->n - e);
        for (int64_t i = 0; i < run.n; i++) {
            float *scale = &scales[run.group + i * run.step];
            const float x = p->x[e + i];
            if (fabsf(x) > fabsf(*scale) && qn_palette_weight(p, e + i) > 0)
                *scale = sign ? x : fabsf(x);
        }
    }
    for (int64_t g = 0; g < p->n_groups; g++)
        scales[g] /= top_of(p);
}

/* |x| sorted by group; ends[g]: where group g ends. */
static void percentiles_of_groups(const qn_palette *p, float *sorted, int64_t *ends, float *scales) {
    qn_run run;
    for (int64_t e = 0; e < p->n; e += run.n) {
        run = qn_run_at(&p->groups, e, p->n - e);
        for (int64_t i = 0; i < run.n; i++)
            ends[run.group + i * run.step] += qn_palette_weight(p, e + i) > 0;
    }
    for (int64_t g = 0, at = 0; g < p->n_groups; g++) { /* to where it begins */
        const int64_t count = ends[g];
        ends[g] = at;
        at += count;
    }
    for (int64_t e = 0; e < p->n; e += run.n) {
        run = qn_run_at(&p->groups, e, p->n - e);
        for (int64_t i = 0; i < run.n; i++)
            if (qn_palette_weight(p, e + i) > 0)
                sorted[ends[run.group + i * run.step]++] = fabsf(p->x[e + i]);
    }
    for (int64_t g = 0, begin = 0; g < p->n_groups; begin = ends[g++]) {
        scales[g] = ends[g] > begin ? qn_percentile(sorted + begin, ends[g] - begin, p->how->scheme.percentile) / top_of(p) : 0.0f;
    }
}

static qn_status first_scales(qn_palette *p, float *scales) {
    if (p->how->scheme.range != QN_RANGE_PERCENTILE) {
        largest_of_groups(p, scales);
        return QN_OK;
    }
    float *sorted = qn_scratch_take(p->ctx, (size_t)(p->n + 1) * sizeof *sorted);
    int64_t *ends;
    if (!sorted)
        return qn_fail_memory(p->ctx, (size_t)p->n * sizeof *sorted, "percentiles");
    qn_status status = QN_OK;
    ends = qn_scratch_take(p->ctx, (size_t)(p->n_groups + 1) * sizeof *ends);
    if (ends) {
        memset(ends, 0, (size_t)p->n_groups * sizeof *ends);
        percentiles_of_groups(p, sorted, ends, scales);
    } else {
        status = qn_fail_memory(p->ctx, (size_t)p->n_groups * sizeof *ends, "percentiles");
    }
    qn_scratch_give(p->ctx, sorted);
    qn_scratch_give(p->ctx, ends);
    return status;
}

qn_status qn_palette_first_scales(qn_palette *p) { return first_scales(p, p->scales); }

/* ---- least squares under the tables ----------------------------------------------------------------------- */

/* Of each group: sum w x v, sum w v^2, and the best so far of (sum w x v)^2 / sum w v^2, which is what the squared error is less than
 * sum w x^2. */
typedef struct fit {
    double xv, vv, best;
    float scale;
} fit;

enum { PIECE = 4096 }; /* a multiple of every width */

/* n elements from e on, at most PIECE, whole vectors but at the tensor's end, under one table. */
static void add_piece(const qn_palette *p, const float *table, int64_t e, int64_t n, const float *scales, float factor, fit *fits) {
    float v[PIECE + 4] = {0};
    uint8_t index[PIECE + 4];
    qn_run run;
    for (int64_t i = 0; i < n; i += run.n) {
        run = qn_run_at(&p->groups, e + i, n - i);
        for (int64_t k = 0; k < run.n; k++) {
            const float scale = scales[run.group + k * run.step] * factor;
            v[i + k] = scale != 0 ? p->x[e + i + k] / scale : 0.0f;
        }
    }
    qn_palette_nearest(p, table, v, (n + p->width - 1) / p->width * p->width, index);
    for (int64_t i = 0; i < n; i += run.n) {
        run = qn_run_at(&p->groups, e + i, n - i);
        for (int64_t k = 0; k < run.n; k++) {
            fit *f = &fits[run.group + k * run.step];
            const double w = (double)qn_palette_weight(p, e + i + k),
                         entry = (double)table[index[(i + k) / p->width] * p->width + (int)((i + k) % p->width)];
            f->xv += w * (double)p->x[e + i + k] * entry;
            f->vv += w * entry * entry;
        }
    }
}

/* Every element by scales[group] * factor. */
static void try_factor(const qn_palette *p, const float *scales, float factor, fit *fits) {
    const bool sign = qn_scales_signed(p->c);
    for (int64_t g = 0; g < p->n_groups; g++)
        fits[g].xv = fits[g].vv = 0;
    for (int64_t t = 0; t < p->n_tables; t++) {
        const qn_served s = qn_palette_served(p, t);
        for (int64_t r = 0; r < s.n_runs; r++)
            for (int64_t at = 0; at < s.length; at += PIECE)
                add_piece(p, &p->lut[t * p->entries * p->width], s.first + r * s.stride + at,
                          s.length - at < PIECE ? s.length - at : PIECE, scales, factor, fits);
    }
    for (int64_t g = 0; g < p->n_groups; g++) {
        fit *f = &fits[g];
        const double gain = f->vv > 0 ? f->xv * f->xv / f->vv : 0;
        if (gain > f->best && (sign || f->xv > 0)) {
            f->best = gain;
            f->scale = (float)(f->xv / f->vv);
        }
    }
}

qn_status qn_palette_refine_scales(qn_palette *p) {
    static const float factors[] = {0.80f, 0.86f, 0.91f, 0.95f, 0.98f, 1.0f, 1.03f, 1.07f, 1.12f};
    enum { FACTORS = sizeof factors / sizeof *factors };
    fit *fits;
    float *first;
    QN_NEW_ARRAY(p->ctx, p->arena, fits, p->n_groups);
    QN_NEW_ARRAY(p->ctx, p->arena, first, p->n_groups);
    QN_TRY(first_scales(p, first));
    for (int64_t g = 0; g < p->n_groups; g++)
        fits[g].scale = p->scales[g];
    try_factor(p, p->scales, 1.0f, fits);
    for (int k = 0; k < FACTORS && p->width == 1; k++)
        try_factor(p, first, factors[k], fits);
    for (int64_t g = 0; g < p->n_groups; g++)
        p->scales[g] = fits[g].scale;
    return QN_OK;
}
