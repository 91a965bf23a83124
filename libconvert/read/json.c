#include "read/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

/* Whole numbers that a double holds exactly. */
static const double g_exact = 9007199254740992.0;

/* A parsed value takes some 100 bytes of memory, and as text as little as 2. */
enum { MAX_VALUES = 4 << 20 };

/* Whether the text could hold more values than are parsed: each but one follows a comma or a bracket. */
static bool has_too_many_values(const char *text, size_t n) {
    size_t values = 1;
    for (size_t i = 0; i < n; i++)
        values += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return values > MAX_VALUES;
}

qn_status qn_json_parse(qn_context *ctx, qn_arena *arena, const char *file, const void *data, size_t n_bytes,
                        qn_json *out) {
    json_error_t error;
    *out = (qn_json){.ctx = ctx, .arena = arena, .file = file, .where = ""};
    if (has_too_many_values(data, n_bytes))
        return qn_fail(ctx, QN_UNSUPPORTED, "%s: more than %d values", file, MAX_VALUES);
    json_t *value = json_loadb(data, n_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!value && json_error_code(&error) == json_error_out_of_memory)
        return qn_fail_memory(ctx, n_bytes, file);
    if (!value)
        return qn_fail(ctx, QN_MALFORMED, "%s:%d:%d: %s", file, error.line, error.column, error.text);
    if (!json_is_object(value)) {
        json_decref(value);
        return qn_fail(ctx, QN_MALFORMED, "%s: holds no JSON object", file);
    }
    out->value = value;
    return QN_OK;
}

qn_status qn_json_open(qn_context *ctx, qn_arena *arena, const char *path, size_t limit, qn_json *out) {
    char *data, *name = qn_arena_strdup(arena, path);
    size_t n;
    *out = (qn_json){0};
    if (!name)
        return qn_fail_memory(ctx, strlen(path), "a name");
    QN_TRY(qn_read_file(ctx, path, limit, &data, &n));
    qn_status status = qn_json_parse(ctx, arena, name, data, n, out);
    free(data);
    return status;
}

void qn_json_close(qn_json *json) {
    json_decref(json->value);
    json->value = NULL;
}

qn_status qn_json_fail(const qn_json *o, const char *key, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return qn_fail(o->ctx, QN_MALFORMED, "%s: %s%s %s", o->file, o->where, key, text);
}

/* ---- values ---------------------------------------------------------------------------------------- */

bool qn_json_has(const qn_json *o, const char *key) {
    const json_t *v = json_object_get(o->value, key);
    return v && !json_is_null(v);
}

/* *out NULL: absent and may be. */
static qn_status find(const qn_json *o, const char *key, qn_json_need need, const json_t **out) {
    *out = qn_json_has(o, key) ? json_object_get(o->value, key) : NULL;
    return !*out && need == QN_JSON_MUST ? qn_json_fail(o, key, "is missing") : QN_OK;
}

static qn_status read_int(const qn_json *o, const char *key, const json_t *v, int64_t min, int64_t max, int64_t *out) {
    int64_t n = 0;
    if (json_is_integer(v))
        n = json_integer_value(v);
    else if (json_is_real(v) && fabs(json_real_value(v)) <= g_exact && trunc(json_real_value(v)) == json_real_value(v))
        n = (int64_t)json_real_value(v);
    else
        return qn_json_fail(o, key, "is no whole number");
    if (n < min || n > max)
        return qn_json_fail(o, key, "is %" PRId64 ", not in %" PRId64 "..%" PRId64, n, min, max);
    *out = n;
    return QN_OK;
}

static qn_status read_number(const qn_json *o, const char *key, const json_t *v, double min, double max, double *out) {
    if (!json_is_number(v))
        return qn_json_fail(o, key, "is no number");
    const double x = json_number_value(v);
    if (!(x >= min && x <= max))
        return qn_json_fail(o, key, "is %g, not in %g..%g", x, min, max);
    *out = x;
    return QN_OK;
}

qn_status qn_json_int(const qn_json *o, const char *key, qn_json_need need, int64_t min, int64_t max, int64_t *out) {
    const json_t *v;
    QN_TRY(find(o, key, need, &v));
    return v ? read_int(o, key, v, min, max, out) : QN_OK;
}

qn_status qn_json_number(const qn_json *o, const char *key, qn_json_need need, double min, double max, double *out) {
    const json_t *v;
    QN_TRY(find(o, key, need, &v));
    return v ? read_number(o, key, v, min, max, out) : QN_OK;
}

qn_status qn_json_bool(const qn_json *o, const char *key, qn_json_need need, bool *out) {
    const json_t *v;
    QN_TRY(find(o, key, need, &v));
    if (!v)
        return QN_OK;
    if (!json_is_boolean(v))
        return qn_json_fail(o, key, "is neither true nor false");
    *out = json_is_true(v);
    return QN_OK;
}

qn_status qn_json_string(const qn_json *o, const char *key, qn_json_need need, const char **out) {
    const json_t *v;
    QN_TRY(find(o, key, need, &v));
    if (!v)
        return QN_OK;
    if (!json_is_string(v))
        return qn_json_fail(o, key, "is no text");
    *out = json_string_value(v);
    return QN_OK;
}

qn_status qn_json_object(const qn_json *o, const char *key, qn_json_need need, qn_json *out) {
    const json_t *v;
    QN_TRY(find(o, key, need, &v));
    *out = *o;
    out->value = NULL;
    if (!v)
        return QN_OK;
    if (!json_is_object(v))
        return qn_json_fail(o, key, "is no object");
    out->value = json_object_get(o->value, key);
    out->where = qn_arena_printf(o->arena, "%s%s.", o->where, key);
    return out->where ? QN_OK : qn_fail_memory(o->ctx, strlen(key), "a name");
}

/* The array of n items under `key`; *out NULL: absent and may be. */
static qn_status find_array(const qn_json *o, const char *key, qn_json_need need, int32_t n, const json_t **out) {
    QN_TRY(find(o, key, need, out));
    if (*out && !json_is_array(*out))
        return qn_json_fail(o, key, "is no list");
    if (*out && json_array_size(*out) != (size_t)n)
        return qn_json_fail(o, key, "has %zu entries, not %d", json_array_size(*out), (int)n);
    return QN_OK;
}

qn_status qn_json_ints(const qn_json *o, const char *key, qn_json_need need, int64_t min, int64_t max, int32_t n,
                       int64_t *out) {
    const json_t *list;
    QN_TRY(find_array(o, key, need, n, &list));
    for (int32_t i = 0; list && i < n; i++)
        QN_TRY(read_int(o, key, json_array_get(list, (size_t)i), min, max, &out[i]));
    return QN_OK;
}

qn_status qn_json_numbers(const qn_json *o, const char *key, qn_json_need need, double min, double max, int32_t n,
                          double *out) {
    const json_t *list;
    QN_TRY(find_array(o, key, need, n, &list));
    for (int32_t i = 0; list && i < n; i++)
        QN_TRY(read_number(o, key, json_array_get(list, (size_t)i), min, max, &out[i]));
    return QN_OK;
}
