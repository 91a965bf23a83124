/* GRU (ONNX operator page GRU). Gates in the order z, r, h in W, R and B:
 *
 *   z = f(x Wz' + h Rz' + Wbz + Rbz)
 *   r = f(x Wr' + h Rr' + Wbr + Rbr)
 *   n = g(x Wh' + (r h) Rh' + Rbh + Wbh)            linear_before_reset 0
 *       g(x Wh' + r (h Rh' + Rbh) + Wbh)            linear_before_reset 1
 *   H = (1 - z) n + z h
 */
#include "kernels/ref/rnn.h"

static void cell(const qn_kernel_args *args, const qn_rnn *r, int32_t d, const double *x, double *h, double *c,
                 double *scratch) {
    (void)c;
    int64_t H = r->H;
    double *by_input = scratch, *by_state = scratch + 3 * H, *reset = scratch + 6 * H;
    bool linear_first = qn_node_int(args->node, "linear_before_reset", 0) != 0;
    qn_rnn_input(r, d, 0, 3, x, by_input);
    qn_rnn_state(r, d, 0, linear_first ? 3 : 2, h, by_state);
    for (int64_t j = 0; j < H; j++)
        reset[j] = qn_rnn_apply(r, d, 0, by_input[H + j] + by_state[H + j]);
    if (linear_first) {
        for (int64_t j = 0; j < H; j++)
            by_state[2 * H + j] *= reset[j];
    } else {
        for (int64_t j = 0; j < H; j++)
            reset[j] *= h[j];
        qn_rnn_state(r, d, 2, 1, reset, by_state + 2 * H);
    }
    for (int64_t j = 0; j < H; j++) {
        double update = qn_rnn_apply(r, d, 0, by_input[j] + by_state[j]);
        double next = qn_rnn_apply(r, d, 1, by_input[2 * H + j] + by_state[2 * H + j]);
        h[j] = (1 - update) * next + update * h[j];
    }
}

qn_status qn_ref_GRU(const qn_kernel_args *args) {
    static const char *const acts[] = {"Sigmoid", "Tanh"};
    qn_rnn r;
    QN_TRY(qn_rnn_read(args, 3, acts, 2, &r));
    return qn_rnn_run(args, &r, cell);
}
