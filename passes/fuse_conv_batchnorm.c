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
 * A bias between them goes along, and groups have columns of their own.
 *
 * Before:
 *     input %x: float32[2,4,5,5]
 *     const %w: float32[4,3,2,2] = random(1)
 *     const %bias: float32[1,6,1,1] = random(2)
 *     const %scale: float32[6] = positive(3)
 *     const %shift: float32[6] = random(4)
 *     const %mean: float32[6] = random(5)
 *     const %var: float32[6] = positive(6)
 *     %c = ConvTranspose(%x, %w) {strides=[2,2], group=2}
 *     %d = Add(%c, %bias)
 *     %y = BatchNormalization(%d, %scale, %shift, %mean, %var)
 *     output %y
 * After:
 *     %y = ConvTranspose(%x, %w', %b') {strides=[2,2], group=2}
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

/* Nodes between a product and the norm that do as much to each channel: exporters put the bias there. */
enum { MAX_BETWEEN = 4 };

static qn_status visit(qn_pass_run *run, qn_node *norm) {
    const qn_node *chain[MAX_BETWEEN + 1] = {norm};
    const int64_t n = qn_match_dim(norm->in[0], 1);
    const int32_t rank = qn_match_rank(norm->in[0]);
    qn_channels channels;
    double *factor, *shift;
    bool finite = true;
    int32_t length = 1, at;
    if (!qn_channels_affine(norm, n, rank, &at))
        return QN_OK;
    qn_value *v = norm->in[0];
    while (length <= MAX_BETWEEN && qn_match_private(v) && qn_channels_affine(v->producer, n, rank, &at)) {
        chain[length++] = v->producer;
        v = v->producer->in[at];
    }
    if (!qn_match_private(v) || !qn_channels_of(v->producer, &channels) || channels.n != n || channels.rank != rank)
        return QN_OK;
    QN_NEW_ARRAY(run->ctx, run->scratch, factor, n);
    QN_NEW_ARRAY(run->ctx, run->scratch, shift, n);
    for (int64_t i = 0; i < n; i++)
        factor[i] = 1;
    while (length > 0 && finite)
        QN_TRY(qn_channels_compose(run, chain[--length], n, factor, shift, &finite));
    return finite ? qn_channels_fold(run, &channels, norm, factor, shift, "folded into the product before it") : QN_OK;
}

qn_status qn_pass_fuse_conv_batchnorm(qn_pass_run *run) {
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        if (node->op == QN_OP_BatchNormalization)
            QN_TRY(visit(run, node));
    }
    return QN_OK;
}
