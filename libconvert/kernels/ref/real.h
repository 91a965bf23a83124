/* Real numbers for reference kernels: operands read as double, results rounded once when they are stored. */
#ifndef QN_KERNELS_REF_REAL_H
#define QN_KERNELS_REF_REAL_H

#include "kernels/kernel.h"

#include <math.h>

/** Elements of `t`: its dims were checked when it was made. */
static inline int64_t qn_ref_numel(const qn_tensor *t) {
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++)
        n *= t->dims[i];
    return n;
}

static inline bool qn_ref_has(const qn_kernel_args *args, int32_t i) {
    return i < args->n_in && args->in[i].dtype != QN_NONE;
}
static inline bool qn_ref_wants(const qn_kernel_args *args, int32_t i) {
    return i < args->n_out && args->out[i].dtype != QN_NONE;
}

/** Input i (any numeric dtype) as doubles: borrowed when it is float64, else in scratch. *out is NULL when the input is
 *  absent. */
QN_MUST_USE qn_status qn_ref_reals(const qn_kernel_args *args, int32_t i, const double **out);

/** n zeroed doubles in scratch. */
QN_MUST_USE qn_status qn_ref_scratch(const qn_kernel_args *args, int64_t n, double **out);

/** Element i of `out` = v: rounded to nearest for floats; for integers cut towards zero, held at the ends of the range,
 *  NaN to 0. */
void qn_ref_put(qn_tensor *out, int64_t i, double v);
/** Elements [first, first + n) of `out` = v[0..n). */
void qn_ref_put_n(qn_tensor *out, int64_t first, const double *v, int64_t n);

/** Strides (in elements) with which `t` is read over `dims`, aligned at the last axis; 0 where it is repeated. False
 *  when t does not broadcast to dims. */
bool qn_ref_spread(const qn_tensor *t, int32_t rank, const int64_t *dims, int64_t *strides);

/** Step a multi-index in C order; false after the last one (then it is all zeros again). */
static inline bool qn_ref_next(int64_t *index, int32_t rank, const int64_t *dims) {
    for (int32_t i = rank - 1; i >= 0; i--) {
        if (++index[i] < dims[i])
            return true;
        index[i] = 0;
    }
    return false;
}

static inline int64_t qn_ref_dot(const int64_t *index, const int64_t *strides, int32_t rank) {
    int64_t sum = 0;
    for (int32_t i = 0; i < rank; i++)
        sum += index[i] * strides[i];
    return sum;
}

/** Fails as QN_MALFORMED unless input i has that rank. */
QN_MUST_USE qn_status qn_ref_need_rank(const qn_kernel_args *args, int32_t i, int32_t rank);
/** Fails as QN_MALFORMED unless input i, when it is there, has n elements. */
QN_MUST_USE qn_status qn_ref_need_numel(const qn_kernel_args *args, int32_t i, int64_t n);
/** axis in [-rank, rank) of input 0, to [0, rank). */
QN_MUST_USE qn_status qn_ref_axis_attr(const qn_kernel_args *args, int64_t otherwise, int32_t *axis);

#endif
