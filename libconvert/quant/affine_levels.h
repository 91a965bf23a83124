/* A tensor on its way to affine codes, and its scales where those are of two levels. */
#ifndef QN_QUANT_AFFINE_LEVELS_H
#define QN_QUANT_AFFINE_LEVELS_H

#include <stdatomic.h>

#include "quant/affine_work.h"

typedef struct qn_tensor_fit {
    qn_context *ctx;
    qn_affine affine;
    qn_gang_source source;
    int64_t most, step; /**< elements of a lane and groups of a gang, at most */
    float *scales;      /**< [n_groups] */
    int8_t *zeros;      /**< [n_groups] codes of zero points; 0 when symmetric */
    atomic_bool no_memory;
} qn_tensor_fit;

/** A gang that is loaded; from any thread, each gang once. */
typedef void (*qn_gang_fn)(qn_tensor_fit *t, qn_gang *gang, void *arg);
QN_MUST_USE qn_status qn_tensor_fit_each(qn_tensor_fit *t, qn_gang_fn visit, void *arg);
/** scales and zeros of a gang's groups. */
void qn_tensor_fit_put(qn_tensor_fit *t, const qn_gang *gang, const qn_fit *fit);
/** The inverse, of scales[n_groups] and zeros[n_groups]. */
void qn_tensor_fit_get(const qn_tensor_fit *t, const qn_gang *gang, const float *scales, const int8_t *zeros, qn_fit *fit);

/** Scales of two levels into t->scales, as they are stored, and zero points; the bytes of both parts in `arena`. */
QN_MUST_USE qn_status qn_affine_levels(qn_tensor_fit *t, qn_arena *arena, qn_bytes *part_scales, qn_bytes *part_super);

#endif
