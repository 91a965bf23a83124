/* Passes: rewrites of a graph, driven by schemas/passes.def.
 *
 * One pass a file. Its first comment says what it does and shows it; the test of the passes reads the comment and runs
 * it (tests/passes/test_comments.c):
 *
 *   / * NAME: one line.
 *    *
 *    * Before:                            or "Before (precision=float16, bound=2e-3):" with options of the run:
 *    *     input %x: float32[2,3]         precision, weights, activations, equalize, correct_bias, keep_fp32, fold_limit,
 *    *     %a = Identity(%x)              min_compress, samples (so many random ones); bound: largest difference over largest magnitude (1e-5);
 *    *     %y = Relu(%a)                  first is a pass that each block goes through before
 *    *     output %y
 *    * After:
 *    *     %y = Relu(%x)
 *    * free text
 *    * Unchanged (reason):
 *    *     %y = Sigmoid(%x)
 *    * /
 *
 * Blocks are text as of ir/text.h, indented by four or more. After and Unchanged inherit from the Before above them the
 * input and const lines that they do not declare themselves, and its output lines when they have none. In After, a name
 * that is declared nowhere stands for any constant; attributes that are not written are not compared. Several Before
 * blocks may follow one another, each with its own After and Unchanged; a pass has at least one Unchanged.
 */
#ifndef QN_PASSES_PASS_H
#define QN_PASSES_PASS_H

#include "ops/infer.h"

/** Calibration inputs, loaded one set at a time. */
typedef struct qn_samples {
    int32_t n;
    /** Fill inputs[graph->n_inputs] with those of sample `index`, and *name with what messages call it. Both are good until
     *  the next call. */
    qn_status (*load)(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs,
                      const char **name);
    void *user;
} qn_samples;

/** Nodes that stay in float32 where a narrow dtype was asked for, in graph order. */
typedef struct qn_kept_nodes {
    qn_arena *arena;               /**< of rows and texts */
    qn_convert_kept *rows;
    int32_t n, room;
} qn_kept_nodes;

/** What convert asks of the passes. */
typedef struct qn_pass_options {
    qn_dtype precision;            /**< QN_F32, QN_F16 or QN_BF16 */
    const char *const *keep_fp32;  /**< glob patterns over node names, origins and op names */
    int32_t n_keep_fp32;
    const char *const *keep_why;   /**< [n_keep_fp32], each may be NULL: why the pattern is there; or NULL */
    const qn_samples *samples;     /**< calibration inputs, or NULL: what convert_precision (float16), equalize_activations,
                                        compensate_weights and quantize_activations (static) look at */
    qn_kept_nodes *kept;           /**< where convert_precision says what it keeps, or NULL */
    const char *weights;           /**< scheme text such as "int8:per_channel", or NULL */
    const qn_weight_rule *weight_rules; /**< [n_weight_rules]: schemes by name and op, over `weights`; passes/weight_rules.h */
    int32_t n_weight_rules;
    const char *activations;       /**< quant/observe.h: "int8", "int8:static:mse" ..., or NULL: products take their input as
                                        it is */
    double equalize;               /**< alpha of equalize_activations, 0 < alpha <= 1; 0: it does nothing */
    bool correct_bias;             /**< biases take back what codes of weights move means by */
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

/** One function a row, in passes/NAME.c. */
#define QN_PASS(NAME, ...) qn_status qn_pass_##NAME(qn_pass_run *run);
#include "passes.def"
#undef QN_PASS

/** The table, in order; *n rows. */
const qn_pass *qn_passes(int32_t *n);

/** Ask before each rewrite: false when --stop-after N is used up (then the pass must leave the graph alone).
 *  Counts the rewrite and logs it at debug level. `what` completes "NAME: WHAT at LABEL". */
bool qn_rewrite(qn_pass_run *run, const char *what, const qn_node *at);

/** Run all passes that the options ask for, the checker between them; `stats` (in the graph's arena) may be NULL. */
QN_MUST_USE qn_status qn_passes_run(qn_context *ctx, qn_graph *graph, const qn_pass_options *options,
                                    qn_pass_stat **stats, int32_t *n_stats);
/** Default of fold_limit_bytes. */
#define QN_FOLD_LIMIT_BYTES ((int64_t)64 * 1024)

/** Run one pass by name until it changes nothing, types inferred before each run. `options` and `rewrites` may be
 *  NULL. */
QN_MUST_USE qn_status qn_pass_run_one(qn_context *ctx, qn_graph *graph, const char *name,
                                      const qn_pass_options *options, int64_t *rewrites);

#endif
