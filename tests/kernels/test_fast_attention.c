#include "tests/kernels/fast_node.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Scores of these are sums of 8..64 exact products of magnitude under 1, held below 8 in size by the factor: their
 * float32 error is under 70 u 8 = 4e-5 (u = 2^-24) at the very most, exp turns that into the same relative error, and a
 * weighted mean of values under 2 keeps it. 1e-5 is what remains with the scores that these numbers have (under 2). */
#define TOL 1e-5

QN_TEST(kernels_attention_forms) {
    node_test t = node_begin();
#define P(SEED, F, ...) scaled(pattern(&t, SEED, DIMS(__VA_ARGS__)), F)
    check_fast("MultiHeadAttention {num_heads=2, head_dim=8}", TOL, 1,
               IN(P(1, 0.5, 1, 5, 16), P(2, 0.5, 1, 7, 16), P(3, 1, 1, 7, 16)));
    check_fast("MultiHeadAttention {num_heads=3, head_dim=24, v_head_dim=10}", TOL, 1,
               IN(P(1, 0.5, 2, 3, 40, 24), P(2, 0.5, 2, 3, 300, 24), P(3, 1, 2, 3, 300, 10)));
    /* one packed value: q, k and v by offsets */
    qn_tensor packed = P(4, 0.5, 2, 70, 3 * 64);
    check_fast("MultiHeadAttention {num_heads=4, head_dim=16, q_offset=0, k_offset=64, v_offset=128}", TOL, 1,
               IN(packed, packed, packed));
    /* grouped queries */
    check_fast("MultiHeadAttention {num_heads=6, kv_num_heads=2, head_dim=8, scale=0.25}", TOL, 1,
               IN(P(1, 0.5, 2, 33, 48), P(2, 0.5, 2, 45, 16), P(3, 1, 2, 45, 16)));
    /* values of another width, more than one panel */
    check_fast("MultiHeadAttention {num_heads=2, head_dim=8, v_head_dim=20}", TOL, 1,
               IN(P(1, 0.5, 1, 130, 16), P(2, 0.5, 1, 129, 16), P(3, 1, 1, 129, 40)));
    node_end(&t);
}

