/* K-means of vectors: starts on a sample, then Lloyd's iteration over all. */
#include "quant/vector_kmeans.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/pool.h"
#include "quant/nearest.h"
#include "quant/vector_start.h"

enum { MAX_CENTRES = 256, SAMPLE = 1 << 14, USUAL_ITERATIONS = 30, PIECE = 4096, PIECES = 256, SEEDS = 2 };
static const double g_enough = 1e-5; /* of the error: less gain than that ends the iteration */

/** What one piece found. */
typedef struct piece {
    double error;
    double far; /* largest weight * squared distance, scaled */
    int64_t at; /* of this vector */
} piece;

typedef struct work {
    qn_context *ctx;
    qn_cloud cloud;
    int k;
    qn_nearest_fn *nearest;
    float scale;           /* a power of two */
    int64_t grain;         /* vectors of a piece */
    int64_t n_pieces;
    const float *centres;  /* [k][dim] */
    float *scaled;         /* [k][dim] */
    double *sums;          /* [n_pieces][k][dim + 1]: of weight * vector, and of weight */
    piece *pieces;         /* [n_pieces] */
    uint8_t *index;        /* qn_nearest_vectors */
} work;

/** A power of two that brings the largest magnitude to at most 1; 1 when there is none or it is not finite. */
static float scale_of(const float *x, int64_t n, float top) {
    for (int64_t i = 0; i < n; i++)
        top = fabsf(x[i]) > top ? fabsf(x[i]) : top;
    int e;
    if (!(top > 0 && top <= FLT_MAX))
        return 1;
    (void)frexpf(top, &e);
    return ldexpf(1, e < -126 ? 126 : -e);
}

static void scale_centres(work *w) {
    for (int i = 0; i < w->k * w->cloud.dim; i++)
        w->scaled[i] = w->centres[i] * w->scale;
}

/** The nearest centres of vectors at..at+n-1, n <= QN_NEAREST_CHUNK. */
static void nearest_chunk(const work *w, int64_t at, int64_t n, uint8_t *index, float *distance) {
    float planes[QN_NEAREST_DIMS * QN_NEAREST_CHUNK];
    const int dim = w->cloud.dim;
    const float *x = w->cloud.x + at * dim;
    for (int d = 0; d < dim; d++) {
        float *plane = planes + d * QN_NEAREST_CHUNK;
        for (int64_t i = 0; i < n; i++)
            plane[i] = x[i * dim + d] * w->scale;
        for (int64_t i = n; i < QN_NEAREST_CHUNK; i++)
            plane[i] = 0;
    }
    w->nearest(planes, dim, w->scaled, w->k, index, distance);
}

static void index_piece(void *arg, int64_t begin, int64_t end, int worker) {
    const work *w = arg;
    uint8_t index[QN_NEAREST_CHUNK];
    float distance[QN_NEAREST_CHUNK];
    (void)worker;
    for (int64_t at = begin; at < end; at += QN_NEAREST_CHUNK) {
        const int64_t n = end - at < QN_NEAREST_CHUNK ? end - at : QN_NEAREST_CHUNK;
        nearest_chunk(w, at, n, index, distance);
        memcpy(w->index + at, index, (size_t)n);
    }
}

static void sum_piece(void *arg, int64_t begin, int64_t end, int worker) {
    const work *w = arg;
    const int dim = w->cloud.dim;
    const int64_t which = begin / w->grain;
    double *sums = w->sums + which * w->k * (dim + 1);
    piece found = {0, 0, begin};
    uint8_t index[QN_NEAREST_CHUNK];
    float distance[QN_NEAREST_CHUNK];
    (void)worker;
    memset(sums, 0, (size_t)w->k * (size_t)(dim + 1) * sizeof *sums);
    for (int64_t at = begin; at < end; at += QN_NEAREST_CHUNK) {
        const int64_t n = end - at < QN_NEAREST_CHUNK ? end - at : QN_NEAREST_CHUNK;
        nearest_chunk(w, at, n, index, distance);
        for (int64_t i = 0; i < n; i++) {
            const float *x = w->cloud.x + (at + i) * dim, *centre = w->centres + (int64_t)index[i] * dim;
            double *sum = sums + (int64_t)index[i] * (dim + 1), d2 = 0;
            const double weight = qn_cloud_weight(&w->cloud, at + i);
            for (int d = 0; d < dim; d++) {
                const double t = (double)x[d] - (double)centre[d];
                d2 += t * t;
                sum[d] += weight * (double)x[d];
            }
            sum[dim] += weight;
            found.error += weight * d2;
            if (weight * (double)distance[i] > found.far) {
                found.far = weight * (double)distance[i];
                found.at = at + i;
            }
        }
    }
    w->pieces[which] = found;
}

