#include "read/json.h"

#include <stdlib.h>

#include "tests/test.h"

typedef struct opened {
    qn_context *ctx;
    qn_arena *arena;
    qn_json json;
} opened;

static opened open_text(const char *text) {
    opened o = {.ctx = qn_test_context(), .arena = qn_arena_create()};
    ASSERT_OK(o.ctx, qn_json_parse(o.ctx, o.arena, "c.json", text, strlen(text), &o.json));
    return o;
}

static void close_text(opened *o) {
    qn_json_close(&o->json);
    qn_arena_destroy(o->arena);
    qn_context_destroy(o->ctx);
}

QN_TEST(read_json_values) {
    opened o = open_text("{\"n\": 3, \"whole\": 2.0, \"x\": 0.5, \"yes\": true, \"t\": \"text\", \"none\": null,"
                         " \"in\": {\"deep\": 7}, \"list\": [1, 2], \"floats\": [1, 0.25]}");
    qn_json in, absent;
    int64_t n = 0, two[2] = {0, 0}, kept = 11;
    double x = 0, floats[2] = {0, 0};
    bool yes = false;
    const char *text = NULL;
    ASSERT_OK(o.ctx, qn_json_int(&o.json, "n", QN_JSON_MUST, 0, 3, &n));
    assert_int_equal(n, 3);
    ASSERT_OK(o.ctx, qn_json_int(&o.json, "whole", QN_JSON_MUST, 0, 3, &n));
    assert_int_equal(n, 2);
    ASSERT_OK(o.ctx, qn_json_number(&o.json, "x", QN_JSON_MUST, 0, 1, &x));
    assert_true(x == 0.5);
    ASSERT_OK(o.ctx, qn_json_bool(&o.json, "yes", QN_JSON_MUST, &yes));
    assert_true(yes);
    ASSERT_OK(o.ctx, qn_json_string(&o.json, "t", QN_JSON_MUST, &text));
    assert_string_equal(text, "text");
    ASSERT_OK(o.ctx, qn_json_int(&o.json, "none", QN_JSON_MAY, 0, 3, &kept));
    ASSERT_OK(o.ctx, qn_json_int(&o.json, "absent", QN_JSON_MAY, 0, 3, &kept));
    assert_int_equal(kept, 11);
    ASSERT_OK(o.ctx, qn_json_object(&o.json, "in", QN_JSON_MUST, &in));
    ASSERT_OK(o.ctx, qn_json_int(&in, "deep", QN_JSON_MUST, 0, 7, &n));
    assert_int_equal(n, 7);
    ASSERT_OK(o.ctx, qn_json_object(&o.json, "out", QN_JSON_MAY, &absent));
    assert_null(absent.value);
    ASSERT_OK(o.ctx, qn_json_ints(&o.json, "list", QN_JSON_MUST, 0, 2, 2, two));
    assert_true(two[0] == 1 && two[1] == 2);
    ASSERT_OK(o.ctx, qn_json_numbers(&o.json, "floats", QN_JSON_MUST, 0, 2, 2, floats));
    assert_true(floats[1] == 0.25);
    close_text(&o);
}

#define REFUSED(MESSAGE, CALL)                            \
    do {                                                  \
        qn_clear(o.ctx);                                  \
        ASSERT_FAILS(o.ctx, QN_MALFORMED, MESSAGE, CALL); \
    } while (0)

QN_TEST(read_json_refusals) {
    opened o = open_text("{\"n\": 1.5, \"big\": 1e300, \"t\": 4, \"in\": {\"deep\": \"7\"}, \"list\": [1, \"x\"]}");
    qn_json in;
    int64_t n[3];
    double x[2];
    bool flag;
    const char *text;
    REFUSED("c.json: n is no whole number", qn_json_int(&o.json, "n", QN_JSON_MAY, 0, 3, n));
    REFUSED("c.json: big is no whole number", qn_json_int(&o.json, "big", QN_JSON_MAY, 0, 3, n));
    REFUSED("c.json: t is 4, not in 0..3", qn_json_int(&o.json, "t", QN_JSON_MAY, 0, 3, n));
    REFUSED("c.json: m is missing", qn_json_int(&o.json, "m", QN_JSON_MUST, 0, 3, n));
    REFUSED("c.json: big is 1e+300, not in 0..1", qn_json_number(&o.json, "big", QN_JSON_MAY, 0, 1, x));
    REFUSED("c.json: t is neither true nor false", qn_json_bool(&o.json, "t", QN_JSON_MAY, &flag));
    REFUSED("c.json: t is no text", qn_json_string(&o.json, "t", QN_JSON_MAY, &text));
    REFUSED("c.json: t is no object", qn_json_object(&o.json, "t", QN_JSON_MAY, &in));
    ASSERT_OK(o.ctx, qn_json_object(&o.json, "in", QN_JSON_MUST, &in));
    REFUSED("c.json: in.deep is no number", qn_json_number(&in, "deep", QN_JSON_MAY, 0, 1, x));
    REFUSED("c.json: t is no list", qn_json_ints(&o.json, "t", QN_JSON_MAY, 0, 3, 2, n));
    REFUSED("c.json: list has 2 entries, not 3", qn_json_ints(&o.json, "list", QN_JSON_MAY, 0, 3, 3, n));
    REFUSED("c.json: list is no number", qn_json_numbers(&o.json, "list", QN_JSON_MAY, 0, 3, 2, x));
    close_text(&o);
}

/* What is not one JSON object without repeated keys, and where that is. */
QN_TEST(read_json_documents) {
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "c.json:1:0: "},
        {"[1]", "c.json: holds no JSON object"},
        {"{\"a\": 1, \"a\": 2}", "duplicate object key"},
        {"{\"a\": 1} x", "end of file expected"},
        {"{\"a\": 99999999999999999999}", "too big integer"},
        {"{\n \"a\": }", "c.json:2:"},
        {"{\"a\": \"\xff\"}", "unable to decode byte 0xff"},
    };
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        qn_json json;
        ASSERT_FAILS(ctx, QN_MALFORMED, bad[i].message,
                     qn_json_parse(ctx, arena, "c.json", bad[i].text, strlen(bad[i].text), &json));
        qn_clear(ctx);
    }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* A document whose values would take a hundred times its bytes. */
QN_TEST(read_json_many_values) {
    enum { MANY = (4 << 20) + 1 };
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_json json;
    char *text = malloc(MANY);
    assert_non_null(text);
    memset(text, '[', MANY);
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "c.json: more than 4194304 values", qn_json_parse(ctx, arena, "c.json", text, MANY, &json));
    qn_json_close(&json);
    free(text);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
