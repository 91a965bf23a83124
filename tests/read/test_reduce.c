#include "read/reduce.h"

#include "onnx.pb-c.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

static qn_status reduce(qn_context *ctx, qn_arena *arena, const qn_buf *b, qn_reduced *out) {
    return qn_reduce(ctx, arena, &qn_onnx__model_proto__descriptor, (const uint8_t *)b->data, b->n, out);
}

QN_TEST(read_reduce_cuts_tensors) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_buf graph = QN_BUF_INIT, node = ob_node("Constant", "", "c"), attr = QN_BUF_INIT;
    const float w[2] = {1, 2};
    pb_message(&graph, OB_INITIALIZER, ob_tensor("w", QN_F32, (const int64_t[]){2, -1}, w, sizeof w));
    pb_string(&attr, 1, "value");
    pb_message(&attr, 5, ob_tensor("v", QN_F32, (const int64_t[]){-1}, w, 4));
    pb_message(&node, 5, attr);
    pb_message(&graph, OB_NODE, node);
    pb_string(&graph, 10, "documentation is left out");
    qn_buf model = ob_model(13, graph);
    qn_reduced r;
    ASSERT_OK(ctx, reduce(ctx, arena, &model, &r));
    const QnOnnx__ModelProto *m = (const QnOnnx__ModelProto *)r.message;
    assert_int_equal(m->ir_version, 8);
    assert_int_equal(r.n_unknown, 1);
    assert_int_equal(r.n_cuts, 2);
    assert_int_equal(m->graph->n_initializer, 1);
    assert_string_equal(m->graph->initializer[0]->name, "w");
    assert_int_equal(m->graph->initializer[0]->dims[0], 2);
    assert_int_equal(m->graph->initializer[0]->cut, 1);
    assert_int_equal(m->graph->node[0]->attribute[0]->t->cut, 2);
    assert_memory_equal(r.cuts[0].data + r.cuts[0].n_bytes - 8, w, 8);
    qn_buf_free(&model);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* A file cannot point into the table of cuts itself. */
QN_TEST(read_reduce_drops_forged_cut) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_buf t = ob_tensor_head("t", QN_F32, (const int64_t[]){-1});
    pb_int(&t, 536870911, 77);
    qn_reduced r;
    ASSERT_OK(ctx, qn_reduce(ctx, arena, &qn_onnx__tensor_proto__descriptor, (const uint8_t *)t.data, t.n, &r));
    assert_int_equal(((const QnOnnx__TensorProto *)r.message)->cut, 1);
    qn_buf_free(&t);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(read_reduce_refusals) {
    static const struct {
        const char *bytes;
        size_t n;
        const char *message;
    } rows[] = {
        {"\x08", 1, "ModelProto at byte 0: the bytes end inside a varint"},
        {"\x0a\x01x", 3, "ModelProto.ir_version at byte 0: its value is of another wire type"},
        {"\x3a\x05" "abc", 5, "ModelProto at byte 0: a length runs past the end"},
        {"\x3a\x00\x3a\x00", 4, "ModelProto.graph at byte 2: it is there twice"},
        {"\x3a\x02\x12\x05", 4, "GraphProto at byte 2: a length runs past the end"},
        {"\x12\x02\xff\xff", 4, "ModelProto.producer_name at byte 0: text that is not UTF-8"},
        {"\x12\x01\x00", 3, "ModelProto.producer_name at byte 0: text with a zero byte"},
        {"\x3b\x00", 2, "ModelProto at byte 0: a group"},
        /* graph { initializer { dims: packed, cut inside a varint } } */
        {"\x3a\x05\x2a\x03\x0a\x01\x80", 7, "TensorProto.dims at byte 4: the bytes end inside a varint"},
        /* graph { node { attribute { floats: packed, 3 bytes } } } */
        {"\x3a\x09\x0a\x07\x2a\x05\x3a\x03" "abc", 11, "AttributeProto.floats at byte 6: packed numbers end inside"},
    };
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_reduced r;
        ASSERT_FAILS(ctx, QN_MALFORMED, rows[i].message,
                     qn_reduce(ctx, arena, &qn_onnx__model_proto__descriptor, (const uint8_t *)rows[i].bytes, rows[i].n, &r));
        qn_clear(ctx);
    }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* graph { node { attribute { g { node { attribute { g ... */
static qn_buf nested(int graphs) {
    qn_buf graph = QN_BUF_INIT;
    for (int i = 1; i < graphs; i++) {
        qn_buf outer = QN_BUF_INIT, node = QN_BUF_INIT, attr = QN_BUF_INIT;
        pb_message(&attr, 6, graph);
        pb_message(&node, 5, attr);
        pb_message(&outer, OB_NODE, node);
        graph = outer;
    }
    return ob_model(13, graph);
}

QN_TEST(read_reduce_depth) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_reduced r;
    qn_buf model = nested(33); /* 1 + 1 + 32 * 3 messages deep */
    ASSERT_OK(ctx, reduce(ctx, arena, &model, &r));
    qn_buf_free(&model);
    model = nested(34);
    ASSERT_FAILS(ctx, QN_MALFORMED, "messages nest more than 100 deep", reduce(ctx, arena, &model, &r));
    qn_buf_free(&model);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Every prefix of a message is read or refused. */
QN_TEST(read_reduce_every_prefix) {
    qn_context *ctx = qn_test_context();
    qn_buf model = nested(5);
    for (size_t n = 0; n < model.n; n++) {
        qn_arena *arena = qn_arena_create();
        qn_reduced r;
        qn_status status = qn_reduce(ctx, arena, &qn_onnx__model_proto__descriptor, (const uint8_t *)model.data, n, &r);
        assert_true(status == QN_OK || status == QN_MALFORMED);
        qn_clear(ctx);
        qn_arena_destroy(arena);
    }
    qn_buf_free(&model);
    qn_context_destroy(ctx);
}
