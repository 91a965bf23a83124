#include "ir/constant.h"

#include "tests/test.h"

#include <math.h>

/* The context keeps its first message until it is cleared. */
#define ASSERT_REFUSED(ctx, status, text, call)    \
    do {                                           \
        ASSERT_FAILS(ctx, status, text, call);     \
        qn_clear(ctx);                             \
    } while (0)

static qn_const dense(qn_dtype dtype, const void *data) {
    qn_const c = {.dtype = dtype, .rank = 1, .dims = {1}, .axis = -1};
    c.part[QN_PART_VALUES] = (qn_bytes){data, qn_dtype_bytes(dtype)};
    return c;
}

#define ELEMENT(DTYPE, TYPE, value, f64, i64)                                     \
    do {                                                                          \
        uint8_t bytes[1 + sizeof(TYPE)];                                          \
        TYPE typed = (TYPE)(value);                                               \
        memcpy(bytes + 1, &typed, sizeof typed); /* no alignment is asked */      \
        qn_const element = dense(DTYPE, bytes + 1);                               \
        assert_true(qn_const_f64(&element, 0) == (f64));                          \
        assert_true(qn_const_i64(&element, 0) == (i64));                          \
    } while (0)

QN_TEST(ir_constant_elements) {
    ELEMENT(QN_F32, float, -2.5, -2.5, -2);
    ELEMENT(QN_F64, double, 1e300, 1e300, INT64_MAX);
    ELEMENT(QN_F64, double, -1e300, -1e300, INT64_MIN);
    ELEMENT(QN_F16, uint16_t, 0x3e00, 1.5, 1);
    ELEMENT(QN_BF16, uint16_t, 0xc040, -3.0, -3);
    ELEMENT(QN_I8, int8_t, -128, -128.0, -128);
    ELEMENT(QN_U8, uint8_t, 255, 255.0, 255);
    ELEMENT(QN_I16, int16_t, -32768, -32768.0, -32768);
    ELEMENT(QN_U16, uint16_t, 65535, 65535.0, 65535);
    ELEMENT(QN_I32, int32_t, INT32_MIN, -2147483648.0, INT32_MIN);
    ELEMENT(QN_U32, uint32_t, UINT32_MAX, 4294967295.0, (int64_t)UINT32_MAX);
    ELEMENT(QN_I64, int64_t, INT64_MIN, -9223372036854775808.0, INT64_MIN);
    ELEMENT(QN_U64, uint64_t, UINT64_MAX, 18446744073709551615.0, INT64_MAX);
    ELEMENT(QN_BOOL, uint8_t, 1, 1.0, 1);
    float nan = NAN;
    qn_const c = dense(QN_F32, &nan);
    assert_true(isnan(qn_const_f64(&c, 0)));
    assert_int_equal(qn_const_i64(&c, 0), 0);
}

QN_TEST(ir_constant_dense_refusals) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_const *c;
    float v[6] = {0};
    ASSERT_OK(ctx, qn_const_dense(ctx, arena, QN_F32, 2, (int64_t[]){2, 3}, v, 24, &c));
    assert_int_equal(qn_const_numel(c), 6);
    assert_true(qn_const_is_ready(c));
    ASSERT_OK(ctx, qn_const_dense(ctx, arena, QN_F32, 2, (int64_t[]){0, 3}, NULL, 0, &c));
    assert_true(qn_const_is_ready(c));
    ASSERT_OK(ctx, qn_const_dense(ctx, arena, QN_F32, 0, NULL, v, 4, &c));
    assert_int_equal(qn_const_numel(c), 1);
    ASSERT_REFUSED(ctx, QN_MALFORMED, "has 20 bytes, its shape wants 24",
                 qn_const_dense(ctx, arena, QN_F32, 2, (int64_t[]){2, 3}, v, 20, &c));
    ASSERT_REFUSED(ctx, QN_MALFORMED, "has 0 bytes, its shape wants 24",
                 qn_const_dense(ctx, arena, QN_F32, 2, (int64_t[]){2, 3}, NULL, 24, &c));
    ASSERT_REFUSED(ctx, QN_MALFORMED, "dimension -1", qn_const_dense(ctx, arena, QN_F32, 1, (int64_t[]){-1}, v, 0, &c));
    ASSERT_REFUSED(ctx, QN_MALFORMED, "does not fit 64 bits",
                 qn_const_dense(ctx, arena, QN_F32, 2, (int64_t[]){INT64_MAX, 4}, v, 4, &c));
    ASSERT_REFUSED(ctx, QN_MALFORMED, "does not fit 64 bits",
                 qn_const_dense(ctx, arena, QN_F32, 1, (int64_t[]){INT64_MAX}, v, 4, &c));
    ASSERT_REFUSED(ctx, QN_MALFORMED, "unknown dtype 8", qn_const_dense(ctx, arena, (qn_dtype)8, 0, NULL, v, 4, &c));
    ASSERT_REFUSED(ctx, QN_UNSUPPORTED, "rank 9", qn_const_dense(ctx, arena, QN_F32, 9, NULL, v, 4, &c));
    assert_null(c);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

static size_t part_bytes(const qn_const *c, int part) {
    size_t n;
    assert_true(qn_const_part_bytes(c, part, &n));
    return n;
}

QN_TEST(ir_constant_encodings_have_sizes) {
    size_t n;
    qn_const c = {.dtype = QN_F32, .rank = 2, .dims = {30, 100}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8,
                  .scale_dtype = QN_F16, .axis = -1};
    assert_int_equal(part_bytes(&c, QN_PART_CODES), 3000);
    assert_int_equal(part_bytes(&c, QN_PART_SCALES), 2);
    assert_int_equal(part_bytes(&c, QN_PART_ZERO_POINTS), 1);
    c.axis = 0;
    assert_int_equal(part_bytes(&c, QN_PART_SCALES), 60);
    assert_int_equal(part_bytes(&c, QN_PART_ZERO_POINTS), 30);
    c.symmetric = true;
    assert_int_equal(part_bytes(&c, QN_PART_ZERO_POINTS), 0);
    assert_int_equal(qn_const_bytes(&c), 3060);
    c.axis = 1;
    c.block = 32; /* 4 blocks in 100, for each of the 30 rows */
    assert_int_equal(part_bytes(&c, QN_PART_SCALES), 240);
    assert_int_equal(part_bytes(&c, 3), 0);
    assert_int_equal(part_bytes(&c, -1), 0);
    c.axis = 2;
    assert_false(qn_const_part_bytes(&c, QN_PART_SCALES, &n));
    assert_true(qn_const_bytes(&c) == SIZE_MAX);
    qn_const p = {.dtype = QN_F32, .rank = 2, .dims = {3, 7}, .encoding = QN_ENC_PALETTE, .bits = 3, .axis = -1,
                  .lut_dtype = QN_F32, .lut_axis = -1};
    assert_int_equal(part_bytes(&p, QN_PART_INDICES), 8); /* 63 bits */
    assert_int_equal(part_bytes(&p, QN_PART_LUT), 32);
    assert_int_equal(part_bytes(&p, 2), 0);
    p.lut_axis = 0;
    p.lut_group = 1;
    assert_int_equal(part_bytes(&p, QN_PART_LUT), 96);
    p.lut_group = 2; /* rows 0 and 1, and row 2 */
    assert_int_equal(part_bytes(&p, QN_PART_LUT), 64);
    p.bits = 9;
    assert_false(qn_const_part_bytes(&p, QN_PART_LUT, &n));
    p.encoding = (qn_encoding)7;
    assert_false(qn_const_part_bytes(&p, 0, &n));
}
