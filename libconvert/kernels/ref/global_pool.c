/* GlobalAveragePool and GlobalMaxPool (ONNX operator pages): one number for all spatial positions of each [N, C]. The
 * mean of no element is NaN, the largest of none -infinity. */
#include "kernels/ref/real.h"

static qn_status global_pool(const qn_kernel_args *args, bool max) {
    const qn_tensor *x = &args->in[0];
    if (x->rank < 2)
        return qn_kernel_fail(args, QN_MALFORMED, "input of %d dimensions", x->rank);
    int64_t planes = qn_ref_numel(&args->out[0]), size = 1;
    for (int32_t i = 2; i < x->rank; i++)
        size *= x->dims[i];
    const double *X;
    QN_TRY(qn_ref_reals(args, 0, &X));
    for (int64_t p = 0; p < planes; p++) {
        double sum = 0, best = -INFINITY;
        for (int64_t i = 0; i < size; i++) {
            double v = X[p * size + i];
            sum += v;
            if (v > best || isnan(v))
                best = v;
        }
        qn_ref_put(&args->out[0], p, max ? best : sum / (double)size);
    }
    return QN_OK;
}

qn_status qn_ref_GlobalAveragePool(const qn_kernel_args *args) { return global_pool(args, false); }
qn_status qn_ref_GlobalMaxPool(const qn_kernel_args *args) { return global_pool(args, true); }
