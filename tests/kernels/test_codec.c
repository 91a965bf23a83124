/* Codecs against the definition, bit for bit, and products with encoded matrices against sums in double, on every
 * instruction set. A float32 sum of k products is off by at most (k + 2) 2^-24 sum |a b|. */
#include "kernels/codec/codec.h"

#include <math.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/half.h"
#include "kernels/eval.h"
#include "tests/kernels/encoded.h"
#include "tests/test.h"

static const char *const g_isas[] = {"scalar", "avx2", "avx512", "neon"};
enum { MAX = 40000 };

typedef struct stored {
    qn_const c;
    uint8_t codes[MAX], zero_points[MAX];
    float scales[MAX];
    uint16_t half_scales[MAX];
    void *bytes[3]; /* of the parts */
} stored;

static qn_context *context_of(int isa, int threads) {
    const qn_context_options options = {.threads = threads, .isa = g_isas[isa]};
    qn_context *ctx = NULL;
    assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
    return ctx;
}

/* An affine constant with made-up codes, scales of both signs and zero points. */
static stored *make(qn_dtype code, qn_dtype scale, bool symmetric, int32_t axis, int64_t block, int32_t rank,
                    const int64_t *dims) {
    stored *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->c = (qn_const){.dtype = QN_F32,
                      .rank = rank,
                      .encoding = QN_ENC_AFFINE,
                      .code_dtype = code,
                      .scale_dtype = scale,
                      .symmetric = symmetric,
                      .axis = axis,
                      .block = block,
                      .name = "w"};
    memcpy(s->c.dims, dims, (size_t)rank * sizeof *dims);
    for (int i = 0; i < MAX; i++) {
        s->codes[i] = (uint8_t)(i * 89 + i / 7);
        s->zero_points[i] = (uint8_t)(i * 31 + 3);
        s->scales[i] = (float)(i % 23 - 11) / 64;
        s->half_scales[i] = qn_f32_to_f16(s->scales[i]);
    }
    const void *data[] = {s->codes, scale == QN_F16 ? (const void *)s->half_scales : s->scales, s->zero_points};
    for (int p = 0; p < 3; p++) {
        assert_true(qn_const_part_bytes(&s->c, p, &s->c.part[p].n));
        void *exact = malloc(s->c.part[p].n); /* no byte behind the last is read */
        assert_true(exact || s->c.part[p].n == 0);
        if (s->c.part[p].n > 0)
            memcpy(exact, data[p], s->c.part[p].n);
        s->c.part[p].data = s->c.part[p].n ? exact : NULL;
        s->bytes[p] = exact;
    }
    return s;
}
static void unmake(stored *s) {
    for (int p = 0; p < 3; p++)
        free(s->bytes[p]);
    free(s);
}

static void check_codec(qn_context *ctx, const stored *s) {
    const int64_t n = qn_const_numel(&s->c);
    const qn_coded coded = qn_coded_of(ctx, &s->c);
    float *want = malloc((size_t)n * sizeof *want), *got = malloc((size_t)n * sizeof *got);
    ASSERT_OK(ctx, qn_const_decode(ctx, &s->c, 0, n, want));
    qn_codec_expand(ctx, &coded, 0, n, got);
    assert_memory_equal(got, want, (size_t)n * sizeof *got);
    for (int64_t first = 0; first < n; first += 1 + n / 13)
        for (int64_t m = 1; first + m <= n; m += 1 + m / 2) {
            memset(got, 0xa5, (size_t)n * sizeof *got);
            coded.decode(&s->c, first, m, got);
            assert_memory_equal(got, want + first, (size_t)m * sizeof *got);
        }
    free(want);
    free(got);
}

