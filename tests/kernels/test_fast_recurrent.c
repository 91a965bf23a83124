#include "tests/kernels/fast_node.h"

#include <stdio.h>

/* Gates are sums of I + H products of sixteenths (exact before the first activation), states are under 1 and forget, so
 * the error stays at a few times that of the activations, 4e-7. */
#define TOL 5e-6

static void check(const char *op, int64_t gates, int64_t T, int64_t B, int64_t I, int64_t H, const char *attrs,
                  int64_t dirs, bool batch_first) {
    node_test t = node_begin();
    char node[256];
    snprintf(node, sizeof node, "%s {hidden_size=%lld%s}", op, (long long)H, attrs);
    qn_tensor x = batch_first ? pattern(&t, 1, DIMS(B, T, I)) : pattern(&t, 1, DIMS(T, B, I));
    qn_tensor w = scaled(pattern(&t, 2, DIMS(dirs, gates * H, I)), 0.25),
              r = scaled(pattern(&t, 3, DIMS(dirs, gates * H, H)), 0.25);
    qn_tensor b = pattern(&t, 4, DIMS(dirs, 2 * gates * H));
    qn_tensor h = scaled(batch_first ? pattern(&t, 5, DIMS(B, dirs, H)) : pattern(&t, 5, DIMS(dirs, B, H)), 0.5);
    qn_tensor c = scaled(batch_first ? pattern(&t, 6, DIMS(B, dirs, H)) : pattern(&t, 6, DIMS(dirs, B, H)), 0.5);
    int32_t n_out = gates == 4 ? 3 : 2;
    check_fast(node, TOL, n_out, IN(x, w, r));
    check_fast(node, TOL, n_out, IN(x, w, r, b));
    check_fast(node, TOL, n_out, IN(x, w, r, b, ABSENT, h));
    if (gates == 4)
        check_fast(node, TOL, n_out, IN(x, w, r, b, ABSENT, h, c));
    node_end(&t);
}

static const struct {
    int64_t T, B, I, H;
} g_sizes[] = {{1, 1, 3, 2}, {7, 3, 5, 4}, {5, 17, 8, 33}, {12, 1, 20, 64}, {3, 2, 0, 5}, {0, 2, 3, 4}};

QN_TEST(kernels_recurrent_lstm) {
    for (size_t i = 0; i < sizeof g_sizes / sizeof g_sizes[0]; i++) {
        check("LSTM", 4, g_sizes[i].T, g_sizes[i].B, g_sizes[i].I, g_sizes[i].H, "", 1, false);
        check("LSTM", 4, g_sizes[i].T, g_sizes[i].B, g_sizes[i].I, g_sizes[i].H, ", direction=\"reverse\"", 1, false);
        check("LSTM", 4, g_sizes[i].T, g_sizes[i].B, g_sizes[i].I, g_sizes[i].H, ", direction=\"bidirectional\"", 2,
              false);
        check("LSTM", 4, g_sizes[i].T, g_sizes[i].B, g_sizes[i].I, g_sizes[i].H,
              ", direction=\"bidirectional\", layout=1", 2, true);
    }
}

QN_TEST(kernels_recurrent_gru) {
    for (size_t i = 0; i < sizeof g_sizes / sizeof g_sizes[0]; i++)
        for (int linear = 0; linear < 2; linear++) {
            char attrs[128];
            snprintf(attrs, sizeof attrs, ", linear_before_reset=%d", linear);
            check("GRU", 3, g_sizes[i].T, g_sizes[i].B, g_sizes[i].I, g_sizes[i].H, attrs, 1, false);
            snprintf(attrs, sizeof attrs, ", linear_before_reset=%d, direction=\"bidirectional\", layout=1", linear);
            check("GRU", 3, g_sizes[i].T, g_sizes[i].B, g_sizes[i].I, g_sizes[i].H, attrs, 2, true);
            snprintf(attrs, sizeof attrs,
                     ", linear_before_reset=%d, direction=\"reverse\", activations=[\"sigmoid\", \"Tanh\"]", linear);
            check("GRU", 3, g_sizes[i].T, g_sizes[i].B, g_sizes[i].I, g_sizes[i].H, attrs, 1, false);
        }
}

/* Steps in several projections, and a step shared among threads. */
QN_TEST(kernels_recurrent_large) {
    check("LSTM", 4, 300, 32, 1, 33, "", 1, false);
    check("LSTM", 4, 300, 32, 1, 33, ", direction=\"reverse\", layout=1", 1, true);
    check("GRU", 3, 2, 40, 8, 128, "", 1, false);
}

/* Inputs in thousands whose terms cancel: cells near their thresholds are as exact as with small ones. */
static void check_loud(const char *node, int64_t gates, bool batch_first) {
    enum { T = 3, B = 2, I = 96, H = 8 };
    node_test t = node_begin();
    qn_tensor x = scaled(batch_first ? pattern(&t, 1, DIMS(B, T, I)) : pattern(&t, 1, DIMS(T, B, I)), 4099.3);
    qn_tensor w = scaled(pattern(&t, 2, DIMS(1, gates * H, I)), 0.3),
              r = scaled(pattern(&t, 3, DIMS(1, gates * H, H)), 0.25);
    qn_tensor b = pattern(&t, 4, DIMS(1, 2 * gates * H));
    float *px = x.data, *pw = w.data;
    for (int64_t i = 0; i < T * B; i++) /* odd elements repeat the even ones; the weights nearly cancel them */
        for (int64_t k = 1; k < I; k += 2)
            px[i * I + k] = px[i * I + k - 1];
    for (int64_t i = 0; i < gates * H; i++)
        for (int64_t k = 1; k < I; k += 2)
            pw[i * I + k] = -pw[i * I + k - 1] * (1 + 1e-5f * (float)(i % 7));
    check_fast(node, TOL, 2, IN(x, w, r, b));
    node_end(&t);
}

QN_TEST(kernels_recurrent_large_inputs) {
    check_loud("LSTM {hidden_size=8}", 4, false);
    check_loud("LSTM {hidden_size=8, layout=1}", 4, true);
    check_loud("GRU {hidden_size=8}", 3, false);
    check_loud("GRU {hidden_size=8, linear_before_reset=1, layout=1}", 3, true);
}
