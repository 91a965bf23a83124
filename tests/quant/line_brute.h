/* The least error of k clusters on a line, by going through all partitions of the sorted values: the judge of the fast way. */
#ifndef QN_TESTS_QUANT_LINE_BRUTE_H
#define QN_TESTS_QUANT_LINE_BRUTE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BRUTE_MAX = 2048 };

typedef struct line_point {
    double x, w;
} line_point;

static int line_brute_order(const void *a, const void *b) {
    const double x = ((const line_point *)a)->x, y = ((const line_point *)b)->x;
    return (x > y) - (x < y);
}

/** Different values of n <= LINE_BRUTE_MAX, ascending, with their weights (NULL: 1 each); how many. */
static inline int line_brute_points(const float *values, const float *weights, int n, line_point *points) {
    int m = 0;
    for (int i = 0; i < n; i++)
        points[i] = (line_point){(double)values[i], weights ? (double)weights[i] : 1};
    qsort(points, (size_t)n, sizeof *points, line_brute_order);
    for (int i = 0; i < n; i++)
        if (m > 0 && points[m - 1].x == points[i].x)
            points[m - 1].w += points[i].w;
        else
            points[m++] = points[i];
    return m;
}

/** O(k m^2): least[e] of j clusters of the first e points, from that of j - 1; the error of a cluster by Welford's update, so
 *  that nothing cancels. */
static inline double line_brute(const line_point *points, int m, int k) {
    static double least[2][LINE_BRUTE_MAX + 1];
    for (int e = 0; e <= m; e++)
        least[0][e] = e > 0 ? INFINITY : 0;
    for (int j = 1; j <= k; j++) {
        const double *before = least[(j - 1) % 2];
        double *now = least[j % 2];
        for (int e = 0; e <= m; e++) {
            double total = 0, mean = 0, error = 0;
            now[e] = before[e]; /* a cluster may be empty */
            for (int i = e - 1; i >= 0; i--) {
                const double d = points[i].x - mean;
                total += points[i].w;
                if (total > 0) {
                    mean += points[i].w / total * d;
                    error += points[i].w * d * (points[i].x - mean);
                }
                now[e] = before[i] + error < now[e] ? before[i] + error : now[e];
            }
        }
    }
    return least[k % 2][m];
}

#endif
