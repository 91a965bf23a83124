#include "ir/dim.h"

#include "base/arena.h"
#include "tests/test.h"

#include <stdio.h>

/* One table of symbols for a test; h, w, b, c are its first. */
static qn_arena *g_arena;
static qn_symbols *g_s;

static void open_table(void) {
    g_arena = qn_arena_create();
    g_s = qn_symbols_create(g_arena);
    assert_non_null(g_s);
    qn_dim_symbol(g_s, "h");
    qn_dim_symbol(g_s, "w");
    qn_dim_symbol(g_s, "b");
    qn_dim_symbol(g_s, "c");
}

static void close_table(void) { qn_arena_destroy(g_arena); }

static qn_dim D(const char *text) { return qn_dim_parse(g_s, text); }

static void shows(const char *text, const char *canonical) {
    assert_string_equal(qn_dim_format(g_arena, g_s, D(text)), canonical);
    assert_true(D(canonical) == D(text));
}

QN_TEST(ir_dim_numbers) {
    assert_int_equal(qn_dim_add(NULL, 3, -5), -2);
    assert_int_equal(qn_dim_floordiv(NULL, -3, 2), -2);
    assert_int_equal(qn_dim_ceildiv(NULL, -3, 2), -1);
    assert_int_equal(qn_dim_ceildiv(NULL, 7, 2), 4);
    assert_int_equal(qn_dim_ceildiv(NULL, INT64_MAX, 2), INT64_MAX / 2 + 1);
    assert_int_equal(qn_dim_mod(NULL, -3, 14), 11);
    assert_int_equal(qn_dim_min(NULL, -3, 2), -3);
    assert_int_equal(qn_dim_max(NULL, -3, 2), 2);
    assert_true(qn_dim_add(NULL, INT64_MAX, 1) == QN_DIM_UNKNOWN);
    assert_true(qn_dim_mul(NULL, INT64_MAX, 2) == QN_DIM_UNKNOWN);
    assert_true(qn_dim_floordiv(NULL, 1, 0) == QN_DIM_UNKNOWN);
    assert_true(qn_dim_ceildiv(NULL, 1, 0) == QN_DIM_UNKNOWN);
    assert_true(qn_dim_mod(NULL, 1, 0) == QN_DIM_UNKNOWN);
    assert_true(qn_dim_add(NULL, QN_DIM_UNKNOWN, 1) == QN_DIM_UNKNOWN);
    assert_true(qn_dim_mul(NULL, 0, QN_DIM_UNKNOWN) == QN_DIM_UNKNOWN);
}

QN_TEST(ir_dim_extrema_absorb) {
    open_table();
    shows("max(h,min(h,512))", "h");
    shows("min(min(h,w),h)", "min(h,w)");
    shows("min(h,max(w,h))", "h");
    shows("max(max(h,w),w)", "max(h,w)");
    close_table();
}

QN_TEST(ir_dim_equal_is_same_handle) {
    open_table();
    assert_true(D("h*w+w*h") == D("2*w*h"));
    assert_true(D("(h+w)*(h - w)") == D("h*h - w*w"));
    assert_true(D("h - h") == 0);
    assert_true(D("h+1-1") == D("h"));
    assert_true(D("(h+1)*(w+1) - 1") == D("h*w+h+w"));
    assert_true(D("h//2") != D("h/3"));
    assert_true(D("min(h,w)") == D("min(w,h)"));
    assert_int_equal(qn_dim_symbol_index(g_s, D("w")), 1);
    assert_int_equal(qn_dim_symbol_index(g_s, D("w+1")), -1);
    assert_int_equal(qn_dim_symbol_index(g_s, 7), -1);
    assert_int_equal(qn_dim_symbol_index(g_s, QN_DIM_UNKNOWN), -1);
    close_table();
}

