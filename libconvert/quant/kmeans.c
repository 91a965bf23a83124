/* Exact k-means of numbers: sort, sum, find the intervals, take their means. */
#include "quant/kmeans.h"

#include <math.h>
#include <stdlib.h>

#include "quant/intervals.h"
#include "quant/sorted.h"

enum { SUMS_W, SUMS_S };

struct qn_kmeans {
    qn_slab sorting, sums, solving;
    uint32_t bounds[QN_KMEANS_MAX + 1];
};

qn_kmeans *qn_kmeans_create(void) { return calloc(1, sizeof(qn_kmeans)); }

void qn_kmeans_destroy(qn_kmeans *scratch) {
    if (!scratch)
        return;
    qn_slab_free(&scratch->sorting);
    qn_slab_free(&scratch->sums);
    qn_slab_free(&scratch->solving);
    free(scratch);
}

static double weight(const qn_sorted *points, int64_t i) { return points->weight ? points->weight[i] : 1; }

/** A sum that keeps what rounding drops: after any number of terms it is the exact sum rounded twice, plus n^2 u^2 of the
 *  sum of magnitudes (Ogita, Rump, Oishi: Accurate sum and dot product, 2005, algorithm Sum2). */
typedef struct long_sum {
    double high, low;
} long_sum;

static inline void add(long_sum *sum, double v) {
    const double s = sum->high + v, z = s - sum->high;
    sum->low += (sum->high - (s - z)) + (v - z);
    sum->high = s;
}

/** The line of the points: its sums about their mean. */
static bool sum_up(qn_slab *slab, const qn_sorted *points, bool whole, qn_line *line) {
    const int64_t m = points->m;
    double *w = qn_slab_take(slab, SUMS_W, (size_t)m + 1, sizeof *w);
    double *s = qn_slab_take(slab, SUMS_S, (size_t)m + 1, sizeof *s);
    if (!w || !s)
        return false;
    /* about the first point, so that the mean of points far from 0 and close together is between them */
    const double first = (double)points->x[0], last = (double)points->x[m - 1];
    double total = 0, moment = 0;
    for (int64_t i = 0; i < m; i++) {
        total += weight(points, i);
        moment += weight(points, i) * ((double)points->x[i] - first);
    }
    double origin = first + moment / total;
    origin = origin > last ? last : origin;
    long_sum sw = {0, 0}, ss = {0, 0}, squares = {0, 0};
    w[0] = s[0] = 0;
    for (int64_t i = 0; i < m; i++) {
        const double v = weight(points, i), x = (double)points->x[i] - origin;
        add(&sw, v);
        add(&ss, v * x);
        add(&squares, v * x * x);
        w[i + 1] = sw.high + sw.low;
        s[i + 1] = ss.high + ss.low;
    }
    *line = (qn_line){.m = m, .x = points->x, .w = w, .s = s, .origin = origin,
                      .squares = squares.high + squares.low, .whole = whole};
    return true;
}

/** The mean of the points a..b-1, as float32, and what they err from it. */
static float centre_of(const qn_sorted *points, int64_t a, int64_t b, double *error) {
    const float *x = points->x;
    *error = 0;
    if (b - a == 1)
        return x[a];
    const double from = (double)x[a] + ((double)x[b - 1] - (double)x[a]) / 2;
    double total = 0, moment = 0;
    for (int64_t i = a; i < b; i++) {
        total += weight(points, i);
        moment += weight(points, i) * ((double)x[i] - from);
    }
    float centre = (float)(from + moment / total);
    centre = centre < x[a] ? x[a] : centre > x[b - 1] ? x[b - 1] : centre;
    for (int64_t i = a; i < b; i++) {
        const double d = (double)x[i] - (double)centre;
        *error += weight(points, i) * d * d;
    }
    return centre;
}

bool qn_kmeans_exact(qn_kmeans *scratch, const float *values, const float *weights, int64_t n, int k, float *centres,
                     qn_kmeans_result *result) {
    *result = (qn_kmeans_result){0, 0};
    for (int c = 0; c < k; c++)
        centres[c] = 0;
    if (n <= 0)
        return true;
    qn_sorted points;
    qn_line line;
    if (!qn_sort_merge(&scratch->sorting, values, weights, n, &points))
        return false;
    if (points.m == 0) {
        weights = NULL;
        if (!qn_sort_merge(&scratch->sorting, values, NULL, n, &points))
            return false;
    }
    const int used = points.m < k ? (int)points.m : k;
    if (!sum_up(&scratch->sums, &points, !weights, &line) ||
        !qn_intervals(&scratch->solving, &line, used, 0, scratch->bounds))
        return false;
    for (int c = 0; c < used; c++) {
        double error;
        centres[c] = centre_of(&points, scratch->bounds[c], scratch->bounds[c + 1], &error);
        result->error += error;
    }
    for (int c = used; c < k; c++)
        centres[c] = centres[used - 1];
    result->used = used;
    return true;
}
