/* Writing ONNX models byte by byte, also broken ones. Each function appends a field to a message under way; messages
 * are qn_bufs, and one that goes into another is freed by it. */
#ifndef QN_TESTS_READ_ONNX_BUILD_H
#define QN_TESTS_READ_ONNX_BUILD_H

#include "base/buf.h"
#include "ir/graph.h"

/* ---- the wire format ---- */

void pb_varint(qn_buf *out, uint64_t v);
void pb_key(qn_buf *out, uint32_t field, int wire_type);
void pb_int(qn_buf *out, uint32_t field, int64_t v);
void pb_float(qn_buf *out, uint32_t field, float v);
void pb_bytes(qn_buf *out, uint32_t field, const void *data, size_t n);
void pb_string(qn_buf *out, uint32_t field, const char *text);
/** Embeds and frees `message`. */
void pb_message(qn_buf *out, uint32_t field, qn_buf message);

/* ---- ONNX: field numbers of schemas/onnx.proto ---- */

/** TensorProto with raw_data; dims end at -1: (const int64_t[]){2, 3, -1}. */
qn_buf ob_tensor(const char *name, qn_dtype dtype, const int64_t *dims, const void *data, size_t n_bytes);
/** The head of a TensorProto: name, type, dims. */
qn_buf ob_tensor_head(const char *name, qn_dtype dtype, const int64_t *dims);
/** ValueInfoProto; dims "batch,3,?" ("": a scalar, NULL: no shape). */
qn_buf ob_value(const char *name, qn_dtype dtype, const char *dims);
/** NodeProto; names separated by commas, an empty one is absent. */
qn_buf ob_node(const char *op, const char *inputs, const char *outputs);
void ob_attr_int(qn_buf *node, const char *name, int64_t v);
void ob_attr_float(qn_buf *node, const char *name, float v);
void ob_attr_string(qn_buf *node, const char *name, const char *v);
void ob_attr_ints(qn_buf *node, const char *name, const int64_t *v, size_t n);
void ob_attr_floats(qn_buf *node, const char *name, const float *v, size_t n);
void ob_attr_tensor(qn_buf *node, const char *name, qn_buf tensor);
void ob_attr_graph(qn_buf *node, const char *name, qn_buf graph);
/** An attribute that takes the value of a function's attribute. */
void ob_attr_ref(qn_buf *node, const char *name, int type, const char *ref);

/* Fields of a GraphProto. */
#define OB_NODE 1
#define OB_INITIALIZER 5
#define OB_INPUT 11
#define OB_OUTPUT 12
/* Fields of a ModelProto. */
#define OB_GRAPH 7
#define OB_OPSET 8
#define OB_FUNCTION 25

/** OperatorSetIdProto. */
qn_buf ob_opset(const char *domain, int64_t version);
/** ModelProto of IR version 8 around `graph`, which it frees. */
qn_buf ob_model(int64_t opset, qn_buf graph);

/** y = op(x...) as a model: float32 inputs "x[2,3],w[3]" as listed, output "y", `node` freed. */
qn_buf ob_model_of_node(int64_t opset, const char *inputs, qn_buf node, const char *outputs);

/** Read the model (freed) and give its text, or the failure's message; for comparing. free() it. */
char *ob_read_text(qn_buf model, qn_status *status);

#endif
