#include <math.h>

#include "base/random.h"
#include "tests/test.h"

/* The first numbers of the reference implementation (Vigna, splitmix64.c, 2015) from seed 0. */
QN_TEST(base_random_is_splitmix64) {
    uint64_t seed = 0;
    assert_true(qn_random_next(&seed) == 0xe220a8397b1dcdafu);
    assert_true(qn_random_next(&seed) == 0x6e789e6aa1b965f4u);
    assert_true(qn_random_next(&seed) == 0x06c45d188009454fu);
}

/* Mean and variance of n numbers lie within 5 standard errors: 1/sqrt(n) and sqrt(2/n) for a normal distribution. */
QN_TEST(base_random_normal_moments) {
    enum { N = 100000 };
    uint64_t seed = 1;
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        const double x = qn_random_normal(&seed);
        assert_true(x >= -6 && x <= 6);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / N) < 5 / sqrt(N));
    assert_true(fabs(squares / N - 1) < 5 * sqrt(2.0 / N));
}
