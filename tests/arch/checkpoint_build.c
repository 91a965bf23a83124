#include "tests/arch/checkpoint_build.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "base/checked.h"
#include "base/glob.h"
#include "base/half.h"
#include "base/random.h"
#include "tests/read/safetensors_build.h"
#include "tests/test.h"

ckpt ckpt_begin(uint64_t seed) {
    ckpt c = {.arena = qn_arena_create(), .state = seed};
    assert_non_null(c.arena);
    return c;
}

void ckpt_end(ckpt *c) { qn_arena_destroy(c->arena); }

ckpt_tensor *ckpt_add(ckpt *c, const char *name, double mean, double spread, const int64_t *dims, int32_t rank) {
    if (c->n == c->cap) {
        const int32_t cap = c->cap ? 2 * c->cap : 64;
        c->tensors = qn_arena_grow(c->arena, c->tensors, (size_t)c->n, (size_t)cap, sizeof *c->tensors);
        assert_non_null(c->tensors);
        c->cap = cap;
    }
    ckpt_tensor *t = &c->tensors[c->n++];
    *t = (ckpt_tensor){.name = qn_arena_strdup(c->arena, name), .rank = rank};
    for (int32_t i = 0; i < rank; i++)
        t->dims[i] = dims[i];
    assert_true(qn_count_elems(dims, rank, &t->n));
    t->data = qn_arena_alloc(c->arena, (size_t)t->n * sizeof *t->data + 1);
    assert_true(t->name && t->data);
    for (int64_t i = 0; i < t->n; i++)
        t->data[i] = (float)(mean + spread * qn_random_normal(&c->state));
    return t;
}

void ckpt_add_module(ckpt *c, const char *prefix, bool bias, const int64_t *dims, int32_t rank) {
    double fan_in = 1;
    for (int32_t i = 1; i < rank; i++)
        fan_in *= (double)dims[i];
    (void)ckpt_add(c, qn_arena_printf(c->arena, "%s.weight", prefix), 0, 1 / sqrt(fan_in), dims, rank);
    if (bias)
        (void)ckpt_add(c, qn_arena_printf(c->arena, "%s.bias", prefix), 0, 0.1, dims, 1);
}

void ckpt_add_norm(ckpt *c, const char *prefix, int64_t n) {
    (void)ckpt_add(c, qn_arena_printf(c->arena, "%s.weight", prefix), 1, 0.1, &n, 1);
    (void)ckpt_add(c, qn_arena_printf(c->arena, "%s.bias", prefix), 0, 0.1, &n, 1);
}

ckpt_tensor *ckpt_find(const ckpt *c, const char *name) {
    for (int32_t i = 0; i < c->n; i++)
        if (strcmp(c->tensors[i].name, name) == 0)
            return &c->tensors[i];
    return NULL;
}

void ckpt_remove(ckpt *c, const char *name) {
    ckpt_tensor *t = ckpt_find(c, name);
    assert_non_null(t);
    memmove(t, t + 1, sizeof *t * (size_t)(&c->tensors[--c->n] - t));
}

/* ---- changes ---------------------------------------------------------------------------------------------- */

static bool fits(const char *pattern, const char *name) { return pattern && qn_glob_match(pattern, name); }

static void lengthen(ckpt *c, ckpt_tensor *t) {
    const ckpt_tensor old = *t;
    const int64_t n = t->n / t->dims[0]++;
    t->n += n;
    t->data = qn_arena_alloc(c->arena, (size_t)t->n * sizeof *t->data);
    assert_non_null(t->data);
    memcpy(t->data, old.data, (size_t)old.n * sizeof *t->data);
}

static void reverse(ckpt_tensor *t) {
    const ckpt_tensor old = *t;
    for (int32_t i = 0; i < t->rank; i++)
        t->dims[i] = old.dims[t->rank - 1 - i];
}

void ckpt_apply(ckpt *c, const ckpt_change *change) {
    static const int64_t two = 2;
    int32_t n = 0;
    if (!change)
        return;
    if (change->longer)
        lengthen(c, ckpt_find(c, change->longer));
    if (change->reversed)
        reverse(ckpt_find(c, change->reversed));
    for (int32_t i = 0; i < c->n; i++) {
        if (fits(change->zero, c->tensors[i].name))
            memset(c->tensors[i].data, 0, (size_t)c->tensors[i].n * sizeof *c->tensors[i].data);
        if (!fits(change->without, c->tensors[i].name))
            c->tensors[n++] = c->tensors[i];
    }
    c->n = n;
    if (change->surplus)
        (void)ckpt_add(c, change->surplus, 0, 1, &two, 1);
}

