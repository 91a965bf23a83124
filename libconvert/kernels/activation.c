#include "kernels/activation.h"

#include "kernels/scalar.h"

#include <string.h>

static const char *const g_names[QN_ACT_COUNT] = {
    [QN_ACT_NONE] = "NONE",       [QN_ACT_RELU] = "RELU",
    [QN_ACT_CLIP] = "CLIP",       [QN_ACT_GELU] = "GELU",
    [QN_ACT_GELU_TANH] = "GELU_TANH", [QN_ACT_SILU] = "SILU",
    [QN_ACT_SIGMOID] = "SIGMOID", [QN_ACT_TANH] = "TANH",
    [QN_ACT_HARDSIGMOID] = "HARDSIGMOID", [QN_ACT_HARDSWISH] = "HARDSWISH",
};

bool qn_activation_of(const qn_node *node, qn_activation *out) {
    *out = (qn_activation){
        .kind = QN_ACT_NONE,
        .min = qn_node_float(node, "activation_min", -INFINITY),
        .max = qn_node_float(node, "activation_max", INFINITY),
        .alpha = qn_node_float(node, "activation_alpha", 0.2f),
        .beta = qn_node_float(node, "activation_beta", 0.5f),
    };
    const char *name = qn_node_string(node, "activation", g_names[QN_ACT_NONE]);
    for (int k = 0; k < QN_ACT_COUNT; k++)
        if (strcmp(name, g_names[k]) == 0) {
            out->kind = (qn_activation_kind)k;
            return true;
        }
    return false;
}

qn_status qn_activation_read(const qn_kernel_args *args, qn_activation *out) {
    if (qn_activation_of(args->node, out))
        return QN_OK;
    return qn_kernel_fail(args, QN_UNSUPPORTED, "activation '%s'", qn_node_string(args->node, "activation", ""));
}

/* One loop a kind; the cheap ones stay in T, so that they are plain vector loops. */
#define ACTIVATION_LOOPS(NAME, T)                                                                     \
    void NAME(const qn_activation *act, T *y, int64_t n) {                                             \
        const T lo = (T)act->min, hi = (T)act->max;                                                   \
        const double alpha = (double)act->alpha, beta = (double)act->beta;                            \
        switch (act->kind) {                                                                          \
        case QN_ACT_RELU: EACH(y[i] < 0 ? 0 : y[i]);                                                  \
        case QN_ACT_CLIP:                                                                             \
            for (int64_t i = 0; i < n; i++) {                                                         \
                T v = y[i] < lo ? lo : y[i];                                                          \
                y[i] = v > hi ? hi : v;                                                               \
            }                                                                                         \
            return;                                                                                   \
        case QN_ACT_GELU: EACH((T)qn_gelu((double)y[i]));                                             \
        case QN_ACT_GELU_TANH: EACH((T)qn_gelu_tanh((double)y[i]));                                   \
        case QN_ACT_SILU: EACH((T)qn_swish((double)y[i], 1));                                         \
        case QN_ACT_SIGMOID: EACH((T)qn_sigmoid((double)y[i]));                                       \
        case QN_ACT_TANH: EACH((T)tanh((double)y[i]));                                                \
        case QN_ACT_HARDSIGMOID: EACH((T)qn_hard_sigmoid((double)y[i], alpha, beta));                 \
        case QN_ACT_HARDSWISH: EACH((T)qn_hard_swish((double)y[i]));                                  \
        case QN_ACT_NONE:                                                                             \
        case QN_ACT_COUNT: return;                                                                    \
        }                                                                                             \
    }
#define EACH(EXPR)                          \
    for (int64_t i = 0; i < n; i++)         \
        y[i] = EXPR;                        \
    return

ACTIVATION_LOOPS(qn_activation_f32, float)
ACTIVATION_LOOPS(qn_activation_f64, double)
