/* Which axes a scheme's groups, blocks, tables and masks lie along, and what is otherwise than it says. */
#include "passes/weights.h"
#include "tests/test.h"

typedef struct row {
    const char *scheme;
    int32_t rank;
    int64_t dims[4];
    int32_t axis, sum;      /* output channels, or -1; summed */
    const char *got, *reason;
    size_t bytes;           /* of all parts, float32 elements */
    int32_t at, at2, lut_at; /* axes of the scales, of the other side of a block, of the tables */
} row;

static const row g_rows[] = {
    {"int8", 2, {8, 64}, 0, 1, "int8", "", 512 + 32, 0, -1, -1},
    {"int8", 2, {8, 64}, -1, 1, "int8:per_tensor", "by tensor: its readers have different channel axes", 512 + 4, -1, -1, -1},
    {"int8:per_tensor", 2, {8, 64}, 0, 1, "int8:per_tensor", "", 512 + 4, -1, -1, -1},
    /* blocks: the last one short, longer than the axis, shorter than 16, beside taps */
    {"int4", 2, {8, 72}, 0, 1, "int4", "", 288 + 8 * 3 * 2, 1, -1, -1},
    {"int4", 2, {72, 8}, 1, 0, "int4", "", 288 + 8 * 3 * 2, 0, -1, -1},
    {"int4:block=100", 2, {8, 72}, 0, 1, "int4:block=100", "", 288 + 8 * 2, 1, -1, -1},
    {"int4:block=5", 2, {8, 12}, 0, 1, "int4:block=5", "", 48 + 8 * 3 * 2, 1, -1, -1},
    {"int4:block=12", 2, {8, 12}, 0, 1, "int4:block=12", "", 48 + 8 * 2, 1, -1, -1},
    {"int4", 2, {8, 12}, 0, 1, "int4:per_channel", "by channel: under 16 elements along the axis that is summed", 48 + 8 * 4, 0, -1, -1},
    {"int4", 3, {8, 20, 3}, 0, 1, "int4", "", 240 + 8 * 3 * 2, 1, -1, -1},
    {"int4", 3, {8, 12, 3}, 0, 1, "int4:per_channel", "by channel: under 16 elements along the axis that is summed", 144 + 8 * 4, 0, -1, -1},
    {"int4", 3, {8, 1, 9}, -1, 1, "int4:per_tensor", "by tensor: its readers have different channel axes", 36 + 4, -1, -1, -1},
    {"mxfp4", 2, {8, 12}, 0, 1, "fp4_e2m1:scale=e8m0", "by channel: under 16 elements along the axis that is summed", 48 + 8, 0, -1, -1},
    /* two dimensions */
    {"int4:block=16x4", 2, {8, 64}, 0, 1, "int4:block=16x4", "", 256 + 4 * 2 * 2, 1, 0, -1},
    {"int4:block=16x3", 2, {8, 64}, 0, 1, "int4:block=16x3", "", 256 + 4 * 3 * 2, 1, 0, -1},
    {"int4:block=16x4", 2, {8, 64}, -1, 1, "int4:block=16", "blocks of one dimension: its readers have different channel axes",
     256 + 4 * 8 * 2, 1, -1, -1},
    /* two levels */
    {"int4:scale=int6", 2, {8, 64}, 0, 1, "int4:scale=int6", "", 256 + 12 + 2, 1, -1, -1},
    {"int4:scale=int6", 2, {8, 12}, 0, 1, "int4:per_channel", "by channel: under 16 elements along the axis that is summed", 48 + 8 * 4, 0, -1, -1},
    {"int8:scale=int8", 2, {8, 64}, -1, 1, "int8:per_tensor", "by tensor: its readers have different channel axes", 512 + 4, -1, -1, -1},
    /* tables */
    {"palette4", 2, {8, 64}, 0, 1, "palette4", "", 256 + 64, -1, -1, -1},
    {"palette4:group=3", 2, {8, 64}, 0, 1, "palette4:group=3", "", 256 + 3 * 64, -1, -1, 0},
    {"palette4:group=100", 2, {8, 64}, 0, 1, "palette4:group=100", "", 256 + 64, -1, -1, 0},
    {"palette4:group=16:group_axis=in", 2, {8, 64}, 0, 1, "palette4:group=16:group_axis=in", "", 256 + 4 * 64, -1, -1, 1},
    {"palette4:group=3", 2, {8, 64}, -1, 1, "palette4", "one table: its readers have different channel axes", 256 + 64, -1, -1, -1},
    {"palette4:vector=4:group=3", 3, {8, 6, 1}, 0, 1, "palette4:vector=4", "one table: vectors would reach from one group of channels to the next",
     6 + 16 * 4 * 4, -1, -1, -1},
    {"palette4:vector=2:group=3", 3, {8, 6, 1}, 0, 1, "palette4:vector=2:group=3", "", 12 + 3 * 16 * 2 * 4, -1, -1, 0},
    {"palette4:table=int8", 2, {8, 64}, 0, 1, "palette4:table=int8:per_channel", "", 256 + 16 + 32, 0, -1, -1},
    {"nf4", 2, {8, 100}, 0, 1, "nf4", "", 400 + 64 + 8 * 2 * 2, 1, -1, -1},
    /* masks: kept elements, a bit for each of them or of their blocks, starts of each 512 */
    {"values:prune=0.5", 2, {8, 64}, 0, 1, "values:prune=0.5", "", 256 * 4 + 64 + 4, -1, -1, -1},
    {"values:prune=2/4", 2, {8, 6}, 0, 1, "values:prune=2/4", "", 32 * 4 + 6 + 4, -1, -1, -1}, /* 2 of 4 and 2 of 2 */
    {"values:prune=2/4", 2, {6, 8}, 1, 0, "values:prune=2/4", "", 32 * 4 + 6 + 4, -1, -1, -1},
    {"int8:prune=0.5:prune_block=8", 2, {8, 63}, 0, 1, "int8:prune=0.5:prune_block=8", "", 32 * 8 + 32 + 8 + 4, 0, -1, -1}, /* 32 of 63 blocks */
    {"int8:prune=1", 2, {8, 64}, 0, 1, "int8:prune=1", "", 32 + 64 + 4, 0, -1, -1},
};

