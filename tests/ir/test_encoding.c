#include "ir/groups.h"

#include <math.h>

#include "tests/test.h"

static qn_const affine(qn_dtype codes) {
    return (qn_const){.dtype = QN_F32, .rank = 2, .dims = {7, 33}, .encoding = QN_ENC_AFFINE, .code_dtype = codes,
                      .scale_dtype = QN_F32, .symmetric = true, .axis = -1, .lut_axis = -1, .name = "w"};
}
static qn_const palette(int bits) {
    return (qn_const){.dtype = QN_F32, .rank = 2, .dims = {7, 33}, .encoding = QN_ENC_PALETTE, .bits = bits, .width = 1,
                      .lut_dtype = QN_F16, .axis = -1, .lut_axis = -1, .name = "w"};
}
static qn_const sparse(int64_t block, int64_t kept) {
    return (qn_const){.dtype = QN_F16, .rank = 2, .dims = {7, 33}, .encoding = QN_ENC_SPARSE, .sparse = true, .mask_block = block,
                      .n_kept = kept, .axis = -1, .lut_axis = -1, .name = "w"};
}

static void expect_sizes(const qn_const *c, const size_t *want) {
    size_t sum = 0;
    assert_null(qn_const_encoding_fault(c));
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        size_t n;
        assert_true(qn_const_part_bytes(c, part, &n));
        if (n != want[part])
            fail_msg("part %d has %zu bytes, not %zu", part, n, want[part]);
        sum += n;
    }
    assert_int_equal(qn_const_bytes(c), sum);
}

QN_TEST(ir_encoding_sizes_of_affine) {
    enum { N = 7 * 33 };
    qn_const c = affine(QN_I8);
    expect_sizes(&c, (size_t[]){N, 4, 0, 0, 0, 0, 0});
    c.code_dtype = QN_I3; /* 693 bits */
    c.symmetric = false;
    c.axis = 0;
    expect_sizes(&c, (size_t[]){87, 28, 3, 0, 0, 0, 0});
    c.code_dtype = QN_U6;
    c.axis = 1;
    c.block = 16; /* three a row */
    c.scale_dtype = QN_BF16;
    expect_sizes(&c, (size_t[]){174, 42, 16, 0, 0, 0, 0});
    c.code_dtype = QN_F4E2M1;
    c.symmetric = true;
    c.scale_dtype = QN_F8E8M0;
    expect_sizes(&c, (size_t[]){116, 21, 0, 0, 0, 0, 0});
    c.scale_dtype = QN_U6; /* codes of scales, packed */
    c.super_dtype = QN_F16;
    expect_sizes(&c, (size_t[]){116, 16, 0, 0, 2, 0, 0});
    c.super_block = 8; /* 3 super scales */
    expect_sizes(&c, (size_t[]){116, 16, 0, 0, 6, 0, 0});
    c = affine(QN_F8E4M3);
    c.axis = 0;
    c.block = 2;
    c.axis2 = 1;
    c.block2 = 8; /* 4 x 5 */
    expect_sizes(&c, (size_t[]){N, 80, 0, 0, 0, 0, 0});
    c.sparse = true;
    c.mask_block = 4; /* 58 bits */
    c.n_kept = 100;
    expect_sizes(&c, (size_t[]){100, 80, 0, 0, 0, 8, 4});
}

QN_TEST(ir_encoding_sizes_of_palettes) {
    qn_const c = palette(3);
    expect_sizes(&c, (size_t[]){87, 0, 0, 16, 0, 0, 0});
    c.width = 4; /* 58 indices; vectors */
    expect_sizes(&c, (size_t[]){22, 0, 0, 64, 0, 0, 0});
    c.width = 1;
    c.lut_axis = 0;
    c.lut_group = 3; /* three tables */
    expect_sizes(&c, (size_t[]){87, 0, 0, 48, 0, 0, 0});
    c.lut_dtype = QN_I8;
    c.scale_dtype = QN_F32;
    c.axis = 1;
    c.sparse = true;
    c.mask_block = 1;
    expect_sizes(&c, (size_t[]){0, 132, 0, 24, 0, 29, 4});
    c.width = 0; /* is 1 */
    expect_sizes(&c, (size_t[]){0, 132, 0, 24, 0, 29, 4});
}

