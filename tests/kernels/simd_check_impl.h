/* simd_check.h for the instruction set that the including file is compiled for. */
#include "kernels/simd/simd.h"
#include "tests/kernels/simd_check.h"
#include "tests/test.h"

#include <float.h>
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

static const float g_numbers[] = {0.0f,       -0.0f, 0.25f,     -0.5f,    0.5f,         1.0f,    -1.0f,    1.5f,
                                  2.5f,       -2.5f, 3.0f,      -7.75f,   1e-3f,        0.1f,    1.0f / 3, 100.5f,
                                  8388607.5f, -1e9f, 0x1p-149f, -FLT_MIN, FLT_MIN / 2,  FLT_MAX, -FLT_MAX, INFINITY,
                                  -INFINITY,  NAN,   1e20f,     1e-20f,   0x1.fffffep0f};
enum { NUMBERS = sizeof g_numbers / sizeof g_numbers[0] };

static uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* The same bits, or NaNs both. */
static void expect(const char *what, vf got, const float *wanted) {
    float lanes[VF_LANES];
    vf_store(lanes, got);
    for (int i = 0; i < VF_LANES; i++)
        if (bits_of(lanes[i]) != bits_of(wanted[i]) && !(isnan(lanes[i]) && isnan(wanted[i])))
            fail_msg("%s: lane %d is %a, not %a", what, i, (double)lanes[i], (double)wanted[i]);
}

/* a, b and c: three lanes of numbers; EXPR: what lane i is to be. */
#define LANES(WHAT, GOT, EXPR)                                                                                         \
    do {                                                                                                               \
        float wanted_[VF_LANES];                                                                                       \
        for (int i = 0; i < VF_LANES; i++)                                                                             \
            wanted_[i] = (EXPR);                                                                                       \
        expect(WHAT, GOT, wanted_);                                                                                    \
    } while (0)

/* ---- arithmetic: each number with each other ------------------------------------------------------------- */

static void arithmetic_of(const float *a, const float *b, const float *c, bool fused) {
    const vf x = vf_load(a), y = vf_load(b), z = vf_load(c);
    LANES("vf_set1", vf_set1(a[0]), a[0]);
    LANES("vf_add", vf_add(x, y), a[i] + b[i]);
    LANES("vf_sub", vf_sub(x, y), a[i] - b[i]);
    LANES("vf_mul", vf_mul(x, y), a[i] * b[i]);
    LANES("vf_div", vf_div(x, y), a[i] / b[i]);
    LANES("vf_fma", vf_fma(x, y, z), fused ? fmaf(a[i], b[i], c[i]) : a[i] * b[i] + c[i]);
    LANES("vf_min", vf_min(x, y), a[i] < b[i] ? a[i] : b[i]);
    LANES("vf_max", vf_max(x, y), a[i] > b[i] ? a[i] : b[i]);
    LANES("vf_sqrt", vf_sqrt(x), sqrtf(a[i]));
    LANES("vf_abs", vf_abs(x), fabsf(a[i]));
    LANES("vf_round", vf_round(x), rintf(a[i]));
    LANES("vf_power", vf_power(x), isnan(a[i]) || isinf(a[i]) ? INFINITY : fabsf(a[i]) >= FLT_MIN ? ldexpf(1.0f, ilogbf(a[i])) : 0.0f);
    LANES("vf_select_lt", vf_select_lt(x, y, z, x), a[i] < b[i] ? c[i] : a[i]);
    LANES("vf_or_nan", vf_or_nan(x, y), isnan(a[i]) ? a[i] : b[i]);
}

static void check_arithmetic(bool fused) {
    float a[VF_LANES], b[VF_LANES], c[VF_LANES];
    for (int first = 0; first < NUMBERS; first++)
        for (int apart = 0; apart < NUMBERS; apart++) {
            for (int i = 0; i < VF_LANES; i++) {
                a[i] = g_numbers[(first + i) % NUMBERS];
                b[i] = g_numbers[(first + i + apart) % NUMBERS];
                c[i] = g_numbers[(first + 5 * apart + 3 * i) % NUMBERS];
            }
            arithmetic_of(a, b, c, fused);
        }
    /* a product that rounding would lose: (1 + 2^-12)^2 - (1 + 2^-11) = 2^-24 */
    LANES("vf_fma", vf_fma(vf_set1(1 + 0x1p-12f), vf_set1(1 + 0x1p-12f), vf_set1(-1 - 0x1p-11f)),
          fused ? 0x1p-24f : 0.0f);
    for (int n = -160; n <= 160; n++)
        for (int k = 0; k < 7; k++) {
            const float m = 1.0f + (float)k * 0x1.2468acp-3f;
            LANES("vf_scale2", vf_scale2(vf_set1(-m), vf_set1((float)n)), ldexpf(-m, n));
        }
}

