/* Activation functions of one number, in double: the formulas that reference kernels and fused activations share. */
#ifndef QN_KERNELS_SCALAR_H
#define QN_KERNELS_SCALAR_H

#include <math.h>

/** 1 / (1 + e^-x), written so that neither side overflows. */
static inline double qn_sigmoid(double x) {
    double e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

/** x/2 (1 + erf(x / sqrt 2)) */
static inline double qn_gelu(double x) { return 0.5 * x * (1 + erf(x * 0.70710678118654752440)); }

/** x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
static inline double qn_gelu_tanh(double x) {
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

/** x sigmoid(alpha x) */
static inline double qn_swish(double x, double alpha) { return x * qn_sigmoid(alpha * x); }

/** max(0, min(1, alpha x + beta)); NaN stays */
static inline double qn_hard_sigmoid(double x, double alpha, double beta) {
    double v = alpha * x + beta;
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

/** x max(0, min(1, x/6 + 1/2)) */
static inline double qn_hard_swish(double x) { return x * qn_hard_sigmoid(x, 1.0 / 6.0, 0.5); }

/** ln(1 + e^x), without overflow: max(x, 0) + ln(1 + e^-|x|) */
static inline double qn_softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

#endif
