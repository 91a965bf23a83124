/* Integer operands of a kernel: axes, starts, pads, repeats ... */
#ifndef QN_KERNELS_REF_INTEGERS_H
#define QN_KERNELS_REF_INTEGERS_H

#include "kernels/ref/real.h"

/** The integers (int64 or int32) of input i as int64, in scratch or borrowed; NULL and 0 when the input is absent.
 *  Another dtype is malformed. */
QN_MUST_USE qn_status qn_ref_integers(const qn_kernel_args *args, int32_t i, const int64_t **out, int64_t *n);

#endif
