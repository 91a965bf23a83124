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

static qn_status visit(qn_pass_run *run, qn_node *node) {
    const int32_t constant = qn_match_constant_operand(node);
    qn_value *product = constant < 0 ? NULL : node->in[1 - constant];
    qn_channels channels;
    double *factor, *shift;
    int32_t at;
    bool finite;
    if (!qn_match_private(product) || !qn_channels_of(product->producer, &channels) ||
        (channels.node->op != QN_OP_Conv && channels.node->op != QN_OP_ConvTranspose) ||
        !qn_channels_affine(node, channels.n, channels.rank, &at) || node->in[at] != product)
        return QN_OK;
    QN_NEW_ARRAY(run->ctx, run->scratch, factor, channels.n);
    QN_NEW_ARRAY(run->ctx, run->scratch, shift, channels.n);
    for (int64_t i = 0; i < channels.n; i++)
        factor[i] = 1;
    QN_TRY(qn_channels_compose(run, node, channels.n, factor, shift, &finite));
    return finite ? qn_channels_fold(run, &channels, node, factor, shift, "folded into the convolution before it")
                  : QN_OK;
}

qn_status qn_pass_fuse_conv_scale_bias(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_Mul || node->op == QN_OP_Div || node->op == QN_OP_Add || node->op == QN_OP_Sub)
            QN_TRY(visit(run, node));
    }
    return QN_OK;
}
