/* Affine codes against the formula, element by element, and how far they are from the numbers. */
#include "tests/test.h"

#include <math.h>

#include "base/half.h"
#include "quant/quant.h"

enum { MAX = 4096 };
static const qn_dtype g_types[] = {QN_I8, QN_U8, QN_I4, QN_U4};

static uint64_t g_seed;
static float noise(void) {
    g_seed = g_seed * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(g_seed >> 11) / 4503599627370496.0 - 1.0);
}

static int64_t group_of(const qn_groups *g, int64_t e) {
    if (g->block == 0)
        return e / g->inner % g->n_groups;
    const int64_t per = (g->size + g->block - 1) / g->block;
    return (e / (g->size * g->inner) * per + e / g->inner % g->size / g->block) * g->inner + e % g->inner;
}

static float r16(float x) { return qn_f16_to_f32(qn_f32_to_f16(x)); }

/* One group by the formula of quant.h. */
static void brute(const qn_code_type *t, bool symmetric, const qn_groups *g, int64_t k, const float *x, int64_t n,
                  float *scale, int32_t *zero, int32_t *codes) {
    float lo = 0, hi = 0;
    for (int64_t e = 0; e < n; e++)
        if (group_of(g, e) == k) {
            lo = fminf(lo, x[e]);
            hi = fmaxf(hi, x[e]);
        }
    const float levels = (float)(t->max - t->min);
    *scale = r16(symmetric ? (-lo >= hi ? lo : hi) / (float)t->min : hi / levels - lo / levels);
    *zero = 0;
    if (!symmetric && *scale > 0)
        *zero = (int32_t)fminf(fmaxf(rintf(-lo / *scale) + (float)t->min, (float)t->min), (float)t->max);
    for (int64_t e = 0; e < n; e++)
        if (group_of(g, e) == k)
            codes[e] = *scale == 0
                           ? *zero
                           : (int32_t)fminf(fmaxf(rintf(x[e] / *scale) + (float)*zero, (float)t->min), (float)t->max);
}

static void check(const qn_code_type *t, bool symmetric, const qn_groups *g, int64_t n) {
    float x[MAX], least[MAX] = {0}, largest[MAX] = {0}, scales[MAX];
    int8_t zeros[MAX], codes[MAX];
    int32_t want[MAX], zero[MAX];
    float scale[MAX];
    uint8_t packed[MAX + 1];
    int64_t bad;
    for (int64_t e = 0; e < n; e++)
        x[e] = e % 5 == 4 ? 0 : noise() * (group_of(g, e) % 3 == 2 ? 0 : 3);
    for (int64_t k = 0; k < g->n_groups; k++)
        brute(t, symmetric, g, k, x, n, &scale[k], &zero[k], want);
    for (int64_t piece = 1; piece <= n; piece += 1 + n / 3) {
        memset(least, 0, sizeof least);
        memset(largest, 0, sizeof largest);
        for (int64_t at = 0; at < n; at += piece)
            assert_true(qn_affine_range(g, at, x + at, n - at < piece ? n - at : piece, least, largest, &bad));
        assert_true(qn_affine_fit(t, symmetric, QN_F16, least, largest, g->n_groups, scales, zeros, &bad));
        for (int64_t at = 0; at < n; at += piece) {
            const int64_t m = n - at < piece ? n - at : piece;
            qn_affine_encode(t, g, at, x + at, m, scales, zeros, codes + at);
            assert_true(qn_codes_pack(t, codes + at, at, m, packed + at * t->bits / 8) > 0);
        }
        for (int64_t k = 0; k < g->n_groups; k++) {
            assert_true(scales[k] == scale[k]);
            assert_int_equal(t->is_signed ? zeros[k] : (uint8_t)zeros[k], zero[k]);
        }
        for (int64_t e = 0; e < n; e++)
            assert_int_equal(qn_code_at(t, packed, e), want[e]);
    }
}

