/* Transpose, Expand, Tile, Concat, Split, Slice, Gather, ScatterND, Pad and what only changes the shape: against index
 * arithmetic written out, and the numbers of ONNX's operator pages. */
#include "tests/kernels/run_node.h"

#include "ir/text.h"

#include <stdio.h>

#define BOOLS(...) VALUES(QN_BOOL, uint8_t, __VA_ARGS__)

/* Element i is i, in any dtype of at least 2 bytes. */
static qn_tensor counting(node_test *t, qn_dtype dtype, int32_t rank, const int64_t *dims) {
    qn_tensor x = {.dtype = dtype, .rank = rank};
    int64_t n = 1;
    for (int32_t d = 0; d < rank; d++)
        n *= x.dims[d] = dims[d];
    x.n_bytes = (size_t)n * qn_dtype_bytes(dtype);
    x.data = qn_arena_alloc(t->arena, x.n_bytes);
    for (int64_t i = 0; i < n; i++)
        switch (qn_dtype_bytes(dtype)) {
        case 1: ((uint8_t *)x.data)[i] = (uint8_t)i; break;
        case 2: ((uint16_t *)x.data)[i] = (uint16_t)i; break;
        case 4: ((uint32_t *)x.data)[i] = (uint32_t)i; break;
        default: ((uint64_t *)x.data)[i] = (uint64_t)i;
        }
    return x;
}

static uint64_t raw(const qn_tensor *t, int64_t i) {
    uint64_t v = 0;
    memcpy(&v, (const char *)t->data + (size_t)i * qn_dtype_bytes(t->dtype), qn_dtype_bytes(t->dtype));
    return v;
}

static const qn_dtype g_sizes[] = {QN_U8, QN_F16, QN_F32, QN_I64};

/* All permutations of four axes, in every element size, small and larger than a tile. */
QN_TEST(kernels_ref_move_transpose) {
    static const int64_t shapes[][4] = {{2, 3, 4, 5}, {1, 37, 1, 41}, {3, 1, 70, 2}};
    for (int s = 0; s < 3; s++)
        for (int k = 0; k < 4; k++)
            for (int code = 0; code < 256; code++) {
                int p[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
                if ((1 << p[0] | 1 << p[1] | 1 << p[2] | 1 << p[3]) != 15)
                    continue;
                node_test t = node_begin();
                char node[64];
                snprintf(node, sizeof node, "Transpose {perm=[%d,%d,%d,%d]}", p[0], p[1], p[2], p[3]);
                qn_tensor x = counting(&t, g_sizes[k], 4, shapes[s]);
                const qn_tensor *y = run_ref(&t, node, 1, IN(x));
                int64_t i = 0, at[4];
                for (at[0] = 0; at[0] < y->dims[0]; at[0]++)
                    for (at[1] = 0; at[1] < y->dims[1]; at[1]++)
                        for (at[2] = 0; at[2] < y->dims[2]; at[2]++)
                            for (at[3] = 0; at[3] < y->dims[3]; at[3]++, i++) {
                                int64_t from[4];
                                for (int d = 0; d < 4; d++)
                                    from[p[d]] = at[d];
                                int64_t j = ((from[0] * x.dims[1] + from[1]) * x.dims[2] + from[2]) * x.dims[3] + from[3];
                                assert_true(raw(y, i) == raw(&x, j));
                            }
                node_end(&t);
            }
}

QN_TEST(kernels_ref_move_transpose_large) {
    node_test t = node_begin();
    enum { R = 700, C = 301 };
    qn_tensor x = counting(&t, QN_F32, DIMS(R, C));
    const qn_tensor *y = run_ref(&t, "Transpose", 1, IN(x));
    expect_dims(y, DIMS(C, R));
    for (int i = 0; i < C; i++)
        for (int j = 0; j < R; j++)
            assert_true(((const uint32_t *)y->data)[i * R + j] == (uint32_t)(j * C + i));
    expect_dims(run_ref(&t, "Transpose", 1, IN(empty(QN_F32, DIMS(0, 3)))), DIMS(3, 0));
    expect(run_ref(&t, "Transpose", 1, IN(tensor(F32(7), SCALAR))), 0, F32(7), SCALAR);
    node_end(&t);
}

QN_TEST(kernels_ref_move_expand) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1, 2, 3), DIMS(3, 1));
    expect(run_ref(&t, "Expand", 1, IN(x, tensor(I64(2, 1, 2), DIMS(3)))), 0, F32(1, 1, 2, 2, 3, 3, 1, 1, 2, 2, 3, 3),
           DIMS(2, 3, 2));
    expect(run_ref(&t, "Expand", 1, IN(tensor(BOOLS(1), SCALAR), tensor(I64(4), DIMS(1)))), 0, BOOLS(1, 1, 1, 1), DIMS(4));
    expect_dims(run_ref(&t, "Expand", 1, IN(x, tensor(I64(3, 0), DIMS(2)))), DIMS(3, 0));
    node_end(&t);
}

