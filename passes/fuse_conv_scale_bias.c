/* fuse_conv_scale_bias: a Mul, Div, Add or Sub by a number for each channel into the Conv or ConvTranspose before it.
 *
 * Before:
 *     input %x: float32[2,3,8,8]
 *     const %w: float32[6,3,3,3] = random(1)
 *     const %b: float32[6] = random(2)
 *     const %k: float32[6,1,1] = positive(3)
 *     const %s: float32[1,6,1,1] = random(4)
 *     %c = Conv(%x, %w, %b)
 *     %d = Mul(%c, %k)
 *     %y = Add(%s, %d)
 *     output %y
 * After:
 *     %y = Conv(%x, %w', %b')
 * with w' = w * k, b' = b * k + s; Div has 1/k, Sub has -s.
 *
 * Before:
 *     input %x: float32[2,4,5,5]
 *     const %w: float32[4,6,2,2] = random(1)
 *     const %k: float32[] = 0.25
 *     const %s: float32[6,1,1] = random(4)
 *     %c = ConvTranspose(%x, %w)
 *     %d = Div(%c, %k)
 *     %y = Sub(%d, %s)
 *     output %y
 * After:
 *     %y = ConvTranspose(%x, %w', %b')
 * Unchanged (the constant goes along the width, not the channels):
 *     const %v: float32[6] = random(4)
 *     %c = ConvTranspose(%x, %w)
 *     %y = Mul(%c, %v)
 * Unchanged (the constant is divided):
 *     %c = ConvTranspose(%x, %w)
 *     %y = Div(%k, %c)
 * Unchanged (the Conv has another use):
 *     %c = ConvTranspose(%x, %w)
 *     %d = Mul(%c, %k)
 *     %y = Add(%c, %d)
 * Unchanged (the result has a higher rank):
 *     const %u: float32[1,1,6,1,1] = random(4)
 *     %c = ConvTranspose(%x, %w)
 *     %y = Mul(%c, %u)
 */
#include "passes/channels.h"
#include "passes/match.h"

#include <math.h>

/* The factor and the shift that `node` puts on each channel; both NULL when it does neither. */
static qn_status affine_of(qn_pass_run *run, const qn_node *node, const qn_value *constant, int64_t n, double **factor,
                           double **shift) {
    const double *x;
    int64_t count;
    double *v;
    *factor = *shift = NULL;
    QN_TRY(qn_fold_numbers(run, constant, &x, &count));
    QN_NEW_ARRAY(run->ctx, run->scratch, v, n);
    for (int64_t i = 0; i < n; i++) {
        const double c = x[count == 1 ? 0 : i];
        v[i] = node->op == QN_OP_Div ? 1 / c : node->op == QN_OP_Sub ? -c : c;
        if (!isfinite(v[i]))
            return QN_OK;
    }
    *(node->op == QN_OP_Mul || node->op == QN_OP_Div ? factor : shift) = v;
    return QN_OK;
}

static qn_status visit(qn_pass_run *run, qn_node *node) {
    const int32_t at = qn_match_constant_operand(node);
    if (at < 0 || (at == 0 && (node->op == QN_OP_Sub || node->op == QN_OP_Div)) || !qn_match_no_activation(node))
        return QN_OK;
    const qn_value *product = node->in[1 - at], *constant = node->in[at];
    qn_channels channels;
    double *factor, *shift;
    if (!qn_match_private(product) || !qn_channels_of(product->producer, &channels) ||
        (channels.node->op != QN_OP_Conv && channels.node->op != QN_OP_ConvTranspose) ||
        constant->constant->rank > channels.rank || constant->constant->dtype != product->type.dtype ||
        !(qn_match_vector(constant, channels.rank - 1, channels.n) || qn_match_vector(constant, 1, 1)))
        return QN_OK;
    QN_TRY(affine_of(run, node, constant, channels.n, &factor, &shift));
    if (factor || shift)
        QN_TRY(qn_channels_fold(run, &channels, node, factor, shift, "folded into the convolution before it"));
    return QN_OK;
}

qn_status qn_pass_fuse_conv_scale_bias(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Mul || node->op == QN_OP_Div || node->op == QN_OP_Add || node->op == QN_OP_Sub)
            QN_TRY(visit(run, node));
    }
    return QN_OK;
}