QN_TEST(quant_affine_brute_force) {
    static const struct {
        int64_t outer, size, inner, block;
    } shapes[] = {{1, 1, 1, 0},   {1, 1, 77, 0}, {1, 8, 27, 0},  {5, 7, 1, 0},  {3, 33, 1, 16},
                  {3, 33, 5, 16}, {7, 9, 1, 4},  {2, 48, 3, 16}, {1, 5, 1, 32}, {4, 64, 1, 32}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int t = 0; t < 4; t++)
            for (int symmetric = 0; symmetric < 2; symmetric++) {
                qn_groups g = {.n_groups = shapes[i].size, .inner = shapes[i].inner, .block = shapes[i].block, .size = shapes[i].size};
                if (g.block > 0)
                    g.n_groups = shapes[i].outer * ((g.size + g.block - 1) / g.block) * g.inner;
                const qn_code_type *type = qn_code_type_of(g_types[t]);
                g_seed = i;
                if (!symmetric || type->is_signed)
                    check(type, symmetric != 0, &g, shapes[i].outer * shapes[i].size * shapes[i].inner);
            }
}

/* Normal numbers in blocks of 32: the error of a step s is s^2 / 12; a block's largest magnitude is 2.1 on average, its
 * step an eighth of that (symmetric), or its span, 4.1, by 15: an SQNR of 22.3 and 22.0 dB, less what is clipped at 7
 * and what float16 scales cost. */
QN_TEST(quant_affine_sqnr) {
    for (int symmetric = 0; symmetric < 2; symmetric++) {
        const qn_code_type *t = qn_code_type_of(QN_I4);
        const qn_groups g = {.n_groups = MAX / 32, .inner = 1, .block = 32, .size = MAX};
        float x[MAX], least[MAX / 32] = {0}, largest[MAX / 32] = {0}, scales[MAX / 32];
        int8_t zeros[MAX / 32], codes[MAX];
        int64_t bad;
        double signal = 0, noise_power = 0;
        for (int64_t e = 0; e < MAX; e++) {
            x[e] = 0;
            for (int k = 0; k < 12; k++)
                x[e] += noise() / 2;
        }
        assert_true(qn_affine_range(&g, 0, x, MAX, least, largest, &bad));
        assert_true(qn_affine_fit(t, symmetric != 0, QN_F16, least, largest, g.n_groups, scales, zeros, &bad));
        qn_affine_encode(t, &g, 0, x, MAX, scales, zeros, codes);
        for (int64_t e = 0; e < MAX; e++) {
            const double d = (double)x[e] - (codes[e] - zeros[e / 32]) * (double)scales[e / 32];
            signal += (double)x[e] * (double)x[e];
            noise_power += d * d;
        }
        assert_true(10 * log10(signal / noise_power) > (symmetric ? 21 : 21.5));
    }
}

QN_TEST(quant_affine_refused) {
    const qn_groups g = {.n_groups = 6, .inner = 1, .block = 2, .size = 4}; /* the last of three rows of four */
    float x[4] = {1, 2, NAN, 4}, least[6] = {0}, largest[6] = {0}, scales[2];
    int8_t zeros[2];
    int64_t bad = -1;
    assert_false(qn_affine_range(&g, 8, x, 4, least, largest, &bad) || bad != 10);
    largest[0] = 1, largest[1] = 1e6f;
    assert_false(qn_affine_fit(qn_code_type_of(QN_I4), true, QN_F16, least, largest, 2, scales, zeros, &bad) ||
                 bad != 1);
    assert_true(qn_affine_fit(qn_code_type_of(QN_I4), true, QN_F32, least, largest, 2, scales, zeros, &bad));
}

/* Codes of every width, from every place in a byte, against bits that are put one by one. */
QN_TEST(quant_affine_pack) {
    static const qn_dtype types[] = {QN_I8, QN_U6, QN_I4, QN_U4, QN_I3, QN_U2};
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        const qn_code_type *t = qn_code_type_of(types[k]);
        for (int64_t first = 0; first < 9; first++)
            for (int64_t n = 0; n < 60; n++) {
                int8_t codes[80];
                uint8_t packed[90] = {0}, want[90] = {0};
                for (int64_t i = 0; i < first + n; i++) {
                    codes[i] = (int8_t)(i * 29 + 11);
                    for (int b = 0; b < t->bits; b++) {
                        const int64_t at = i * t->bits + b;
                        want[at / 8] = (uint8_t)(want[at / 8] | ((unsigned)(uint8_t)codes[i] >> b & 1) << at % 8);
                    }
                }
                (void)qn_codes_pack(t, codes, 0, first, packed);
                const int64_t byte = first * t->bits / 8;
                assert_int_equal(qn_codes_pack(t, codes + first, first, n, packed + byte), ((first + n) * t->bits + 7) / 8 - byte);
                assert_memory_equal(packed, want, (size_t)((first + n) * t->bits + 7) / 8);
            }
    }
}
