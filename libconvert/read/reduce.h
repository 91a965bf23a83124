/* A protobuf message without the elements of its tensors: small enough to unpack, whatever the weights weigh.
 *
 *   mapped file   [..graph: nodes.., initializer: name dims type [raw_data ..... 400 MB]..]
 *   reduced copy  [..graph: nodes.., initializer: name dims type cut=1..]
 *   cuts[0]       the bytes of that TensorProto in the mapped file
 *
 * The copy holds only what the schema knows, every length and number in it has been checked, its messages nest at
 * most QN_REDUCE_DEPTH deep: nothing in it can surprise protobuf-c. No byte of an element is touched.
 */
#ifndef QN_READ_REDUCE_H
#define QN_READ_REDUCE_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"

#define QN_REDUCE_DEPTH 100
/** Larger copies are refused: a graph of this size is an attack or a mistake. */
#define QN_REDUCE_LIMIT ((size_t)1 << 30)

/** Who has looked at a cut of this size lets its pages go. */
#define QN_CUT_RELEASE ((size_t)64 << 10)

typedef struct qn_cut {
    const uint8_t *data;
    size_t n_bytes;
} qn_cut;

typedef struct qn_reduced {
    const ProtobufCMessage *message; /**< in the arena */
    const qn_cut *cuts;              /**< TensorProto.cut is 1 + the index here */
    uint32_t n_cuts;
    int64_t n_unknown;               /**< fields that the schema does not know, left out */
} qn_reduced;

/** Reduce and unpack `data`, a message of type `type` of onnx.pb-c.h. Everything but the cuts' bytes is in `arena`.
 *  QN_MALFORMED names the message, the field and the byte; QN_UNSUPPORTED: past QN_REDUCE_LIMIT. */
QN_MUST_USE qn_status qn_reduce(qn_context *ctx, qn_arena *arena, const ProtobufCMessageDescriptor *type,
                                const uint8_t *data, size_t n_bytes, qn_reduced *out);

#endif
