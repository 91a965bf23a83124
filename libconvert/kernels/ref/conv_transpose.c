/* ConvTranspose (ONNX operator page ConvTranspose): the gradient of Conv by its input.
 *
 * X [N, C, spatial], W [C, M/group, kernel], B [M], Y [N, M, spatial out]; every input element lays its window over the
 * output. Gathered by output position, with group g = m / (M/group):
 *   Y[n, m, o] = B[m] + sum over c in g, and over i, k with i stride - pad + k dilation = o,
 *                of X[n, c, i] W[c, m in g, k]
 * x_quant: each image of X is quantised first (kernels/ref/x_quant.h).
 */
#include "kernels/ref/real.h"
#include "kernels/ref/x_quant.h"
#include "kernels/spatial.h"

qn_status qn_ref_ConvTranspose(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *w = &args->in[1];
    qn_tensor *y = &args->out[0];
    if (qn_ref_numel(y) == 0)
        return QN_OK;
    QN_TRY(qn_ref_need_rank(args, 1, x->rank));
    qn_spatial window;
    QN_TRY(qn_spatial_read_transposed(args, w->dims + 2, &window));
    int64_t groups = qn_node_int(args->node, "group", 1);
    int64_t N = x->dims[0], C = x->dims[1], Mg = w->dims[1], M = y->dims[1];
    if (groups < 1 || C % groups != 0 || w->dims[0] != C || M % groups != 0 || M / groups != Mg)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld channels in %lld groups and a weight of %lld x %lld channels",
                              (long long)C, (long long)groups, (long long)w->dims[0], (long long)Mg);
    QN_TRY(qn_ref_need_numel(args, 2, M));

    qn_taps taps;
    const double *X, *W, *B;
    QN_TRY(qn_taps_create(args, &window, &taps));
    QN_TRY(qn_ref_reals(args, 0, &X));
    QN_TRY(qn_ref_reals(args, 1, &W));
    QN_TRY(qn_ref_reals(args, 2, &B));

    int64_t Cg = C / groups, kernel_size;
    int64_t in_size = qn_spatial_in_numel(&window), out_size = qn_spatial_out_numel(&window);
    if (!qn_spatial_kernel_numel(&window, &kernel_size))
        return qn_kernel_fail(args, QN_UNSUPPORTED, "a window of too many taps");
    QN_TRY(qn_ref_x_quant(args, C * in_size, &X));
    int64_t out_dims[QN_MAX_SPATIAL], pos[QN_MAX_SPATIAL] = {0};
    for (int32_t i = 0; i < window.n; i++)
        out_dims[i] = window.axis[i].out;
    for (int64_t o = 0; o < out_size; o++, qn_ref_next(pos, window.n, out_dims)) {
        if (Cg > 0)
            qn_spatial_taps_transposed(&window, pos, &taps);
        for (int64_t n = 0; n < N; n++)
            for (int64_t m = 0; m < M; m++) {
                double sum = B ? B[m] : 0;
                for (int64_t c = m / Mg * Cg; c < (m / Mg + 1) * Cg; c++) {
                    const double *Xc = X + (n * C + c) * in_size, *Wc = W + (c * Mg + m % Mg) * kernel_size;
                    for (int64_t t = 0; t < taps.n; t++)
                        sum += Wc[taps.kernel[t]] * Xc[taps.in[t]];
                }
                qn_ref_put(y, (n * M + m) * out_size + o, sum);
            }
    }
    return QN_OK;
}
