/* Element-wise ops on vectors: float32 arithmetic over float32, float16 or bfloat16 storage. The walk over broadcast
 * shapes is the reference kernels' (ref/iterate.h); here are the spans. */
#ifndef QN_KERNELS_ELEMENTWISE_ELEMENTWISE_H
#define QN_KERNELS_ELEMENTWISE_ELEMENTWISE_H

#include "kernels/activation.h"
#include "kernels/ref/iterate.h"

typedef struct qn_elementwise {
    qn_op op;
    qn_dtype a, b, y;  /**< storage of the operands; b of the binary ops only */
    float alpha, beta; /**< Elu, LeakyRelu, Swish, HardSigmoid; Clip: bounds; Pow: alpha is the exponent */
    bool tanh_form;    /**< Gelu */
    qn_activation act; /**< Add */
} qn_elementwise;

/** qn_span_fn with a qn_elementwise as user. */
void qn_unary_span_scalar(const qn_span *s);
void qn_unary_span_neon(const qn_span *s);
void qn_unary_span_avx2(const qn_span *s);
void qn_unary_span_avx512(const qn_span *s);
void qn_binary_span_scalar(const qn_span *s);
void qn_binary_span_neon(const qn_span *s);
void qn_binary_span_avx2(const qn_span *s);
void qn_binary_span_avx512(const qn_span *s);
/** The best that the context allows. */
qn_span_fn qn_unary_span_of(const qn_kernel_args *args);
qn_span_fn qn_binary_span_of(const qn_kernel_args *args);

#endif
