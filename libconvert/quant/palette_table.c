/* Tables of a palette, and the nearest of their entries. */
#include "quant/palette_work.h"

#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "quant/kmeans.h"
#include "quant/lut.h"
#include "quant/vector_kmeans.h"

/* ---- nearest ------------------------------------------------------------------------------------------------ */

void qn_palette_nearest(const qn_palette *p, const float *table, const float *v, int64_t n, uint8_t *index) {
    if (p->width > 1)
        qn_nearest_vectors(p->ctx, v, n / p->width, p->width, table, p->entries, index);
    else if (p->how->scheme.table == QN_TABLE_UNIQUE && !p->rounded)
        qn_lut_exact(table, p->entries, v, n, index);
    else
        qn_lut_nearest(table, p->entries, v, n, index);
}

/* n elements from e on, a multiple of the width but at the tensor's end. */
static void choose_run(qn_palette *p, const float *table, int64_t e, int64_t n) {
    const int64_t vectors = n / p->width * p->width;
    qn_palette_nearest(p, table, p->y + e, vectors, p->index + e / p->width);
    if (vectors < n) { /* a cut vector: the missing ones are 0 */
        float last[4] = {0};
        memcpy(last, p->y + e + vectors, (size_t)(n - vectors) * sizeof *last);
        qn_palette_nearest(p, table, last, p->width, p->index + (e + vectors) / p->width);
    }
}

void qn_palette_choose(qn_palette *p) {
    for (int64_t t = 0; t < p->n_tables; t++) {
        const qn_served s = qn_palette_served(p, t);
        for (int64_t r = 0; r < s.n_runs; r++)
            choose_run(p, &p->lut[t * p->entries * p->width], s.first + r * s.stride, s.length);
    }
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

/* What a table serves, one after the other. */
typedef struct gathered {
    float *y, *weight; /* weight NULL: 1 */
    int64_t n;         /* elements; of a cut vector the missing ones are 0 */
} gathered;

static qn_status gather(const qn_palette *p, int64_t t, gathered *g) {
    const qn_served s = qn_palette_served(p, t);
    const int64_t all = s.n_runs * s.length, room = (all + p->width - 1) / p->width * p->width + p->width;
    g->n = 0;
    g->y = qn_scratch_take(p->ctx, (size_t)room * sizeof *g->y);
    g->weight = p->weight ? qn_scratch_take(p->ctx, (size_t)room * sizeof *g->weight) : NULL;
    if (!g->y || (p->weight && !g->weight))
        return qn_fail_memory(p->ctx, (size_t)room * sizeof *g->y, "a table");
    for (int64_t r = 0; r < s.n_runs; r++) {
        const int64_t from = s.first + r * s.stride;
        memcpy(g->y + g->n, p->y + from, (size_t)s.length * sizeof *g->y);
        if (g->weight)
            memcpy(g->weight + g->n, p->weight + from, (size_t)s.length * sizeof *g->weight);
        g->n += s.length;
    }
    for (; g->n % p->width; g->n++) {
        g->y[g->n] = 0;
        if (g->weight)
            g->weight[g->n] = 0;
    }
    return QN_OK;
}

/* The weight of a vector is the mean of its elements' weights. */
static qn_status vector_table(qn_palette *p, const gathered *g, float *table) {
    const int64_t n = g->n / p->width;
    double error;
    for (int64_t i = 0; g->weight && i < n; i++) {
        float sum = 0;
        for (int d = 0; d < p->width; d++)
            sum += g->weight[i * p->width + d];
        g->weight[i] = sum / (float)p->width;
    }
    return qn_vector_kmeans(p->ctx, g->y, g->weight, n, p->width, p->entries, 0, table, NULL, &error);
}

static qn_status kmeans_table(qn_palette *p, const gathered *g, float *table) {
    qn_kmeans_result result;
    if (p->width > 1)
        return vector_table(p, g, table);
    if (qn_kmeans_exact(p->kmeans, g->y, g->weight, g->n, p->entries, table, &result))
        return QN_OK;
    return qn_fail_memory(p->ctx, (size_t)g->n * sizeof *g->y, "k-means");
}

static qn_status uniform_table(qn_palette *p, const gathered *g, float *table) {
    float lo = INFINITY, hi = -INFINITY;
    for (int64_t i = 0; i < g->n; i++)
        if (!g->weight || g->weight[i] > 0) {
            lo = g->y[i] < lo ? g->y[i] : lo;
            hi = g->y[i] > hi ? g->y[i] : hi;
        }
    qn_lut_uniform(lo <= hi ? lo : 0, lo <= hi ? hi : 0, p->entries, table);
    return QN_OK;
}

/* Of what the mask keeps. */
static qn_status unique_table(qn_palette *p, const gathered *g, float *table) {
    int64_t n = 0;
    int count = 0;
    for (int64_t i = 0; i < g->n; i++)
        if (!g->weight || g->weight[i] > 0)
            g->y[n++] = g->y[i];
    if (!qn_lut_unique(g->y, n, p->entries, table, &count))
        return qn_fail(p->ctx, QN_UNSUPPORTED, "tensor '%s' has more than %d different numbers", p->c->name, p->entries);
    for (int k = count; k < p->entries; k++)
        table[k] = count ? table[count - 1] : 0.0f;
    return QN_OK;
}

/* arXiv 2305.14314, appendix E: the quantiles of N(0, 1) over the largest, with an exact 0. */
static qn_status nf4_table(qn_palette *p, const gathered *g, float *table) {
    static const float nf4[16] = {-1.0f, -0.6961928f, -0.52507305f, -0.39491749f, -0.28444138f, -0.18477343f, -0.091050036f, 0.0f,
                                  0.0795803f, 0.1609302f, 0.2461123f, 0.33791524f, 0.44070983f, 0.562617f, 0.72295684f, 1.0f};
    (void)g;
    for (int k = 0; k < p->entries; k++)
        table[k] = nf4[k * 16 / p->entries] * (p->c->lut_dtype == QN_I8 ? 127.0f : 1.0f);
    return QN_OK;
}

qn_status qn_palette_table(qn_palette *p, int64_t t, float *table) {
    static qn_status (*const by_choice[])(qn_palette *, const gathered *, float *) = {
        [QN_TABLE_KMEANS] = kmeans_table, [QN_TABLE_UNIFORM] = uniform_table, [QN_TABLE_UNIQUE] = unique_table, [QN_TABLE_NF4] = nf4_table};
    const qn_table_choice choice = p->how->scheme.table;
    gathered g;
    if (p->width > 1 && choice != QN_TABLE_KMEANS)
        return qn_fail(p->ctx, QN_USAGE, "tensor '%s': vectors come from k-means alone", p->c->name);
    qn_status status = gather(p, t, &g);
    if (status == QN_OK)
        status = by_choice[choice](p, &g, table);
    qn_scratch_give(p->ctx, g.y);
    qn_scratch_give(p->ctx, g.weight);
    return status;
}
