/* LayerNormalization and RMSNormalization (ONNX operator pages) over the axes from `axis` on.
 *
 *   LayerNormalization:  y = (x - mean) / sqrt(var + epsilon) * scale + shift
 *                        further outputs: mean and 1 / sqrt(var + epsilon), normalised axes of size 1
 *   RMSNormalization:    y = x / sqrt(mean of x^2 + epsilon) * scale
 *
 * mean and var over all elements of the normalised axes; scale and shift broadcast to x.
 */
#include "kernels/ref/real.h"

/* An operand broadcast over x. */
typedef struct factor {
    const double *v; /* NULL: absent */
    int64_t strides[QN_MAX_RANK];
} factor;

static qn_status read_factor(const qn_kernel_args *args, int32_t i, factor *out) {
    const qn_tensor *x = &args->in[0];
    if (qn_ref_has(args, i) && !qn_ref_spread(&args->in[i], x->rank, x->dims, out->strides))
        return qn_kernel_fail(args, QN_MALFORMED, "input %d does not broadcast to input 0", i);
    return qn_ref_reals(args, i, &out->v);
}

static qn_status normalize(const qn_kernel_args *args, bool centred) {
    const qn_tensor *x = &args->in[0];
    int32_t axis;
    QN_TRY(qn_ref_axis_attr(args, -1, &axis));
    int64_t n_elems = qn_ref_numel(x), size = 1, index[QN_MAX_RANK] = {0};
    for (int32_t i = axis; i < x->rank; i++)
        size *= x->dims[i];
    double epsilon = (double)qn_node_float(args->node, "epsilon", 1e-5f);
    const double *X;
    factor scale, shift = {NULL, {0}};
    QN_TRY(qn_ref_reals(args, 0, &X));
    QN_TRY(read_factor(args, 1, &scale));
    if (centred)
        QN_TRY(read_factor(args, 2, &shift));
    for (int32_t i = 1; n_elems == 0 && i < 3; i++) /* moments of no element */
        for (int64_t k = 0; qn_ref_wants(args, i) && k < qn_ref_numel(&args->out[i]); k++)
            qn_ref_put(&args->out[i], k, (double)NAN);
    for (int64_t at = 0, row = 0; at < n_elems; row++) {
        double mean = 0, squares = 0;
        for (int64_t i = 0; centred && i < size; i++)
            mean += X[at + i];
        mean /= (double)size;
        for (int64_t i = 0; i < size; i++)
            squares += (X[at + i] - mean) * (X[at + i] - mean);
        double inv = 1 / sqrt(squares / (double)size + epsilon);
        if (centred && qn_ref_wants(args, 1))
            qn_ref_put(&args->out[1], row, mean);
        if (centred && qn_ref_wants(args, 2))
            qn_ref_put(&args->out[2], row, inv);
        for (int64_t i = 0; i < size; i++, at++, qn_ref_next(index, x->rank, x->dims)) {
            double v = (X[at] - mean) * inv * scale.v[qn_ref_dot(index, scale.strides, x->rank)];
            if (shift.v)
                v += shift.v[qn_ref_dot(index, shift.strides, x->rank)];
            qn_ref_put(&args->out[0], at, v);
        }
    }
    return QN_OK;
}

qn_status qn_ref_LayerNormalization(const qn_kernel_args *args) { return normalize(args, true); }
qn_status qn_ref_RMSNormalization(const qn_kernel_args *args) { return normalize(args, false); }
