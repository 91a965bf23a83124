#include "read/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/map.h"
#include "read/json.h"

/* The format's limit. */
enum { MAX_HEADER = 100000000 };

static const qn_safetensors_dtype g_types[] = {
    {"BOOL", QN_BOOL, 8, false},      {"U8", QN_U8, 8, false},          {"I8", QN_I8, 8, false},
    {"U16", QN_U16, 16, false},       {"I16", QN_I16, 16, false},       {"F16", QN_F16, 16, true},
    {"BF16", QN_BF16, 16, true},      {"U32", QN_U32, 32, false},       {"I32", QN_I32, 32, false},
    {"F32", QN_F32, 32, true},        {"U64", QN_U64, 64, false},       {"I64", QN_I64, 64, false},
    {"F64", QN_F64, 64, true},        {"C64", QN_NONE, 64, false},      {"F8_E5M2", QN_NONE, 8, true},
    {"F8_E4M3", QN_NONE, 8, true},    {"F8_E8M0", QN_NONE, 8, true},    {"F8_E4M3FNUZ", QN_NONE, 8, true},
    {"F8_E5M2FNUZ", QN_NONE, 8, true}, {"F4", QN_NONE, 4, true},        {"F6_E2M3", QN_NONE, 6, true},
    {"F6_E3M2", QN_NONE, 6, true},
};

static const qn_safetensors_dtype *type_of(const char *name) {
    for (size_t i = 0; i < sizeof g_types / sizeof g_types[0]; i++)
        if (strcmp(g_types[i].name, name) == 0)
            return &g_types[i];
    return NULL;
}

/* What is read from, while it is read. */
typedef struct reader {
    qn_context *ctx;
    qn_arena *arena;
    const uint8_t *elements;
    size_t n_elements;              /* bytes */
    qn_safetensors_tensor *tensors;
    qn_safetensors *out;
} reader;

/* ---- one tensor ------------------------------------------------------------------------------------ */

/* The list under `key`, of integers alone: not even 2.0 will do. */
static qn_status check_list(const qn_json *o, const char *key) {
    const json_t *list = json_object_get(o->value, key), *entry;
    size_t i;
    if (!json_is_array(list))
        return qn_json_fail(o, key, list ? "is no list" : "is missing");
    json_array_foreach(list, i, entry) {
        if (!json_is_integer(entry))
            return qn_json_fail(o, key, "holds what is no whole number");
    }
    return QN_OK;
}

static qn_status read_shape(reader *r, const qn_json *o, qn_safetensors_tensor *t) {
    QN_TRY(check_list(o, "shape"));
    const size_t rank = json_array_size(json_object_get(o->value, "shape"));
    if (rank > QN_MAX_RANK)
        return qn_fail(r->ctx, QN_UNSUPPORTED, "%s: tensor '%s' has %zu dimensions, at most %d are read", o->file, t->name,
                       rank, QN_MAX_RANK);
    t->rank = (int32_t)rank;
    return qn_json_ints(o, "shape", QN_JSON_MUST, 0, INT64_MAX, t->rank, t->dims);
}

static qn_status read_extent(reader *r, const qn_json *o, qn_safetensors_tensor *t) {
    int64_t range[2] = {0, 0}, elems, bits;
    QN_TRY(check_list(o, "data_offsets"));
    QN_TRY(qn_json_ints(o, "data_offsets", QN_JSON_MUST, 0, INT64_MAX, 2, range));
    if (range[0] > range[1] || (uint64_t)range[1] > r->n_elements)
        return qn_json_fail(o, "data_offsets", "[%lld, %lld] are no part of the %zu bytes of elements%s", (long long)range[0],
                            (long long)range[1], r->n_elements, range[0] > range[1] ? "" : " (is the file cut short?)");
    if (!qn_count_elems(t->dims, t->rank, &elems) || !qn_mul_i64(elems, t->type->bits, &bits))
        return qn_json_fail(o, "shape", "has more elements than can be counted");
    if (bits / 8 != range[1] - range[0])
        return qn_json_fail(o, "data_offsets", "hold %lld bytes, the shape needs %lld", (long long)(range[1] - range[0]),
                            (long long)(bits / 8));
    t->data = r->elements + range[0];
    t->n_bytes = (size_t)(range[1] - range[0]);
    return QN_OK;
}

static qn_status read_tensor(reader *r, const qn_json *header, const char *name, qn_safetensors_tensor *t) {
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    const char *type = NULL, *key;
    json_t *value;
    qn_json o;
    QN_TRY(qn_json_object(header, name, QN_JSON_MUST, &o));
    json_object_foreach(o.value, key, value) {
        bool known = false;
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
            known = known || strcmp(key, keys[i]) == 0;
        if (!known)
            return qn_json_fail(&o, key, "is no key of a tensor");
    }
    t->name = qn_arena_strdup(r->arena, name);
    if (!t->name)
        return qn_fail_memory(r->ctx, strlen(name), "a name");
    QN_TRY(qn_json_string(&o, "dtype", QN_JSON_MUST, &type));
    t->type = type_of(type);
    if (!t->type)
        return qn_fail(r->ctx, QN_UNSUPPORTED, "%s: tensor '%s' has the type '%.40s', which is not known", header->file, name,
                       type);
    if (t->type->bits < 8)
        return qn_fail(r->ctx, QN_UNSUPPORTED, "%s: tensor '%s' has the type %s, narrower than a byte, which is not read",
                       header->file, name, type);
    QN_TRY(read_shape(r, &o, t));
    return read_extent(r, &o, t);
}

/* ---- the header --------------------------------------------------------------------------------------- */

