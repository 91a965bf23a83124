/* Weights that their encoder refuses while a package is filled: they are left as they are, and the package is written again. */
#ifndef QN_API_REFUSED_H
#define QN_API_REFUSED_H

#include <stdatomic.h>

#include "package/package.h"
#include "passes/pass.h"

enum { QN_MAX_REFUSED = 64 };

/** What one writing met; all zero before it. */
typedef struct qn_refused {
    atomic_int n;                          /**< may be over QN_MAX_REFUSED: the others come in the next writing */
    const qn_const *list[QN_MAX_REFUSED];
} qn_refused;

/** qn_fill_const as a qn_fill whose `user` is a qn_refused: an encoded expression that fails with QN_UNSUPPORTED is noted. From any
 *  thread. */
QN_MUST_USE qn_status qn_refused_fill(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c,
                                      qn_status (*write)(void *sink, int part, const void *data, size_t n), void *sink);

/** After a writing failed with something noted: each of them dense again, with a warning and the reason in its record. The reasons are
 *  those of each tensor by itself, whatever the threads did. QN_UNSUPPORTED, with the encoder's message, for a tensor that a rule of the
 *  options names exactly, for one with elements that are not finite, and for the weight of a product of codes, which has no other form. */
QN_MUST_USE qn_status qn_refused_leave(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_pass_options *options,
                                       const qn_refused *refused);

#endif
