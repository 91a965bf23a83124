/* The graph: values, nodes in topological order, inputs and outputs.
 *
 *   qn_graph ── inputs[], outputs[]  (name + value: the name is the contract, the value may be replaced)
 *      │
 *      ├─ nodes: a doubly linked list, always topological
 *      └─ values: produced by a node, or a graph input, or a constant
 *
 * A subgraph (a branch of If) is an attribute of a node. Its nodes may use values of the graphs around it, and
 * those uses are listed with the value like any other. Everything lives in the arena of the outermost graph.
 */
#ifndef QN_IR_GRAPH_H
#define QN_IR_GRAPH_H

#include "base/table.h"
#include "ir/constant.h"

typedef struct qn_graph qn_graph;
typedef struct qn_node qn_node;
typedef struct qn_value qn_value;

/** Ops: one constant a row of schemas/ops.def. */
typedef enum qn_op {
    QN_OP_NONE = 0,
#define QN_OP(NAME, ...) QN_OP_##NAME,
#include "ops.def"
#undef QN_OP
    QN_OP_COUNT
} qn_op;

/* ---- attributes --------------------------------------------------------------------------- */

typedef enum qn_attr_kind {
    QN_ATTR_INT = 'i',
    QN_ATTR_FLOAT = 'f',
    QN_ATTR_STRING = 's',
    QN_ATTR_INTS = 'I',
    QN_ATTR_FLOATS = 'F',
    QN_ATTR_STRINGS = 'S',
    QN_ATTR_TENSOR = 't',
    QN_ATTR_GRAPH = 'g'
} qn_attr_kind;

typedef struct qn_attr {
    const char *name;
    qn_attr_kind kind;
    int64_t n;  /**< length of ints, floats or strings */
    union {
        int64_t i;
        float f;
        const char *s;
        const int64_t *ints;
        const float *floats;
        const char *const *strings;
        const qn_const *tensor;
        qn_graph *graph;
    } as;
} qn_attr;

/* ---- values and nodes ---------------------------------------------------------------------- */

typedef struct qn_use {
    qn_node *node;
    int32_t index; /**< node->in[index] */
} qn_use;

struct qn_value {
    const char *name;          /**< unique in the whole graph */
    const char *origin;        /**< name of the value in the source model that this one stands for (the same
                                    numbers but for rounding); NULL when it has no counterpart there */
    qn_type type;
    qn_graph *graph;           /**< where it is defined */
    qn_node *producer;         /**< NULL: an input or a constant */
    int32_t producer_index;    /**< producer->out[producer_index] */
    qn_const *constant;        /**< or NULL */
    const qn_dim *content;     /**< elements of a small integer tensor as dimension expressions, or NULL */
    int64_t n_content;
    qn_use *uses;
    int32_t n_uses, cap_uses;
    int32_t n_outputs;         /**< how many graph outputs it is */
    bool is_input;
    uint32_t id;               /**< dense numbering, for side tables; < qn_graph_value_bound() */
};

struct qn_node {
    qn_op op;
    const char *name;          /**< may be "" */
    const char *origin;        /**< names of the source nodes it came from, joined by "+" */
    qn_value **in;             /**< [n_in]; NULL for an absent optional input */
    qn_value **out;            /**< [n_out]; NULL for an absent optional output */
    int32_t n_in, n_out;
    int32_t *use_at;           /**< in[i]->uses[use_at[i]] is that input; -1 while no use is kept (see below) */
    int32_t cap_in;
    qn_attr *attrs;
    int32_t n_attrs;
    qn_dtype compute;          /**< QN_NONE: as its inputs; QN_F32: inside in fp32 though stored narrower;
                                    QN_BF16 (MultiHeadAttention): see docs/ops.md */
    qn_graph *graph;
    qn_node *prev, *next;
    uint32_t id;
};

typedef struct qn_port {
    const char *name;
    qn_value *value;
} qn_port;

