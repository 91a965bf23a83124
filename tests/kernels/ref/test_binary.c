/* Arithmetic, minimum and maximum, comparisons, logic, Where: broadcasting and every dtype. */
#include "tests/kernels/run_node.h"

#include <math.h>

#define BOOLS(...) VALUES(QN_BOOL, uint8_t, __VA_ARGS__)
#define U16S(...) VALUES(QN_U16, uint16_t, __VA_ARGS__)
#define I16S(...) VALUES(QN_I16, int16_t, __VA_ARGS__)
#define U64S(...) VALUES(QN_U64, uint64_t, __VA_ARGS__)

/* Element of x for output index i of shape dims: numpy's rule, written out. */
static double broadcast_at(const qn_tensor *x, int64_t i, int32_t rank, const int64_t *dims) {
    int64_t at = 0, step = 1;
    for (int32_t d = rank - 1, e = x->rank - 1; d >= 0; d--, e--) {
        int64_t k = i % dims[d];
        i /= dims[d];
        if (e >= 0) {
            at += x->dims[e] == 1 ? 0 : k * step;
            step *= x->dims[e];
        }
    }
    return element(x, at);
}

static double apply(char op, double a, double b) {
    return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : op == '<' ? (double)(a < b) : fmax(a, b);
}

/* Every pair of shapes in which each of three dimensions is there, 1 or missing. */
QN_TEST(kernels_ref_binary_broadcast) {
    static const struct {
        const char *node;
        char op;
    } ops[] = {{"Add", '+'}, {"Sub", '-'}, {"Mul", '*'}, {"Less", '<'}, {"Max", 'm'}};
    static const int64_t shapes[][4] = {{0},          {1, 1},       {1, 5},       {2, 1, 5},    {2, 3, 1},   {2, 3, 5},
                                        {3, 1, 1, 1}, {3, 1, 3, 5}, {3, 4, 1, 5}, {3, 4, 3, 1}, {3, 4, 3, 5}};
    enum { N = sizeof shapes / sizeof shapes[0] };
    for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                node_test t = node_begin();
                qn_tensor a = pattern(&t, i, (int32_t)shapes[i][0], &shapes[i][1]);
                qn_tensor b = pattern(&t, j + 20, (int32_t)shapes[j][0], &shapes[j][1]);
                const qn_tensor *y = run_ref(&t, ops[k].node, 1, IN(a, b));
                int64_t n = 1;
                for (int32_t d = 0; d < y->rank; d++)
                    n *= y->dims[d];
                for (int64_t e = 0; e < n; e++) {
                    double x0 = broadcast_at(&a, e, y->rank, y->dims), x1 = broadcast_at(&b, e, y->rank, y->dims);
                    assert_true(element(y, e) == (double)(float)apply(ops[k].op, x0, x1));
                }
                node_end(&t);
            }
}

/* More elements than one piece of the pool, ragged, with the inner dimension broadcast and not. */
QN_TEST(kernels_ref_binary_large) {
    node_test t = node_begin();
    enum { ROWS = 1003, COLS = 129 };
    qn_tensor x = normal(&t, 1, DIMS(ROWS, COLS)), row = normal(&t, 2, DIMS(COLS)), col = normal(&t, 3, DIMS(ROWS, 1));
    const float *a = x.data, *b = row.data, *c = col.data;
    const float *y = run_ref(&t, "Add", 1, IN(x, row))->data;
    for (int i = 0; i < ROWS * COLS; i++)
        assert_true(y[i] == a[i] + b[i % COLS]);
    y = run_ref(&t, "Mul", 1, IN(col, x))->data;
    for (int i = 0; i < ROWS * COLS; i++)
        assert_true(y[i] == a[i] * c[i / COLS]);
    node_end(&t);
}

QN_TEST(kernels_ref_binary_empty) {
    node_test t = node_begin();
    expect_dims(run_ref(&t, "Add", 1, IN(empty(QN_F32, DIMS(0, 3)), tensor(F32(1, 2, 3), DIMS(3)))), DIMS(0, 3));
    expect_dims(run_ref(&t, "Add", 1, IN(empty(QN_F32, DIMS(2, 0)), tensor(F32(1, 2), DIMS(2, 1)))), DIMS(2, 0));
    expect_dims(run_ref(&t, "Div", 1, IN(empty(QN_I32, DIMS(0)), tensor(I32(0), DIMS(1)))), DIMS(0));
    node_end(&t);
}

