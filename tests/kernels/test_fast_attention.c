#include "tests/kernels/fast_node.h"

#include <math.h>

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

/* one rounding more: half a unit of the format, of values under 2 */
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
