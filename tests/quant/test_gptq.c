/* GPTQ against the algorithm as the paper writes it, in float64, and against rounding to nearest. */
#include "quant/gptq.h"

#include "kernels/eval.h"
#include "quant/cholesky.h"
#include "quant/encode.h"
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_K = 300, MOST_ROWS = 40 };

static uint32_t g_seed;
static double noise(void) {
    g_seed = g_seed * 1664525u + 1013904223u;
    return (double)(g_seed >> 8) / 8388608.0 - 1.0;
}

/* gram[k, k] of `samples` inputs whose channels share `shared` factors: correlated as activations are. */
static void make_gram(int k, int samples, int shared, float *gram) {
    double *x = calloc((size_t)(samples * k) + 1, sizeof *x), mix[16][MOST_K];
    assert_non_null(x);
    for (int f = 0; f < shared; f++)
        for (int i = 0; i < k; i++)
            mix[f][i] = noise();
    for (int s = 0; s < samples; s++) {
        double factor[16];
        for (int f = 0; f < shared; f++)
            factor[f] = noise();
        for (int i = 0; i < k; i++) {
            x[s * k + i] = 0.3 * noise() * (i % 7 == 2 ? 4 : 1);
            for (int f = 0; f < shared; f++)
                x[s * k + i] += factor[f] * mix[f][i];
        }
    }
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++) {
            double sum = 0;
            for (int s = 0; s < samples; s++)
                sum += x[s * k + i] * x[s * k + j];
            gram[i * k + j] = (float)sum;
        }
    free(x);
}

static double error_under(int rows, int k, const float *w, const float *q, const float *h) {
    double sum = 0;
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < k; i++)
            for (int j = 0; j < k; j++)
                sum += ((double)w[r * k + i] - (double)q[r * k + i]) * (double)h[i * k + j] * ((double)w[r * k + j] - (double)q[r * k + j]);
    return sum;
}

static qn_const linear(qn_dtype code, int rows, int k, int64_t block, qn_encode_how *how) {
    how->importance_axis = 1;
    return (qn_const){.dtype = QN_F32, .rank = 2, .dims = {rows, k}, .encoding = QN_ENC_AFFINE, .code_dtype = code,
                      .symmetric = qn_code_type_of(code)->is_signed, .scale_dtype = QN_F32, .axis = block ? 1 : 0, .block = block,
                      .lut_axis = -1, .how = how, .name = "w"};
}

static void stored(qn_context *ctx, qn_const *c, float *out) {
    assert_null(qn_const_encoding_fault(c));
    ASSERT_OK(ctx, qn_const_decode(ctx, c, 0, qn_const_numel(c), out));
}

/* Inverse of a symmetric positive definite matrix by Gauss and Jordan. */
static void invert(int n, const double *a, double *inverse) {
    double work[16][32];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            work[i][j] = a[i * n + j];
            work[i][n + j] = i == j;
        }
    for (int p = 0; p < n; p++) {
        const double pivot = work[p][p];
        for (int j = 0; j < 2 * n; j++)
            work[p][j] /= pivot;
        for (int i = 0; i < n; i++) {
            const double f = work[i][p];
            for (int j = 0; i != p && j < 2 * n; j++)
                work[i][j] -= f * work[p][j];
        }
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            inverse[i * n + j] = work[i][n + j];
}

/* One row under one scale: the weight that is rounded moves all that are left by -(error / [H^-1]_qq) [H^-1]_q:, then its row and
 * column leave H: Frantar et al. 2022, equations 2 and 3, in the given order. */
static void paper(int n, const float *w, const float *gram, const int *order, float scale, int least, int most, float *out) {
    double left[16], h[256], inverse[256], mean = 0;
    for (int i = 0; i < n; i++)
        mean += (double)gram[i * n + i] / n;
    for (int i = 0; i < n; i++)
        left[i] = (double)w[order[i]];
    for (int at = 0; at < n; at++) {
        const int m = n - at;
        for (int i = 0; i < m; i++)
            for (int j = 0; j < m; j++)
                h[i * m + j] = (double)gram[order[at + i] * n + order[at + j]] + (i == j ? 0.01 * mean : 0);
        invert(m, h, inverse);
        double q = rint(left[at] / (double)scale);
        q = q < least ? least : q > most ? most : q;
        out[order[at]] = (float)(q * (double)scale);
        const double error = (left[at] - (double)out[order[at]]) / inverse[0];
        for (int i = 0; i < m; i++)
            left[at + i] -= error * inverse[i];
    }
}