QN_TEST(kernels_ref_binary_integers_wrap) {
    node_test t = node_begin();
    expect(run_ref(&t, "Add", 1, IN(tensor(I8(127, -128), DIMS(2)), tensor(I8(1, -1), DIMS(2)))), 0, I8(-128, 127), DIMS(2));
    expect(run_ref(&t, "Sub", 1, IN(tensor(U8(0, 3), DIMS(2)), tensor(U8(1, 1), DIMS(2)))), 0, U8(255, 2), DIMS(2));
    expect(run_ref(&t, "Mul", 1, IN(tensor(U16S(65535), DIMS(1)), tensor(U16S(65535), DIMS(1)))), 0, U16S(1), DIMS(1));
    expect(run_ref(&t, "Mul", 1, IN(tensor(I32(INT32_MAX), DIMS(1)), tensor(I32(2), DIMS(1)))), 0, I32(-2), DIMS(1));
    expect(run_ref(&t, "Add", 1, IN(tensor(I64(INT64_MAX), DIMS(1)), tensor(I64(1), DIMS(1)))), 0, I64(INT64_MIN), DIMS(1));
    node_end(&t);
}

QN_TEST(kernels_ref_binary_divide) {
    node_test t = node_begin();
    expect(run_ref(&t, "Div", 1, IN(tensor(F32(1, -1, 0, 7), DIMS(4)), tensor(F32(0, 0, 0, 2), DIMS(4)))), 0,
           F32(INFINITY, -INFINITY, NAN, 3.5f), DIMS(4));
    expect(run_ref(&t, "Div", 1, IN(tensor(I32(7, -7, 7, -7, INT32_MIN), DIMS(5)), tensor(I32(2, 2, -2, -2, -1), DIMS(5)))),
           0, I32(3, -3, -3, 3, INT32_MIN), DIMS(5));
    expect(run_ref(&t, "Div", 1, IN(tensor(I64(INT64_MIN, 9), DIMS(2)), tensor(I64(-1), DIMS(1)))), 0, I64(INT64_MIN, -9),
           DIMS(2));
    expect(run_ref(&t, "Div", 1, IN(tensor(U8(200), DIMS(1)), tensor(U8(7), DIMS(1)))), 0, U8(28), DIMS(1));
    qn_tensor out[1];
    ASSERT_FAILS(t.ctx, QN_MALFORMED, "division by zero",
                 try_node(&t, true, "Div", out, 1, IN(tensor(I32(1, 2), DIMS(2)), tensor(I32(1, 0), DIMS(2)))));
    qn_clear(t.ctx);
    ASSERT_FAILS(t.ctx, QN_MALFORMED, "division by zero",
                 try_node(&t, true, "Mod", out, 1, IN(tensor(U8(1), DIMS(1)), tensor(U8(0), DIMS(1)))));
    node_end(&t);
}

/* numpy.mod and numpy.fmod. */
QN_TEST(kernels_ref_binary_mod) {
    node_test t = node_begin();
    qn_tensor a = tensor(I32(-4, 7, 5, 4, -7, 8, INT32_MIN), DIMS(7)), b = tensor(I32(2, -3, 8, -2, 3, 5, -1), DIMS(7));
    expect(run_ref(&t, "Mod", 1, IN(a, b)), 0, I32(0, -2, 5, 0, 2, 3, 0), DIMS(7));
    expect(run_ref(&t, "Mod {fmod=1}", 1, IN(a, b)), 0, I32(0, 1, 5, 0, -1, 3, 0), DIMS(7));
    qn_tensor x = tensor(F32(-4.3f, 7.2f, 5, -7.5f), DIMS(4)), y = tensor(F32(2.1f, -3.4f, 8, 3), DIMS(4));
    expect(run_ref(&t, "Mod {fmod=1}", 1, IN(x, y)), 1e-6, F32(-0.1f, 0.4f, 5, -1.5f), DIMS(4));
    expect(run_ref(&t, "Mod", 1, IN(x, y)), 1e-6, F32(2, -3, 5, 1.5f), DIMS(4));
    node_end(&t);
}

