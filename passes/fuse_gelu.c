/* fuse_gelu: the erf, tanh and sigmoid forms of GELU.
 *
 * Before:
 *     input %x: float32[4,9]
 *     const %root2: float32[] = 1.4142135623730951
 *     const %one: float32[] = 1
 *     const %half: float32[] = 0.5
 *     %d = Div(%x, %root2)
 *     %e = Erf(%d)
 *     %a = Add(%e, %one)
 *     %m = Mul(%x, %a)
 *     %y = Mul(%m, %half)
 *     output %y
 * After:
 *     %y = Gelu(%x)
 *
 * Before:
 *     input %x: float32[4,9]
 *     const %one: float32[] = 1
 *     const %half: float32[] = 0.5
 *     const %three: float32[] = 3
 *     const %cubic: float32[] = 0.044715
 *     const %k: float32[] = 0.7978845608
 *     %h = Mul(%x, %half)
 *     %p = Pow(%x, %three)
 *     %c = Mul(%p, %cubic)
 *     %s = Add(%x, %c)
 *     %t = Mul(%s, %k)
 *     %e = Tanh(%t)
 *     %a = Add(%e, %one)
 *     %y = Mul(%h, %a)
 *     output %y
 * After:
 *     %y = Gelu(%x) {approximate="tanh"}
 *
 * Before:
 *     input %x: float32[4,9]
 *     const %alpha: float32[] = 1.702
 *     %t = Mul(%x, %alpha)
 *     %s = Sigmoid(%t)
 *     %y = Mul(%x, %s)
 *     output %y
 * After:
 *     %y = Swish(%x) {alpha=1.702}
 * Gelu(x) = x/2 (1 + erf(x / sqrt 2)); tanh: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
 * (https://onnx.ai/onnx/operators/onnx__Gelu.html); sigmoid: x sigmoid(1.702 x) (Hendrycks and Gimpel, 2016, section 2).
 *
 * Unchanged (another factor):
 *     const %root2: float32[] = 1.4142135623730951
 *     const %one: float32[] = 1
 *     %d = Div(%x, %root2)
 *     %e = Erf(%d)
 *     %a = Add(%e, %one)
 *     %y = Mul(%x, %a)
 * Unchanged (erf of another value):
 *     const %root2: float32[] = 1.4142135623730951
 *     const %one: float32[] = 1
 *     const %half: float32[] = 0.5
 *     %z = Relu(%x)
 *     %d = Div(%z, %root2)
 *     %e = Erf(%d)
 *     %a = Add(%e, %one)
 *     %m = Mul(%x, %a)
 *     %y = Mul(%m, %half)
 */
#include "passes/match.h"
#include "passes/polynomial.h"
#include "passes/rewrite.h"

/* sqrt(1/2), sqrt(2/pi); constants in files are rounded to float32 or to six or so digits. */
#define ROOT_HALF 0.70710678118654752
#define ROOT_2_PI 0.79788456080286536
#define DIGITS 1e-4

/* The factors of a tree of private products: numbers together, the rest in f[]. False over three factors. */
typedef struct factors {
    double number;
    qn_value *f[3];
    int32_t n;
} factors;

static bool split_product(const qn_node *mul, factors *out, int depth) {
    for (int i = 0; i < 2; i++) {
        double number;
        qn_node *inner = depth ? qn_match_only(mul->in[i], QN_OP_Mul) : NULL;
        const qn_node *div = qn_match_only(mul->in[i], QN_OP_Div);
        if (qn_match_scalar(mul->in[i], &number)) {
            out->number *= number;
        } else if (inner) {
            if (!split_product(inner, out, depth - 1))
                return false;
        } else if (div && qn_match_scalar(div->in[1], &number) && number != 0) {
            out->number /= number;
            if (out->n == 3)
                return false;
            out->f[out->n++] = div->in[0];
        } else {
            if (out->n == 3)
                return false;
            out->f[out->n++] = mul->in[i];
        }
    }
    return true;
}

/* v = 1 + erf(x / sqrt 2) or 1 + tanh(...), private all the way. */
static bool match_gate(const qn_value *v, const qn_value *x, bool *tanh_form) {
    static const double erf_arg[] = {0, ROOT_HALF, 0, 0};
    static const double tanh_arg[] = {0, ROOT_2_PI, 0, ROOT_2_PI * 0.044715};
    qn_value *one = NULL;
    qn_poly p;
    const qn_node *add = qn_match_only(v, QN_OP_Add);
    if (!add)
        return false;
    const qn_node *erf = qn_match_operand_only(add, QN_OP_Erf, &one);
    const qn_node *tanh = erf ? NULL : qn_match_operand_only(add, QN_OP_Tanh, &one);
    const qn_node *inner = erf ? erf : tanh;
    *tanh_form = tanh != NULL;
    return inner && qn_match_scalar_is(one, 1, 0) && qn_match_no_activation(add) && qn_poly_of(inner->in[0], x, &p) &&
           qn_poly_is(&p, erf ? erf_arg : tanh_arg, DIGITS);
}

static qn_status fuse_gated(qn_pass_run *run, qn_node *mul) {
    factors f = {.number = 1};
    bool tanh_form = false;
    qn_value *x = NULL;
    if (!split_product(mul, &f, 3) || f.n != 2 || f.number < 0.5 * (1 - 1e-6) || f.number > 0.5 * (1 + 1e-6))
        return QN_OK;
    for (int i = 0; i < 2 && !x; i++)
        if (match_gate(f.f[i], f.f[1 - i], &tanh_form))
            x = f.f[1 - i];
    if (!x || !qn_match_same_type(x, mul->out[0]) || !qn_rewrite(run, tanh_form ? "Gelu by tanh" : "Gelu", mul))
        return QN_OK;
    qn_node *gelu;
    QN_TRY(qn_rewrite_node(run, mul, QN_OP_Gelu, &x, 1, &gelu));
    return tanh_form ? qn_node_set_string(run->ctx, gelu, "approximate", "tanh") : QN_OK;
}

static qn_status fuse_sigmoid(qn_pass_run *run, qn_node *mul) {
    static const double argument[] = {0, 1.702, 0, 0};
    qn_value *x = NULL;
    qn_poly p;
    const qn_node *sigmoid = qn_match_operand_only(mul, QN_OP_Sigmoid, &x);
    if (!sigmoid || !qn_poly_of(sigmoid->in[0], x, &p) || !qn_poly_is(&p, argument, DIGITS) ||
        !qn_match_same_type(x, mul->out[0]) || !qn_rewrite(run, "GELU by sigmoid", mul))
        return QN_OK;
    qn_node *swish;
    QN_TRY(qn_rewrite_node(run, mul, QN_OP_Swish, &x, 1, &swish));
    return qn_node_set_float(run->ctx, swish, "alpha", (float)p.c[1]);
}

qn_status qn_pass_fuse_gelu(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op != QN_OP_Mul)
            continue;
        const int64_t before = run->rewrites;
        QN_TRY(fuse_gated(run, node));
        if (run->rewrites == before)
            QN_TRY(fuse_sigmoid(run, node));
    }
    return QN_OK;
}
