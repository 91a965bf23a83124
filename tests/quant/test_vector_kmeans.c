/* K-means of vectors: the error it reports, what it may not do worse than, and that threads and instruction sets do not
 * matter. */
#include "tests/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "quern.h"

#include "base/context.h"
#include "base/random.h"
#include "quant/kmeans.h"
#include "quant/nearest.h"
#include "quant/vector_kmeans.h"

enum { N = 30000, DIM = 4, K = 64 };

static float *cloud(int64_t n, int dim, uint64_t seed) {
    float *x = malloc((size_t)(n * dim) * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n * dim; i++)
        x[i] = (float)(qn_random_normal(&seed) * (i % dim == 0 ? 2 : 1));
    return x;
}

/* The error of centres, in double, each vector with its nearest. */
static double cost(const float *x, const float *weights, int64_t n, int dim, const float *centres, int k) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double least = INFINITY;
        for (int c = 0; c < k; c++) {
            double d2 = 0;
            for (int d = 0; d < dim; d++) {
                const double t = (double)x[i * dim + d] - (double)centres[c * dim + d];
                d2 += t * t;
            }
            least = d2 < least ? d2 : least;
        }
        sum += (weights ? (double)weights[i] : 1) * least;
    }
    return sum;
}

QN_TEST(quant_vector_kmeans_error_and_index) {
    qn_context *ctx = qn_test_context();
    static const int dims[] = {1, 2, 3, 4, 8};
    float centres[16 * 8], weights[3000];
    uint8_t index[3000];
    for (size_t s = 0; s < 2 * sizeof dims / sizeof dims[0]; s++) {
        const int dim = dims[s / 2];
        float *x = cloud(3000, dim, s);
        const float *w = s % 2 ? weights : NULL;
        double error, sum = 0;
        for (int i = 0; i < 3000; i++)
            weights[i] = (float)(i % 4);
        ASSERT_OK(ctx, qn_vector_kmeans(ctx, x, w, 3000, dim, 16, 0, centres, index, &error));
        const double want = cost(x, w, 3000, dim, centres, 16);
        /* distances are compared as float32: a vector between two centres may cost 2^-23 more */
        assert_true(fabs(error - want) <= 1e-6 * want);
        for (int i = 0; i < 3000; i++) {
            assert_true(index[i] < 16);
            sum += (w ? (double)w[i] : 1) * cost(x + i * dim, NULL, 1, dim, centres + index[i] * dim, 1);
        }
        assert_true(fabs(error - sum) <= 1e-9 * sum);
        free(x);
    }
    qn_context_destroy(ctx);
}

/* More iterations, no more error: what came before is kept when the next is worse. */
QN_TEST(quant_vector_kmeans_never_worse) {
    qn_context *ctx = qn_test_context();
    float *x = cloud(N, DIM, 3), centres[K * DIM];
    double before = INFINITY, error;
    for (int iterations = 1; iterations <= 12; iterations++) {
        ASSERT_OK(ctx, qn_vector_kmeans(ctx, x, NULL, N, DIM, K, iterations, centres, NULL, &error));
        assert_true(error <= before);
        before = error;
    }
    free(x);
    qn_context_destroy(ctx);
}

/* Against the exact optimum where there is one: in one dimension the starts come within 2 %. And clusters that lie apart are
 * all found: with centres in their midst the error is that of their own spread. */
QN_TEST(quant_vector_kmeans_quality) {
    qn_context *ctx = qn_test_context();
    float *x = cloud(N, 1, 4), centres[25 * 2];
    qn_kmeans *scratch = qn_kmeans_create();
    qn_kmeans_result exact;
    double error;
    assert_true(qn_kmeans_exact(scratch, x, NULL, N, 8, centres, &exact));
    ASSERT_OK(ctx, qn_vector_kmeans(ctx, x, NULL, N, 1, 8, 0, centres, NULL, &error));
    assert_true(error >= exact.error * (1 - 1e-9) && error <= exact.error * 1.02);
    free(x);
    x = cloud(N, 2, 5);
    for (int i = 0; i < N; i++) { /* a grid of 5 by 5, 100 apart; coordinates of deviation 2 and 1 */
        x[2 * i] += (float)(100 * (i % 5));
        x[2 * i + 1] += (float)(100 * (i / 5 % 5));
    }
    ASSERT_OK(ctx, qn_vector_kmeans(ctx, x, NULL, N, 2, 25, 0, centres, NULL, &error));
    /* variances 4 + 1, within some deviations of their estimate; a cluster without a centre would cost 100^2 N / 25 more */
    assert_true(error < 5.2 * N);
    qn_kmeans_destroy(scratch);
    free(x);
    qn_context_destroy(ctx);
}

