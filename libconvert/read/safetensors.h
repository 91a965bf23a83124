/* Safetensors files: names, types and shapes out of the header, elements left where they are.
 *
 *   8 bytes: n, little-endian     n bytes: a JSON object, blanks after it     the elements
 *
 *   {"__metadata__": {"key": "text", ...}, "NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
 *
 * Offsets count from the end of the header. The reader is strict: the header begins with '{' and has at most 100,000,000
 * bytes; no key comes twice; tensors neither overlap nor leave a hole, and the last one ends where the file ends; the
 * bytes of each are what its type and shape need. https://huggingface.co/docs/safetensors */
#ifndef QN_READ_SAFETENSORS_H
#define QN_READ_SAFETENSORS_H

#include "base/table.h"

/** A row of the types that the format has. */
typedef struct qn_safetensors_dtype {
    const char *name;  /**< "F32" */
    qn_dtype dtype;    /**< QN_NONE: it can be listed, but not computed with */
    int bits;          /**< of an element */
    bool is_float;     /**< real floating point */
} qn_safetensors_dtype;

typedef struct qn_safetensors_tensor {
    const char *name;
    const qn_safetensors_dtype *type;
    int32_t rank;
    int64_t dims[QN_MAX_RANK];
    const uint8_t *data;  /**< borrowed from the file, at any address */
    size_t n_bytes;
} qn_safetensors_tensor;

typedef struct qn_safetensors {
    const char *path;
    const qn_safetensors_tensor *tensors;  /**< [n_tensors] in the order of their bytes */
    int32_t n_tensors;
    const qn_table *by_name;               /**< name -> qn_safetensors_tensor */
    qn_note *notes;                        /**< [n_notes]: __metadata__ */
    int32_t n_notes;
    struct qn_map *map;                    /**< NULL when parsed from memory */
} qn_safetensors;

/** Map the file at `path` and read its header; everything else is in `arena`. QN_MALFORMED, QN_UNSUPPORTED (a type narrower
 *  than a byte, too many dimensions) or QN_SYSTEM; the message begins with the path. qn_safetensors_close unmaps it. */
QN_MUST_USE qn_status qn_safetensors_open(qn_context *ctx, qn_arena *arena, const char *path, qn_safetensors *out);
/** The same over bytes that outlive it; `name` for messages. Needs no close. */
QN_MUST_USE qn_status qn_safetensors_parse(qn_context *ctx, qn_arena *arena, const char *name, const void *data,
                                           size_t n_bytes, qn_safetensors *out);
void qn_safetensors_close(qn_safetensors *file);

#endif
