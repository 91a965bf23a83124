/* Shape inference: what type each output has, from the types of the inputs and, where the shape depends on them,
 * the numbers inside. One shape function serves the symbolic graph and the concrete plan: a concrete shape is a
 * symbolic one without symbols. */
#ifndef QN_OPS_INFER_H
#define QN_OPS_INFER_H

#include "ops/op.h"

/** Elements of an integer (or integer-valued) tensor as dimension expressions, C order; elems NULL: not known. */
typedef struct qn_content {
    const qn_dim *elems;
    int64_t n;
} qn_content;

/** Contents longer than this are not followed. */
#define QN_MAX_CONTENT 1024

typedef struct qn_infer {
    qn_context *ctx;
    qn_symbols *symbols;
    const qn_node *node;
    qn_arena *arena;              /**< for contents */
    int32_t n_in, n_out;
    const qn_type *in;            /**< [n_in]; dtype QN_NONE and rank -1 when absent (node->in[i] == NULL) */
    const qn_content *in_content; /**< [n_in] */
    const qn_tensor *in_value;    /**< [n_in]; data NULL unless the numbers are known (small constants, or what the
                                       plan has computed) */
    qn_type *out;                 /**< [n_out]; starts as unknown */
    qn_content *out_content;      /**< [n_out]; starts as unknown */
} qn_infer;

/** Fail as QN_MALFORMED with "NODE LABEL: message". */
QN_MUST_USE QN_PRINTF(2, 3) qn_status qn_infer_fail(const qn_infer *inf, const char *fmt, ...);
/** Fail as QN_UNSUPPORTED likewise. */
QN_MUST_USE QN_PRINTF(2, 3) qn_status qn_infer_unsupported(const qn_infer *inf, const char *fmt, ...);

/** The integers in input i (axes, perm, sizes ...): from in_content when all are numbers, else from in_value.
 *  False when they are not known. *v lives in inf->arena. */
bool qn_infer_ints(const qn_infer *inf, int32_t i, const int64_t **v, int64_t *n);
/** The floats in input i, from in_value. False when not known. */
bool qn_infer_floats(const qn_infer *inf, int32_t i, const float **v, int64_t *n);
/** axis in [-rank, rank) to [0, rank); malformed otherwise. */
QN_MUST_USE qn_status qn_infer_axis(const qn_infer *inf, int64_t axis, int32_t rank, int32_t *out);
/** Two-sided broadcast of dims (a 1 gives way; equal stay; a number beats a symbol). Malformed on a clash of numbers. */
QN_MUST_USE qn_status qn_infer_broadcast(const qn_infer *inf, const qn_type *a, const qn_type *b, qn_type *out);

/** Run the shape function of `inf->node`. Outputs it cannot tell stay unknown (rank -1, or fresh symbols). */
QN_MUST_USE qn_status qn_infer_node(qn_infer *inf);

/** Infer every node of the graph and its subgraphs in order and store types and contents in the values. A known
 *  output type that contradicts a value's declared numbers is malformed. Dimensions that cannot be told become
 *  fresh symbols. Idempotent. */
QN_MUST_USE qn_status qn_infer_graph(qn_context *ctx, qn_graph *graph);

/** One step of qn_infer_graph: infer `node` from the types and contents of its inputs' values, and store those of its
 *  outputs' values. What the reader and the passes call when they add a node. */
QN_MUST_USE qn_status qn_infer_one(qn_context *ctx, qn_node *node);

/** Apply ranges: texts "NAME=RANGE" (see qn_dim_range_parse); NAME may be "input.axis". A single number
 *  substitutes the symbol everywhere. QN_USAGE for a name that the graph does not have (lists those it has). */
QN_MUST_USE qn_status qn_graph_bind_dims(qn_context *ctx, qn_graph *graph, const char *const *texts, int32_t n);

#endif
