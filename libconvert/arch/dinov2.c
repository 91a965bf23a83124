#include "arch/dinov2.h"

#include <string.h>

const qn_dinov2_names qn_dinov2_hugging_face = {
    .cls_token = "embeddings.cls_token",
    .mask_token = "embeddings.mask_token",
    .positions = "embeddings.position_embeddings",
    .patches = "embeddings.patch_embeddings.projection",
    .layer = "encoder.layer.%d",
    .norm = "layernorm",
    .norm1 = "norm1",
    .query = "attention.attention.query",
    .key = "attention.attention.key",
    .value = "attention.attention.value",
    .projection = "attention.output.dense",
    .scale1 = "layer_scale1.lambda1",
    .norm2 = "norm2",
    .fc1 = "mlp.fc1",
    .fc2 = "mlp.fc2",
    .scale2 = "layer_scale2.lambda1",
};

const qn_dinov2_names qn_dinov2_original = {
    .cls_token = "cls_token",
    .mask_token = "mask_token",
    .positions = "pos_embed",
    .patches = "patch_embed.proj",
    .layer = "blocks.%d",
    .norm = "norm",
    .norm1 = "norm1",
    .qkv = "attn.qkv",
    .projection = "attn.proj",
    .scale1 = "ls1.gamma",
    .norm2 = "norm2",
    .fc1 = "mlp.fc1",
    .fc2 = "mlp.fc2",
    .scale2 = "ls2.gamma",
};

/* ---- the configuration ---------------------------------------------------------------------------------- */

enum { MAX_WIDTH = 1 << 16, MAX_LAYERS = 512, MAX_IMAGE = 1 << 16 };

/* What the layers here do not do. */
static qn_status refuse_others(const qn_json *config) {
    const char *act = "gelu";
    bool swiglu = false;
    QN_TRY(qn_json_string(config, "hidden_act", QN_JSON_MAY, &act));
    QN_TRY(qn_json_bool(config, "use_swiglu_ffn", QN_JSON_MAY, &swiglu));
    if (strcmp(act, "gelu") != 0)
        return qn_fail(config->ctx, QN_UNSUPPORTED, "%s: %shidden_act '%.60s'; only gelu is built", config->file,
                       config->where, act);
    if (swiglu)
        return qn_fail(config->ctx, QN_UNSUPPORTED, "%s: %suse_swiglu_ffn is not built", config->file, config->where);
    return QN_OK;
}

qn_status qn_dinov2_config(const qn_json *config, qn_dinov2 *out) {
    int64_t image = 224;
    double ratio = 4;
    /* defaults of Dinov2Config */
    *out = (qn_dinov2){.hidden = 768, .heads = 12, .layers = 12, .channels = 3, .patch = 14, .epsilon = 1e-6, .qkv_bias = true};
    QN_TRY(refuse_others(config));
    QN_TRY(qn_json_int(config, "hidden_size", QN_JSON_MAY, 1, MAX_WIDTH, &out->hidden));
    QN_TRY(qn_json_int(config, "num_attention_heads", QN_JSON_MAY, 1, MAX_WIDTH, &out->heads));
    QN_TRY(qn_json_int(config, "num_hidden_layers", QN_JSON_MAY, 1, MAX_LAYERS, &out->layers));
    QN_TRY(qn_json_int(config, "num_channels", QN_JSON_MAY, 1, 1024, &out->channels));
    QN_TRY(qn_json_int(config, "patch_size", QN_JSON_MAY, 1, 1024, &out->patch));
    QN_TRY(qn_json_int(config, "image_size", QN_JSON_MAY, 1, MAX_IMAGE, &image));
    QN_TRY(qn_json_number(config, "mlp_ratio", QN_JSON_MAY, 1.0 / 64, 64, &ratio));
    QN_TRY(qn_json_number(config, "layer_norm_eps", QN_JSON_MAY, 0, 1, &out->epsilon));
    QN_TRY(qn_json_bool(config, "qkv_bias", QN_JSON_MAY, &out->qkv_bias));
    if (out->hidden % out->heads)
        return qn_json_fail(config, "hidden_size", "is %lld, no multiple of num_attention_heads %lld", (long long)out->hidden,
                            (long long)out->heads);
    if (image < out->patch)
        return qn_json_fail(config, "image_size", "is %lld, less than patch_size %lld", (long long)image,
                            (long long)out->patch);
    out->mlp = (int64_t)((double)out->hidden * ratio);
    if (out->mlp < 1)
        return qn_json_fail(config, "mlp_ratio", "is %g: a layer of %lld has no hidden unit", ratio, (long long)out->hidden);
    out->side = image / out->patch;
    return QN_OK;
}

/* ---- tokens ------------------------------------------------------------------------------------------------ */

const char *qn_dinov2_name(qn_builder *b, const qn_dinov2 *d, const char *part) {
    return qn_build_name(b, "%s%s", d->prefix, part);
}

qn_value *qn_patch_grid(qn_builder *b, qn_value *image, int64_t patch) {
    return qn_build_by_ints(b, QN_OP_Div, NULL, qn_layer_dims(b, image, 2, 4), &patch, 1);
}

