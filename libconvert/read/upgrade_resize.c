/* Upsample and the older Resize to the newest Resize.
 *
 * Upsample (7, 9) and Resize (10) have no coordinate modes: an output coordinate is divided by the scale (asymmetric),
 * and nearest rounds down.
 */
#include <string.h>

#include "read/upgrade.h"

qn_status qn_up_resize_10(qn_source_node *n) {
    qn_context *ctx = n->im->ctx;
    qn_value *in[3] = {n->in[0], NULL, qn_up_in(n, 1)};
    qn_node *node = NULL;
    const qn_attr *scales = qn_up_attr(n, "scales");
    if (scales) {
        double *numbers;
        QN_NEW_ARRAY(ctx, n->im->scratch, numbers, scales->n);
        for (int64_t i = 0; i < scales->n; i++)
            numbers[i] = (double)scales->as.floats[i];
        QN_TRY(qn_up_numbers(n, "scales", QN_F32, numbers, scales->n, &in[2]));
    }
    const char *mode = qn_up_string(n, "mode", "nearest");
    if (strcmp(mode, "nearest") != 0 && strcmp(mode, "linear") != 0 && strcmp(mode, "bilinear") != 0)
        return qn_up_fail(n, QN_UNSUPPORTED, "mode '%s'", mode);
    QN_TRY(qn_up_last(n, QN_OP_Resize, in, 3, &node));
    QN_TRY(qn_node_set_string(ctx, node, "mode", *mode == 'n' ? "nearest" : "linear"));
    QN_TRY(qn_node_set_string(ctx, node, "coordinate_transformation_mode", "asymmetric"));
    QN_TRY(qn_node_set_string(ctx, node, "nearest_mode", "floor"));
    return qn_up_infer(n, node);
}

/* tf_half_pixel_for_nn (opset 11, 12) is x = (x_resized + 0.5) / scale, half_pixel the same less 0.5:
 * floor(x) = round_prefer_ceil(x - 0.5), and round_prefer_floor(x) = ceil(x - 0.5). */
static qn_status half_pixel_for_nn(qn_source_node *n, qn_node *node) {
    const char *nearest = qn_up_string(n, "nearest_mode", "round_prefer_floor");
    const char *instead = strcmp(nearest, "floor") == 0                ? "round_prefer_ceil"
                          : strcmp(nearest, "round_prefer_floor") == 0 ? "ceil"
                                                                       : NULL;
    if (!instead)
        return qn_up_fail(n, QN_UNSUPPORTED, "tf_half_pixel_for_nn with nearest_mode '%s'", nearest);
    QN_TRY(qn_node_set_string(n->im->ctx, node, "coordinate_transformation_mode", "half_pixel"));
    return qn_node_set_string(n->im->ctx, node, "nearest_mode", instead);
}

/* roi, scales and sizes may be there as constants without elements: then they are absent. */
qn_status qn_up_resize(qn_source_node *n) {
    qn_value *in[4] = {n->in[0], NULL, NULL, NULL};
    qn_node *node = NULL;
    int32_t n_in = 1;
    const char *coordinates = qn_up_string(n, "coordinate_transformation_mode", "half_pixel");
    bool crops = strcmp(coordinates, "tf_crop_and_resize") == 0;
    for (int32_t i = 1; i < 4; i++) {
        in[i] = qn_up_is_empty(n, i) || (i == 1 && !crops) ? NULL : qn_up_in(n, i);
        n_in = in[i] ? i + 1 : n_in;
    }
    if (!in[2] == !in[3])
        return qn_up_fail(n, QN_MALFORMED, "%s", in[2] ? "scales and sizes" : "neither scales nor sizes");
    QN_TRY(qn_up_last(n, QN_OP_Resize, in, n_in, &node));
    QN_TRY(qn_up_copy_attrs(n, node));
    if (strcmp(coordinates, "tf_half_pixel_for_nn") == 0)
        QN_TRY(half_pixel_for_nn(n, node));
    return qn_up_infer(n, node);
}
