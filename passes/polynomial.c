#include "passes/polynomial.h"

#include "passes/match.h"

#include <math.h>

enum { MAX_DEPTH = 16 };

static bool of(const qn_value *v, const qn_value *x, qn_poly *out, int depth);

static bool multiply(const qn_poly *a, const qn_poly *b, qn_poly *out) {
    qn_poly product = {{0}};
    for (int i = 0; i <= QN_POLY_DEGREE; i++)
        for (int k = 0; k <= QN_POLY_DEGREE; k++) {
            const double term = a->c[i] * b->c[k];
            if (term != 0 && i + k > QN_POLY_DEGREE)
                return false;
            if (i + k <= QN_POLY_DEGREE)
                product.c[i + k] += term;
        }
    *out = product;
    return true;
}

static bool is_number(const qn_poly *p) { return p->c[1] == 0 && p->c[2] == 0 && p->c[3] == 0; }

static bool of_power(const qn_node *node, const qn_value *x, qn_poly *out, int depth) {
    qn_poly base;
    double exponent;
    if (!qn_match_scalar(node->in[1], &exponent) || !(exponent == 1 || exponent == 2 || exponent == 3) ||
        !of(node->in[0], x, &base, depth))
        return false;
    *out = base;
    for (int i = 1; i < (int)exponent; i++)
        if (!multiply(out, &base, out))
            return false;
    return true;
}

static bool of_pair(const qn_node *node, const qn_value *x, qn_poly *out, int depth) {
    qn_poly a, b;
    if (!of(node->in[0], x, &a, depth) || !of(node->in[1], x, &b, depth) || !qn_match_no_activation(node))
        return false;
    if (node->op == QN_OP_Mul)
        return multiply(&a, &b, out);
    if (node->op == QN_OP_Div && (!is_number(&b) || b.c[0] == 0))
        return false;
    for (int i = 0; i <= QN_POLY_DEGREE; i++)
        out->c[i] = node->op == QN_OP_Div ? a.c[i] / b.c[0] : node->op == QN_OP_Add ? a.c[i] + b.c[i] : a.c[i] - b.c[i];
    return true;
}

static bool of(const qn_value *v, const qn_value *x, qn_poly *out, int depth) {
    *out = (qn_poly){{0}};
    if (!v || depth == 0)
        return false;
    if (v == x) {
        out->c[1] = 1;
        return true;
    }
    if (qn_match_scalar(v, &out->c[0]))
        return true;
    const qn_node *node = v->producer;
    if (!node)
        return false;
    switch (node->op) {
    case QN_OP_Add:
    case QN_OP_Sub:
    case QN_OP_Mul:
    case QN_OP_Div:
        return of_pair(node, x, out, depth - 1);
    case QN_OP_Pow:
        return of_power(node, x, out, depth - 1);
    case QN_OP_Neg:
        if (!of(node->in[0], x, out, depth - 1))
            return false;
        for (int i = 0; i <= QN_POLY_DEGREE; i++)
            out->c[i] = -out->c[i];
        return true;
    default:
        return false;
    }
}

bool qn_poly_of(const qn_value *v, const qn_value *x, qn_poly *out) { return of(v, x, out, MAX_DEPTH); }

bool qn_poly_is(const qn_poly *p, const double c[QN_POLY_DEGREE + 1], double rel) {
    for (int i = 0; i <= QN_POLY_DEGREE; i++)
        if (fabs(p->c[i] - c[i]) > rel * fabs(c[i]))
            return false;
    return true;
}

qn_value *qn_poly_variable(const qn_value *v) {
    for (int depth = 0; v && depth < MAX_DEPTH; depth++) {
        const qn_node *node = v->producer;
        const qn_value *down = NULL;
        if (node && (node->op == QN_OP_Add || node->op == QN_OP_Sub || node->op == QN_OP_Mul || node->op == QN_OP_Div))
            down = node->in[0]->constant ? node->in[1] : node->in[1]->constant ? node->in[0] : NULL;
        else if (node && (node->op == QN_OP_Pow || node->op == QN_OP_Neg))
            down = node->in[0];
        if (!down) {
            union { const qn_value *from; qn_value *to; } found = {v}; /* the caller's graph is not const */
            return v->constant ? NULL : found.to;
        }
        v = down;
    }
    return NULL;
}
