/* Inputs of products as 8 bit codes: what the attribute x_quant of Linear, Conv and ConvTranspose means (docs/ops.md).
 */
#ifndef QN_KERNELS_REF_X_QUANT_H
#define QN_KERNELS_REF_X_QUANT_H

#include "kernels/kernel.h"

/** What the codes of one group of numbers mean: x' = (code - zero_point) * scale. */
typedef struct qn_x_quant {
    float scale;   /**< 0: every x' is 0 */
    float inverse; /**< 1 / scale; 0 when scale is 0 */
    int32_t zero_point;
    bool finite; /**< false: every x' is NaN */
} qn_x_quant;

/** Does the node quantise its input 0? False for a name other than NONE and dynamic_uint8. */
bool qn_x_quant_of(const qn_node *node, bool *dynamic);
/** The same as a status: QN_UNSUPPORTED names what the attribute says. */
QN_MUST_USE qn_status qn_x_quant_read(const qn_kernel_args *args, bool *dynamic);

/** The codes of numbers whose least is `least` and whose largest is `largest`; `finite`: none is NaN or infinite. */
qn_x_quant qn_x_quant_make(float least, float largest, bool finite);
/** x, one of those numbers, as its code says it. */
float qn_x_quant_value(const qn_x_quant *q, float x);

/** *x, input 0 of the node as doubles, replaced by its quantised numbers in scratch, a group each `n_group` of them;
 * left as it is when the node does not quantise. */
QN_MUST_USE qn_status qn_ref_x_quant(const qn_kernel_args *args, int64_t n_group, const double **x);

#endif
