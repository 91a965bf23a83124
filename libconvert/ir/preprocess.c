#include "ir/preprocess.h"

#include <math.h>
#include <string.h>

static const char *const g_size_rules[QN_N_SIZE_RULES] = {
    [QN_SIZE_KEEP] = "keep",       [QN_SIZE_EXACT] = "exact",       [QN_SIZE_ASPECT] = "aspect",
    [QN_SIZE_LONGEST] = "longest", [QN_SIZE_SHORTEST] = "shortest",
};
static const char *const g_interpolations[QN_N_INTERPOLATIONS] = {
    [QN_INTERPOLATE_NEAREST] = "nearest",
    [QN_INTERPOLATE_BILINEAR] = "bilinear",
    [QN_INTERPOLATE_BICUBIC] = "bicubic",
    [QN_INTERPOLATE_AREA] = "area",
};

const char *qn_size_rule_name(qn_size_rule rule) {
    return (unsigned)rule < QN_N_SIZE_RULES ? g_size_rules[rule] : NULL;
}

const char *qn_interpolation_name(qn_interpolation interpolation) {
    return (unsigned)interpolation < QN_N_INTERPOLATIONS ? g_interpolations[interpolation] : NULL;
}

static bool is_side(int32_t n) { return n >= 1 && n <= QN_MAX_SIDE; }

static qn_status check_size(qn_context *ctx, const qn_preprocess *p) {
    const char *rule = qn_size_rule_name(p->size);
    const bool keep = p->size == QN_SIZE_KEEP, one = p->size == QN_SIZE_LONGEST || p->size == QN_SIZE_SHORTEST;
    if (!rule)
        return qn_fail(ctx, QN_UNSUPPORTED, "preprocessing: size rule %d is not known", (int)p->size);
    if (keep ? p->height || p->width : !is_side(p->height) || !is_side(p->width))
        return qn_fail(ctx, QN_MALFORMED, "preprocessing: size '%s' of %d x %d: a side is 1 to %d, and 0 for 'keep'", rule,
                       (int)p->height, (int)p->width, QN_MAX_SIDE);
    if (one && p->height != p->width)
        return qn_fail(ctx, QN_MALFORMED, "preprocessing: size '%s' has two numbers, %d and %d", rule, (int)p->height,
                       (int)p->width);
    if (!is_side(p->multiple) || ((keep || p->size == QN_SIZE_SHORTEST) && p->multiple != 1))
        return qn_fail(ctx, QN_MALFORMED, "preprocessing: size '%s' to a multiple of %d", rule, (int)p->multiple);
    return QN_OK;
}

qn_status qn_preprocess_check(qn_context *ctx, const qn_preprocess *p) {
    QN_TRY(check_size(ctx, p));
    if (!qn_interpolation_name(p->interpolation))
        return qn_fail(ctx, QN_UNSUPPORTED, "preprocessing: interpolation %d is not known", (int)p->interpolation);
    if (p->antialias && p->interpolation != QN_INTERPOLATE_BILINEAR && p->interpolation != QN_INTERPOLATE_BICUBIC)
        return qn_fail(ctx, QN_MALFORMED, "preprocessing: interpolation '%s' with antialias",
                       qn_interpolation_name(p->interpolation));
    if (p->size == QN_SIZE_LONGEST && p->resize_last)
        return qn_fail(ctx, QN_MALFORMED, "preprocessing: size 'longest' resizes before normalising");
    if (!isfinite(p->rescale) || !isfinite((float)(1.0 / p->rescale)))
        return qn_fail(ctx, QN_MALFORMED, "preprocessing: rescale factor %g", p->rescale);
    for (int i = 0; i < 3; i++)
        if (!isfinite((float)p->mean[i]) || !isfinite((float)p->std[i]) || (float)p->std[i] == 0)
            return qn_fail(ctx, QN_MALFORMED, "preprocessing: channel %d has mean %g and std %g", i, p->mean[i], p->std[i]);
    return QN_OK;
}

bool qn_preprocess_fits(const qn_type *type) {
    if ((type->dtype != QN_F32 && type->dtype != QN_NONE) || (type->rank >= 0 && type->rank != 4 && type->rank != 5))
        return false;
    const qn_dim channels = type->rank < 0 ? QN_DIM_UNKNOWN : type->dims[type->rank - 3];
    return !qn_dim_is_const(channels) || channels == 3;
}

qn_status qn_graph_set_preprocess(qn_context *ctx, qn_graph *graph, const qn_preprocess *p) {
    qn_preprocess *copy;
    const qn_port *port = NULL;
    graph->preprocess = NULL;
    if (!p)
        return QN_OK;
    QN_TRY(qn_preprocess_check(ctx, p));
    for (int32_t i = 0; i < graph->n_inputs && !port; i++)
        if (p->input ? strcmp(graph->inputs[i].name, p->input) == 0 : qn_preprocess_fits(&graph->inputs[i].value->type))
            port = &graph->inputs[i];
    if (!port && !p->input)
        return qn_fail(ctx, QN_MALFORMED, "preprocessing: the model has no input float32 [n,3,h,w] or [n,views,3,h,w]");
    if (!port)
        return qn_fail(ctx, QN_MALFORMED, "preprocessing: the model has no input '%s'", p->input);
    if (!qn_preprocess_fits(&port->value->type))
        return qn_fail(ctx, QN_MALFORMED, "preprocessing: input '%s' is not float32 [n,3,h,w] or [n,views,3,h,w]", port->name);
    QN_NEW(ctx, graph->arena, copy);
    *copy = *p;
    copy->input = port->name;
    graph->preprocess = copy;
    return QN_OK;
}
