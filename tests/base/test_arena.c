#include <stdlib.h>

#include "base/arena.h"
#include "base/random.h"
#include "tests/test.h"

enum { MAX_PIECES = 600 };

static bool is_zero(const unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Pieces of every size are zeroed, aligned, and none overlaps another: each keeps its own byte. */
QN_TEST(base_arena_pieces_are_apart) {
    static const size_t sizes[] = {1, 7, 16, 63, 64, 65, 1000, 4096, 60000, 70000, 300000, 5000000};
    qn_arena *arena = qn_arena_create();
    unsigned char *piece[MAX_PIECES];
    size_t n[MAX_PIECES];
    uint64_t seed = 1;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MAX_PIECES; i++) {
            const size_t large = i % 100 == 99 ? sizeof sizes / sizeof sizes[0] : 8; /* mostly small ones */
            n[i] = sizes[qn_random_next(&seed) % large];
            piece[i] = qn_arena_alloc(arena, n[i]);
            assert_non_null(piece[i]);
            assert_int_equal((uintptr_t)piece[i] % (n[i] >= 64 ? 64 : 16), 0);
            assert_true(is_zero(piece[i], n[i]));
            memset(piece[i], 1 + i % 255, n[i]);
        }
        for (int i = 0; i < MAX_PIECES; i++)
            assert_true(piece[i][0] == 1 + i % 255 && piece[i][n[i] - 1] == 1 + i % 255);
        qn_arena_reset(arena);
    }
    qn_arena_destroy(arena);
}

/* What was taken for one large tensor does not stay after a reset; a small block does. */
QN_TEST(base_arena_reset_keeps_little) {
    qn_arena *arena = qn_arena_create();
    assert_non_null(qn_arena_alloc(arena, 100));
    const size_t one_block = qn_arena_bytes(arena);
    assert_non_null(qn_arena_alloc(arena, (size_t)64 << 20));
    assert_true(qn_arena_bytes(arena) >= (size_t)64 << 20);
    qn_arena_reset(arena);
    assert_int_equal(qn_arena_bytes(arena), one_block);
    assert_non_null(qn_arena_alloc(arena, 1000));
    assert_int_equal(qn_arena_bytes(arena), one_block);
    qn_arena_destroy(arena);
    arena = qn_arena_create();
    assert_non_null(qn_arena_alloc(arena, (size_t)64 << 20)); /* the first of all */
    qn_arena_reset(arena);
    assert_true(qn_arena_bytes(arena) <= (size_t)5 << 20);
    assert_non_null(qn_arena_alloc(arena, 10));
    qn_arena_destroy(arena);
}

QN_TEST(base_arena_text) {
    qn_arena *arena = qn_arena_create();
    assert_string_equal(qn_arena_strdup(arena, ""), "");
    assert_string_equal(qn_arena_strdup(arena, "encoder.layer.0"), "encoder.layer.0");
    assert_string_equal(qn_arena_strndup(arena, "encoder", 2), "en");
    assert_string_equal(qn_arena_strndup(arena, NULL, 0), "");
    assert_string_equal(qn_arena_printf(arena, "%s#%d", "in.", 3), "in.#3");
    char *wide = qn_arena_printf(arena, "%0100000d", 7);
    assert_int_equal(strlen(wide), 100000);
    qn_arena_destroy(arena);
}

QN_TEST(base_arena_refuses_sizes_that_wrap) {
    qn_arena *arena = qn_arena_create();
    assert_null(qn_arena_array(arena, SIZE_MAX / 2, 3));
    assert_null(qn_arena_alloc(arena, SIZE_MAX));
    assert_null(qn_arena_alloc(arena, SIZE_MAX - 64));
    assert_null(qn_arena_strndup(arena, "", SIZE_MAX));
    assert_non_null(qn_arena_array(arena, 0, 8)); /* no bytes: a valid pointer */
    assert_non_null(qn_arena_alloc(arena, 8));    /* and still in use */
    qn_arena_destroy(arena);
    qn_arena_destroy(NULL);
}

QN_TEST(base_arena_grow_copies) {
    qn_arena *arena = qn_arena_create();
    int32_t *list = NULL;
    for (size_t n = 0; n < 1000; n++) {
        list = qn_arena_grow(arena, list, n, n + 1, sizeof *list);
        assert_non_null(list);
        assert_int_equal(list[n], 0);
        list[n] = (int32_t)n;
    }
    for (int32_t i = 0; i < 1000; i++)
        assert_int_equal(list[i], i);
    qn_arena_destroy(arena);
}
