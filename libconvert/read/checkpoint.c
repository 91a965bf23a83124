#include "read/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

enum { MAX_CONFIG = 4 << 20, MAX_INDEX = 100000000, MAX_FILES = 100000 };

static qn_status join(qn_context *ctx, qn_checkpoint *c, const char *name, const char **out) {
    *out = qn_arena_printf(c->arena, "%s/%s", c->folder, name);
    return *out ? QN_OK : qn_fail_memory(ctx, strlen(name), "a path");
}

/* ---- files ------------------------------------------------------------------------------------------ */

static qn_status add_file(qn_context *ctx, qn_checkpoint *c, const char *path) {
    QN_TRY(qn_safetensors_open(ctx, c->arena, path, &c->files[c->n_files]));
    c->n_files++;
    return QN_OK;
}

static qn_status room_for_files(qn_context *ctx, qn_checkpoint *c, size_t n) {
    QN_NEW_ARRAY(ctx, c->arena, c->files, n);
    return QN_OK;
}

static qn_status open_one(qn_context *ctx, qn_checkpoint *c, const char *path) {
    QN_TRY(room_for_files(ctx, c, 1));
    return add_file(ctx, c, path);
}

/* The one file *.safetensors of the folder. */
static qn_status open_only(qn_context *ctx, qn_checkpoint *c) {
    const char *found = NULL, *path;
    int n = 0;
    DIR *folder = opendir(c->folder);
    if (!folder)
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot open the folder: %s", c->folder, strerror(errno));
    for (const struct dirent *e; (e = readdir(folder));)
        if (e->d_name[0] != '.' && qn_path_ends_with(e->d_name, ".safetensors")) {
            found = qn_arena_strdup(c->arena, e->d_name);
            n++;
        }
    closedir(folder);
    if (n == 0)
        return qn_fail(ctx, QN_MALFORMED, "%s: no checkpoint: neither model.safetensors nor model.safetensors.index.json",
                       c->path);
    if (n > 1)
        return qn_fail(ctx, QN_MALFORMED,
                       "%s: %d safetensors files, neither model.safetensors nor model.safetensors.index.json: name one of them",
                       c->path, n);
    if (!found)
        return qn_fail_memory(ctx, 0, "a name");
    QN_TRY(join(ctx, c, found, &path));
    return open_one(ctx, c, path);
}

/* ---- shards ------------------------------------------------------------------------------------------- */

/* What an index says of one shard. */
typedef struct shard {
    int32_t file;      /* of c->files */
    int32_t n_mapped;  /* tensors */
} shard;

/* Whether the shard at `path` is a file of the folder, links followed. Hugging Face's cache keeps MODEL/snapshots/REVISION/
 * full of links to MODEL/blobs/: those are good too. */
static bool is_at_home(const qn_checkpoint *c, const char *path) {
    char *home = realpath(c->folder, NULL), *file = realpath(path, NULL), *up = home ? qn_path_folder(home) : NULL;
    bool good = up && file && qn_path_is_inside(home, file);
    if (up && file && !good && strcmp(qn_path_name(up), "snapshots") == 0) {
        const char *blobs = qn_arena_printf(c->arena, "%.*sblobs", (int)(qn_path_name(up) - up), up);
        good = blobs && qn_path_is_inside(blobs, file);
    }
    free(home);
    free(file);
    free(up);
    return good;
}

static bool is_plain_name(const char *name) {
    return name[0] && name[0] != '.' && !strchr(name, '/') && !strchr(name, '\\') &&
           qn_path_ends_with(name, ".safetensors");
}

