/* model.pb (schemas/package.proto): wire bytes, checked; messages, turned into graphs and back. */
#ifndef QN_PACKAGE_PROTO_H
#define QN_PACKAGE_PROTO_H

#include "ir/graph.h"
#include "package.pb-c.h"
#include "package/package.h"
#include "package/zip.h"

#define QN_FORMAT_VERSION 1u
#define QN_MODEL_ENTRY "model.pb"
#define QN_WEIGHTS_FOLDER "weights/"
/** Most bytes of model.pb. */
#define QN_MODEL_MAX ((size_t)64 << 20)
/** Deepest graph: the outermost is 1. */
#define QN_GRAPH_MAX_DEPTH 16
/** A dense constant of at most this many bytes lies in model.pb. */
#define QN_INLINE_MAX ((size_t)64)
/** Longest text of a dimension. */
#define QN_DIM_TEXT_MAX 4096u

/** Walk the wire format of a Package without building anything: every field known and of its wire type, singular
 *  fields at most once, strings UTF-8 without 0, lengths inside their message, graphs nested QN_GRAPH_MAX_DEPTH deep. */
QN_MUST_USE qn_status qn_proto_check(qn_context *ctx, const uint8_t *data, size_t n);

/** Parse checked bytes; the message lives in the arena. */
QN_MUST_USE qn_status qn_proto_unpack(qn_context *ctx, qn_arena *arena, const uint8_t *data, size_t n,
                                      Quern__Package **out);

/** Offset of each part in a constant's entry (each at the next multiple of 64) and the entry's bytes. False on overflow. */
bool qn_const_layout(const qn_const *c, size_t offset[QN_MAX_PARTS], size_t *n_bytes);

/** The fields of m that say how c is stored, c without fault; strings are borrowed. */
void qn_proto_put_encoding(const qn_const *c, Quern__Constant *m);
/** The SQNR of a record, which is known when the constant is filled: the message's size stays. */
void qn_proto_put_sqnr(const qn_const_record *r, Quern__Constant *m);
/** The fields of c that say how it is stored, from a message; QN_MALFORMED names what does not go together. c has its name,
 *  dtype and dims. */
QN_MUST_USE qn_status qn_proto_get_encoding(qn_context *ctx, qn_arena *arena, const Quern__Constant *m, qn_const *c);

/** Where the entries of an archive are. */
typedef struct qn_archive {
    const uint8_t *data; /**< NULL: names and sizes are checked, and constants get no bytes */
    const qn_zip_entry *entries;
    int64_t n_entries;
} qn_archive;

/** The graph that a message describes; its large constants lie in the archive's bytes. `scratch` for side tables.
 *  The graph has been through qn_graph_check. */
QN_MUST_USE qn_status qn_proto_read(qn_context *ctx, qn_arena *scratch, const Quern__Package *package,
                                    const qn_archive *archive, qn_provenance *provenance, qn_graph **out);

/** The constants of qn_proto_read, for its own files: consts[0..package->n_constants) in `arena`. Every entry but
 *  model.pb belongs to exactly one of them. */
QN_MUST_USE qn_status qn_proto_constants(qn_context *ctx, qn_arena *arena, qn_arena *scratch,
                                         const Quern__Package *package, const qn_archive *archive, qn_const *consts);

#endif
