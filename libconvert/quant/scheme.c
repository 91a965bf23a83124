/* Weight schemes as text: NAME[:OPTION]... ; docs/compression.md lists both. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/quant.h"
#include "quant/scheme_words.h"

enum { MAX_BLOCK = 1 << 20, DEFAULT_SUPER_BLOCK = 16 };

typedef struct parser {
    qn_context *ctx;
    const char *text;
    qn_scheme *out;
    int groups;           /* of per_tensor, per_channel and block=, how many were given */
    bool symmetric, asymmetric, is_unsigned, scale, super, range, table, palette, channels;
    int prunes, compensations;
} parser;

static bool same(const char *word, const char *text, size_t n) { return strlen(word) == n && strncmp(word, text, n) == 0; }

static qn_status bad(const parser *p, const char *what) {
    return qn_fail(p->ctx, QN_USAGE, "weight scheme '%s': %s", p->text, what);
}

/* ---- values of options ------------------------------------------------------------------------------------------- */

/* A whole number in min..max at the head of `value`; *end: what follows. */
static bool whole(const char *value, int64_t min, int64_t max, int64_t *out, const char **end) {
    char *after;
    if (*value < '0' || *value > '9')
        return false;
    const long long v = strtoll(value, &after, 10);
    *end = after;
    *out = v;
    return v >= min && v <= max;
}

/* A number over `min` and up to `max`, and no more text. */
static bool real(const char *value, double min, double max, double *out) {
    char *after;
    if (!*value || strspn(value, "0123456789.eE+-") != strlen(value))
        return false;
    *out = strtod(value, &after);
    return !*after && *out > min && *out <= max;
}

static qn_dtype dtype_of(const char *value, const qn_scheme_dtype *rows) {
    for (; rows->name; rows++)
        if (strcmp(rows->name, value) == 0)
            return rows->dtype;
    return QN_NONE;
}

/* ---- options ------------------------------------------------------------------------------------------------------ */

