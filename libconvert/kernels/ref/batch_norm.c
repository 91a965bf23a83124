/* BatchNormalization for inference and InstanceNormalization (ONNX operator pages), over [N, C, spatial].
 *
 * BatchNormalization:    y = (x - mean[c]) / sqrt(var[c] + epsilon) * scale[c] + shift[c]
 * InstanceNormalization: the same with mean and variance (over all elements, not one fewer) of each [n, c] itself
 *
 * A BatchNormalization input with one axis counts as one channel.
 */
#include "kernels/ref/real.h"

static void moments(const double *x, int64_t n, double *mean, double *var) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *var = squares / (double)n;
}

/* Inputs 1 and 2: scale and shift; 3 and 4, when `given`: mean and variance. */
static qn_status normalize(const qn_kernel_args *args, bool given) {
    const qn_tensor *x = &args->in[0];
    if (x->rank < 1)
        return qn_kernel_fail(args, QN_MALFORMED, "a scalar input");
    int64_t channels = x->rank > 1 ? x->dims[1] : 1, n_elems = qn_ref_numel(x);
    for (int32_t i = 1; i < (given ? 5 : 3); i++)
        QN_TRY(qn_ref_need_numel(args, i, channels));
    if (n_elems == 0)
        return QN_OK;
    int64_t planes = x->rank > 1 ? x->dims[0] * channels : 1, size = n_elems / planes;
    double epsilon = (double)qn_node_float(args->node, "epsilon", 1e-5f);
    const double *X, *scale, *shift, *means = NULL, *vars = NULL;
    QN_TRY(qn_ref_reals(args, 0, &X));
    QN_TRY(qn_ref_reals(args, 1, &scale));
    QN_TRY(qn_ref_reals(args, 2, &shift));
    if (given) {
        QN_TRY(qn_ref_reals(args, 3, &means));
        QN_TRY(qn_ref_reals(args, 4, &vars));
    }
    for (int64_t p = 0; p < planes; p++, X += size) {
        int64_t c = p % channels;
        double mean, var;
        if (given) {
            mean = means[c];
            var = vars[c];
        } else {
            moments(X, size, &mean, &var);
        }
        double k = scale[c] / sqrt(var + epsilon);
        for (int64_t i = 0; i < size; i++)
            qn_ref_put(&args->out[0], p * size + i, (X[i] - mean) * k + shift[c]);
    }
    return QN_OK;
}

qn_status qn_ref_BatchNormalization(const qn_kernel_args *args) {
    if (qn_node_int(args->node, "training_mode", 0) != 0)
        return qn_kernel_fail(args, QN_UNSUPPORTED, "training_mode");
    return normalize(args, true);
}

qn_status qn_ref_InstanceNormalization(const qn_kernel_args *args) { return normalize(args, false); }
