/* Running a graph: plans per binding of the dimensions, buffers placed by lifetime, one kernel for each node. */
#ifndef QN_RUN_SESSION_H
#define QN_RUN_SESSION_H

#include "kernels/eval.h"

typedef struct qn_session qn_session;

typedef struct qn_session_options {
    bool reference;               /**< reference kernels only */
    const char *const *probes;    /**< glob patterns over value names and origins whose values are kept for
                                       qn_session_probe; NULL: none. "*" keeps all */
    int32_t n_probes;
    bool profile;                 /**< time each node */
    /** Told of each value as soon as a node has computed it, or NULL: its data lasts as long as the call. A value that is
     *  known from the shapes alone is told of once for each binding of the dimensions; one that is another's bytes
     *  (Reshape, the outputs of If) never is. */
    void (*observe)(void *user, const qn_value *value, const qn_tensor *tensor);
    void *observe_user;
} qn_session_options;

/** A session over `graph`, which must outlive it. `options` may be NULL. */
QN_MUST_USE qn_status qn_session_create(qn_context *ctx, const qn_graph *graph, const qn_session_options *options,
                                        qn_session **out);
void qn_session_destroy(qn_session *session);

/** Run once. inputs[i] belongs to graph input i (all must be given); it is checked against the input's dtype, rank and
 *  dimension contract (QN_USAGE names input and dimension). outputs[i] (one for each graph output) is filled in: its
 *  data belongs to the session until the next run. */
QN_MUST_USE qn_status qn_session_run(qn_session *session, const qn_tensor *inputs, int32_t n_inputs, qn_tensor *outputs,
                                     int32_t n_outputs);

/** A value kept by a probe in the last run. */
typedef struct qn_probe {
    const char *name;    /**< of the value */
    const char *origin;  /**< in the source model, or NULL */
    const char *node;    /**< label of the node that made it, or NULL */
    qn_tensor tensor;    /**< data belongs to the session until the next run */
} qn_probe;
int32_t qn_session_probes(const qn_session *session, const qn_probe **probes);

/** What the last run's plan takes. */
typedef struct qn_plan_info {
    int64_t n_nodes;               /**< run for each call (what the plan computed beforehand is not among them) */
    size_t buffer_bytes;           /**< planned activations */
    size_t live_bytes;             /**< largest sum of bytes alive at once: the least that buffer_bytes could be */
    size_t expanded_bytes;         /**< constants that had to be expanded beside the mapped ones */
} qn_plan_info;
void qn_session_plan_info(const qn_session *session, qn_plan_info *out);

typedef struct qn_profile_row {
    const char *node;    /**< label */
    const char *op;
    const char *kernel;
    int64_t calls;
    double seconds;      /**< over all runs */
    double flops, bytes; /**< over all runs: ops/cost.h */
    qn_dtype arithmetic; /**< of the last run */
} qn_profile_row;
/** Rows of a session created with profile, in plan order; *rows belongs to the session. */
int32_t qn_session_profile(const qn_session *session, const qn_profile_row **rows);

#endif