struct qn_graph {
    qn_arena *arena;           /**< owned by the outermost graph */
    qn_symbols *symbols;
    qn_graph *parent;          /**< NULL for the outermost */
    const char *name;
    qn_node *first, *last;
    qn_port *inputs, *outputs;
    int32_t n_inputs, n_outputs, cap_inputs, cap_outputs;
    int32_t n_nodes;
    const char *producer;      /**< what wrote the source model ("pytorch 2.1"), or NULL */
    const char **sources;      /**< paths of the files that it was read from */
    int32_t n_sources;
    const struct qn_preprocess *preprocess; /**< how a photo becomes an input (ir/preprocess.h), or NULL; outermost only */
    struct qn_graph_shared *shared; /**< names and numbering, one for the outermost graph and all in it */
    int32_t depth;             /**< graphs around it; at most QN_MAX_GRAPH_DEPTH */
    int32_t n_holders;         /**< attributes of nodes in the graph that it is the value of */
    bool dormant;              /**< its last holder is gone: what is inside keeps no uses */
    qn_graph *next_graph;      /**< all graphs of one outermost graph, last made first */
};

/** Subgraphs nest at most this deep, so that walks over them may recurse. */
#define QN_MAX_GRAPH_DEPTH 64
/** Contents longer than this are not followed. */
#define QN_MAX_CONTENT 1024

/** A new outermost graph with an arena of its own. End it with qn_graph_destroy. */
QN_MUST_USE qn_status qn_graph_create(qn_context *ctx, const char *name, qn_graph **out);
/** A graph inside `parent`, for an attribute of a node. QN_UNSUPPORTED when it would nest too deep. */
QN_MUST_USE qn_status qn_graph_create_sub(qn_context *ctx, qn_graph *parent, const char *name, qn_graph **out);
void qn_graph_destroy(qn_graph *graph);
/** Something to free with the graph (a mapped file): close(ptr) is called by qn_graph_destroy, last added first. On
 *  failure it stays the caller's. */
QN_MUST_USE qn_status qn_graph_keep(qn_context *ctx, qn_graph *graph, void *ptr, void (*close)(void *));

/** Record that the graph was read from the file at `path` (copied). */
QN_MUST_USE qn_status qn_graph_add_source(qn_context *ctx, qn_graph *graph, const char *path);

/** A value without producer. `name` is copied and made unique ("x", "x.1", ...); NULL gives "v<id>". */
QN_MUST_USE qn_status qn_value_create(qn_context *ctx, qn_graph *graph, const char *name, qn_value **out);
/** A constant value over `constant` (borrowed; in the graph's arena). Type and, when small, content are set. */
QN_MUST_USE qn_status qn_value_constant(qn_context *ctx, qn_graph *graph, const char *name, qn_const *constant,
                                        qn_value **out);
/** A dense constant from numbers: shape [n], or [] when n < 0 (then one number). The bytes are copied. */
QN_MUST_USE qn_status qn_value_ints(qn_context *ctx, qn_graph *graph, const char *name, const int64_t *v, int64_t n,
                                    qn_value **out);
QN_MUST_USE qn_status qn_value_floats(qn_context *ctx, qn_graph *graph, const char *name, const float *v, int64_t n,
                                      qn_value **out);
QN_MUST_USE qn_status qn_graph_add_input(qn_context *ctx, qn_graph *graph, const char *name, qn_value *value);
QN_MUST_USE qn_status qn_graph_add_output(qn_context *ctx, qn_graph *graph, const char *name, qn_value *value);
/** The value of that (unique) name anywhere in the graph, or NULL. */
qn_value *qn_graph_find(const qn_graph *graph, const char *name);
/** Side tables indexed by value->id or node->id need this many entries. */
uint32_t qn_graph_value_bound(const qn_graph *graph);
uint32_t qn_graph_node_bound(const qn_graph *graph);

/** A node with inputs and new, unnamed-type output values, placed before `before` (NULL: at the end) of `graph`.
 *  Entries of `in` may be NULL (absent). Outputs are node->out[0..n_out), named after `name`. */
