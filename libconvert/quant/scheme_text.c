/* The words of weight schemes, and a scheme as text. */
#include "quant/scheme_words.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"

#define LINEAR(NAME, CODE, SYMMETRIC, BLOCK) \
    {.name = NAME, .encoding = QN_ENC_AFFINE, .code_dtype = CODE, .symmetric = SYMMETRIC, .per_channel = (BLOCK) == 0, .block = BLOCK}
#define MX(NAME, CODE) \
    {.name = NAME, .encoding = QN_ENC_AFFINE, .code_dtype = CODE, .symmetric = true, .block = 32, .scale_dtype = QN_F8E8M0}
#define PALETTE(NAME, BITS) {.name = NAME, .encoding = QN_ENC_PALETTE, .bits = BITS}

const qn_scheme_name qn_scheme_names[] = {
    {.name = "none", .encoding = QN_ENC_DENSE},
    LINEAR("int8", QN_I8, true, 0),
    LINEAR("int6", QN_I6, true, 32),
    LINEAR("int4", QN_I4, true, 32),
    LINEAR("int3", QN_I3, true, 32),
    LINEAR("int2", QN_I2, true, 32),
    LINEAR("uint8", QN_U8, false, 0),
    LINEAR("uint6", QN_U6, false, 32),
    LINEAR("uint4", QN_U4, false, 32),
    LINEAR("uint3", QN_U3, false, 32),
    LINEAR("uint2", QN_U2, false, 32),
    LINEAR("fp8_e4m3", QN_F8E4M3, true, 0),
    LINEAR("fp8_e5m2", QN_F8E5M2, true, 0),
    LINEAR("fp6_e2m3", QN_F6E2M3, true, 0),
    LINEAR("fp6_e3m2", QN_F6E3M2, true, 0),
    LINEAR("fp4_e2m1", QN_F4E2M1, true, 0),
    MX("mxint8", QN_I8),
    MX("mxfp8_e4m3", QN_F8E4M3),
    MX("mxfp8_e5m2", QN_F8E5M2),
    MX("mxfp6_e2m3", QN_F6E2M3),
    MX("mxfp6_e3m2", QN_F6E3M2),
    MX("mxfp4", QN_F4E2M1),
    PALETTE("palette1", 1),
    PALETTE("palette2", 2),
    PALETTE("palette3", 3),
    PALETTE("palette4", 4),
    PALETTE("palette5", 5),
    PALETTE("palette6", 6),
    PALETTE("palette7", 7),
    PALETTE("palette8", 8),
    {.name = "nf4", .encoding = QN_ENC_PALETTE, .bits = 4, .table = QN_TABLE_NF4, .scale_dtype = QN_F16, .block = 64},
    {.name = "values", .encoding = QN_ENC_SPARSE},
    {.name = NULL},
};

const qn_scheme_dtype qn_scheme_floats[] = {{"fp32", QN_F32}, {"fp16", QN_F16}, {"bf16", QN_BF16}, {NULL, QN_NONE}};
const qn_scheme_dtype qn_scheme_scales[] = {{"fp32", QN_F32}, {"fp16", QN_F16}, {"bf16", QN_BF16}, {"e8m0", QN_F8E8M0},
                                            {"int8", QN_I8}, {"uint8", QN_U8}, {"int6", QN_I6}, {"uint6", QN_U6},
                                            {"int4", QN_I4}, {"uint4", QN_U4}, {NULL, QN_NONE}};

static const char *word_of(const qn_scheme_dtype *rows, qn_dtype dtype) {
    while (rows->name && rows->dtype != dtype)
        rows++;
    return rows->name ? rows->name : "?";
}

/* The row whose name stands for most of the scheme. */
static const qn_scheme_name *name_of(const qn_scheme *s) {
    const qn_scheme_name *best = &qn_scheme_names[0];
    for (const qn_scheme_name *row = qn_scheme_names; row->name; row++) {
        if (row->encoding != s->encoding || row->code_dtype != s->code_dtype || row->bits != s->bits ||
            (row->table == QN_TABLE_NF4) != (s->encoding == QN_ENC_PALETTE && s->table == QN_TABLE_NF4))
            continue;
        const bool mx = row->scale_dtype == QN_F8E8M0;
        if (mx && (s->scale_dtype != QN_F8E8M0 || s->block != 32 || s->block2))
            continue;
        best = row; /* MX rows come after the plain ones of their codes */
    }
    return best;
}

