#include "kernels/ref/convert.h"

#include "base/half.h"

#include <math.h>
#include <string.h>

/* ---- double to the half formats ------------------------------------------------------------------ */

/* x as a float rounded to odd: towards zero, and with the last bit set when anything was cut off. Rounding that to a
 * format of at most 22 bits gives what rounding x would have given (Boldo and Melquiond, "Emulation of FMA and
 * correctly rounded sums: proved algorithms using rounding to odd", 2008). */
static float round_to_odd(double x) {
    float f = (float)x;
    if ((double)f == x || x != x)
        return f;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (fabs((double)f) > fabs(x))
        bits--; /* an infinity becomes the largest float */
    bits |= 1;
    memcpy(&f, &bits, sizeof f);
    return f;
}

uint16_t qn_f64_to_f16(double x) { return qn_f32_to_f16(round_to_odd(x)); }
uint16_t qn_f64_to_bf16(double x) { return qn_f32_to_bf16(round_to_odd(x)); }

/* An int64 (or uint64) as a double that rounds to bfloat16 as the integer would: bits below the 53 of a double are
 * gathered in the last one. */
static double sticky_i64(int64_t v) {
    if (v > -((int64_t)1 << 53) && v < (int64_t)1 << 53)
        return (double)v;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    u = (u & ~(uint64_t)0x7ff) | ((u & 0x7ff) ? 0x800 : 0);
    return v < 0 ? -(double)u : (double)u;
}
static double sticky_u64(uint64_t v) {
    return v < (uint64_t)1 << 53 ? (double)v : (double)((v & ~(uint64_t)0x7ff) | ((v & 0x7ff) ? 0x800 : 0));
}

/* ---- through one wide type -------------------------------------------------------------------------
 * Floats pass through double and integers through int64, both exact; uint64 passes through the bits of int64, and only
 * floats tell the two apart. */

enum { CHUNK = 512 };

#define LOAD(S, T, WIDE)                                                       \
    static void load_##S(const void *src, int64_t at, WIDE *w, int64_t n) {    \
        const T *x = (const T *)src + at;                                      \
        for (int64_t i = 0; i < n; i++)                                        \
            w[i] = (WIDE)x[i];                                                 \
    }
LOAD(f32, float, double)
LOAD(f64, double, double)
LOAD(i8, int8_t, int64_t)
LOAD(i16, int16_t, int64_t)
LOAD(i32, int32_t, int64_t)
LOAD(i64, int64_t, int64_t)
LOAD(u8, uint8_t, int64_t)
LOAD(u16, uint16_t, int64_t)
LOAD(u32, uint32_t, int64_t)
LOAD(u64, uint64_t, int64_t)

static void load_bool(const void *src, int64_t at, int64_t *w, int64_t n) {
    const uint8_t *x = (const uint8_t *)src + at;
    for (int64_t i = 0; i < n; i++)
        w[i] = x[i] != 0;
}
static void load_f16(const void *src, int64_t at, double *w, int64_t n) {
    const uint16_t *x = (const uint16_t *)src + at;
    for (int64_t i = 0; i < n; i++)
        w[i] = (double)qn_f16_to_f32(x[i]);
}
static void load_bf16(const void *src, int64_t at, double *w, int64_t n) {
    const uint16_t *x = (const uint16_t *)src + at;
    for (int64_t i = 0; i < n; i++)
        w[i] = (double)qn_bf16_to_f32(x[i]);
}

/* dst[at..at+n) = EXPR(v) for v in w */
#define STORE(NAME, WIDE, T, EXPR)                                          \
    static void NAME(const WIDE *w, void *dst, int64_t at, int64_t n) {     \
        T *y = (T *)dst + at;                                               \
        for (int64_t i = 0; i < n; i++) {                                   \
            const WIDE v = w[i];                                            \
            y[i] = EXPR;                                                    \
        }                                                                   \
    }

