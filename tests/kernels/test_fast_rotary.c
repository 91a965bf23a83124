#include "tests/kernels/fast_node.h"

#include <string.h>

/* Numbers under 2 in magnitude: two products and their sum are within 3 u of 8 (u = 2^-24). */
#define TOL (3 * 0x1p-24 * 8)

static qn_tensor positions(node_test *t, int64_t b, int64_t s, int64_t n_rows) {
    int64_t *p = qn_arena_alloc(t->arena, (size_t)(b * s) * sizeof *p);
    assert_non_null(p);
    for (int64_t i = 0; i < b * s; i++)
        p[i] = (7 * i + 3) % n_rows;
    return tensor(QN_I64, b * s, p, DIMS(b, s));
}

QN_TEST(kernels_rotary) {
    static const int64_t widths[] = {2, 6, 16, 34, 64, 80, 128};
    node_test t = node_begin();
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        const int64_t d = widths[i];
        check_fast("RotaryEmbedding", TOL, 1,
                   IN(pattern(&t, 1, DIMS(2, 3, 5, d)), pattern(&t, 2, DIMS(11, d / 2)),
                      pattern(&t, 3, DIMS(11, d / 2)), positions(&t, 2, 5, 11)));
        check_fast("RotaryEmbedding {num_heads=3}", TOL, 1,
                   IN(pattern(&t, 1, DIMS(2, 5, 3 * d)), pattern(&t, 2, DIMS(2, 5, d / 2)),
                      pattern(&t, 3, DIMS(2, 5, d / 2))));
        check_fast(
            "RotaryEmbedding {interleaved=1}", TOL, 1,
            IN(pattern(&t, 1, DIMS(1, 2, 4, d)), pattern(&t, 2, DIMS(1, 4, d / 2)), pattern(&t, 3, DIMS(1, 4, d / 2))));
    }
    check_fast("RotaryEmbedding {rotary_embedding_dim=20}", TOL, 1,
               IN(pattern(&t, 1, DIMS(1, 2, 4, 37)), pattern(&t, 2, DIMS(1, 4, 10)), pattern(&t, 3, DIMS(1, 4, 10))));
    check_fast("RotaryEmbedding", 0x1p-9 * 8, 1, /* each result rounded to half a unit of float16 at 4 to 8 */
               IN(pattern_as(&t, QN_F16, 1, DIMS(1, 2, 4, 32)), pattern_as(&t, QN_F16, 2, DIMS(1, 4, 16)),
                  pattern_as(&t, QN_F16, 3, DIMS(1, 4, 16))));
    node_end(&t);
}

QN_TEST(kernels_rotary_refuses_positions) {
    static int64_t p[] = {0, 11};
    for (int i = 0; i < 4; i++) {
        node_test t = node_begin();
        qn_tensor y;
        p[1] = i % 2 ? -1 : 11;
        assert_int_equal(try_node(&t, i / 2 != 0, "RotaryEmbedding", &y, 1,
                                  IN(pattern(&t, 1, DIMS(1, 3, 2, 8)), pattern(&t, 2, DIMS(11, 4)),
                                     pattern(&t, 3, DIMS(11, 4)), tensor(QN_I64, 2, p, DIMS(1, 2)))),
                         QN_MALFORMED);
        assert_non_null(strstr(qn_context_message(t.ctx), "there are 11"));
        node_end(&t);
    }
}
