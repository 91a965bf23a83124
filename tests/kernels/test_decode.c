/* Encodings: elements against the definition written out, in every split of the range. */
#include "kernels/eval.h"
#include "tests/kernels/encoded.h"
#include "tests/test.h"

#include "base/half.h"

#include <math.h>

typedef struct stored {
    qn_const c;
    uint8_t codes[240], zero_points[240];
    float scales[240];
    uint16_t half_scales[240];
} stored;

/* An affine constant [2, 5, 3, 4] with made-up codes, scales and zero points. */
static void make_affine(stored *s, qn_dtype code, qn_dtype scale, bool symmetric, int32_t axis, int64_t block) {
    static const int64_t dims[] = {2, 5, 3, 4};
    *s = (stored){.c = {.dtype = QN_F32, .rank = 4, .encoding = QN_ENC_AFFINE, .code_dtype = code, .scale_dtype = scale,
                        .symmetric = symmetric, .axis = axis, .block = block, .name = "w"}};
    memcpy(s->c.dims, dims, sizeof dims);
    for (int i = 0; i < 240; i++) {
        s->codes[i] = (uint8_t)(i * 89 + 7);
        s->zero_points[i] = (uint8_t)(i * 31 + 3);
        s->scales[i] = 0.25f + (float)i / 64;
        s->half_scales[i] = qn_f32_to_f16(s->scales[i]);
    }
    const void *data[] = {s->codes, scale == QN_F16 ? (const void *)s->half_scales : s->scales, s->zero_points};
    for (int p = 0; p < 3; p++) {
        assert_true(qn_const_part_bytes(&s->c, p, &s->c.part[p].n));
        s->c.part[p].data = s->c.part[p].n ? data[p] : NULL;
    }
}

static int64_t group_of(const qn_const *c, int64_t i) {
    int64_t at[4];
    for (int d = 3; d >= 0; d--) {
        at[d] = i % c->dims[d];
        i /= c->dims[d];
    }
    if (c->axis < 0)
        return 0;
    if (c->block == 0)
        return at[c->axis];
    int64_t group = 0;
    for (int d = 0; d < 4; d++) {
        int64_t size = d == c->axis ? (c->dims[d] + c->block - 1) / c->block : c->dims[d];
        group = group * size + (d == c->axis ? at[d] / c->block : at[d]);
    }
    return group;
}

static int code_of(qn_dtype dtype, const uint8_t *codes, int64_t i) {
    if (dtype == QN_I8 || dtype == QN_U8)
        return dtype == QN_I8 ? (int8_t)codes[i] : codes[i];
    int code = i % 2 ? codes[i / 2] >> 4 : codes[i / 2] & 15;
    return dtype == QN_I4 && code > 7 ? code - 16 : code;
}

static void check_affine(qn_context *ctx, const stored *s) {
    enum { N = 120 };
    float got[N];
    static const int64_t cuts[][2] = {{0, N}, {0, 1}, {7, 50}, {119, 1}, {60, 60}, {13, 0}};
    for (size_t k = 0; k < sizeof cuts / sizeof cuts[0]; k++) {
        ASSERT_OK(ctx, qn_const_decode(ctx, &s->c, cuts[k][0], cuts[k][1], got));
        for (int64_t i = 0; i < cuts[k][1]; i++) {
            int64_t at = cuts[k][0] + i, g = group_of(&s->c, at);
            int code = code_of(s->c.code_dtype, s->codes, at);
            int zero = s->c.symmetric ? 0 : code_of(s->c.code_dtype, s->zero_points, g);
            assert_true(got[i] == (float)(code - zero) * s->scales[g]);
        }
    }
}

QN_TEST(kernels_decode_affine) {
    qn_context *ctx = qn_test_context();
    stored *s = test_malloc(sizeof *s);
    static const qn_dtype codes[] = {QN_I8, QN_U8, QN_I4, QN_U4};
    for (int code = 0; code < 4; code++)
        for (int half = 0; half < 2; half++)
            for (int symmetric = 0; symmetric < 2; symmetric++)
                for (int32_t axis = -1; axis < 4; axis++)
                    for (int64_t block = 0; block < 4; block++) {
                        make_affine(s, codes[code], half ? QN_F16 : QN_F32, symmetric != 0, axis, axis < 0 ? 0 : block);
                        check_affine(ctx, s);
                    }
    test_free(s);
    qn_context_destroy(ctx);
}