/** Error of `centres`; the sums of the pieces are left in that of the first. */
static double assign(work *w, const float *centres) {
    const int64_t n = (int64_t)w->k * (w->cloud.dim + 1);
    w->centres = centres;
    scale_centres(w);
    qn_parallel_for(w->ctx, w->cloud.n, w->grain, sum_piece, w);
    double error = w->pieces[0].error;
    for (int64_t p = 1; p < w->n_pieces; p++) {
        error += w->pieces[p].error;
        for (int64_t i = 0; i < n; i++)
            w->sums[i] += w->sums[p * n + i];
    }
    return error;
}

/** The farthest vector of a piece that has given none yet; -1 when all are on their centres. */
static int64_t take_farthest(work *w) {
    int64_t best = 0;
    for (int64_t p = 1; p < w->n_pieces; p++)
        best = w->pieces[p].far > w->pieces[best].far ? p : best;
    if (!(w->pieces[best].far > 0))
        return -1;
    w->pieces[best].far = 0;
    return w->pieces[best].at;
}

/** Means of what is nearest to each centre; a centre without any moves to a far vector, or stays. */
static void move(work *w, float *centres) {
    const int dim = w->cloud.dim;
    for (int c = 0; c < w->k; c++) {
        const double *sum = w->sums + (int64_t)c * (dim + 1);
        if (sum[dim] > 0) {
            for (int d = 0; d < dim; d++)
                centres[c * dim + d] = (float)(sum[d] / sum[dim]);
            continue;
        }
        const int64_t far = take_farthest(w);
        if (far >= 0)
            memcpy(centres + (int64_t)c * dim, w->cloud.x + far * dim, (size_t)dim * sizeof *centres);
    }
}

/** Improve centres[k][dim]; their error. */
static double lloyd(work *w, int iterations, float *centres) {
    float now[MAX_CENTRES * QN_NEAREST_DIMS];
    const size_t n_bytes = (size_t)w->k * (size_t)w->cloud.dim * sizeof *now;
    double best = INFINITY;
    memcpy(now, centres, n_bytes);
    for (int i = 0;; i++) {
        const double error = assign(w, now), gained = best - error;
        if (i > 0 && !(gained > 0))
            return best;
        best = error;
        memcpy(centres, now, n_bytes);
        if (i == iterations || (i > 0 && gained < g_enough * error))
            return best;
        move(w, now);
    }
}

static qn_status prepare(work *w, qn_arena *arena) {
    const int64_t even = (w->cloud.n + PIECES - 1) / PIECES;
    w->grain = even > PIECE ? even : PIECE;
    w->n_pieces = (w->cloud.n + w->grain - 1) / w->grain;
    w->scale = scale_of(w->cloud.x, w->cloud.n * w->cloud.dim, 0);
    w->nearest = QN_ISA_PICK(w->ctx, qn_nearest);
    QN_NEW_ARRAY(w->ctx, arena, w->scaled, w->k * w->cloud.dim);
    QN_NEW_ARRAY(w->ctx, arena, w->sums, w->n_pieces * w->k * (w->cloud.dim + 1));
    QN_NEW_ARRAY(w->ctx, arena, w->pieces, w->n_pieces);
    return QN_OK;
}

