/* Depth Anything 3: image [batch, views, 3, height, width] to depth, rays and cameras of each view; height and width are
 * multiples of 14. Lin et al., Depth Anything 3, 2025.
 *
 *   image ─► encoder (_backbone.c), in which the views of a scene see each other, seen from one (_views.c)
 *         ─► two towers over four of its states (_head.c)        ─► depth, depth_conf, ray, ray_conf
 *         ─► the first token of each view (_camera.c)            ─► pose_enc, extrinsics, intrinsics
 *
 * The monocular model has the plain encoder, one tower, and depth and sky. Read are the names and the config.json of the
 * release. Cameras are not given but found, so the camera encoder of the checkpoint is not read.
 */
#include "arch/depth_anything_3.h"

#include <math.h>
#include <string.h>

#include "arch/arch.h"

enum { BASE = 100 /* of frequencies */, PATCH = 14, MAX_WIDTH = 1 << 13, MAX_LAYERS = 256, MAX_IMAGE = 1 << 13 };

/* ---- sizes ---------------------------------------------------------------------------------------------- */

static const struct published {
    const char *name;
    int64_t hidden, heads, layers;
} g_published[] = {{"vits", 384, 6, 12}, {"vitb", 768, 12, 12}, {"vitl", 1024, 16, 24}};

/* Sizes of the encoder: of its name, unless they are spelled out. */
static qn_status read_sizes(const qn_json *net, qn_dinov2 *d) {
    const char *name = "";
    int64_t image = 518;
    qn_json_need need = QN_JSON_MUST;
    *d = (qn_dinov2){.names = &qn_dinov2_original, .prefix = "model.backbone.pretrained.", .channels = 3, .patch = PATCH,
                     .epsilon = 1e-6, .offset = 0.1, .qkv_bias = true};
    QN_TRY(qn_json_string(net, "name", QN_JSON_MAY, &name));
    for (size_t i = 0; i < sizeof g_published / sizeof g_published[0]; i++)
        if (strcmp(name, g_published[i].name) == 0) {
            d->hidden = g_published[i].hidden, d->heads = g_published[i].heads, d->layers = g_published[i].layers;
            need = QN_JSON_MAY;
        }
    if (need == QN_JSON_MUST && !qn_json_has(net, "embed_dim"))
        return qn_fail(net->ctx, QN_UNSUPPORTED, "%s: %sname '%.60s'; vits, vitb and vitl are built, and others whose embed_dim, "
                       "num_heads and depth are there", net->file, net->where, name);
    QN_TRY(qn_json_int(net, "embed_dim", need, 1, MAX_WIDTH, &d->hidden));
    QN_TRY(qn_json_int(net, "num_heads", need, 1, MAX_WIDTH, &d->heads));
    QN_TRY(qn_json_int(net, "depth", need, 1, MAX_LAYERS, &d->layers));
    QN_TRY(qn_json_int(net, "img_size", QN_JSON_MAY, PATCH, MAX_IMAGE, &image));
    if (d->hidden % d->heads)
        return qn_json_fail(net, "embed_dim", "is %lld, no multiple of num_heads %lld", (long long)d->hidden,
                            (long long)d->heads);
    d->mlp = 4 * d->hidden;
    d->side = image / PATCH;
    return QN_OK;
}

