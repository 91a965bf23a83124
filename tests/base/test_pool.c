#include "base/pool.h"
#include "tests/test.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct count {
    qn_pool *pool;
    _Atomic int64_t pieces, items;
    _Atomic int seen[10000];
    int64_t grain, n;
    int threads;
    _Atomic int bad;
} count;

static void mark(void *arg, int64_t begin, int64_t end, int worker) {
    count *c = arg;
    if (worker < 0 || worker >= c->threads || begin % c->grain != 0 || end - begin > c->grain || begin >= end ||
        (end != c->n && end - begin != c->grain))
        c->bad++;
    for (int64_t i = begin; i < end; i++)
        c->seen[i]++;
    c->pieces++;
    c->items += end - begin;
}

QN_TEST(base_pool_covers_every_item_once_in_fixed_pieces) {
    for (int threads = 1; threads <= 5; threads++) {
        qn_pool *pool = qn_pool_create(threads);
        assert_non_null(pool);
        assert_int_equal(qn_pool_size(pool), threads);
        for (int64_t n = 0; n < 10000; n = n * 3 + 1)
            for (int64_t grain = 1; grain <= 64; grain *= 4) {
                count *c = calloc(1, sizeof *c);
                assert_non_null(c);
                c->grain = grain;
                c->n = n;
                c->threads = threads;
                qn_pool_for(pool, n, grain, mark, c);
                assert_int_equal(c->bad, 0);
                assert_int_equal(c->items, n);
                assert_int_equal(c->pieces, (n + grain - 1) / grain);
                for (int64_t i = 0; i < n; i++)
                    assert_int_equal(c->seen[i], 1);
                free(c);
            }
        qn_pool_destroy(pool);
    }
}

typedef struct nest {
    qn_pool *pool;
    _Atomic int64_t sum;
    _Atomic int bad;
} nest;
typedef struct inner {
    nest *outer;
    int worker;
} inner;

static void add_inner(void *arg, int64_t begin, int64_t end, int worker) {
    inner *in = arg;
    if (worker != in->worker || end != begin + 1)
        in->outer->bad++;
    in->outer->sum += begin;
}

static void add_outer(void *arg, int64_t begin, int64_t end, int worker) {
    nest *s = arg;
    for (int64_t i = begin; i < end; i++) {
        inner in = {s, worker};
        qn_pool_for(s->pool, 10, 1, add_inner, &in);
    }
}

QN_TEST(base_pool_runs_a_nested_loop_on_its_own_worker) {
    nest s = {.pool = qn_pool_create(3)};
    assert_non_null(s.pool);
    for (int i = 0; i < 200; i++)
        qn_pool_for(s.pool, 20, 2, add_outer, &s);
    assert_int_equal(s.sum, 200 * 20 * 45);
    assert_int_equal(s.bad, 0);
    qn_pool_destroy(s.pool);
}

static void add_one(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    int64_t *cells = arg;
    for (int64_t i = begin; i < end; i++)
        cells[i]++;
}

QN_TEST(base_pool_takes_many_short_loops) {
    qn_pool *pool = qn_pool_create(4);
    assert_non_null(pool);
    int64_t cells[8] = {0};
    for (int i = 0; i < 20000; i++)
        qn_pool_for(pool, 8, 1, add_one, cells);
    for (int i = 0; i < 8; i++)
        assert_int_equal(cells[i], 20000);
    qn_pool_destroy(pool);
}

QN_TEST(base_pool_never_used_can_be_destroyed) {
    qn_pool_destroy(qn_pool_create(8));
    qn_pool_destroy(NULL);
    qn_context *ctx = qn_test_context();
    assert_true(qn_pool_threads(ctx) >= 1);
    qn_context_destroy(ctx);
}

/* Waits until as many workers as *arg says are inside. */
static void meet(void *arg, int64_t begin, int64_t end, int worker) {
    (void)begin, (void)end, (void)worker;
    _Atomic int *missing = arg;
    atomic_fetch_sub(missing, 1);
    while (atomic_load(missing) > 0)
        sched_yield();
}

/* Workers that are just waking for a loop that is over hear that the pool ends. In a process of its own, which the
 * clock ends when one of them sleeps for ever. */
QN_TEST(base_pool_ends_while_its_workers_wake) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(120);
        for (int i = 0; i < 10000; i++) {
            qn_pool *pool = qn_pool_create(4);
            if (!pool)
                _exit(2);
            _Atomic int missing = 4;
            int64_t cells[2] = {0};
            qn_pool_for(pool, 4, 1, meet, &missing);
            qn_pool_for(pool, 2, 1, add_one, cells);
            qn_pool_destroy(pool);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
