/* An ONNX message becoming a graph: what the files of the importer share.
 *
 *   onnx.c             bytes -> message -> qn_import_model -> graph
 *   import_graph.c     initializers, inputs, nodes and outputs of a GraphProto, scopes of names
 *   import_types.c     declared types, readable names for dimensions
 *   import_attr.c      attributes of a node, against the row of its operator
 *   import_node.c      one node: finds its row, calls the row's upgrade
 *   import_function.c  model-local functions, expanded where they are called
 *   upgrade*.c         older or composite operators to the graph's ops
 */
#ifndef QN_READ_IMPORT_H
#define QN_READ_IMPORT_H

#include "onnx.pb-c.h"
#include "read/onnx.h"
#include "read/tensor.h"

/** Opsets of the default domain that are read. */
#define QN_OPSET_MIN 7
#define QN_OPSET_MAX 25
/** Function calls inside function calls. */
#define QN_FUNCTION_DEPTH 32
/** Nodes, arguments, results and attributes that function calls may expand to, over the whole model. */
#define QN_FUNCTION_NODES 250000
/** Bytes of the names that they make. */
#define QN_FUNCTION_NAME_BYTES ((size_t)64 << 20)

typedef struct qn_import {
    qn_context *ctx;
    qn_graph *graph;             /**< the outermost */
    qn_arena *scratch;           /**< given back when the model is read */
    qn_onnx_source source;
    const QnOnnx__ModelProto *model;
    qn_table *functions;         /**< key of qn_function_key -> FunctionProto */
    int64_t n_expanded;          /**< nodes that functions have become */
    size_t n_name_bytes;         /**< of the prefixes in their names */
    qn_table *reads;             /**< names that the outermost graph reads, made when needed */
} qn_import;

/** Where names have a meaning: a graph, a branch (which sees the names around it) or the body of a function. */
typedef struct qn_scope {
    qn_import *im;
    const struct qn_scope *parent; /**< whose names are visible here, or NULL */
    qn_graph *graph;               /**< nodes go here */
    qn_table *values;              /**< name -> qn_value *; qn_absent for an argument that was left out */
    int32_t opset;                 /**< of the default domain */
    const char *prefix;            /**< of names: "" outside functions */
    const qn_table *renamed;       /**< functions: name in the body -> name at the call, for results; or NULL */
    const qn_table *attrs;         /**< functions: name -> AttributeProto; or NULL */
    int32_t depth;                 /**< function calls around it */
} qn_scope;

extern qn_value qn_absent;

/** One node of the source, on its way into the graph. */
typedef struct qn_source_node {
    qn_import *im;
    qn_scope *scope;
    const QnOnnx__NodeProto *proto;
    const struct qn_onnx_row *row;
    const char *label;           /**< "Conv 'backbone/conv1'" */
    const char *name;            /**< of the graph's nodes; may be "" */
    const char *origin;          /**< the node's name, or its first output's */
    qn_value **in;               /**< [n_in]; NULL: absent; without trailing absent ones */
    int32_t n_in;
    qn_value **out;              /**< [n_out] set by the upgrade; NULL where the source has no name for it */
    int32_t n_out;               /**< without trailing absent ones */
    const qn_attr *attrs;        /**< as the row lists them */
    int32_t n_attrs;
} qn_source_node;

/** Columns of schemas/onnx_ops.def beyond qn_onnx_op. */
typedef struct qn_onnx_row {
    const qn_onnx_op *op;
    int32_t min_in, max_in, max_out;   /**< max_in -1: any, all of them present */
    qn_status (*upgrade)(qn_source_node *n);
    const char *attrs;                 /**< "name=kind" separated by spaces; '!' after the kind: required */
} qn_onnx_row;

/** The row of a default-domain operator at an opset, or NULL. */
const qn_onnx_row *qn_onnx_find_row(const char *name, int32_t opset);

/* ---- import_graph.c ---- */

/** Read im->model into im->graph. */
QN_MUST_USE qn_status qn_import_model(qn_import *im);
/** A GraphProto as a subgraph of scope->graph that sees its names; `owner` for messages. */
QN_MUST_USE qn_status qn_import_subgraph(qn_scope *scope, const QnOnnx__GraphProto *proto, const char *owner,
                                         qn_graph **out);
/** Read nodes into `scope` in order. */
QN_MUST_USE qn_status qn_import_nodes(qn_scope *scope, QnOnnx__NodeProto *const *nodes, size_t n);
/** The value of `name` here or around here, or NULL. */
qn_value *qn_scope_find(const qn_scope *scope, const char *name);
/** Define `name` in this scope. QN_MALFORMED when it is defined already. */
QN_MUST_USE qn_status qn_scope_define(qn_scope *scope, const char *name, qn_value *value);
/** The name that a value called `name` gets in the graph, and its origin. In the graph's arena. */
QN_MUST_USE qn_status qn_scope_name(const qn_scope *scope, const char *name, const char **out);

/* ---- import_types.c ---- */

/** Inputs of the outermost graph with their declared types; those with an initializer are skipped. */
QN_MUST_USE qn_status qn_import_inputs(qn_scope *scope, const QnOnnx__GraphProto *proto);
/** The opset of the default domain among imports; *out = 0 when there is none. */
QN_MUST_USE qn_status qn_import_opset(qn_context *ctx, QnOnnx__OperatorSetIdProto *const *imports, size_t n,
                                      const char *where, int32_t *out);
/** True for "", NULL and "ai.onnx". */
bool qn_is_default_domain(const char *domain);

/* ---- import_attr.c ---- */

/** Fill n->attrs from the message by n->row. References to a function's attributes are resolved. */
QN_MUST_USE qn_status qn_import_attrs(qn_source_node *n);
/** The attribute that `attr` stands for in this scope: itself, or what it refers to; NULL when that is not given. */
QN_MUST_USE qn_status qn_resolve_attr(const qn_scope *scope, const char *label, const QnOnnx__AttributeProto *attr,
                                      const QnOnnx__AttributeProto **out);

/* ---- import_node.c ---- */

QN_MUST_USE qn_status qn_import_node(qn_scope *scope, const QnOnnx__NodeProto *proto);

/* ---- import_function.c ---- */

/** Index im->model's functions. */
QN_MUST_USE qn_status qn_import_functions(qn_import *im);
/** The function that a node calls, or NULL. */
QN_MUST_USE qn_status qn_find_function(qn_import *im, const QnOnnx__NodeProto *proto,
                                       const QnOnnx__FunctionProto **out);
/** Expand a call: n->in are the arguments; n->out are set. n->row is NULL. */
QN_MUST_USE qn_status qn_expand_function(qn_source_node *n, const QnOnnx__FunctionProto *function);

#endif
