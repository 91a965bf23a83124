/* What the files of affine encoding share: the scales of a gang, as they are searched and as they are stored. */
#ifndef QN_QUANT_AFFINE_WORK_H
#define QN_QUANT_AFFINE_WORK_H

#include "quant/affine_kernels.h"

/** What codes and scales of a constant can be. */
typedef struct qn_affine {
    const qn_const *c;
    const qn_code_type *type;
    const qn_affine_kernels *kernels;
    qn_affine_grid grid; /**< with zero points of 0 */
    qn_range_choice range;
    double percentile;
    bool sign;           /**< scales may be negative */
    bool both_ends;      /**< symmetric codes with one more number below 0, or none: a scale's sign matters */
    bool power;          /**< scales are powers of two */
    float min, max;      /**< least and largest code, or number */
    int most;            /**< exponent of the largest number */
} qn_affine;

void qn_affine_prepare(const qn_context *ctx, const qn_const *c, qn_affine *out);

/** Scales and zero points of a gang (as integers; 0 when symmetric), in units of gang->x. */
typedef struct qn_fit {
    float scale[QN_GANG];
    float zero[QN_GANG];
} qn_fit;

/** By range and zero points' formula, not rounded to the type of scales, but for powers of two. */
void qn_affine_plain(const qn_affine *affine, const qn_gang *gang, qn_fit *out);
/** Least error, the same way; `plain` is where it begins. Not rounded, powers neither. */
void qn_affine_search(const qn_affine *affine, const qn_gang *gang, const qn_fit *plain, qn_fit *out);
/** Zero points of asymmetric codes by the ends of the range, for scales that were given. */
void qn_affine_zeros(const qn_affine *affine, const qn_gang *gang, qn_fit *fit);

/** sum w (x - stored)^2 with these scales as they are; 0 scales give 0. */
void qn_affine_error(const qn_affine *affine, const qn_gang *gang, const qn_fit *fit, double *error);
/** sum w x q and sum w q^2 by multiplying with the inverse. */
void qn_affine_score(const qn_affine *affine, const qn_gang *gang, const qn_fit *fit, double *wxq, double *wqq);
/** gang->codes. */
void qn_affine_codes(const qn_affine *affine, const qn_gang *gang, const qn_fit *fit);

/** A scale rounded to a floating point type of scales, or to a power of two by `round` (0: to nearest, in the logarithm; -1, 1: down,
 *  up), in units of gang->x for lane l. */
float qn_affine_rounded(const qn_affine *affine, const qn_gang *gang, int lane, float scale, int round);

#endif