static qn_status set_per_tensor(parser *p, const char *value) {
    (void)value;
    p->groups++;
    p->out->per_channel = false;
    p->out->block = 0;
    p->channels = true;
    return QN_OK;
}
static qn_status set_per_channel(parser *p, const char *value) {
    (void)value;
    p->groups++;
    p->out->per_channel = true;
    p->out->block = 0;
    p->channels = true;
    return QN_OK;
}
static qn_status set_block(parser *p, const char *value) {
    const char *end = value;
    p->groups++;
    p->out->per_channel = false;
    bool good = whole(value, 1, MAX_BLOCK, &p->out->block, &end);
    if (good && *end == 'x')
        good = whole(end + 1, 1, MAX_BLOCK, &p->out->block2, &end);
    return good && !*end ? QN_OK : bad(p, "block= takes elements along the summed axis, 1 to 1048576, or with channels: block=32x4");
}
static qn_status set_symmetric(parser *p, const char *value) {
    (void)value;
    p->symmetric = p->out->symmetric = true;
    return QN_OK;
}
static qn_status set_asymmetric(parser *p, const char *value) {
    (void)value;
    p->asymmetric = true;
    p->out->symmetric = false;
    return QN_OK;
}
static qn_status set_scale(parser *p, const char *value) {
    p->scale = true;
    p->out->scale_dtype = dtype_of(value, qn_scheme_scales);
    return p->out->scale_dtype ? QN_OK : bad(p, "scale= takes fp32, fp16, bf16 or e8m0, or the codes of two levels: int8, uint8, int6, uint6, int4, uint4");
}
static qn_status set_super(parser *p, const char *value) {
    char name[8] = "";
    const size_t n = strcspn(value, "/");
    const char *end = value + n;
    p->super = true;
    if (n < sizeof name)
        memcpy(name, value, n);
    p->out->super_dtype = dtype_of(name, qn_scheme_floats);
    bool good = p->out->super_dtype != QN_NONE;
    if (good && *end == '/')
        good = whole(end + 1, 1, MAX_BLOCK, &p->out->super_block, &end);
    return good && !*end ? QN_OK : bad(p, "super= takes fp32, fp16 or bf16, and how many scales share one: super=bf16/16");
}
static qn_status set_range(parser *p, qn_range_choice range) {
    if (p->range)
        return bad(p, "minmax, percentile= or mse: one of them");
    p->range = true;
    p->out->range = range;
    return QN_OK;
}
static qn_status set_minmax(parser *p, const char *value) {
    (void)value;
    return set_range(p, QN_RANGE_MINMAX);
}
static qn_status set_mse(parser *p, const char *value) {
    (void)value;
    return set_range(p, QN_RANGE_MSE);
}
static qn_status set_percentile(parser *p, const char *value) {
    if (!real(value, 0, 100, &p->out->percentile))
        return bad(p, "percentile= takes a number over 0 and up to 100");
    return set_range(p, QN_RANGE_PERCENTILE);
}
static qn_status set_table(parser *p, qn_table_choice table) {
    if (p->table)
        return bad(p, "kmeans, uniform or unique: one of them");
    p->table = p->palette = true;
    p->out->table = table;
    return QN_OK;
}
static qn_status set_kmeans(parser *p, const char *value) {
    (void)value;
    return set_table(p, QN_TABLE_KMEANS);
}
static qn_status set_uniform(parser *p, const char *value) {
    (void)value;
    return set_table(p, QN_TABLE_UNIFORM);
}
static qn_status set_unique(parser *p, const char *value) {
    (void)value;
    return set_table(p, QN_TABLE_UNIQUE);
}
static qn_status set_vector(parser *p, const char *value) {
    p->palette = true;
    p->out->width = strcmp(value, "2") == 0 ? 2 : strcmp(value, "4") == 0 ? 4 : 0;
    return p->out->width ? QN_OK : bad(p, "vector= takes 2 or 4");
}
static qn_status set_group(parser *p, const char *value) {
    const char *end = value;
    p->palette = true;
    return whole(value, 1, MAX_BLOCK, &p->out->lut_group, &end) && !*end ? QN_OK : bad(p, "group= takes the channels of a table, 1 to 1048576");
}
static qn_status set_group_axis(parser *p, const char *value) {
    p->palette = true;
    p->out->lut_inputs = strcmp(value, "in") == 0;
    return p->out->lut_inputs || strcmp(value, "out") == 0 ? QN_OK : bad(p, "group_axis= takes in or out");
}
static qn_status set_lut(parser *p, const char *value) {
    p->palette = true;
    p->out->lut_dtype = strcmp(value, "int8") == 0 ? QN_I8 : dtype_of(value, qn_scheme_floats);
    return p->out->lut_dtype ? QN_OK : bad(p, "table= takes fp32, fp16, bf16 or int8");
}
static qn_status set_prune(parser *p, const char *value) {
    const char *end = value;
    int64_t n, m;
    p->prunes++;
    if (strchr(value, '/')) {
        p->out->prune = QN_PRUNE_N_OF_M;
        if (!whole(value, 1, 256, &n, &end) || *end != '/' || !whole(end + 1, n, 256, &m, &end) || *end)
            return bad(p, "prune= keeps n of m elements, 1 <= n <= m <= 256: prune=2/4");
        p->out->prune_n = (int32_t)n;
        p->out->prune_m = (int32_t)m;
        return QN_OK;
    }
    p->out->prune = QN_PRUNE_MAGNITUDE;
    return real(value, -1e-300, 1, &p->out->pruned) ? QN_OK : bad(p, "prune= takes the share that is pruned, 0 to 1, or n/m");
}
static qn_status set_prune_block(parser *p, const char *value) {
    const char *end = value;
    int64_t *n = &p->out->prune_block;
    const bool good = whole(value, 1, QN_SPARSE_CHUNK, n, &end) && !*end && (*n & (*n - 1)) == 0;
    return good ? QN_OK : bad(p, "prune_block= takes a power of two up to 512");
}
static qn_status set_threshold(parser *p, const char *value) {
    p->prunes++;
    p->out->prune = QN_PRUNE_THRESHOLD;
    return real(value, 0, 3.4e38, &p->out->threshold) ? QN_OK : bad(p, "threshold= takes a number over 0");
}
static qn_status set_compensation(parser *p, qn_compensation compensation) {
    p->compensations++;
    p->out->compensation = compensation;
    return QN_OK;
}
static qn_status set_importance(parser *p, const char *value) {
    (void)value;
    return set_compensation(p, QN_COMPENSATE_IMPORTANCE);
}
static qn_status set_gptq(parser *p, const char *value) {
    (void)value;
    return set_compensation(p, QN_COMPENSATE_GPTQ);
}
static qn_status set_awq(parser *p, const char *value) {
    (void)value;
    return set_compensation(p, QN_COMPENSATE_AWQ);
}
static qn_status set_act_order(parser *p, const char *value) {
    (void)value;
    p->out->act_order = true;
    return QN_OK;
}