/* ---- across lanes ------------------------------------------------------------------------------------------- */

static void check_low_bytes(void) {
    float a[VF_LANES];
    uint8_t got[VF_LANES + 1];
    for (int n = 0; n <= VF_LANES; n++) {
        memset(got, 77, sizeof got);
        for (int i = 0; i < VF_LANES; i++)
            a[i] = (float)(i * 37 % 384 - 128);
        vf_store_low_n(got, vf_load(a), n);
        for (int i = 0; i <= VF_LANES; i++)
            assert_int_equal(got[i], i < n ? (uint8_t)(i * 37 % 384 - 128) : 77);
    }
}

static void check_lanes(void) {
    float a[VF_LANES], b[VF_LANES];
    check_low_bytes();
    for (int top = 0; top < VF_LANES; top++) {
        float sum = 0;
        for (int i = 0; i < VF_LANES; i++) {
            a[i] = -(float)(1 << i % 12) - (float)i;
            sum += a[i];
        }
        sum += 0.5f - a[top];
        a[top] = 0.5f;
        assert_true(vf_sum(vf_load(a)) == sum);
        assert_true(vf_top(vf_load(a)) == 0.5f);
    }
    vf even, odd, r[VF_LANES];
    for (int i = 0; i < VF_LANES; i++) {
        a[i] = (float)i;
        b[i] = (float)(VF_LANES + i);
    }
    vf_part(vf_load(a), vf_load(b), &even, &odd);
    LANES("vf_part, even", even, (float)(2 * i));
    LANES("vf_part, odd", odd, (float)(2 * i + 1));
    vf_zip(vf_load(a), vf_load(b), &even, &odd);
    LANES("vf_zip, first", even, (float)(i / 2 + i % 2 * VF_LANES));
    LANES("vf_zip, second", odd, (float)((VF_LANES + i) / 2 + i % 2 * VF_LANES));
    for (int j = 0; j < VF_LANES; j++) {
        for (int i = 0; i < VF_LANES; i++)
            a[i] = (float)(100 * j + i);
        r[j] = vf_load(a);
    }
    vf_transpose(r);
    for (int j = 0; j < VF_LANES; j++)
        LANES("vf_transpose", r[j], (float)(100 * i + j));
}

/* ---- the first n, next to memory that must not be touched -------------------------------------------------- */

/* n numbers of each kind that end where the readable page does. */
static void load_before(const char *end, int64_t n) {
    const float *f = (const float *)(const void *)end - n;
    const uint16_t *h = (const uint16_t *)(const void *)end - n;
    const int8_t *s = (const int8_t *)end - n;
    const uint8_t *u = (const uint8_t *)end - n;
    LANES("vf_load_n", vf_load_n(f, n), i < n ? f[i] : 0.0f);
    LANES("vf_load_f16_n", vf_load_f16_n(h, n), i < n ? qn_f16_to_f32(h[i]) : 0.0f);
    LANES("vf_load_bf16_n", vf_load_bf16_n(h, n), i < n ? qn_bf16_to_f32(h[i]) : 0.0f);
    LANES("vf_load_i8_n", vf_load_i8_n(s, n), i < n ? (float)s[i] : 0.0f);
    LANES("vf_load_u8_n", vf_load_u8_n(u, n), i < n ? (float)u[i] : 0.0f);
}

static void store_before(char *end, int64_t n) {
    float a[VF_LANES];
    for (int i = 0; i < VF_LANES; i++)
        a[i] = 1.0f / (float)(3 + i);
    const vf v = vf_load(a);
    const int64_t there = n < VF_LANES ? n : VF_LANES;
    float *f = (float *)(void *)end - n;
    uint16_t *h = (uint16_t *)(void *)end - n;
    vf_store_n(f, v, n);
    assert_memory_equal(f, a, (size_t)there * sizeof *f);
    vf_store_f16_n(h, v, n);
    for (int64_t i = 0; i < there; i++)
        assert_int_equal(h[i], qn_f32_to_f16(a[i]));
    vf_store_bf16_n(h, v, n);
    for (int64_t i = 0; i < there; i++)
        assert_int_equal(h[i], qn_f32_to_bf16(a[i]));
}

