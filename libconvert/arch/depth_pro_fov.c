#include "arch/depth_pro.h"

/* ceil(n / 2^k) */
static int64_t halved(int64_t n, int64_t k) { return (n + (INT64_C(1) << k) - 1) >> k; }

/* Convolutions of stride 2 with relu, then one that covers what is left of the image encoder's grid:
 * [B, fusion / 2, side, side] to [B, 1, 1, 1]. */
static qn_value *make_head(qn_builder *b, const qn_depth_pro *m, qn_value *x) {
    const int64_t n = m->n_fov_layers, kernel = ((m->image.side - 1) >> n) + 1;
    x = qn_depth_pro_resize(b, x, m->image.side);
    for (int64_t i = 0; i < n; i++) {
        const qn_conv_shape half = {halved(m->fusion, i + 1), halved(m->fusion, i + 2), 3, 2, 1, true};
        x = qn_layer_conv(b, qn_build_name(b, "fov_model.head.layers.%d", (int)(2 * i)), x, half);
        x = qn_build_unary(b, QN_OP_Relu, qn_build_name(b, "fov_model.head.layers.%d", (int)(2 * i + 1)), x);
    }
    return qn_layer_conv(b, qn_build_name(b, "fov_model.head.layers.%d", (int)(2 * n)), x,
                         (qn_conv_shape){halved(m->fusion, n + 1), 1, kernel, 1, 0, true});
}

qn_value *qn_depth_pro_fov(qn_builder *b, const qn_depth_pro *m, qn_value *small, qn_value *lowest) {
    const int64_t half = m->fusion / 2;
    qn_value *x = qn_dinov2_norm(b, &m->fov, qn_dinov2_run(b, &m->fov, small, NULL, 0, NULL));
    x = qn_layer_linear(b, "fov_model.fov_encoder.neck", x, m->fov.hidden, half, true);
    x = qn_depth_pro_resize(b, qn_depth_pro_map(b, x, m->fov.side, half), m->base);    /* [B, half, base, base] */
    qn_value *y = qn_layer_conv(b, "fov_model.conv", lowest, (qn_conv_shape){m->fusion, half, 3, 2, 1, true});
    x = qn_build_binary(b, QN_OP_Add, NULL, x, qn_build_unary(b, QN_OP_Relu, NULL, y));
    return qn_layer_reshape(b, "field_of_view", make_head(b, m, x), QN_DIMS(-1));
}
