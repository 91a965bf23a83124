/* The pool: one loop at a time, its pieces taken from a counter.
 *
 *   epoch    counts loops; workers watch it, spinning for a while and then asleep
 *   open     1 while pieces may be taken
 *   active   workers inside the loop
 *
 * A worker enters by active++ and then looks at open; the caller ends a loop by open = 0 and then waits for active
 * == 0. Both are sequentially consistent, so either the worker sees the loop closed and leaves untouched, or the caller
 * sees the worker and waits: the job's fields are never written while somebody reads them. A worker that is late or
 * still asleep is not waited for. */
#include "base/pool.h"

#include "base/checked.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 256, SPINS = 3000, MAX_SCRATCH = 8, SCRATCH_ALIGN = 64 };

typedef struct worker {
    qn_pool *pool;
    int index;
    pthread_t thread;
} worker;

/* A block of scratch memory: this, at the front of SCRATCH_ALIGN bytes, then what was asked for. */
typedef struct scratch {
    size_t n_bytes;
} scratch;

struct qn_pool {
    int threads;   /* the caller included */
    int n_started; /* workers 1..n_started run */
    bool started;
    worker workers[MAX_THREADS];
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;

    _Atomic uint64_t epoch;
    _Atomic int open, active, sleepers, waiting, stop;
    _Atomic bool busy;

    qn_pool_fn fn;
    void *arg;
    int64_t n, grain, n_pieces;
    _Atomic int64_t next;

    pthread_mutex_t scratch_lock;
    scratch *free[MAX_SCRATCH]; /* given back, largest first */
};

/* The loops that this thread is inside of, innermost first. */
typedef struct frame {
    const qn_pool *pool;
    int worker;
    const struct frame *outer;
} frame;
static _Thread_local const frame *t_frames;

static void relax(int spins) {
    if (spins % 64 == 63)
        sched_yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* YIELD does nothing on most cores; this waits about as long as PAUSE */
#endif
}

static void run_piece(qn_pool_fn fn, void *arg, int64_t n, int64_t grain, int64_t piece, int index) {
    int64_t begin = piece * grain;
    fn(arg, begin, n - begin < grain ? n : begin + grain, index);
}

static void take_pieces(qn_pool *p, int index) {
    frame here = {p, index, t_frames};
    t_frames = &here;
    int64_t piece;
    while ((piece = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed)) < p->n_pieces)
        run_piece(p->fn, p->arg, p->n, p->grain, piece, index);
    t_frames = here.outer;
}

