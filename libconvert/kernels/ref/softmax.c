/* Softmax and LogSoftmax (ONNX operator pages, since opset 13: along one axis).
 *
 *   softmax(x)    = exp(x - max) / sum of exp(x - max)
 *   logsoftmax(x) = x - max - ln(sum of exp(x - max))
 */
#include "kernels/ref/real.h"

static qn_status softmax(const qn_kernel_args *args, bool logarithm) {
    const qn_tensor *x = &args->in[0];
    int64_t n_elems = qn_ref_numel(x), inner = 1;
    if (n_elems == 0)
        return QN_OK;
    int32_t axis = 0;
    int64_t size = 1;
    if (x->rank > 0) {
        QN_TRY(qn_ref_axis_attr(args, -1, &axis));
        size = x->dims[axis];
    }
    for (int32_t i = axis + 1; i < x->rank; i++)
        inner *= x->dims[i];
    const double *X;
    QN_TRY(qn_ref_reals(args, 0, &X));
    for (int64_t line = 0; line < n_elems / size; line++) {
        int64_t first = line / inner * size * inner + line % inner;
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < size; i++)
            if (X[first + i * inner] > max)
                max = X[first + i * inner];
        for (int64_t i = 0; i < size; i++)
            sum += exp(X[first + i * inner] - max);
        for (int64_t i = 0; i < size; i++) {
            double v = X[first + i * inner] - max;
            qn_ref_put(&args->out[0], first + i * inner, logarithm ? v - log(sum) : exp(v) / sum);
        }
    }
    return QN_OK;
}

qn_status qn_ref_Softmax(const qn_kernel_args *args) { return softmax(args, false); }
qn_status qn_ref_LogSoftmax(const qn_kernel_args *args) { return softmax(args, true); }