/* ---- files ------------------------------------------------------------------------------------------------ */

static const char *type_name(qn_dtype dtype) {
    switch (dtype) {
    case QN_F16: return "F16";
    case QN_BF16: return "BF16";
    case QN_F64: return "F64";
    case QN_I32: return "I32";
    default: return "F32";
    }
}

static void append_element(qn_buf *out, qn_dtype dtype, float x) {
    switch (dtype) {
    case QN_F16: qn_buf_append(out, &(uint16_t){qn_f32_to_f16(x)}, 2); break;
    case QN_BF16: qn_buf_append(out, &(uint16_t){qn_f32_to_bf16(x)}, 2); break;
    case QN_F64: qn_buf_append(out, &(double){x}, 8); break;
    case QN_I32: qn_buf_append(out, &(int32_t){(int32_t)x}, 4); break;
    default: qn_buf_append(out, &x, 4);
    }
}

/* Tensors first, first + step, ... as a file. */
static void write_file(const ckpt *c, const char *folder, const char *name, const ckpt_storage *storage, int first, int step) {
    const qn_dtype dtype = storage->dtype ? storage->dtype : QN_F32;
    qn_buf header = QN_BUF_INIT, elements = QN_BUF_INIT;
    qn_buf_puts(&header, "{");
    if (storage->metadata)
        qn_buf_printf(&header, "\"__metadata__\":%s", storage->metadata);
    for (int32_t i = first; i < c->n; i += step) {
        const ckpt_tensor *t = &c->tensors[i];
        qn_buf_printf(&header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", header.n > 1 ? "," : "", t->name, type_name(dtype));
        for (int32_t k = 0; k < t->rank; k++)
            qn_buf_printf(&header, "%s%lld", k ? "," : "", (long long)t->dims[k]);
        qn_buf_printf(&header, "],\"data_offsets\":[%zu,", elements.n);
        for (int64_t k = 0; k < t->n; k++)
            append_element(&elements, dtype, t->data[k]);
        qn_buf_printf(&header, "%zu]}", elements.n);
    }
    qn_buf_puts(&header, "}");
    while (header.n % 8)
        qn_buf_puts(&header, " ");
    for (int i = 0; i < storage->pad; i++)
        qn_buf_puts(&header, " ");
    assert_false(header.failed || elements.failed);
    st_write_buf(folder, name, st_file(header.data, elements.data ? elements.data : "", elements.n));
    qn_buf_free(&header);
    qn_buf_free(&elements);
}

void ckpt_write(const ckpt *c, const char *folder, const ckpt_storage *storage) {
    write_file(c, folder, "model.safetensors", storage ? storage : &(ckpt_storage){0}, 0, 1);
}

void ckpt_write_shards(const ckpt *c, const char *folder, int n) {
    qn_buf index = QN_BUF_INIT;
    char name[64];
    qn_buf_puts(&index, "{\"weight_map\": {");
    for (int32_t i = 0; i < c->n; i++)
        qn_buf_printf(&index, "%s\"%s\": \"shard%d.safetensors\"", i ? ", " : "", c->tensors[i].name, i % n);
    qn_buf_puts(&index, "}}");
    for (int k = 0; k < n; k++) {
        snprintf(name, sizeof name, "shard%d.safetensors", k);
        write_file(c, folder, name, &(ckpt_storage){0}, k, n);
    }
    st_write_buf(folder, "model.safetensors.index.json", index);
}

void ckpt_write_folder(const ckpt *c, const char *name, const char *config, const ckpt_storage *storage, char *path) {
    st_folder(name, path);
    st_write_text(path, "config.json", config);
    ckpt_write(c, path, storage);
}

char *ckpt_config_with(const char *config, const char *section, const char *key, const char *value) {
    json_t *top = json_loads(config, 0, NULL);
    json_t *object = section ? json_object_get(top, section) : top;
    assert_non_null(object);
    if (value)
        assert_int_equal(json_object_set_new(object, key, json_loads(value, JSON_DECODE_ANY, NULL)), 0);
    else
        assert_int_equal(json_object_del(object, key), 0);
    char *text = json_dumps(top, 0);
    json_decref(top);
    assert_non_null(text);
    return text;
}