static const struct {
    const char *name;
    bool takes_value;
    qn_status (*set)(parser *p, const char *value);
} g_options[] = {
    {"per_channel", false, set_per_channel}, {"per_tensor", false, set_per_tensor}, {"block", true, set_block},
    {"symmetric", false, set_symmetric}, {"asymmetric", false, set_asymmetric}, {"scale", true, set_scale}, {"super", true, set_super},
    {"minmax", false, set_minmax}, {"percentile", true, set_percentile}, {"mse", false, set_mse},
    {"kmeans", false, set_kmeans}, {"uniform", false, set_uniform}, {"unique", false, set_unique}, {"vector", true, set_vector},
    {"group", true, set_group}, {"group_axis", true, set_group_axis}, {"table", true, set_lut},
    {"prune", true, set_prune}, {"prune_block", true, set_prune_block}, {"threshold", true, set_threshold},
    {"importance", false, set_importance}, {"gptq", false, set_gptq}, {"awq", false, set_awq}, {"act_order", false, set_act_order},
};

static qn_status set_option(parser *p, const char *option, size_t n) {
    char value[64] = "";
    const char *equals = memchr(option, '=', n);
    const size_t name = equals ? (size_t)(equals - option) : n;
    for (size_t i = 0; i < sizeof g_options / sizeof *g_options; i++) {
        if (!same(g_options[i].name, option, name) || g_options[i].takes_value != (equals != NULL))
            continue;
        if (equals && n - name - 1 < sizeof value)
            memcpy(value, equals + 1, n - name - 1);
        return g_options[i].set(p, value);
    }
    return qn_fail(p->ctx, QN_USAGE, "weight scheme '%s' has an unknown option '%.*s'", p->text, (int)n, option);
}

/* ---- what goes together --------------------------------------------------------------------------------------------- */

static qn_status check_linear(parser *p) {
    const qn_code_type *type = qn_code_type_of(p->out->code_dtype);
    if (p->symmetric && (p->asymmetric || p->is_unsigned))
        return bad(p, p->is_unsigned ? "symmetric and asymmetric, as unsigned codes are" : "symmetric and asymmetric");
    if (p->asymmetric && !type->is_integer)
        return bad(p, "floating point codes have no zero points");
    if (p->palette)
        return bad(p, "kmeans, uniform, unique, vector=, group=, group_axis= and table= are of palettes");
    return QN_OK;
}

static qn_status check_palette(parser *p) {
    qn_scheme *s = p->out;
    if (p->symmetric || p->asymmetric)
        return bad(p, "palettes are not symmetric or asymmetric");
    if (p->groups || p->scale || s->lut_dtype == QN_I8) { /* under scales */
        s->per_channel = s->per_channel || !p->groups;
        s->scale_dtype = s->scale_dtype ? s->scale_dtype : s->block ? QN_F16 : QN_F32;
    }
    if (s->scale_dtype && s->table == QN_TABLE_UNIQUE)
        return bad(p, "a unique palette has no scales");
    if (s->scale_dtype && !p->range && s->table == QN_TABLE_KMEANS)
        s->range = QN_RANGE_MSE;
    if (!s->scale_dtype && p->range)
        return bad(p, "minmax, percentile= and mse choose scales, which this palette has not");
    if (s->width > 1 && (s->table != QN_TABLE_KMEANS || s->prune))
        return bad(p, "vectors come from kmeans, and are not pruned");
    return QN_OK;
}

