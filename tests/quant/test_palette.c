/* Palettes: what is stored decodes to the nearest numbers that it could, and tables are the best there are. */
#include "quant/palette.h"

#include "kernels/eval.h"
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 6, COLUMNS = 20, N = ROWS * COLUMNS };

static uint32_t g_seed;
static float noise(void) {
    g_seed = g_seed * 1664525u + 1013904223u;
    return (float)((double)(g_seed >> 8) / 8388608.0 - 1.0);
}

/* Numbers with a few large ones among them. */
static void numbers(float *x, uint32_t seed) {
    g_seed = seed;
    for (int i = 0; i < N; i++)
        x[i] = noise() * noise() * (i % 17 == 3 ? 4.0f : 1.0f);
}

static qn_const palette(int bits, const qn_encode_how *how) {
    return (qn_const){.dtype = QN_F32, .rank = 2, .dims = {ROWS, COLUMNS}, .encoding = QN_ENC_PALETTE, .bits = bits, .width = 1,
                      .axis = -1, .lut_axis = -1, .lut_dtype = QN_F32, .how = how, .name = "w"};
}

/* The parts of x under c, filled in, and what they decode to. */
static void encode(qn_context *ctx, qn_arena *arena, qn_const *c, const float *x, float *out) {
    ASSERT_OK(ctx, qn_palette_encode(ctx, arena, c, x, c->part));
    ASSERT_OK(ctx, qn_const_decode(ctx, c, 0, qn_const_numel(c), out));
}

static double error_of(const float *x, const float *stored, const float *weight, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (weight ? (double)weight[i] : 1.0) * ((double)x[i] - (double)stored[i]) * ((double)x[i] - (double)stored[i]);
    return sum;
}

static int by_size(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The least error of k means over v[n], by the dynamic programme over all partitions of the sorted numbers. */
static double least_error(const float *v, int n, int k) {
    float s[N];
    double best[N + 1], next[N + 1];
    memcpy(s, v, (size_t)n * sizeof *s);
    qsort(s, (size_t)n, sizeof *s, by_size);
    for (int i = 0; i <= n; i++)
        best[i] = i ? INFINITY : 0;
    for (int used = 0; used < k; used++) {
        for (int end = 0; end <= n; end++) {
            next[end] = best[end];
            double sum = 0, squares = 0;
            for (int first = end - 1; first >= 0; first--) {
                sum += (double)s[first];
                squares += (double)s[first] * (double)s[first];
                const double cost = best[first] + squares - sum * sum / (end - first);
                next[end] = cost < next[end] ? cost : next[end];
            }
        }
        memcpy(best, next, sizeof best);
    }
    return best[n];
}

QN_TEST(quant_palette_kmeans_is_the_best_palette) {
    qn_context *ctx = qn_test_context();
    float x[N], got[N];
    for (int bits = 1; bits <= 5; bits++) {
        qn_arena *arena = qn_arena_create();
        const qn_encode_how how = {.scheme = {.table = QN_TABLE_KMEANS}};
        qn_const c = palette(bits, &how);
        numbers(x, (uint32_t)bits);
        encode(ctx, arena, &c, x, got);
        const double least = least_error(x, N, 1 << bits), error = error_of(x, got, NULL, N);
        assert_true(error <= least * (1 + 1e-5) + 1e-12); /* centres are rounded to float32 */
        assert_true(error >= least * (1 - 1e-9) - 1e-12);
        qn_arena_destroy(arena);
    }
    qn_context_destroy(ctx);
}

/* Tables of groups of channels on either axis: each is the best for what it serves. */
QN_TEST(quant_palette_groups) {
    qn_context *ctx = qn_test_context();
    float x[N], got[N], mine[N];
    numbers(x, 5);
    for (int32_t axis = 0; axis < 2; axis++)
        for (int64_t group = 1; group <= 8; group += group == 1 ? 3 : 4) { /* 1, 4, 8: the last group may be short */
            qn_arena *arena = qn_arena_create();
            const qn_encode_how how = {.scheme = {.table = QN_TABLE_KMEANS}};
            qn_const c = palette(2, &how);
            c.lut_axis = axis;
            c.lut_group = group;
            encode(ctx, arena, &c, x, got);
            const int size = axis ? COLUMNS : ROWS;
            for (int begin = 0; begin < size; begin += (int)group) {
                float stored[N];
                int n = 0;
                for (int i = 0; i < N; i++) {
                    const int at = axis ? i % COLUMNS : i / COLUMNS;
                    if (at >= begin && at < begin + group) {
                        mine[n] = x[i];
                        stored[n++] = got[i];
                    }
                }
                assert_true(error_of(mine, stored, NULL, n) <= least_error(mine, n, 4) * (1 + 1e-5) + 1e-12);
            }
            qn_arena_destroy(arena);
        }
    qn_context_destroy(ctx);
}

QN_TEST(quant_palette_uniform_and_unique) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    float x[N], got[N], lo = INFINITY, hi = -INFINITY;
    numbers(x, 9);
    for (int i = 0; i < N; i++) {
        lo = fminf(lo, x[i]);
        hi = fmaxf(hi, x[i]);
    }
    const qn_encode_how uniform = {.scheme = {.table = QN_TABLE_UNIFORM}}, unique = {.scheme = {.table = QN_TABLE_UNIQUE}};
    qn_const c = palette(3, &uniform);
    encode(ctx, arena, &c, x, got);
    const float step = (hi - lo) / 7;
    for (int i = 0; i < N; i++)
        assert_true(fabsf(got[i] - x[i]) <= step / 2 * (1 + 1e-5f));
    for (int i = 0; i < N; i++)
        x[i] = (float)(i * 7 % 8) * 0.37f - 1;
    c = palette(3, &unique);
    encode(ctx, arena, &c, x, got);
    assert_memory_equal(got, x, sizeof x);
    x[5] = 100;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "tensor 'w' has more than 8 different numbers", qn_palette_encode(ctx, arena, &c, x, c.part));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* NF4 in blocks: the entry nearest to x / max|x| of the block, with the 16 numbers of the paper. */
