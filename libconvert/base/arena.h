/* An arena: memory that is given out piece by piece and given back all at once.
 *
 *   block ──► block ──► block            blocks grow (64 KiB, doubling to 4 MiB); a request larger
 *   [used|free]                          than a block gets one of its own
 *
 * Not for sharing between threads.
 */
#ifndef QN_BASE_ARENA_H
#define QN_BASE_ARENA_H

#include "base/status.h"

typedef struct qn_arena qn_arena;

/** Make an arena; NULL when out of memory. End it with qn_arena_destroy (NULL is fine). */
qn_arena *qn_arena_create(void);
void qn_arena_destroy(qn_arena *arena);
/** Give everything back but one block of at most 4 MiB. Pointers handed out before are dead. */
void qn_arena_reset(qn_arena *arena);

/** n zeroed bytes, 64-byte aligned when n >= 64, else 16; NULL when out of memory. n == 0 gives a valid pointer. */
void *qn_arena_alloc(qn_arena *arena, size_t n);
/** count * size zeroed bytes; NULL when the product wraps or memory is out. */
void *qn_arena_array(qn_arena *arena, size_t count, size_t size);
/** Copy of `n` bytes with a 0 after them. */
char *qn_arena_strndup(qn_arena *arena, const char *s, size_t n);
char *qn_arena_strdup(qn_arena *arena, const char *s);
QN_PRINTF(2, 3) char *qn_arena_printf(qn_arena *arena, const char *fmt, ...);
/** A copy of old[0..old_count) with room for new_count >= old_count items (the rest zeroed); NULL as above. */
void *qn_arena_grow(qn_arena *arena, const void *old, size_t old_count, size_t new_count, size_t size);
/** Bytes taken from the system. */
size_t qn_arena_bytes(const qn_arena *arena);

/** ptr = new zeroed TYPE, or return QN_SYSTEM. */
#define QN_NEW(ctx, arena, ptr) QN_NEW_ARRAY(ctx, arena, ptr, 1)
/** ptr = n zeroed TYPEs, or return QN_SYSTEM. */
#define QN_NEW_ARRAY(ctx, arena, ptr, n)                                              \
    do {                                                                              \
        (ptr) = qn_arena_array((arena), (size_t)(n), sizeof *(ptr));                   \
        if (!(ptr))                                                                   \
            return qn_fail_memory((ctx), (size_t)(n) * sizeof *(ptr), #ptr);          \
    } while (0)

#endif
