/* Casts between the dtypes that models compute with and index by, at the speed of vectors. */
#ifndef QN_KERNELS_MOVE_CAST_H
#define QN_KERNELS_MOVE_CAST_H

#include "quern.h"

typedef struct qn_caster {
    qn_dtype from, to;
    void (*cast)(const void *x, void *y, int64_t n); /**< y[0..n) = (to)x[0..n), with the bits of qn_convert */
} qn_caster;

/** The pairs that an instruction set has, QN_NONE after the last. */
extern const qn_caster qn_casters_scalar[], qn_casters_avx2[], qn_casters_avx512[], qn_casters_neon[];

#endif
