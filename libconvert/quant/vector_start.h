/* Where k-means of vectors begins. */
#ifndef QN_QUANT_VECTOR_START_H
#define QN_QUANT_VECTOR_START_H

#include <stdbool.h>
#include <stdint.h>

/** Vectors that are to be clustered; all fields borrowed. */
typedef struct qn_cloud {
    const float *x;      /**< [n][dim] */
    const float *weight; /**< [n], not all 0; NULL: all 1 */
    int64_t n;
    int dim;
} qn_cloud;

static inline double qn_cloud_weight(const qn_cloud *cloud, int64_t i) {
    return cloud->weight ? (double)cloud->weight[i] : 1;
}

/** centres[k][dim] by splitting the cluster of largest error at its mean, across its principal axis, until there are k or
 *  none can be split (then the first is repeated). `order`: room for n. */
void qn_start_split(const qn_cloud *cloud, int k, int64_t *order, float *centres);
/** centres[k][dim] by k-means++: vectors drawn with odds of weight * squared distance to those drawn before. `least`: room
 *  for n. */
void qn_start_plusplus(const qn_cloud *cloud, int k, uint64_t seed, double *least, float *centres);

#endif
