#include "read/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "onnx.pb-c.h"
#include "read/onnx.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

/* The wire bytes of a TensorProto, read as a constant; the arena and the bytes must outlive it. */
static qn_status read_tensor(qn_context *ctx, qn_arena *arena, const qn_buf *b, const char *folder, qn_graph *keeper,
                             qn_const **out) {
    qn_reduced r;
    QN_TRY(qn_reduce(ctx, arena, &qn_onnx__tensor_proto__descriptor, (const uint8_t *)b->data, b->n, &r));
    qn_onnx_source source = {.ctx = ctx, .arena = arena, .cuts = r.cuts, .n_cuts = r.n_cuts, .folder = folder,
                             .keeper = keeper};
    return qn_tensor_read(&source, (const QnOnnx__TensorProto *)r.message, "tensor 't'", out);
}

static qn_buf head(qn_dtype dtype, int64_t n) { return ob_tensor_head("t", dtype, (const int64_t[]){n, -1}); }

/* -1 as int32_data, int64_data or uint64_data, n times; packed or not. */
static void put_varints(qn_buf *t, uint32_t field, const int64_t *v, size_t n, bool packed) {
    qn_buf run = QN_BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        if (packed)
            pb_varint(&run, (uint64_t)v[i]);
        else
            pb_int(t, field, v[i]);
    }
    if (packed)
        pb_bytes(t, field, run.data, run.n);
    qn_buf_free(&run);
}

QN_TEST(read_tensor_integers_in_every_field) {
    static const struct {
        qn_dtype dtype;
        uint32_t field;
        int64_t v[3];
    } rows[] = {
        {QN_I32, 5, {INT32_MIN, -1, INT32_MAX}}, {QN_I16, 5, {INT16_MIN, -1, INT16_MAX}},
        {QN_I8, 5, {INT8_MIN, -1, INT8_MAX}},    {QN_U16, 5, {0, 1, UINT16_MAX}},
        {QN_U8, 5, {0, 1, UINT8_MAX}},           {QN_BOOL, 5, {0, 1, 1}},
        {QN_F16, 5, {0x3c00, 0xc000, 0xffff}},   {QN_BF16, 5, {0x3f80, 0xc000, 0xffff}},
        {QN_I64, 7, {INT64_MIN, -1, INT64_MAX}}, {QN_U64, 11, {0, -1, INT64_MIN}},
        {QN_U32, 11, {0, 1, UINT32_MAX}},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int packed = 0; packed < 2; packed++) {
            qn_arena *arena = qn_arena_create();
            qn_buf t = head(rows[i].dtype, 3);
            put_varints(&t, rows[i].field, rows[i].v, 3, packed);
            qn_const *c;
            ASSERT_OK(ctx, read_tensor(ctx, arena, &t, NULL, NULL, &c));
            assert_int_equal(c->dtype, rows[i].dtype);
            assert_string_equal(c->name, "t");
            size_t size = qn_dtype_bytes(c->dtype);
            assert_int_equal(c->part[0].n, 3 * size);
            for (size_t k = 0; k < 3; k++)
                assert_memory_equal((const char *)c->part[0].data + k * size, &rows[i].v[k], size);
            qn_buf_free(&t);
            qn_arena_destroy(arena);
        }
    qn_context_destroy(ctx);
}

QN_TEST(read_tensor_floats_in_every_field) {
    const float f[2] = {1.5f, -2};
    const double d[2] = {1.5, -2};
    qn_context *ctx = qn_test_context();
    for (int form = 0; form < 6; form++) { /* raw, packed, unpacked; float, double */
        bool wide = form >= 3;
        const void *data = wide ? (const void *)d : (const void *)f;
        size_t size = wide ? 8 : 4;
        uint32_t field = wide ? 10 : 4;
        qn_arena *arena = qn_arena_create();
        qn_buf t = head(wide ? QN_F64 : QN_F32, 2);
        for (size_t i = 0; form % 3 == 2 && i < 2; i++) {
            pb_key(&t, field, wide ? 1 : 5);
            qn_buf_append(&t, (const char *)data + i * size, size);
        }
        if (form % 3 < 2)
            pb_bytes(&t, form % 3 ? field : 9, data, 2 * size);
        qn_const *c;
        ASSERT_OK(ctx, read_tensor(ctx, arena, &t, NULL, NULL, &c));
        assert_memory_equal(c->part[0].data, data, 2 * size);
        assert_int_equal((uintptr_t)c->part[0].data % size, 0);
        qn_buf_free(&t);
        qn_arena_destroy(arena);
    }
    qn_context_destroy(ctx);
}

