/* Tables of numbers and the index of each number in one. */
#ifndef QN_QUANT_LUT_H
#define QN_QUANT_LUT_H

#include <stdbool.h>
#include <stdint.h>

enum { QN_LUT_MAX = 256 };

/** table[k]: k numbers from min to max, equally far apart, the ends exact (k 1: the middle). Each is the double
 *  min + (max - min) i / (k - 1), rounded. 1 <= k <= 256. */
void qn_lut_uniform(float min, float max, int k, float *table);

/** The different numbers of values[n], when there are at most `limit` (1..256): table[*count] ascending. False when there
 *  are more. Different means of other bits: -0 comes before 0, and NaNs, if any, at the ends, so that
 *  table[qn_lut_exact's index] has the bits of each value. */
bool qn_lut_unique(const float *values, int64_t n, int limit, float *table, int *count);
/** index[i]: where table[k] of qn_lut_unique has the bits of values[i], each of which it has. */
void qn_lut_exact(const float *table, int k, const float *values, int64_t n, uint8_t *index);

/** index[i]: the entry of table[k], ascending, that is nearest values[i]. Of two equally near (values[i] is their middle as
 *  a double) the lower one; of equal entries the first; -0 is 0; NaN has index 0. 1 <= k <= 256. */
void qn_lut_nearest(const float *table, int k, const float *values, int64_t n, uint8_t *index);

#endif
