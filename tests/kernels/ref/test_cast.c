/* Cast, and the conversion of every pair of dtypes. */
#include "tests/kernels/run_node.h"

#include "base/half.h"
#include "kernels/ref/convert.h"

#include <math.h>

static const qn_dtype g_dtypes[] = {QN_F32, QN_F64, QN_F16, QN_BF16, QN_I8,  QN_I16, QN_I32,
                                    QN_I64, QN_U8,  QN_U16, QN_U32,  QN_U64, QN_BOOL};
enum { N_DTYPES = sizeof g_dtypes / sizeof g_dtypes[0] };

/* 0, 1 and 100 are the same number everywhere; every pair of dtypes keeps them (bool: 1). */
QN_TEST(kernels_ref_cast_all_pairs) {
    const float values[] = {0, 1, 100};
    for (int i = 0; i < N_DTYPES; i++)
        for (int j = 0; j < N_DTYPES; j++) {
            uint64_t from[3] = {0}, to[3] = {0};
            qn_convert(QN_F32, values, g_dtypes[i], from, 3);
            qn_convert(g_dtypes[i], from, g_dtypes[j], to, 3);
            qn_tensor t = {.dtype = g_dtypes[j], .rank = 1, .dims = {3}, .data = to, .n_bytes = 3 * qn_dtype_bytes(g_dtypes[j])};
            bool truth = g_dtypes[i] == QN_BOOL || g_dtypes[j] == QN_BOOL;
            assert_true(element(&t, 0) == 0);
            assert_true(element(&t, 1) == 1);
            assert_true(element(&t, 2) == (truth ? 1 : 100));
        }
}

QN_TEST(kernels_ref_cast_float_to_integer) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(-1.9f, 1.9f, -INFINITY, INFINITY, NAN, 300, -300, 3e9f), DIMS(8));
    expect(run_ref(&t, "Cast {to=3}", 1, IN(x)), 0, I8(-1, 1, -128, 127, 0, 127, -128, 127), DIMS(8));
    expect(run_ref(&t, "Cast {to=2}", 1, IN(x)), 0, U8(0, 1, 0, 255, 0, 255, 0, 255), DIMS(8));
    expect(run_ref(&t, "Cast {to=6}", 1, IN(x)), 0, I32(-1, 1, INT32_MIN, INT32_MAX, 0, 300, -300, INT32_MAX), DIMS(8));
    expect(run_ref(&t, "Cast {to=7}", 1, IN(x)), 0, I64(-1, 1, INT64_MIN, INT64_MAX, 0, 300, -300, 3000000000), DIMS(8));
    expect(run_ref(&t, "Cast {to=13}", 1, IN(x)), 0,
           VALUES(QN_U64, uint64_t, 0, 1, 0, UINT64_MAX, 0, 300, 0, 3000000000), DIMS(8));
    expect(run_ref(&t, "Cast {to=9}", 1, IN(tensor(F32(0, -0.0f, 0.1f, NAN), DIMS(4)))), 0,
           VALUES(QN_BOOL, uint8_t, 0, 0, 1, 1), DIMS(4));
    node_end(&t);
}

/* Between integers the low bits stay (numpy.astype). */
QN_TEST(kernels_ref_cast_integer_to_integer) {
    node_test t = node_begin();
    qn_tensor x = tensor(I64(-1, 255, 256, 65537, INT64_MIN), DIMS(5));
    expect(run_ref(&t, "Cast {to=2}", 1, IN(x)), 0, U8(255, 255, 0, 1, 0), DIMS(5));
    expect(run_ref(&t, "Cast {to=3}", 1, IN(x)), 0, I8(-1, -1, 0, 1, 0), DIMS(5));
    expect(run_ref(&t, "Cast {to=12}", 1, IN(x)), 0, U32(UINT32_MAX, 255, 256, 65537, 0), DIMS(5));
    expect(run_ref(&t, "Cast {to=9}", 1, IN(x)), 0, VALUES(QN_BOOL, uint8_t, 1, 1, 1, 1, 1), DIMS(5));
    expect(run_ref(&t, "Cast {to=1}", 1, IN(tensor(VALUES(QN_U64, uint64_t, UINT64_MAX), DIMS(1)))), 0,
           F32(18446744073709551616.0f), DIMS(1));
    node_end(&t);
}

/* numpy: np.array([...], np.float64).astype(np.float16).view(np.uint16). 1 + 2^-11 + 2^-30 is past the tie, which
 * float32 in between would not know. */
QN_TEST(kernels_ref_cast_double_to_half_once) {
    const double x[] = {65504, 65519.9, 65520, 1e-8, 6e-8, 2.98e-8, 1 + 0x1p-11, 1 + 0x1p-11 + 0x1p-30, -0.0};
    const uint16_t want[] = {0x7bff, 0x7bff, 0x7c00, 0x0, 0x1, 0x0, 0x3c00, 0x3c01, 0x8000};
    uint16_t got[9];
    qn_convert(QN_F64, x, QN_F16, got, 9);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(qn_f64_to_bf16(1 + 0x1p-8 + 0x1p-40), 0x3f81);
    assert_int_equal(qn_f64_to_bf16(1 + 0x1p-8), 0x3f80);
    assert_int_equal(qn_f64_to_bf16(1e300), 0x7f80);
    /* 2^62 + 2^54 is a tie of bfloat16; one more is not, though a double cannot hold it */
    const int64_t i[] = {((int64_t)1 << 62) + ((int64_t)1 << 54), ((int64_t)1 << 62) + ((int64_t)1 << 54) + 1};
    qn_convert(QN_I64, i, QN_BF16, got, 2);
    assert_int_equal(got[0], 0x5e80);
    assert_int_equal(got[1], 0x5e81);
}

QN_TEST(kernels_ref_cast_clamp) {
    node_test t = node_begin();
    qn_tensor x = tensor(F32(1e6f, -1e6f, INFINITY, NAN, 1), DIMS(5));
    const uint16_t *y = run_ref(&t, "Cast {to=10, clamp=1}", 1, IN(x))->data;
    const uint16_t want[] = {0x7bff, 0xfbff, 0x7c00, 0x7e00, 0x3c00};
    assert_memory_equal(y, want, sizeof want);
    y = run_ref(&t, "Cast {to=10}", 1, IN(x))->data;
    assert_int_equal(y[0], 0x7c00);
    qn_tensor big = tensor(F64(1e300, -INFINITY), DIMS(2));
    y = run_ref(&t, "Cast {to=16, clamp=1}", 1, IN(big))->data;
    assert_int_equal(y[0], 0x7f7f);
    assert_int_equal(y[1], 0xff80);
    node_end(&t);
}

QN_TEST(kernels_ref_cast_shapes) {
    node_test t = node_begin();
    expect_dims(run_ref(&t, "Cast {to=10}", 1, IN(empty(QN_F32, DIMS(3, 0)))), DIMS(3, 0));
    enum { N = 70001 };
    qn_tensor x = normal(&t, 4, DIMS(N));
    const uint16_t *y = run_ref(&t, "Cast {to=10}", 1, IN(x))->data;
    for (int i = 0; i < N; i++)
        assert_int_equal(y[i], qn_f32_to_f16(((const float *)x.data)[i]));
    node_end(&t);
}
