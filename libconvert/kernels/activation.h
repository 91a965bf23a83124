/* The fused activation of a node: attributes activation, activation_min, activation_max, activation_alpha,
 * activation_beta (schemas/ops.def). */
#ifndef QN_KERNELS_ACTIVATION_H
#define QN_KERNELS_ACTIVATION_H

#include "kernels/kernel.h"

typedef enum qn_activation_kind {
    QN_ACT_NONE,
    QN_ACT_RELU,
    QN_ACT_CLIP,        /**< max(min, min(max, x)) */
    QN_ACT_GELU,        /**< erf form */
    QN_ACT_GELU_TANH,
    QN_ACT_SILU,        /**< x sigmoid(x) */
    QN_ACT_SIGMOID,
    QN_ACT_TANH,
    QN_ACT_HARDSIGMOID, /**< max(0, min(1, alpha x + beta)) */
    QN_ACT_HARDSWISH,
    QN_ACT_COUNT
} qn_activation_kind;

typedef struct qn_activation {
    qn_activation_kind kind;
    float min, max;    /**< CLIP; -inf and +inf when absent */
    float alpha, beta; /**< HARDSIGMOID; 0.2 and 0.5 when absent */
} qn_activation;

/** The activation of `node`; QN_ACT_NONE when it has none. False for a name that is not in the table. */
bool qn_activation_of(const qn_node *node, qn_activation *out);
/** The same for a kernel: an unknown name fails as QN_UNSUPPORTED. */
QN_MUST_USE qn_status qn_activation_read(const qn_kernel_args *args, qn_activation *out);

/** y[i] = activation(y[i]), computed in double and rounded once. NaN stays NaN. */
void qn_activation_f32(const qn_activation *act, float *y, int64_t n);
void qn_activation_f64(const qn_activation *act, double *y, int64_t n);

#endif