static qn_status find_shard(qn_context *ctx, qn_checkpoint *c, qn_table *shards, const qn_json *map, const char *tensor,
                            const char *name, shard **out) {
    const char *path;
    *out = qn_table_get(shards, name);
    if (*out)
        return QN_OK;
    if (!is_plain_name(name))
        return qn_json_fail(map, tensor, "is in '%.100s', which is no safetensors file of this folder", name);
    QN_TRY(join(ctx, c, name, &path));
    if (!qn_path_is_file(path))
        return qn_json_fail(map, tensor, "is in '%.100s', which is not there", name);
    if (!is_at_home(c, path))
        return qn_json_fail(map, tensor, "is in '%.100s', a link that leads out of the folder", name);
    QN_NEW(ctx, c->arena, *out);
    if (c->n_files == MAX_FILES)
        return qn_fail(ctx, QN_UNSUPPORTED, "%s: more than %d shards", map->file, MAX_FILES);
    (*out)->file = c->n_files;
    QN_TRY(add_file(ctx, c, path));
    return qn_table_put(shards, name, *out) ? QN_OK : qn_fail_memory(ctx, 0, "shards");
}

static qn_status check_total(qn_context *ctx, const qn_checkpoint *c, const qn_json *index) {
    qn_json notes;
    int64_t stated = -1, total = 0;
    QN_TRY(qn_json_object(index, "metadata", QN_JSON_MAY, &notes));
    if (notes.value)
        QN_TRY(qn_json_int(&notes, "total_size", QN_JSON_MAY, 0, INT64_MAX, &stated));
    for (int32_t i = 0; i < c->n_files; i++)
        for (int32_t k = 0; k < c->files[i].n_tensors; k++)
            total += (int64_t)c->files[i].tensors[k].n_bytes;
    if (stated >= 0 && stated != total)
        qn_log(ctx, QN_LOG_WARN, "%s: metadata.total_size says %lld, the shards hold %lld bytes", index->file,
               (long long)stated, (long long)total);
    return QN_OK;
}

/* A shard holds nothing that is mapped elsewhere or nowhere: every mapped tensor was found, so counts decide. */
static qn_status check_surplus(qn_context *ctx, const qn_checkpoint *c, const qn_json *map, const shard *s) {
    const qn_safetensors *file = &c->files[s->file];
    if (file->n_tensors == s->n_mapped)
        return QN_OK;
    for (int32_t i = 0; i < file->n_tensors; i++) {
        const json_t *where = json_object_get(map->value, file->tensors[i].name);
        if (!where || strcmp(json_string_value(where), qn_path_name(file->path)) != 0)
            return qn_fail(ctx, QN_MALFORMED, "%s: tensor '%s' is not mapped to this shard by the index", file->path,
                           file->tensors[i].name);
    }
    return QN_OK;
}

static qn_status read_index(qn_context *ctx, qn_checkpoint *c, const qn_json *index) {
    qn_table *shards = qn_table_create(c->arena);
    const char *tensor, *name = NULL;
    json_t *value;
    qn_json map;
    shard *s;
    QN_TRY(qn_json_object(index, "weight_map", QN_JSON_MUST, &map));
    if (!shards)
        return qn_fail_memory(ctx, 0, "shards");
    const size_t n = json_object_size(map.value);
    if (n == 0)
        return qn_json_fail(index, "weight_map", "is empty");
    QN_TRY(room_for_files(ctx, c, n < MAX_FILES ? n : MAX_FILES));
    json_object_foreach(map.value, tensor, value) {
        QN_TRY(qn_json_string(&map, tensor, QN_JSON_MUST, &name));
        QN_TRY(find_shard(ctx, c, shards, &map, tensor, name, &s));
        if (!qn_table_get(c->files[s->file].by_name, tensor))
            return qn_json_fail(&map, tensor, "is not in '%s'", name);
        s->n_mapped++;
    }
    json_object_foreach(map.value, tensor, value)
        QN_TRY(check_surplus(ctx, c, &map, qn_table_get(shards, json_string_value(value))));
    return check_total(ctx, c, index);
}

