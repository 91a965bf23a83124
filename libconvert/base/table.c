/* Open addressing with linear probing; removed entries leave a marker, and growing drops the markers. */
#include "base/table.h"

#include <string.h>
#include <xxhash.h>

typedef struct entry {
    const char *key; /* NULL: empty, or removed when value == &g_removed */
    size_t n_key;
    void *value;
} entry;

struct qn_table {
    qn_arena *arena;
    entry *entries;
    size_t cap; /* a power of two */
    size_t count, filled; /* filled: with markers */
};

static char g_removed;

qn_table *qn_table_create(qn_arena *arena) {
    qn_table *t = qn_arena_alloc(arena, sizeof *t);
    if (t)
        t->arena = arena;
    return t;
}

/* The entry of the key, or the slot where it would go. The table has at least one empty entry. */
static entry *find(const qn_table *t, const char *key, size_t n) {
    size_t i = (size_t)XXH3_64bits(key, n) & (t->cap - 1);
    entry *hole = NULL;
    for (;; i = (i + 1) & (t->cap - 1)) {
        entry *e = &t->entries[i];
        if (!e->key) {
            if (e->value != &g_removed)
                return hole ? hole : e;
            if (!hole)
                hole = e;
        } else if (e->n_key == n && memcmp(e->key, key, n) == 0) {
            return e;
        }
    }
}

static bool grow(qn_table *t) {
    qn_table bigger = *t;
    bigger.cap = t->count * 4 < 16 ? 16 : t->cap;
    while (bigger.cap < t->count * 4)
        bigger.cap *= 2;
    bigger.entries = qn_arena_array(t->arena, bigger.cap, sizeof(entry));
    if (!bigger.entries)
        return false;
    for (size_t i = 0; i < t->cap; i++)
        if (t->entries[i].key)
            *find(&bigger, t->entries[i].key, t->entries[i].n_key) = t->entries[i];
    bigger.filled = bigger.count;
    *t = bigger;
    return true;
}

bool qn_table_put(qn_table *t, const char *key, void *value) {
    if (t->filled * 4 >= t->cap * 3 && !grow(t))
        return false;
    size_t n = strlen(key);
    entry *e = find(t, key, n);
    if (!e->key) {
        t->count++;
        if (e->value != &g_removed)
            t->filled++;
        e->key = key;
        e->n_key = n;
    }
    e->value = value;
    return true;
}

void *qn_table_get_n(const qn_table *t, const char *key, size_t n) {
    if (!t->cap)
        return NULL;
    const entry *e = find(t, key, n);
    return e->key ? e->value : NULL;
}

void *qn_table_get(const qn_table *t, const char *key) { return qn_table_get_n(t, key, strlen(key)); }

bool qn_table_remove(qn_table *t, const char *key) {
    if (!t->cap)
        return false;
    entry *e = find(t, key, strlen(key));
    if (!e->key)
        return false;
    *e = (entry){NULL, 0, &g_removed};
    t->count--;
    return true;
}

size_t qn_table_count(const qn_table *t) { return t->count; }
