/* Tables and indices, each against its definition. */
#include "tests/test.h"

#include <float.h>
#include <math.h>

#include "base/random.h"
#include "quant/lut.h"

QN_TEST(quant_lut_uniform) {
    float table[256];
    qn_lut_uniform(-1, 2, 4, table);
    assert_true(table[0] == -1 && table[1] == 0 && table[2] == 1 && table[3] == 2);
    qn_lut_uniform(-1, 2, 1, table);
    assert_true(table[0] == 0.5f);
    qn_lut_uniform(3, 3, 3, table);
    assert_true(table[0] == 3 && table[1] == 3 && table[2] == 3);
    /* ends exact, ascending, no overflow between */
    const float ends[3][2] = {{-FLT_MAX, FLT_MAX}, {0.1f, 0.3f}, {-1e-40f, 1e-40f}};
    for (int e = 0; e < 3; e++) {
        qn_lut_uniform(ends[e][0], ends[e][1], 256, table);
        assert_true(table[0] == ends[e][0] && table[255] == ends[e][1]);
        for (int i = 1; i < 256; i++)
            assert_true(isfinite(table[i]) && table[i] > table[i - 1]);
    }
}

/* Every value comes back with its bits. */
QN_TEST(quant_lut_unique_is_lossless) {
    enum { N = 3000 };
    static float values[N];
    float table[256], different[200];
    uint8_t index[N];
    int count = -1;
    uint64_t seed = 1;
    for (int i = 0; i < 200; i++)
        different[i] = i == 0 ? 0.0f : i == 1 ? -0.0f : i == 2 ? NAN : i == 3 ? -INFINITY : (float)qn_random_normal(&seed);
    for (int i = 0; i < N; i++)
        values[i] = different[i < 200 ? i : (int)(qn_random_next(&seed) % 200)];
    assert_false(qn_lut_unique(values, N, 199, table, &count));
    assert_true(qn_lut_unique(values, N, 200, table, &count));
    assert_int_equal(count, 200);
    for (int i = 1; i < 199; i++) /* the NaN is last */
        assert_true(table[i] > table[i - 1] || (table[i] == 0 && signbit(table[i - 1]) && !signbit(table[i])));
    qn_lut_exact(table, count, values, N, index);
    for (int i = 0; i < N; i++)
        assert_memory_equal(&table[index[i]], &values[i], sizeof values[i]);
    assert_true(qn_lut_unique(values, 0, 1, table, &count));
    assert_int_equal(count, 0);
}

/* The definition: least |x - t| as a double, the first of equals. */
static uint8_t nearest(const float *table, int k, float x) {
    int best = 0;
    for (int i = 1; i < k; i++)
        if (fabs((double)x - (double)table[i]) < fabs((double)x - (double)table[best]))
            best = i;
    return (uint8_t)best;
}

QN_TEST(quant_lut_nearest) {
    enum { N = 2000 };
    static const int ks[] = {1, 2, 3, 5, 16, 17, 255, 256};
    static float x[N];
    float table[256];
    uint8_t index[N];
    uint64_t seed = 2;
    for (size_t k = 0; k < sizeof ks / sizeof ks[0]; k++)
        for (int kind = 0; kind < 3; kind++) {
            /* apart; in pairs that are the same; neighbours among floats, whose middle is none */
            table[0] = kind == 2 ? 1 : -3;
            for (int i = 1; i < ks[k]; i++)
                table[i] = kind == 0   ? table[i - 1] + (float)(0.01 + qn_random_uniform(&seed))
                           : kind == 1 ? table[i - 1] + (i % 2 ? 0.0f : 0.5f)
                                       : nextafterf(table[i - 1], INFINITY);
            for (int i = 0; i < N; i++) {
                const float a = table[qn_random_next(&seed) % (uint64_t)ks[k]], b = table[(size_t)i % (size_t)ks[k]];
                x[i] = i % 3 == 0 ? a : i % 3 == 1 ? (a + b) / 2 : a + (float)qn_random_normal(&seed);
            }
            qn_lut_nearest(table, ks[k], x, N, index);
            for (int i = 0; i < N; i++)
                assert_int_equal(index[i], nearest(table, ks[k], x[i]));
        }
}

QN_TEST(quant_lut_nearest_ties_and_ends) {
    const float table[4] = {-1, 0, 2, 2}, x[8] = {-0.5f, 1, nextafterf(1, 2), -0.0f, FLT_MAX, -INFINITY, NAN, INFINITY};
    const uint8_t want[8] = {0, 1, 2, 1, 2, 0, 0, 2};
    const float far[2] = {-FLT_MAX, FLT_MAX};
    uint8_t index[8];
    qn_lut_nearest(table, 4, x, 8, index);
    assert_memory_equal(index, want, 8);
    qn_lut_nearest(far, 2, x, 4, index);
    assert_true(index[0] == 0 && index[1] == 1 && index[3] == 0);
}