QN_TEST(quant_vector_kmeans_same_everywhere) {
    static const struct {
        int threads;
        const char *isa;
    } as[] = {{1, "scalar"}, {2, "scalar"}, {1, NULL}, {2, NULL}, {3, "avx2"}};
    float *x = cloud(N, DIM, 6), first[K * DIM], centres[K * DIM];
    uint8_t *first_index = malloc(N), *index = malloc(N);
    double first_error = 0, error;
    for (size_t i = 0; i < sizeof as / sizeof as[0]; i++) {
        const qn_context_options options = {.threads = as[i].threads, .isa = as[i].isa};
        qn_context *ctx;
        if (qn_context_create(&options, &ctx) != QN_OK)
            continue; /* not of this machine */
        ASSERT_OK(ctx, qn_vector_kmeans(ctx, x, NULL, N, DIM, K, 6, centres, index, &error));
        if (i == 0) {
            memcpy(first, centres, sizeof first);
            memcpy(first_index, index, N);
            first_error = error;
        }
        assert_memory_equal(centres, first, sizeof first);
        assert_memory_equal(index, first_index, N);
        assert_true(error == first_error);
        qn_context_destroy(ctx);
    }
    free(index);
    free(first_index);
    free(x);
}

/* Each form of the kernel against plain C, bits and all. */
QN_TEST(quant_vector_kmeans_nearest_kernel) {
    qn_context *ctx = qn_test_context();
    qn_nearest_fn *fast = QN_ISA_PICK(ctx, qn_nearest);
    for (int dim = 1; dim <= QN_NEAREST_DIMS; dim++)
        for (int k = 1; k <= 256; k += k < 4 ? 1 : 63) {
            float *x = cloud(QN_NEAREST_CHUNK, dim, (uint64_t)(dim * 1000 + k)), *c = cloud(k, dim, (uint64_t)k);
            float distance[QN_NEAREST_CHUNK];
            uint8_t index[QN_NEAREST_CHUNK];
            if (k > 2)
                memcpy(c + (k - 1) * dim, c + dim, (size_t)dim * sizeof *c); /* a repeat: the first is to be found */
            fast(x, dim, c, k, index, distance);
            for (int i = 0; i < QN_NEAREST_CHUNK; i++) {
                float best = INFINITY;
                int at = 0;
                for (int j = 0; j < k; j++) {
                    float sum = 0;
                    for (int d = 0; d < dim; d++) {
                        const float t = x[d * QN_NEAREST_CHUNK + i] - c[j * dim + d];
                        sum = d == 0 ? t * t : sum + t * t;
                    }
                    if (sum < best) {
                        best = sum;
                        at = j;
                    }
                }
                assert_int_equal(index[i], at);
                assert_memory_equal(&distance[i], &best, sizeof best);
            }
            free(x);
            free(c);
        }
    qn_context_destroy(ctx);
}

QN_TEST(quant_vector_kmeans_degenerate) {
    qn_context *ctx = qn_test_context();
    float centres[8 * 2];
    uint8_t index[6];
    double error = -1;
    memset(centres, 9, sizeof centres);
    ASSERT_OK(ctx, qn_vector_kmeans(ctx, NULL, NULL, 0, 2, 8, 0, centres, index, &error));
    assert_true(error == 0 && centres[0] == 0 && centres[15] == 0);
    /* fewer different vectors than centres: each is one, exactly; so are numbers near both ends of float32's range */
    const float scales[4] = {1, 1e-44f, 3e38f, 1e-20f};
    for (int s = 0; s < 4; s++) {
        float x[12] = {1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1};
        for (int i = 0; i < 12; i++)
            x[i] *= scales[s];
        ASSERT_OK(ctx, qn_vector_kmeans(ctx, x, NULL, 6, 2, 8, 0, centres, index, &error));
        assert_true(error == 0);
        for (int i = 0; i < 6; i++)
            assert_memory_equal(centres + 2 * index[i], x + 2 * i, 2 * sizeof *x);
    }
    /* one vector; all the same; weights all 0 are as none */
    const float same[6] = {-0.3f, 7, -0.3f, 7, -0.3f, 7}, none[3] = {0, 0, 0};
    for (int64_t n = 1; n <= 3; n++) {
        ASSERT_OK(ctx, qn_vector_kmeans(ctx, same, n > 1 ? none : NULL, n, 2, 3, 0, centres, index, &error));
        assert_true(error == 0 && centres[0] == same[0] && centres[1] == 7);
    }
    /* not finite: the caller refuses them; no harm here */
    float bad[512];
    const float bads[3] = {NAN, INFINITY, -INFINITY};
    for (int b = 0; b < 3; b++) {
        uint8_t at[256];
        for (int i = 0; i < 512; i++)
            bad[i] = i % 10 == 3 ? bads[b] : (float)(i % 17);
        ASSERT_OK(ctx, qn_vector_kmeans(ctx, bad, NULL, 256, 2, 8, 0, centres, at, &error));
        for (int i = 0; i < 256; i++)
            assert_true(at[i] < 8);
    }
    qn_context_destroy(ctx);
}
