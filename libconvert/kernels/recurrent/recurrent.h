/* LSTM and GRU with their usual activations: all input projections of a run of steps are one product; the state's
 * weights are packed once, and each step multiplies its few rows by them with the microkernel. */
#ifndef QN_KERNELS_RECURRENT_RECURRENT_H
#define QN_KERNELS_RECURRENT_RECURRENT_H

#include "kernels/gemm/gemm_isa.h"

/** What a step does to one row of the batch after its products. H elements a gate. */
typedef struct qn_cells {
    /** Gates i, o, f, c: c = f c + i tanh(c'), h = o tanh(c), with sigmoids of i, o and f. */
    void (*lstm)(int64_t H, const float *gates, float *h, float *c);
    /** Gates z, r, h of the input (x) and the state (s): rh = sigmoid(x_r + s_r) h. */
    void (*reset)(int64_t H, const float *x, const float *s, const float *h, float *rh);
    /** n = tanh(x_h + s_h), or with `bias` tanh(x_h + r (s_h + bias)), r = sigmoid(x_r + s_r);
     *  h = (1 - z) n + z h with z = sigmoid(x_z + s_z). */
    void (*gru)(int64_t H, const float *x, const float *s, const float *bias, float *h);
} qn_cells;

/** projection[rows, G] = x[rows, I] wᵀ + bias[G] is there in float32, w [G, I] of any storage: sums near a threshold that
 * large inputs leave in doubt are done again in float64 (refine.c). */
void qn_recurrent_refine(qn_context *ctx, int64_t rows, int64_t I, int64_t G, const float *x, const qn_operand *w,
                         const float *bias, float *projection);

extern const qn_cells qn_cells_scalar, qn_cells_neon, qn_cells_avx2, qn_cells_avx512;

#endif