qn_value *qn_patch_count(qn_builder *b, qn_value *grid) {
    qn_value *rows = qn_layer_slice(b, NULL, grid, 0, 0, 1), *columns = qn_layer_slice(b, NULL, grid, 0, 1, 2);
    return qn_build_binary(b, QN_OP_Mul, NULL, rows, columns);
}

qn_value *qn_tokens_to_map(qn_builder *b, const char *name, qn_value *tokens, int64_t n, qn_value *grid) {
    qn_value *turned = qn_layer_transpose(b, NULL, tokens, QN_DIMS(0, 2, 1)); /* [B, n, h w] */
    qn_value *dims[] = {qn_build_ints(b, QN_DIMS(0, n)), grid};
    return qn_layer_reshape_parts(b, name, turned, dims, 2); /* [B, n, h, w] */
}

/* The maps [1, hidden, side, side] of positions at the grid, [1, hidden, h w], in steps of side / (n + offset). */
static qn_value *resize_with_offset(qn_builder *b, const qn_dinov2 *d, qn_value *x, qn_value *grid) {
    static const int64_t axes[] = {2, 3};
    const qn_attr cubic[] = {QN_STRING("mode", "cubic"), QN_STRING("coordinate_transformation_mode", "half_pixel"),
                             QN_FLOAT("cubic_coeff_a", -0.75f), QN_INTS("axes", 2, axes)};
    const qn_attr keep[] = {QN_INT("keepdims", 1)};
    qn_value *side = qn_build_float(b, (float)d->side);
    qn_value *n = qn_layer_cast(b, NULL, grid, QN_F32);
    /* 0 when both sides are those of the table, else 1 */
    qn_value *away = qn_build_unary(b, QN_OP_Abs, NULL, qn_build_binary(b, QN_OP_Sub, NULL, n, side));
    qn_value *all[] = {away, qn_build_ints(b, QN_DIMS(0))};
    away = qn_build_by_float(b, QN_OP_Min, NULL, qn_build_op(b, QN_OP_ReduceMax, NULL, all, 2, keep, 1), 1);
    n = qn_build_binary(b, QN_OP_Add, NULL, n, qn_build_by_float(b, QN_OP_Mul, NULL, away, (float)d->offset));
    qn_value *inputs[] = {x, NULL, qn_build_binary(b, QN_OP_Div, NULL, n, side)};
    x = qn_build_op(b, QN_OP_Resize, NULL, inputs, 3, cubic, 4);
    /* floor(side * scale) is n again; said in dimensions of the image */
    qn_value *dims[] = {qn_build_ints(b, QN_DIMS(1, d->hidden)), qn_patch_count(b, grid)};
    return qn_layer_reshape_parts(b, NULL, x, dims, 2);
}

/* The table [1, 1 + side side, hidden] for an image: [1, 1 + h w, hidden]. */
static qn_value *positions_for(qn_builder *b, const qn_dinov2 *d, qn_value *pixels) {
    qn_value *table = qn_build_weight(b, qn_dinov2_name(b, d, d->names->positions),
                                      QN_DIMS(1, 1 + d->side * d->side, d->hidden));
    if (d->fixed_size)
        return table;
    qn_value *parts[2] = {qn_layer_slice(b, NULL, table, 1, 0, 1), NULL};
    qn_value *x = qn_layer_slice(b, NULL, table, 1, 1, INT64_MAX);         /* [1, side side, hidden] */
    x = qn_layer_reshape(b, NULL, x, QN_DIMS(1, d->side, d->side, d->hidden));
    x = qn_layer_transpose(b, NULL, x, QN_DIMS(0, 3, 1, 2));               /* [1, hidden, side, side] */
    qn_value *grid = qn_patch_grid(b, pixels, d->patch);
    if (d->offset != 0)
        x = resize_with_offset(b, d, x, grid);
    else
        x = qn_layer_reshape(b, NULL, qn_layer_resize(b, NULL, x, grid, QN_BICUBIC), QN_DIMS(1, d->hidden, -1));
    parts[1] = qn_layer_transpose(b, NULL, x, QN_DIMS(0, 2, 1));           /* [1, h w, hidden] */
    return qn_layer_concat(b, NULL, 1, parts, 2);
}

qn_value *qn_dinov2_embed(qn_builder *b, const qn_dinov2 *d, qn_value *pixels) {
    const qn_dinov2_names *n = d->names;
    const qn_conv_shape patches = {d->channels, d->hidden, d->patch, d->patch, 0, true};
    qn_value *x = qn_layer_conv(b, qn_dinov2_name(b, d, n->patches), pixels, patches); /* [B, hidden, h, w] */
    x = qn_layer_reshape(b, NULL, x, QN_DIMS(0, d->hidden, -1));
    x = qn_layer_transpose(b, NULL, x, QN_DIMS(0, 2, 1));                              /* [B, h w, hidden] */
    qn_value *cls = qn_build_weight(b, qn_dinov2_name(b, d, n->cls_token), QN_DIMS(1, 1, d->hidden));
    qn_value *shape[] = {qn_layer_dims(b, pixels, 0, 1), qn_build_ints(b, QN_DIMS(1, d->hidden))};
    qn_value *tokens[] = {qn_build_binary(b, QN_OP_Expand, NULL, cls, qn_layer_concat(b, NULL, 0, shape, 2)), x};
    x = qn_layer_concat(b, NULL, 1, tokens, 2);                                        /* [B, 1 + h w, hidden] */
    qn_build_unused(b, qn_dinov2_name(b, d, n->mask_token));
    return qn_build_binary(b, QN_OP_Add, qn_dinov2_name(b, d, "embeddings"), x, positions_for(b, d, pixels));
}