QN_TEST(ir_dim_quotients_cancel) {
    open_table();
    assert_true(D("(b*h*w*c)//(h*w*c)") == D("b"));
    assert_true(D("14*h//14") == D("h"));
    assert_true(D("(h//14*14)//14") == D("h//14"));
    assert_true(D("(14*h+28)//14") == D("h+2"));
    assert_true(D("(14*h+31)//14") == D("h+2"));
    assert_true(D("(14*h-1)//14") == D("h-1"));
    assert_true(D("(6*h+5)//4") == D("(3*h+2)//2"));
    assert_true(D("(h*w)//(h*c)") == D("w//c"));
    assert_true(D("(2*h*w)//(4*h)") == D("w//2"));
    assert_true(D("((h+1)//2+1)//2") == D("(h+3)//4"));
    assert_true(D("(h-1)//2+1") == D("(h+1)//2"));
    assert_true(D("b*(h//14*(w//14)+1)*c//(h//14*(w//14)+1)") == D("b*c"));
    assert_true(D("(h*h - w*w)//(h+w)") == D("h - w"));
    assert_true(D("(b*h + b)//(h+1)") == D("b"));
    assert_true(D("(h*w+h)//h") == D("w+1"));
    assert_true(D("(h*w+c)//h") == D("w+c//h"));
    assert_true(D("h%14 + 14*(h//14)") == D("h"));
    assert_true(D("(14*h)%14") == 0);
    assert_true(D("h//(-2)") == D("(-h)//2"));
    assert_true(D("h//0") == QN_DIM_UNKNOWN);
    assert_true(D("0//h") == 0);
    assert_true(D("h//h") == 1);
    assert_true(qn_dim_ceildiv(g_s, D("14*h"), 14) == D("h"));
    assert_true(qn_dim_ceildiv(g_s, D("h"), 2) == D("(h+1)//2"));
    assert_true(qn_dim_ceildiv(g_s, D("h*b"), D("b")) == D("h"));
    close_table();
}

QN_TEST(ir_dim_extremes) {
    open_table();
    assert_true(D("max(h,0)") == D("h"));
    assert_true(D("min(h,0)") == 0);
    assert_true(D("min(h,h+1)") == D("h"));
    assert_true(D("max(2*h,h)") == D("2*h"));
    assert_true(qn_dim_min(g_s, D("h"), INT64_MAX) == D("h"));
    assert_true(D("max(h,1)") != D("h"));
    assert_true(D("min(min(h,5),5)") == D("min(h,5)"));
    close_table();
}

QN_TEST(ir_dim_format_and_parse) {
    open_table();
    shows("(h//14)*(w//14)+1", "(h//14)*(w//14)+1");
    shows("h", "h");
    shows("h//14", "h//14");
    shows("h//14+3", "h//14+3");
    shows("14 * (h // 14)", "14*(h//14)");
    shows("h - w", "h - w");
    shows("-h", "-h");
    shows("-(h//2)", "-(h//2)");
    shows("w-(h//2)", "w-(h//2)");
    shows("w-2*h-1", "-2*h+w-1");
    shows("(h*w)//14", "(h*w)//14");
    shows("h//(w+1)", "h//(w+1)");
    shows("(h//w)//c", "(h//w)//c");
    shows("min(h,w)//2", "min(h,w)//2");
    shows("max(h, min(w, 3), 2)", "max(max(h,min(w,3)),2)");
    shows("past_seq + seq", "past_seq+seq");
    shows("1370", "1370");
    shows("-3", "-3");
    shows("batch-size", "batch-size");
    shows("batch-size-1", "batch-size-1");
    shows("h - batch-size", "h - batch-size");
    shows("seq/2", "seq//2");
    shows("Slice/decoder/out_dim_0 + 1", "Slice/decoder/out_dim_0+1");
    shows("two words", "\"two words\"");
    shows("\"two words\"*2", "2*\"two words\"");
    shows("/model/out", "\"/model/out\"");
    shows("a\"b", "\"a\\\"b\"");
    shows("", "\"\"");
    shows("f(h)", "\"f(h)\"");
    shows("h+", "\"h+\"");
    shows("99999999999999999999", "\"99999999999999999999\"");
    shows("?", "?");
    /* text that is no expression leaves no symbols behind */
    int32_t n = qn_symbols_count(g_s);
    D("fresh_a + fresh_b +");
    assert_int_equal(qn_symbols_count(g_s), n + 1);
    close_table();
}

QN_TEST(ir_dim_eval_and_substitute) {
    open_table();
    int64_t values[4] = {518, 30, INT64_MIN, 5}, out;
    assert_true(qn_dim_eval(g_s, D("(h//14)*(w//14)+1"), values, &out));
    assert_int_equal(out, 37 * 2 + 1);
    assert_true(qn_dim_eval(g_s, D("min(h,w) - max(w,c)*2"), values, &out));
    assert_int_equal(out, -30);
    assert_false(qn_dim_eval(g_s, D("h+b"), values, &out));
    assert_false(qn_dim_eval(g_s, QN_DIM_UNKNOWN, values, &out));
    assert_false(qn_dim_eval(g_s, D("h*h*h*h*h*h*h*h"), values, &out));
    assert_true(qn_dim_substitute(g_s, D("b*(h//14)+w"), values) == D("37*b+30"));
    assert_true(qn_dim_substitute(g_s, D("(b*h)//(b*w)"), values) == 17);
    int64_t zero[4] = {INT64_MIN, 0, 2, 2};
    assert_true(qn_dim_substitute(g_s, D("h//w"), zero) == QN_DIM_UNKNOWN);
    assert_false(qn_dim_eval(g_s, D("(h+1)//(w*w)"), (int64_t[4]){3, 0, 0, 0}, &out));
    close_table();
}