QN_TEST(kernels_codec_is_the_definition) {
    static const qn_dtype codes[] = {QN_I8, QN_U8, QN_I4, QN_U4};
    static const int64_t shapes[][3] = {{2, 5, 33}, {3, 64, 1}, {1, 7, 96}, {2, 9, 65}};
    static const int64_t block[] = {0, 16, 32, 7};
    for (int isa = 0; isa < (int)(sizeof g_isas / sizeof g_isas[0]); isa++) {
        qn_context *ctx = context_of(isa, 2);
        for (int i = 0; i < 4 * 4 * 4 * 4 * 4; i++) {
            const int32_t axis = (i >> 4 & 3) - 1;
            stored *s = make(codes[i & 3], i & 4 ? QN_F16 : QN_F32, (i & 8) != 0, axis,
                             axis < 0 ? 0 : block[i >> 6 & 3], 3, shapes[i >> 8 & 3]);
            check_codec(ctx, s);
            unmake(s);
        }
        qn_context_destroy(ctx);
    }
}

static void expect_same(const qn_const *c, int isa, int64_t first, const float *got, const float *want, int64_t n) {
    for (int64_t e = 0; e < n; e++)
        if (!qn_test_same(got[e], want[e]))
            fail_msg("%s: %s: element %lld is %a, not %a", g_isas[isa], qn_test_encoding_text(c), (long long)(first + e),
                     (double)got[e], (double)want[e]);
}

/* Every encoding: the whole and parts that begin anywhere, and nothing behind them is written. */
QN_TEST(kernels_codec_is_the_definition_of_every_encoding) {
    enum { N = 3 * 9 * 130 };
    static const int64_t shapes[][3] = {{2, 5, 33}, {3, 9, 130}, {3, 4, 64}, {1, 700, 1}, {2, 3, 1}};
    static float want[N + 1], got[N + 1];
    for (int isa = 0; isa < (int)(sizeof g_isas / sizeof g_isas[0]); isa++) {
        qn_context *ctx = context_of(isa, 2);
        for (int i = 0; i < QN_TEST_ENCODINGS; i++) {
            qn_const fields;
            if (!qn_test_encoding(i, shapes[i % 5], &fields))
                continue;
            qn_test_encoded *t = qn_test_encoded_make(&fields, (uint64_t)i, false);
            const qn_coded coded = qn_coded_of(ctx, &t->c);
            const int64_t n = qn_const_numel(&t->c);
            ASSERT_OK(ctx, qn_const_decode(ctx, &t->c, 0, n, want));
            qn_codec_expand(ctx, &coded, 0, n, got);
            expect_same(&t->c, isa, 0, got, want, n);
            for (int64_t k = 0; k < 4; k++) {
                const int64_t first = (i * 29 + k * 411) % n, m = 1 + (i + k * 57) % (n - first);
                got[m] = 7.0f;
                coded.decode(&t->c, first, m, got);
                expect_same(&t->c, isa, first, got, want + first, m);
                assert_true(got[m] == 7.0f);
            }
            qn_test_encoded_free(t);
        }
        qn_context_destroy(ctx);
    }
}

/* y = x w with w encoded, [K, N] or [N, K]. A sum of products that hold a NaN or an infinity is one. */
static void check_matrix(int isa, const qn_const *c, int64_t m, bool turned) {
    const int64_t n = c->dims[!turned], k = c->dims[turned];
    float *x = malloc((size_t)(m * k) * 4), *w = malloc((size_t)(n * k) * 4), *y = malloc((size_t)(m * n) * 4);
    float *first = malloc((size_t)(m * n) * 4);
    for (int64_t i = 0; i < m * k; i++)
        x[i] = (float)((i * 37 + i / 11) % 61 - 30) / 16;
    for (int threads = 1; threads <= 3; threads++) {
        qn_context *ctx = context_of(isa, threads);
        qn_arena *arena = qn_arena_create();
        ASSERT_OK(ctx, qn_const_decode(ctx, c, 0, n * k, w));
        qn_tensor in[2] = {{.dtype = QN_F32, .rank = 2, .dims = {m, k}, .data = x},
                           {.dtype = QN_F32, .rank = 2, .dims = {c->dims[0], c->dims[1]}}};
        qn_tensor out = {.dtype = QN_F32, .rank = 2, .dims = {m, n}, .data = y};
        const qn_const *consts[2] = {NULL, c};
        qn_attr attr = {.name = "trans_w", .kind = QN_ATTR_INT, .n = 1, .as.i = turned};
        const qn_node node = {.op = QN_OP_Linear, .attrs = &attr, .n_attrs = 1};
        const qn_kernel_args args = {.ctx = ctx,
                                     .node = &node,
                                     .n_in = 2,
                                     .n_out = 1,
                                     .in = in,
                                     .in_const = consts,
                                     .out = &out,
                                     .scratch = arena};
        assert_true(qn_gemm_accepts_Linear(&args));
        ASSERT_OK(ctx, qn_gemm_Linear(&args));
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                double sum = 0, size = 0;
                for (int64_t d = 0; d < k; d++) {
                    const double term = (double)x[i * k + d] * (double)w[turned ? j * k + d : d * n + j];
                    sum += term;
                    size += fabs(term);
                }
                const double got = (double)y[i * n + j];
                if (!(fabs(got - sum) <= (double)(k + 2) * 0x1p-24 * size) && !(isnan(sum) && isnan(got)) && !(got == sum))
                    fail_msg("%s %s %lld x %lld x %lld: element %lld, %lld is %g, not %g", g_isas[isa], qn_test_encoding_text(c),
                             (long long)m, (long long)n, (long long)k, (long long)i, (long long)j, got, sum);
            }
        if (threads == 1)
            memcpy(first, y, (size_t)(m * n) * 4);
        assert_memory_equal(first, y, (size_t)(m * n) * 4);
        qn_arena_destroy(arena);
        qn_context_destroy(ctx);
    }
    free(x), free(w), free(y), free(first);
}

