/* Spans of element-wise ops for one instruction set. */
#include "kernels/elementwise/elementwise.h"
#include "kernels/simd/activate.h"

/* ---- one operand ------------------------------------------------------------------------------------ */

VF_INLINE vf unary(const qn_op op, const qn_elementwise *e, vf x) {
    const vf zero = vf_set1(0.0f);
    switch (op) {
    case QN_OP_Abs: return vf_abs(x);
    case QN_OP_Clip: return vf_min(vf_set1(e->beta), vf_max(vf_set1(e->alpha), x));
    case QN_OP_Erf: return vf_erf(x);
    case QN_OP_Exp: return vf_exp(x);
    case QN_OP_Gelu: return e->tanh_form ? vf_gelu_tanh(x) : vf_gelu(x);
    case QN_OP_HardSigmoid: return vf_hard_sigmoid(x, vf_set1(e->alpha), vf_set1(e->beta));
    case QN_OP_HardSwish: return vf_mul(x, vf_hard_sigmoid(x, vf_set1(1.0f / 6.0f), vf_set1(0.5f)));
    case QN_OP_LeakyRelu: return vf_select_lt(x, zero, vf_mul(vf_set1(e->alpha), x), x);
    case QN_OP_Reciprocal: return vf_div(vf_set1(1.0f), x);
    case QN_OP_Relu: return vf_max(zero, x);
    case QN_OP_Sigmoid: return vf_sigmoid(x);
    case QN_OP_Sqrt: return vf_sqrt(x);
    case QN_OP_Swish: return vf_mul(x, vf_sigmoid(vf_mul(vf_set1(e->alpha), x)));
    case QN_OP_Tanh: return vf_tanh(x);
    default: return x;
    }
}

VF_INLINE void unary_as(const qn_op op, const qn_span *s) {
    const qn_elementwise *e = s->user;
    if (e->a == QN_F32 && e->y == QN_F32) {
        for (int64_t i = 0; i < s->n; i += VF_LANES)
            vf_write_n(QN_F32, s->y, i, unary(op, e, vf_read_n(QN_F32, s->x[0], i, s->n - i)), s->n - i);
        return;
    }
    for (int64_t i = 0; i < s->n; i += VF_LANES)
        vf_write_n(e->y, s->y, i, unary(op, e, vf_read_n(e->a, s->x[0], i, s->n - i)), s->n - i);
}

void VF_NAME(qn_unary_span)(const qn_span *s) {
    const qn_elementwise *e = s->user;
#define UNARY(OP)                                                                                                      \
    case QN_OP_##OP: unary_as(QN_OP_##OP, s); return
    switch (e->op) {
        UNARY(Abs);
        UNARY(Clip);
        UNARY(Erf);
        UNARY(Exp);
        UNARY(Gelu);
        UNARY(HardSigmoid);
        UNARY(HardSwish);
        UNARY(LeakyRelu);
        UNARY(Reciprocal);
        UNARY(Relu);
        UNARY(Sigmoid);
        UNARY(Sqrt);
        UNARY(Swish);
        UNARY(Tanh);
    default: return;
    }
}

/* ---- two operands -------------------------------------------------------------------------------------- */

VF_INLINE vf binary(const qn_op op, vf a, vf b) {
    switch (op) {
    case QN_OP_Sub: return vf_sub(a, b);
    case QN_OP_Mul: return vf_mul(a, b);
    case QN_OP_Div: return vf_div(a, b);
    default: return vf_add(a, b);
    }
}

/* A side that stays the same over the span is read once. */
VF_INLINE void binary_as(const qn_op op, const qn_activation_kind act, const qn_dtype da, const qn_dtype db,
                         const qn_dtype dy, const qn_span *s) {
    const qn_elementwise *e = s->user;
    vf a = vf_set1(0.0f), b = a;
    if (s->n > 0 && s->step[0] == 0)
        a = vf_set1(qn_read_float(da, s->x[0], 0));
    if (s->n > 0 && s->step[1] == 0)
        b = vf_set1(qn_read_float(db, s->x[1], 0));
    for (int64_t i = 0; i < s->n; i += VF_LANES) {
        if (s->step[0])
            a = vf_read_n(da, s->x[0], i, s->n - i);
        if (s->step[1])
            b = vf_read_n(db, s->x[1], i, s->n - i);
        vf_write_n(dy, s->y, i, vf_activate(act, &e->act, binary(op, a, b)), s->n - i);
    }
}

VF_INLINE void binary_by_dtype(const qn_op op, const qn_activation_kind act, const qn_span *s) {
    const qn_elementwise *e = s->user;
    if (e->a == QN_F32 && e->b == QN_F32 && e->y == QN_F32)
        binary_as(op, act, QN_F32, QN_F32, QN_F32, s);
    else
        binary_as(op, act, e->a, e->b, e->y, s);
}

void VF_NAME(qn_binary_span)(const qn_span *s) {
    const qn_elementwise *e = s->user;
    switch (e->op) {
    case QN_OP_Sub: binary_by_dtype(QN_OP_Sub, QN_ACT_NONE, s); return;
    case QN_OP_Mul: binary_by_dtype(QN_OP_Mul, QN_ACT_NONE, s); return;
    case QN_OP_Div: binary_by_dtype(QN_OP_Div, QN_ACT_NONE, s); return;
    default: VF_BY_ACTIVATION(e->act.kind, binary_by_dtype(QN_OP_Add, KIND, s)) return;
    }
}
