/* Planes that are read along one axis and written along the other, at the speed of vectors. */
#ifndef QN_KERNELS_MOVE_TURN_H
#define QN_KERNELS_MOVE_TURN_H

#include "kernels/ref/copy.h"

/** qn_turn_fn, one an instruction set. */
void qn_turn_scalar(size_t bytes, int64_t ni, int64_t nj, void *y, int64_t yi, const void *x, int64_t xj);
void qn_turn_avx2(size_t bytes, int64_t ni, int64_t nj, void *y, int64_t yi, const void *x, int64_t xj);
void qn_turn_avx512(size_t bytes, int64_t ni, int64_t nj, void *y, int64_t yi, const void *x, int64_t xj);
void qn_turn_neon(size_t bytes, int64_t ni, int64_t nj, void *y, int64_t yi, const void *x, int64_t xj);

#endif
