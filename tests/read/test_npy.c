#include "read/npy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "tests/test.h"

/* The bytes of an .npy: version, dictionary and elements as given. */
static qn_buf npy(int version, const char *dict, const void *data, size_t n) {
    qn_buf b = QN_BUF_INIT;
    size_t length = strlen(dict);
    uint8_t prefix[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0};
    for (int i = 0; i < 4; i++)
        prefix[8 + i] = (uint8_t)(length >> 8 * i);
    qn_buf_append(&b, prefix, version == 1 ? 10 : 12);
    qn_buf_append(&b, dict, length);
    qn_buf_append(&b, data, n);
    return b;
}

#define DICT(DESCR, ORDER, SHAPE) "{'descr': '" DESCR "', 'fortran_order': " ORDER ", 'shape': " SHAPE ", }\n"

static void parse_ok(const char *dict, const void *data, size_t n, qn_arena *arena, qn_tensor *t) {
    qn_context *ctx = qn_test_context();
    for (int version = 1; version <= 3; version++) {
        qn_buf b = npy(version, dict, data, n);
        ASSERT_OK(ctx, qn_npy_parse(ctx, arena, "x.npy", b.data, b.n, t));
        qn_buf_free(&b);
    }
    qn_context_destroy(ctx);
}

QN_TEST(read_npy_parse) {
    qn_arena *arena = qn_arena_create();
    const float f[6] = {1, 2, 3, 4, 5, 6};
    qn_tensor t;
    parse_ok(DICT("<f4", "False", "(2, 3)"), f, sizeof f, arena, &t);
    assert_int_equal(t.dtype, QN_F32);
    assert_int_equal(t.rank, 2);
    assert_int_equal(t.dims[0], 2);
    assert_int_equal(t.dims[1], 3);
    assert_memory_equal(t.data, f, sizeof f);
    parse_ok(DICT("<f4", "False", "()"), f, 4, arena, &t);
    assert_int_equal(t.rank, 0);
    parse_ok(DICT("<f4", "False", "(0, 7)"), f, 0, arena, &t);
    assert_int_equal(t.n_bytes, 0);
    parse_ok("{\"shape\":(1L,), \"fortran_order\":False,\"descr\":\"|u1\"}", f, 1, arena, &t);
    assert_int_equal(t.dtype, QN_U8);
    qn_arena_destroy(arena);
}

QN_TEST(read_npy_fortran_order_and_byte_order) {
    qn_arena *arena = qn_arena_create();
    const int16_t columns[6] = {1, 4, 2, 5, 3, 6}; /* [[1,2,3],[4,5,6]] by columns */
    qn_tensor t;
    parse_ok(DICT("<i2", "True", "(2, 3)"), columns, sizeof columns, arena, &t);
    for (int i = 0; i < 6; i++)
        assert_int_equal(((int16_t *)t.data)[i], i + 1);
    const uint8_t big[4] = {0x12, 0x34, 0xff, 0xfe};
    parse_ok(DICT(">i2", "False", "(2,)"), big, sizeof big, arena, &t);
    assert_int_equal(((int16_t *)t.data)[0], 0x1234);
    assert_int_equal(((int16_t *)t.data)[1], -2);
    const uint8_t odd[3] = {0, 1, 7};
    parse_ok(DICT("|b1", "False", "(3,)"), odd, sizeof odd, arena, &t);
    assert_int_equal(((uint8_t *)t.data)[2], 1);
    qn_arena_destroy(arena);
}

