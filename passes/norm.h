/* What the passes about LayerNormalization and RMSNormalization share. */
#ifndef QN_PASSES_NORM_H
#define QN_PASSES_NORM_H

#include "passes/pass.h"

/** value / sqrt(mean(value^2) + epsilon) */
typedef struct qn_norm_root {
    qn_value *value;
    uint32_t axes;   /**< of the mean, a bit each */
    float epsilon;
} qn_norm_root;

/** `node` is value / sqrt(...), or value * (1 / sqrt(...)) as Reciprocal, Div(1, .) or Pow(., -0.5). */
bool qn_norm_match_root(const qn_node *node, qn_norm_root *out);
/** The axes are the last ones of x: the first of them in *axis. */
bool qn_norm_trailing(const qn_value *x, uint32_t axes, int32_t *axis);
/** A constant of ones shaped like x from `axis` on; NULL when that shape is not known or over 65,536 elements. */
QN_MUST_USE qn_status qn_norm_ones(qn_pass_run *run, const qn_node *at, const qn_value *x, int32_t axis,
                                   qn_value **out);
/** `v` as a constant shaped like the normalised axes of `norm`; NULL when it is not one (a residual, say). */
QN_MUST_USE qn_status qn_norm_affine(qn_pass_run *run, const qn_node *norm, qn_value *v, qn_value **out);
/** `norm` with other inputs in place of `old`. */
QN_MUST_USE qn_status qn_norm_replace(qn_pass_run *run, qn_node *old, qn_node *norm, qn_value *const *in, int32_t n_in);
/** Mul(norm(x, ones), scale): the scale becomes the norm's. */
QN_MUST_USE qn_status qn_norm_fuse_scale(qn_pass_run *run, qn_node *mul, qn_op op);

#endif