/* Rows that rounding to nearest serves better, H damped, have it. */
QN_TEST(quant_gptq_is_what_the_paper_says) {
    qn_context *ctx = qn_test_context();
    for (int k = 1; k <= 13; k += 3)
        for (int act_order = 0; act_order <= 1; act_order++) {
            float w[6 * 16], gram[256], damped[256], got[6 * 16], want[16], near[16], mean = 0;
            int order[16];
            qn_arena *arena = qn_arena_create();
            qn_encode_how how = {.scheme = {.compensation = QN_COMPENSATE_GPTQ, .act_order = act_order}};
            qn_const c = linear(QN_I2, 6, k, 0, &how);
            g_seed = (uint32_t)(k * 2 + act_order);
            for (int i = 0; i < 6 * k; i++)
                w[i] = (float)noise();
            make_gram(k, 50, 2, gram);
            for (int i = 0; i < k; i++)
                mean += gram[i * k + i] / (float)k;
            for (int i = 0; i < k * k; i++)
                damped[i] = gram[i] + (i % (k + 1) == 0 ? 0.01f * mean : 0);
            ASSERT_OK(ctx, qn_gptq_encode(ctx, arena, &c, w, gram, 0, c.part, NULL));
            stored(ctx, &c, got);
            for (int i = 0; i < k; i++)
                order[i] = i;
            for (int i = 0; act_order && i < k; i++) /* falling */
                for (int j = i + 1; j < k; j++)
                    if (gram[order[j] * k + order[j]] > gram[order[i] * k + order[i]]) {
                        const int kept = order[i];
                        order[i] = order[j];
                        order[j] = kept;
                    }
            for (int r = 0; r < 6; r++) {
                const float scale = qn_const_scale(&c, r);
                paper(k, w + r * k, gram, order, scale, -2, 1, want);
                for (int i = 0; i < k; i++)
                    near[i] = scale * fminf(fmaxf(rintf(w[r * k + i] / scale), -2), 1);
                if (error_under(1, k, w + r * k, near, damped) < error_under(1, k, w + r * k, want, damped))
                    memcpy(want, near, sizeof want);
                for (int i = 0; i < k; i++)
                    assert_float_equal(got[r * k + i], want[i], 1e-6);
            }
            qn_arena_destroy(arena);
        }
    qn_context_destroy(ctx);
}