QN_TEST(kernels_ref_move_tile) {
    node_test t = node_begin();
    qn_tensor x = tensor(I32(0, 1, 2, 3), DIMS(2, 2));
    expect(run_ref(&t, "Tile", 1, IN(x, tensor(I64(2, 2), DIMS(2)))), 0,
           I32(0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3), DIMS(4, 4));
    expect_dims(run_ref(&t, "Tile", 1, IN(x, tensor(I64(1, 0), DIMS(2)))), DIMS(2, 0));
    node_end(&t);
}

QN_TEST(kernels_ref_move_concat_split) {
    node_test t = node_begin();
    for (int k = 0; k < 4; k++) {
        qn_tensor a = counting(&t, g_sizes[k], DIMS(3, 2, 5)), b = counting(&t, g_sizes[k], DIMS(3, 4, 5)),
                  c = empty(g_sizes[k], DIMS(3, 0, 5));
        qn_tensor whole = *run_ref(&t, "Concat {axis=-2}", 1, IN(a, c, b));
        expect_dims(&whole, DIMS(3, 6, 5));
        for (int64_t i = 0; i < 90; i++) {
            int64_t row = i / 5 % 6, o = i / 30, col = i % 5;
            assert_true(raw(&whole, i) == (row < 2 ? raw(&a, (o * 2 + row) * 5 + col) : raw(&b, (o * 4 + row - 2) * 5 + col)));
        }
        const qn_tensor *parts = run_ref(&t, "Split {axis=1}", 3, IN(whole, tensor(I64(2, 0, 4), DIMS(3))));
        assert_memory_equal(parts[0].data, a.data, a.n_bytes);
        expect_dims(&parts[1], DIMS(3, 0, 5));
        assert_memory_equal(parts[2].data, b.data, b.n_bytes);
    }
    const qn_tensor *parts = run_ref(&t, "Split {axis=0, num_outputs=3}", 3, IN(tensor(F32(1, 2, 3, 4, 5, 6, 7), DIMS(7))));
    expect(&parts[0], 0, F32(1, 2, 3), DIMS(3));
    expect(&parts[2], 0, F32(7), DIMS(1));
    node_end(&t);
}

QN_TEST(kernels_ref_move_slice) {
    node_test t = node_begin();
    qn_tensor x = counting(&t, QN_I32, DIMS(3, 10));
    qn_tensor axis1 = tensor(I64(1), DIMS(1));
    expect(run_ref(&t, "Slice", 1, IN(x, tensor(I64(1, 2), DIMS(2)), tensor(I64(3, 6), DIMS(2)))), 0,
           I32(12, 13, 14, 15, 22, 23, 24, 25), DIMS(2, 4));
    expect(run_ref(&t, "Slice", 1, IN(x, tensor(I64(8), DIMS(1)), tensor(I64(INT64_MIN), DIMS(1)), axis1, tensor(I64(-4), DIMS(1)))),
           0, I32(8, 4, 0, 18, 14, 10, 28, 24, 20), DIMS(3, 3));
    expect(run_ref(&t, "Slice", 1, IN(x, tensor(I64(-1), DIMS(1)), tensor(I64(INT64_MAX), DIMS(1)), tensor(I64(-1), DIMS(1)))),
           0, I32(9, 19, 29), DIMS(3, 1));
    expect(run_ref(&t, "Slice", 1, IN(x, tensor(I32(0), DIMS(1)), tensor(I32(100), DIMS(1)), tensor(I32(1), DIMS(1)), tensor(I32(7), DIMS(1)))),
           0, I32(0, 7, 10, 17, 20, 27), DIMS(3, 2));
    expect(run_ref(&t, "Slice", 1, IN(x, tensor(I64(0), DIMS(1)), tensor(I64(2), DIMS(1)), axis1, tensor(I64(INT64_MAX), DIMS(1)))),
           0, I32(0, 10, 20), DIMS(3, 1));
    expect_dims(run_ref(&t, "Slice", 1, IN(x, tensor(I64(5), DIMS(1)), tensor(I64(2), DIMS(1)), axis1)), DIMS(3, 0));
    node_end(&t);
}

