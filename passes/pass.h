/* Passes: rewrites of a graph, driven by schemas/passes.def. */
#ifndef QN_PASSES_PASS_H
#define QN_PASSES_PASS_H

#include "ops/infer.h"

/** What convert asks of the passes. */
typedef struct qn_pass_options {
    qn_dtype precision;            /**< QN_F32, QN_F16 or QN_BF16 */
    const char *const *keep_fp32;  /**< glob patterns over node names, origins and op names */
    int32_t n_keep_fp32;
    const char *weights;           /**< scheme text such as "int8:per_channel", or NULL */
    int64_t min_compress_elems;    /**< smaller weights stay as they are */
    int64_t fold_limit_bytes;      /**< larger results stay constant expressions; 0: the default */
    const char *stop_after;        /**< "NAME" of a pass, or a number N of rewrites, or NULL */
} qn_pass_options;

typedef struct qn_pass_stat {
    const char *name;
    int64_t rewrites;
    double seconds;
} qn_pass_stat;

/** One run of a pass over one graph (not its subgraphs: the driver walks those). */
typedef struct qn_pass_run {
    qn_context *ctx;
    qn_graph *graph;
    const qn_pass_options *options;
    qn_arena *scratch;             /**< reset between passes */
    const char *pass;
    int64_t rewrites;              /**< done by this run */
    int64_t *budget;               /**< rewrites left over all passes; < 0: no limit */
} qn_pass_run;

typedef qn_status (*qn_pass_fn)(qn_pass_run *run);

typedef struct qn_pass {
    const char *name;
    const char *group;             /**< see passes.def */
    const char *after;             /**< names it must come after, separated by spaces */
    const char *summary;
    qn_pass_fn fn;
} qn_pass;

/** The table, in order; *n rows. */
const qn_pass *qn_passes(int32_t *n);

/** Ask before each rewrite: false when --stop-after N is used up (then the pass must leave the graph alone).
 *  Counts the rewrite and logs it at debug level. */
bool qn_rewrite(qn_pass_run *run, const char *what, const qn_node *at);

/** Run all passes that the options ask for, the checker between them; `stats` (in the graph's arena) may be NULL. */
QN_MUST_USE qn_status qn_passes_run(qn_context *ctx, qn_graph *graph, const qn_pass_options *options,
                                    qn_pass_stat **stats, int32_t *n_stats);
/** Run one pass by name until it changes nothing. */
QN_MUST_USE qn_status qn_pass_run_one(qn_context *ctx, qn_graph *graph, const char *name,
                                      const qn_pass_options *options, int64_t *rewrites);

#endif
