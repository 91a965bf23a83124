/* Observers: the range that static 8 bit codes of activations get, from what calibration inputs showed.
 *
 *   minmax      all numbers fit
 *   average     the moving average of each sample's least and largest number (passes/statistics.h)
 *   percentile  that share of the numbers fits, what is cut being shared by both ends
 *   entropy     least Kullback-Leibler divergence between the histogram with its tails cut and its quantised form: the search
 *               of S. Migacz, 8-bit Inference with TensorRT, GTC 2017, with 256 levels over [max(least, -t), min(largest, t)]
 *               for thresholds t on the magnitude; the bin of 0 counts no more than those beside it
 *   mse         least sum of squares of x - x', rounding and clamping, over scales and zero points: for each of
 *               QN_OBSERVE_STEPS scales all 256 zero points
 *
 * Every range holds 0, which then has a code of its own. What lies in a bin is taken to lie in its middle.
 */
#ifndef QN_QUANT_OBSERVE_H
#define QN_QUANT_OBSERVE_H

#include "quant/histogram.h"

typedef enum qn_observer {
    QN_OBSERVE_MINMAX = 0,
    QN_OBSERVE_AVERAGE,
    QN_OBSERVE_PERCENTILE,
    QN_OBSERVE_ENTROPY,
    QN_OBSERVE_MSE
} qn_observer;

enum { QN_OBSERVE_STEPS = 128 };

/** How products take their inputs. */
typedef struct qn_activation_scheme {
    bool is_static;        /**< ranges are found on calibration inputs; else while the model runs */
    qn_observer observer;  /**< of static ones */
    double percentile;     /**< of QN_OBSERVE_PERCENTILE: over 50, at most 100 */
} qn_activation_scheme;

/** "int8", "int8:dynamic", "int8:static" or "int8:static:OBSERVER"; QN_USAGE says what there is. */
QN_MUST_USE qn_status qn_activation_scheme_parse(qn_context *ctx, const char *text, qn_activation_scheme *out);

/** [*lo, *hi], which holds 0, for numbers counted in h; not for QN_OBSERVE_AVERAGE. Of a histogram without numbers: [0, 0]. */
void qn_observe(qn_observer observer, double percentile, const qn_histogram *h, float *lo, float *hi);

#endif
