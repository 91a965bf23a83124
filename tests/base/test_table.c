#include <stdio.h>

#include "base/random.h"
#include "base/table.h"
#include "tests/test.h"

enum { KEYS = 500, OPERATIONS = 20000 };

/* The same operations on the table and on an array by key. */
QN_TEST(base_table_is_a_map) {
    qn_arena *arena = qn_arena_create();
    qn_table *table = qn_table_create(arena);
    static char keys[KEYS][24];
    static int values[OPERATIONS];
    int *model[KEYS] = {0};
    size_t count = 0;
    uint64_t seed = 7;
    for (int i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof keys[i], "%s%d", i % 3 ? "layer." : "", i);
    for (int i = 0; i < OPERATIONS; i++) {
        const size_t k = qn_random_next(&seed) % KEYS;
        if (qn_random_next(&seed) % 3) {
            assert_true(qn_table_put(table, keys[k], &values[i]));
            count += model[k] == NULL;
            model[k] = &values[i];
        } else {
            assert_true(qn_table_remove(table, keys[k]) == (model[k] != NULL));
            count -= model[k] != NULL;
            model[k] = NULL;
        }
        assert_ptr_equal(qn_table_get(table, keys[k]), model[k]);
        assert_int_equal(qn_table_count(table), count);
    }
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(qn_table_get(table, keys[i]), model[i]);
    /* markers of removed entries do not pile up: the table stays as large as its keys need */
    assert_true(qn_arena_bytes(arena) < (size_t)4 << 20);
    qn_arena_destroy(arena);
}

QN_TEST(base_table_keys) {
    qn_arena *arena = qn_arena_create();
    qn_table *table = qn_table_create(arena);
    int a, b, c;
    assert_null(qn_table_get(table, "x"));
    assert_false(qn_table_remove(table, "x"));
    assert_true(qn_table_put(table, "", &a));
    assert_true(qn_table_put(table, "x", &b));
    assert_true(qn_table_put(table, "xy", &c));
    assert_ptr_equal(qn_table_get(table, ""), &a);
    assert_ptr_equal(qn_table_get_n(table, "xyz", 1), &b);
    assert_ptr_equal(qn_table_get_n(table, "xyz", 2), &c);
    assert_null(qn_table_get_n(table, "xyz", 3));
    assert_true(qn_table_put(table, "x", &a)); /* replaces */
    assert_ptr_equal(qn_table_get(table, "x"), &a);
    assert_int_equal(qn_table_count(table), 3);
    qn_arena_destroy(arena);
}