QN_TEST(ir_encoding_sizes_of_sparse) {
    qn_const c = sparse(16, 231);
    expect_sizes(&c, (size_t[]){462, 0, 0, 0, 0, 2, 4});
    c.dims[0] = 33; /* three chunks */
    expect_sizes(&c, (size_t[]){462, 0, 0, 0, 0, 9, 12});
    c.dims[0] = 0;
    c.n_kept = 0;
    expect_sizes(&c, (size_t[]){0, 0, 0, 0, 0, 0, 0});
}

QN_TEST(ir_encoding_sizes_overflow) {
    size_t n;
    qn_const c = affine(QN_I8);
    c.dims[0] = c.dims[1] = INT64_MAX / 2;
    assert_false(qn_const_part_bytes(&c, 0, &n));
    assert_true(qn_const_bytes(&c) == SIZE_MAX);
    c = affine(QN_U6);
    c.dims[0] = INT64_MAX;
    c.dims[1] = 1; /* elements have a number, their bits have not */
    assert_false(qn_const_part_bytes(&c, 0, &n));
    c = palette(8);
    c.lut_axis = 0;
    c.lut_group = 1;
    c.dims[0] = INT64_MAX;
    c.dims[1] = 1;
    assert_false(qn_const_part_bytes(&c, QN_PART_LUT, &n));
}

/* ---- one fault each ------------------------------------------------------------------------------------------ */

#define EXPECT_FAULT(BASE, TEXT, ...)                                                                   \
    do {                                                                                                \
        qn_const c = BASE;                                                                              \
        size_t n;                                                                                       \
        assert_null(qn_const_encoding_fault(&c));                                                       \
        __VA_ARGS__                                                                                     \
        assert_non_null(qn_const_encoding_fault(&c));                                                   \
        assert_string_equal(qn_const_encoding_fault(&c), TEXT);                                         \
        assert_false(qn_const_part_bytes(&c, 0, &n));                                                   \
    } while (0)

QN_TEST(ir_encoding_faults_of_codes) {
    EXPECT_FAULT(affine(QN_I8), "codes of a type that none have", c.code_dtype = QN_F16;);
    EXPECT_FAULT(affine(QN_I8), "codes of a type that none have", c.code_dtype = QN_F8E8M0;);
    EXPECT_FAULT(affine(QN_F8E4M3), "zero points of floating point codes", c.symmetric = false;);
    EXPECT_FAULT(affine(QN_I8), "an encoding that none have", c.encoding = (qn_encoding)4;);
}

QN_TEST(ir_encoding_faults_of_groups) {
    EXPECT_FAULT(affine(QN_I8), "an axis that it has not", c.axis = 2;);
    EXPECT_FAULT(affine(QN_I8), "an axis that it has not", c.axis = -2;);
    EXPECT_FAULT(affine(QN_I8), "a negative block", c.axis = 0; c.block = -1;);
    EXPECT_FAULT(affine(QN_I8), "a negative block", c.axis = 0; c.block = 2; c.axis2 = 1; c.block2 = -2;);
    EXPECT_FAULT(affine(QN_I8), "blocks along no axis", c.block = 8;);
    EXPECT_FAULT(affine(QN_I8), "blocks along a second axis that it has not", c.axis = 0; c.axis2 = 1; c.block2 = 2;);
    EXPECT_FAULT(affine(QN_I8), "blocks along a second axis that it has not", c.axis = 0; c.block = 2; c.axis2 = 2; c.block2 = 2;);
    EXPECT_FAULT(affine(QN_I8), "blocks along a second axis that it has not", c.axis = 0; c.block = 2; c.axis2 = 0; c.block2 = 2;);
    EXPECT_FAULT(affine(QN_I8), "scales of a type that none have", c.scale_dtype = QN_I32;);
    EXPECT_FAULT(affine(QN_I8), "scales of a type that none have", c.scale_dtype = QN_F8E4M3;);
    EXPECT_FAULT(affine(QN_I8), "scales of scales that are not floating point", c.scale_dtype = QN_U8;);
    EXPECT_FAULT(affine(QN_I8), "scales of scales that are not floating point", c.scale_dtype = QN_U8; c.super_dtype = QN_F8E8M0;);
    EXPECT_FAULT(affine(QN_I8), "scales of scales that have no codes", c.super_dtype = QN_F32;);
    EXPECT_FAULT(affine(QN_I8), "scales of scales that have no codes", c.super_block = 8;);
    EXPECT_FAULT(affine(QN_I8), "a negative block", c.scale_dtype = QN_U8; c.super_dtype = QN_F32; c.super_block = -8;);
}