QN_TEST(kernels_ref_binary_minmax) {
    node_test t = node_begin();
    qn_tensor a = tensor(F32(1, NAN, 3), DIMS(3)), b = tensor(F32(2, 1, NAN), DIMS(3)), c = tensor(F32(1.5f), SCALAR);
    expect(run_ref(&t, "Max", 1, IN(a, b, c)), 0, F32(2, NAN, NAN), DIMS(3));
    expect(run_ref(&t, "Min", 1, IN(a, b, c)), 0, F32(1, NAN, NAN), DIMS(3));
    expect(run_ref(&t, "Max", 1, IN(a)), 0, F32(1, NAN, 3), DIMS(3));
    expect(run_ref(&t, "Min", 1, IN(c, tensor(F32(1, 2, 3, 4), DIMS(2, 2)), tensor(F32(0, 9), DIMS(2)))), 0,
           F32(0, 1.5f, 0, 1.5f), DIMS(2, 2));
    expect(run_ref(&t, "Max", 1, IN(tensor(U64S(UINT64_MAX, 0), DIMS(2)), tensor(U64S(1), DIMS(1)))), 0,
           U64S(UINT64_MAX, 1), DIMS(2));
    expect(run_ref(&t, "Min", 1, IN(tensor(I16S(-5, 5), DIMS(2)), tensor(I16S(0), DIMS(1)))), 0, I16S(-5, 0), DIMS(2));
    node_end(&t);
}

QN_TEST(kernels_ref_binary_pow) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(-2, 0.5f, 3, 0), DIMS(4));
    expect(run_ref(&t, "Pow", 1, IN(x, tensor(F32(2), SCALAR))), 0, F32(4, 0.25f, 9, 0), DIMS(4));
    expect(run_ref(&t, "Pow", 1, IN(x, tensor(F32(3), SCALAR))), 0, F32(-8, 0.125f, 27, 0), DIMS(4));
    expect(run_ref(&t, "Pow", 1, IN(x, tensor(I64(-1), SCALAR))), 1e-7, F32(-0.5f, 2, 1.0f / 3, INFINITY), DIMS(4));
    expect(run_ref(&t, "Pow", 1, IN(x, tensor(F32(0.5f, 2, 1, 0), DIMS(4)))), 1e-7, F32(NAN, 0.25f, 3, 1), DIMS(4));
    expect(run_ref(&t, "Pow", 1, IN(tensor(I32(3, -2, 2, -1), DIMS(4)), tensor(I32(4, 3, -1, -3), DIMS(4)))), 0,
           I32(81, -8, 0, -1), DIMS(4));
    expect(run_ref(&t, "Pow", 1, IN(tensor(I32(10), DIMS(1)), tensor(F32(2.5f), DIMS(1)))), 0, I32(316), DIMS(1));
    expect(run_ref(&t, "Pow", 1, IN(tensor(I64(3), DIMS(1)), tensor(I64(40), DIMS(1)))), 0, I64(-6289078614652622815),
           DIMS(1));
    node_end(&t);
}

QN_TEST(kernels_ref_binary_compare) {
    node_test t = node_begin();
    qn_tensor a = tensor(F32(1, 2, 3, NAN), DIMS(4)), b = tensor(F32(2, 2, 2, NAN), DIMS(4));
    expect(run_ref(&t, "Equal", 1, IN(a, b)), 0, BOOLS(0, 1, 0, 0), DIMS(4));
    expect(run_ref(&t, "Greater", 1, IN(a, b)), 0, BOOLS(0, 0, 1, 0), DIMS(4));
    expect(run_ref(&t, "GreaterOrEqual", 1, IN(a, b)), 0, BOOLS(0, 1, 1, 0), DIMS(4));
    expect(run_ref(&t, "Less", 1, IN(a, b)), 0, BOOLS(1, 0, 0, 0), DIMS(4));
    expect(run_ref(&t, "LessOrEqual", 1, IN(a, b)), 0, BOOLS(1, 1, 0, 0), DIMS(4));
    expect(run_ref(&t, "Less", 1, IN(tensor(I64(INT64_MAX - 1), DIMS(1)), tensor(I64(INT64_MAX), DIMS(1)))), 0, BOOLS(1),
           DIMS(1));
    expect(run_ref(&t, "Greater", 1, IN(tensor(U8(200), DIMS(1)), tensor(U8(100), DIMS(1)))), 0, BOOLS(1), DIMS(1));
    expect(run_ref(&t, "Equal", 1, IN(tensor(BOOLS(1, 0), DIMS(2)), tensor(BOOLS(1, 1), DIMS(2)))), 0, BOOLS(1, 0), DIMS(2));
    node_end(&t);
}

