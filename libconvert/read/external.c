#include "read/external.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/path.h"
#include "onnx.pb-c.h"

typedef struct place {
    const char *location;
    uint64_t offset, length;
    bool has_length;
} place;

/* Decimal digits only: strtoull would take signs and spaces. */
static bool parse_u64(const char *text, uint64_t *out) {
    uint64_t v = 0;
    if (!*text)
        return false;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

static qn_status parse_place(qn_context *ctx, const QnOnnx__TensorProto *tensor, const char *label, place *out) {
    *out = (place){NULL, 0, 0, false};
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const char *key = tensor->external_data[i]->key ? tensor->external_data[i]->key : "";
        const char *value = tensor->external_data[i]->value ? tensor->external_data[i]->value : "";
        bool ok = true;
        if (strcmp(key, "location") == 0)
            out->location = value;
        else if (strcmp(key, "offset") == 0)
            ok = parse_u64(value, &out->offset);
        else if (strcmp(key, "length") == 0)
            ok = out->has_length = parse_u64(value, &out->length);
        else if (strcmp(key, "checksum") != 0)
            return qn_fail(ctx, QN_UNSUPPORTED, "%s: external data key '%s'", label, key);
        if (!ok)
            return qn_fail(ctx, QN_MALFORMED, "%s: external data %s '%s' is not a number", label, key, value);
    }
    if (!out->location || !*out->location)
        return qn_fail(ctx, QN_MALFORMED, "%s: external data without a location", label);
    return QN_OK;
}

static bool has_parent_step(const char *path) {
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/\\");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return true;
        p += n + (p[n] != 0);
    }
    return false;
}

static void close_map(void *map) { qn_map_close(map); }

static qn_status open_file(qn_onnx_source *source, const char *location, const char *label, qn_map **out) {
    qn_context *ctx = source->ctx;
    if (!source->folder || !source->keeper)
        return qn_fail(ctx, QN_UNSUPPORTED, "%s: external data '%s' of a model that has no folder", label, location);
    if (location[0] == '/' || location[0] == '\\' || has_parent_step(location))
        return qn_fail(ctx, QN_MALFORMED, "%s: external data '%s' leads out of the model's folder", label, location);
    char *joined = qn_arena_printf(source->arena, "%s/%s", source->folder, location);
    if (!joined)
        return qn_fail_memory(ctx, strlen(location), "a path");
    char *folder = realpath(source->folder, NULL), *path = realpath(joined, NULL);
    qn_status status = QN_OK;
    if (!folder || !path)
        status = qn_fail(ctx, QN_SYSTEM, "%s: external data '%s': no such file", label, joined);
    else if (!qn_path_is_inside(folder, path))
        status = qn_fail(ctx, QN_MALFORMED, "%s: external data '%s' is a link that leads out of the model's folder",
                         label, location);
    else
        status = qn_map_open(ctx, path, out);
    if (status == QN_OK)
        status = qn_graph_add_source(ctx, source->keeper, path);
    free(folder);
    free(path);
    QN_TRY(status);
    status = qn_graph_keep(ctx, source->keeper, *out, close_map);
    if (status != QN_OK)
        qn_map_close(*out);
    return status;
}

qn_status qn_external_data(qn_onnx_source *source, const QnOnnx__TensorProto *tensor, const char *label,
                           size_t n_bytes, const uint8_t **out) {
    qn_context *ctx = source->ctx;
    place where;
    QN_TRY(parse_place(ctx, tensor, label, &where));
    if (where.has_length && where.length != n_bytes)
        return qn_fail(ctx, QN_MALFORMED, "%s: %llu bytes of external data, the shape needs %zu", label,
                       (unsigned long long)where.length, n_bytes);
    qn_map *map = source->maps ? qn_table_get(source->maps, where.location) : NULL;
    if (!map) {
        QN_TRY(open_file(source, where.location, label, &map));
        if (!source->maps)
            source->maps = qn_table_create(source->arena);
        if (!source->maps || !qn_table_put(source->maps, where.location, map))
            return qn_fail_memory(ctx, sizeof map, "external files");
    }
    size_t size = qn_map_bytes(map);
    if (where.offset > size || n_bytes > size - where.offset)
        return qn_fail(ctx, QN_MALFORMED, "%s: bytes %llu+%zu of external data '%s', which has %zu", label,
                       (unsigned long long)where.offset, n_bytes, where.location, size);
    *out = qn_map_data(map) + where.offset;
    return QN_OK;
}
