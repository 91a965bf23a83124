/* Linear codes of every type: what is stored decodes to within half a step, and searched scales are never worse. */
#include "quant/encode.h"

#include "ir/groups.h"
#include "kernels/eval.h"
#include "tests/test.h"

#include <math.h>

enum { ROWS = 10, COLUMNS = 37, N = ROWS * COLUMNS };

static uint32_t g_seed;
static float noise(void) {
    g_seed = g_seed * 1664525u + 1013904223u;
    return (float)((double)(g_seed >> 8) / 8388608.0 - 1.0);
}
static void numbers(float *x, uint32_t seed) {
    g_seed = seed;
    for (int i = 0; i < N; i++)
        x[i] = noise() * noise() * (i % 29 == 3 ? 3.0f : 1.0f) + (i / COLUMNS == 4 ? 2.0f : 0.0f);
}

static const qn_dtype g_codes[] = {QN_I8, QN_U8, QN_I6, QN_U6, QN_I4, QN_U4, QN_I3, QN_U3, QN_I2, QN_U2,
                                   QN_F8E4M3, QN_F8E5M2, QN_F6E2M3, QN_F6E3M2, QN_F4E2M1};
enum { N_CODES = sizeof g_codes / sizeof *g_codes };
static const struct {
    qn_dtype scale, super;
    int64_t super_block;
} g_scales[] = {{QN_F32, QN_NONE, 0}, {QN_F16, QN_NONE, 0}, {QN_BF16, QN_NONE, 0}, {QN_F8E8M0, QN_NONE, 0}, {QN_I8, QN_F32, 0},
                {QN_U8, QN_BF16, 5}, {QN_U6, QN_F16, 3}, {QN_I6, QN_BF16, 4}, {QN_U4, QN_BF16, 8}};
static const struct {
    int32_t axis, axis2;
    int64_t block, block2;
} g_groups[] = {{-1, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0}, {1, 0, 8, 0}, {0, 0, 4, 0}, {1, 0, 16, 4}, {0, 1, 3, 5}, {1, 0, 1000, 0}};

static qn_const linear(qn_dtype code, size_t scale, size_t groups, const qn_encode_how *how) {
    const qn_code_type *type = qn_code_type_of(code);
    return (qn_const){.dtype = QN_F32, .rank = 2, .dims = {ROWS, COLUMNS}, .encoding = QN_ENC_AFFINE, .code_dtype = code,
                      .symmetric = type->is_signed, .scale_dtype = g_scales[scale].scale, .super_dtype = g_scales[scale].super,
                      .super_block = g_scales[scale].super_block, .axis = g_groups[groups].axis, .axis2 = g_groups[groups].axis2,
                      .block = g_groups[groups].block, .block2 = g_groups[groups].block2, .lut_axis = -1, .how = how, .name = "w"};
}

static void encode(qn_context *ctx, qn_arena *arena, qn_const *c, const float *x, float *out) {
    assert_null(qn_const_encoding_fault(c));
    ASSERT_OK(ctx, qn_encode(ctx, arena, c, x, c->part));
    ASSERT_OK(ctx, qn_const_decode(ctx, c, 0, qn_const_numel(c), out));
}

static double error_of(const float *x, const float *stored, const float *importance) {
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += (importance ? (double)importance[i % COLUMNS] : 1.0) * ((double)x[i] - (double)stored[i]) * ((double)x[i] - (double)stored[i]);
    return sum;
}

/* Every stored number is the nearest of all that its group's scale and zero point can make. */
QN_TEST(quant_affine_tensor_codes_are_the_nearest) {
    qn_context *ctx = qn_test_context();
    float x[N], got[N];
    numbers(x, 1);
    for (int k = 0; k < N_CODES; k++)
        for (size_t s = 0; s < sizeof g_scales / sizeof *g_scales; s++)
            for (size_t g = 0; g < sizeof g_groups / sizeof *g_groups; g++) {
                qn_arena *arena = qn_arena_create();
                qn_const c = linear(g_codes[k], s, g, NULL);
                const qn_code_type *type = qn_code_type_of(c.code_dtype);
                const qn_groups groups = qn_const_groups(&c);
                encode(ctx, arena, &c, x, got);
                for (int i = 0; i < N; i++) {
                    const int64_t group = qn_run_at(&groups, i, 1).group;
                    const float scale = qn_const_scale(&c, group);
                    const float zero = c.symmetric ? 0 : (float)qn_code_at(type, c.part[QN_PART_ZERO_POINTS].data, group);
                    float least = INFINITY;
                    for (uint32_t bits = 0; bits < 1u << type->bits; bits++) {
                        const float number = qn_code_number(type, bits);
                        if (isfinite(number) && !(c.code_dtype == QN_I8 && bits == 0x80)) /* -128 is not used */
                            least = fminf(least, fabsf((number - zero) * scale - x[i]));
                    }
                    assert_true(isfinite(got[i]));
                    assert_true(fabsf(got[i] - x[i]) <= least + 1e-6f * fabsf(x[i]));
                }
                qn_arena_destroy(arena);
            }
    qn_context_destroy(ctx);
}