static qn_status open_shards(qn_context *ctx, qn_checkpoint *c, const char *path) {
    qn_json index;
    QN_TRY(qn_json_open(ctx, c->arena, path, MAX_INDEX, &index));
    const qn_status status = read_index(ctx, c, &index);
    qn_json_close(&index);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static qn_status open_files(qn_context *ctx, qn_checkpoint *c) {
    const char *whole, *index;
    if (!qn_path_is_folder(c->path))
        return open_one(ctx, c, c->path);
    QN_TRY(join(ctx, c, "model.safetensors", &whole));
    QN_TRY(join(ctx, c, "model.safetensors.index.json", &index));
    if (qn_path_is_file(whole))
        return open_one(ctx, c, whole);
    return qn_path_is_file(index) ? open_shards(ctx, c, index) : open_only(ctx, c);
}

/* No two files hold a tensor of one name: check_surplus saw to that. */
static qn_status list_tensors(qn_context *ctx, qn_checkpoint *c) {
    qn_table *by_name = qn_table_create(c->arena);
    size_t n = 0;
    for (int32_t i = 0; i < c->n_files; i++)
        n += (size_t)c->files[i].n_tensors;
    if (!by_name)
        return qn_fail_memory(ctx, 0, "names");
    QN_NEW_ARRAY(ctx, c->arena, c->tensors, n + 1);
    for (int32_t i = 0; i < c->n_files; i++)
        for (int32_t k = 0; k < c->files[i].n_tensors; k++) {
            qn_safetensors_tensor *t = qn_table_get(c->files[i].by_name, c->files[i].tensors[k].name);
            c->tensors[c->n_tensors++] = t;
            if (!qn_table_put(by_name, t->name, t))
                return qn_fail_memory(ctx, 0, "names");
        }
    c->by_name = by_name;
    return QN_OK;
}

/* The first file that has a key decides. */
static qn_status list_notes(qn_context *ctx, qn_checkpoint *c) {
    qn_table *notes = qn_table_create(c->arena);
    for (int32_t i = 0; notes && i < c->n_files; i++)
        for (int32_t k = 0; k < c->files[i].n_notes; k++) {
            qn_note *note = &c->files[i].notes[k];
            if (!qn_table_get(notes, note->key) && !qn_table_put(notes, note->key, note))
                return qn_fail_memory(ctx, 0, "metadata");
        }
    c->notes = notes;
    return notes ? QN_OK : qn_fail_memory(ctx, 0, "metadata");
}

static qn_status open_parts(qn_context *ctx, qn_checkpoint *c, const char *path) {
    c->path = qn_arena_strdup(c->arena, path);
    char *folder = qn_path_is_folder(path) ? strdup(path) : qn_path_folder(path);
    c->folder = folder ? qn_arena_strdup(c->arena, folder) : NULL;
    free(folder);
    if (!c->path || !c->folder)
        return qn_fail_memory(ctx, strlen(path), "a path");
    const char *config = qn_checkpoint_file(c, "config.json");
    if (config)
        QN_TRY(qn_json_open(ctx, c->arena, config, MAX_CONFIG, &c->config));
    QN_TRY(open_files(ctx, c));
    QN_TRY(list_tensors(ctx, c));
    return list_notes(ctx, c);
}

qn_status qn_checkpoint_open(qn_context *ctx, const char *path, qn_checkpoint **out) {
    qn_arena *arena = qn_arena_create();
    qn_checkpoint *c = arena ? qn_arena_alloc(arena, sizeof *c) : NULL;
    *out = NULL;
    if (!c) {
        qn_arena_destroy(arena);
        return qn_fail_memory(ctx, sizeof *c, "a checkpoint");
    }
    c->arena = arena;
    const qn_status status = open_parts(ctx, c, path);
    if (status == QN_OK)
        *out = c;
    else
        qn_checkpoint_close(c);
    return status;
}

void qn_checkpoint_close(qn_checkpoint *c) {
    if (!c)
        return;
    for (int32_t i = 0; i < c->n_files; i++)
        qn_safetensors_close(&c->files[i]);
    qn_json_close(&c->config);
    qn_arena_destroy(c->arena);
}

const qn_safetensors_tensor *qn_checkpoint_find(const qn_checkpoint *c, const char *name) {
    return qn_table_get(c->by_name, name);
}

const char *qn_checkpoint_note(const qn_checkpoint *c, const char *key) {
    const qn_note *note = qn_table_get(c->notes, key);
    return note ? note->text : NULL;
}

const char *qn_checkpoint_file(const qn_checkpoint *c, const char *name) {
    const char *path = qn_arena_printf(c->arena, "%s/%s", c->folder, name);
    return path && qn_path_is_file(path) ? path : NULL;
}
