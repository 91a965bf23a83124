#include "ir/codes.h"

#include <math.h>

#include "tests/test.h"

QN_TEST(ir_codes_integers) {
    static const struct {
        qn_dtype dtype;
        int bits, min, max;
        const char *name;
    } rows[] = {{QN_I8, 8, -128, 127, "int8"}, {QN_U8, 8, 0, 255, "uint8"}, {QN_I6, 6, -32, 31, "int6"}, {QN_U6, 6, 0, 63, "uint6"},
                {QN_I4, 4, -8, 7, "int4"},     {QN_U4, 4, 0, 15, "uint4"},  {QN_I3, 3, -4, 3, "int3"},   {QN_U3, 3, 0, 7, "uint3"},
                {QN_I2, 2, -2, 1, "int2"},     {QN_U2, 2, 0, 3, "uint2"}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        const qn_code_type *type = qn_code_type_of(rows[r].dtype);
        float numbers[256];
        assert_non_null(type);
        assert_string_equal(type->name, rows[r].name);
        assert_string_equal(qn_stored_name(rows[r].dtype), rows[r].name);
        assert_int_equal(type->bits, rows[r].bits);
        assert_int_equal(type->min, rows[r].min);
        assert_int_equal(type->max, rows[r].max);
        assert_true(type->is_integer && type->is_signed == (rows[r].min < 0) && !type->is_power);
        assert_true(qn_code_largest(type) == (float)rows[r].max);
        qn_code_numbers(type, numbers);
        for (int code = 0; code < 1 << type->bits; code++)
            assert_true(numbers[code] == (float)(code > rows[r].max ? code - (1 << type->bits) : code));
    }
}

/* The number of sign, exponent and mantissa, infinities and NaN aside. */
static double formula(int bits, int mantissa, int code) {
    const int exponents = bits - 1 - mantissa, bias = (1 << (exponents - 1)) - 1, half = 1 << (bits - 1);
    const int e = code % half >> mantissa, m = code & ((1 << mantissa) - 1);
    const double fraction = m / pow(2, mantissa), x = e ? pow(2, e - bias) * (1 + fraction) : pow(2, 1 - bias) * fraction;
    return code >= half ? -x : x;
}