/* Where queries and keys are normed and turned, and where views see each other, is one layer. */
static qn_status read_start(const qn_json *net, qn_da3 *m) {
    static const char *const keys[] = {"qknorm_start", "rope_start"};
    const int64_t layers = m->encoder.layers;
    bool both = false;
    QN_TRY(qn_json_int(net, "alt_start", QN_JSON_MUST, -1, layers - 1, &m->start));
    for (int i = 0; i < 2; i++) {
        int64_t start = m->start;
        QN_TRY(qn_json_int(net, keys[i], QN_JSON_MAY, -1, layers, &start));
        if (start != m->start)
            return qn_fail(net->ctx, QN_UNSUPPORTED, "%s: %s%s is %lld; only alt_start, %lld, is built", net->file, net->where,
                           keys[i], (long long)start, (long long)m->start);
    }
    both = m->start >= 0;
    QN_TRY(qn_json_bool(net, "cat_token", QN_JSON_MAY, &both));
    if (both != (m->start >= 0))
        return qn_fail(net->ctx, QN_UNSUPPORTED, "%s: %scat_token is %s with alt_start %lld", net->file, net->where,
                       both ? "true" : "false", (long long)m->start);
    if (m->start >= 0 && m->encoder.hidden / m->encoder.heads % 4)
        return qn_json_fail(net, "num_heads", "is %lld: heads of %lld elements are not turned in quarters",
                            (long long)m->encoder.heads, (long long)(m->encoder.hidden / m->encoder.heads));
    return QN_OK;
}

static qn_status read_encoder(const qn_json *net, qn_da3 *m) {
    QN_TRY(read_sizes(net, &m->encoder));
    QN_TRY(read_start(net, m));
    QN_TRY(qn_json_ints(net, "out_layers", QN_JSON_MUST, 0, m->encoder.layers - 1, QN_DPT_LEVELS, m->taps));
    for (int i = 1; i < QN_DPT_LEVELS; i++)
        if (m->taps[i] <= m->taps[i - 1])
            return qn_json_fail(net, "out_layers", "do not ascend");
    return QN_OK;
}

static qn_status check_head(const qn_json *head, const qn_da3 *m) {
    const bool dual = m->start >= 0;
    const int64_t step = dual ? 8 : 2;
    if (m->dpt.fusion % step)
        return qn_json_fail(head, "features", "is %lld, no multiple of %lld", (long long)m->dpt.fusion, (long long)step);
    for (int i = 0; i < QN_DPT_LEVELS && dual; i++)
        if (m->dpt.channels[i] % 4)
            return qn_json_fail(head, "out_channels", "holds %lld, no multiple of 4", (long long)m->dpt.channels[i]);
    return QN_OK;
}

static qn_status read_head(const qn_json *head, qn_da3 *m) {
    const bool dual = m->start >= 0;
    const int64_t in = dual ? 2 * m->encoder.hidden : m->encoder.hidden;
    int64_t outputs = dual ? 2 : 1;
    m->dpt = (qn_dpt){.names = &qn_dpt_original, .prefix = "model.head.", .hidden = in, .factors = {4, 2, 1, 0.5}};
    QN_TRY(qn_json_int(head, "dim_in", QN_JSON_MAY, in, in, &m->dpt.hidden));
    QN_TRY(qn_json_int(head, "output_dim", QN_JSON_MAY, outputs, outputs, &outputs));
    QN_TRY(qn_json_int(head, "features", QN_JSON_MUST, 2, MAX_WIDTH, &m->dpt.fusion));
    QN_TRY(qn_json_ints(head, "out_channels", QN_JSON_MUST, 1, MAX_WIDTH, QN_DPT_LEVELS, m->dpt.channels));
    return check_head(head, m);
}

/* The class that an object of the configuration is of, or "". */
static const char *class_of(const json_t *object) {
    const char *name = json_string_value(json_object_get(json_object_get(object, "__object__"), "name"));
    return name ? name : "";
}

static qn_status read_config(const qn_json *file, qn_da3 *m) {
    qn_json config, net, head;
    QN_TRY(qn_json_object(file, "config", QN_JSON_MUST, &config));
    if (class_of(config.value)[0] && strcmp(class_of(config.value), "DepthAnything3Net") != 0)
        return qn_fail(file->ctx, QN_UNSUPPORTED, "%s: config is of %.60s; only DepthAnything3Net is built", file->file,
                       class_of(config.value));
    QN_TRY(qn_json_object(&config, "net", QN_JSON_MUST, &net));
    QN_TRY(qn_json_object(&config, "head", QN_JSON_MUST, &head));
    QN_TRY(read_encoder(&net, m));
    const char *wanted = m->start >= 0 ? "DualDPT" : "DPT", *is = class_of(head.value);
    if (is[0] && strcmp(is, wanted) != 0)
        return qn_fail(file->ctx, QN_UNSUPPORTED, "%s: config.head is of %.60s; with alt_start %lld only %s is built", file->file,
                       is, (long long)m->start, wanted);
    return read_head(&head, m);
}