QN_TEST(ir_encoding_faults_of_palettes) {
    EXPECT_FAULT(palette(4), "indices that are not 1 to 8 bits wide", c.bits = 0;);
    EXPECT_FAULT(palette(4), "indices that are not 1 to 8 bits wide", c.bits = 9;);
    EXPECT_FAULT(palette(4), "vectors that are not 1, 2 or 4 wide", c.width = 3;);
    EXPECT_FAULT(palette(4), "tables along an axis that it has not", c.lut_axis = 2; c.lut_group = 1;);
    EXPECT_FAULT(palette(4), "tables along an axis that it has not", c.lut_axis = 1; c.lut_group = 0;);
    EXPECT_FAULT(palette(4), "a table of a type that none have", c.lut_dtype = QN_F64;);
    EXPECT_FAULT(palette(4), "a table of a type that none have", c.lut_dtype = QN_I8;);
    EXPECT_FAULT(palette(4), "vectors that reach from one table's elements to another's", c.width = 2; c.lut_axis = 0; c.lut_group = 3;);
    EXPECT_FAULT(palette(4), "a table for more elements than 2^63", c.width = 2; c.lut_axis = 0; c.lut_group = INT64_MAX;);
    EXPECT_FAULT(palette(4), "an axis that it has not", c.scale_dtype = QN_F32; c.axis = 5;);
}

QN_TEST(ir_encoding_faults_of_masks) {
    EXPECT_FAULT(sparse(1, 3), "no mask", c.sparse = false;);
    EXPECT_FAULT(sparse(1, 3), "a mask whose blocks are no power of two up to 512", c.mask_block = 0;);
    EXPECT_FAULT(sparse(1, 3), "a mask whose blocks are no power of two up to 512", c.mask_block = 24;);
    EXPECT_FAULT(sparse(1, 3), "a mask whose blocks are no power of two up to 512", c.mask_block = 1024;);
    EXPECT_FAULT(sparse(1, 3), "a number of kept elements that cannot be", c.n_kept = -1;);
    EXPECT_FAULT(sparse(1, 3), "a number of kept elements that cannot be", c.n_kept = 232;);
    EXPECT_FAULT(palette(4), "a mask over vectors", c.sparse = true; c.mask_block = 1; c.width = 2;);
    EXPECT_FAULT(sparse(1, 3), "a mask over dense elements", c.encoding = QN_ENC_DENSE;);
}

/* ---- scales, masks --------------------------------------------------------------------------------------------- */

