#include "ir/codes.h"

#include <math.h>

enum { IS_I, IS_U, IS_F, IS_S };
#define QN_CODE(ID, NAME, NUMBER, KIND, BITS, EXPONENT, MANTISSA)                                                     \
    {.dtype = (qn_dtype)(NUMBER), .name = NAME, .bits = BITS, .is_integer = IS_##KIND == IS_I || IS_##KIND == IS_U,   \
     .is_signed = IS_##KIND == IS_I || IS_##KIND == IS_F, .is_power = IS_##KIND == IS_S,                              \
     .min = IS_##KIND == IS_I ? -(1 << ((BITS) - 1)) : 0,                                                             \
     .max = IS_##KIND == IS_I ? (1 << ((BITS) - 1)) - 1 : IS_##KIND == IS_U ? (1 << (BITS)) - 1 : 0,                  \
     .exponent = EXPONENT, .mantissa = MANTISSA},
static const qn_code_type g_code_types[] = {
#include "codes.def"
};
#undef QN_CODE

const qn_code_type *qn_code_type_of(qn_dtype dtype) {
    for (size_t i = 0; i < sizeof g_code_types / sizeof g_code_types[0]; i++)
        if (g_code_types[i].dtype == dtype)
            return &g_code_types[i];
    return NULL;
}

const char *qn_stored_name(qn_dtype dtype) {
    const qn_code_type *type = qn_code_type_of(dtype);
    return type ? type->name : qn_dtype_row(dtype) ? qn_dtype_name(dtype) : "";
}

uint32_t qn_code_bits(int bits, const uint8_t *codes, int64_t i) {
    const size_t bit = (size_t)i * (size_t)bits;
    unsigned word = codes[bit / 8];
    if (bit % 8 + (size_t)bits > 8)
        word |= (unsigned)codes[bit / 8 + 1] << 8;
    return word >> bit % 8 & ((1u << bits) - 1);
}

int32_t qn_code_at(const qn_code_type *type, const uint8_t *codes, int64_t i) {
    const int32_t code = (int32_t)qn_code_bits(type->bits, codes, i);
    return type->is_integer && code > type->max ? code - (1 << type->bits) : code;
}

float qn_code_number(const qn_code_type *type, uint32_t bits) {
    if (type->is_integer)
        return (float)((int32_t)bits > type->max ? (int32_t)bits - (1 << type->bits) : (int32_t)bits);
    if (type->is_power)
        return bits == 0xff ? NAN : ldexpf(1.0f, (int)bits - 127);
    const uint32_t mantissa = bits & ((1u << type->mantissa) - 1), ones = (1u << type->exponent) - 1,
                   exponent = bits >> type->mantissa & ones;
    const float sign = bits >> (type->bits - 1) ? -1.0f : 1.0f;
    const int bias = (1 << (type->exponent - 1)) - 1;
    if (type->dtype == QN_F8E5M2 && exponent == ones)
        return mantissa ? NAN : sign * INFINITY;
    if (type->dtype == QN_F8E4M3 && exponent == ones && mantissa == 7)
        return NAN;
    const float whole = (float)(mantissa + (exponent ? 1u << type->mantissa : 0));
    return sign * ldexpf(whole, (exponent ? (int)exponent : 1) - bias - type->mantissa);
}

void qn_code_numbers(const qn_code_type *type, float *numbers) {
    for (uint32_t bits = 0; bits < 1u << type->bits; bits++)
        numbers[bits] = qn_code_number(type, bits);
}

uint32_t qn_code_nearest(const qn_code_type *type, float x) {
    const int bias = (1 << (type->exponent - 1)) - 1;
    const uint32_t sign = signbit(x) ? 1u << (type->bits - 1) : 0;
    const float largest = qn_code_largest(type), magnitude = fabsf(x) < largest ? fabsf(x) : largest;
    int exponent = magnitude > 0 ? ilogbf(magnitude) : 1 - bias;
    exponent = exponent < 1 - bias ? 1 - bias : exponent;
    const float whole = rintf(ldexpf(magnitude, type->mantissa - exponent)); /* 0 .. 2^(mantissa + 1) */
    if (whole < (float)(1 << type->mantissa))
        return sign | (uint32_t)whole;
    /* a whole of 2^(mantissa + 1) carries into the exponent by itself */
    return sign | (((uint32_t)(exponent + bias - 1) << type->mantissa) + (uint32_t)whole);
}

float qn_code_largest(const qn_code_type *type) {
    float numbers[256], largest = 0;
    qn_code_numbers(type, numbers);
    for (int i = 0; i < 1 << type->bits; i++)
        if (numbers[i] > largest && numbers[i] <= 3e38f)
            largest = numbers[i];
    return largest;
}
