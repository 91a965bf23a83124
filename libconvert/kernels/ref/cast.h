/* The Cast of a node on elements. */
#ifndef QN_KERNELS_REF_CAST_H
#define QN_KERNELS_REF_CAST_H

#include "kernels/kernel.h"

/** dst[0..n) = Cast(src[0..n)) as `cast`, a Cast node, says. */
void qn_ref_cast_elems(const qn_node *cast, qn_dtype from, const void *src, qn_dtype to, void *dst, int64_t n);

#endif
