/* Conv (ONNX operator page Conv), with a fused activation and a residual (docs/ops.md).
 *
 * X [N, C, spatial], W [M, C/group, kernel], B [M], residual and Y [N, M, spatial out]; output channel m belongs to
 * group g = m / (M/group):
 *   Y[n, m, o] = activation(B[m] + sum over c, k of W[m, c, k] X[n, g C/group + c, o stride - pad + k dilation])
 *                + residual[n, m, o]
 * x_quant: each image of X is quantised first (kernels/ref/x_quant.h).
 */
#include "kernels/activation.h"
#include "kernels/ref/real.h"
#include "kernels/ref/x_quant.h"
#include "kernels/spatial.h"

qn_status qn_ref_Conv(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *w = &args->in[1];
    qn_tensor *y = &args->out[0];
    if (qn_ref_numel(y) == 0)
        return QN_OK;
    QN_TRY(qn_ref_need_rank(args, 1, x->rank));
    qn_spatial window;
    QN_TRY(qn_spatial_read(args, w->dims + 2, &window));
    int64_t groups = qn_node_int(args->node, "group", 1);
    int64_t N = x->dims[0], C = x->dims[1], M = w->dims[0], Cg = w->dims[1];
    if (groups < 1 || C % groups != 0 || M % groups != 0 || C / groups != Cg)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld channels in %lld groups and a weight of %lld x %lld channels",
                              (long long)C, (long long)groups, (long long)M, (long long)Cg);
    QN_TRY(qn_ref_need_numel(args, 2, M));
    QN_TRY(qn_ref_need_numel(args, 3, qn_ref_numel(y)));

    qn_activation act;
    qn_taps taps;
    const double *X, *W, *B, *residual;
    double *row;
    QN_TRY(qn_activation_read(args, &act));
    QN_TRY(qn_taps_create(args, &window, &taps));
    QN_TRY(qn_ref_reals(args, 0, &X));
    QN_TRY(qn_ref_reals(args, 1, &W));
    QN_TRY(qn_ref_reals(args, 2, &B));
    QN_TRY(qn_ref_reals(args, 3, &residual));
    QN_TRY(qn_ref_scratch(args, M, &row));

    int64_t in_size = qn_spatial_in_numel(&window), out_size = qn_spatial_out_numel(&window), kernel_size;
    if (!qn_spatial_kernel_numel(&window, &kernel_size))
        return qn_kernel_fail(args, QN_UNSUPPORTED, "a window of too many taps");
    QN_TRY(qn_ref_x_quant(args, C * in_size, &X));
    int64_t out_dims[QN_MAX_SPATIAL], pos[QN_MAX_SPATIAL] = {0};
    for (int32_t i = 0; i < window.n; i++)
        out_dims[i] = window.axis[i].out;
    for (int64_t o = 0; o < out_size; o++, qn_ref_next(pos, window.n, out_dims)) {
        qn_spatial_taps(&window, pos, &taps);
        for (int64_t n = 0; n < N; n++) {
            for (int64_t m = 0; m < M; m++) {
                const double *Xg = X + (n * C + m / (M / groups) * Cg) * in_size, *Wm = W + m * Cg * kernel_size;
                double sum = B ? B[m] : 0;
                for (int64_t c = 0; c < Cg; c++)
                    for (int64_t t = 0; t < taps.n; t++)
                        sum += Wm[c * kernel_size + taps.kernel[t]] * Xg[c * in_size + taps.in[t]];
                row[m] = sum;
            }
            qn_activation_f64(&act, row, M);
            for (int64_t m = 0; m < M; m++) {
                int64_t at = (n * M + m) * out_size + o;
                qn_ref_put(y, at, residual ? row[m] + residual[at] : row[m]);
            }
        }
    }
    return QN_OK;
}
