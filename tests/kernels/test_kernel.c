/* The table of kernels and the view a kernel has of a node. */
#include "kernels/eval.h"
#include "tests/kernels/run_node.h"

#include "base/half.h"
#include "ir/text.h"

#include <math.h>

/* Every op has a reference kernel, except If, which the session runs. */
QN_TEST(kernels_kernel_reference_rows) {
    qn_context *ctx = qn_test_context();
    for (int op = QN_OP_NONE + 1; op < QN_OP_COUNT; op++) {
        qn_node node = {.op = (qn_op)op, .name = ""};
        qn_kernel_args args = {.ctx = ctx, .node = &node};
        const qn_kernel *kernel = qn_kernel_choose(&args, true);
        if (op == QN_OP_If) {
            assert_null(kernel);
            continue;
        }
        assert_non_null(kernel);
        assert_int_equal(kernel->op, op);
        assert_string_equal(kernel->name, "ref");
    }
    qn_context_destroy(ctx);
}

/* float16 operands: computed in float32, rounded once at the end of the node. */
QN_TEST(kernels_kernel_half) {
    node_test t = node_begin();
    qn_tensor a = pattern_as(&t, QN_F16, 1, DIMS(64)), b = pattern_as(&t, QN_F16, 2, DIMS(64));
    const qn_tensor *y = run_ref(&t, "Mul", 1, IN(a, b));
    assert_int_equal(y->dtype, QN_F16);
    for (int i = 0; i < 64; i++)
        assert_int_equal(((const uint16_t *)y->data)[i], qn_f32_to_f16((float)(element(&a, i) * element(&b, i))));
    /* an overflow of float16 is seen */
    y = run_ref(&t, "Mul", 1, IN(scaled(a, 10000), scaled(b, 10000)));
    bool overflow = false;
    for (int i = 0; i < 64; i++)
        overflow = overflow || isinf(element(y, i));
    assert_true(overflow);
    node_end(&t);
}

/* Rows of an encoded table are decoded as they are asked for, and rounded to the table's dtype. */
QN_TEST(kernels_kernel_encoded_gather) {
    static const int8_t codes[] = {1, -2, 3, 4, 5, -6};
    static const float scales[] = {0.5f, 2};
    static const float rows[2][3] = {{0.5f, -1, 1.5f}, {8, 10, -12}};
    static const int64_t picks[] = {1, 0, -1, 1}, wrong[] = {0, 2, 0, 0};
    for (int d = 0; d < 3; d++) {
        node_test t = node_begin();
        const qn_dtype dtype = d == 0 ? QN_F32 : d == 1 ? QN_F16 : QN_BF16;
        const qn_const c = {.dtype = dtype, .rank = 2, .dims = {2, 3}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8,
                            .scale_dtype = QN_F32, .symmetric = true, .axis = 0, .part = {{codes, 6}, {scales, 8}}};
        qn_graph *g;
        ASSERT_OK(t.ctx, qn_graph_parse(t.ctx,
                                        "input %w: float32[2,3]\ninput %i: int64[2,2]\n%y = Gather(%w, %i)\n"
                                        "output %y\n",
                                        &g));
        const qn_const *in_const[] = {&c, NULL};
        qn_tensor in[] = {{.dtype = dtype, .rank = 2, .dims = {2, 3}},
                          {.dtype = QN_I64, .rank = 2, .dims = {2, 2}, .n_bytes = 32, .data = (void *)(uintptr_t)picks}};
        float room[12];
        qn_tensor out[] = {{.dtype = dtype, .rank = 3, .dims = {2, 2, 3}, .n_bytes = 12 * qn_dtype_bytes(dtype), .data = room}};
        qn_kernel_args args = {.ctx = t.ctx, .node = g->first, .n_in = 2, .n_out = 1, .in = in, .in_const = in_const,
                               .out = out, .scratch = t.arena};
        const qn_kernel *kernel = qn_kernel_choose(&args, false);
        assert_string_equal(kernel->name, "move");
        ASSERT_OK(t.ctx, qn_kernel_run(kernel, &args));
        for (int i = 0; i < 12; i++)
            assert_true(fabs(element(&out[0], i) - (double)rows[picks[i / 3] ? 1 : 0][i % 3]) <= 0);
        in[1].data = (void *)(uintptr_t)wrong;
        assert_int_equal(qn_kernel_run(kernel, &args), QN_MALFORMED);
        qn_graph_destroy(g);
        node_end(&t);
    }
}

/* An encoded constant reaches a kernel that does not read it as its decoded values. */
QN_TEST(kernels_kernel_encoded) {
    node_test t = node_begin();
    static const int8_t codes[] = {1, -2, 3, 4, 5, -6};
    static const float scales[] = {0.5f, 2};
    const qn_const c = {.dtype = QN_F32, .rank = 2, .dims = {2, 3}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8,
                        .scale_dtype = QN_F32, .symmetric = true, .axis = 0, .part = {{codes, 6}, {scales, 8}}};
    qn_graph *g;
    ASSERT_OK(t.ctx, qn_graph_parse(t.ctx, "input %x: float32[1,2]\ninput %w: float32[2,3]\n%y = MatMul(%x, %w)\noutput %y\n", &g));
    const qn_const *in_const[] = {NULL, &c};
    qn_tensor in[] = {tensor(F32(1, 10), DIMS(1, 2)), {.dtype = QN_F32, .rank = 2, .dims = {2, 3}}};
    qn_tensor out[] = {tensor(F32(0, 0, 0), DIMS(1, 3))};
    qn_kernel_args args = {.ctx = t.ctx, .node = g->first, .n_in = 2, .n_out = 1, .in = in, .in_const = in_const,
                           .out = out, .scratch = t.arena};
    for (int reference = 0; reference < 2; reference++) {
        const qn_kernel *kernel = qn_kernel_choose(&args, reference != 0);
        ASSERT_OK(t.ctx, qn_kernel_run(kernel, &args));
        expect(&out[0], 1e-5, F32(80.5f, 99, -118.5f), DIMS(1, 3));
    }
    qn_graph_destroy(g);
    node_end(&t);
}

QN_TEST(kernels_kernel_fail_names_the_node) {
    node_test t = node_begin();
    qn_graph *g;
    ASSERT_OK(t.ctx, qn_graph_parse(t.ctx, "input %x: float32[1]\n%y = Relu(%x)\noutput %y\n", &g));
    qn_kernel_args args = {.ctx = t.ctx, .node = g->first};
    ASSERT_FAILS(t.ctx, QN_UNSUPPORTED, "Relu 'y': 3 of 4", qn_kernel_fail(&args, QN_UNSUPPORTED, "%d of %d", 3, 4));
    qn_graph_destroy(g);
    node_end(&t);
}