/* Simplification must not change values: random expressions against the arithmetic of numbers. */
static qn_dim random_dim(uint64_t *seed, int depth, const int64_t *values, int64_t *value) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    unsigned pick = (unsigned)(*seed >> 40);
    if (depth == 0 || pick % 5 == 0) {
        if (pick & 32) {
            *value = (int64_t)(pick >> 8) % 9 - 2;
            return *value;
        }
        *value = values[(pick >> 8) % 4];
        return qn_symbol_dim(g_s, (int32_t)((pick >> 8) % 4));
    }
    int64_t x, y;
    qn_dim a = random_dim(seed, depth - 1, values, &x), b = random_dim(seed, depth - 1, values, &y);
    switch (pick % 7) {
    case 0: *value = x + y; return qn_dim_add(g_s, a, b);
    case 1: *value = x - y; return qn_dim_sub(g_s, a, b);
    case 2: *value = x * y; return qn_dim_mul(g_s, a, b);
    case 3: *value = x < y ? x : y; return qn_dim_min(g_s, a, b);
    case 4: *value = x > y ? x : y; return qn_dim_max(g_s, a, b);
    default: break;
    }
    if (y == 0) {
        *value = x;
        return a;
    }
    int64_t q = x / y - (x % y != 0 && (x < 0) != (y < 0));
    if (pick % 7 == 5) {
        *value = q;
        return qn_dim_floordiv(g_s, a, b);
    }
    *value = -(-x / y - (-x % y != 0 && (-x < 0) != (y < 0)));
    return qn_dim_ceildiv(g_s, a, b);
}

QN_TEST(ir_dim_simplification_keeps_values) {
    uint64_t seed = 7;
    int checked = 0;
    for (int round = 0; round < 20; round++) {
        open_table();
        for (int i = 0; i < 300; i++) {
            int64_t values[4], value, got;
            for (int k = 0; k < 4; k++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                values[k] = (int64_t)(seed >> 60) % 13;
            }
            qn_dim d = random_dim(&seed, 4, values, &value);
            if (d == QN_DIM_UNKNOWN || !qn_dim_eval(g_s, d, values, &got))
                continue; /* a divisor is 0 for these values */
            checked++;
            const char *text = qn_dim_format(g_arena, g_s, d);
            if (got != value)
                fail_msg("%s is %lld, not %lld", text, (long long)got, (long long)value);
            assert_true(qn_dim_parse(g_s, text) == d);
            qn_dim number = qn_dim_substitute(g_s, d, values);
            if (number != QN_DIM_UNKNOWN)
                assert_int_equal(number, value);
            int64_t low, high;
            qn_dim_bounds(g_s, d, &low, &high);
            if (!(low <= value && value <= high))
                fail_msg("%s = %lld is outside %lld..%lld", text, (long long)value, (long long)low, (long long)high);
        }
        close_table();
    }
    assert_true(checked > 4000);
}

QN_TEST(ir_dim_bounds) {
    open_table();
    int64_t low, high;
    qn_symbol_set_range(g_s, 0, (qn_dim_range){14, 2072, 14, NULL, 0});
    qn_symbol_set_range(g_s, 1, (qn_dim_range){2, 10, 1, NULL, 0});
    qn_dim_bounds(g_s, D("h//14"), &low, &high);
    assert_int_equal(low, 1);
    assert_int_equal(high, 148);
    qn_dim_bounds(g_s, D("h*w-1"), &low, &high);
    assert_int_equal(low, 27);
    assert_int_equal(high, 20719);
    qn_dim_bounds(g_s, D("h//w"), &low, &high);
    assert_int_equal(low, 1);
    assert_int_equal(high, 1036);
    qn_dim_bounds(g_s, D("b+1"), &low, &high);
    assert_int_equal(low, 1);
    assert_true(high == INT64_MAX);
    qn_dim_bounds(g_s, D("w - b"), &low, &high);
    assert_true(low == INT64_MIN);
    assert_int_equal(high, 10);
    qn_dim_bounds(g_s, D("min(w,b)"), &low, &high);
    assert_int_equal(low, 0);
    assert_int_equal(high, 10);
    qn_dim_bounds(g_s, QN_DIM_UNKNOWN, &low, &high);
    assert_true(low == INT64_MIN && high == INT64_MAX);
    close_table();
}

