/* Which elements of an encoded constant share a scale. */
#ifndef QN_IR_GROUPS_H
#define QN_IR_GROUPS_H

#include "ir/constant.h"

/** Which group an element of a tensor in C order belongs to: element e is in group (e / inner) % n_groups. One group
 *  for the tensor: n_groups 1. One for each index of `axis`: n_groups = dims[axis], inner = product of the dims after.
 *  With blocks along an axis of `size`: with per = ceil(size / block), element e is in group
 *  (e / (size inner) per + e / inner % size / block) inner + e % inner.
 *  With two-dimensional blocks the tensor is [outer, size, between, size2, inner2] around the two axes (the first of them
 *  in the fields without a 2; inner = between size2 inner2) and the groups are
 *  [outer, ceil(size / block), between, ceil(size2 / block2), inner2]. */
typedef struct qn_groups {
    int64_t n_groups, inner;
    int64_t block, size;           /**< block 0: none */
    int64_t block2, size2, inner2; /**< block2 0: blocks are one-dimensional */
} qn_groups;

/** The groups of a constant's scales. */
qn_groups qn_const_groups(const qn_const *c);

/** A stretch of consecutive elements: all in one group (step 0), or in consecutive groups (step 1). */
typedef struct qn_run {
    int64_t n, group, step;
} qn_run;
/** The longest stretch from element `e` on, at most `left` long (> 0). */
qn_run qn_run_at(const qn_groups *g, int64_t e, int64_t left);

#endif