QN_TEST(read_tensor_shapes) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    const float f[6] = {1, 2, 3, 4, 5, 6};
    qn_const *c;
    qn_buf scalar = ob_tensor("s", QN_F32, (const int64_t[]){-1}, f, 4);
    ASSERT_OK(ctx, read_tensor(ctx, arena, &scalar, NULL, NULL, &c));
    assert_int_equal(c->rank, 0);
    qn_buf empty = ob_tensor_head("e", QN_F32, (const int64_t[]){3, 0, -1});
    ASSERT_OK(ctx, read_tensor(ctx, arena, &empty, NULL, NULL, &c));
    assert_int_equal(qn_const_numel(c), 0);
    assert_true(qn_const_is_ready(c));
    qn_buf matrix = ob_tensor("m", QN_F32, (const int64_t[]){2, 3, -1}, f, 24);
    ASSERT_OK(ctx, read_tensor(ctx, arena, &matrix, NULL, NULL, &c));
    assert_int_equal(c->rank, 2);
    assert_int_equal(c->dims[1], 3);
    assert_memory_equal(c->part[0].data, f, 24);
    qn_buf truth = ob_tensor("b", QN_BOOL, (const int64_t[]){3, -1}, "\x00\x01\x05", 3);
    ASSERT_OK(ctx, read_tensor(ctx, arena, &truth, NULL, NULL, &c));
    assert_memory_equal(c->part[0].data, "\x00\x01\x01", 3);
    qn_buf_free(&scalar);
    qn_buf_free(&empty);
    qn_buf_free(&matrix);
    qn_buf_free(&truth);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Large elements stay where they are, also when they are not aligned; small ones are copied then. */
QN_TEST(read_tensor_borrows_large_elements) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    size_t n = QN_TENSOR_BORROW / 4;
    float *data = calloc(n, 4);
    assert_non_null(data);
    for (uint32_t field = 4; field <= 9; field += 5) { /* float_data, packed; raw_data */
        qn_buf t = head(QN_F32, (int64_t)n);
        pb_bytes(&t, field, data, n * 4);
        qn_const *c;
        ASSERT_OK(ctx, read_tensor(ctx, arena, &t, NULL, NULL, &c));
        assert_ptr_equal(c->part[0].data, t.data + t.n - n * 4);
        qn_buf_free(&t);
    }
    free(data);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

