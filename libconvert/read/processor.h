/* Hugging Face's preprocessor_config.json to a preprocessing. docs/images.md lists what is read and what is refused. */
#ifndef QN_READ_PROCESSOR_H
#define QN_READ_PROCESSOR_H

#include "base/arena.h"
#include "ir/preprocess.h"

/** Most bytes of the file. */
#define QN_PROCESSOR_MAX_BYTES ((size_t)1 << 20)

/** Read the file at `path`; out->input is NULL. QN_UNSUPPORTED names a kind of processor, or a key or value that would
 *  change the picture in a way that quern does not do; QN_MALFORMED says which key breaks its type. */
QN_MUST_USE qn_status qn_processor_read(qn_context *ctx, qn_arena *arena, const char *path, qn_preprocess *out);
/** The same from memory; `file` for messages. */
QN_MUST_USE qn_status qn_processor_parse(qn_context *ctx, qn_arena *arena, const char *file, const void *data,
                                         size_t n_bytes, qn_preprocess *out);

#endif
