/* Tensor data kept in files beside the model (TensorProto.external_data).
 *
 * Keys: location (a path relative to the model's folder), offset and length (decimal; default 0 and what the shape
 * needs), checksum (ignored). A location never leaves the folder: absolute paths, ".." and symbolic links that lead
 * out are refused. https://onnx.ai/onnx/repo-docs/ExternalData.html
 */
#ifndef QN_READ_EXTERNAL_H
#define QN_READ_EXTERNAL_H

#include "read/tensor.h"

/** The n_bytes that `tensor` needs, in a file mapped once and kept by source->keeper. `label` for messages. */
QN_MUST_USE qn_status qn_external_data(qn_onnx_source *source, const struct QnOnnx__TensorProto *tensor,
                                       const char *label, size_t n_bytes, const uint8_t **out);

#endif