static void check_product(int isa, qn_dtype code, bool symmetric, int64_t m, int64_t n, int64_t k, bool turned,
                          int64_t block, int32_t axis) {
    const int64_t dims[2] = {turned ? n : k, turned ? k : n};
    stored *s = make(code, block && n % 5 ? QN_F16 : QN_F32, symmetric, axis, block, 2, dims);
    check_matrix(isa, &s->c, m, turned);
    unmake(s);
}

QN_TEST(kernels_codec_products) {
    static const int64_t rows[] = {1, 2, 3, 4, 5, 33}, columns[] = {1, 17, 130}, depths[] = {1, 31, 200};
    static const qn_dtype codes[] = {QN_I4, QN_U4, QN_I8};
    for (int isa = 0; isa < (int)(sizeof g_isas / sizeof g_isas[0]); isa++)
        for (int i = 0; i < 6 * 3 * 3 * 2; i++) {
            const int64_t m = rows[i % 6], n = columns[i / 6 % 3], k = depths[i / 18 % 3];
            const bool turned = i / 54 != 0;
            check_product(isa, codes[i % 3], i % 3 != 1, m, n, k, turned, 32, turned);
            check_product(isa, codes[i % 3], i % 3 != 1, m, n, k, turned, 16, !turned);
            check_product(isa, codes[i % 2], i % 2 == 0, m, n, k, turned, 0, !turned);
        }
    check_product(2, QN_I4, true, 1, 9, 2100, true, 32, 1); /* more than a strip of depth */
    check_product(2, QN_I4, false, 4, 9, 2100, true, 256, 1);
}

/* Dot functions where they are given, decoding where they are not: every type of codes, depths that end in a step, a
 * block or half a byte, and blocks of parts of a step, of several and of neither. */
QN_TEST(kernels_codec_dots) {
    static const qn_dtype codes[] = {QN_I8, QN_U8, QN_I4, QN_U4};
    static const int64_t depths[] = {1, 2, 15, 30, 64, 127, 130, 258, 772}, blocks[] = {0, 16, 32, 48, 64, 128, 256};
    for (int isa = 0; isa < (int)(sizeof g_isas / sizeof g_isas[0]); isa++)
        for (int i = 0; i < 4 * 2 * 9 * 7; i++) {
            const int64_t k = depths[i / 8 % 9], block = blocks[i / 72], n = 1 + i % 37;
            for (int64_t m = 1; m <= 5; m++) {
                check_product(isa, codes[i % 4], i % 8 < 4, m, n, k, true, block, block ? 1 : 0);
                if (!block)
                    check_product(isa, codes[i % 4], i % 8 < 4, m, n, k, true, 0, -1);
            }
        }
}

