/* What values of a graph are on calibration inputs: one streaming pass over all samples, one value looked at at a time.
 *
 *   RANGE      least and largest element
 *   MOVING     least and largest of each sample, averaged: m = QN_STAT_MOMENTUM m + (1 - QN_STAT_MOMENTUM) of the sample,
 *              from the first sample's on. One odd sample moves the range by a tenth of what it sticks out.
 *   HISTOGRAM  quant/histogram.h
 *   CHANNEL    for each index of `axis`: max |x|, sum of x, sum of x^2 (float64, in order of rows)
 *   GRAM       sum over rows of x x^T, [n_channels, n_channels] float32, a row being the numbers along `axis`
 *
 * Linear reads rows along its last axis (axis -1), Conv channels of axis 1. Every row counts: which ones are padding is not
 * known here. Numbers of float16 and bfloat16 values are widened first. The results do not depend on the number of threads;
 * those of GRAM are rounded by the kernels of the instruction set.
 */
#ifndef QN_PASSES_STATISTICS_H
#define QN_PASSES_STATISTICS_H

#include "passes/pass.h"
#include "quant/histogram.h"

enum {
    QN_STAT_RANGE = 1,
    QN_STAT_MOVING = 2,
    QN_STAT_HISTOGRAM = 4,
    QN_STAT_CHANNEL = 8,
    QN_STAT_GRAM = 16
};
#define QN_STAT_MOMENTUM 0.9f

typedef struct qn_stat {
    /* asked for */
    const qn_value *value;     /**< of the graph or one inside it; not a constant */
    unsigned flags;            /**< QN_STAT_ */
    int32_t axis;              /**< CHANNEL, GRAM: negative counts from the end */
    int64_t n_channels;        /**< CHANNEL, GRAM: length of that axis */
    /* found */
    int64_t n_samples;         /**< that reached the value; 0: nothing below is known */
    int64_t n_rows;            /**< CHANNEL, GRAM: numbers of each channel, over all samples */
    float least, largest;
    float moving_least, moving_largest;
    qn_histogram *histogram;
    float *channel_max;        /**< [n_channels]: max |x| */
    double *channel_sum;       /**< [n_channels]: over n_rows: the mean */
    double *channel_squares;   /**< [n_channels]: over n_rows: the mean square */
    float *gram;               /**< [n_channels, n_channels], both halves */
} qn_stat;

/** Bytes that the results of n requests take; SIZE_MAX on overflow. Callers with little room ask for some at a time. */
size_t qn_statistics_bytes(const qn_stat *stats, int32_t n);

/** Run the outermost graph once for each sample of options->samples, which must be there, and fill in stats[0..n), results in
 *  `arena`. Weights that are to be compressed still have their own numbers (kernels/eval.h). Values that are other values'
 *  bytes (Reshape) are seen where those are made; what no sample reaches, and the outputs of If, have n_samples 0. QN_USAGE: a
 *  sample breaks the graph's contract, or makes a number of a value asked for that is not finite; by the sample's name. */
QN_MUST_USE qn_status qn_statistics_collect(qn_pass_run *run, qn_arena *arena, qn_stat *stats, int32_t n);

#endif
