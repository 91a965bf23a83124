/* Parallel loops over a fixed set of worker threads. */
#ifndef QN_BASE_POOL_H
#define QN_BASE_POOL_H

#include "base/status.h"

typedef struct qn_pool qn_pool;

/** A pool of `threads` workers, the caller counted (1: no thread is started). Threads start at the first loop. NULL
 * when out of memory. */
qn_pool *qn_pool_create(int threads);
void qn_pool_destroy(qn_pool *pool);
/** Its threads, the caller included. */
int qn_pool_size(const qn_pool *pool);
/** The pool of a context. */
qn_pool *qn_context_pool(const qn_context *ctx);

/** One piece of a loop: items [begin, end) on worker `worker` (0..qn_pool_threads-1). */
typedef void (*qn_pool_fn)(void *arg, int64_t begin, int64_t end, int worker);

/** Threads of the context's pool, the caller included; >= 1. */
int qn_pool_threads(const qn_context *ctx);

/** Run fn over [0, n) in pieces of at most `grain` items (>= 1), and return when all are done. The pieces are
 *  the same for every thread count, so a result that depends only on its piece is too. The caller works
 *  along. A loop inside a loop runs on the worker it is in. A failure inside a piece is the piece's to record. */
void qn_parallel_for(qn_context *ctx, int64_t n, int64_t grain, qn_pool_fn fn, void *arg);
/** The same on a pool. */
void qn_pool_for(qn_pool *pool, int64_t n, int64_t grain, qn_pool_fn fn, void *arg);

/** Memory for one call: n bytes, 64-byte aligned, not zeroed; NULL when out of memory. Give it back with
 * qn_scratch_give. The pool keeps what was given back for the next taker, so that a steady state touches no new pages.
 * From any thread. */
void *qn_scratch_take(const qn_context *ctx, size_t n);
void qn_scratch_give(const qn_context *ctx, void *p);

#endif