QN_TEST(ir_codes_floating_point) {
    static const struct {
        qn_dtype dtype;
        int bits, mantissa;
        float largest, smallest;
    } rows[] = {{QN_F8E4M3, 8, 3, 448, 0x1p-9f}, {QN_F8E5M2, 8, 2, 57344, 0x1p-16f}, {QN_F6E2M3, 6, 3, 7.5f, 0.125f},
                {QN_F6E3M2, 6, 2, 28, 0.0625f},  {QN_F4E2M1, 4, 1, 6, 0.5f}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        const qn_code_type *type = qn_code_type_of(rows[r].dtype);
        assert_non_null(type);
        assert_int_equal(type->bits, rows[r].bits);
        assert_true(!type->is_integer && type->is_signed && !type->is_power);
        assert_true(qn_code_largest(type) == rows[r].largest);
        assert_true(qn_code_number(type, 1) == rows[r].smallest);
        for (uint32_t code = 0; code < 1u << type->bits; code++) {
            const float x = qn_code_number(type, code);
            const uint32_t magnitude = code & 0x7f;
            if (rows[r].dtype == QN_F8E4M3 && magnitude == 0x7f)
                assert_true(isnan(x));
            else if (rows[r].dtype == QN_F8E5M2 && magnitude > 0x7c)
                assert_true(isnan(x));
            else if (rows[r].dtype == QN_F8E5M2 && magnitude == 0x7c)
                assert_true(x == (code > 0x7f ? -INFINITY : INFINITY));
            else
                assert_true((double)x == formula(type->bits, rows[r].mantissa, (int)code));
            assert_true(isnan(x) || !signbit(x) == !(code >> (type->bits - 1))); /* -0 too */
        }
    }
    static const float e2m1[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    for (uint32_t code = 0; code < 8; code++)
        assert_true(qn_code_number(qn_code_type_of(QN_F4E2M1), code) == e2m1[code]);
}

QN_TEST(ir_codes_powers_of_two) {
    const qn_code_type *type = qn_code_type_of(QN_F8E8M0);
    assert_true(type->is_power && !type->is_integer && !type->is_signed);
    for (uint32_t code = 0; code < 255; code++)
        assert_true((double)qn_code_number(type, code) == pow(2, (int)code - 127));
    assert_true(isnan(qn_code_number(type, 255)));
}

/* From the low bit up, across bytes; the byte behind the last is not read. */
QN_TEST(ir_codes_packing) {
    for (int bits = 1; bits <= 8; bits++) {
        enum { N = 40 };
        uint8_t packed[N] = {0};
        for (int i = 0; i < N; i++)
            for (int b = 0; b < bits; b++)
                if ((i * 37 + 11) >> b & 1)
                    packed[(i * bits + b) / 8] |= (uint8_t)(1 << (i * bits + b) % 8);
        for (int i = 0; i < N; i++)
            assert_int_equal(qn_code_bits(bits, packed, i), (i * 37 + 11) & ((1 << bits) - 1));
    }
    const uint8_t three[] = {0xd1, 0x58, 0x1f}; /* 1, 2, 3 | 0x58d1 >> 9 & 7 = 4 ... */
    static const int unsigned3[] = {1, 2, 3, 4, 5, 6, 7, 0}, signed3[] = {1, 2, 3, -4, -3, -2, -1, 0};
    for (int i = 0; i < 8; i++) {
        assert_int_equal(qn_code_at(qn_code_type_of(QN_U3), three, i), unsigned3[i]);
        assert_int_equal(qn_code_at(qn_code_type_of(QN_I3), three, i), signed3[i]);
    }
    const uint8_t six[] = {0x20, 0xf8, 0xff};
    static const int signed6[] = {-32, -32, -1, -1};
    for (int i = 0; i < 4; i++)
        assert_int_equal(qn_code_at(qn_code_type_of(QN_I6), six, i), signed6[i]);
    const uint8_t two[] = {0xe4}; /* 0, 1, 2, 3 */
    for (int i = 0; i < 4; i++)
        assert_int_equal(qn_code_at(qn_code_type_of(QN_I2), two, i), i < 2 ? i : i - 4);
    const uint8_t one[] = {0xff}; /* bits of a type that is none of integers */
    assert_int_equal(qn_code_at(qn_code_type_of(QN_F4E2M1), one, 1), 15);
}

QN_TEST(ir_codes_unknown) {
    assert_null(qn_code_type_of(QN_F32));
    assert_null(qn_code_type_of((qn_dtype)200));
    assert_string_equal(qn_stored_name(QN_F32), "float32");
    assert_string_equal(qn_stored_name((qn_dtype)200), "");
}

/* The nearest of all codes, by looking at each. */
QN_TEST(ir_codes_nearest) {
    static const qn_dtype dtypes[] = {QN_F8E4M3, QN_F8E5M2, QN_F6E2M3, QN_F6E3M2, QN_F4E2M1};
    for (size_t t = 0; t < sizeof dtypes / sizeof dtypes[0]; t++) {
        const qn_code_type *type = qn_code_type_of(dtypes[t]);
        for (int i = -4000; i <= 4000; i++) {
            const float x = (float)i * (float)i * (i < 0 ? -0x1p-18f : 0x1p-18f) * qn_code_largest(type) * 0.02f;
            const float got = qn_code_number(type, qn_code_nearest(type, x));
            for (uint32_t code = 0; code < 1u << type->bits; code++) {
                const float other = qn_code_number(type, code);
                if (isfinite(other) && fabs((double)other - (double)x) < fabs((double)got - (double)x))
                    fail_msg("%s: %g is nearer to %g than %g", type->name, (double)other, (double)x, (double)got);
            }
        }
    }
}
