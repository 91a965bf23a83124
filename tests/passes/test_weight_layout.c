/* Schemes on weights: the axes of scales, blocks and tables, and how many elements masks keep. */
#include "passes/weights.h"

#include <stdio.h>

#include "tests/test.h"

typedef struct row {
    const char *scheme;
    int64_t out, in;            /* the weight is [out,in]; out 0: see `turned` */
    bool turned;                /* [in,out] */
    bool mixed;                 /* its readers have different channel axes */
    int32_t axis;               /* of scales */
    int64_t block, block2;
    qn_dtype scale, super;
    int32_t lut_axis;
    int64_t lut_group;
    const char *reason;
} row;

#define FEW "by channel: under 16 elements along the axis that is summed"
#define TENSOR "by tensor: its readers have different channel axes"
static const row g_scales[] = {
    {"int8", 64, 32, false, false, 0, 0, 0, QN_F32, QN_NONE, -1, 0, ""},
    {"int8", 64, 32, true, false, 1, 0, 0, QN_F32, QN_NONE, -1, 0, ""},
    {"int8:per_tensor", 64, 32, false, false, -1, 0, 0, QN_F32, QN_NONE, -1, 0, ""},
    {"int8", 64, 32, false, true, -1, 0, 0, QN_F32, QN_NONE, -1, 0, TENSOR},
    {"int4", 64, 32, false, false, 1, 32, 0, QN_F16, QN_NONE, -1, 0, ""},
    {"int4", 64, 32, true, false, 0, 32, 0, QN_F16, QN_NONE, -1, 0, ""},
    /* blocks need no channels; ragged ones and ones longer than the axis are as they are */
    {"int4", 64, 32, false, true, 1, 32, 0, QN_F16, QN_NONE, -1, 0, ""},
    {"int4:block=24", 64, 35, false, false, 1, 24, 0, QN_F16, QN_NONE, -1, 0, ""},
    {"int4:block=1000", 64, 16, false, false, 1, 1000, 0, QN_F16, QN_NONE, -1, 0, ""},
    /* short sums have a scale a channel, which float32 holds at little cost, and no second level */
    {"int4", 64, 15, false, false, 0, 0, 0, QN_F32, QN_NONE, -1, 0, FEW},
    {"int4", 64, 16, false, false, 1, 32, 0, QN_F16, QN_NONE, -1, 0, ""},
    {"int4", 64, 15, false, true, -1, 0, 0, QN_F32, QN_NONE, -1, 0, TENSOR},
    {"int4:scale=bf16", 64, 15, false, false, 0, 0, 0, QN_BF16, QN_NONE, -1, 0, FEW},
    {"mxfp4", 64, 32, false, false, 1, 32, 0, QN_F8E8M0, QN_NONE, -1, 0, ""},
    {"mxfp4", 64, 8, false, false, 0, 0, 0, QN_F8E8M0, QN_NONE, -1, 0, FEW},
    {"int4:scale=uint6", 64, 32, false, false, 1, 32, 0, QN_U6, QN_BF16, -1, 0, ""},
    {"int4:scale=uint6", 64, 8, false, false, 0, 0, 0, QN_F32, QN_NONE, -1, 0, FEW},
    /* two dimensions: along the sum, and over channels */
    {"int4:block=32x8", 64, 64, false, false, 1, 32, 8, QN_F16, QN_NONE, -1, 0, ""},
    {"int4:block=32x8", 64, 64, true, false, 0, 32, 8, QN_F16, QN_NONE, -1, 0, ""},
    {"int4:block=24x5", 33, 35, false, false, 1, 24, 5, QN_F16, QN_NONE, -1, 0, ""},
    {"int4:block=32x8", 64, 64, false, true, 1, 32, 0, QN_F16, QN_NONE, -1, 0, "blocks of one dimension: its readers have different channel axes"},
    {"int4:block=32x8", 64, 8, false, false, 0, 0, 0, QN_F32, QN_NONE, -1, 0, FEW},
    /* tables: by outputs, or by inputs */
    {"palette4", 64, 32, false, false, -1, 0, 0, QN_NONE, QN_NONE, -1, 0, ""},
    {"palette4:group=8", 64, 32, false, false, -1, 0, 0, QN_NONE, QN_NONE, 0, 8, ""},
    {"palette4:group=8", 64, 32, true, false, -1, 0, 0, QN_NONE, QN_NONE, 1, 8, ""},
    {"palette4:group=8:group_axis=in", 64, 32, false, false, -1, 0, 0, QN_NONE, QN_NONE, 1, 8, ""},
    {"palette4:group=8:group_axis=in", 64, 32, true, false, -1, 0, 0, QN_NONE, QN_NONE, 0, 8, ""},
    {"palette4:group=1000", 64, 32, false, false, -1, 0, 0, QN_NONE, QN_NONE, 0, 64, ""},
    {"palette4:group=8", 64, 32, false, true, -1, 0, 0, QN_NONE, QN_NONE, -1, 0, "one table: its readers have different channel axes"},
    /* vectors lie in memory order: a table must serve whole ones */
    {"palette4:vector=4:group=8", 64, 32, false, false, -1, 0, 0, QN_NONE, QN_NONE, 0, 8, ""},
    {"palette4:vector=4:group=1", 64, 35, false, false, -1, 0, 0, QN_NONE, QN_NONE, -1, 0, "one table: vectors would reach from one group of channels to the next"},
    {"palette4:vector=2:group=2", 64, 35, false, false, -1, 0, 0, QN_NONE, QN_NONE, 0, 2, ""},
    {"palette4:vector=4:group=6:group_axis=in", 64, 32, false, false, -1, 0, 0, QN_NONE, QN_NONE, -1, 0, "one table: vectors would reach from one group of channels to the next"},
    {"palette4:per_channel", 64, 32, false, false, 0, 0, 0, QN_F32, QN_NONE, -1, 0, ""},
    {"nf4", 64, 32, false, false, 1, 64, 0, QN_F16, QN_NONE, -1, 0, ""},
};