static void put_groups(qn_buf *out, const qn_scheme *s, const qn_scheme_name *name) {
    const bool mx = name->scale_dtype == QN_F8E8M0;
    if (s->block2)
        qn_buf_printf(out, ":block=%" PRId64 "x%" PRId64, s->block, s->block2);
    else if (s->block != name->block && s->block)
        qn_buf_printf(out, ":block=%" PRId64, s->block);
    else if (!s->block && s->per_channel && (name->block || s->encoding == QN_ENC_PALETTE))
        qn_buf_puts(out, ":per_channel");
    else if (!s->block && !s->per_channel)
        qn_buf_puts(out, ":per_tensor");
    if (!mx && s->scale_dtype != (s->block ? QN_F16 : QN_F32))
        qn_buf_printf(out, ":scale=%s", word_of(qn_scheme_scales, s->scale_dtype));
    if (s->super_dtype && (s->super_dtype != QN_BF16 || s->super_block != 16))
        qn_buf_printf(out, ":super=%s/%" PRId64, word_of(qn_scheme_floats, s->super_dtype), s->super_block);
}

static void put_palette(qn_buf *out, const qn_scheme *s) {
    static const char *const tables[] = {[QN_TABLE_KMEANS] = "", [QN_TABLE_UNIFORM] = ":uniform", [QN_TABLE_UNIQUE] = ":unique", [QN_TABLE_NF4] = ""};
    qn_buf_puts(out, tables[s->table]);
    if (s->width > 1)
        qn_buf_printf(out, ":vector=%d", s->width);
    if (s->lut_group)
        qn_buf_printf(out, ":group=%" PRId64 "%s", s->lut_group, s->lut_inputs ? ":group_axis=in" : "");
    if (s->lut_dtype)
        qn_buf_printf(out, ":table=%s", s->lut_dtype == QN_I8 ? "int8" : word_of(qn_scheme_floats, s->lut_dtype));
}

static void put_prune(qn_buf *out, const qn_scheme *s) {
    if (s->prune == QN_PRUNE_MAGNITUDE)
        qn_buf_printf(out, ":prune=%.6g", s->pruned);
    if (s->prune == QN_PRUNE_N_OF_M)
        qn_buf_printf(out, ":prune=%" PRId32 "/%" PRId32, s->prune_n, s->prune_m);
    if (s->prune == QN_PRUNE_THRESHOLD)
        qn_buf_printf(out, ":threshold=%.9g", s->threshold);
    if (s->prune_block > 1)
        qn_buf_printf(out, ":prune_block=%" PRId64, s->prune_block);
}

char *qn_scheme_text(qn_arena *arena, const qn_scheme *s) {
    static const char *const compensations[] = {"", ":importance", ":gptq", ":awq"};
    const qn_scheme_name *name = name_of(s);
    qn_buf out = {0};
    qn_buf_puts(&out, name->name);
    if (s->encoding == QN_ENC_AFFINE && s->symmetric != name->symmetric)
        qn_buf_puts(&out, ":asymmetric");
    if (s->encoding == QN_ENC_PALETTE)
        put_palette(&out, s);
    if (s->encoding == QN_ENC_AFFINE || (s->encoding == QN_ENC_PALETTE && s->scale_dtype))
        put_groups(&out, s, name);
    const bool refined = s->encoding == QN_ENC_PALETTE && s->scale_dtype && s->table == QN_TABLE_KMEANS;
    if (s->range == QN_RANGE_MSE && !refined)
        qn_buf_puts(&out, ":mse");
    if (s->range == QN_RANGE_MINMAX && refined)
        qn_buf_puts(&out, ":minmax");
    if (s->range == QN_RANGE_PERCENTILE)
        qn_buf_printf(&out, ":percentile=%.9g", s->percentile);
    put_prune(&out, s);
    qn_buf_puts(&out, compensations[s->compensation]);
    if (s->act_order)
        qn_buf_puts(&out, ":act_order");
    char *text = out.data ? qn_arena_strdup(arena, out.data) : NULL;
    qn_buf_free(&out);
    return text;
}
