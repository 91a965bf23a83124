/* K-means of short vectors: palettes whose entries stand for several weights at once.
 *
 * There is no exact way as on a line. Three starts are tried on at most 16,384 vectors evenly spaced among all: one by
 * splitting - the cluster of largest error in two at its mean, across its principal axis, until there are k - and two by
 * k-means++ (Arthur, Vassilvitskii: k-means++: the advantages of careful seeding, 2007) with fixed seeds. Each is
 * improved by Lloyd's iteration; that of least error goes on with all vectors. A centre that nothing is nearest to moves
 * to a vector that is far from its own.
 *
 * The result does not depend on threads or instruction set: distances are float32 without fused operations, sums are
 * double, over pieces whose size depends on n alone, added in their order. */
#ifndef QN_QUANT_VECTOR_KMEANS_H
#define QN_QUANT_VECTOR_KMEANS_H

#include "base/status.h"

/** centres[k][dim] for vectors[n][dim] with weights[n] >= 0 (NULL: all 1; when all are 0, all count as 1), 1 <= dim <= 8,
 *  1 <= k <= 256, at most `iterations` of Lloyd's over all (0: 30); it also stops when one lowers the error by less than
 *  1e-5 of it, and never returns centres of more error than those it began with. index[n], or NULL: the nearest centre of
 *  each, as qn_nearest_vectors gives it. *error: sum of weights * squared distances. n 0: centres are 0. Values are finite
 *  (others: any result). Fails only for memory. */
QN_MUST_USE qn_status qn_vector_kmeans(qn_context *ctx, const float *vectors, const float *weights, int64_t n, int dim,
                                       int k, int iterations, float *centres, uint8_t *index, double *error);

/** index[i]: the row of centres[k][dim] nearest vectors[i][dim] in float32 squared distance, the first of equals; on the
 *  pool. Numbers are scaled by a power of two so that the largest, of vectors and centres, squares to no infinity. */
void qn_nearest_vectors(qn_context *ctx, const float *vectors, int64_t n, int dim, const float *centres, int k,
                        uint8_t *index);

#endif