static void lay_out(qn_context *ctx, const row *r, qn_scheme *s, qn_const *c, const char **reason) {
    const int32_t axis = r->turned ? 1 : 0;
    const qn_weight weight = {.is_weight = true, .axis = r->mixed ? -1 : axis, .sum_axis = 1 - axis, .reason = ""};
    *c = (qn_const){.dtype = QN_F32, .rank = 2, .name = "w"};
    c->dims[axis] = r->out;
    c->dims[1 - axis] = r->in;
    ASSERT_OK(ctx, qn_scheme_parse(ctx, r->scheme, s));
    qn_weight_layout(s, &weight, c, reason);
}

QN_TEST(passes_weight_layout_axes) {
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof g_scales / sizeof *g_scales; i++) {
        const row *r = &g_scales[i];
        qn_scheme s;
        qn_const c;
        const char *reason;
        char label[96];
        lay_out(ctx, r, &s, &c, &reason);
        snprintf(label, sizeof label, "%s on %d out, %d in%s%s", r->scheme, (int)r->out, (int)r->in, r->turned ? ", turned" : "", r->mixed ? ", mixed" : "");
        if (qn_const_encoding_fault(&c))
            fail_msg("%s: %s", label, qn_const_encoding_fault(&c));
        if (strcmp(reason, r->reason) != 0)
            fail_msg("%s: says '%s', not '%s'", label, reason, r->reason);
        if (c.axis != r->axis || c.block != r->block || c.block2 != r->block2 || c.scale_dtype != r->scale || c.super_dtype != r->super)
            fail_msg("%s: axis %d, blocks %d x %d, scales %d, super %d", label, (int)c.axis, (int)c.block, (int)c.block2, (int)c.scale_dtype,
                     (int)c.super_dtype);
        if (c.lut_axis != r->lut_axis || c.lut_group != r->lut_group)
            fail_msg("%s: tables along %d by %d", label, (int)c.lut_axis, (int)c.lut_group);
        if (c.block2)
            assert_int_equal(c.axis2, r->turned ? 1 : 0);
    }
    qn_context_destroy(ctx);
}

