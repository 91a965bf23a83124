/* Quantised inputs of fast products. The quantised numbers have the reference's bits; the products that follow differ
 * by the roundings of float32 sums: K terms of at most 2 * 2 give (K + 2) 2^-24 4 K. */
#include "kernels/gemm/fake_quant.h"
#include "tests/kernels/fast_node.h"

#include <math.h>
#include <stdlib.h>

static double sums(int64_t k) { return (double)(k + 2) * 0x1p-24 * 4 * (double)k; }

QN_TEST(kernels_x_quant_products) {
    node_test t = node_begin();
#define P(SEED, ...) pattern(&t, SEED, DIMS(__VA_ARGS__))
    static const int64_t sizes[] = {1, 2, 5, 33};
    for (int m = 0; m < 4; m++)
        for (int n = 0; n < 4; n++) {
            check_fast("Linear {x_quant=\"dynamic_uint8\"}", sums(37), 1,
                       IN(P(1, sizes[m], 37), P(2, 37, sizes[n]), P(3, sizes[n])));
            check_fast("Linear {x_quant=\"dynamic_uint8\", trans_w=1}", sums(64), 1,
                       IN(P(1, 2, sizes[m], 64), P(2, sizes[n], 64)));
        }
    check_fast("Conv {x_quant=\"dynamic_uint8\", pads=[1,1,1,1], group=2}", sums(36), 1,
               IN(P(1, 3, 8, 7, 9), P(2, 6, 4, 3, 3), P(3, 6)));
    check_fast("Conv {x_quant=\"dynamic_uint8\", group=5}", sums(9), 1, IN(P(1, 2, 5, 7, 9), P(2, 5, 1, 3, 3)));
    check_fast("Conv {x_quant=\"dynamic_uint8\"}", sums(8), 1,
               IN(P(1, 1, 8, 40, 70), P(2, 4, 8, 1, 1))); /* two pieces */
    check_fast("ConvTranspose {x_quant=\"dynamic_uint8\", strides=[2,2]}", sums(32), 1,
               IN(P(1, 2, 8, 5, 6), P(2, 8, 3, 2, 2)));
    /* patterns reach -2 .. 2: some are clamped */
    check_fast("Linear {x_quant=\"static_uint8\", x_scale=0.01, x_zero=100}", sums(37), 1, IN(P(1, 5, 37), P(2, 37, 7), P(3, 7)));
    check_fast("Conv {x_quant=\"static_uint8\", x_scale=0.01, x_zero=100, pads=[1,1,1,1], group=2}", sums(36), 1,
               IN(P(1, 3, 8, 7, 9), P(2, 6, 4, 3, 3), P(3, 6)));
    check_fast("ConvTranspose {x_quant=\"static_uint8\", x_scale=0.01, x_zero=200, strides=[2,2]}", sums(32), 1,
               IN(P(1, 2, 8, 5, 6), P(2, 8, 3, 2, 2)));
    node_end(&t);
}

QN_TEST(kernels_x_quant_halves) {
    node_test t = node_begin();
    check_fast("Linear {x_quant=\"dynamic_uint8\"}", sums(37) + 0x1p-10, 1,
               IN(pattern_as(&t, QN_F16, 1, DIMS(5, 37)), pattern_as(&t, QN_F16, 2, DIMS(37, 9))));
    node_end(&t);
}

/* Groups of every raggedness, several pieces long, with zeros and with numbers that are not finite: the same bits on
 * every instruction set. */
QN_TEST(kernels_x_quant_bits) {
    static const char *const isas[] = {"scalar", "avx2", "avx512", "neon"};
    static const int64_t lengths[] = {1, 3, 7, 16, 17, 255, 16384, 16385, 50000};
    for (size_t isa = 0; isa < sizeof isas / sizeof isas[0]; isa++)
        for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
            const int64_t n = lengths[l];
            node_test t = node_begin_isa(isas[isa]);
            qn_tensor x = normal(&t, 7 + l, DIMS(5, n));
            float *v = x.data;
            memset(v + n, 0, (size_t)n * sizeof *v);
            v[3 * n - 1] = INFINITY;
            v[3 * n] = NAN;
            qn_node node = {.op = QN_OP_Linear};
            qn_attr attr = {.name = "x_quant", .kind = QN_ATTR_STRING, .n = 1, .as.s = "dynamic_uint8"};
            node.attrs = &attr;
            node.n_attrs = 1;
            const qn_kernel_args args = {.ctx = t.ctx, .node = &node, .n_in = 1, .in = &x, .scratch = t.arena};
            qn_fake_quant view;
            ASSERT_OK(t.ctx, qn_fake_quant_view(&args, 1, &view));
            const float *got = view.args.in[0].data;
            for (int64_t g = 0; g < 5; g++) {
                float lo = 0, hi = 0;
                for (int64_t i = g * n; i < (g + 1) * n; i++) {
                    lo = v[i] < lo ? v[i] : lo;
                    hi = v[i] > hi ? v[i] : hi;
                }
                const qn_x_quant q = qn_x_quant_make(lo, hi, g != 2 && g != 3);
                for (int64_t i = g * n; i < (g + 1) * n; i++)
                    if (got[i] != qn_x_quant_value(&q, v[i]) && !(g >= 2 && g <= 3 && isnan(got[i])))
                        fail_msg("%s: element %lld of groups of %lld", isas[isa], (long long)i, (long long)n);
            }
            node_end(&t);
        }
}

/* Static codes: no groups, all bits of the reference; numbers far outside and NaN too. */
QN_TEST(kernels_x_quant_static_bits) {
    static const char *const isas[] = {"scalar", "avx2", "avx512", "neon"};
    for (size_t isa = 0; isa < sizeof isas / sizeof isas[0]; isa++) {
        node_test t = node_begin_isa(isas[isa]);
        qn_tensor x = normal(&t, 3, DIMS(3, 20000));
        float *v = x.data;
        v[1] = NAN, v[2] = INFINITY, v[3] = -INFINITY, v[4] = 3e38f, v[20001] = -3e38f;
        qn_attr attrs[] = {{.name = "x_quant", .kind = QN_ATTR_STRING, .n = 1, .as.s = "static_uint8"},
                           {.name = "x_scale", .kind = QN_ATTR_FLOAT, .n = 1, .as.f = 0.013f},
                           {.name = "x_zero", .kind = QN_ATTR_INT, .n = 1, .as.i = 77}};
        qn_node node = {.op = QN_OP_Linear, .attrs = attrs, .n_attrs = 3};
        const qn_kernel_args args = {.ctx = t.ctx, .node = &node, .n_in = 1, .in = &x, .scratch = t.arena};
        const qn_x_quant q = {0.013f, 1.0f / 0.013f, 77, true};
        qn_x_quant found[3];
        qn_fake_quant view;
        ASSERT_OK(t.ctx, qn_fake_quant_view(&args, 1, &view));
        ASSERT_OK(t.ctx, qn_x_quant_groups(&args, 3, 20000, found));
        assert_true(found[2].scale == q.scale && found[2].inverse == q.inverse && found[2].zero_point == 77 && found[2].finite);
        const float *got = view.args.in[0].data;
        for (int64_t i = 0; i < 60000; i++)
            assert_true(got[i] == qn_x_quant_value(&q, v[i]));
        node_end(&t);
    }
}