/* One level, floating point scales: no number is further than half a step of the range's. */
QN_TEST(quant_affine_tensor_errors_are_half_a_step) {
    qn_context *ctx = qn_test_context();
    float x[N], got[N];
    numbers(x, 3);
    for (int k = 0; k < 10; k++)
        for (size_t g = 0; g < sizeof g_groups / sizeof *g_groups; g++) {
            qn_arena *arena = qn_arena_create();
            qn_const c = linear(g_codes[k], 0, g, NULL);
            const qn_groups groups = qn_const_groups(&c);
            const qn_code_type *type = qn_code_type_of(c.code_dtype);
            encode(ctx, arena, &c, x, got);
            for (int i = 0; i < N; i++) {
                const float step = fabsf(qn_const_scale(&c, qn_run_at(&groups, i, 1).group));
                /* the end that a symmetric type has one code less for may be a whole step off; a zero point is rounded too */
                const float bound = type->is_signed && type->bits < 8 ? 1.0f : c.symmetric ? 0.5f : 1.0f;
                assert_true(fabsf(got[i] - x[i]) <= bound * step * (1 + 1e-5f));
            }
            qn_arena_destroy(arena);
        }
    qn_context_destroy(ctx);
}

QN_TEST(quant_affine_tensor_searched_scales_are_no_worse) {
    qn_context *ctx = qn_test_context();
    float x[N], plain[N], searched[N], importance[COLUMNS];
    numbers(x, 8);
    for (int i = 0; i < COLUMNS; i++)
        importance[i] = 0.1f + (float)(i * 5 % 7);
    double gained = 0;
    for (int k = 0; k < N_CODES; k++)
        for (size_t s = 0; s < sizeof g_scales / sizeof *g_scales; s++)
            for (size_t g = 0; g < sizeof g_groups / sizeof *g_groups; g++) {
                qn_arena *arena = qn_arena_create();
                const qn_encode_how how = {.importance = importance, .importance_axis = 1},
                                    mse = {.scheme = {.range = QN_RANGE_MSE}, .importance = importance, .importance_axis = 1};
                qn_const a = linear(g_codes[k], s, g, &how), b = linear(g_codes[k], s, g, &mse);
                encode(ctx, arena, &a, x, plain);
                encode(ctx, arena, &b, x, searched);
                const double before = error_of(x, plain, importance), after = error_of(x, searched, importance);
                assert_true(after <= before * (1 + 1e-9));
                gained += log(before / after);
                qn_arena_destroy(arena);
            }
    assert_true(gained > 0);
    qn_context_destroy(ctx);
}

/* A group of 16 numbers in 3 bits: all scales of a fine grid and all codes. */
QN_TEST(quant_affine_tensor_search_is_near_the_best_scale) {
    qn_context *ctx = qn_test_context();
    double ratios = 0;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        qn_arena *arena = qn_arena_create();
        float x[16], got[16];
        double best = INFINITY, error = 0;
        g_seed = seed;
        for (int i = 0; i < 16; i++)
            x[i] = noise();
        const qn_encode_how mse = {.scheme = {.range = QN_RANGE_MSE}};
        qn_const c = linear(QN_I3, 0, 0, &mse);
        c.rank = 1;
        c.dims[0] = 16;
        encode(ctx, arena, &c, x, got);
        for (int k = -4000; k <= 4000; k++) {
            const double scale = k / 4000.0;
            double sum = 0;
            for (int i = 0; i < 16; i++) {
                double least = INFINITY;
                for (int code = -4; code <= 3; code++)
                    least = fmin(least, ((double)x[i] - code * scale) * ((double)x[i] - code * scale));
                sum += least;
            }
            best = fmin(best, sum);
        }
        for (int i = 0; i < 16; i++)
            error += ((double)x[i] - (double)got[i]) * ((double)x[i] - (double)got[i]);
        /* factors are up to 5 % apart: of 16 numbers one may miss the better of two codes, a step of error apart */
        assert_true(error <= best * 1.2 + 1e-9);
        ratios += error / best;
        qn_arena_destroy(arena);
    }
    assert_true(ratios <= 20 * 1.03); /* most are found */
    qn_context_destroy(ctx);
}

