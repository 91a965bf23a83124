/* How far a changed graph is from itself as it was, over all calibration inputs. */
#ifndef QN_API_TUNE_QUALITY_H
#define QN_API_TUNE_QUALITY_H

#include "passes/pass.h"
#include "run/session.h"

/** Numbers over all samples together. */
typedef struct qn_quality {
    double kl;       /**< mean over positions of the divergence of softmax(output), in nats; NAN without a logits output */
    double cosine;   /**< of all elements of an output, the least of all outputs */
    double noise;    /**< sum (x - reference)^2 / sum reference^2 of an output, the largest of all outputs */
} qn_quality;

/** The reference: outputs of the graph on each sample, kept in memory. */
typedef struct qn_judge qn_judge;

/** Run `graph` on every sample. `logits`: name of the output whose divergence is measured; NULL: the first float output with two
 *  dimensions or more. QN_USAGE: there is none of that name; an output that is not finite is QN_UNSUPPORTED, naming sample and
 *  output. `graph` and `samples` must outlive the judge. */
QN_MUST_USE qn_status qn_judge_create(qn_context *ctx, const qn_graph *graph, const qn_samples *samples, const char *logits,
                                      qn_judge **out);
void qn_judge_destroy(qn_judge *judge);
/** Is there an output whose divergence is measured? */
bool qn_judge_has_logits(const qn_judge *judge);
/** How many samples there are. */
int32_t qn_judge_samples(const qn_judge *judge);

/** The graph as it is now against the reference. Numbers that are not finite make kl and noise INFINITY and cosine -1. */
QN_MUST_USE qn_status qn_judge_run(qn_context *ctx, qn_judge *judge, qn_quality *out);

#endif
