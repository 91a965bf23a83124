/* BatchNormalization at inference and InstanceNormalization. */
#include "base/context.h"
#include "base/half.h"
#include "base/pool.h"
#include "kernels/gemm/gemm.h"
#include "kernels/norm/norm.h"
#include "kernels/ref/real.h"

#include <math.h>

enum { PIECE = 1 << 15 }; /* elements */

static int64_t channels_of(const qn_tensor *x) { return x->rank > 1 ? x->dims[1] : 1; }

bool qn_norm_accepts_channels(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0];
    if (!qn_is_real(x->dtype) || !qn_is_real(args->out[0].dtype) || x->rank < 1 ||
        qn_node_int(args->node, "training_mode", 0) != 0)
        return false;
    for (int32_t i = 1; i < args->n_in; i++)
        if (!qn_is_real(args->in[i].dtype) || qn_ref_numel(&args->in[i]) != channels_of(x))
            return false;
    return true;
}

/* Input i as float32, in scratch. */
static qn_status vector(const qn_kernel_args *args, int32_t i, int64_t n, float **out) {
    const qn_tensor *t = &args->in[i];
    QN_NEW_ARRAY(args->ctx, args->scratch, *out, n);
    for (int64_t k = 0; k < n; k++)
        (*out)[k] = t->dtype == QN_F32   ? ((const float *)t->data)[k]
                    : t->dtype == QN_F16 ? qn_f16_to_f32(((const uint16_t *)t->data)[k])
                                         : qn_bf16_to_f32(((const uint16_t *)t->data)[k]);
    return QN_OK;
}

qn_status qn_norm_by_channels(const qn_kernel_args *args) {
    qn_norm_channels n = {.x = args->in[0],
                          .y = args->out[0],
                          .channels = channels_of(&args->in[0]),
                          .epsilon = qn_node_float(args->node, "epsilon", 1e-5f)};
    const int64_t elems = qn_ref_numel(&n.x), planes = n.x.rank > 1 ? n.x.dims[0] * n.channels : 1;
    float *factor, *shift, *mean, *variance;
    if (elems == 0)
        return QN_OK;
    QN_TRY(vector(args, 1, n.channels, &factor));
    QN_TRY(vector(args, 2, n.channels, &shift));
    if (args->node->op == QN_OP_BatchNormalization) {
        QN_TRY(vector(args, 3, n.channels, &mean));
        QN_TRY(vector(args, 4, n.channels, &variance));
        for (int64_t c = 0; c < n.channels; c++)
            factor[c] = (float)((double)factor[c] / sqrt((double)variance[c] + (double)n.epsilon));
        n.mean = mean;
    }
    n.factor = factor;
    n.shift = shift;
    n.size = elems / planes;
    qn_parallel_for(args->ctx, planes, 1 + PIECE / n.size, QN_ISA_PICK(args->ctx, qn_norm_planes), &n);
    return QN_OK;
}
