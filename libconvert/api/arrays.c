/* Named tensors from files: .npy, .npz, TensorProto, and ONNX's test_data_set folders. */
#include "base/arena.h"
#include "base/path.h"
#include "read/npy.h"
#include "read/onnx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SET_FILES = 1024 };

struct qn_arrays {
    qn_arena *arena;
    qn_npz_entry *entries;
    int32_t n;
};

static qn_status load_npy(qn_context *ctx, const char *path, qn_arrays *a) {
    const char *name = qn_path_name(path);
    QN_NEW(ctx, a->arena, a->entries);
    a->entries[0].name = qn_arena_strndup(a->arena, name, strlen(name) - strlen(".npy"));
    if (!a->entries[0].name)
        return qn_fail_memory(ctx, strlen(name), path);
    a->n = 1;
    return qn_npy_read(ctx, a->arena, path, &a->entries[0].tensor);
}

static qn_status load_pb(qn_context *ctx, const char *path, const char *prefix, int number, qn_arrays *a) {
    const char *name;
    qn_npz_entry *e = &a->entries[a->n];
    QN_TRY(qn_onnx_read_tensor(ctx, a->arena, path, &name, &e->tensor));
    e->name = name && name[0] ? qn_arena_printf(a->arena, "%s%s", prefix, name)
                              : qn_arena_printf(a->arena, "%s#%d", prefix, number);
    if (!e->name)
        return qn_fail_memory(ctx, 64, path);
    a->n++;
    return QN_OK;
}

static qn_status load_set_part(qn_context *ctx, const char *folder, const char *part, const char *prefix,
                               qn_arrays *a) {
    for (int i = 0; i < MAX_SET_FILES / 2; i++) {
        char *path = qn_arena_printf(a->arena, "%s/%s_%d.pb", folder, part, i);
        if (!path)
            return qn_fail_memory(ctx, 64, folder);
        if (access(path, F_OK) != 0)
            return QN_OK;
        QN_TRY(load_pb(ctx, path, prefix, i, a));
    }
    return qn_fail(ctx, QN_UNSUPPORTED, "%s: more than %d %s files", folder, MAX_SET_FILES / 2, part);
}

static qn_status load_set(qn_context *ctx, const char *folder, qn_arrays *a) {
    QN_NEW_ARRAY(ctx, a->arena, a->entries, MAX_SET_FILES);
    QN_TRY(load_set_part(ctx, folder, "input", "in.", a));
    QN_TRY(load_set_part(ctx, folder, "output", "out.", a));
    return a->n ? QN_OK
                : qn_fail(ctx, QN_MALFORMED, "%s: no input_0.pb and no output_0.pb in this folder", folder);
}

static qn_status load(qn_context *ctx, const char *path, qn_arrays *a) {
    struct stat st;
    if (stat(path, &st) != 0)
        return qn_fail(ctx, QN_SYSTEM, "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return load_set(ctx, path, a);
    if (qn_path_ends_with(path, ".npz"))
        return qn_npz_read(ctx, a->arena, path, NULL, &a->entries, &a->n);
    if (qn_path_ends_with(path, ".npy"))
        return load_npy(ctx, path, a);
    if (qn_path_ends_with(path, ".pb")) {
        QN_NEW(ctx, a->arena, a->entries);
        return load_pb(ctx, path, "", 0, a);
    }
    return qn_fail(ctx, QN_UNSUPPORTED, "%s: arrays come as .npy, .npz, .pb or a test_data_set folder", path);
}

qn_status qn_arrays_load(qn_context *ctx, const char *path, qn_arrays **out) {
    *out = NULL;
    qn_clear(ctx);
    qn_arrays *a = calloc(1, sizeof *a);
    if (a)
        a->arena = qn_arena_create();
    if (!a || !a->arena) {
        free(a);
        return qn_fail_memory(ctx, sizeof *a, path);
    }
    qn_status status = load(ctx, path, a);
    if (status != QN_OK) {
        qn_arrays_destroy(a);
        return status;
    }
    *out = a;
    return QN_OK;
}

void qn_arrays_destroy(qn_arrays *a) {
    if (!a)
        return;
    qn_arena_destroy(a->arena);
    free(a);
}

int32_t qn_arrays_count(const qn_arrays *a) { return a->n; }
const char *qn_arrays_name(const qn_arrays *a, int32_t index) { return a->entries[index].name; }
const qn_tensor *qn_arrays_tensor(const qn_arrays *a, int32_t index) { return &a->entries[index].tensor; }

const qn_tensor *qn_arrays_find(const qn_arrays *a, const char *name) {
    for (int32_t i = 0; i < a->n; i++)
        if (strcmp(a->entries[i].name, name) == 0)
            return &a->entries[i].tensor;
    return NULL;
}

const qn_tensor *qn_arrays_input(const qn_arrays *arrays, const char *name, int32_t index) {
    static const char prefix[] = "in.";
    char number[32];
    const qn_tensor *bare = qn_arrays_find(arrays, name);
    for (int32_t i = 0; i < arrays->n; i++)
        if (strncmp(arrays->entries[i].name, prefix, strlen(prefix)) == 0 &&
            strcmp(arrays->entries[i].name + strlen(prefix), name) == 0)
            return &arrays->entries[i].tensor;
    snprintf(number, sizeof number, "in.#%d", (int)index);
    return bare ? bare : qn_arrays_find(arrays, number);
}

qn_status qn_tensor_save(qn_context *ctx, const char *path, const qn_tensor *tensor) {
    qn_clear(ctx);
    return qn_npy_write(ctx, path, tensor);
}
