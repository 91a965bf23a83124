#include "arch/dpt.h"

#include <math.h>

const qn_dpt_names qn_dpt_hugging_face = {
    .project = {"reassemble_stage.layers.0.projection", "reassemble_stage.layers.1.projection",
                "reassemble_stage.layers.2.projection", "reassemble_stage.layers.3.projection"},
    .resize = {"reassemble_stage.layers.0.resize", "reassemble_stage.layers.1.resize", "reassemble_stage.layers.2.resize",
               "reassemble_stage.layers.3.resize"},
    .conv = {"convs.0", "convs.1", "convs.2", "convs.3"},
    .fuse = {"fusion_stage.layers.0", "fusion_stage.layers.1", "fusion_stage.layers.2", "fusion_stage.layers.3"},
    .lateral = "residual_layer1",
    .body = "residual_layer2",
    .conv1 = "convolution1",
    .conv2 = "convolution2",
    .out = "projection",
};

const qn_dpt_names qn_dpt_original = {
    .project = {"projects.0", "projects.1", "projects.2", "projects.3"},
    .resize = {"resize_layers.0", "resize_layers.1", "resize_layers.2", "resize_layers.3"},
    .conv = {"scratch.layer1_rn", "scratch.layer2_rn", "scratch.layer3_rn", "scratch.layer4_rn"},
    .fuse = {"scratch.refinenet4", "scratch.refinenet3", "scratch.refinenet2", "scratch.refinenet1"},
    .lateral = "resConfUnit1",
    .body = "resConfUnit2",
    .conv1 = "conv1",
    .conv2 = "conv2",
    .out = "out_conv",
};

const char *qn_dpt_name(qn_builder *b, const qn_dpt *d, const char *part) {
    return qn_build_name(b, "%s%s", d->prefix, part);
}

qn_value *qn_dpt_reassemble(qn_builder *b, const qn_dpt *d, int level, qn_value *map,
                            qn_value *(*between)(void *user, qn_value *map), void *user) {
    const int64_t c = d->channels[level];
    const char *resize = qn_dpt_name(b, d, d->names->resize[level]);
    const double factor = d->factors[level];
    map = qn_layer_conv(b, qn_dpt_name(b, d, d->names->project[level]), map, (qn_conv_shape){d->hidden, c, 1, 1, 0, true});
    if (between)
        map = between(user, map);
    if (factor > 1) {
        const int64_t n = (int64_t)factor;
        return qn_layer_conv_transpose(b, resize, map, (qn_conv_shape){c, c, n, n, 0, true});
    }
    if (factor < 1)
        return qn_layer_conv(b, resize, map, (qn_conv_shape){c, c, 3, llround(1 / factor), 1, true});
    return map;
}

qn_value *qn_dpt_conv(qn_builder *b, const qn_dpt *d, int level, qn_value *map) {
    return qn_layer_conv(b, qn_dpt_name(b, d, d->names->conv[level]), map,
                         (qn_conv_shape){d->channels[level], d->fusion, 3, 1, 1, false});
}

qn_value *qn_dpt_residual(qn_builder *b, const qn_dpt_names *names, const char *module, qn_value *x, int64_t channels,
                          bool bias) {
    const qn_conv_shape same = {channels, channels, 3, 1, 1, bias};
    qn_value *y = qn_build_unary(b, QN_OP_Relu, qn_build_name(b, "%s.activation1", module), x);
    y = qn_layer_conv(b, qn_build_name(b, "%s.%s", module, names->conv1), y, same);
    y = qn_build_unary(b, QN_OP_Relu, qn_build_name(b, "%s.activation2", module), y);
    y = qn_layer_conv(b, qn_build_name(b, "%s.%s", module, names->conv2), y, same);
    return qn_build_binary(b, QN_OP_Add, module, y, x);
}

qn_value *qn_dpt_fuse(qn_builder *b, const qn_dpt *d, const char *module, qn_value *x, qn_value *lateral, qn_value *sizes) {
    const qn_dpt_names *n = d->names;
    if (lateral) {
        lateral = qn_dpt_residual(b, n, qn_build_name(b, "%s.%s", module, n->lateral), lateral, d->fusion, true);
        x = qn_build_binary(b, QN_OP_Add, NULL, x, lateral);
    }
    x = qn_dpt_residual(b, n, qn_build_name(b, "%s.%s", module, n->body), x, d->fusion, true);
    x = sizes ? qn_layer_resize(b, NULL, x, sizes, QN_BILINEAR_CORNERS) : qn_layer_rescale(b, NULL, x, 2, QN_BILINEAR_CORNERS);
    return qn_layer_conv(b, qn_build_name(b, "%s.%s", module, n->out), x, (qn_conv_shape){d->fusion, d->fusion, 1, 1, 0, true});
}

qn_value *qn_dpt_fuse_all(qn_builder *b, const qn_dpt *d, const char *suffix, qn_value *const *maps, qn_value **out) {
    qn_value *x = maps[QN_DPT_LEVELS - 1];
    for (int k = 0; k < QN_DPT_LEVELS; k++) {
        const int level = QN_DPT_LEVELS - 1 - k;
        qn_value *sizes = level > 0 ? qn_layer_dims(b, maps[level - 1], 2, 4) : NULL;
        const char *module = qn_build_name(b, "%s%s%s", d->prefix, d->names->fuse[k], suffix);
        x = qn_dpt_fuse(b, d, module, x, k > 0 ? maps[level] : NULL, sizes);
        if (out)
            out[k] = x;
    }
    return x;
}