static qn_status check_scales(parser *p) {
    qn_scheme *s = p->out;
    const qn_code_type *type = qn_code_type_of(s->scale_dtype);
    const bool two_levels = type && type->is_integer;
    if (p->super && !two_levels)
        return bad(p, "super= goes with the codes of scale=int8, uint8, int6, uint6, int4 or uint4");
    if (two_levels) {
        s->super_dtype = s->super_dtype ? s->super_dtype : QN_BF16;
        s->super_block = s->super_block ? s->super_block : DEFAULT_SUPER_BLOCK;
    }
    if (two_levels && !s->block && !s->per_channel)
        return bad(p, "one scale for the tensor needs no second level");
    if (!s->symmetric && s->encoding == QN_ENC_AFFINE && type && type->is_power)
        return bad(p, "powers of two as scales have no zero points");
    return QN_OK;
}

static qn_status check(parser *p) {
    qn_scheme *s = p->out;
    if (p->groups > 1)
        return bad(p, "per channel, per tensor or in blocks: one of them");
    if (p->prunes > 1)
        return bad(p, "prune= or threshold=: one of them");
    if (p->compensations > 1)
        return bad(p, "importance, gptq or awq: one of them");
    if (s->act_order && s->compensation != QN_COMPENSATE_GPTQ)
        return bad(p, "act_order is of gptq");
    if (s->prune_block > 1 && s->prune != QN_PRUNE_MAGNITUDE)
        return bad(p, "prune_block= goes with a share: prune=0.5");
    if (s->encoding == QN_ENC_DENSE || s->encoding == QN_ENC_SPARSE) {
        if (p->groups || p->symmetric || p->asymmetric || p->scale || p->super || p->range || p->palette || p->compensations)
            return bad(p, "there are no codes that this could be of");
        if ((s->encoding == QN_ENC_SPARSE) != (s->prune != QN_PRUNE_NONE))
            return bad(p, s->prune ? "what is left as it is is not pruned: values:prune=0.5" : "values are pruned: prune=0.5, prune=2/4 or threshold=0.01");
        return QN_OK;
    }
    QN_TRY(s->encoding == QN_ENC_PALETTE ? check_palette(p) : check_linear(p));
    return check_scales(p);
}

bool qn_scheme_is_name(qn_context *ctx, const char *text) {
    const size_t n = strcspn(text, ":");
    (void)ctx;
    for (const qn_scheme_name *name = qn_scheme_names; name->name; name++)
        if (same(name->name, text, n))
            return true;
    return false;
}

qn_status qn_scheme_parse(qn_context *ctx, const char *text, qn_scheme *out) {
    size_t n = strcspn(text, ":");
    parser p = {.ctx = ctx, .text = text, .out = out};
    const qn_scheme_name *name = qn_scheme_names;
    while (name->name && !same(name->name, text, n))
        name++;
    if (!name->name)
        return qn_fail(ctx, QN_USAGE, "'%s' is no weight scheme (int8, int4, uint4, palette4, nf4, fp8_e4m3, mxfp4, values, none ..., and "
                                      ":per_channel, :block=32, :asymmetric ...)", text);
    *out = (qn_scheme){.encoding = name->encoding, .code_dtype = name->code_dtype, .symmetric = name->symmetric,
                       .scale_dtype = name->scale_dtype, .block = name->block, .bits = name->bits, .width = 1, .table = name->table,
                       .prune_block = 1, .per_channel = name->per_channel};
    p.is_unsigned = name->encoding == QN_ENC_AFFINE && !name->symmetric;
    for (const char *at = text + n; *at; at += n) {
        n = strcspn(++at, ":");
        QN_TRY(set_option(&p, at, n));
    }
    /* what a name says of scales is of its own groups; others have the scales of theirs */
    if (out->encoding == QN_ENC_AFFINE && !p.scale && name->scale_dtype != QN_F8E8M0)
        out->scale_dtype = out->block > 0 ? QN_F16 : QN_F32;
    return check(&p);
}
