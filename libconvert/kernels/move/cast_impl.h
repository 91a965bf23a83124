/* y[i] = (TO)x[i] by vectors, the bits of kernels/ref/convert.h: conversions that are one rounding, one truncation with
 * saturation, or a choice of bits. WIDTH elements at a time in the compiler's own vectors, then one at a time. */
#include "kernels/move/cast.h"
#include "kernels/simd/simd.h"

enum { WIDTH = VF_LANES };

/* A vector V of WIDTH elements for each type. */
#define VECTOR(NAME, T) typedef T v_##NAME __attribute__((vector_size(WIDTH * sizeof(T))));
VECTOR(f32, float)
VECTOR(i64, int64_t)
VECTOR(i32, int32_t)
VECTOR(i8, int8_t)
VECTOR(u8, uint8_t)

#define CONVERT(V, TO) __builtin_convertvector(V, v_##TO)

/* y = EXPR of v in vectors, ONE of it alone; both of x converted from X to Y. */
#define CAST(NAME, X, TX, Y, TY, EXPR, ONE)                                                                            \
    static void NAME(const void *x_, void *y_, int64_t n) {                                                            \
        const TX *x = x_;                                                                                              \
        TY *y = y_;                                                                                                    \
        int64_t i = 0;                                                                                                 \
        for (; i + WIDTH <= n; i += WIDTH) {                                                                           \
            v_##X v;                                                                                                   \
            memcpy(&v, x + i, sizeof v);                                                                               \
            const v_##Y r = EXPR;                                                                                      \
            memcpy(y + i, &r, sizeof r);                                                                               \
        }                                                                                                              \
        for (; i < n; i++) {                                                                                           \
            const TX v = x[i];                                                                                         \
            y[i] = ONE;                                                                                                \
        }                                                                                                              \
    }

/* Comparisons of vectors give -1 or 0 in each lane: 1 or 0 when negated. */
CAST(bool_f32, u8, uint8_t, f32, float, CONVERT(CONVERT(-(v_i8)(v != 0), i32), f32), (float)(v != 0))
CAST(bool_i32, u8, uint8_t, i32, int32_t, CONVERT(-(v_i8)(v != 0), i32), v != 0)
CAST(bool_i64, u8, uint8_t, i64, int64_t, CONVERT(-(v_i8)(v != 0), i64), v != 0)
CAST(u8_f32, u8, uint8_t, f32, float, CONVERT(CONVERT(v, i32), f32), (float)v)
CAST(i8_f32, i8, int8_t, f32, float, CONVERT(CONVERT(v, i32), f32), (float)v)
CAST(i32_f32, i32, int32_t, f32, float, CONVERT(v, f32), (float)v)
CAST(i64_f32, i64, int64_t, f32, float, CONVERT(v, f32), (float)v)
CAST(i64_i32, i64, int64_t, i32, int32_t, CONVERT(v, i32), (int32_t)(uint32_t)(uint64_t)v)
CAST(i32_i64, i32, int32_t, i64, int64_t, CONVERT(v, i64), v)
CAST(f32_bool, f32, float, u8, uint8_t, (v_u8)-CONVERT(v != 0.0f, i8), v != 0.0f)
CAST(i32_bool, i32, int32_t, u8, uint8_t, (v_u8)-CONVERT(v != 0, i8), v != 0)
CAST(i64_bool, i64, int64_t, u8, uint8_t, (v_u8)-CONVERT(v != 0, i8), v != 0)

/* Lanes inside the range are converted, the others as 0; then what is past an end becomes that end, and NaN stays 0.
 * END is exact in float32. */
#define INSIDE(END) ((v_f32)((v_i32)v & (v < (END)) & (v > -(END))))
#define TRUNCATE(BITS, END)                                                                                            \
    (CONVERT(INSIDE(END), i##BITS) | (CONVERT(v >= (END), i##BITS) & INT##BITS##_MAX) |                                \
     (CONVERT(v <= -(END), i##BITS) & INT##BITS##_MIN))
#define TRUNCATE_ONE(BITS, END)                                                                                        \
    v >= (END) ? INT##BITS##_MAX : v > -(END) ? (int##BITS##_t)v : v <= -(END) ? INT##BITS##_MIN : 0
CAST(f32_i32, f32, float, i32, int32_t, TRUNCATE(32, 0x1p31f), TRUNCATE_ONE(32, 0x1p31f))
CAST(f32_i64, f32, float, i64, int64_t, TRUNCATE(64, 0x1p63f), TRUNCATE_ONE(64, 0x1p63f))

const qn_caster VF_NAME(qn_casters)[] = {
    {QN_BOOL, QN_F32, bool_f32}, {QN_BOOL, QN_I32, bool_i32}, {QN_BOOL, QN_I64, bool_i64}, {QN_U8, QN_F32, u8_f32},
    {QN_I8, QN_F32, i8_f32},     {QN_I32, QN_F32, i32_f32},   {QN_I64, QN_F32, i64_f32},   {QN_I64, QN_I32, i64_i32},
    {QN_I32, QN_I64, i32_i64},   {QN_F32, QN_BOOL, f32_bool}, {QN_I32, QN_BOOL, i32_bool}, {QN_I64, QN_BOOL, i64_bool},
    {QN_F32, QN_I32, f32_i32},   {QN_F32, QN_I64, f32_i64},   {QN_NONE, QN_NONE, NULL},
};