/* Shared exponents as in OCP MX 1.0: 2^(floor(log2 max) - emax), emax 8, 15, 2, 4, 2 and, for int8 in steps of 2^-6, 0. */
QN_TEST(quant_affine_tensor_mx) {
    static const struct {
        qn_dtype code;
        int emax;
    } types[] = {{QN_F8E4M3, 8}, {QN_F8E5M2, 15}, {QN_F6E2M3, 2}, {QN_F6E3M2, 4}, {QN_F4E2M1, 2}, {QN_I8, 6}};
    qn_context *ctx = qn_test_context();
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        for (int i = 0; i < 8; i++) {
            qn_arena *arena = qn_arena_create();
            const float top[] = {1.0f, 1.99f, 2.0f, 0.3f, 448.0f, 6.0f, 1e-3f, 127.0f};
            float x[2] = {-top[i], top[i] / 3}, got[2];
            qn_const c = linear(types[k].code, 3, 0, NULL);
            c.rank = 1;
            c.dims[0] = 2;
            encode(ctx, arena, &c, x, got);
            assert_true(qn_const_scale(&c, 0) == ldexpf(1.0f, (int)floor(log2((double)top[i])) - types[k].emax));
            qn_arena_destroy(arena);
        }
    qn_context_destroy(ctx);
}

QN_TEST(quant_affine_tensor_edges) {
    static const float values[] = {0, 5, -5, -1e30f, 1e-42f};
    qn_context *ctx = qn_test_context();
    float x[N], got[N];
    for (int k = 0; k < N_CODES; k++)
        for (int v = 0; v < 5; v++)
            for (int mse = 0; mse < 2; mse++) {
                qn_arena *arena = qn_arena_create();
                const qn_encode_how how = {.scheme = {.range = mse ? QN_RANGE_MSE : QN_RANGE_MINMAX}};
                qn_const c = linear(g_codes[k], 0, 3, &how);
                for (int i = 0; i < N; i++)
                    x[i] = values[v];
                encode(ctx, arena, &c, x, got);
                for (int i = 0; i < N; i++)
                    assert_true(fabsf(got[i] - x[i]) <= 0.01f * fabsf(x[i]) + 1e-42f);
                c.dims[0] = 0; /* no elements */
                encode(ctx, arena, &c, x, got);
                c.rank = 0; /* one */
                c.axis = -1;
                c.block = 0;
                encode(ctx, arena, &c, x, got);
                qn_arena_destroy(arena);
            }
    qn_arena *arena = qn_arena_create();
    qn_const c = linear(QN_I4, 1, 3, NULL);
    x[100] = 1e9f;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "tensor 'w' has numbers too large for scales of float16 (group 13): scale=fp32 or scale=bf16 hold them",
                 qn_encode(ctx, arena, &c, x, c.part));
    qn_clear(ctx);
    x[100] = NAN;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "tensor 'w': element 100 is not finite: it cannot be quantised", qn_encode(ctx, arena, &c, x, c.part));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Under a mask: what is kept is as near as without, the rest is 0. */
QN_TEST(quant_affine_tensor_under_a_mask) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    float x[N], got[N];
    numbers(x, 21);
    for (int block = 1; block <= 4; block *= 4)
        for (int encoding = 0; encoding < 3; encoding++) {
            const qn_encode_how how = {.scheme = {.prune = QN_PRUNE_MAGNITUDE, .pruned = 0.5, .prune_block = block}, .importance_axis = 1};
            qn_const c = linear(QN_I8, 0, 1, &how);
            if (encoding) {
                c.encoding = encoding == 1 ? QN_ENC_PALETTE : QN_ENC_SPARSE;
                c.scale_dtype = QN_NONE;
                c.bits = 8;
                c.lut_dtype = QN_F32;
            }
            c.sparse = true;
            c.mask_block = block;
            c.n_kept = block == 1 ? N - N / 2 : (N + 3) / 4 - (N + 3) / 4 / 2;
            c.n_kept = block == 1 ? c.n_kept : (c.n_kept - 1) * 4 + N % 4;
            encode(ctx, arena, &c, x, got);
            assert_true(qn_const_mask_agrees(&c));
            int kept = 0;
            for (int i = 0; i < N; i++) {
                kept += qn_const_is_kept(&c, i);
                if (qn_const_is_kept(&c, i))
                    assert_true(fabsf(got[i] - x[i]) <= (encoding == 2 ? 0.0f : 0.02f));
                else
                    assert_true(got[i] == 0);
            }
            assert_int_equal(kept, c.n_kept);
        }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
