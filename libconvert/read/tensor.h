/* TensorProto to constants: every way in which ONNX stores the elements of a tensor.
 *
 *   raw_data       little-endian elements; borrowed from the file
 *   float_data     float32            int32_data   int32, int16, int8, uint16, uint8, bool, float16 and
 *   double_data    float64                         bfloat16 (their bits)
 *   int64_data     int64              uint64_data  uint64, uint32
 *   external_data  as raw_data, in another file (read/external.h)
 *
 * Elements of at least QN_TENSOR_BORROW bytes that lie in the file as they are in memory are borrowed, whatever
 * their alignment; smaller ones are copied when they are not aligned to their size.
 */
#ifndef QN_READ_TENSOR_H
#define QN_READ_TENSOR_H

#include "ir/graph.h"
#include "read/reduce.h"

struct QnOnnx__TensorProto;

#define QN_TENSOR_BORROW ((size_t)1 << 20)

/** What tensors are read from, and what they end up in. */
typedef struct qn_onnx_source {
    qn_context *ctx;
    qn_arena *arena;      /**< constants and copied elements */
    const qn_cut *cuts;
    uint32_t n_cuts;
    const char *folder;   /**< of external data; NULL: refused */
    qn_graph *keeper;     /**< keeps the external files mapped; NULL: external data is refused */
    qn_table *maps;       /**< location -> qn_map *, made when needed */
    bool copy;            /**< copy all elements: the bytes do not outlive the reading */
} qn_onnx_source;

/** A dense constant with the tensor's dtype, shape and elements. `label` ("initializer 'w'") for messages. */
QN_MUST_USE qn_status qn_tensor_read(qn_onnx_source *source, const struct QnOnnx__TensorProto *tensor,
                                     const char *label, qn_const **out);

/** The dtype of a TensorProto.DataType; QN_UNSUPPORTED names one that quern has not, QN_MALFORMED: no such code. */
QN_MUST_USE qn_status qn_onnx_dtype(qn_context *ctx, int64_t code, const char *label, qn_dtype *out);

#endif
