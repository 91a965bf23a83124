/* LSTM (ONNX operator page LSTM). Gates in the order i, o, f, c in W, R and B; peepholes in the order i, o, f:
 *
 *   i = f(x Wi' + h Ri' + Pi c + bias)
 *   f = f(x Wf' + h Rf' + Pf c + bias)              1 - i with input_forget
 *   g = g(x Wc' + h Rc' + bias)
 *   C = f c + i g
 *   o = f(x Wo' + h Ro' + Po C + bias)
 *   H = o h(C)
 */
#include "kernels/ref/rnn.h"

static void cell(const qn_kernel_args *args, const qn_rnn *r, int32_t d, const double *x, double *h, double *c,
                 double *scratch) {
    int64_t H = r->H;
    double *gate = scratch, *by_state = scratch + 4 * H;
    const double *P = r->peepholes ? r->peepholes + 3 * d * H : NULL;
    bool input_forget = qn_node_int(args->node, "input_forget", 0) != 0;
    qn_rnn_input(r, d, 0, 4, x, gate);
    qn_rnn_state(r, d, 0, 4, h, by_state);
    for (int64_t j = 0; j < 4 * H; j++)
        gate[j] += by_state[j];
    for (int64_t j = 0; j < H; j++) {
        double in = qn_rnn_apply(r, d, 0, gate[j] + (P ? P[j] * c[j] : 0));
        double forget = input_forget ? 1 - in : qn_rnn_apply(r, d, 0, gate[2 * H + j] + (P ? P[2 * H + j] * c[j] : 0));
        c[j] = forget * c[j] + in * qn_rnn_apply(r, d, 1, gate[3 * H + j]);
        double out = qn_rnn_apply(r, d, 0, gate[H + j] + (P ? P[H + j] * c[j] : 0));
        h[j] = out * qn_rnn_apply_state(r, d, 2, c[j]);
    }
}

qn_status qn_ref_LSTM(const qn_kernel_args *args) {
    static const char *const acts[] = {"Sigmoid", "Tanh", "Tanh"};
    qn_rnn r;
    QN_TRY(qn_rnn_read(args, 4, acts, 3, &r));
    QN_TRY(qn_ref_need_numel(args, 6, r.n_dirs * r.B * r.H));
    QN_TRY(qn_ref_need_numel(args, 7, 3 * r.n_dirs * r.H));
    QN_TRY(qn_ref_reals(args, 6, &r.c0));
    QN_TRY(qn_ref_reals(args, 7, &r.peepholes));
    return qn_rnn_run(args, &r, cell);
}