QN_TEST(kernels_ref_move_gather) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1, 1.2f, 2.3f, 3.4f, 4.5f, 5.7f), DIMS(3, 2)), out[1];
    expect(run_ref(&t, "Gather", 1, IN(x, tensor(I64(0, 1, -2, 2), DIMS(2, 2)))), 0,
           F32(1, 1.2f, 2.3f, 3.4f, 2.3f, 3.4f, 4.5f, 5.7f), DIMS(2, 2, 2));
    expect(run_ref(&t, "Gather {axis=1}", 1, IN(x, tensor(I32(-1), SCALAR))), 0, F32(1.2f, 3.4f, 5.7f), DIMS(3));
    expect_dims(run_ref(&t, "Gather", 1, IN(x, empty(QN_I64, DIMS(0)))), DIMS(0, 2));
    ASSERT_FAILS(t.ctx, QN_MALFORMED, "index 3",
                 try_node(&t, true, "Gather", out, 1, IN(x, tensor(I64(3), DIMS(1)))));
    qn_clear(t.ctx);
    ASSERT_FAILS(t.ctx, QN_MALFORMED, "index -3",
                 try_node(&t, true, "Gather {axis=1}", out, 1, IN(x, tensor(I64(-3), DIMS(1)))));
    node_end(&t);
}

/* Indices that no shape function has seen. */
QN_TEST(kernels_ref_move_gather_unseen_index) {
    node_test t = node_begin();
    qn_tensor in[] = {tensor(F32(1, 2, 3), DIMS(3)), tensor(I64(0, 5), DIMS(2))}, out[] = {tensor(F32(0, 0), DIMS(2))};
    qn_graph *g;
    ASSERT_OK(t.ctx, qn_graph_parse(t.ctx, "input %x: float32[3]\ninput %i: int64[2]\n%y = Gather(%x, %i)\noutput %y\n", &g));
    qn_kernel_args args = {.ctx = t.ctx, .node = g->first, .n_in = 2, .n_out = 1, .in = in, .out = out, .scratch = t.arena};
    ASSERT_FAILS(t.ctx, QN_MALFORMED, "Gather 'y': index 5 of axis 0, which has 3", qn_ref_Gather(&args));
    qn_graph_destroy(g);
    node_end(&t);
}

QN_TEST(kernels_ref_move_scatter_nd) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1, 2, 3, 4, 5, 6, 7, 8), DIMS(8)), index = tensor(I64(4, 3, -7, 7), DIMS(4, 1)),
              updates = tensor(F32(9, 10, 11, 12), DIMS(4)), out[1];
    expect(run_ref(&t, "ScatterND", 1, IN(x, index, updates)), 0, F32(1, 11, 3, 10, 9, 6, 7, 12), DIMS(8));
    qn_tensor twice = tensor(I64(1, 1), DIMS(2, 1)), two = tensor(F32(3, -1), DIMS(2));
    expect(run_ref(&t, "ScatterND {reduction=\"add\"}", 1, IN(x, twice, two)), 0, F32(1, 4, 3, 4, 5, 6, 7, 8), DIMS(8));
    expect(run_ref(&t, "ScatterND {reduction=\"mul\"}", 1, IN(x, twice, two)), 0, F32(1, -6, 3, 4, 5, 6, 7, 8), DIMS(8));
    expect(run_ref(&t, "ScatterND {reduction=\"max\"}", 1, IN(x, twice, two)), 0, F32(1, 3, 3, 4, 5, 6, 7, 8), DIMS(8));
    expect(run_ref(&t, "ScatterND {reduction=\"min\"}", 1, IN(x, twice, two)), 0, F32(1, -1, 3, 4, 5, 6, 7, 8), DIMS(8));
    qn_tensor grid = tensor(I32(1, 2, 3, 4), DIMS(2, 2));
    expect(run_ref(&t, "ScatterND", 1, IN(grid, tensor(I64(1), DIMS(1, 1)), tensor(I32(8, 9), DIMS(1, 2)))), 0,
           I32(1, 2, 8, 9), DIMS(2, 2));
    ASSERT_FAILS(t.ctx, QN_MALFORMED, "index 8 of axis 0",
                 try_node(&t, true, "ScatterND", out, 1, IN(x, tensor(I64(8), DIMS(1, 1)), tensor(F32(0), DIMS(1)))));
    qn_clear(t.ctx);
    /* float16 is added in float32: 2048 + 1 + 1 rounds once, to 2050 */
    qn_tensor h = scaled(pattern_as(&t, QN_F16, 0, DIMS(1)), 0), ones = scaled(pattern_as(&t, QN_F16, 0, DIMS(2)), 0);
    *(uint16_t *)h.data = 0x6800; /* 2048 */
    ((uint16_t *)ones.data)[0] = ((uint16_t *)ones.data)[1] = 0x3c00;
    const qn_tensor *y = run_ref(&t, "ScatterND {reduction=\"add\"}", 1, IN(h, tensor(I64(0, 0), DIMS(2, 1)), ones));
    assert_true(element(y, 0) == 2050);
    node_end(&t);
}