QN_TEST(kernels_attention_causal) {
    node_test t = node_begin();
    static const int64_t shapes[][2] = {{1, 1}, {1, 150}, {60, 60}, {33, 133}, {200, 200}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_fast("MultiHeadAttention {num_heads=2, head_dim=8, causal=1}", TOL, 1,
                   IN(P(1, 0.5, 1, shapes[i][0], 16), P(2, 0.5, 1, shapes[i][1], 16), P(3, 1, 1, shapes[i][1], 16)));
    /* more queries than keys: the first see nothing, and are NaN */
    check_fast("MultiHeadAttention {num_heads=2, head_dim=8, causal=1}", TOL, 1,
               IN(P(1, 0.5, 1, 90, 16), P(2, 0.5, 1, 50, 16), P(3, 1, 1, 50, 16)));
    node_end(&t);
}

QN_TEST(kernels_attention_masks) {
    node_test t = node_begin();
    qn_tensor q = P(1, 0.5, 2, 37, 24), k = P(2, 0.5, 2, 140, 24), v = P(3, 1, 2, 140, 24);
    const char *node = "MultiHeadAttention {num_heads=3, head_dim=8}";
    check_fast(node, TOL, 1, IN(q, k, v, P(5, 1, 140)));
    check_fast(node, TOL, 1, IN(q, k, v, P(5, 1, 37, 140)));
    check_fast(node, TOL, 1, IN(q, k, v, P(5, 1, 2, 1, 1, 140)));
    check_fast(node, TOL, 1, IN(q, k, v, P(5, 1, 3, 37, 1)));
    check_fast(node, TOL, 1, IN(q, k, v, P(5, 1, 2, 3, 37, 140)));
    check_fast(node, TOL, 1, IN(q, k, v, pattern_as(&t, QN_F32, 5, SCALAR)));
    check_fast("MultiHeadAttention {num_heads=3, head_dim=8, scale=-0.3}", TOL, 1, IN(q, k, v));
    check_fast("MultiHeadAttention {num_heads=3, head_dim=8, scale=0, causal=1}", TOL, 1, IN(q, k, v));
    /* -infinity: a part, whole blocks, a whole row */
    qn_tensor mask = P(5, 1, 2, 1, 37, 140);
    float *m = mask.data;
    for (int64_t i = 0; i < 2 * 37 * 140; i++) {
        int64_t row = i / 140 % 37, key = i % 140;
        if (row == 3 || (row == 4 && key < 120) || (row == 5 && key > 10) || (row > 20 && (key * 7 + row) % 3 == 0))
            m[i] = -INFINITY;
    }
    check_fast(node, TOL, 1, IN(q, k, v, mask));
    /* the largest negative number in its place */
    for (int64_t i = 0; i < 2 * 37 * 140; i++)
        m[i] = isinf(m[i]) ? -3.4028234e38f : m[i];
    check_fast(node, TOL, 1, IN(q, k, v, mask));
    node_end(&t);
}

QN_TEST(kernels_attention_empty) {
    node_test t = node_begin();
    check_fast("MultiHeadAttention {num_heads=2, head_dim=8}", 0, 1,
               IN(P(1, 1, 1, 5, 16), empty(QN_F32, DIMS(1, 0, 16)), empty(QN_F32, DIMS(1, 0, 16))));
    check_fast("MultiHeadAttention {num_heads=2, head_dim=8}", 0, 1,
               IN(empty(QN_F32, DIMS(1, 0, 16)), P(1, 1, 1, 5, 16), P(1, 1, 1, 5, 16)));
    node_end(&t);
}

/* Keys and queries within 15/16 and D of them: the sum of |q k| is under 0.88 D, times scale 0.88 sqrt(D), and its
 * float32 error under (D + 2) u of that. exp makes it relative, numerator and denominator have it, and values are under
 * 2; their sums over Nk add Nk u each. */
static double bound(int64_t D, int64_t Nk) {
    return 4 * ((double)(D + 8) * 0.88 * sqrt((double)D) + (double)Nk) * 0x1p-24;
}

QN_TEST(kernels_attention_grid) {
    node_test t = node_begin();
    static const int64_t queries[] = {1, 2, 8, 9, 15, 16, 17, 33, 48, 49, 128, 200};
    static const int64_t keys[] = {1, 2, 15, 16, 17, 31, 33, 127, 128, 129, 200}, widths[] = {1, 8, 32, 64, 80, 128};
    static const int64_t groups[][2] = {{2, 2}, {4, 2}, {3, 1}, {4, 1}};
    int64_t i = 0;
    for (size_t a = 0; a < sizeof queries / sizeof queries[0]; a++)
        for (size_t b = 0; b < sizeof keys / sizeof keys[0]; b++, i++) {
            const int64_t D = widths[i % 6], H = groups[i % 4][0], G = groups[i % 4][1], Nq = queries[a], Nk = keys[b];
            char node[160];
            snprintf(node, sizeof node,
                     "MultiHeadAttention {num_heads=%lld, kv_num_heads=%lld, head_dim=%lld, causal=%d, k_offset=%d}",
                     (long long)H, (long long)G, (long long)D, (int)(i / 2 % 2), (int)(i % 3));
            qn_tensor mask = i % 5 ? ABSENT : P(7, 1, 2, 1, 1, Nk);
            check_fast(node, bound(D, Nk), 1,
                       IN(P(1, 0.5, 2, Nq, H * D), P(2, 0.5, 2, Nk, G * D + i % 3), P(3, 1, 2, Nk, G * D), mask));
        }
    node_end(&t);
}

/* Few queries over several chunks, which end within the past or after it. */
QN_TEST(kernels_attention_past) {
    node_test t = node_begin();
    static const struct {
        int64_t Nq, P;
        int causal;
    } rows[] = {{1, 1299, 1}, {1, 40, 0}, {3, 700, 1}, {8, 1024, 1}, {9, 35, 1}, {50, 33, 1}, {60, 130, 0}, {20, 0, 1}};
    static const qn_dtype dtypes[] = {QN_F32, QN_F16, QN_BF16};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int d = 0; d < 3; d++) {
            const int64_t Nq = rows[i].Nq, P = rows[i].P;
            char node[120];
            snprintf(node, sizeof node, "MultiHeadAttention {num_heads=4, kv_num_heads=2, head_dim=24, causal=%d}",
                     rows[i].causal);
#define H(SEED, ...) scaled(pattern_as(&t, dtypes[d], SEED, DIMS(__VA_ARGS__)), 0.5)
            qn_tensor q = H(1, 2, Nq, 96), k = H(2, 2, Nq, 48), v = H(3, 2, Nq, 48);
            qn_tensor pk = P ? H(4, 2, 2, P, 24) : empty(dtypes[d], DIMS(2, 2, 0, 24));
            qn_tensor pv = P ? H(5, 2, 2, P, 24) : empty(dtypes[d], DIMS(2, 2, 0, 24));
            /* halves: as below, of values under 1 */
            const double tol = d == 0 ? bound(24, P + Nq) : d == 1 ? 0x1p-11 : 0x1p-8;
            check_fast(node, tol, 1, IN(q, k, v, ABSENT, pk, pv));
            check_fast(node, tol + (d == 0 ? 1e-6 : 0), 1, IN(q, k, v, H(6, 2, 1, Nq, P + Nq), pk, pv));
            check_fast(node, tol + (d == 0 ? 1e-6 : 0), 1, IN(q, k, v, H(6, 4, 1, 1), pk, pv));
#undef H
        }
    node_end(&t);
}

