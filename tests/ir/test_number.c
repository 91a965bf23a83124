#include "ir/number.h"

#include "tests/test.h"

#include <math.h>

static void shows_f32(float v, const char *text) {
    qn_buf out = QN_BUF_INIT;
    qn_print_f32(&out, v);
    assert_string_equal(out.data, text);
    qn_buf_free(&out);
}

QN_TEST(ir_number_prints_the_shortest) {
    shows_f32(1e-5f, "1e-05");
    shows_f32(0.1f, "0.1");
    shows_f32(1.0f / 3, "0.33333334");
    shows_f32(2, "2.0");
    shows_f32(-0.0f, "-0.0");
    shows_f32(16777216, "16777216.0");
    shows_f32(3.4028235e38f, "3.4028235e+38");
    shows_f32(1e-45f, "1e-45");
    shows_f32(INFINITY, "inf");
    shows_f32(-INFINITY, "-inf");
    shows_f32(NAN, "nan");
}

QN_TEST(ir_number_integers_fit_or_not) {
    static const struct { qn_dtype dtype; bool negative; uint64_t magnitude; bool fits; } cases[] = {
        {QN_I8, false, 127, true}, {QN_I8, false, 128, false}, {QN_I8, true, 128, true}, {QN_I8, true, 129, false},
        {QN_U8, false, 255, true}, {QN_U8, false, 256, false}, {QN_U8, true, 1, false}, {QN_U8, true, 0, true},
        {QN_I64, false, INT64_MAX, true}, {QN_I64, false, (uint64_t)INT64_MAX + 1, false},
        {QN_I64, true, (uint64_t)INT64_MAX + 1, true}, {QN_I64, true, (uint64_t)INT64_MAX + 2, false},
        {QN_U64, false, UINT64_MAX, true}, {QN_BOOL, false, 1, true}, {QN_BOOL, false, 2, false},
        {QN_BOOL, true, 1, false}, {QN_F32, true, 3, true}, {QN_NONE, false, 0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t at[9] = {0};
        assert_int_equal(qn_store_int(cases[i].dtype, cases[i].negative, cases[i].magnitude, at + 1), cases[i].fits);
        if (!cases[i].fits || cases[i].dtype == QN_U64)
            continue;
        qn_const c = {.dtype = cases[i].dtype, .axis = -1};
        c.part[0] = (qn_bytes){at + 1, qn_dtype_bytes(cases[i].dtype)};
        int64_t want = cases[i].negative ? (int64_t)(0 - cases[i].magnitude) : (int64_t)cases[i].magnitude;
        assert_true(qn_const_i64(&c, 0) == want);
    }
}

QN_TEST(ir_number_reals) {
    uint8_t at[8];
    uint16_t half;
    int32_t i;
    assert_true(qn_store_f64(QN_F16, 1.5, at));
    memcpy(&half, at, sizeof half);
    assert_int_equal(half, 0x3e00);
    assert_true(qn_store_f64(QN_BF16, -3, at));
    memcpy(&half, at, sizeof half);
    assert_int_equal(half, 0xc040);
    assert_true(qn_store_f64(QN_I32, -7.9, at)); /* cut */
    memcpy(&i, at, sizeof i);
    assert_int_equal(i, -7);
    assert_false(qn_store_f64(QN_I32, 3e9, at));
    assert_false(qn_store_f64(QN_I64, 1e30, at));
    assert_false(qn_store_f64(QN_I64, NAN, at));
    assert_false(qn_store_f64(QN_U8, INFINITY, at));
}
