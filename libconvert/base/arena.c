#include "base/arena.h"

#include "base/checked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct block {
    struct block *next;
    size_t size, used; /* of the bytes after the header */
    size_t pad[5];     /* the header is one cache line, so that the bytes after it stay aligned */
} block;

struct qn_arena {
    block *first;   /* the block being filled; older ones behind it */
    size_t n_bytes;
};

enum { FIRST_BLOCK = 64 << 10, LAST_BLOCK = 4 << 20, CACHE_LINE = 64 };

qn_arena *qn_arena_create(void) { return calloc(1, sizeof(qn_arena)); }

static void free_blocks(block *b) {
    while (b) {
        block *next = b->next;
        free(b);
        b = next;
    }
}

void qn_arena_destroy(qn_arena *arena) {
    if (!arena)
        return;
    free_blocks(arena->first);
    free(arena);
}

/* The block being filled is kept unless it was made for one large request: what comes next is likely to fit. */
void qn_arena_reset(qn_arena *arena) {
    block *b = arena->first;
    if (!b)
        return;
    free_blocks(b->next);
    b->next = NULL;
    b->used = 0;
    if (b->size > LAST_BLOCK) {
        free(b);
        b = NULL;
    }
    arena->first = b;
    arena->n_bytes = b ? b->size + sizeof(block) : 0;
}

static block *block_create(qn_arena *arena, size_t size) {
    size_t total;
    if (!qn_add_size(size, sizeof(block), &total) || !qn_align_size(total, CACHE_LINE, &total))
        return NULL;
    block *b = aligned_alloc(CACHE_LINE, total);
    if (!b)
        return NULL;
    b->next = NULL;
    b->size = total - sizeof(block);
    b->used = 0;
    arena->n_bytes += total;
    return b;
}

void *qn_arena_alloc(qn_arena *arena, size_t n) {
    size_t align = n >= CACHE_LINE ? CACHE_LINE : 16;
    block *b = arena->first;
    if (b) {
        size_t at = (b->used + align - 1) & ~(align - 1);
        if (at <= b->size && b->size - at >= n) {
            b->used = at + n;
            return memset((char *)(b + 1) + at, 0, n);
        }
    }
    size_t size = FIRST_BLOCK;
    if (b)
        size = b->size < LAST_BLOCK / 2 ? 2 * b->size : LAST_BLOCK;
    bool own = n > size / 2 && b != NULL;
    block *fresh = block_create(arena, own || n > size ? n : size);
    if (!fresh)
        return NULL;
    fresh->used = n;
    if (own) { /* behind the block being filled, which keeps its room */
        fresh->next = b->next;
        b->next = fresh;
    } else {
        fresh->next = b;
        arena->first = fresh;
    }
    return memset(fresh + 1, 0, n);
}

void *qn_arena_array(qn_arena *arena, size_t count, size_t size) {
    size_t n;
    return qn_mul_size(count, size, &n) ? qn_arena_alloc(arena, n) : NULL;
}

char *qn_arena_strndup(qn_arena *arena, const char *s, size_t n) {
    size_t total;
    if (!qn_add_size(n, 1, &total))
        return NULL;
    char *copy = qn_arena_alloc(arena, total);
    if (copy && n)
        memcpy(copy, s, n);
    return copy;
}

char *qn_arena_strdup(qn_arena *arena, const char *s) { return qn_arena_strndup(arena, s, strlen(s)); }

char *qn_arena_printf(qn_arena *arena, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = n < 0 ? NULL : qn_arena_alloc(arena, (size_t)n + 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}

void *qn_arena_grow(qn_arena *arena, const void *old, size_t old_count, size_t new_count, size_t size) {
    void *grown = qn_arena_array(arena, new_count, size);
    if (grown && old_count)
        memcpy(grown, old, old_count * size);
    return grown;
}

size_t qn_arena_bytes(const qn_arena *arena) { return arena->n_bytes; }
