/* The axes of a reduction. */
#ifndef QN_KERNELS_REF_REDUCE_H
#define QN_KERNELS_REF_REDUCE_H

#include "kernels/kernel.h"

/** Bit d of *mask: the node reduces dimension d of its first input, of this rank (second input: the axes; absent or
 *  empty: all, or none with noop_with_empty_axes). QN_MALFORMED names an axis out of range. */
QN_MUST_USE qn_status qn_ref_reduced_axes(const qn_kernel_args *args, int32_t rank, unsigned *mask);

#endif
