/* The k intervals of weighted points on a line whose squared errors are least, found exactly.
 *
 * Points x_0 < x_1 < ... with weights w > 0. An interval [i, e) of them is represented by its mean, at an error of
 *     sum w x^2 - gain(i, e),   gain(i, e) = (sum w x)^2 / sum w,
 * so the least error is the largest sum of gains. With B_j the best sum of j intervals of the points before e,
 *     B_j(e) = max over i <= e of B_{j-1}(i) + gain(i, e),
 * where the best i does not fall as e rises (the error obeys the quadrangle inequality: Gronlund et al., Fast exact
 * k-means, k-medians and Bregman divergence clustering in 1D, arXiv:1701.07204), so that a layer costs n log n by halving
 * the rows. That for all points is too slow when they are millions. Most are not needed:
 *
 * Let the boundaries lie on a grid of edges, blocks of points between them, and let F_j(e) and R_j(e) be the best gains
 * before and after boundary j when it is at edge e and all others are on the grid. The best boundaries of all have each
 * of their boundaries j at the midpoint of two means, D_j apart. Moved to an end of its block - the lower one when the
 * midpoint is under the block's mean, else the upper, which keeps the boundaries in order - it costs at most
 *     D_j * sum over the block of w |x - mean of the block|,
 * since a point at distance d from the midpoint costs 2 D_j d in the other interval, and the sums over the points below
 * and above it are the same, half that of |x - mean|, when the midpoint is the mean. With A the sum over j of the
 * largest such cost, boundary j lies in a block with an end e such that
 *     F_j(e) + R_j(e) >= (best on the grid) - A.
 * All other blocks are dropped, those left are cut finer, and so on; A falls with the square of the blocks' size. At
 * the end the few points left are solved by the recurrence.
 *
 * D_j has two bounds. The mean of interval j is at least that of the least places of its boundaries still possible,
 * and the mean of the next at most that of the largest. And a further mean put at the midpoint would save D (D/4 - d)
 * for each point at distance d, so that with weight W within r of the midpoint, wherever in the block that is,
 *     W D (D/4 - r) <= what an interval more saves <= (E_j - E_k) / (k - j)  for each j < k,
 * E_j the least error of j intervals, which is convex in j: D <= 2 r + 2 sqrt(r^2 + (E_j - E_k) / (k - j) / W).
 *
 * Nothing is assumed of the points: when nothing can be dropped, all are solved, in n log n a layer. */
#ifndef QN_QUANT_INTERVALS_H
#define QN_QUANT_INTERVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "quant/slab.h"

/** Points on a line, as sums. */
typedef struct qn_line {
    int64_t m;       /**< points, >= 1, under 2^32 */
    const float *x;  /**< [m] ascending, no two the same */
    const double *w; /**< [m + 1] w[i]: the sum of the weights of the points before i */
    const double *s; /**< [m + 1] s[i]: the sum of their weight * (x - origin), origin near the mean of all */
    double origin;
    double squares;  /**< the sum of w (x - origin)^2 */
    bool whole;      /**< weights are integers: w is exact */
} qn_line;

/** Intervals [bounds[c], bounds[c + 1]), none empty, for c in 0..k-1; 1 <= k <= m. bounds[k + 1]. The sum of errors is the
 *  least there is, but for rounding: at most 32 k u (X A + W X^2), with u = 2^-53, X the largest |x - origin|, A the sum of
 *  w |x - origin| and W the sum of w (W X^2 is left out where `whole`). `entries`: edges kept at once, 0 for the usual. False
 *  when out of memory. */
bool qn_intervals(qn_slab *slab, const qn_line *line, int k, int64_t entries, uint32_t *bounds);

#endif
