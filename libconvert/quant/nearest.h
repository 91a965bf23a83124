/* The nearest of a table of vectors. */
#ifndef QN_QUANT_NEAREST_H
#define QN_QUANT_NEAREST_H

#include "base/context.h"

enum { QN_NEAREST_CHUNK = 256, QN_NEAREST_DIMS = 8 };

/** index[i]: the row of centres[k][dim] that is nearest vector i, the first of equals; distance[i] its squared distance. The
 *  vectors come as planes[dim][QN_NEAREST_CHUNK], a plane a coordinate; all of a chunk are computed. 1 <= k <= 256,
 *  1 <= dim <= 8. In float32, coordinate after coordinate, nothing fused: every form gives the same bits. */
typedef void qn_nearest_fn(const float *planes, int dim, const float *centres, int k, uint8_t *index, float *distance);
qn_nearest_fn qn_nearest_scalar, qn_nearest_neon, qn_nearest_avx2, qn_nearest_avx512;

#endif