static void check_memory(void) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    char *end = memory + 2 * page;
    assert_int_equal(mprotect(end, page, PROT_NONE), 0);
    for (size_t i = 0; i < 2 * page; i++)
        memory[i] = (char)(i * 37 + 11);
    for (int64_t n = 0; n <= VF_LANES + 3; n++)
        load_before(end, n);
    for (int64_t n = 0; n <= VF_LANES + 3; n++)
        store_before(end, n);
    /* and nothing behind the n is written */
    float f[VF_LANES + 1];
    uint16_t h[VF_LANES + 1];
    for (int n = 0; n <= VF_LANES; n++) {
        for (int i = 0; i <= VF_LANES; i++)
            f[i] = 7;
        vf_store_n(f, vf_set1(1.0f), n);
        for (int i = 0; i <= VF_LANES; i++)
            assert_true(f[i] == (i < n ? 1.0f : 7.0f));
        for (int k = 0; k < 2; k++) {
            memset(h, 0x55, sizeof h);
            (k ? vf_store_bf16_n : vf_store_f16_n)(h, vf_set1(1.0f), n);
            for (int i = 0; i <= VF_LANES; i++)
                assert_int_equal(h[i], i >= n ? 0x5555 : k ? 0x3f80 : 0x3c00);
        }
    }
    assert_int_equal(munmap(memory, 3 * page), 0);
}

/* ---- every code of a narrow type ------------------------------------------------------------------------------ */

/* The bits of base/half.h, NaNs' too. */
static void same_bits(const char *what, vf got, const float *wanted) {
    float lanes[VF_LANES];
    vf_store(lanes, got);
    for (int i = 0; i < VF_LANES; i++)
        if (bits_of(lanes[i]) != bits_of(wanted[i]))
            fail_msg("%s: lane %d is %08x, not %08x", what, i, bits_of(lanes[i]), bits_of(wanted[i]));
}

static void check_storage(void) {
    uint16_t h[VF_LANES], b[VF_LANES];
    float f[VF_LANES], g[VF_LANES];
    for (uint32_t code = 0; code < 1 << 16; code += VF_LANES) {
        for (uint32_t i = 0; i < VF_LANES; i++) {
            h[i] = (uint16_t)(code + i);
            f[i] = qn_f16_to_f32(h[i]);
            g[i] = qn_bf16_to_f32(h[i]);
        }
        same_bits("vf_load_f16_n", vf_load_f16_n(h, VF_LANES), f);
        same_bits("vf_load_bf16_n", vf_load_bf16_n(h, VF_LANES), g);
    }
    for (int code = 0; code < 256; code += VF_LANES) {
        int8_t s[VF_LANES];
        uint8_t u[VF_LANES];
        for (int i = 0; i < VF_LANES; i++) {
            u[i] = (uint8_t)(code + i);
            s[i] = (int8_t)(code + i - 128);
        }
        LANES("vf_load_i8_n", vf_load_i8_n(s, VF_LANES), (float)s[i]);
        LANES("vf_load_u8_n", vf_load_u8_n(u, VF_LANES), (float)u[i]);
    }
    /* each upper half of a float32 with lower halves around the ties of both types */
    static const uint32_t lower[] = {0, 1, 0xfff, 0x1000, 0x1001, 0x3000, 0x7fff, 0x8000, 0x8001, 0xf000, 0xffff};
    for (size_t k = 0; k < sizeof lower / sizeof lower[0]; k++)
        for (uint32_t upper = 0; upper < 1 << 16; upper += VF_LANES) {
            for (uint32_t i = 0; i < VF_LANES; i++) {
                const uint32_t u = (upper + i) << 16 | lower[k];
                memcpy(&f[i], &u, sizeof u);
            }
            vf_store_f16_n(h, vf_load(f), VF_LANES);
            vf_store_bf16_n(b, vf_load(f), VF_LANES);
            for (int i = 0; i < VF_LANES; i++)
                if (h[i] != qn_f32_to_f16(f[i]) || b[i] != qn_f32_to_bf16(f[i]))
                    fail_msg("%08x is stored as %04x and %04x, not %04x and %04x", bits_of(f[i]), h[i], b[i],
                             qn_f32_to_f16(f[i]), qn_f32_to_bf16(f[i]));
        }
}

const simd_check VF_NAME(simd_check) = {check_arithmetic, check_lanes, check_memory, check_storage};