/* ---- layers --------------------------------------------------------------------------------------------------- */

/* Attention over x [B, N, hidden], of which `layer` names the projections. */
static qn_value *attend_to_all(qn_builder *b, const qn_dinov2 *d, const char *layer, qn_value *x, const void *user) {
    (void)user;
    const qn_dinov2_names *n = d->names;
    const int64_t width = d->hidden / d->heads;
    const char *name = qn_build_name(b, "%s.attention", layer);
    if (n->qkv) { /* one product, [B, N, 3 hidden] */
        x = qn_layer_linear(b, qn_build_name(b, "%s.%s", layer, n->qkv), x, d->hidden, 3 * d->hidden, d->qkv_bias);
        x = qn_layer_attention_packed(b, name, x, d->heads, width);
    } else {
        qn_value *q = qn_layer_linear(b, qn_build_name(b, "%s.%s", layer, n->query), x, d->hidden, d->hidden, d->qkv_bias);
        qn_value *k = qn_layer_linear(b, qn_build_name(b, "%s.%s", layer, n->key), x, d->hidden, d->hidden, d->qkv_bias);
        qn_value *v = qn_layer_linear(b, qn_build_name(b, "%s.%s", layer, n->value), x, d->hidden, d->hidden, d->qkv_bias);
        x = qn_layer_attention(b, name, q, k, v, d->heads, width);
    }
    return qn_layer_linear(b, qn_build_name(b, "%s.%s", layer, n->projection), x, d->hidden, d->hidden, true);
}

static qn_value *mlp(qn_builder *b, const qn_dinov2 *d, const char *layer, qn_value *x) {
    x = qn_layer_linear(b, qn_build_name(b, "%s.%s", layer, d->names->fc1), x, d->hidden, d->mlp, true);
    x = qn_build_unary(b, QN_OP_Gelu, qn_build_name(b, "%s.mlp.activation", layer), x);
    return qn_layer_linear(b, qn_build_name(b, "%s.%s", layer, d->names->fc2), x, d->mlp, d->hidden, true);
}

static qn_value *scale(qn_builder *b, const qn_dinov2 *d, const char *layer, const char *part, qn_value *x) {
    const char *name = qn_build_name(b, "%s.%s", layer, part);
    return qn_build_binary(b, QN_OP_Mul, qn_build_name(b, "%s.scaled", name), x, qn_build_weight(b, name, QN_DIMS(d->hidden)));
}

qn_value *qn_dinov2_layer(qn_builder *b, const qn_dinov2 *d, int64_t index, qn_value *x) {
    return qn_dinov2_layer_with(b, d, index, x, attend_to_all, NULL);
}

qn_value *qn_dinov2_layer_with(qn_builder *b, const qn_dinov2 *d, int64_t index, qn_value *x, qn_dinov2_attend attend,
                               const void *user) {
    const qn_dinov2_names *n = d->names;
    char part[64];
    snprintf(part, sizeof part, n->layer, (int)index);
    const char *layer = qn_dinov2_name(b, d, part);
    qn_value *y = qn_layer_norm(b, qn_build_name(b, "%s.%s", layer, n->norm1), x, d->hidden, d->epsilon);
    y = scale(b, d, layer, n->scale1, attend(b, d, layer, y, user));
    x = qn_build_binary(b, QN_OP_Add, NULL, y, x);
    y = qn_layer_norm(b, qn_build_name(b, "%s.%s", layer, n->norm2), x, d->hidden, d->epsilon);
    y = scale(b, d, layer, n->scale2, mlp(b, d, layer, y));
    return qn_build_binary(b, QN_OP_Add, layer, y, x);
}

qn_value *qn_dinov2_norm(qn_builder *b, const qn_dinov2 *d, qn_value *x) {
    return qn_layer_norm(b, qn_dinov2_name(b, d, d->names->norm), x, d->hidden, d->epsilon);
}

qn_value *qn_dinov2_run(qn_builder *b, const qn_dinov2 *d, qn_value *pixels, const int64_t *taps, int32_t n_taps,
                        qn_value **states) {
    qn_value *x = qn_dinov2_embed(b, d, pixels);
    for (int64_t i = 0, next = 0; i < d->layers; i++) {
        x = qn_dinov2_layer(b, d, i, x);
        if (next < n_taps && taps[next] == i + 1)
            states[next++] = x;
    }
    return x;
}