QN_TEST(ir_encoding_scale) {
    const float floats[] = {0.5f, -3.0f};
    const uint16_t halves[] = {0x3800, 0xc200}, bfloats[] = {0x3f00, 0xc040};
    const uint8_t powers[] = {126, 130}, codes[] = {0x83};
    const float supers[] = {2.0f, 0.25f};
    qn_const c = affine(QN_I4);
    c.axis = 0;
    c.part[QN_PART_SCALES].data = floats;
    assert_true(qn_const_scale(&c, 0) == 0.5f && qn_const_scale(&c, 1) == -3.0f);
    c.scale_dtype = QN_F16;
    c.part[QN_PART_SCALES].data = halves;
    assert_true(qn_const_scale(&c, 0) == 0.5f && qn_const_scale(&c, 1) == -3.0f);
    c.scale_dtype = QN_BF16;
    c.part[QN_PART_SCALES].data = bfloats;
    assert_true(qn_const_scale(&c, 0) == 0.5f && qn_const_scale(&c, 1) == -3.0f);
    c.scale_dtype = QN_F8E8M0;
    c.part[QN_PART_SCALES].data = powers;
    assert_true(qn_const_scale(&c, 0) == 0.5f && qn_const_scale(&c, 1) == 8.0f);
    c.scale_dtype = QN_I4; /* 3 and -8 */
    c.super_dtype = QN_F32;
    c.part[QN_PART_SCALES].data = codes;
    c.part[QN_PART_SUPER_SCALES].data = supers;
    assert_true(qn_const_scale(&c, 0) == 6.0f && qn_const_scale(&c, 1) == -16.0f);
    c.super_block = 1;
    assert_true(qn_const_scale(&c, 0) == 6.0f && qn_const_scale(&c, 1) == -2.0f);
    c = palette(2);
    assert_true(qn_const_scale(&c, 0) == 1.0f);
}

QN_TEST(ir_encoding_mask) {
    for (int64_t block = 1; block <= QN_SPARSE_CHUNK; block *= 2) {
        enum { N = 33 * 33 };
        uint8_t mask[(N + 7) / 8] = {0};
        uint32_t starts[3] = {0};
        qn_const c = sparse(block, 0);
        c.dims[0] = 33;
        for (int64_t e = 0; e < N; e++) {
            const int64_t bit = e / block;
            if (e % QN_SPARSE_CHUNK == 0)
                starts[e / QN_SPARSE_CHUNK] = (uint32_t)c.n_kept;
            if (bit * 7 % 5 < 2)
                mask[bit / 8] = (uint8_t)(mask[bit / 8] | 1u << bit % 8);
            c.n_kept += mask[bit / 8] >> bit % 8 & 1;
        }
        c.part[QN_PART_MASK].data = mask;
        c.part[QN_PART_STARTS].data = starts;
        int64_t kept = 0;
        for (int64_t e = 0; e < N; e++) {
            assert_int_equal(qn_const_kept_before(&c, e), kept);
            assert_int_equal(qn_const_is_kept(&c, e), e / block * 7 % 5 < 2);
            kept += qn_const_is_kept(&c, e);
        }
        assert_true(qn_const_mask_agrees(&c));
        c.n_kept++;
        assert_false(qn_const_mask_agrees(&c));
        c.n_kept--;
        starts[1]++;
        assert_false(qn_const_mask_agrees(&c));
        starts[1]--;
        const int64_t bits = (N + block - 1) / block; /* a bit behind the last */
        if (bits % 8) {
            mask[bits / 8] = (uint8_t)(mask[bits / 8] | 1u << bits % 8);
            assert_false(qn_const_mask_agrees(&c));
        }
    }
}

QN_TEST(ir_encoding_plain_affine) {
    qn_const c = affine(QN_U4);
    assert_true(qn_const_is_plain_affine(&c));
    c.code_dtype = QN_I3;
    assert_false(qn_const_is_plain_affine(&c));
    c = affine(QN_I8);
    c.scale_dtype = QN_BF16;
    assert_false(qn_const_is_plain_affine(&c));
    c = affine(QN_I8);
    c.axis = 0, c.block = 2, c.axis2 = 1, c.block2 = 2;
    assert_false(qn_const_is_plain_affine(&c));
    c = affine(QN_I8);
    c.sparse = true, c.mask_block = 1;
    assert_false(qn_const_is_plain_affine(&c));
    c = palette(4);
    assert_false(qn_const_is_plain_affine(&c));
}
