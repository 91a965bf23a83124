/* Input sums of gates that a float32 product leaves in doubt.
 *
 * A sigmoid or tanh turns on an absolute amount of about 1. A float32 sum of terms of magnitude m is off by some m
 * 2^-24: with inputs of thousands (magnitudes of a spectrum, say) whose terms cancel, by 1e-3, and a cell near its
 * threshold by as much. Most gates are far beyond their thresholds then, and are left; those within NEAR of it, which a
 * state product of H terms under 1 could bring back, are summed once more in float64 and rounded once. Rows of ordinary
 * inputs cost a look each. */
#include <math.h>

#include "base/pool.h"
#include "kernels/recurrent/recurrent.h"

/* Largest input that float32 sums serve (their error stays under 1e-5); and how near the threshold is near. */
#define LOUD 64.0f
#define NEAR 128.0f

typedef struct refinement {
    const float *x, *bias;
    const qn_operand *w;
    const qn_gemm_isa *isa;
    float *projection;
    int64_t I, G;
} refinement;

/* bias + x times row j of the weights. */
static double sum_of(const refinement *r, const float *x, int64_t j) {
    enum { RUN = 256 };
    float w[RUN];
    double sum = (double)r->bias[j];
    for (int64_t i = 0; i < r->I; i += RUN) {
        const int64_t n = r->I - i < RUN ? r->I - i : RUN;
        r->isa->pack(r->w, j, 1, i, n, 1, w); /* a panel of width 1 is a row */
        for (int64_t k = 0; k < n; k++)
            sum += (double)x[i + k] * (double)w[k];
    }
    return sum;
}

static void refine_rows(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const refinement *r = arg;
    for (int64_t row = begin; row < end; row++) {
        const float *x = r->x + row * r->I;
        float *p = r->projection + row * r->G, largest = 0;
        for (int64_t i = 0; i < r->I; i++)
            largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
        for (int64_t j = 0; largest > LOUD && j < r->G; j++) {
            if (fabsf(p[j]) < NEAR)
                p[j] = (float)sum_of(r, x, j);
        }
    }
}

void qn_recurrent_refine(qn_context *ctx, int64_t rows, int64_t I, int64_t G, const float *x, const qn_operand *w,
                         const float *bias, float *projection) {
    refinement r = {.x = x, .w = w, .isa = qn_gemm_isa_of(ctx), .bias = bias, .projection = projection, .I = I, .G = G};
    qn_parallel_for(ctx, rows, 16, refine_rows, &r);
}