/** Vectors evenly spaced among all of `cloud`; the cloud itself when they are few, or none of the sample has weight. */
static qn_status sample(qn_context *ctx, qn_arena *arena, const qn_cloud *cloud, qn_cloud *out) {
    float *x, *weight = NULL, total = 0;
    *out = *cloud;
    if (cloud->n <= SAMPLE)
        return QN_OK;
    QN_NEW_ARRAY(ctx, arena, x, SAMPLE * cloud->dim);
    if (cloud->weight)
        QN_NEW_ARRAY(ctx, arena, weight, SAMPLE);
    for (int64_t i = 0; i < SAMPLE; i++) {
        const int64_t from = cloud->n / SAMPLE * i + cloud->n % SAMPLE * i / SAMPLE;
        memcpy(x + i * cloud->dim, cloud->x + from * cloud->dim, (size_t)cloud->dim * sizeof *x);
        if (weight) {
            weight[i] = cloud->weight[from];
            total += weight[i];
        }
    }
    if (!weight || total > 0)
        *out = (qn_cloud){x, weight, SAMPLE, cloud->dim};
    return QN_OK;
}

/** The best of the starts, improved on a sample. */
static qn_status begin(qn_context *ctx, qn_arena *arena, const qn_cloud *cloud, int k, float *centres) {
    work w = {.ctx = ctx, .k = k};
    int64_t *order;
    double *least, best = INFINITY;
    float tried[MAX_CENTRES * QN_NEAREST_DIMS];
    QN_TRY(sample(ctx, arena, cloud, &w.cloud));
    QN_TRY(prepare(&w, arena));
    QN_NEW_ARRAY(ctx, arena, order, w.cloud.n);
    QN_NEW_ARRAY(ctx, arena, least, w.cloud.n);
    for (int start = 0; start <= SEEDS; start++) {
        if (start == 0)
            qn_start_split(&w.cloud, k, order, tried);
        else
            qn_start_plusplus(&w.cloud, k, (uint64_t)start, least, tried);
        const double error = lloyd(&w, USUAL_ITERATIONS, tried);
        if (start == 0 || error < best) {
            best = error;
            memcpy(centres, tried, (size_t)k * (size_t)cloud->dim * sizeof *centres);
        }
    }
    return QN_OK;
}

static qn_status solve(qn_context *ctx, qn_arena *arena, const qn_cloud *cloud, int k, int iterations, float *centres,
                       double *error) {
    work w = {.ctx = ctx, .cloud = *cloud, .k = k};
    QN_TRY(begin(ctx, arena, cloud, k, centres));
    QN_TRY(prepare(&w, arena));
    *error = lloyd(&w, iterations > 0 ? iterations : USUAL_ITERATIONS, centres);
    return QN_OK;
}

qn_status qn_vector_kmeans(qn_context *ctx, const float *vectors, const float *weights, int64_t n, int dim, int k,
                           int iterations, float *centres, uint8_t *index, double *error) {
    *error = 0;
    memset(centres, 0, (size_t)k * (size_t)dim * sizeof *centres);
    bool any = false;
    for (int64_t i = 0; weights && i < n && !any; i++)
        any = weights[i] > 0;
    if (n <= 0)
        return QN_OK;
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(ctx, 0, "arena");
    const qn_cloud cloud = {vectors, any ? weights : NULL, n, dim};
    const qn_status status = solve(ctx, arena, &cloud, k, iterations, centres, error);
    qn_arena_destroy(arena);
    if (status == QN_OK && index)
        qn_nearest_vectors(ctx, vectors, n, dim, centres, k, index);
    return status;
}

void qn_nearest_vectors(qn_context *ctx, const float *vectors, int64_t n, int dim, const float *centres, int k,
                        uint8_t *index) {
    float scaled[MAX_CENTRES * QN_NEAREST_DIMS], top = 0;
    for (int i = 0; i < k * dim; i++)
        top = fabsf(centres[i]) > top ? fabsf(centres[i]) : top;
    work w = {.ctx = ctx, .cloud = {vectors, NULL, n, dim}, .k = k, .centres = centres, .scaled = scaled, .index = index};
    w.scale = scale_of(vectors, n * dim, top);
    w.nearest = QN_ISA_PICK(ctx, qn_nearest);
    scale_centres(&w);
    qn_parallel_for(ctx, n, PIECE, index_piece, &w);
}
