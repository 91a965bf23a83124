/* fuse_conv_batchnorm: fold an inference BatchNormalization into the Conv, ConvTranspose, Gemm or Linear before it.
 *
 * Before:
 *     input %x: float32[2,3,8,8]
 *     const %w: float32[6,3,3,3] = random(1)
 *     const %b: float32[6] = random(2)
 *     const %scale: float32[6] = positive(3)
 *     const %shift: float32[6] = random(4)
 *     const %mean: float32[6] = random(5)
 *     const %var: float32[6] = positive(6)
 *     %c = Conv(%x, %w, %b) {pads=[1,1,1,1]}
 *     %y = BatchNormalization(%c, %scale, %shift, %mean, %var) {epsilon=1e-05}
 *     output %y
 * After:
 *     %y = Conv(%x, %w', %b') {pads=[1,1,1,1]}
 * with k = scale / sqrt(var + epsilon), w' = w * k, b' = (b - mean) * k + shift
 *
 * Before:
 *     input %x: float32[2,4,5,5]
 *     const %w: float32[4,6,2,2] = random(1)
 *     const %scale: float32[6] = positive(3)
 *     const %shift: float32[6] = random(4)
 *     const %mean: float32[6] = random(5)
 *     const %var: float32[6] = positive(6)
 *     %c = ConvTranspose(%x, %w) {strides=[2,2]}
 *     %y = BatchNormalization(%c, %scale, %shift, %mean, %var) {epsilon=1e-03}
 *     output %y
 * After:
 *     %y = ConvTranspose(%x, %w', %b') {strides=[2,2]}
 *
 * Before:
 *     input %x: float32[5,4]
 *     const %w: float32[6,4] = random(1)
 *     const %b: float32[6] = random(2)
 *     const %scale: float32[6] = positive(3)
 *     const %shift: float32[6] = random(4)
 *     const %mean: float32[6] = random(5)
 *     const %var: float32[6] = positive(6)
 *     %c = Gemm(%x, %w, %b) {transB=1, alpha=0.5, beta=2.0}
 *     %y = BatchNormalization(%c, %scale, %shift, %mean, %var)
 *     output %y
 * After:
 *     %y = Gemm(%x, %w', %b') {transB=1, alpha=0.5}
 * Unchanged (the product has another use):
 *     %c = Gemm(%x, %w, %b) {transB=1}
 *     %n = BatchNormalization(%c, %scale, %shift, %mean, %var)
 *     %y = Add(%c, %n)
 * Unchanged (the weight is not constant):
 *     input %v: float32[6,4]
 *     %c = Gemm(%x, %v, %b) {transB=1}
 *     %y = BatchNormalization(%c, %scale, %shift, %mean, %var)
 * Unchanged (an activation between):
 *     %c = Gemm(%x, %w, %b) {transB=1}
 *     %r = Relu(%c)
 *     %y = BatchNormalization(%r, %scale, %shift, %mean, %var)
 */
#include "passes/channels.h"
#include "passes/match.h"

#include <math.h>

/* factor and shift of each channel; *ok false when a parameter is not a vector of n numbers or they are not finite */
static qn_status affine_of(qn_pass_run *run, const qn_node *norm, int64_t n, double **factor, double **shift, bool *ok) {
    const double *p[4];
    const double epsilon = (double)qn_node_float(norm, "epsilon", 1e-5f);
    *ok = false;
    for (int32_t i = 0; i < 4; i++) {
        int64_t count;
        if (!norm->in[i + 1]->constant || qn_const_numel(norm->in[i + 1]->constant) != n)
            return QN_OK;
        QN_TRY(qn_fold_numbers(run, norm->in[i + 1], &p[i], &count));
    }
    QN_NEW_ARRAY(run->ctx, run->scratch, *factor, n);
    QN_NEW_ARRAY(run->ctx, run->scratch, *shift, n);
    for (int64_t i = 0; i < n; i++) {
        (*factor)[i] = p[0][i] / sqrt(p[3][i] + epsilon);
        (*shift)[i] = p[1][i] - p[2][i] * (*factor)[i];
        if (!isfinite((*factor)[i]) || !isfinite((*shift)[i]))
            return QN_OK;
    }
    *ok = true;
    return QN_OK;
}

qn_status qn_pass_fuse_conv_batchnorm(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        qn_channels channels;
        double *factor, *shift;
        bool ok;
        if (node->op != QN_OP_BatchNormalization || qn_node_int(node, "training_mode", 0) != 0 ||
            !qn_match_private(node->in[0]) || !qn_channels_of(node->in[0]->producer, &channels))
            continue;
        QN_TRY(affine_of(run, node, channels.n, &factor, &shift, &ok));
        if (ok)
            QN_TRY(qn_channels_fold(run, &channels, node, factor, shift, "folded into the product before it"));
    }
    return QN_OK;
}
