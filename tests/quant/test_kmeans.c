/* Exact k-means of numbers against all partitions. */
#include "tests/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/half.h"
#include "base/pool.h"
#include "base/random.h"
#include "quant/kmeans.h"
#include "tests/quant/line_brute.h"

enum { KINDS = 7 };

/* Numbers of many shapes: normal, with ties, far from 0, with long tails, in clumps, of float16, on a lattice. */
static float number(int kind, int i, uint64_t *seed) {
    const double g = qn_random_normal(seed);
    switch (kind) {
    case 0:
        return (float)g;
    case 1:
        return (float)floor(4 * g);
    case 2:
        return (float)(1000 + 0.01 * g);
    case 3:
        return (float)(g * g * g * exp(g));
    case 4:
        return (float)(i % 3 * 10 + 0.1 * g);
    case 5:
        return qn_f16_to_f32(qn_f32_to_f16((float)(0.02 * g)));
    default:
        return (float)(i * 7919 % 61);
    }
}

/* What the centres cost, each value with its nearest. */
static double cost(const float *values, const float *weights, int64_t n, const float *centres, int k) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double least = INFINITY;
        for (int c = 0; c < k; c++) {
            const double d = (double)values[i] - (double)centres[c];
            least = d * d < least ? d * d : least;
        }
        sum += (weights ? (double)weights[i] : 1) * least;
    }
    return sum;
}

/* Rounding a mean to float32 moves it by at most |mean| 2^-24, which costs the square of that for each value; sums in double
 * err by n 2^-53 of what they sum. */
static double slack(const line_point *points, int m, double least) {
    double sum = 0;
    for (int i = 0; i < m; i++)
        sum += points[i].w * points[i].x * points[i].x;
    return sum * 0x1p-48 + least * 1e-12 + 1e-70;
}

static void against_all(qn_kmeans *scratch, const float *values, const float *weights, int n, int k) {
    static line_point points[LINE_BRUTE_MAX];
    float centres[QN_KMEANS_MAX];
    qn_kmeans_result result;
    const int m = line_brute_points(values, weights, n, points);
    const double least = line_brute(points, m, k < m ? k : m), may = slack(points, m, least);
    assert_true(qn_kmeans_exact(scratch, values, weights, n, k, centres, &result));
    if (!(fabs(result.error - least) <= may))
        fail_msg("n %d, %d different, k %d: error %.17g, least %.17g", n, m, k, result.error, least);
    assert_true(cost(values, weights, n, centres, k) <= result.error + may);
    for (int c = 1; c < k; c++)
        assert_true(c < result.used ? centres[c] > centres[c - 1] : centres[c] == centres[c - 1]);
}

QN_TEST(quant_kmeans_least_of_all_partitions) {
    static float values[LINE_BRUTE_MAX], weights[LINE_BRUTE_MAX];
    qn_kmeans *scratch = qn_kmeans_create();
    uint64_t seed = 1;
    for (int t = 0; t < 700; t++) {
        const int n = 1 + (int)(qn_random_next(&seed) % (t % 50 == 0 ? 1500 : 90));
        const int k = 1 + (int)(qn_random_next(&seed) % (t % 3 ? 8 : 40));
        for (int i = 0; i < n; i++) {
            values[i] = number(t % KINDS, i, &seed);
            weights[i] = i % 5 == 1 ? 0 : (float)(qn_random_uniform(&seed) * (i % 7 ? 1 : 100));
        }
        against_all(scratch, values, NULL, n, k);
        if (n > 1)
            against_all(scratch, values, weights, n, k);
    }
    qn_kmeans_destroy(scratch);
}

/* Enough points that whole blocks are dropped, several times. */
QN_TEST(quant_kmeans_least_where_blocks_are_dropped) {
    static float values[LINE_BRUTE_MAX];
    qn_kmeans *scratch = qn_kmeans_create();
    uint64_t seed = 2;
    for (int t = 0; t < 2 * KINDS; t++) {
        for (int i = 0; i < LINE_BRUTE_MAX; i++)
            values[i] = number(t % KINDS, i, &seed);
        against_all(scratch, values, NULL, LINE_BRUTE_MAX, t < KINDS ? 4 : 16);
    }
    qn_kmeans_destroy(scratch);
}