QN_TEST(kernels_decode_palette) {
    qn_context *ctx = qn_test_context();
    float got[60], lut[5 * 256];
    uint8_t packed[64];
    for (int i = 0; i < 5 * 256; i++)
        lut[i] = (float)(i * 7 % 1000) - 400;
    for (int bits = 1; bits <= 8; bits++)
        for (int32_t axis = -1; axis < 3; axis++) {
            qn_const c = {.dtype = QN_F32, .rank = 3, .dims = {3, 5, 4}, .encoding = QN_ENC_PALETTE, .axis = -1, .bits = bits,
                          .lut_dtype = QN_F32, .lut_axis = axis, .lut_group = 1};
            memset(packed, 0, sizeof packed);
            for (int i = 0; i < 60; i++)
                for (int b = 0; b < bits; b++)
                    if ((unsigned)(i * 11 + 5) >> b & 1)
                        packed[(i * bits + b) / 8] |= (uint8_t)(1 << (i * bits + b) % 8);
            c.part[QN_PART_INDICES].data = packed;
            c.part[QN_PART_LUT].data = lut;
            assert_true(qn_const_part_bytes(&c, QN_PART_INDICES, &c.part[QN_PART_INDICES].n));
            assert_true(qn_const_part_bytes(&c, QN_PART_LUT, &c.part[QN_PART_LUT].n));
            ASSERT_OK(ctx, qn_const_decode(ctx, &c, 3, 57, got + 3));
            ASSERT_OK(ctx, qn_const_decode(ctx, &c, 0, 3, got));
            for (int i = 0; i < 60; i++) {
                int group = axis < 0 ? 0 : axis == 0 ? i / 20 : axis == 1 ? i / 4 % 5 : i % 4;
                assert_true(got[i] == lut[group * (1 << bits) + ((i * 11 + 5) & ((1 << bits) - 1))]);
            }
        }
    qn_context_destroy(ctx);
}

/* Any dtype, at any address. */
QN_TEST(kernels_decode_dense) {
    qn_context *ctx = qn_test_context();
    uint8_t bytes[41];
    const int16_t v[] = {-7, 300, 0, -32768};
    float got[4];
    memcpy(bytes + 1, v, sizeof v);
    qn_const c = {.dtype = QN_I16, .rank = 1, .dims = {4}, .axis = -1, .part = {{bytes + 1, sizeof v}}};
    ASSERT_OK(ctx, qn_const_decode(ctx, &c, 0, 4, got));
    for (int i = 0; i < 4; i++)
        assert_true(got[i] == (float)v[i]);
    qn_context_destroy(ctx);
}

QN_TEST(kernels_decode_refused) {
    qn_context *ctx = qn_test_context();
    stored *s = test_malloc(sizeof *s);
    float got[120];
    make_affine(s, QN_I8, QN_F32, true, 1, 0);
    ASSERT_FAILS(ctx, QN_USAGE, "'w': elements 100 + 21 of 120", qn_const_decode(ctx, &s->c, 100, 21, got));
    qn_clear(ctx);
    s->c.part[QN_PART_SCALES].n = 16;
    ASSERT_FAILS(ctx, QN_MALFORMED, "part 1 has 16 bytes, its shape wants 20", qn_const_decode(ctx, &s->c, 0, 1, got));
    test_free(s);
    qn_context_destroy(ctx);
}

/* Every encoding against docs/format.md, the whole and a part that begins and ends anywhere. */
QN_TEST(kernels_decode_every_encoding) {
    static const int64_t shapes[][3] = {{2, 5, 33}, {3, 8, 24}};
    qn_context *ctx = qn_test_context();
    int seen = 0;
    for (int i = 0; i < QN_TEST_ENCODINGS; i++) {
        qn_const fields;
        if (!qn_test_encoding(i, shapes[i % 2], &fields))
            continue;
        float got[3 * 8 * 24], want[3 * 8 * 24];
        qn_test_encoded *t = qn_test_encoded_make(&fields, (uint64_t)i, false);
        const int64_t n = qn_const_numel(&t->c), first = i % n, some = 1 + i * 7 % (n - first);
        ASSERT_OK(ctx, qn_const_decode(ctx, &t->c, 0, n, got));
        for (int64_t e = 0; e < n; e++) {
            want[e] = qn_test_element(&t->c, e);
            if (!qn_test_same(got[e], want[e]))
                fail_msg("%s: element %lld is %g, not %g", qn_test_encoding_text(&t->c), (long long)e, (double)got[e], (double)want[e]);
        }
        assert_true(!t->c.sparse || qn_const_mask_agrees(&t->c));
        ASSERT_OK(ctx, qn_const_decode(ctx, &t->c, first, some, got));
        for (int64_t e = 0; e < some; e++)
            assert_true(qn_test_same(got[e], want[first + e]));
        qn_test_encoded_free(t);
        seen++;
    }
    assert_true(seen > QN_TEST_ENCODINGS / 2);
    qn_context_destroy(ctx);
}

QN_TEST(kernels_decode_refuses_a_fault) {
    qn_context *ctx = qn_test_context();
    float got[4];
    qn_const c = {.dtype = QN_F32, .rank = 1, .dims = {4}, .encoding = QN_ENC_SPARSE, .axis = -1, .name = "w"};
    ASSERT_FAILS(ctx, QN_MALFORMED, "constant 'w' has no mask", qn_const_decode(ctx, &c, 0, 4, got));
    qn_clear(ctx);
    c.encoding = (qn_encoding)9;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "constant 'w': encoding 9", qn_const_decode(ctx, &c, 0, 4, got));
    qn_context_destroy(ctx);
}
