/* Measured costs in a JSON file, so that a search can go on: {"tune": KEY, "costs": {TENSOR: {SCHEME: [bytes, cost]}}}. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/tune.h"
#include "base/map.h"
#include "read/json.h"

struct qn_tune_state {
    char *path;
    json_t *top, *costs;
};

enum { MAX_BYTES = 256 << 20 };


/* ---- the file ------------------------------------------------------------------------------------------------------ */

static qn_status read_file(qn_context *ctx, qn_arena *arena, const char *path, const char *key, json_t **top) {
    qn_json json = {0};
    const char *found = NULL;
    qn_json costs = {0};
    QN_TRY(qn_json_open(ctx, arena, path, MAX_BYTES, &json));
    qn_status status = qn_json_string(&json, "tune", QN_JSON_MUST, &found);
    if (status == QN_OK)
        status = qn_json_object(&json, "costs", QN_JSON_MUST, &costs);
    if (status == QN_OK && strcmp(found, key) != 0)
        status = qn_fail(ctx, QN_USAGE, "%s is of another search (%s): give another file, or delete it", path, found);
    *top = status == QN_OK ? json_incref(json.value) : NULL;
    qn_json_close(&json);
    return status;
}

qn_status qn_tune_state_open(qn_context *ctx, const char *path, const char *key, struct qn_tune_state **out) {
    struct qn_tune_state *s = calloc(1, sizeof *s);
    qn_arena *arena = qn_arena_create();
    struct stat st;
    qn_status status = s && arena ? QN_OK : qn_fail_memory(ctx, sizeof *s, "the state of a search");
    *out = NULL;
    if (status == QN_OK && stat(path, &st) == 0)
        status = read_file(ctx, arena, path, key, &s->top);
    else if (status == QN_OK)
        s->top = json_pack("{s:s, s:{}}", "tune", key, "costs");
    qn_arena_destroy(arena);
    if (status == QN_OK) {
        s->path = strdup(path);
        s->costs = json_object_get(s->top, "costs");
        if (!s->path || !s->costs)
            status = qn_fail_memory(ctx, strlen(path), "the state of a search");
    }
    if (status == QN_OK)
        *out = s;
    else
        qn_tune_state_destroy(s);
    return status;
}

void qn_tune_state_destroy(struct qn_tune_state *s) {
    if (!s)
        return;
    json_decref(s->top);
    free(s->path);
    free(s);
}

/* ---- costs ---------------------------------------------------------------------------------------------------------- */

bool qn_tune_state_get(const struct qn_tune_state *s, const char *tensor, const char *scheme, qn_choice *out) {
    const json_t *pair = json_object_get(json_object_get(s->costs, tensor), scheme), *cost = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !json_is_number(json_array_get(pair, 0)) || (!json_is_number(cost) && !json_is_null(cost)))
        return false;
    *out = (qn_choice){json_number_value(json_array_get(pair, 0)), json_is_null(cost) ? (double)INFINITY : json_number_value(cost)};
    return out->bytes >= 0 && out->cost >= 0;
}

qn_status qn_tune_state_put(qn_context *ctx, struct qn_tune_state *s, const char *tensor, const char *scheme, qn_choice cell) {
    json_t *row = json_object_get(s->costs, tensor), *pair = json_array();
    if (!row) {
        row = json_object();
        if (json_object_set_new(s->costs, tensor, row) != 0)
            row = NULL;
    }
    const bool good = pair && row && json_array_append_new(pair, json_real(cell.bytes)) == 0 &&
                      json_array_append_new(pair, isfinite(cell.cost) ? json_real(cell.cost) : json_null()) == 0;
    if (!good || json_object_set_new(row, scheme, pair) != 0)
        return qn_fail_memory(ctx, 0, "the state of a search");
    return QN_OK;
}

qn_status qn_tune_state_save(qn_context *ctx, struct qn_tune_state *s) {
    char *text = json_dumps(s->top, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    qn_outfile *file;
    if (!text)
        return qn_fail_memory(ctx, 0, "the state of a search");
    qn_status status = qn_outfile_create(ctx, s->path, &file);
    if (status == QN_OK) {
        status = qn_outfile_write(ctx, file, 0, text, strlen(text));
        if (status == QN_OK)
            status = qn_outfile_commit(ctx, file);
        else
            qn_outfile_destroy(file);
    }
    free(text);
    return status;
}
