/* fuse_activation: an activation, and after it a residual, into the node that makes its input.
 *
 * Before:
 *     input %x: float32[2,5,8]
 *     const %w: float32[8,6] = random(1)
 *     const %b: float32[6] = random(2)
 *     %l = Linear(%x, %w, %b)
 *     %y = Gelu(%l)
 *     output %y
 * After:
 *     %y = Linear(%x, %w, %b) {activation="GELU"}
 *
 * Before:
 *     input %x: float32[2,5,8]
 *     input %r: float32[2,5,6]
 *     const %w: float32[8,6] = random(1)
 *     %l = Linear(%x, %w)
 *     %y = Add(%r, %l)
 *     output %y
 * After:
 *     %y = Linear(%x, %w, _, %r)
 *
 * Before:
 *     input %x: float32[1,3,8,8]
 *     const %w: float32[4,3,3,3] = random(1)
 *     const %low: float32[] = 0
 *     const %high: float32[] = 6
 *     %c = Conv(%x, %w) {pads=[1,1,1,1]}
 *     %y = Clip(%c, %low, %high)
 *     output %y
 * After:
 *     %y = Conv(%x, %w) {pads=[1,1,1,1], activation="CLIP", activation_min=0, activation_max=6}
 * y = activation(product + bias) + residual; docs/ops.md has the activations.
 *
 * Unchanged (the activation comes after the residual):
 *     input %r: float32[1,4,8,8]
 *     %c = Conv(%x, %w, _, %r) {pads=[1,1,1,1]}
 *     %y = Relu(%c)
 * Unchanged (the sum broadcasts the product):
 *     input %r: float32[2,1,4,8,8]
 *     %c = Conv(%x, %w) {pads=[1,1,1,1]}
 *     %y = Add(%c, %r)
 * Unchanged (the product has another reader):
 *     %c = Conv(%x, %w) {pads=[1,1,1,1]}
 *     %r = Relu(%c)
 *     %y = Add(%r, %c)
 */
#include <math.h>

#include "passes/match.h"
#include "passes/rewrite.h"

typedef struct fusable {
    const char *name;  /* of the activation; NULL: none */
    float min, max, alpha, beta;
    bool limits, slopes;
} fusable;

/* An absent bound of Clip is infinite. */
static bool read_bound(const qn_node *clip, int32_t i, float absent, float *out) {
    double bound;
    *out = absent;
    if (i >= clip->n_in || !clip->in[i])
        return true;
    if (!qn_match_scalar(clip->in[i], &bound))
        return false;
    *out = (float)bound;
    return true;
}

static fusable read_activation(const qn_node *node) {
    fusable a = {NULL, 0, 0, 0, 0, false, false};
    switch (node->op) {
    case QN_OP_Relu:
        a.name = "RELU";
        break;
    case QN_OP_Sigmoid:
        a.name = "SIGMOID";
        break;
    case QN_OP_Tanh:
        a.name = "TANH";
        break;
    case QN_OP_HardSwish:
        a.name = "HARDSWISH";
        break;
    case QN_OP_Gelu:
        a.name = qn_node_string(node, "approximate", "none")[0] == 't' ? "GELU_TANH" : "GELU";
        break;
    case QN_OP_Swish: {
        const float alpha = qn_node_float(node, "alpha", 1);
        a.name = alpha >= 1 && alpha <= 1 ? "SILU" : NULL;
        break;
    }
    case QN_OP_HardSigmoid:
        a.name = "HARDSIGMOID";
        a.slopes = true;
        a.alpha = qn_node_float(node, "alpha", 0.2f);
        a.beta = qn_node_float(node, "beta", 0.5f);
        break;
    case QN_OP_Clip:
        a.limits = true;
        if (read_bound(node, 1, -INFINITY, &a.min) && read_bound(node, 2, INFINITY, &a.max) && a.min <= a.max)
            a.name = "CLIP";
        break;
    default:
        break;
    }
    return a;
}

static bool takes_activation(const qn_node *node) {
    return node && (node->op == QN_OP_Linear || node->op == QN_OP_Conv || node->op == QN_OP_Add) &&
           qn_match_no_activation(node) && !(node->op != QN_OP_Add && node->n_in > 3 && node->in[3]) &&
           qn_match_float(node->out[0]);
}

/* `node` with its attributes and the inputs in[] in place of `old`. */
static qn_status move_to(qn_pass_run *run, qn_node *old, const qn_node *node, qn_value *const *in, int32_t n_in,
                         qn_node **out) {
    const qn_attr *attrs = node->attrs; /* in the graph's arena, whatever becomes of the node */
    const int32_t n_attrs = node->n_attrs;
    QN_TRY(qn_rewrite_node(run, old, node->op, in, n_in, out));
    for (int32_t i = 0; i < n_attrs; i++)
        QN_TRY(qn_node_set_attr(run->ctx, *out, &attrs[i]));
    return QN_OK;
}

static qn_status fuse(qn_pass_run *run, qn_node *node) {
    const fusable a = read_activation(node);
    qn_node *product = a.name && qn_match_private(node->in[0]) ? node->in[0]->producer : NULL, *fused;
    if (!takes_activation(product) || !qn_rewrite(run, a.name, node))
        return QN_OK;
    QN_TRY(move_to(run, node, product, product->in, product->n_in, &fused));
    QN_TRY(qn_node_set_string(run->ctx, fused, "activation", a.name));
    if (a.limits) {
        QN_TRY(qn_node_set_float(run->ctx, fused, "activation_min", a.min));
        QN_TRY(qn_node_set_float(run->ctx, fused, "activation_max", a.max));
    }
    if (a.slopes) {
        QN_TRY(qn_node_set_float(run->ctx, fused, "activation_alpha", a.alpha));
        QN_TRY(qn_node_set_float(run->ctx, fused, "activation_beta", a.beta));
    }
    return QN_OK;
}

static bool takes_residual(const qn_node *node, const qn_node *add) {
    return node && (node->op == QN_OP_Linear || node->op == QN_OP_Conv) && !(node->n_in > 3 && node->in[3]) &&
           qn_match_private(node->out[0]) && qn_match_same_type(node->out[0], add->out[0]);
}

/* An activation that would have to come after the sum: Add takes it, a product with a residual cannot. */
static bool activation_follows(const qn_node *add) {
    const qn_node *reader = qn_match_reader(add->out[0], QN_OP_NONE);
    return reader && read_activation(reader).name;
}

static qn_status fuse_residual(qn_pass_run *run, qn_node *add) {
    if (!qn_match_no_activation(add) || activation_follows(add))
        return QN_OK;
    for (int i = 1; i >= 0; i--) {
        qn_value *residual = add->in[1 - i];
        qn_node *product = add->in[i]->producer, *fused;
        if (!takes_residual(product, add) || !qn_match_same_type(residual, add->out[0]))
            continue;
        if (!qn_rewrite(run, "a residual", add))
            return QN_OK;
        qn_value *in[] = {product->in[0], product->in[1], product->n_in > 2 ? product->in[2] : NULL, residual};
        return move_to(run, add, product, in, 4, &fused);
    }
    return QN_OK;
}

qn_status qn_pass_fuse_activation(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        QN_TRY(fuse(run, node));
    }
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Add)
            QN_TRY(fuse_residual(run, node));
    }
    return QN_OK;
}