/* Counted by the bits of halves, and sorted because one number is none: the same centres. It has no weight. */
QN_TEST(quant_kmeans_halves_and_floats_agree) {
    enum { N = 50000 };
    float *values = malloc((N + 1) * sizeof *values), *weights = malloc((N + 1) * sizeof *weights);
    float a[64], b[64];
    qn_kmeans_result ra, rb;
    qn_kmeans *scratch = qn_kmeans_create();
    uint64_t seed = 3;
    assert_non_null(values);
    assert_non_null(weights);
    for (int i = 0; i <= N; i++) {
        values[i] = i % 1000 == 0 ? -0.0f : number(5, i, &seed);
        weights[i] = (float)(1 + qn_random_next(&seed) % 4);
    }
    values[N] = 0.1f;
    weights[N] = 0;
    assert_true(qn_kmeans_exact(scratch, values, weights, N, 64, a, &ra));
    assert_true(qn_kmeans_exact(scratch, values, weights, N + 1, 64, b, &rb));
    assert_memory_equal(a, b, sizeof a);
    assert_true(ra.error == rb.error && ra.used == rb.used);
    /* without weights: the same as weights of 1 */
    for (int i = 0; i < N; i++)
        weights[i] = 1;
    assert_true(qn_kmeans_exact(scratch, values, NULL, N, 64, a, &ra));
    assert_true(qn_kmeans_exact(scratch, values, weights, N, 64, b, &rb));
    assert_memory_equal(a, b, sizeof a);
    /* and of any order */
    for (int i = 0; i < N / 2; i++) {
        const float t = values[i];
        values[i] = values[N - 1 - i];
        values[N - 1 - i] = t;
    }
    assert_true(qn_kmeans_exact(scratch, values, NULL, N, 64, b, &rb));
    assert_memory_equal(a, b, sizeof a);
    qn_kmeans_destroy(scratch);
    free(values);
    free(weights);
}

typedef struct many {
    const float *values;
    float (*centres)[8];
    double *errors;
    qn_kmeans **scratch;
} many;
static void groups(void *arg, int64_t begin, int64_t end, int worker) {
    const many *m = arg;
    for (int64_t g = begin; g < end; g++) {
        qn_kmeans_result result = {0, -1};
        if (qn_kmeans_exact(m->scratch[worker], m->values + g * 500, NULL, 500, 8, m->centres[g], &result))
            m->errors[g] = result.error;
    }
}

/* Groups on workers with a scratch each: the same as one after the other, whatever a scratch was used for before. */
QN_TEST(quant_kmeans_on_workers) {
    enum { GROUPS = 40, THREADS = 2 };
    static float values[GROUPS * 500], centres[2][GROUPS][8];
    double errors[2][GROUPS];
    qn_kmeans *scratch[THREADS];
    uint64_t seed = 4;
    for (int i = 0; i < GROUPS * 500; i++)
        values[i] = number(i / 500 % KINDS, i, &seed);
    for (int t = 0; t < THREADS; t++)
        assert_non_null(scratch[t] = qn_kmeans_create());
    for (int t = 0; t < THREADS; t++) {
        qn_pool *pool = qn_pool_create(t + 1);
        many m = {values, centres[t], errors[t], scratch};
        qn_pool_for(pool, GROUPS, 1, groups, &m);
        qn_pool_destroy(pool);
    }
    assert_memory_equal(centres[0], centres[1], sizeof centres[0]);
    assert_memory_equal(errors[0], errors[1], sizeof errors[0]);
    for (int t = 0; t < THREADS; t++)
        qn_kmeans_destroy(scratch[t]);
}

