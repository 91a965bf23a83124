/* Graph to message: what qn_package_write needs before it can lay the archive out. */
#ifndef QN_PACKAGE_WRITE_H
#define QN_PACKAGE_WRITE_H

#include "package/proto.h"

/** A graph as a message (strings borrowed from the graph) and the constants in it. */
typedef struct qn_message {
    Quern__Package *package;
    const qn_const **consts;  /**< [package->n_constants]; the one behind package->constants[i] */
    qn_zip_entry *entries;    /**< [n_entries]; names and sizes. entries[0] is model.pb, whose size is not set */
    const qn_const **filled;  /**< [n_entries]; the constant that fills an entry, NULL for model.pb */
    int64_t n_entries;
} qn_message;

/** Build the message in `arena`. Constants of at most QN_INLINE_MAX bytes are filled at once, into the message. */
QN_MUST_USE qn_status qn_message_build(qn_context *ctx, qn_arena *arena, const qn_graph *graph,
                                       const qn_provenance *provenance, qn_fill fill, void *user, qn_message *out);

#endif