QN_TEST(ir_dim_symbols) {
    open_table();
    assert_true(qn_dim_symbol(g_s, "h") == D("h"));
    assert_string_equal(qn_symbol_name(g_s, qn_dim_symbol_index(g_s, qn_dim_fresh(g_s, "n"))), "n");
    assert_string_equal(qn_symbol_name(g_s, qn_dim_symbol_index(g_s, qn_dim_fresh(g_s, "n"))), "n.1");
    assert_string_equal(qn_symbol_name(g_s, qn_dim_symbol_index(g_s, qn_dim_fresh(g_s, "h"))), "h.1");
    qn_dim d = D("h*2");
    qn_symbol_rename(g_s, 0, "height");
    assert_string_equal(qn_dim_format(g_arena, g_s, d), "2*height");
    assert_true(D("height") == qn_symbol_dim(g_s, 0));
    assert_true(D("h") != qn_symbol_dim(g_s, 0));
    qn_symbol_rename(g_s, 0, "w");
    assert_string_equal(qn_symbol_name(g_s, 0), "w.1");
    qn_symbol_set_range(g_s, 1, (qn_dim_range){0, 0, 1, (int64_t[]){3, 5}, 2});
    assert_int_equal(qn_symbol_range(g_s, 1)->min, 3);
    assert_int_equal(qn_symbol_range(g_s, 1)->max, 5);
    char name[1026];
    memset(name, 'x', sizeof name);
    name[1025] = 0;
    assert_true(qn_dim_symbol(g_s, name) == QN_DIM_UNKNOWN);
    close_table();
}

/* What grows without end is given up, not followed. */
QN_TEST(ir_dim_limits) {
    open_table();
    qn_dim d = D("h");
    for (int i = 0; i < 400 && d != QN_DIM_UNKNOWN; i++)
        d = qn_dim_floordiv(g_s, qn_dim_mul(g_s, d, D("w")), D("c+1"));
    assert_true(d == QN_DIM_UNKNOWN);
    d = D("h");
    for (int i = 0; i < 400 && d != QN_DIM_UNKNOWN; i++)
        d = qn_dim_add(g_s, qn_dim_max(g_s, d, D("w")), qn_dim_min(g_s, d, D("b")));
    assert_true(d == QN_DIM_UNKNOWN);
    d = 0;
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "s%d", i);
        d = qn_dim_add(g_s, d, qn_dim_symbol(g_s, name));
    }
    assert_true(d == QN_DIM_UNKNOWN);
    char deep[4096];
    memset(deep, '(', sizeof deep);
    deep[4095] = 0;
    assert_true(D(deep) == QN_DIM_UNKNOWN);
    deep[100] = 0;
    d = D(deep);
    assert_int_equal(qn_dim_symbol_index(g_s, d), qn_symbols_count(g_s) - 1);
    close_table();
}

QN_TEST(ir_dim_ranges) {
    static const struct { const char *text; int64_t in, out; } good[] = {
        {"1..64", 64, 65}, {"14..2072:14", 28, 29}, {"32|128|512", 128, 64}, {"7", 7, 8}, {"3..", INT64_MAX, 2},
        {"0..:2", 4, 3}};
    static const struct { const char *text, *message; } bad[] = {
        {"", "is not N"}, {"x", "is not N"}, {"1..2..3", "is not N"}, {"9..3", "is empty"}, {"1..10:2", "not a multiple of 2"},
        {"4..8:0", "not a multiple of 0"}, {"3|2", "does not come before"}, {"3|", "a list is numbers"}, {"1..99999999999999999999", "is not N"},
        {"-1..3", "is not N"}, {"1..4:", "is not N"}, {"7 ", "is not N"}, {"1|2|2", "does not come before"}};
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_dim_range range;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ASSERT_OK(ctx, qn_dim_range_parse(ctx, arena, good[i].text, &range));
        assert_true(qn_dim_range_has(&range, good[i].in));
        assert_false(qn_dim_range_has(&range, good[i].out));
        assert_string_equal(qn_dim_range_format(arena, &range), good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ASSERT_FAILS(ctx, QN_USAGE, bad[i].message, qn_dim_range_parse(ctx, arena, bad[i].text, &range));
        qn_clear(ctx);
    }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