/* ---- the graph ---------------------------------------------------------------------------------------------- */

qn_value *qn_da3_frequencies(qn_builder *b, int64_t n) {
    float *v = qn_arena_array(b->graph->arena, (size_t)n, sizeof *v);
    if (!v) {
        qn_build_try(b, qn_fail_memory(b->ctx, sizeof *v * (size_t)n, "frequencies"));
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(1 / pow(BASE, (double)i / (double)n));
    return qn_build_floats(b, v, n);
}

static qn_da3_scene make_scene(qn_builder *b) {
    const qn_dim dims[] = {qn_build_symbol(b, "batch", 1, INT64_MAX, 1), qn_build_symbol(b, "views", 1, INT64_MAX, 1), 3,
                           qn_build_symbol(b, "height", PATCH, INT64_MAX, PATCH),
                           qn_build_symbol(b, "width", PATCH, INT64_MAX, PATCH)};
    qn_da3_scene s = {.image = qn_build_input(b, "image", dims, 5)};
    s.batch = qn_layer_dims(b, s.image, 0, 1);
    s.views = qn_layer_dims(b, s.image, 1, 2);
    s.all = qn_build_binary(b, QN_OP_Mul, NULL, s.batch, s.views);
    s.size = qn_layer_dims(b, s.image, 3, 5);
    s.grid = qn_build_by_ints(b, QN_OP_Div, NULL, s.size, QN_DIMS(PATCH));
    qn_value *flat[] = {s.all, qn_build_ints(b, QN_DIMS(3)), s.size};
    s.pixels = qn_layer_reshape_parts(b, NULL, s.image, flat, 3);
    return s;
}

static void build(qn_builder *b, const qn_da3 *m) {
    /* heads of the tower of rays that are of no output, and what turns given cameras into tokens */
    static const char *const unused[] = {
        "model.cam_enc.*", "model.head.scratch.output_conv?_aux.0.*", "model.head.scratch.output_conv?_aux.1.*",
        "model.head.scratch.output_conv?_aux.2.*", "model.head.scratch.refinenet4*.resConfUnit1.*"};
    const qn_da3_scene scene = make_scene(b);
    qn_value *features[QN_DPT_LEVELS], *camera;
    qn_da3_encode(b, m, &scene, features, &camera);
    qn_da3_decode(b, m, &scene, features);
    if (camera)
        qn_da3_cameras(b, m, &scene, camera);
    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++)
        qn_build_unused(b, unused[i]);
    qn_build_photo(b, &(qn_preprocess){.size = QN_SIZE_LONGEST, .height = 504, .width = 504, .multiple = (int32_t)m->encoder.patch,
                                       .interpolation = QN_INTERPOLATE_AREA, .rescale = 1.0 / 255,
                                       .mean = QN_IMAGENET_MEAN, .std = QN_IMAGENET_STD});
}

bool qn_arch_depth_anything_3_takes(const qn_checkpoint *source) {
    const char *name = json_string_value(json_object_get(source->config.value, "model_name"));
    return strcmp(class_of(json_object_get(source->config.value, "config")), "DepthAnything3Net") == 0 ||
           (name && strncmp(name, "da3", 3) == 0);
}

void qn_arch_depth_anything_3_build(qn_builder *b) {
    qn_da3 m = {0};
    qn_build_try(b, read_config(&b->source->config, &m));
    if (b->status == QN_OK)
        build(b, &m);
}
