/* The work of compensate_weights: weights that want calibration, in stages, and one weight at a time. */
#ifndef QN_PASSES_COMPENSATE_H
#define QN_PASSES_COMPENSATE_H

#include "passes/meets.h"
#include "passes/statistics.h"
#include "quant/quant.h"

/** A weight whose scheme asks for what calibration inputs say. */
typedef struct qn_compensated {
    qn_value *value;
    qn_compensation how;     /**< what it gets; may be less than its scheme asks for */
    const char *reason;      /**< then why; "" otherwise */
    int32_t stat, n_stats;   /**< its first request of those of its stage, and how many follow, one a reader */
} qn_compensated;

/** What is known of the weight's inputs: stats[0..n) of its readers, of which those without samples say nothing.
 *  squares[K]: the mean square of each index of its summed axis; *gram[K, K] (may be NULL: not asked for): sum of x x^T of all
 *  readers. False: nothing is known. In `arena`. */
QN_MUST_USE qn_status qn_compensate_inputs(qn_pass_run *run, qn_arena *arena, const qn_compensated *w, const qn_stat *stats,
                                           float **squares, float **gram, bool *known);

/** The weight's constant as its method of compensation makes it; what was known of it in stats[0..n). */
QN_MUST_USE qn_status qn_compensate_weight(qn_pass_run *run, const qn_compensated *w, const qn_stat *stats);

#endif
