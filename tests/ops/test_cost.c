/* What nodes cost, against numbers worked out by hand. */
#include <stdio.h>

#include "base/dtype.h"
#include "ir/text.h"
#include "ops/cost.h"
#include "ops/infer.h"
#include "tests/test.h"

static qn_tensor tensor_of(const qn_value *value) {
    qn_tensor t = {.dtype = QN_NONE};
    if (!value)
        return t;
    t.dtype = value->type.dtype;
    t.rank = value->type.rank;
    t.n_bytes = qn_dtype_bytes(t.dtype);
    for (int32_t i = 0; i < t.rank; i++) {
        t.dims[i] = value->type.dims[i];
        t.n_bytes *= (size_t)t.dims[i];
    }
    return t;
}

/* The cost of the last node of a graph of known shapes; `encoded`: what input 1 is read from, or NULL. */
static qn_cost cost_of(const char *text, const qn_const *encoded) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_tensor in[8], out[3];
    const qn_const *in_const[8] = {NULL, encoded};
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    ASSERT_OK(ctx, qn_infer_graph(ctx, graph));
    const qn_node *node = graph->last;
    assert_true(node->n_in <= 8 && node->n_out <= 3);
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = tensor_of(node->in[i]);
    for (int32_t i = 0; i < node->n_out; i++)
        out[i] = tensor_of(node->out[i]);
    const qn_cost cost = qn_node_cost(node, in, encoded ? in_const : NULL, out);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
    return cost;
}

static void expect(const char *text, double flops, double bytes, qn_dtype arithmetic) {
    const qn_cost cost = cost_of(text, NULL);
    if (cost.flops != flops || cost.bytes != bytes || cost.arithmetic != arithmetic)
        fail_msg("%s: %.0f flops, %.0f bytes in %s; wanted %.0f, %.0f, %s", text, cost.flops, cost.bytes,
                 qn_dtype_name(cost.arithmetic), flops, bytes, qn_dtype_name(arithmetic));
}

QN_TEST(ops_cost_products) {
    /* 2 M N K; 4 (M K + K N + M N) */
    expect("input %x: float32[5,3]\ninput %w: float32[3,7]\n%y = MatMul(%x, %w)\noutput %y", 210, 4 * (15 + 21 + 35),
           QN_F32);
    expect("input %x: float32[2,5,3]\ninput %w: float32[2,3,7]\n%y = MatMul(%x, %w)\noutput %y", 420,
           4 * (30 + 42 + 70), QN_F32);
    expect("input %x: float32[3]\ninput %w: float32[3,7]\n%y = MatMul(%x, %w)\noutput %y", 42, 4 * (3 + 21 + 7),
           QN_F32);
    expect("input %x: float32[3,5]\ninput %w: float32[7,3]\n%y = Gemm(%x, %w) {transA=1, transB=1}\noutput %y", 210,
           4 * (15 + 21 + 35), QN_F32);
    expect("input %x: float32[2,3,5]\ninput %w: float32[2,3,7]\n%y = BatchMatMul(%x, %w) {trans_a=1}\noutput %y", 420,
           4 * (30 + 42 + 70), QN_F32);
    /* bias and residual are read */
    expect("input %x: float32[4,5,3]\ninput %w: float32[7,3]\ninput %b: float32[7]\ninput %r: float32[4,5,7]\n"
           "%y = Linear(%x, %w, %b, %r) {trans_w=1}\noutput %y",
           2 * 20 * 7 * 3, 4 * (60 + 21 + 7 + 140 + 140), QN_F32);
    expect("input %x: bfloat16[5,3]\ninput %w: bfloat16[3,7]\n%y = MatMul(%x, %w)\noutput %y", 210, 2 * (15 + 21 + 35),
           QN_BF16);
    expect("input %x: float32[5,3]\ninput %w: bfloat16[3,7]\n%y = MatMul(%x, %w)\noutput %y", 210, 60 + 42 + 140,
           QN_F32);
}

QN_TEST(ops_cost_convolutions) {
    /* out [1,8,6,6], 3 channels, 9 taps */
    expect("input %x: float32[1,3,8,8]\ninput %w: float32[8,3,3,3]\n%y = Conv(%x, %w)\noutput %y", 2 * 8 * 36 * 27,
           4 * (192 + 216 + 288), QN_F32);
    /* groups: 2 channels each */
    expect("input %x: float32[1,4,8,8]\ninput %w: float32[8,2,3,3]\n%y = Conv(%x, %w) {group=2}\noutput %y",
           2 * 8 * 36 * 18, 4 * (256 + 144 + 288), QN_F32);
    /* 4 x 4 inputs of 3 channels, each to 5 channels and 4 taps */
    expect(
        "input %x: float32[1,3,4,4]\ninput %w: float32[3,5,2,2]\n%y = ConvTranspose(%x, %w) {strides=[2,2]}\noutput %y",
        2 * 48 * 20, 4 * (48 + 60 + 320), QN_F32);
    expect("input %x: float32[1,3,8,8]\n%y = MaxPool(%x) {kernel_shape=[2,2], strides=[2,2]}\noutput %y", 48 * 4,
           4 * (192 + 48), QN_F32);
    expect("input %x: float32[1,3,8,8]\n%y = GlobalAveragePool(%x)\noutput %y", 192, 4 * (192 + 3), QN_F32);
}