/* The last columns, whose groups end where the parts do; a column alone, which lies like a row. */
QN_TEST(kernels_codec_dots_at_the_ends) {
    for (int isa = 0; isa < (int)(sizeof g_isas / sizeof g_isas[0]); isa++) {
        check_product(isa, QN_I8, true, 1, 1, 70, false, 16, 1);
        check_product(isa, QN_U8, false, 3, 1, 70, false, 16, 1);
        check_product(isa, QN_U4, false, 2, 1, 8, true, 16, 1);
        check_product(isa, QN_U4, false, 2, 3, 4096, true, 32, 1);
        check_product(isa, QN_I4, true, 2, 3, 4094, true, 16, 1);
        check_product(isa, QN_I4, false, 3, 2, 9000, true, 256, 1); /* pieces of the rows of x */
        check_product(isa, QN_I8, false, 4, 2, 9000, true, 32, 1);
        check_product(isa, QN_I4, true, 24, 40, 130, true, 32, 1); /* several dot functions ... */
        check_product(isa, QN_I4, true, 25, 40, 130, true, 32, 1); /* ... and packing */
        check_product(isa, QN_I8, true, 2, 3, 0, true, 0, 0);
    }
}

/* ---- other encodings ------------------------------------------------------------------------------------------- */

static qn_const matrix_fields(int64_t n, int64_t k) {
    return (qn_const){.dtype = QN_F32, .rank = 2, .dims = {n, k}, .axis = -1, .lut_axis = -1, .name = "w"};
}

/* Codes and scales of every type that a dot function reads, or that is decoded; `has_dot`: where rows end at a byte. */
static void check_encoded(int isa, const qn_const *fields, int64_t m, bool turned, bool has_dot) {
    qn_test_encoded *t = qn_test_encoded_make(fields, (uint64_t)(m + fields->dims[1] * 7 + fields->block), true);
    qn_context *ctx = context_of(isa, 1);
    const bool dot = qn_coded_of(ctx, &t->c).dot != NULL;
    if (dot != has_dot)
        fail_msg("%s: %s: %s", g_isas[isa], qn_test_encoding_text(&t->c), dot ? "has a dot function" : "has no dot function");
    check_matrix(isa, &t->c, m, turned);
    qn_test_encoded_free(t);
    qn_context_destroy(ctx);
}

static const struct {
    qn_dtype dtype, super;
    int64_t super_block;
} g_scales[] = {{QN_F32, QN_NONE, 0}, {QN_F16, QN_NONE, 0}, {QN_BF16, QN_NONE, 0},
                {QN_F8E8M0, QN_NONE, 0}, {QN_U6, QN_F16, 8}, {QN_I8, QN_F32, 0}};

static void set_scales(qn_const *f, int kind, int64_t block) {
    f->scale_dtype = g_scales[kind].dtype;
    f->super_dtype = g_scales[kind].super;
    f->super_block = g_scales[kind].super_block;
    f->axis = block > 0 ? 1 : kind % 2 ? 0 : -1;
    f->block = block;
}

QN_TEST(kernels_codec_dots_of_every_code) {
    static const qn_dtype codes[] = {QN_I2, QN_U2, QN_I3, QN_U3, QN_I4, QN_U4, QN_I6, QN_U6, QN_I8, QN_U8,
                                     QN_F4E2M1, QN_F8E4M3, QN_F8E5M2, QN_F6E2M3};
    static const int64_t depths[] = {8, 24, 72, 136, 264, 520, 1032, 4608}, blocks[] = {0, 16, 32, 64, 128, 256, 512};
    enum { CODES = 14, SCALES = 6, DEPTHS = 8, BLOCKS = 7 };
    for (int isa = 0; isa < (int)(sizeof g_isas / sizeof g_isas[0]); isa++)
        for (int i = 0; i < CODES * SCALES * BLOCKS * 2; i++) {
            const qn_code_type *type = qn_code_type_of(codes[i % CODES]);
            const int64_t block = blocks[i / CODES / SCALES % BLOCKS];
            qn_const f = matrix_fields(1 + i % 5, depths[i * 3 % DEPTHS]);
            f.encoding = QN_ENC_AFFINE;
            f.code_dtype = type->dtype;
            f.symmetric = i / CODES / SCALES / BLOCKS == 0 || !type->is_integer;
            set_scales(&f, i / CODES % SCALES, block);
            check_encoded(isa, &f, 1 + i % 5, true, type->is_integer || type->bits != 6);
        }
}

