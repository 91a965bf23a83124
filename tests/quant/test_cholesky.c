/* Cholesky factors, over and under the size of a panel. */
#include "quant/cholesky.h"

#include "tests/test.h"

#include <math.h>

enum { MOST = 200 };

QN_TEST(quant_cholesky_gives_the_matrix_back) {
    static double a[MOST * MOST], l[MOST * MOST], work[64 * MOST];
    qn_context *ctx = qn_test_context();
    for (int n = 1; n <= MOST; n = n * 2 + 7) {
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) /* A = C + n 1, C[i, j] = cos(i - j) semidefinite */
                a[i * n + j] = l[i * n + j] = cos(i - j) + (i == j ? n : 0);
        assert_true(qn_cholesky(ctx, n, l, work));
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= i; j++) {
                double sum = 0;
                for (int k = 0; k <= j; k++)
                    sum += l[i * n + k] * l[j * n + k];
                assert_true(fabs(sum - a[i * n + j]) <= 1e-12 * n);
            }
    }
    qn_context_destroy(ctx);
}

QN_TEST(quant_cholesky_refuses_what_is_not_positive_definite) {
    double work[64 * 2], none[4] = {1, 0, 2, 1}, nan[4] = {1, 0, (double)NAN, 1}, zero[1] = {0};
    qn_context *ctx = qn_test_context();
    assert_false(qn_cholesky(ctx, 2, none, work));
    assert_false(qn_cholesky(ctx, 2, nan, work));
    assert_false(qn_cholesky(ctx, 1, zero, work));
    qn_context_destroy(ctx);
}