QN_TEST(kernels_ref_move_pad) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1, 1.2f, 2.3f, 3.4f, 4.5f, 5.7f), DIMS(3, 2)), pads = tensor(I64(0, 2, 0, 0), DIMS(4));
    expect(run_ref(&t, "Pad", 1, IN(x, pads)), 0, F32(0, 0, 1, 1.2f, 0, 0, 2.3f, 3.4f, 0, 0, 4.5f, 5.7f), DIMS(3, 4));
    expect(run_ref(&t, "Pad", 1, IN(x, tensor(I64(1, 1), DIMS(2)), tensor(F32(9), SCALAR), tensor(I64(-1), DIMS(1)))), 0,
           F32(9, 1, 1.2f, 9, 9, 2.3f, 3.4f, 9, 9, 4.5f, 5.7f, 9), DIMS(3, 4));
    expect(run_ref(&t, "Pad {mode=\"reflect\"}", 1, IN(x, tensor(I64(2, 0, 1, 1), DIMS(4)))), 0,
           F32(4.5f, 5.7f, 4.5f, 2.3f, 3.4f, 2.3f, 1, 1.2f, 1, 2.3f, 3.4f, 2.3f, 4.5f, 5.7f, 4.5f, 2.3f, 3.4f, 2.3f), DIMS(6, 3));
    expect(run_ref(&t, "Pad {mode=\"edge\"}", 1, IN(x, pads)), 0,
           F32(1, 1, 1, 1.2f, 2.3f, 2.3f, 2.3f, 3.4f, 4.5f, 4.5f, 4.5f, 5.7f), DIMS(3, 4));
    qn_tensor line = tensor(I32(1, 2, 3), DIMS(3));
    expect(run_ref(&t, "Pad {mode=\"wrap\"}", 1, IN(line, tensor(I64(4, 2), DIMS(2)))), 0, I32(3, 1, 2, 3, 1, 2, 3, 1, 2), DIMS(9));
    expect(run_ref(&t, "Pad {mode=\"reflect\"}", 1, IN(line, tensor(I64(5, 0), DIMS(2)))), 0, I32(2, 1, 2, 3, 2, 1, 2, 3), DIMS(8));
    expect(run_ref(&t, "Pad", 1, IN(line, tensor(I64(-1, -1), DIMS(2)))), 0, I32(2), DIMS(1));
    expect(run_ref(&t, "Pad", 1, IN(line, tensor(I64(-2, 2), DIMS(2)))), 0, I32(3, 0, 0), DIMS(3));
    expect(run_ref(&t, "Pad", 1, IN(line, tensor(I64(2, -3), DIMS(2)))), 0, I32(0, 0), DIMS(2));
    expect(run_ref(&t, "Pad", 1, IN(empty(QN_I32, DIMS(0)), tensor(I64(1, 1), DIMS(2)), tensor(I32(7), SCALAR))), 0, I32(7, 7),
           DIMS(2));
    qn_tensor out[1];
    ASSERT_FAILS(t.ctx, QN_MALFORMED, "axis 0", try_node(&t, true, "Pad {mode=\"edge\"}", out, 1, IN(empty(QN_I32, DIMS(0)), tensor(I64(1, 1), DIMS(2)))));
    node_end(&t);
}

QN_TEST(kernels_ref_move_shape_only) {
    node_test t = node_begin();
    qn_tensor x = tensor(I64(1, 2, 3, 4, 5, 6), DIMS(1, 2, 3));
    expect(run_ref(&t, "Reshape", 1, IN(x, tensor(I64(3, -1), DIMS(2)))), 0, I64(1, 2, 3, 4, 5, 6), DIMS(3, 2));
    expect(run_ref(&t, "Flatten {axis=2}", 1, IN(x)), 0, I64(1, 2, 3, 4, 5, 6), DIMS(2, 3));
    expect(run_ref(&t, "Squeeze", 1, IN(x, tensor(I64(0), DIMS(1)))), 0, I64(1, 2, 3, 4, 5, 6), DIMS(2, 3));
    expect(run_ref(&t, "Unsqueeze", 1, IN(x, tensor(I64(-1), DIMS(1)))), 0, I64(1, 2, 3, 4, 5, 6), DIMS(1, 2, 3, 1));
    expect_dims(run_ref(&t, "Reshape", 1, IN(empty(QN_F32, DIMS(0, 3)), tensor(I64(0, 7), DIMS(2)))), DIMS(0, 7));
    node_end(&t);
}
