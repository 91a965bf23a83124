/* What GRU and LSTM share: operands, directions, layouts, sequence lengths, activations by name. */
#ifndef QN_KERNELS_REF_RNN_H
#define QN_KERNELS_REF_RNN_H

#include "kernels/ref/product.h"

enum { QN_RNN_MAX_ACTS = 3 };

/** One activation function with its numbers. */
typedef struct qn_rnn_act {
    double (*fn)(double x, double alpha, double beta);
    double alpha, beta;
} qn_rnn_act;

typedef struct qn_rnn {
    int64_t T, B, I, H;       /**< steps, batch, input size, hidden size */
    int64_t gates;            /**< rows of W and R, in units of H */
    int32_t n_dirs;
    bool reverse[2];
    bool batch_first;         /**< layout 1 */
    double clip;              /**< gates are held in [-clip, clip] before their activation; infinity when absent */
    qn_rnn_act act[2][QN_RNN_MAX_ACTS];
    const double *X;          /**< [T, B, I]; batch_first: [B, T, I] */
    const double *W, *R;      /**< [n_dirs, gates H, I], [n_dirs, gates H, H] */
    const double *bias;       /**< [n_dirs, 2 gates H]: of W, then of R; NULL: zeros */
    const double *h0, *c0;    /**< [n_dirs, B, H]; batch_first: [B, n_dirs, H]; NULL: zeros */
    const double *peepholes;  /**< [n_dirs, 3 H] or NULL (LSTM) */
    const int64_t *lengths;   /**< [B] */
} qn_rnn;

/** Inputs 0..5 (X, W, R, B, sequence_lens, initial_h) and the attributes; `defaults`: names of the n_acts activations of
 *  a direction. c0 and peepholes are left NULL. */
QN_MUST_USE qn_status qn_rnn_read(const qn_kernel_args *args, int64_t gates, const char *const *defaults, int32_t n_acts,
                                  qn_rnn *out);

/** One step of one direction: h (and c) of [H] become the next ones. x [I]; scratch has 3 gates H numbers. */
typedef void (*qn_rnn_cell)(const qn_kernel_args *args, const qn_rnn *r, int32_t dir, const double *x, double *h,
                            double *c, double *scratch);

/** Walk the sequences and write Y (output 0; zero beyond a sequence's length), Y_h (1) and Y_c (2), where wanted. */
QN_MUST_USE qn_status qn_rnn_run(const qn_kernel_args *args, const qn_rnn *r, qn_rnn_cell cell);

/** y[0..n H) = the rows first H .. (first + n) H of W x (or R h), plus their bias. */
void qn_rnn_input(const qn_rnn *r, int32_t dir, int64_t first, int64_t n, const double *x, double *y);
void qn_rnn_state(const qn_rnn *r, int32_t dir, int64_t first, int64_t n, const double *h, double *y);

/** Activation `which` of the direction, after the clip. */
static inline double qn_rnn_apply(const qn_rnn *r, int32_t dir, int which, double x) {
    x = x > r->clip ? r->clip : x < -r->clip ? -r->clip : x;
    return r->act[dir][which].fn(x, r->act[dir][which].alpha, r->act[dir][which].beta);
}
/** The same without the clip: the activation of a state. */
static inline double qn_rnn_apply_state(const qn_rnn *r, int32_t dir, int which, double x) {
    return r->act[dir][which].fn(x, r->act[dir][which].alpha, r->act[dir][which].beta);
}

#endif