QN_TEST(read_npy_refusals) {
    static const struct {
        const char *dict;
        qn_status status;
        const char *message;
    } rows[] = {
        {DICT("<f4", "False", "(3,)"), QN_MALFORMED, "8 bytes of elements, the shape needs 12"},
        {DICT("<f4", "False", "(1,)"), QN_MALFORMED, "8 bytes of elements, the shape needs 4"},
        {DICT("<f4", "False", "(-2,)"), QN_MALFORMED, "a dimension is no number"},
        {DICT("<f4", "False", "(2"), QN_MALFORMED, "a dimension is no number"},
        {DICT("<f4", "False", "(2)"), QN_MALFORMED, "the shape is not a tuple"},
        {DICT("<f4", "False", "2"), QN_MALFORMED, "the shape is not a tuple"},
        {DICT("<f4", "False", "(99999999999999999999,)"), QN_MALFORMED, "does not fit 64 bits"},
        {DICT("<f4", "False", "(4611686018427387904, 4)"), QN_MALFORMED, "does not fit 64 bits"},
        {DICT("<f4", "False", "(1,1,1,1,1,1,1,1,2)"), QN_UNSUPPORTED, "more than 8 dimensions"},
        {DICT("<f4", "Maybe", "(2,)"), QN_MALFORMED, "fortran_order is not True or False"},
        {DICT("|O", "False", "(2,)"), QN_UNSUPPORTED, "npy element type '|O'"},
        {DICT("<c8", "False", "(1,)"), QN_UNSUPPORTED, "npy element type '<c8'"},
        {DICT("<U2", "False", "(1,)"), QN_UNSUPPORTED, "npy element type '<U2'"},
        {DICT("|f4", "False", "(2,)"), QN_MALFORMED, "no byte order"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", QN_UNSUPPORTED, "records"},
        {"{'descr': '<f4', 'fortran_order': False}", QN_MALFORMED, "is missing"},
        {"{'descr': '<f4', 'descr': '<f4'}", QN_MALFORMED, "an unknown or repeated key"},
        {"{'more': 1}", QN_MALFORMED, "an unknown or repeated key"},
        {"{'descr' '<f4'}", QN_MALFORMED, "a ':' is missing"},
        {"{'descr': '<f4' 'shape': (2,)}", QN_MALFORMED, "a ',' or '}' is missing"},
        {"{'descr': '<f4", QN_MALFORMED, "a string does not end"},
        {"[1]", QN_MALFORMED, "not a dictionary"},
        {DICT("<f4", "False", "(2,)") "x", QN_MALFORMED, "text after the dictionary"},
    };
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_tensor t;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_buf b = npy(1, rows[i].dict, "12345678", 8);
        ASSERT_FAILS(ctx, rows[i].status, rows[i].message, qn_npy_parse(ctx, arena, "x.npy", b.data, b.n, &t));
        qn_clear(ctx);
        qn_buf_free(&b);
    }
    ASSERT_FAILS(ctx, QN_MALFORMED, "x.npy: not an npy file", qn_npy_parse(ctx, arena, "x.npy", "abc", 3, &t));
    qn_clear(ctx);
    qn_buf b = npy(4, DICT("<f4", "False", "()"), "1234", 4);
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "npy version 4.0", qn_npy_parse(ctx, arena, "x.npy", b.data, b.n, &t));
    qn_clear(ctx);
    b.data[6] = 1;
    b.data[8] = b.data[9] = (char)0xff;
    ASSERT_FAILS(ctx, QN_MALFORMED, "cut short", qn_npy_parse(ctx, arena, "x.npy", b.data, b.n, &t));
    qn_buf_free(&b);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(read_npy_write) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    char path[256];
    snprintf(path, sizeof path, "%s/written.npy", qn_test_tmp());
    int64_t ints[6] = {1, -2, 3, -4, 5, -6};
    for (int32_t rank = 0; rank <= 2; rank++) {
        qn_tensor t = {QN_I64, rank, {2, 3}, ints, rank == 0 ? 8u : rank == 1 ? 16u : 48u}, back;
        ASSERT_OK(ctx, qn_npy_write(ctx, path, &t));
        ASSERT_OK(ctx, qn_npy_read(ctx, arena, path, &back));
        assert_int_equal(back.dtype, QN_I64);
        assert_int_equal(back.rank, rank);
        assert_int_equal(back.n_bytes, t.n_bytes);
        assert_memory_equal(back.data, ints, t.n_bytes);
    }
    char *bytes;
    size_t n;
    ASSERT_OK(ctx, qn_read_file(ctx, path, 4096, &bytes, &n));
    assert_int_equal(n, 128 + 48);
    assert_memory_equal(bytes + 10, "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3), }  ", 61);
    free(bytes);
    uint16_t half[2] = {0x3f80, 0xc000}; /* 1, -2 */
    qn_tensor t = {QN_BF16, 1, {2}, half, 4}, back;
    ASSERT_OK(ctx, qn_npy_write(ctx, path, &t));
    ASSERT_OK(ctx, qn_npy_read(ctx, arena, path, &back));
    assert_int_equal(back.dtype, QN_F32);
    const float wide[2] = {1, -2};
    assert_memory_equal(back.data, wide, sizeof wide);
    t.dtype = QN_NONE;
    ASSERT_FAILS(ctx, QN_USAGE, "without a dtype", qn_npy_write(ctx, path, &t));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
