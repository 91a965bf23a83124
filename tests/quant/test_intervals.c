/* Intervals on a line: the same whether blocks are dropped early, late or not. */
#include "tests/test.h"

#include <math.h>

#include "base/random.h"
#include "quant/intervals.h"
#include "tests/quant/line_brute.h"

enum { M = 2000 };

typedef struct sums {
    qn_line line;
    line_point points[M];
    float x[M];
    double w[M + 1], s[M + 1];
} sums;

static void sum_up(sums *v, int m) {
    double total = 0, mean = 0;
    for (int i = 0; i < m; i++) {
        v->points[i] = (line_point){(double)v->x[i], 1};
        mean += (double)v->x[i] / m;
    }
    v->w[0] = v->s[0] = 0;
    for (int i = 0; i < m; i++) {
        const double d = (double)v->x[i] - mean;
        v->w[i + 1] = v->w[i] + 1;
        v->s[i + 1] = v->s[i] + d;
        total += d * d;
    }
    v->line = (qn_line){.m = m, .x = v->x, .w = v->w, .s = v->s, .origin = mean, .squares = total, .whole = true};
}

static double error_of(const sums *v, const uint32_t *bounds, int k) {
    double error = 0;
    for (int c = 0; c < k; c++) {
        double mean = 0;
        assert_true(bounds[c] < bounds[c + 1]);
        for (uint32_t i = bounds[c]; i < bounds[c + 1]; i++)
            mean += (double)v->x[i] / (bounds[c + 1] - bounds[c]);
        for (uint32_t i = bounds[c]; i < bounds[c + 1]; i++)
            error += ((double)v->x[i] - mean) * ((double)v->x[i] - mean);
    }
    return error;
}

/* Points with one optimum, with two (mirrored), evenly spaced (a shift costs next to nothing), and at growing distances. */
static float place(int kind, int i, int m, uint64_t *seed) {
    const double u = (double)(i + 1) / (m + 1);
    switch (kind) {
    case 0:
        return (float)(i + qn_random_uniform(seed) * 0.9);
    case 1:
        return (float)(i < m / 2 ? -1.0 - 1.0 / (i + 1) - (m - i) * 1e-4 : i * 1e-3);
    case 2:
        return (float)i;
    default:
        return (float)exp(8 * u);
    }
}

QN_TEST(quant_intervals_any_room) {
    static sums v;
    static const int64_t room[] = {0, 1, 3000, 20000};
    static const int ks[] = {2, 3, 7, 16, 40, 256};
    qn_slab slab = {0};
    uint32_t bounds[257];
    uint64_t seed = 1;
    for (int kind = 0; kind < 4; kind++) {
        for (int i = 0; i < M; i++)
            v.x[i] = place(kind, i, M, &seed);
        for (int i = 1; i < M; i++)
            assert_true(v.x[i] > v.x[i - 1]);
        sum_up(&v, M);
        for (size_t k = 0; k < sizeof ks / sizeof ks[0]; k++) {
            const double least = ks[k] > 40 ? -1 : line_brute(v.points, M, ks[k]);
            double first = 0;
            for (size_t r = 0; r < sizeof room / sizeof room[0]; r++) {
                assert_true(qn_intervals(&slab, &v.line, ks[k], room[r], bounds));
                assert_int_equal(bounds[0], 0);
                assert_int_equal(bounds[ks[k]], M);
                const double error = error_of(&v, bounds, ks[k]), may = v.line.squares * 1e-12;
                first = r == 0 ? error : first;
                assert_true(fabs(error - first) <= may);
                assert_true(least < 0 || fabs(error - least) <= may);
            }
        }
    }
    qn_slab_free(&slab);
}

/* Down to a few points each, and to as many intervals as points. */
QN_TEST(quant_intervals_few_points) {
    static sums v;
    qn_slab slab = {0};
    uint32_t bounds[41];
    for (int m = 1; m <= 40; m++) {
        for (int i = 0; i < m; i++)
            v.x[i] = (float)(i * i % 7 + 10 * i);
        sum_up(&v, m);
        for (int k = 1; k <= m; k++) {
            assert_true(qn_intervals(&slab, &v.line, k, 0, bounds));
            assert_true(fabs(error_of(&v, bounds, k) - line_brute(v.points, m, k)) <= v.line.squares * 1e-12);
        }
    }
    qn_slab_free(&slab);
}
