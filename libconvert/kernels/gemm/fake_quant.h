/* Products of quantised inputs in float32 ("fake quantisation"): input 0 is replaced by the numbers that its 8 bit
 * codes stand for, and the float32 kernel goes on from there. The path for weights and machines without one in
 * integers. */
#ifndef QN_KERNELS_GEMM_FAKE_QUANT_H
#define QN_KERNELS_GEMM_FAKE_QUANT_H

#include "kernels/gemm/gemm.h"
#include "kernels/ref/x_quant.h"

enum { QN_FAKE_QUANT_IN = 4 }; /**< most inputs of a node that quantises */

/** A node's arguments with another input 0. */
typedef struct qn_fake_quant {
    qn_kernel_args args;
    qn_tensor in[QN_FAKE_QUANT_IN];
} qn_fake_quant;

/** Does the node say in x_quant what there is? */
bool qn_fake_quant_accepts(const qn_kernel_args *args);
/** out->args: `given`; when the node quantises, with the numbers of input 0 (float32, float16 or bfloat16) as their
 * codes say them, in float32, in the kernel's scratch; dynamic codes have a group for each index of its first `axis` dimensions. Has the
 * bits that qn_x_quant_value gives, whatever the instruction set and the threads. `out` is referred to by out->args: it
 * stays where it is. */
QN_MUST_USE qn_status qn_fake_quant_view(const qn_kernel_args *given, int32_t axis, qn_fake_quant *out);

/** out[g] = what the codes of group g mean, static or dynamic, of the n_groups groups of n_group >= 1 elements that input 0 is. */
QN_MUST_USE qn_status qn_x_quant_groups(const qn_kernel_args *args, int64_t n_groups, int64_t n_group, qn_x_quant *out);

/** Least and largest of x[begin, end) and 0; false when one is not finite. */
typedef bool (*qn_quant_range_fn)(qn_dtype dtype, const void *x, int64_t begin, int64_t end, float *least,
                                  float *largest);
bool qn_quant_range_scalar(qn_dtype dtype, const void *x, int64_t begin, int64_t end, float *least, float *largest);
bool qn_quant_range_neon(qn_dtype dtype, const void *x, int64_t begin, int64_t end, float *least, float *largest);
bool qn_quant_range_avx2(qn_dtype dtype, const void *x, int64_t begin, int64_t end, float *least, float *largest);
bool qn_quant_range_avx512(qn_dtype dtype, const void *x, int64_t begin, int64_t end, float *least, float *largest);

/** out[begin, end) = qn_x_quant_value of x[begin, end); q->finite. */
typedef void (*qn_quant_values_fn)(qn_dtype dtype, const void *x, int64_t begin, int64_t end, const qn_x_quant *q,
                                   float *out);
void qn_quant_values_scalar(qn_dtype dtype, const void *x, int64_t begin, int64_t end, const qn_x_quant *q, float *out);
void qn_quant_values_neon(qn_dtype dtype, const void *x, int64_t begin, int64_t end, const qn_x_quant *q, float *out);
void qn_quant_values_avx2(qn_dtype dtype, const void *x, int64_t begin, int64_t end, const qn_x_quant *q, float *out);
void qn_quant_values_avx512(qn_dtype dtype, const void *x, int64_t begin, int64_t end, const qn_x_quant *q, float *out);

#endif
