#include <string.h>

#include "arch/depth_pro.h"

enum { MAX_WIDTH = 1 << 16, MAX_SIZE = 1 << 16, MAX_PATCHES = 10000 };

/* What the modules here do not do. */
static qn_status refuse_others(const qn_json *config) {
    bool batch_norm = false;
    QN_TRY(qn_json_bool(config, "use_batch_norm_in_fusion_residual", QN_JSON_MAY, &batch_norm));
    if (batch_norm)
        return qn_fail(config->ctx, QN_UNSUPPORTED, "%s: use_batch_norm_in_fusion_residual is not built", config->file);
    if (qn_json_has(config, "hidden_size") && !qn_json_has(config, "patch_model_config"))
        return qn_fail(config->ctx, QN_UNSUPPORTED, "%s: hidden_size without patch_model_config is of a configuration from before "
                       "the release; only encoders with a configuration of their own are built", config->file);
    return QN_OK;
}

/* ---- encoders ------------------------------------------------------------------------------------------------ */

/* An encoder that sees `window` pixels a side, whatever image_size its own configuration has. Absent: Dinov2Config's
 * defaults. */
static qn_status read_encoder(const qn_json *config, const char *key, int64_t window, qn_dinov2 *out) {
    const char *type = "dinov2";
    qn_json own;
    QN_TRY(qn_json_object(config, key, QN_JSON_MAY, &own));
    QN_TRY(qn_json_string(&own, "model_type", QN_JSON_MAY, &type));
    if (strcmp(type, "dinov2") != 0)
        return qn_fail(config->ctx, QN_UNSUPPORTED, "%s: %s.model_type '%.60s'; only dinov2 is built", config->file, key, type);
    QN_TRY(qn_dinov2_config(&own, out));
    if (window % out->patch)
        return qn_json_fail(config, "patch_size", "is %lld, no multiple of the %lld of %s", (long long)window,
                            (long long)out->patch, key);
    out->side = window / out->patch;
    out->names = &qn_dinov2_hugging_face;
    out->fixed_size = true;
    return QN_OK;
}

