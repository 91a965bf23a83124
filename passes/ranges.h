/* How large the float32 values of a graph are on calibration inputs, and which of them float16 would not hold.
 *
 * float16 ends at 65504 and keeps its full 11 bits from 2^-14 up. Calibration inputs are a sample of what a model will see,
 * so a value counts as too large from a quarter of 65504 on (QN_RANGES_MARGIN: two bits of exponent), and as too small when
 * no element of it reaches 2^-14: then float16 has subnormals for all of them, with an error of 2^-25 however small they
 * are. Elements that are not finite, or beyond 1e30 as the fill of a mask is, say nothing about a range: float16 has
 * infinities too, and a fill may be clamped.
 */
#ifndef QN_PASSES_RANGES_H
#define QN_PASSES_RANGES_H

#include "passes/pass.h"

#define QN_RANGES_MARGIN 4.0
#define QN_RANGES_LARGEST (65504.0 / QN_RANGES_MARGIN)
#define QN_RANGES_SMALLEST 0x1p-14

typedef struct qn_ranges {
    uint32_t n_values;     /**< bound of the ids when they were observed */
    float *max_abs;        /**< by value id: the largest finite |x|; 0 with no element but zeros */
    bool *seen;            /**< by value id: it was observed, with a finite element */
    int64_t *n_not_finite; /**< by value id: infinities and NaN over all samples */
} qn_ranges;

/** Run the float32 graph once for each sample of options->samples and keep, of every float32 value, its largest magnitude;
 *  one value is looked at at a time. In the scratch arena. A sample that breaks the graph's contract is QN_USAGE, by the
 *  sample's name. */
QN_MUST_USE qn_status qn_ranges_observe(qn_pass_run *run, qn_ranges *out);

/** What float16 would do to a value. */
typedef enum qn_fit { QN_FITS = 0, QN_TOO_LARGE, QN_TOO_SMALL } qn_fit;
/** QN_FITS as well for what was not observed, constants and values of another dtype. `ranges` may be NULL. */
qn_fit qn_ranges_fit(const qn_ranges *ranges, const qn_value *value);
/** Float32 values that a node reads or makes, constants apart: the worst fit (too large before too small), and in *max_abs
 *  (may be NULL) the largest magnitude of those that fit so; NAN when none was observed. */
qn_fit qn_ranges_node_fit(const qn_ranges *ranges, const qn_node *node, double *max_abs);

#endif
