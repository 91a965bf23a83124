/* Spans of element-wise ops for one instruction set. */
#include "kernels/elementwise/elementwise.h"
#include "kernels/simd/activate.h"
#include "kernels/simd/log.h"

/* ---- one operand ------------------------------------------------------------------------------------ */

/* The nearest whole number, one less where that is above x (one more where it is below). */
VF_INLINE vf floor_of(vf x) {
    vf r = vf_round(x);
    return vf_select_lt(x, r, vf_sub(r, vf_set1(1.0f)), r);
}
VF_INLINE vf ceil_of(vf x) {
    vf r = vf_round(x);
    return vf_select_lt(r, x, vf_add(r, vf_set1(1.0f)), r);
}

/* alpha (e^x - 1) below 0. Near 0, where the difference has few digits, its Taylor polynomial: on |x| < 1/4 the first
 * term left out is x^7/5040, under 2^-24 of the result. */
VF_INLINE vf elu(vf x, vf alpha) {
    vf p = vf_set1(1.0f / 720);
    p = vf_fma(p, x, vf_set1(1.0f / 120));
    p = vf_fma(p, x, vf_set1(1.0f / 24));
    p = vf_fma(p, x, vf_set1(1.0f / 6));
    p = vf_fma(p, x, vf_set1(0.5f));
    p = vf_fma(vf_mul(x, x), p, x);
    vf y = vf_select_lt(x, vf_set1(-0.25f), vf_sub(vf_exp(x), vf_set1(1.0f)), p);
    return vf_select_lt(x, vf_set1(0.0f), vf_mul(alpha, y), x);
}

/* Powers that are one or two operations; the others in double, as the reference does. */
VF_INLINE vf power(vf x, float exponent) {
    if (exponent == 2.0f)
        return vf_mul(x, x);
    if (exponent == 3.0f)
        return vf_mul(vf_mul(x, x), x);
    if (exponent == 1.0f)
        return x;
    if (exponent == -1.0f)
        return vf_div(vf_set1(1.0f), x);
    float v[VF_LANES];
    vf_store(v, x);
    for (int i = 0; i < VF_LANES; i++)
        v[i] = (float)pow((double)v[i], (double)exponent);
    return vf_load(v);
}

VF_INLINE vf unary(const qn_op op, const qn_elementwise *e, vf x) {
    const vf zero = vf_set1(0.0f);
    switch (op) {
    case QN_OP_Abs: return vf_abs(x);
    case QN_OP_Ceil: return ceil_of(x);
    case QN_OP_Clip: return vf_min(vf_set1(e->beta), vf_max(vf_set1(e->alpha), x));
    case QN_OP_Elu: return elu(x, vf_set1(e->alpha));
    case QN_OP_Erf: return vf_erf(x);
    case QN_OP_Exp: return vf_exp(x);
    case QN_OP_Floor: return floor_of(x);
    case QN_OP_Gelu: return e->tanh_form ? vf_gelu_tanh(x) : vf_gelu(x);
    case QN_OP_HardSigmoid: return vf_hard_sigmoid(x, vf_set1(e->alpha), vf_set1(e->beta));
    case QN_OP_HardSwish: return vf_mul(x, vf_hard_sigmoid(x, vf_set1(1.0f / 6.0f), vf_set1(0.5f)));
    case QN_OP_LeakyRelu: return vf_select_lt(x, zero, vf_mul(vf_set1(e->alpha), x), x);
    case QN_OP_Log: return vf_log(x);
    case QN_OP_Neg: return vf_mul(x, vf_set1(-1.0f));
    case QN_OP_Pow: return power(x, e->alpha);
    case QN_OP_Reciprocal: return vf_div(vf_set1(1.0f), x);
    case QN_OP_Relu: return vf_max(zero, x);
    case QN_OP_Round: return vf_round(x);
    case QN_OP_Sigmoid: return vf_sigmoid(x);
    case QN_OP_Sign: return vf_select_lt(x, zero, vf_set1(-1.0f), vf_select_lt(zero, x, vf_set1(1.0f), x));
    case QN_OP_Softplus: return vf_softplus(x);
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
        UNARY(Ceil);
        UNARY(Clip);
        UNARY(Elu);
        UNARY(Erf);
        UNARY(Exp);
        UNARY(Floor);
        UNARY(Gelu);
        UNARY(HardSigmoid);
        UNARY(HardSwish);
        UNARY(LeakyRelu);
        UNARY(Log);
        UNARY(Neg);
        UNARY(Pow);
        UNARY(Reciprocal);
        UNARY(Relu);
        UNARY(Round);
        UNARY(Sigmoid);
        UNARY(Sign);
        UNARY(Softplus);
        UNARY(Sqrt);
        UNARY(Swish);
        UNARY(Tanh);
    default: return;
    }
}

/* ---- two operands -------------------------------------------------------------------------------------- */

VF_INLINE vf binary(const qn_op op, vf a, vf b) {
    switch (op) {
    case QN_OP_Max: return vf_or_nan(a, vf_max(a, b));
    case QN_OP_Min: return vf_or_nan(a, vf_min(a, b));
    case QN_OP_PRelu: return vf_select_lt(a, vf_set1(0.0f), vf_mul(a, b), a);
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
    case QN_OP_Max: binary_by_dtype(QN_OP_Max, QN_ACT_NONE, s); return;
    case QN_OP_Min: binary_by_dtype(QN_OP_Min, QN_ACT_NONE, s); return;
    case QN_OP_PRelu: binary_by_dtype(QN_OP_PRelu, QN_ACT_NONE, s); return;
    case QN_OP_Sub: binary_by_dtype(QN_OP_Sub, QN_ACT_NONE, s); return;
    case QN_OP_Mul: binary_by_dtype(QN_OP_Mul, QN_ACT_NONE, s); return;
    case QN_OP_Div: binary_by_dtype(QN_OP_Div, QN_ACT_NONE, s); return;
    default: VF_BY_ACTIVATION(e->act.kind, binary_by_dtype(QN_OP_Add, KIND, s)) return;
    }
}