/* Every encoding, every layout: never worse than rounding to nearest, and refining never undoes. */
QN_TEST(quant_gptq_errs_less_than_nearest) {
    static const struct {
        qn_const c;
        qn_range_choice range;
        bool act_order;
        double at_most; /* of the error of rounding to nearest */
    } cases[] = {
        {{.code_dtype = QN_I4, .symmetric = true, .scale_dtype = QN_F16, .axis = 1, .block = 32}, QN_RANGE_MINMAX, false, 0.7},
        {{.code_dtype = QN_I4, .symmetric = true, .scale_dtype = QN_F16, .axis = 1, .block = 32}, QN_RANGE_MSE, true, 0.7},
        {{.code_dtype = QN_U4, .scale_dtype = QN_F16, .axis = 1, .block = 32}, QN_RANGE_MINMAX, false, 0.7},
        {{.code_dtype = QN_U3, .scale_dtype = QN_BF16, .axis = 1, .block = 16}, QN_RANGE_MINMAX, true, 0.7},
        {{.code_dtype = QN_I2, .symmetric = true, .scale_dtype = QN_F32, .axis = 1, .block = 64}, QN_RANGE_MINMAX, false, 0.7},
        {{.code_dtype = QN_I8, .symmetric = true, .scale_dtype = QN_F32, .axis = 0}, QN_RANGE_MINMAX, false, 0.7},
        {{.code_dtype = QN_U8, .scale_dtype = QN_F32, .axis = -1}, QN_RANGE_MINMAX, false, 0.7},
        {{.code_dtype = QN_I4, .symmetric = true, .scale_dtype = QN_I8, .super_dtype = QN_F32, .axis = 1, .block = 32}, QN_RANGE_MINMAX, false, 0.7},
        {{.code_dtype = QN_I4, .symmetric = true, .scale_dtype = QN_U6, .super_dtype = QN_F16, .super_block = 8, .axis = 1, .block = 32}, QN_RANGE_MSE, false, 0.7},
        {{.code_dtype = QN_I4, .symmetric = true, .scale_dtype = QN_F32, .axis = 1, .block = 32, .axis2 = 0, .block2 = 4}, QN_RANGE_MINMAX, false, 0.7},
        {{.code_dtype = QN_F8E4M3, .symmetric = true, .scale_dtype = QN_F32, .axis = 0}, QN_RANGE_MINMAX, false, 0.7},
        {{.code_dtype = QN_F4E2M1, .symmetric = true, .scale_dtype = QN_F8E8M0, .axis = 1, .block = 32}, QN_RANGE_MINMAX, false, 0.7},
        {{.encoding = QN_ENC_PALETTE, .bits = 3, .width = 1, .lut_dtype = QN_F16, .lut_axis = 0, .lut_group = 5}, QN_RANGE_MINMAX, false, 0.7},
        {{.encoding = QN_ENC_PALETTE, .bits = 4, .width = 1, .lut_dtype = QN_I8, .lut_axis = -1, .scale_dtype = QN_F16, .axis = 0}, QN_RANGE_MINMAX, true, 0.7},
    };
    enum { ROWS = 12, K = 200 };
    static float w[ROWS * K], gram[K * K], near[ROWS * K], first[ROWS * K], last[ROWS * K];
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        qn_arena *arena = qn_arena_create();
        qn_encode_how how = {.scheme = {.range = cases[i].range, .act_order = cases[i].act_order}, .importance_axis = 1};
        qn_const c = cases[i].c;
        c.dtype = QN_F32;
        c.rank = 2;
        c.dims[0] = ROWS;
        c.dims[1] = K;
        c.encoding = c.encoding ? c.encoding : QN_ENC_AFFINE;
        if (c.encoding == QN_ENC_AFFINE)
            c.lut_axis = -1;
        c.name = "w";
        c.how = &how;
        g_seed = (uint32_t)i + 1;
        for (int e = 0; e < ROWS * K; e++)
            w[e] = (float)(noise() + noise() + noise());
        make_gram(K, 500, 8, gram);
        double relative;
        ASSERT_OK(ctx, qn_encode(ctx, arena, &c, w, c.part));
        stored(ctx, &c, near);
        ASSERT_OK(ctx, qn_gptq_encode(ctx, arena, &c, w, gram, 0, c.part, NULL));
        stored(ctx, &c, first);
        ASSERT_OK(ctx, qn_gptq_encode(ctx, arena, &c, w, gram, QN_GPTQ_SWEEPS, c.part, &relative));
        stored(ctx, &c, last);
        const double plain = error_under(ROWS, K, w, near, gram), gptq = error_under(ROWS, K, w, first, gram),
                     refined = error_under(ROWS, K, w, last, gram);
        if (getenv("QN_SHOW"))
            print_message("case %d: nearest %g gptq %.3f refined %.3f\n", (int)i, plain, gptq / plain, refined / plain);
        assert_true(gptq <= cases[i].at_most * plain);
        assert_true(refined <= 1.001 * gptq); /* what falls is the damped error */
        for (int e = 0; e < ROWS * K; e++)
            near[e] = 0;
        assert_true(fabs(relative - refined / error_under(ROWS, K, w, near, gram)) <= 1e-4 * relative);
        qn_arena_destroy(arena);
    }
    qn_context_destroy(ctx);
}

/* A matrix of 4 bits under a gram matrix, in the layout [K, N] too: its numbers. */
static void compensate(qn_context *ctx, int rows, int k, const float *w, const float *gram, bool turned, int sweeps,
                       float *out) {
    qn_arena *arena = qn_arena_create();
    qn_encode_how how = {.scheme = {.range = QN_RANGE_MINMAX}};
    qn_const c = linear(QN_I4, rows, k, 32, &how);
    if (turned) {
        c.dims[0] = k;
        c.dims[1] = rows;
        c.axis = how.importance_axis = 0;
    }
    ASSERT_OK(ctx, qn_gptq_encode(ctx, arena, &c, w, gram, sweeps, c.part, NULL));
    stored(ctx, &c, out);
    qn_arena_destroy(arena);
}

