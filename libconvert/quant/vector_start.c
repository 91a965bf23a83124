/* First centres for k-means of vectors. */
#include "quant/vector_start.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

enum { MAX_DIMS = 8, MAX_CENTRES = 256, TURNS = 16 };

/* ---- by splitting ------------------------------------------------------------------------------------ */

/** Vectors order[begin..end) of the cloud. */
typedef struct cluster {
    int64_t begin, end;
    double mean[MAX_DIMS], axis[MAX_DIMS];
    double error; /* -1: cannot be split */
} cluster;

static void measure(const qn_cloud *cloud, const int64_t *order, cluster *c) {
    const int dim = cloud->dim;
    double total = 0, spread[MAX_DIMS][MAX_DIMS] = {{0}};
    memset(c->mean, 0, sizeof c->mean);
    for (int64_t i = c->begin; i < c->end; i++) {
        const double w = qn_cloud_weight(cloud, order[i]);
        total += w;
        for (int d = 0; d < dim; d++)
            c->mean[d] += w * (double)cloud->x[order[i] * dim + d];
    }
    for (int d = 0; d < dim; d++)
        c->mean[d] = total > 0 ? c->mean[d] / total : (double)cloud->x[order[c->begin] * dim + d];
    for (int64_t i = c->begin; i < c->end; i++) {
        const double w = qn_cloud_weight(cloud, order[i]);
        double t[MAX_DIMS];
        for (int d = 0; d < dim; d++)
            t[d] = (double)cloud->x[order[i] * dim + d] - c->mean[d];
        for (int d = 0; d < dim; d++)
            for (int e = 0; e < dim; e++)
                spread[d][e] += w * t[d] * t[e];
    }
    /* the axis: that of the largest coordinate, turned by the matrix a few times (power iteration) */
    int widest = 0;
    c->error = 0;
    for (int d = 0; d < dim; d++) {
        c->error += spread[d][d];
        widest = spread[d][d] > spread[widest][widest] ? d : widest;
    }
    for (int d = 0; d < dim; d++)
        c->axis[d] = spread[d][widest];
    for (int turn = 0; turn < TURNS; turn++) {
        double next[MAX_DIMS] = {0}, top = 0;
        for (int d = 0; d < dim; d++)
            top = fabs(c->axis[d]) > top ? fabs(c->axis[d]) : top;
        if (!(top > 0))
            break;
        for (int d = 0; d < dim; d++)
            for (int e = 0; e < dim; e++)
                next[d] += spread[d][e] * (c->axis[e] / top);
        memcpy(c->axis, next, sizeof next);
    }
    if (!(c->error > 0))
        c->error = -1;
}

static double along(const qn_cloud *cloud, const cluster *c, int64_t i) {
    double sum = 0;
    for (int d = 0; d < cloud->dim; d++)
        sum += c->axis[d] * ((double)cloud->x[i * cloud->dim + d] - c->mean[d]);
    return sum;
}

/** Those of c that lie beyond its mean to `other`; false, and c is never tried again, when that is none or all. */
static bool split(const qn_cloud *cloud, int64_t *order, cluster *c, cluster *other) {
    int64_t a = c->begin, b = c->end;
    while (a < b) {
        if (along(cloud, c, order[a]) > 0) {
            const int64_t t = order[--b];
            order[b] = order[a];
            order[a] = t;
        } else
            a++;
    }
    if (a == c->begin || a == c->end) {
        c->error = -1;
        return false;
    }
    *other = (cluster){.begin = a, .end = c->end};
    c->end = a;
    measure(cloud, order, c);
    measure(cloud, order, other);
    return true;
}

void qn_start_split(const qn_cloud *cloud, int k, int64_t *order, float *centres) {
    cluster clusters[MAX_CENTRES];
    int n = 1;
    for (int64_t i = 0; i < cloud->n; i++)
        order[i] = i;
    clusters[0] = (cluster){.begin = 0, .end = cloud->n};
    measure(cloud, order, &clusters[0]);
    while (n < k) {
        int worst = 0;
        for (int c = 1; c < n; c++)
            worst = clusters[c].error > clusters[worst].error ? c : worst;
        if (!(clusters[worst].error > 0))
            break;
        n += split(cloud, order, &clusters[worst], &clusters[n]);
    }
    for (int c = 0; c < k; c++)
        for (int d = 0; d < cloud->dim; d++)
            centres[c * cloud->dim + d] = (float)clusters[c < n ? c : 0].mean[d];
}

/* ---- k-means++ --------------------------------------------------------------------------------------------- */

void qn_start_plusplus(const qn_cloud *cloud, int k, uint64_t seed, double *least, float *centres) {
    const int dim = cloud->dim;
    for (int64_t i = 0; i < cloud->n; i++)
        least[i] = 1; /* the first: with odds of the weight */
    for (int c = 0; c < k; c++) {
        double total = 0, sum = 0;
        for (int64_t i = 0; i < cloud->n; i++)
            total += qn_cloud_weight(cloud, i) * least[i];
        const double at = qn_random_uniform(&seed) * total;
        int64_t drawn = 0;
        for (int64_t i = 0; i < cloud->n; i++) {
            const double odds = qn_cloud_weight(cloud, i) * least[i];
            if (odds > 0)
                drawn = i;
            sum += odds;
            if (sum > at)
                break;
        }
        const float *centre = cloud->x + drawn * dim;
        memcpy(centres + (int64_t)c * dim, centre, (size_t)dim * sizeof *centre);
        for (int64_t i = 0; i < cloud->n; i++) {
            double d2 = 0;
            for (int d = 0; d < dim; d++) {
                const double t = (double)cloud->x[i * dim + d] - (double)centre[d];
                d2 += t * t;
            }
            least[i] = c == 0 || d2 < least[i] ? d2 : least[i];
        }
    }
}