/* LOW and the first number past HIGH are powers of two (or 0), so the comparisons are exact. */
#define STORE_INT(S, T, LOW, HIGH, PAST)                                                           \
    STORE(truncate_##S, double, T, v >= (PAST) ? (T)(HIGH) : v > (LOW) ? (T)v : v <= (LOW) ? (T)(LOW) : 0) \
    STORE(wrap_##S, int64_t, T, (T)(uint64_t)v)
STORE_INT(i8, int8_t, INT8_MIN, INT8_MAX, 128.0)
STORE_INT(i16, int16_t, INT16_MIN, INT16_MAX, 32768.0)
STORE_INT(i32, int32_t, INT32_MIN, INT32_MAX, 2147483648.0)
STORE_INT(i64, int64_t, -9223372036854775808.0, INT64_MAX, 9223372036854775808.0)
STORE_INT(u8, uint8_t, 0, UINT8_MAX, 256.0)
STORE_INT(u16, uint16_t, 0, UINT16_MAX, 65536.0)
STORE_INT(u32, uint32_t, 0, UINT32_MAX, 4294967296.0)
STORE_INT(u64, uint64_t, 0, UINT64_MAX, 18446744073709551616.0)
STORE(truncate_bool, double, uint8_t, v != 0)
STORE(wrap_bool, int64_t, uint8_t, v != 0)
STORE(round_f32, double, float, (float)v)
STORE(round_f64, double, double, v)
STORE(round_f16, double, uint16_t, qn_f64_to_f16(v))
STORE(round_bf16, double, uint16_t, qn_f64_to_bf16(v))
STORE(int_f32, int64_t, float, (float)v)
STORE(int_f64, int64_t, double, (double)v)
STORE(int_f16, int64_t, uint16_t, qn_f64_to_f16(sticky_i64(v)))
STORE(int_bf16, int64_t, uint16_t, qn_f64_to_bf16(sticky_i64(v)))
STORE(uint_f32, int64_t, float, (float)(uint64_t)v)
STORE(uint_f64, int64_t, double, (double)(uint64_t)v)
STORE(uint_f16, int64_t, uint16_t, qn_f64_to_f16(sticky_u64((uint64_t)v)))
STORE(uint_bf16, int64_t, uint16_t, qn_f64_to_bf16(sticky_u64((uint64_t)v)))

typedef struct row {
    void (*load_float)(const void *, int64_t, double *, int64_t);  /* one of the two is set */
    void (*load_int)(const void *, int64_t, int64_t *, int64_t);
    void (*from_float)(const double *, void *, int64_t, int64_t);
    void (*from_int)(const int64_t *, void *, int64_t, int64_t);
    void (*from_u64)(const int64_t *, void *, int64_t, int64_t);
} row;

#define FLOAT_ROW(S) {load_##S, NULL, round_##S, int_##S, uint_##S}
#define INT_ROW(S) {NULL, load_##S, truncate_##S, wrap_##S, wrap_##S}
static const row g_rows[] = {
    [QN_F32] = FLOAT_ROW(f32), [QN_F64] = FLOAT_ROW(f64), [QN_F16] = FLOAT_ROW(f16), [QN_BF16] = FLOAT_ROW(bf16),
    [QN_I8] = INT_ROW(i8),     [QN_I16] = INT_ROW(i16),   [QN_I32] = INT_ROW(i32),   [QN_I64] = INT_ROW(i64),
    [QN_U8] = INT_ROW(u8),     [QN_U16] = INT_ROW(u16),   [QN_U32] = INT_ROW(u32),   [QN_U64] = INT_ROW(u64),
    [QN_BOOL] = INT_ROW(bool),
};

void qn_convert(qn_dtype from, const void *src, qn_dtype to, void *dst, int64_t n) {
    if (n <= 0)
        return;
    if (from == to) {
        memcpy(dst, src, (size_t)n * qn_dtype_bytes(to));
        return;
    }
    if (from == QN_F32 && to == QN_F16) {
        qn_f32_to_f16_n(src, dst, (size_t)n);
        return;
    }
    if (from == QN_F32 && to == QN_BF16) {
        qn_f32_to_bf16_n(src, dst, (size_t)n);
        return;
    }
    if (from == QN_F16 && to == QN_F32) {
        qn_f16_to_f32_n(src, dst, (size_t)n);
        return;
    }
    if (from == QN_BF16 && to == QN_F32) {
        qn_bf16_to_f32_n(src, dst, (size_t)n);
        return;
    }
    const row *in = &g_rows[from], *out = &g_rows[to];
    double floats[CHUNK];
    int64_t ints[CHUNK];
    for (int64_t at = 0; at < n; at += CHUNK) {
        int64_t m = n - at < CHUNK ? n - at : CHUNK;
        if (in->load_float) {
            in->load_float(src, at, floats, m);
            out->from_float(floats, dst, at, m);
        } else {
            in->load_int(src, at, ints, m);
            (from == QN_U64 ? out->from_u64 : out->from_int)(ints, dst, at, m);
        }
    }
}