enum { ROWS = 37, K = 150 };
static float g_w[ROWS * K], g_turned[ROWS * K], g_gram[K * K], g_a[ROWS * K], g_b[ROWS * K];

static void make_case(uint32_t seed, int samples) {
    g_seed = seed;
    for (int e = 0; e < ROWS * K; e++)
        g_w[e] = (float)(noise() + noise() + noise());
    make_gram(K, samples, 5, g_gram);
}

QN_TEST(quant_gptq_has_the_same_bits_on_any_thread_count_and_layout) {
    const qn_context_options one = {.threads = 1}, three = {.threads = 3};
    qn_context *a, *b;
    assert_int_equal(qn_context_create(&one, &a), QN_OK);
    assert_int_equal(qn_context_create(&three, &b), QN_OK);
    make_case(5, 400);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < K; i++)
            g_turned[i * ROWS + r] = g_w[r * K + i];
    compensate(a, ROWS, K, g_w, g_gram, false, QN_GPTQ_SWEEPS, g_a);
    compensate(b, ROWS, K, g_w, g_gram, false, QN_GPTQ_SWEEPS, g_b);
    assert_memory_equal(g_a, g_b, sizeof g_a);
    compensate(b, ROWS, K, g_turned, g_gram, true, QN_GPTQ_SWEEPS, g_b);
    for (int r = 0; r < ROWS; r++)
        for (int i = 0; i < K; i++)
            assert_true(g_a[r * K + i] == g_b[i * ROWS + r]);
    qn_context_destroy(a);
    qn_context_destroy(b);
}

/* Inputs that were 0 throughout say nothing: their weights are within half a step, and no error is moved to them. */
QN_TEST(quant_gptq_rounds_weights_of_dead_inputs_to_nearest) {
    qn_context *ctx = qn_test_context();
    make_case(6, 400);
    for (int i = 0; i < K; i++)
        for (int dead = 3; dead < K; dead += 40)
            g_gram[dead * K + i] = g_gram[i * K + dead] = 0;
    compensate(ctx, ROWS, K, g_w, g_gram, false, 0, g_a);
    for (int r = 0; r < ROWS; r++)
        for (int dead = 3; dead < K; dead += 40) {
            float largest = 0;
            for (int i = dead / 32 * 32; i < dead / 32 * 32 + 32; i++)
                largest = fmaxf(largest, fabsf(g_a[r * K + i]));
            /* the largest number has the code -8; one of the other sign is at most a step beyond 7 */
            assert_true(fabsf(g_a[r * K + dead] - g_w[r * K + dead]) <= 0.13f * largest);
        }
    qn_context_destroy(ctx);
}

/* One sample, and none that is not 0: H has no factor without damping. */
QN_TEST(quant_gptq_takes_matrices_without_full_rank) {
    qn_context *ctx = qn_test_context();
    static float zero[K * K];
    make_case(7, 1);
    compensate(ctx, ROWS, K, g_w, g_gram, false, QN_GPTQ_SWEEPS, g_a);
    compensate(ctx, ROWS, K, g_w, zero, false, QN_GPTQ_SWEEPS, g_b);
    assert_true(error_under(ROWS, K, g_w, g_a, g_gram) < 0.1 * error_under(ROWS, K, g_w, g_b, g_gram));
    for (int e = 0; e < ROWS * K; e++)
        assert_true(fabsf(g_b[e] - g_w[e]) < 0.5f); /* magnitudes are under 3, in 7 steps or more */
    qn_context_destroy(ctx);
}

QN_TEST(quant_gptq_of_one_input_is_nearest) {
    qn_context *ctx = qn_test_context();
    const float gram = 2, w[3] = {0.7f, -1, 0};
    compensate(ctx, 3, 1, w, &gram, false, QN_GPTQ_SWEEPS, g_a);
    for (int i = 0; i < 3; i++)
        assert_float_equal(g_a[i], w[i], 1e-6);
    qn_context_destroy(ctx);
}