QN_TEST(kernels_ref_binary_logic) {
    node_test t = node_begin();
    qn_tensor a = tensor(BOOLS(0, 0, 1, 1), DIMS(2, 2)), b = tensor(BOOLS(0, 1), DIMS(2));
    expect(run_ref(&t, "And", 1, IN(a, b)), 0, BOOLS(0, 0, 0, 1), DIMS(2, 2));
    expect(run_ref(&t, "Or", 1, IN(a, b)), 0, BOOLS(0, 1, 1, 1), DIMS(2, 2));
    expect(run_ref(&t, "Xor", 1, IN(a, b)), 0, BOOLS(0, 1, 1, 0), DIMS(2, 2));
    expect(run_ref(&t, "Not", 1, IN(a)), 0, BOOLS(1, 1, 0, 0), DIMS(2, 2));
    node_end(&t);
}

QN_TEST(kernels_ref_binary_where) {
    node_test t = node_begin();
    qn_tensor c = tensor(BOOLS(1, 0), DIMS(2, 1)), x = tensor(F32(1, 2, 3), DIMS(3)), y = tensor(F32(-1), SCALAR);
    expect(run_ref(&t, "Where", 1, IN(c, x, y)), 0, F32(1, 2, 3, -1, -1, -1), DIMS(2, 3));
    expect(run_ref(&t, "Where", 1, IN(tensor(BOOLS(1, 0, 1), DIMS(3)), tensor(I64(1, 2, 3), DIMS(3)), tensor(I64(4, 5, 6), DIMS(3)))),
           0, I64(1, 5, 3), DIMS(3));
    expect(run_ref(&t, "Where", 1, IN(tensor(BOOLS(0), SCALAR), tensor(U8(1), SCALAR), tensor(U8(9, 8), DIMS(2)))), 0,
           U8(9, 8), DIMS(2));
    /* half floats are moved as they are */
    uint16_t nan_a[] = {0x7e01, 0x1234}, nan_b[] = {0xfe02, 0x4321};
    const qn_tensor *h = run_ref(&t, "Where", 1, IN(tensor(BOOLS(1, 0), DIMS(2)), tensor(QN_F16, 2, nan_a, DIMS(2)), tensor(QN_F16, 2, nan_b, DIMS(2))));
    assert_int_equal(((const uint16_t *)h->data)[0], 0x7e01);
    assert_int_equal(((const uint16_t *)h->data)[1], 0x4321);
    node_end(&t);
}

/* y = Add(x, z) may be written over x. */
QN_TEST(kernels_ref_binary_in_place) {
    node_test t = node_begin();
    enum { N = 40007 };
    qn_tensor x = normal(&t, 1, DIMS(N)), z = normal(&t, 2, DIMS(1)), out[1];
    const qn_tensor *want = run_ref(&t, "Sub", 1, IN(x, z));
    assert_true(t.kernel->flags & QN_KERNEL_IN_PLACE);
    ASSERT_OK(t.ctx, try_node(&t, true, "Sub", out, 1, IN(x, z))); /* the node of a second graph, for its arguments */
    memcpy(out[0].data, x.data, x.n_bytes);
    qn_tensor in[] = {out[0], z};
    qn_node node = {.op = QN_OP_Sub, .name = "", .n_in = 2, .n_out = 1};
    qn_kernel_args args = {.ctx = t.ctx, .node = &node, .n_in = 2, .n_out = 1, .in = in, .out = out, .scratch = t.arena};
    ASSERT_OK(t.ctx, qn_kernel_run(qn_kernel_choose(&args, true), &args));
    assert_memory_equal(out[0].data, want->data, x.n_bytes);
    node_end(&t);
}

QN_TEST(kernels_ref_binary_add_activation) {
    node_test t = node_begin();
    qn_tensor a = tensor(F32(-3, 1, 5), DIMS(3)), b = tensor(F32(1), SCALAR);
    expect(run_ref(&t, "Add {activation=\"RELU\"}", 1, IN(a, b)), 0, F32(0, 2, 6), DIMS(3));
    expect(run_ref(&t, "Add {activation=\"CLIP\", activation_min=-1.0, activation_max=4.0}", 1, IN(a, b)), 0,
           F32(-1, 2, 4), DIMS(3));
    expect(run_ref(&t, "Add {activation=\"GELU\"}", 1, IN(a, b)), 1e-6, F32(-0.0455002639f, 1.95449974f, 6), DIMS(3));
    expect(run_ref(&t, "Add {activation=\"HARDSWISH\"}", 1, IN(a, b)), 1e-6, F32(-1.0f / 3, 5.0f / 3, 6), DIMS(3));
    qn_tensor out[1];
    ASSERT_FAILS(t.ctx, QN_UNSUPPORTED, "activation 'MISH'",
                 try_node(&t, true, "Add {activation=\"MISH\"}", out, 1, IN(a, b)));
    node_end(&t);
}
