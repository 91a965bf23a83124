#include "api/calibrate.h"

#include "api/model.h"

#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_SAMPLES = 100000 };

struct qn_calibration {
    qn_samples samples;
    qn_arena *arena;
    const char **files;        /* [samples.n]; NULL: tensors of the caller */
    const qn_tensor *tensors;
    qn_arrays *loaded;         /* of the newest sample */
    qn_tensor photo;           /* likewise; its data is owned */
    char name[32];
};

/* ---- which files ------------------------------------------------------------------------------------ */

static bool is_arrays(const char *name) { return qn_path_ends_with(name, ".npz") || qn_path_ends_with(name, ".npy"); }

/* Cameras write .JPG. */
static bool is_photo(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && (!strcasecmp(dot, ".png") || !strcasecmp(dot, ".jpg") || !strcasecmp(dot, ".jpeg"));
}

static bool is_sample(const char *name) { return name[0] != '.' && (is_arrays(name) || is_photo(name)); }

static qn_status add_file(qn_context *ctx, qn_calibration *c, char *path, int32_t *room) {
    if (!path)
        return qn_fail_memory(ctx, 0, "the calibration inputs");
    if (c->samples.n == *room) {
        const int32_t grown = *room ? 2 * *room : 64;
        c->files = qn_arena_grow(c->arena, c->files, (size_t)*room, (size_t)grown, sizeof *c->files);
        if (!c->files)
            return qn_fail_memory(ctx, (size_t)grown * sizeof *c->files, "the calibration inputs");
        *room = grown;
    }
    c->files[c->samples.n++] = path;
    return QN_OK;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static qn_status read_folder(qn_context *ctx, qn_calibration *c, const char *path, DIR *folder) {
    int32_t room = 0;
    errno = 0;
    for (const struct dirent *entry; (entry = readdir(folder)); errno = 0) {
        if (!is_sample(entry->d_name))
            continue;
        if (c->samples.n == MAX_SAMPLES)
            return qn_fail(ctx, QN_UNSUPPORTED, "%s: more than %d calibration inputs", path, (int)MAX_SAMPLES);
        QN_TRY(add_file(ctx, c, qn_arena_printf(c->arena, "%s/%s", path, entry->d_name), &room));
    }
    if (errno)
        return qn_fail(ctx, QN_SYSTEM, "%s: %s", path, strerror(errno));
    if (!c->samples.n)
        return qn_fail(ctx, QN_MALFORMED, "%s: no calibration inputs in this folder: no .npz, .npy, .png or .jpg", path);
    qsort(c->files, (size_t)c->samples.n, sizeof *c->files, by_name);
    return QN_OK;
}

static qn_status list_files(qn_context *ctx, qn_calibration *c, const char *path) {
    struct stat st;
    int32_t room = 0;
    if (stat(path, &st) != 0)
        return qn_fail(ctx, QN_SYSTEM, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) {
        if (!is_sample(qn_path_name(path)))
            return qn_fail(ctx, QN_USAGE, "%s: calibration inputs come as .npz, .npy, .png, .jpg or a folder of these", path);
        return add_file(ctx, c, qn_arena_strdup(c->arena, path), &room);
    }
    DIR *folder = opendir(path);
    if (!folder)
        return qn_fail(ctx, QN_SYSTEM, "%s: %s", path, strerror(errno));
    qn_status status = read_folder(ctx, c, path, folder);
    closedir(folder);
    return status;
}

/* ---- one sample --------------------------------------------------------------------------------------- */

/* What the newest sample is in. */
static void forget_sample(qn_calibration *c) {
    qn_arrays_destroy(c->loaded);
    free(c->photo.data);
    c->loaded = NULL;
    c->photo = (qn_tensor){0};
}

/* A photo, made the input as the model says. */
static qn_status load_photo(qn_context *ctx, qn_calibration *c, const char *path, const qn_graph *graph, qn_tensor *inputs) {
    qn_picture *picture;
    int32_t index = 0;
    if (graph->n_inputs != 1)
        return qn_fail(ctx, QN_USAGE, "%s: a photo is one input, the model has %d: give .npz files", path, graph->n_inputs);
    QN_TRY(qn_picture_load(ctx, path, &picture));
    const qn_picture *const pictures[] = {picture};
    qn_status status = qn_graph_picture_input(ctx, graph, pictures, 1, &index, &c->photo);
    qn_picture_destroy(picture);
    if (status != QN_OK)
        return qn_fail_in(ctx, status, "%s", path);
    inputs[index] = c->photo;
    return QN_OK;
}

static qn_status load_file(qn_context *ctx, qn_calibration *c, const char *path, const qn_graph *graph, qn_tensor *inputs) {
    const bool npy = qn_path_ends_with(path, ".npy");
    forget_sample(c);
    if (is_photo(path))
        return load_photo(ctx, c, path, graph, inputs);
    if (npy && graph->n_inputs != 1)
        return qn_fail(ctx, QN_USAGE, "%s: an .npy is one array, the model has %d inputs: give .npz files", path,
                       graph->n_inputs);
    QN_TRY(qn_arrays_load(ctx, path, &c->loaded));
    for (int32_t i = 0; i < graph->n_inputs; i++) {
        const char *port = graph->inputs[i].name;
        const qn_tensor *t = npy ? qn_arrays_tensor(c->loaded, 0) : qn_arrays_input(c->loaded, port, i);
        if (!t)
            return qn_fail(ctx, QN_USAGE, "%s: no array for input '%s': it would be called '%s' or 'in.%s'", path, port, port,
                           port);
        inputs[i] = *t;
    }
    return QN_OK;
}

static qn_status load_sample(qn_context *ctx, void *user, int32_t index, const qn_graph *graph, qn_tensor *inputs,
                             const char **name) {
    qn_calibration *c = user;
    if (c->files) {
        *name = c->files[index];
        return load_file(ctx, c, c->files[index], graph, inputs);
    }
    snprintf(c->name, sizeof c->name, "%d", index);
    *name = c->name;
    for (int32_t i = 0; i < graph->n_inputs; i++)
        inputs[i] = c->tensors[(size_t)index * (size_t)graph->n_inputs + (size_t)i];
    return QN_OK;
}

/* ---- both ------------------------------------------------------------------------------------------------- */

static qn_status open_samples(qn_context *ctx, const qn_convert_options *o, qn_calibration *c) {
    c->samples = (qn_samples){.load = load_sample, .user = c};
    c->arena = qn_arena_create();
    if (!c->arena)
        return qn_fail_memory(ctx, sizeof *c, "the calibration inputs");
    if (o->calibrate)
        return list_files(ctx, c, o->calibrate);
    c->tensors = o->samples;
    c->samples.n = o->n_samples;
    return QN_OK;
}

qn_status qn_calibration_open(qn_context *ctx, const qn_convert_options *o, qn_calibration **out) {
    *out = NULL;
    if (!o->calibrate && !o->samples)
        return QN_OK;
    if (o->calibrate && o->samples)
        return qn_fail(ctx, QN_USAGE, "calibration inputs come from '%s' or from memory, not from both", o->calibrate);
    if (o->samples && o->n_samples <= 0)
        return qn_fail(ctx, QN_USAGE, "%d calibration inputs", o->n_samples);
    qn_calibration *c = calloc(1, sizeof *c);
    if (!c)
        return qn_fail_memory(ctx, sizeof *c, "the calibration inputs");
    qn_status status = open_samples(ctx, o, c);
    if (status != QN_OK) {
        qn_calibration_destroy(c);
        return status;
    }
    *out = c;
    return QN_OK;
}

void qn_calibration_destroy(qn_calibration *c) {
    if (!c)
        return;
    forget_sample(c);
    qn_arena_destroy(c->arena);
    free(c);
}

const qn_samples *qn_calibration_samples(const qn_calibration *c) { return c ? &c->samples : NULL; }
