/* Counts of numbers in bins of equal width, exact whatever their order: for ranges that are chosen from what was seen.
 *
 * The width is a power of two and bins begin at multiples of it, so 0 is where one begins: bin j counts x with
 * j <= x / width < j + 1. There are QN_HISTOGRAM_BINS of them, from bin `first` on. A number that does not fit makes the
 * window slide over empty bins or, when least and largest lie too far apart, doubles the width and merges bins in pairs.
 * So the width is the smallest power of two (from 2^-126 and from 2^-30 of the largest magnitude on) whose window holds all
 * numbers, and the counts are those of a histogram of that width made at once: they depend on no order.
 */
#ifndef QN_QUANT_HISTOGRAM_H
#define QN_QUANT_HISTOGRAM_H

#include "base/status.h"

enum { QN_HISTOGRAM_BINS = 2048 };

typedef struct qn_histogram {
    double width;    /**< 0: nothing was counted yet */
    int64_t first;   /**< multiple of the width at which counts[0] begins */
    int64_t n;       /**< numbers counted */
    float least, largest;
    int64_t counts[QN_HISTOGRAM_BINS];
} qn_histogram;

/** Make room for numbers from least to largest, both finite; `h` is zeroed before its first use. */
void qn_histogram_cover(qn_histogram *h, float least, float largest);
/** counts[bin of x]++ for numbers that h covers; counts[QN_HISTOGRAM_BINS] may be h's or those of one worker. */
void qn_histogram_count(const qn_histogram *h, const float *x, int64_t n, int64_t *counts);
/** Cover and count n finite numbers. */
void qn_histogram_add(qn_histogram *h, const float *x, int64_t n);
/** Where bin i begins. */
static inline double qn_histogram_edge(const qn_histogram *h, int64_t i) { return (double)(h->first + i) * h->width; }

#endif
