/* ONNX files to graphs. */
#ifndef QN_READ_ONNX_H
#define QN_READ_ONNX_H

#include "ir/graph.h"

/** Read `path` (.onnx, opsets 7 to 25). The initializers stay in the mapped file, which the graph keeps open.
 *  Every op comes out in its newest spelling, model-local functions expanded, Constant nodes as constants; types are
 *  inferred, and dimensions have readable names. Origins are set: each value and node stands for itself.
 *  QN_MALFORMED, QN_UNSUPPORTED, QN_SYSTEM; the message begins with the path. */
QN_MUST_USE qn_status qn_onnx_read(qn_context *ctx, const char *path, qn_graph **out);
/** The same from memory that outlives the graph; `name` for messages, `folder` for external data (NULL: refused). */
QN_MUST_USE qn_status qn_onnx_read_bytes(qn_context *ctx, const char *name, const char *folder, const void *data,
                                         size_t n_bytes, qn_graph **out);
/** A TensorProto file (test_data_set_N/input_0.pb): data in `arena`, its name in *name (may be ""). */
QN_MUST_USE qn_status qn_onnx_read_tensor(qn_context *ctx, qn_arena *arena, const char *path, const char **name,
                                          qn_tensor *out);

/** One row of schemas/onnx_ops.def: a source operator that the reader knows. */
typedef struct qn_onnx_op {
    const char *name;
    int32_t since, until;   /**< opsets read */
    const char *becomes;    /**< ops of the graph, separated by spaces; "" for Constant (a constant) */
} qn_onnx_op;
const qn_onnx_op *qn_onnx_ops(int32_t *n);

#endif