QN_TEST(quant_palette_nf4) {
    static const double nf4[] = {-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
                                 -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
                                 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
                                 0.7229568362236023, 1.0};
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    float x[N], got[N];
    numbers(x, 2);
    const qn_encode_how how = {.scheme = {.table = QN_TABLE_NF4}};
    qn_const c = palette(4, &how);
    c.scale_dtype = QN_F32;
    c.axis = 1;
    c.block = 8; /* and a last one of four */
    encode(ctx, arena, &c, x, got);
    for (int i = 0; i < N; i++) {
        const int row = i / COLUMNS, begin = i % COLUMNS / 8 * 8, end = begin + 8 < COLUMNS ? begin + 8 : COLUMNS;
        double top = 0, least = INFINITY, best = 0; /* the scale has the sign of the largest */
        for (int k = begin; k < end; k++)
            if (fabs((double)x[row * COLUMNS + k]) > fabs(top))
                top = (double)x[row * COLUMNS + k];
        for (int k = 0; k < 16; k++)
            if (fabs((double)x[i] - nf4[k] * top) < least) {
                least = fabs((double)x[i] - nf4[k] * top);
                best = nf4[k] * top;
            }
        assert_true(fabs((double)got[i] - best) < 1e-6 || fabs(fabs((double)got[i] - (double)x[i]) - least) < 1e-6);
    }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Scales of each type: turns never make it worse than the largest number, by weighted error. */
QN_TEST(quant_palette_scales) {
    static const struct {
        qn_dtype scale, super, lut;
    } types[] = {{QN_F32, QN_NONE, QN_F32}, {QN_F16, QN_NONE, QN_F16}, {QN_BF16, QN_NONE, QN_I8}, {QN_I6, QN_BF16, QN_F16},
                 {QN_U8, QN_F16, QN_I8}};
    qn_context *ctx = qn_test_context();
    float x[N], got[N], weight[N], importance[COLUMNS];
    numbers(x, 13);
    for (int i = 0; i < COLUMNS; i++)
        importance[i] = 0.25f + (float)(i * 7 % 5);
    for (int i = 0; i < N; i++)
        weight[i] = importance[i % COLUMNS];
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        double error[2];
        for (int refined = 0; refined < 2; refined++) {
            qn_arena *arena = qn_arena_create();
            const qn_encode_how how = {.scheme = {.table = QN_TABLE_KMEANS, .range = refined ? QN_RANGE_MSE : QN_RANGE_MINMAX},
                                       .importance = importance, .importance_axis = 1};
            qn_const c = palette(3, &how);
            c.scale_dtype = types[t].scale;
            c.super_dtype = types[t].super;
            c.super_block = types[t].super ? 3 : 0;
            c.lut_dtype = types[t].lut;
            c.axis = 1;
            c.block = 10;
            encode(ctx, arena, &c, x, got);
            error[refined] = error_of(x, got, weight, N);
            qn_arena_destroy(arena);
        }
        assert_true(error[1] <= error[0] * 1.02); /* rounding of the scales may cost what the last turn won */
        assert_true(error[0] < 0.1 * error_of(x, (float[N]){0}, weight, N)); /* 3 bits: 10 dB at least */
    }
    qn_context_destroy(ctx);
}

QN_TEST(quant_palette_mask_and_edges) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    float x[N], got[N];
    uint8_t mask[N / 8] = {0};
    numbers(x, 4);
    for (int i = 0; i < 4; i++) { /* four elements count: two bits hold them exactly */
        mask[i * 3] = 1;
        x[i * 24] = (float)i - 1.5f;
    }
    const qn_encode_how masked = {.scheme = {.table = QN_TABLE_KMEANS}, .mask = mask}, all = {.scheme = {.table = QN_TABLE_KMEANS}};
    qn_const c = palette(2, &masked);
    encode(ctx, arena, &c, x, got);
    for (int i = 0; i < 4; i++)
        assert_true(got[i * 24] == x[i * 24]);
    static const float values[] = {0, 3, -3e38f, 1e-40f};
    for (int k = 0; k < 4; k++)
        for (int scaled = 0; scaled < 2; scaled++) {
            for (int i = 0; i < N; i++)
                x[i] = values[k];
            c = palette(4, &all);
            c.scale_dtype = scaled ? QN_F32 : QN_NONE;
            c.axis = scaled ? 0 : -1;
            encode(ctx, arena, &c, x, got);
            for (int i = 0; i < N; i++)
                assert_true(fabsf(got[i] - x[i]) <= 1e-6f * fabsf(x[i]) + 1e-44f);
        }
    c = palette(4, &all);
    c.lut_dtype = QN_F16;
    x[0] = 1e6f;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "tensor 'w' has numbers too large for tables of float16: table=fp32 holds them",
                 qn_palette_encode(ctx, arena, &c, x, c.part));
    qn_clear(ctx);
    c = palette(4, &all);
    c.dims[0] = 0;
    encode(ctx, arena, &c, x, got);
    c.rank = 0; /* a single element */
    encode(ctx, arena, &c, x, got);
    assert_true(got[0] == x[0]);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
