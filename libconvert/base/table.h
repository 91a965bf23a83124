/* A hash table from strings to pointers. Keys are borrowed, not copied. */
#ifndef QN_BASE_TABLE_H
#define QN_BASE_TABLE_H

#include "base/arena.h"

typedef struct qn_table qn_table;

/** A table that lives in `arena`; NULL when out of memory. */
qn_table *qn_table_create(qn_arena *arena);
/** Set key -> value (value not NULL). False when out of memory. */
bool qn_table_put(qn_table *table, const char *key, void *value);
/** The value of `key`, or NULL. */
void *qn_table_get(const qn_table *table, const char *key);
/** As above with a key of `n` bytes, not 0-terminated. */
void *qn_table_get_n(const qn_table *table, const char *key, size_t n);
bool qn_table_remove(qn_table *table, const char *key);
size_t qn_table_count(const qn_table *table);

#endif