QN_TEST(kernels_codec_dots_of_palettes) {
    static const int64_t depths[] = {8, 24, 72, 136, 520, 1032, 4608}, blocks[] = {0, 32, 64, 256};
    static const qn_dtype tables[] = {QN_F32, QN_F16, QN_BF16, QN_I8};
    for (int isa = 0; isa < (int)(sizeof g_isas / sizeof g_isas[0]); isa++)
        for (int i = 0; i < 8 * 7 * 4 * 3; i++) {
            qn_const f = matrix_fields(1 + i % 7, depths[i / 8 % 7]);
            f.encoding = QN_ENC_PALETTE;
            f.bits = 1 + i % 8;
            f.width = 1;
            f.lut_dtype = tables[i / 56 % 4];
            f.lut_axis = i % 3 ? 0 : -1;
            f.lut_group = i % 3;
            if (i / 224 > 0 || f.lut_dtype == QN_I8)
                set_scales(&f, i % 6, i / 224 == 1 ? 0 : blocks[i % 4]);
            check_encoded(isa, &f, 1 + i % 4, true, f.bits <= 4 || f.bits % 2 == 0);
        }
}

/* Decoded a band at a time: vectors, masks, blocks of two dimensions, tables along the depth; turned or not. */
QN_TEST(kernels_codec_products_of_what_has_no_dot) {
    for (int isa = 0; isa < (int)(sizeof g_isas / sizeof g_isas[0]); isa++)
        for (int i = 0; i < 8 * 6 * 2; i++) {
            static const int64_t rows[] = {1, 2, 4, 5, 30, 33};
            const bool turned = i / 48 != 0;
            qn_const f = matrix_fields(turned ? 9 : 1100, turned ? 1100 : 9);
            f.encoding = i % 8 < 4 ? QN_ENC_PALETTE : i % 8 < 7 ? QN_ENC_AFFINE : QN_ENC_SPARSE;
            f.sparse = i % 8 == 3 || i % 8 >= 6;
            f.mask_block = f.sparse ? 1 << i % 3 : 0;
            f.code_dtype = f.encoding == QN_ENC_AFFINE ? QN_I8 : QN_NONE;
            f.symmetric = f.encoding == QN_ENC_AFFINE;
            if (f.encoding == QN_ENC_PALETTE) {
                f.bits = 4 + i % 5;
                f.width = i % 8 == 3 ? 1 : i % 2 ? 4 : 2;
                f.lut_dtype = QN_F16;
                f.lut_axis = i % 8 == 2 ? !turned : -1;
                f.lut_group = f.lut_axis >= 0 ? 4 : 0;
            }
            if (f.encoding == QN_ENC_AFFINE) {
                set_scales(&f, i % 6, 4);
                f.axis2 = 0;
                f.block2 = i % 8 == 4 ? 8 : 0;
            }
            if (qn_const_encoding_fault(&f) == NULL)
                check_encoded(isa, &f, rows[i / 8 % 6], turned, false);
        }
}

/* A NaN of E4M3 is one in the sums of its row, at any place and in no other row. */
QN_TEST(kernels_codec_dots_keep_nan) {
    for (int isa = 0; isa < (int)(sizeof g_isas / sizeof g_isas[0]); isa++)
        for (int64_t at = 0; at < 3 * 200; at += 7) {
            qn_const f = matrix_fields(3, 200);
            f.encoding = QN_ENC_AFFINE;
            f.code_dtype = QN_F8E4M3;
            f.symmetric = true;
            set_scales(&f, 0, 16);
            qn_test_encoded *t = qn_test_encoded_make(&f, 3, true);
            ((uint8_t *)t->bytes[0])[at] = at % 2 ? 0x7f : 0xff;
            check_matrix(isa, &t->c, 1 + at % 4, true);
            qn_test_encoded_free(t);
        }
}