static void *work(void *arg) {
    worker *w = arg;
    qn_pool *p = w->pool;
    uint64_t seen = 0;
    for (;;) {
        int spins = 0;
        while (atomic_load(&p->epoch) == seen && spins < SPINS)
            relax(spins++);
        if (atomic_load(&p->epoch) == seen) {
            pthread_mutex_lock(&p->lock);
            atomic_fetch_add(&p->sleepers, 1);
            while (atomic_load(&p->epoch) == seen)
                pthread_cond_wait(&p->wake, &p->lock);
            atomic_fetch_sub(&p->sleepers, 1);
            pthread_mutex_unlock(&p->lock);
        }
        /* The epoch first: stop is set before its epoch begins, so who has seen that epoch sees stop. */
        seen = atomic_load(&p->epoch);
        if (atomic_load(&p->stop))
            return NULL;
        atomic_fetch_add(&p->active, 1);
        if (atomic_load(&p->open))
            take_pieces(p, w->index);
        if (atomic_fetch_sub(&p->active, 1) == 1 && atomic_load(&p->waiting)) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->idle);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static void start(qn_pool *p) {
    p->started = true;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are for the program's own threads */
    for (int i = 1; i < p->threads; i++) {
        p->workers[i].pool = p;
        p->workers[i].index = i;
        if (pthread_create(&p->workers[i].thread, NULL, work, &p->workers[i]) != 0)
            break; /* fewer threads, the same result */
        p->n_started = i;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void next_epoch(qn_pool *p, int64_t wanted) {
    atomic_fetch_add(&p->epoch, 1);
    int sleepers = atomic_load(&p->sleepers);
    if (sleepers > 0) {
        pthread_mutex_lock(&p->lock);
        if (wanted >= sleepers)
            pthread_cond_broadcast(&p->wake);
        else
            for (int64_t i = 0; i < wanted; i++)
                pthread_cond_signal(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
}

qn_pool *qn_pool_create(int threads) {
    qn_pool *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->threads = threads < 1 ? 1 : threads > MAX_THREADS ? MAX_THREADS : threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->idle, NULL);
    pthread_mutex_init(&p->scratch_lock, NULL);
    return p;
}

void qn_pool_destroy(qn_pool *p) {
    if (!p)
        return;
    atomic_store(&p->stop, 1);
    next_epoch(p, p->threads);
    for (int i = 1; i <= p->n_started; i++)
        pthread_join(p->workers[i].thread, NULL);
    for (int i = 0; i < MAX_SCRATCH; i++)
        free(p->free[i]);
    pthread_mutex_destroy(&p->scratch_lock);
    pthread_cond_destroy(&p->idle);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int qn_pool_threads(const qn_context *ctx) { return qn_pool_size(qn_context_pool(ctx)); }

int qn_pool_size(const qn_pool *pool) { return pool->threads; }

static void run_inline(int64_t n, int64_t grain, int64_t n_pieces, qn_pool_fn fn, void *arg, int index) {
    for (int64_t i = 0; i < n_pieces; i++)
        run_piece(fn, arg, n, grain, i, index);
}

void qn_parallel_for(qn_context *ctx, int64_t n, int64_t grain, qn_pool_fn fn, void *arg) {
    qn_pool_for(qn_context_pool(ctx), n, grain, fn, arg);
}

void qn_pool_for(qn_pool *p, int64_t n, int64_t grain, qn_pool_fn fn, void *arg) {
    if (n <= 0)
        return;
    if (grain < 1)
        grain = 1;
    int64_t n_pieces = (n - 1) / grain + 1;
    for (const frame *f = t_frames; f; f = f->outer)
        if (f->pool == p) {
            run_inline(n, grain, n_pieces, fn, arg, f->worker);
            return;
        }
    if (p->threads == 1 || n_pieces == 1 || atomic_exchange(&p->busy, true)) {
        run_inline(n, grain, n_pieces, fn, arg, 0);
        return;
    }
    if (!p->started)
        start(p);
    p->fn = fn;
    p->arg = arg;
    p->n = n;
    p->grain = grain;
    p->n_pieces = n_pieces;
    atomic_store(&p->next, 0);
    atomic_store(&p->open, 1);
    next_epoch(p, n_pieces - 1);
    take_pieces(p, 0);
    atomic_store(&p->open, 0);
    for (int spins = 0; atomic_load(&p->active) && spins < SPINS; spins++)
        relax(spins);
    if (atomic_load(&p->active)) {
        pthread_mutex_lock(&p->lock);
        atomic_store(&p->waiting, 1);
        while (atomic_load(&p->active))
            pthread_cond_wait(&p->idle, &p->lock);
        atomic_store(&p->waiting, 0);
        pthread_mutex_unlock(&p->lock);
    }
    atomic_store(&p->busy, false);
}

/* ---- scratch memory ---------------------------------------------------------------------------- */

/* The smallest block that is large enough leaves the list; when none is, the largest is freed and a new one made, so
 * that the list does not fill with blocks that are too small. */
void *qn_scratch_take(const qn_context *ctx, size_t n) {
    qn_pool *p = qn_context_pool(ctx);
    scratch *s = NULL;
    pthread_mutex_lock(&p->scratch_lock);
    int found = -1;
    for (int i = 0; i < MAX_SCRATCH && p->free[i] && p->free[i]->n_bytes >= n; i++)
        found = i;
    int leaves = found >= 0 ? found : 0;
    s = p->free[leaves];
    if (s)
        for (int i = leaves; i < MAX_SCRATCH; i++)
            p->free[i] = i + 1 < MAX_SCRATCH ? p->free[i + 1] : NULL;
    pthread_mutex_unlock(&p->scratch_lock);
    if (found < 0) {
        free(s);
        size_t bytes;
        if (!qn_add_size(n, 2 * SCRATCH_ALIGN, &bytes) || !qn_align_size(bytes, SCRATCH_ALIGN, &bytes))
            return NULL;
        s = aligned_alloc(SCRATCH_ALIGN, bytes);
        if (!s)
            return NULL;
        s->n_bytes = n;
    }
    return (char *)s + SCRATCH_ALIGN;
}

void qn_scratch_give(const qn_context *ctx, void *ptr) {
    if (!ptr)
        return;
    qn_pool *p = qn_context_pool(ctx);
    scratch *s = (scratch *)(void *)((char *)ptr - SCRATCH_ALIGN);
    pthread_mutex_lock(&p->scratch_lock);
    for (int i = 0; i < MAX_SCRATCH && s; i++)
        if (!p->free[i] || p->free[i]->n_bytes < s->n_bytes) {
            scratch *t = p->free[i];
            p->free[i] = s;
            s = t;
        }
    pthread_mutex_unlock(&p->scratch_lock);
    free(s);
}