static qn_status read_notes(reader *r, const qn_json *header) {
    qn_note *notes;
    const char *key, *text = NULL;
    json_t *value;
    qn_json o;
    int32_t n = 0;
    if (!json_object_get(header->value, "__metadata__"))
        return QN_OK;
    QN_TRY(qn_json_object(header, "__metadata__", QN_JSON_MUST, &o));
    QN_NEW_ARRAY(r->ctx, r->arena, notes, json_object_size(o.value) + 1);
    json_object_foreach(o.value, key, value) {
        QN_TRY(qn_json_string(&o, key, QN_JSON_MUST, &text));
        notes[n].key = qn_arena_strdup(r->arena, key);
        notes[n].text = qn_arena_strdup(r->arena, text);
        if (!notes[n].key || !notes[n].text)
            return qn_fail_memory(r->ctx, strlen(text), "metadata");
        n++;
    }
    r->out->notes = notes;
    r->out->n_notes = n;
    return QN_OK;
}

/* By their bytes; tensors without elements before the one that begins there. */
static int by_place(const void *a, const void *b) {
    const qn_safetensors_tensor *x = a, *y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->n_bytes != y->n_bytes ? (x->n_bytes < y->n_bytes ? -1 : 1) : strcmp(x->name, y->name);
}

/* Neither holes nor overlaps. */
static qn_status check_places(const reader *r) {
    const uint8_t *end = r->elements;
    const char *before = "the header";
    for (int32_t i = 0; i < r->out->n_tensors; i++) {
        const qn_safetensors_tensor *t = &r->tensors[i];
        if (t->data != end)
            return qn_fail(r->ctx, QN_MALFORMED, "%s: tensor '%s' %s %s", r->out->path, t->name,
                           t->data < end ? "overlaps" : "leaves a hole after", before);
        end = t->data + t->n_bytes;
        before = t->name;
    }
    const size_t left = (size_t)(r->elements + r->n_elements - end);
    return left ? qn_fail(r->ctx, QN_MALFORMED, "%s: %zu bytes after %s belong to no tensor", r->out->path, left, before)
                : QN_OK;
}

static qn_status read_header(reader *r, const qn_json *header) {
    qn_table *by_name = qn_table_create(r->arena);
    const char *name;
    json_t *value;
    int32_t n = 0;
    QN_NEW_ARRAY(r->ctx, r->arena, r->tensors, json_object_size(header->value) + 1);
    if (!by_name)
        return qn_fail_memory(r->ctx, 0, "names");
    QN_TRY(read_notes(r, header));
    json_object_foreach(header->value, name, value) {
        if (strcmp(name, "__metadata__") != 0)
            QN_TRY(read_tensor(r, header, name, &r->tensors[n++]));
    }
    qsort(r->tensors, (size_t)n, sizeof *r->tensors, by_place);
    for (int32_t i = 0; i < n; i++)
        if (!qn_table_put(by_name, r->tensors[i].name, &r->tensors[i]))
            return qn_fail_memory(r->ctx, 0, "names");
    r->out->tensors = r->tensors;
    r->out->n_tensors = n;
    r->out->by_name = by_name;
    return check_places(r);
}

qn_status qn_safetensors_parse(qn_context *ctx, qn_arena *arena, const char *name, const void *data, size_t n_bytes,
                               qn_safetensors *out) {
    static const char pointer[] = "version https://git-lfs";
    const uint8_t *bytes = data;
    uint64_t n = 0;
    *out = (qn_safetensors){.path = qn_arena_strdup(arena, name)};
    if (!out->path)
        return qn_fail_memory(ctx, strlen(name), "a name");
    if (n_bytes < 8)
        return qn_fail(ctx, QN_MALFORMED, "%s: %zu bytes are no safetensors file, which begins with 8 for the header's size",
                       name, n_bytes);
    for (int i = 7; i >= 0; i--)
        n = n << 8 | bytes[i];
    if (n_bytes >= sizeof pointer - 1 && memcmp(bytes, pointer, sizeof pointer - 1) == 0)
        return qn_fail(ctx, QN_MALFORMED, "%s: a pointer of Git LFS in place of the file: git lfs pull fetches it", name);
    if (n > MAX_HEADER)
        return qn_fail(ctx, QN_MALFORMED, "%s: a header of %llu bytes, the format ends at %d: no safetensors file", name,
                       (unsigned long long)n, MAX_HEADER);
    if (n > n_bytes - 8)
        return qn_fail(ctx, QN_MALFORMED, "%s: a header of %llu bytes in a file of %zu", name, (unsigned long long)n, n_bytes);
    if (n == 0 || bytes[8] != '{')
        return qn_fail(ctx, QN_MALFORMED, "%s: the header does not begin with '{'", name);
    reader r = {.ctx = ctx, .arena = arena, .elements = bytes + 8 + n, .n_elements = n_bytes - 8 - (size_t)n, .out = out};
    qn_json header;
    qn_status status = qn_json_parse(ctx, arena, out->path, bytes + 8, (size_t)n, &header);
    if (status == QN_OK)
        status = read_header(&r, &header);
    qn_json_close(&header);
    return status;
}

qn_status qn_safetensors_open(qn_context *ctx, qn_arena *arena, const char *path, qn_safetensors *out) {
    qn_map *map;
    *out = (qn_safetensors){0};
    QN_TRY(qn_map_open(ctx, path, &map));
    const qn_status status = qn_safetensors_parse(ctx, arena, path, qn_map_data(map), qn_map_bytes(map), out);
    if (status == QN_OK)
        out->map = map;
    else
        qn_map_close(map);
    return status;
}

void qn_safetensors_close(qn_safetensors *file) {
    qn_map_close(file->map);
    file->map = NULL;
}