QN_TEST(quant_kmeans_degenerate) {
    qn_kmeans *scratch = qn_kmeans_create();
    qn_kmeans_result r;
    float c[4];
    /* nothing */
    memset(c, 9, sizeof c);
    assert_true(qn_kmeans_exact(scratch, NULL, NULL, 0, 4, c, &r));
    assert_true(r.used == 0 && r.error == 0 && c[0] == 0 && c[3] == 0);
    /* one; all the same; fewer than k: exact, the last repeated */
    const float one[1] = {-0.3f}, same[3] = {7, 7, 7}, two[5] = {0.1f, 3e-41f, 0.1f, 0.1f, 3e-41f};
    assert_true(qn_kmeans_exact(scratch, one, NULL, 1, 4, c, &r));
    assert_true(r.used == 1 && r.error == 0 && c[0] == one[0] && c[3] == one[0]);
    assert_true(qn_kmeans_exact(scratch, same, NULL, 3, 1, c, &r));
    assert_true(r.used == 1 && r.error == 0 && c[0] == 7);
    assert_true(qn_kmeans_exact(scratch, two, NULL, 5, 4, c, &r));
    assert_true(r.used == 2 && r.error == 0 && c[0] == two[1] && c[1] == two[0] && c[2] == two[0] && c[3] == two[0]);
    /* zeros of both signs are one number, +0 */
    const float zeros[4] = {0, -0.0f, -0.0f, 0};
    assert_true(qn_kmeans_exact(scratch, zeros, NULL, 4, 4, c, &r));
    assert_true(r.used == 1 && r.error == 0 && c[0] == 0 && !signbit(c[0]));
    /* weights all 0: as none; a value of weight 0 has no say */
    const float four[4] = {1, 2, 10, 11}, none[4] = {0, 0, 0, 0}, some[4] = {1, 0, 3, 1};
    assert_true(qn_kmeans_exact(scratch, four, none, 4, 2, c, &r));
    assert_true(r.used == 2 && r.error == 1 && c[0] == 1.5f && c[1] == 10.5f);
    assert_true(qn_kmeans_exact(scratch, four, some, 4, 2, c, &r));
    assert_true(r.used == 2 && r.error == 0.75 && c[0] == 1 && c[1] == 10.25f);
    /* the largest and the smallest floats */
    const float huge[4] = {FLT_MAX, -FLT_MAX, FLT_MAX / 2, -FLT_MAX / 2}, tiny[4] = {0x1p-149f, 0x1p-148f, 0x1p-130f, -0x1p-149f};
    assert_true(qn_kmeans_exact(scratch, huge, NULL, 4, 2, c, &r));
    assert_true(r.used == 2 && isfinite(r.error) && c[0] == -FLT_MAX * 0.75f && c[1] == FLT_MAX * 0.75f);
    assert_true(qn_kmeans_exact(scratch, tiny, NULL, 4, 2, c, &r));
    assert_true(r.used == 2 && c[1] == 0x1p-130f);
    qn_kmeans_destroy(scratch);
    qn_kmeans_destroy(NULL);
}

/* Numbers that are not finite are the caller's to refuse; here they only must not hurt. */
QN_TEST(quant_kmeans_not_finite_ends) {
    enum { N = 5000 };
    static float values[N], weights[N];
    qn_kmeans *scratch = qn_kmeans_create();
    qn_kmeans_result r;
    float c[16];
    uint64_t seed = 5;
    const float bads[4] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int b = 0; b < 4; b++) {
        for (int i = 0; i < N; i++) {
            values[i] = i % 100 == 0 ? bads[b] : number(b, i, &seed);
            weights[i] = i % 100 == 1 ? bads[b] : 1;
        }
        assert_true(qn_kmeans_exact(scratch, values, NULL, N, 16, c, &r));
        assert_true(qn_kmeans_exact(scratch, values, weights, N, 16, c, &r));
        assert_true(r.used <= 16);
    }
    qn_kmeans_destroy(scratch);
}
