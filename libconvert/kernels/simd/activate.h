/* Fused activations of a vector. */
#ifndef QN_KERNELS_SIMD_ACTIVATE_H
#define QN_KERNELS_SIMD_ACTIVATE_H

#include "kernels/activation.h"
#include "kernels/simd/math.h"

/** The activation `kind`, a constant where this is inlined; act->kind is not looked at. */
VF_INLINE vf vf_activate(const qn_activation_kind kind, const qn_activation *act, vf x) {
    switch (kind) {
    case QN_ACT_RELU: return vf_max(vf_set1(0.0f), x);
    case QN_ACT_CLIP: return vf_min(vf_set1(act->max), vf_max(vf_set1(act->min), x));
    case QN_ACT_GELU: return vf_gelu(x);
    case QN_ACT_GELU_TANH: return vf_gelu_tanh(x);
    case QN_ACT_SILU: return vf_silu(x);
    case QN_ACT_SIGMOID: return vf_sigmoid(x);
    case QN_ACT_TANH: return vf_tanh(x);
    case QN_ACT_HARDSIGMOID: return vf_hard_sigmoid(x, vf_set1(act->alpha), vf_set1(act->beta));
    case QN_ACT_HARDSWISH: return vf_mul(x, vf_hard_sigmoid(x, vf_set1(1.0f / 6.0f), vf_set1(0.5f)));
    case QN_ACT_NONE:
    case QN_ACT_COUNT: break;
    }
    return x;
}

/** Run STATEMENT with KIND a constant: act_kind decides which. */
#define VF_BY_ACTIVATION(ACT_KIND, STATEMENT)                                                                          \
    switch (ACT_KIND) {                                                                                                \
        VF_ACTIVATION_CASE(QN_ACT_RELU, STATEMENT)                                                                     \
        VF_ACTIVATION_CASE(QN_ACT_CLIP, STATEMENT)                                                                     \
        VF_ACTIVATION_CASE(QN_ACT_GELU, STATEMENT)                                                                     \
        VF_ACTIVATION_CASE(QN_ACT_GELU_TANH, STATEMENT)                                                                \
        VF_ACTIVATION_CASE(QN_ACT_SILU, STATEMENT)                                                                     \
        VF_ACTIVATION_CASE(QN_ACT_SIGMOID, STATEMENT)                                                                  \
        VF_ACTIVATION_CASE(QN_ACT_TANH, STATEMENT)                                                                     \
        VF_ACTIVATION_CASE(QN_ACT_HARDSIGMOID, STATEMENT)                                                              \
        VF_ACTIVATION_CASE(QN_ACT_HARDSWISH, STATEMENT)                                                                \
    case QN_ACT_COUNT: VF_ACTIVATION_CASE(QN_ACT_NONE, STATEMENT)                                                      \
    }
#define VF_ACTIVATION_CASE(K, STATEMENT)                                                                               \
    case K: {                                                                                                          \
        const qn_activation_kind KIND = K;                                                                             \
        STATEMENT;                                                                                                     \
        break;                                                                                                         \
    }

#endif