static void refuse(qn_buf t, qn_status status, const char *message) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_const *c;
    ASSERT_FAILS(ctx, status, message, read_tensor(ctx, arena, &t, NULL, NULL, &c));
    assert_non_null(strstr(qn_context_message(ctx), "tensor 't': "));
    qn_buf_free(&t);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(read_tensor_refuses_dtypes_by_name) {
    static const struct {
        int code;
        const char *message;
    } rows[] = {{8, "element type STRING"},         {14, "element type COMPLEX64"},    {15, "element type COMPLEX128"},
                {17, "element type FLOAT8E4M3FN"},  {18, "element type FLOAT8E4M3FNUZ"}, {19, "element type FLOAT8E5M2"},
                {20, "element type FLOAT8E5M2FNUZ"}, {21, "element type UINT4"},        {22, "element type INT4"},
                {23, "element type FLOAT4E2M1"},    {24, "element type FLOAT8E8M0"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(head((qn_dtype)rows[i].code, 1), QN_UNSUPPORTED, rows[i].message);
    refuse(head((qn_dtype)0, 1), QN_MALFORMED, "element type 0 does not exist");
    refuse(head((qn_dtype)99, 1), QN_MALFORMED, "element type 99 does not exist");
}

QN_TEST(read_tensor_refusals) {
    qn_buf t;
    refuse(head(QN_F32, 2), QN_MALFORMED, "0 elements, the shape needs 2");
    refuse(ob_tensor("t", QN_F32, (const int64_t[]){3, -1}, "12345678", 8), QN_MALFORMED,
           "8 bytes of elements, the shape needs 12");
    refuse(ob_tensor_head("t", QN_F32, (const int64_t[]){-2, -1}), QN_MALFORMED, "dimension 0 is -2");
    refuse(ob_tensor_head("t", QN_F32, (const int64_t[]){INT64_MAX, 3, -1}), QN_MALFORMED, "does not fit 64 bits");
    refuse(ob_tensor_head("t", QN_F64, (const int64_t[]){(int64_t)1 << 61, -1}), QN_MALFORMED, "does not fit 64 bits");
    refuse(ob_tensor_head("t", QN_F32, (const int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1, -1}), QN_UNSUPPORTED,
           "rank 9; the largest is 8");
    refuse(ob_tensor_head("t", QN_I64, (const int64_t[]){(int64_t)1 << 40, -1}), QN_MALFORMED, "0 elements");
    t = ob_tensor("t", QN_F32, (const int64_t[]){1, -1}, "1234", 4);
    pb_float(&t, 4, 1);
    refuse(t, QN_MALFORMED, "elements in more than one place");
    t = ob_tensor("t", QN_F32, (const int64_t[]){1, -1}, "1234", 4);
    pb_bytes(&t, 9, "1234", 4);
    refuse(t, QN_MALFORMED, "raw_data is there twice");
    t = head(QN_F32, 1);
    pb_int(&t, 9, 1);
    refuse(t, QN_MALFORMED, "raw_data is of another wire type");
    t = head(QN_F32, 1);
    pb_int(&t, 4, 1);
    refuse(t, QN_MALFORMED, "its elements are of another wire type");
    t = head(QN_F32, 1);
    pb_bytes(&t, 4, "12345", 5);
    refuse(t, QN_MALFORMED, "packed numbers end inside a number");
    t = head(QN_I32, 1);
    pb_bytes(&t, 5, "\x80", 1);
    refuse(t, QN_MALFORMED, "the bytes end inside a varint");
    t = head(QN_F32, 1);
    pb_bytes(&t, 5, "\x01", 1);
    refuse(t, QN_MALFORMED, "elements in a field of another type");
    t = head(QN_I8, 1);
    pb_int(&t, 5, 128);
    refuse(t, QN_MALFORMED, "an element does not fit its type");
    t = head(QN_F16, 1);
    pb_int(&t, 5, 65536);
    refuse(t, QN_MALFORMED, "an element does not fit its type");
    t = head(QN_F32, 1);
    pb_message(&t, 3, (qn_buf)QN_BUF_INIT);
    refuse(t, QN_UNSUPPORTED, "a tensor stored in segments");
}

QN_TEST(read_tensor_proto_file) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    char path[256];
    snprintf(path, sizeof path, "%s/input_0.pb", qn_test_tmp());
    const float f[2] = {1, -2};
    qn_buf t = ob_tensor("x", QN_F32, (const int64_t[]){2, -1}, f, sizeof f);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(t.data, 1, t.n, file), t.n);
    fclose(file);
    qn_buf_free(&t);
    const char *name;
    qn_tensor out;
    ASSERT_OK(ctx, qn_onnx_read_tensor(ctx, arena, path, &name, &out));
    assert_string_equal(name, "x");
    assert_int_equal(out.rank, 1);
    assert_int_equal(out.n_bytes, 8);
    assert_memory_equal(out.data, f, sizeof f);
    assert_int_equal(truncate(path, 5), 0);
    ASSERT_FAILS(ctx, QN_MALFORMED, "input_0.pb: TensorProto", qn_onnx_read_tensor(ctx, arena, path, &name, &out));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