static qn_status read_encoders(const qn_json *config, qn_depth_pro *m) {
    QN_TRY(read_encoder(config, "patch_model_config", m->window, &m->patch));
    QN_TRY(read_encoder(config, "image_model_config", m->window, &m->image));
    QN_TRY(read_encoder(config, "fov_model_config", m->window, &m->fov));
    m->patch.prefix = "depth_pro.encoder.patch_encoder.model.";
    m->image.prefix = "depth_pro.encoder.image_encoder.model.";
    m->fov.prefix = "fov_model.fov_encoder.model.";
    if (m->image.channels != m->patch.channels || m->fov.channels != m->patch.channels)
        return qn_json_fail(config, "patch_model_config", "has num_channels %lld, the other encoders %lld and %lld",
                            (long long)m->patch.channels, (long long)m->image.channels, (long long)m->fov.channels);
    return QN_OK;
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

/* Entries of the list under `key`, 1..max; *n stays when it is absent. */
static qn_status count(const qn_json *config, const char *key, int32_t max, int32_t *n) {
    const json_t *list = json_object_get(config->value, key);
    if (!qn_json_has(config, key))
        return QN_OK;
    if (!json_is_array(list))
        return qn_json_fail(config, key, "is no list");
    const size_t size = json_array_size(list);
    if (size < 1 || size > (size_t)max)
        return qn_json_fail(config, key, "has %zu entries, not 1..%d", size, (int)max);
    *n = (int32_t)size;
    return QN_OK;
}

/* A list of n numbers has a default of as many numbers, or must be there. */
static qn_json_need need_for(int32_t n, int32_t n_default) { return n == n_default ? QN_JSON_MAY : QN_JSON_MUST; }

static qn_status read_hooks(const qn_json *config, qn_depth_pro *m) {
    int64_t layers[QN_DEPTH_PRO_HOOKS] = {11, 5}, channels[QN_DEPTH_PRO_HOOKS] = {256, 256};
    m->n_hooks = 2;
    QN_TRY(count(config, "intermediate_hook_ids", QN_DEPTH_PRO_HOOKS, &m->n_hooks));
    QN_TRY(qn_json_ints(config, "intermediate_hook_ids", QN_JSON_MAY, 0, m->patch.layers - 1, m->n_hooks, layers));
    QN_TRY(qn_json_ints(config, "intermediate_feature_dims", need_for(m->n_hooks, 2), 1, MAX_WIDTH, m->n_hooks, channels));
    for (int32_t i = 0; i < m->n_hooks; i++) {
        if (layers[i] >= m->patch.layers)
            return qn_json_fail(config, "intermediate_hook_ids", "is missing, and its default %lld is no layer of %lld",
                                (long long)layers[i], (long long)m->patch.layers);
        m->hooks[i] = (qn_depth_pro_hook){.layer = layers[i], .channels = channels[i]};
    }
    return QN_OK;
}

/* The level of `ratio` and `overlap`. */
static qn_status set_level(const qn_json *config, const qn_depth_pro *m, double ratio, double overlap, int64_t padding,
                           qn_depth_pro_level *out) {
    const double size = (double)m->size * ratio;
    out->size = (int64_t)size;
    if ((double)out->size != size)
        return qn_json_fail(config, "scaled_images_ratios", "holds %g, which makes %g pixels of %lld", ratio, size,
                            (long long)m->size);
    out->step = (int64_t)((double)m->window * (1 - overlap));
    if (out->step < 1)
        return qn_json_fail(config, "scaled_images_overlap_ratios", "holds %g, which moves patches of %lld by nothing", overlap,
                            (long long)m->window);
    out->patches = (out->size - m->window) / out->step + 1;
    /* at most a quarter on each side, and never of fewer than four patches */
    out->crop = (int64_t)((double)padding * (1 / ratio));
    if (out->crop > m->patch.side / 4)
        out->crop = m->patch.side / 4;
    if (out->patches < 2)
        out->crop = 0;
    return QN_OK;
}

static qn_status set_size(const qn_json *config, qn_depth_pro *m, double ratio) {
    const double size = (double)m->window / ratio;
    m->size = size <= MAX_SIZE ? (int64_t)size : 0;
    if ((double)m->size != size)
        return qn_json_fail(config, "scaled_images_ratios", "begins with %g: images of %g pixels a side, no whole number up to %d",
                            ratio, size, MAX_SIZE);
    return QN_OK;
}

static qn_status read_levels(const qn_json *config, qn_depth_pro *m) {
    double ratios[QN_DEPTH_PRO_LEVELS] = {0.25, 0.5, 1}, overlaps[QN_DEPTH_PRO_LEVELS] = {0, 0.5, 0.25};
    int64_t channels[QN_DEPTH_PRO_LEVELS] = {1024, 1024, 512}, padding = 3, total = 0;
    m->n_levels = 3;
    QN_TRY(count(config, "scaled_images_ratios", QN_DEPTH_PRO_LEVELS, &m->n_levels));
    const qn_json_need need = need_for(m->n_levels, 3);
    QN_TRY(qn_json_numbers(config, "scaled_images_ratios", QN_JSON_MAY, 1.0 / 256, 1, m->n_levels, ratios));
    QN_TRY(qn_json_numbers(config, "scaled_images_overlap_ratios", need, 0, 1, m->n_levels, overlaps));
    QN_TRY(qn_json_ints(config, "scaled_images_feature_dims", need, 1, MAX_WIDTH, m->n_levels, channels));
    QN_TRY(qn_json_int(config, "merge_padding_value", QN_JSON_MAY, 0, MAX_SIZE, &padding));
    QN_TRY(set_size(config, m, ratios[0]));
    for (int32_t i = 0; i < m->n_levels; i++) {
        qn_depth_pro_level *level = &m->levels[i];
        if (i && ratios[i] < ratios[i - 1])
            return qn_json_fail(config, "scaled_images_ratios", "are not in ascending order");
        QN_TRY(set_level(config, m, ratios[i], overlaps[i], padding, level));
        level->channels = channels[i];
        total += level->patches * level->patches; /* a side has at most MAX_SIZE */
        if (total > MAX_PATCHES)
            return qn_json_fail(config, "scaled_images_overlap_ratios", "make more than %d patches", MAX_PATCHES);
    }
    return QN_OK;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

/* The coarsest map's side: the image's, halved as long as it is at least the image encoder's. Each feature that is fused
 * has twice the side of the one before it, and the head doubles once more. */
static qn_status set_base(const qn_json *config, qn_depth_pro *m) {
    int halvings = 0;
    while (m->image.side << (halvings + 1) <= m->size)
        halvings++;
    m->base = m->size >> halvings;
    if (m->base << (m->n_levels + m->n_hooks + 1) > MAX_SIZE)
        return qn_json_fail(config, "intermediate_hook_ids", "and scaled_images_ratios make a map of %lld pixels a side, more "
                            "than %d", (long long)(m->base << (m->n_levels + m->n_hooks + 1)), MAX_SIZE);
    return QN_OK;
}

static qn_status read_fusion(const qn_json *config, qn_depth_pro *m) {
    m->fusion = 256;
    m->residual_bias = true;
    m->use_fov = false;
    m->n_fov_layers = 2;
    QN_TRY(qn_json_int(config, "fusion_hidden_size", QN_JSON_MAY, 2, MAX_WIDTH, &m->fusion));
    if (m->fusion % 2)
        return qn_json_fail(config, "fusion_hidden_size", "is %lld, an odd number", (long long)m->fusion);
    QN_TRY(qn_json_bool(config, "use_bias_in_fusion_residual", QN_JSON_MAY, &m->residual_bias));
    QN_TRY(qn_json_bool(config, "use_fov_model", QN_JSON_MAY, &m->use_fov));
    QN_TRY(qn_json_int(config, "num_fov_head_layers", QN_JSON_MAY, 0, 16, &m->n_fov_layers));
    if (m->fusion >> m->n_fov_layers == 0)
        return qn_json_fail(config, "num_fov_head_layers", "is %lld: that many cannot halve the %lld channels of "
                            "fusion_hidden_size", (long long)m->n_fov_layers, (long long)m->fusion);
    return QN_OK;
}

qn_status qn_depth_pro_config(const qn_json *config, qn_depth_pro *out) {
    /* defaults, here and above, of DepthProConfig */
    *out = (qn_depth_pro){.window = 384};
    QN_TRY(refuse_others(config));
    QN_TRY(qn_json_int(config, "patch_size", QN_JSON_MAY, 1, 1 << 13, &out->window));
    QN_TRY(read_encoders(config, out));
    QN_TRY(read_hooks(config, out));
    QN_TRY(read_levels(config, out));
    QN_TRY(read_fusion(config, out));
    return set_base(config, out);
}