QN_TEST(passes_weight_layout_each) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++) {
        const row *r = &g_rows[i];
        const qn_weight weight = {.is_weight = true, .axis = r->axis, .sum_axis = r->sum, .reason = ""};
        const char *reason;
        qn_const c = {.dtype = QN_F32, .rank = r->rank};
        qn_scheme asked;
        memcpy(c.dims, r->dims, sizeof r->dims);
        ASSERT_OK(ctx, qn_scheme_parse(ctx, r->scheme, &asked));
        qn_weight_layout(&asked, &weight, &c, &reason);
        const qn_scheme got = qn_weight_scheme(&asked, &c);
        const char *text = qn_scheme_text(arena, &got), *fault = qn_const_encoding_fault(&c);
        if (fault || strcmp(text, r->got) != 0 || strcmp(reason, r->reason) != 0 || qn_const_bytes(&c) != r->bytes)
            fail_msg("%s (row %d): %s, '%s', %zu bytes, fault %s", r->scheme, (int)i, text, reason, qn_const_bytes(&c), fault ? fault : "none");
        if (c.axis != r->at || (c.block2 > 0 ? c.axis2 : -1) != r->at2 || c.lut_axis != r->lut_at)
            fail_msg("%s (row %d): axes %d, %d, %d", r->scheme, (int)i, (int)c.axis, c.block2 > 0 ? (int)c.axis2 : -1, (int)c.lut_axis);
    }
    qn_arena_destroy(arena);
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
        const qn_weight weight = {.is_weight = true, .axis = 0, .sum_axis = 1, .reason = ""};
        qn_const c = {.dtype = QN_F32, .rank = 2, .dims = {rows[i].out, rows[i].in}, .name = "w"};
        qn_scheme s;
        const char *reason;
        ASSERT_OK(ctx, qn_scheme_parse(ctx, rows[i].scheme, &s));
        qn_weight_layout(&s, &weight, &c, &reason);
        if (!c.sparse || c.n_kept != rows[i].n_kept || c.mask_block != rows[i].mask_block)
            fail_msg("%s on [%d,%d]: %d kept in blocks of %d", rows[i].scheme, (int)rows[i].out, (int)rows[i].in, (int)c.n_kept, (int)c.mask_block);
        assert_null(qn_const_encoding_fault(&c));
    }
    qn_context_destroy(ctx);
}