/* The elements of the kernel of a convolution, [8,4,3,3]: channels along 0, the sum along 1, vectors along 3. */
QN_TEST(passes_weight_layout_convolution) {
    static const struct {
        const char *scheme;
        int32_t axis, lut_axis;
        const char *reason;
    } rows[] = {{"int8", 0, -1, ""},
                {"int4", 0, -1, FEW},
                {"palette4:group=2:vector=2", -1, 0, ""},
                {"palette4:group=1:group_axis=in:vector=2", -1, -1, "one table: vectors would reach from one group of channels to the next"},
                {"palette4:group=2:group_axis=in:vector=2", -1, 1, ""}};
    qn_context *ctx = qn_test_context();
    const qn_weight weight = {.is_weight = true, .axis = 0, .sum_axis = 1, .reason = ""};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        qn_const c = {.dtype = QN_F32, .rank = 4, .dims = {8, 4, 3, 3}, .name = "w"};
        qn_scheme s;
        const char *reason;
        ASSERT_OK(ctx, qn_scheme_parse(ctx, rows[i].scheme, &s));
        qn_weight_layout(&s, &weight, &c, &reason);
        assert_string_equal(reason, rows[i].reason);
        assert_null(qn_const_encoding_fault(&c));
        assert_int_equal(c.axis, rows[i].axis);
        assert_int_equal(c.lut_axis, rows[i].lut_axis);
    }
    qn_context_destroy(ctx);
}

QN_TEST(passes_weight_layout_masks) {
    static const struct {
        const char *scheme;
        int64_t out, in, n_kept, mask_block;
    } rows[] = {
        {"values:prune=0.75", 16, 40, 160, 1},
        {"values:prune=0.9", 3, 5, 2, 1},                   /* floor(0.9 * 15) = 13 go */
        {"values:prune=0", 16, 40, 640, 1},
        {"values:prune=1", 16, 40, 0, 1},
        {"int8:prune=0.5:prune_block=4", 16, 40, 320, 4},
        {"int8:prune=0.5:prune_block=16", 5, 10, 18, 16},   /* 4 blocks, the last of 2 elements and kept: 16 + 2 */
        {"int8:prune=2/4", 16, 40, 320, 1},
        {"int8:prune=2/4", 16, 43, 16 * 22, 1},             /* the last 3 of a row are a group of 4, which has 2 */
        {"int8:prune=1/4", 16, 41, 16 * 11, 1},             /* the last one is kept */
        {"palette4:prune=0.5", 16, 40, 320, 1},
        {"int8:prune=2/4", 16, 0, 0, 1},
        {"values:prune=0.5", 0, 40, 0, 1},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row r = {.scheme = rows[i].scheme, .out = rows[i].out, .in = rows[i].in};
        qn_scheme s;
        qn_const c;
        const char *reason;
        lay_out(ctx, &r, &s, &c, &reason);
        if (!c.sparse || c.n_kept != rows[i].n_kept || c.mask_block != rows[i].mask_block)
            fail_msg("%s on [%d,%d]: %d kept in blocks of %d", r.scheme, (int)r.out, (int)r.in, (int)c.n_kept, (int)c.mask_block);
        assert_null(qn_const_encoding_fault(&c));
    }
    qn_context_destroy(ctx);
}

/* A scheme that lays out to no encoding is refused before. */
QN_TEST(passes_weight_layout_vectors_under_a_mask) {
    qn_context *ctx = qn_test_context();
    qn_scheme s;
    ASSERT_FAILS(ctx, QN_USAGE, "vector", qn_scheme_parse(ctx, "palette4:vector=2:prune=0.5", &s));
    qn_context_destroy(ctx);
}
