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

typedef enum qn_x_quant_mode {
    QN_X_QUANT_NONE = 0,
    QN_X_QUANT_DYNAMIC, /**< each group by its own range */
    QN_X_QUANT_STATIC   /**< all numbers by the attributes x_scale and x_zero */
} qn_x_quant_mode;

/** How the node quantises its input 0; of STATIC, *fixed is what its codes mean. False for another name, an x_scale that
 *  is not a normal positive number, or an x_zero outside 0..255. */
bool qn_x_quant_of(const qn_node *node, qn_x_quant_mode *mode, qn_x_quant *fixed);
/** The same as a status: QN_UNSUPPORTED names what the attributes say. */
QN_MUST_USE qn_status qn_x_quant_read(const qn_kernel_args *args, qn_x_quant_mode *mode, qn_x_quant *fixed);

/** The codes of numbers whose least is `least` and whose largest is `largest`; `finite`: none is NaN or infinite. */
qn_x_quant qn_x_quant_make(float least, float largest, bool finite);
/** x, one of those numbers, as its code says it; by a fixed scale any number: NaN has the code 0. */
float qn_x_quant_value(const qn_x_quant *q, float x);

/** *x, input 0 of the node as doubles, replaced by its quantised numbers in scratch, a group each `n_group` of them;
 * left as it is when the node does not quantise. */
QN_MUST_USE qn_status qn_ref_x_quant(const qn_kernel_args *args, int64_t n_group, const double **x);

#endif