/* Rows n0..n0+n of x [B, H, N, D]. */
static qn_tensor part(node_test *t, const qn_tensor *x, int64_t n0, int64_t n) {
    const int64_t heads = x->dims[0] * x->dims[1], N = x->dims[2], D = x->dims[3];
    if (n == 0)
        return empty(QN_F32, DIMS(x->dims[0], x->dims[1], 0, D));
    qn_tensor y = pattern(t, 0, DIMS(x->dims[0], x->dims[1], n, D));
    for (int64_t h = 0; h < heads; h++)
        memcpy((float *)y.data + h * n * D, (const float *)x->data + (h * N + n0) * D, (size_t)(n * D) * sizeof(float));
    return y;
}

/* Token by token with what came before as the past is what the whole sequence gives. Both are within the bound of the
 * exact result. */
QN_TEST(kernels_attention_token_by_token) {
    node_test t = node_begin();
    enum { N = 70, D = 16, H = 4, G = 2 };
    const char *node = "MultiHeadAttention {num_heads=4, kv_num_heads=2, head_dim=16, causal=1}";
    qn_tensor q = P(1, 0.5, 1, H, N, D), k = P(2, 0.5, 1, G, N, D), v = P(3, 1, 1, G, N, D);
    const qn_tensor *whole = run_best(&t, node, 1, IN(q, k, v));
    for (int reference = 0; reference < 2; reference++)
        for (int64_t i = 0, n; i < N; i += n) {
            n = i == 0 ? 11 : i == 30 ? 9 : 1;
            qn_tensor one[] = {part(&t, &q, i, n), part(&t, &k, i, n), part(&t, &v, i, n), ABSENT,
                               part(&t, &k, 0, i), part(&t, &v, 0, i)};
            const qn_tensor *y = reference ? run_ref(&t, node, 1, one, 6) : run_best(&t, node, 1, one, 6);
            for (int64_t e = 0; e < n * H * D; e++)
                assert_true(fabs(element(y, e) - element(whole, i * H * D + e)) <= 2 * bound(D, N));
        }
    node_end(&t);
}

/* These numbers are bfloat16 already, so only the weights are rounded, by 2^-9 of themselves; the values are under 2,
 * and the reference may round the other way. */
QN_TEST(kernels_attention_computes_in_bfloat16) {
    node_test t = node_begin();
    static const int64_t shapes[][2] = {{3, 600}, {9, 1}, {17, 33}, {64, 127}, {50, 300}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int64_t Nq = shapes[i][0], Nk = shapes[i][1];
        check_fast("MultiHeadAttention@bfloat16 {num_heads=2, head_dim=25}", 0x1p-7, 1,
                   IN(P(1, 0.5, 1, Nq, 50), P(2, 0.5, 1, Nk, 50), P(3, 1, 1, Nk, 50)));
        check_fast("MultiHeadAttention@bfloat16 {num_heads=2, head_dim=25, scale=-0.2}", 0x1p-7, 1,
                   IN(P(1, 0.5, 1, Nq, 50), P(2, 0.5, 1, Nk, 50), P(3, 1, 1, Nk, 50), P(4, 1, 1, 1, Nq, 1)));
    }
    node_end(&t);
}

/* One rounding more: half a unit of the format, of values under 2. In bfloat16 the weights may be rounded too, by 2^-9
 * of themselves, which is as much again. */
QN_TEST(kernels_attention_halves) {
    node_test t = node_begin();
    static const struct {
        qn_dtype dtype;
        double tol;
    } rows[] = {{QN_F16, 0x1p-10}, {QN_BF16, 0x1p-7}};
    for (int i = 0; i < 2; i++) {
        qn_tensor packed = scaled(pattern_as(&t, rows[i].dtype, 4, DIMS(1, 50, 3 * 64)), 0.5);
        qn_tensor mask = pattern_as(&t, rows[i].dtype, 6, DIMS(50, 50));
        check_fast("MultiHeadAttention {num_heads=4, head_dim=16, q_offset=0, k_offset=64, v_offset=128}", rows[i].tol,
                   1, IN(packed, packed, packed, mask));
    }
    node_end(&t);
}