QN_MUST_USE qn_status qn_node_create(qn_context *ctx, qn_graph *graph, qn_node *before, qn_op op, const char *name,
                                     qn_value *const *in, int32_t n_in, int32_t n_out, qn_node **out);
/** As qn_node_create, but the outputs are these existing values without producer (entries may be NULL: absent). */
QN_MUST_USE qn_status qn_node_create_with(qn_context *ctx, qn_graph *graph, qn_node *before, qn_op op, const char *name,
                                          qn_value *const *in, int32_t n_in, qn_value *const *outs, int32_t n_out,
                                          qn_node **out);
/** Take the node out of its list and its inputs' uses; what a subgraph of it uses goes too, unless another node holds
 *  the same subgraph. Its outputs must be unused and no graph outputs; their names are free again. */
void qn_node_remove(qn_node *node);
/** As qn_node_remove, but the outputs stay where they are, now without producer: node becomes a constant
 *  expression (qn_const.expr) or is dropped. Its inputs keep no use of it. */
void qn_node_detach(qn_node *node);
/** Put `node` before `before` (NULL: at the end) of the same graph. */
void qn_node_move(qn_node *node, qn_node *before);
/** node->in[index] = value (NULL: absent), uses kept in step. index == n_in appends. */
QN_MUST_USE qn_status qn_node_set_input(qn_context *ctx, qn_node *node, int32_t index, qn_value *value);
/** Every use of `old` (nodes of all graphs, graph outputs) becomes `with`. When `with` has no origin it takes
 *  old's. `with` must come before the users. */
QN_MUST_USE qn_status qn_value_replace(qn_context *ctx, qn_value *old, qn_value *with);

/* ---- attributes of a node: getters give the default when the attribute is absent or of another kind --- */

const qn_attr *qn_node_attr(const qn_node *node, const char *name);
int64_t qn_node_int(const qn_node *node, const char *name, int64_t otherwise);
float qn_node_float(const qn_node *node, const char *name, float otherwise);
const char *qn_node_string(const qn_node *node, const char *name, const char *otherwise);
/** NULL and *n = 0 when absent. */
const int64_t *qn_node_ints(const qn_node *node, const char *name, int64_t *n);
const float *qn_node_floats(const qn_node *node, const char *name, int64_t *n);
qn_graph *qn_node_graph(const qn_node *node, const char *name);
/** Setters copy into the arena and replace an attribute of that name; tensors and graphs are borrowed. A graph must lie
 *  in the node's own graph or deeper, and becomes a subgraph of the node's own. */
QN_MUST_USE qn_status qn_node_set_attr(qn_context *ctx, qn_node *node, const qn_attr *attr);
QN_MUST_USE qn_status qn_node_set_int(qn_context *ctx, qn_node *node, const char *name, int64_t v);
QN_MUST_USE qn_status qn_node_set_float(qn_context *ctx, qn_node *node, const char *name, float v);
QN_MUST_USE qn_status qn_node_set_string(qn_context *ctx, qn_node *node, const char *name, const char *v);
QN_MUST_USE qn_status qn_node_set_ints(qn_context *ctx, qn_node *node, const char *name, const int64_t *v, int64_t n);
void qn_node_remove_attr(qn_node *node, const char *name);
/** Attributes, name, origin and compute dtype of `from` to `to`. */
QN_MUST_USE qn_status qn_node_copy_attrs(qn_context *ctx, qn_node *to, const qn_node *from);
/** origin of `node` gains origin of `also` ("a+b", each name once, cut at 4 names and "+..."). */
QN_MUST_USE qn_status qn_node_add_origin(qn_context *ctx, qn_node *node, const qn_node *also);

/** "Conv 'backbone/conv1'" for messages; a node without a name is called by its first output. In the arena. */
const char *qn_node_label(const qn_node *node);

/** A pre-order walk over the graph and the subgraphs in its nodes: fn on each graph. */
QN_MUST_USE qn_status qn_graph_each(qn_context *ctx, qn_graph *graph,
                                    qn_status (*fn)(qn_context *, qn_graph *, void *), void *arg);

#endif