QN_TEST(ops_cost_attention) {
    static const char qkv[] = "input %x: float32[2,6,24]\n";
    char text[512];
    /* two heads of 4 over a packed value, which counts once: 2 B H Nq Nk (D + Dv) */
    snprintf(text, sizeof text,
             "%s%%y = MultiHeadAttention(%%x, %%x, %%x) {num_heads=2, head_dim=4, k_offset=8, v_offset=16}\noutput %%y",
             qkv);
    expect(text, 2 * 2 * 2 * 36 * 8, 4 * (288 + 96), QN_F32);
    /* causal: 1 + 2 + ... + 6 pairs */
    snprintf(text, sizeof text,
             "%s%%y = MultiHeadAttention(%%x, %%x, %%x) {num_heads=2, head_dim=4, k_offset=8, v_offset=16, "
             "causal=1}\noutput %%y",
             qkv);
    expect(text, 2 * 2 * 2 * 21 * 8, 4 * (288 + 96), QN_F32);
    /* two queries after four keys, heads 3 wide in the values: 5 + 6 pairs */
    expect("input %q: float32[1,2,2,4]\ninput %k: float32[1,2,6,4]\ninput %v: float32[1,2,6,3]\n"
           "%y = MultiHeadAttention(%q, %k, %v) {num_heads=2, head_dim=4, v_head_dim=3, causal=1}\noutput %y",
           2 * 2 * 11 * 7, 4 * (16 + 48 + 36 + 12), QN_F32);
    /* four queries, two keys: the first two queries see none */
    expect("input %q: float32[1,2,4,4]\ninput %k: float32[1,2,2,4]\ninput %v: float32[1,2,2,4]\n"
           "%y = MultiHeadAttention(%q, %k, %v) {num_heads=2, head_dim=4, causal=1}\noutput %y",
           2 * 2 * 3 * 8, 4 * (32 + 16 + 16 + 32), QN_F32);
}

QN_TEST(ops_cost_recurrent) {
    /* 7 steps of 3 rows, both directions: w 2 x 16 x 5, r 2 x 16 x 4; y [7,2,3,4] */
    expect("input %x: float32[7,3,5]\ninput %w: float32[2,16,5]\ninput %r: float32[2,16,4]\n"
           "%y = LSTM(%x, %w, %r) {hidden_size=4, direction=\"bidirectional\"}\noutput %y",
           2 * 21 * (160 + 128), 4 * (105 + 160 + 128 + 168), QN_F32);
    expect("input %x: float32[7,3,5]\ninput %w: float32[1,12,5]\ninput %r: float32[1,12,4]\n"
           "%y = GRU(%x, %w, %r) {hidden_size=4}\noutput %y",
           2 * 21 * (60 + 48), 4 * (105 + 60 + 48 + 84), QN_F32);
}

QN_TEST(ops_cost_elements) {
    expect("input %x: float32[4,6]\n%y = Relu(%x)\noutput %y", 24, 192, QN_F32);
    expect("input %x: float32[4,6]\n%y = Exp(%x)\noutput %y", 240, 192, QN_F32);
    expect("input %x: float32[4,6]\ninput %b: float32[6]\n%y = Add(%x, %b)\noutput %y", 24, 4 * (24 + 6 + 24), QN_F32);
    expect("input %x: float32[4,6]\n%y = Mul(%x, %x)\noutput %y", 24, 192, QN_F32);
    expect("input %x: float32[4,6]\nconst %a: int64[1] = {1}\n%y = ReduceMean(%x, %a)\noutput %y", 24, 96 + 8 + 16,
           QN_F32);
    expect("input %x: float32[4,6]\n%y = Softmax(%x)\noutput %y", 24 * 14, 192, QN_F32);
    expect("input %x: bfloat16[4,6]\ninput %s: float32[6]\n%y = LayerNormalization(%x, %s)\noutput %y", 24 * 8,
           48 + 24 + 48, QN_F32);
}

/* Moving is free of operations and reads no more than it writes. */
QN_TEST(ops_cost_movement) {
    expect("input %x: float32[4,6]\n%y = Transpose(%x) {perm=[1,0]}\noutput %y", 0, 192, QN_F32);
    expect("input %x: float32[1000,6]\ninput %i: int64[2]\n%y = Gather(%x, %i)\noutput %y", 0, 48 + 16 + 48, QN_F32);
    expect("input %x: float32[4,6]\ninput %z: float32[2,6]\n%y = Concat(%x, %z) {axis=0}\noutput %y", 0, 96 + 48 + 144,
           QN_F32);
    expect("input %x: float32[1,6]\nconst %s: int64[2] = {4, 6}\n%y = Expand(%x, %s)\noutput %y", 0, 24 + 16 + 96,
           QN_F32);
    expect("input %x: float32[1,3,4,4]\nconst %s: float32[4] = {1, 1, 2, 2}\n"
           "%y = Resize(%x, _, %s) {mode=\"linear\"}\noutput %y",
           192 * 8, 4 * (48 + 4 + 192), QN_F32);
}

/* Encoded constants count as they are stored; what they stand for has the constant's dtype. */
QN_TEST(ops_cost_encoded) {
    qn_const w = {.dtype = QN_BF16,
                  .rank = 2,
                  .dims = {3, 7},
                  .encoding = QN_ENC_AFFINE,
                  .code_dtype = QN_I8,
                  .scale_dtype = QN_F32,
                  .symmetric = true,
                  .axis = 1};
    const qn_cost cost =
        cost_of("input %x: bfloat16[5,3]\ninput %w: bfloat16[3,7]\n%y = MatMul(%x, %w)\noutput %y", &w);
    assert_true(cost.flops == 210 && cost.bytes == 30 + (21 + 28) + 70);
    assert_int_equal(cost.arithmetic, QN_BF16);
}
