/* What safetensors files hold, for who wants no graph of it. */
#include "quern.h"

#include <sys/stat.h>

#include "read/checkpoint.h"

struct qn_listing {
    qn_checkpoint *source;
    const char **files;      /* [n_tensors]: of each tensor */
    qn_note *notes;
    int32_t n_notes;
    uint64_t file_bytes;
};

/* The file of each tensor, in the checkpoint's own order: file by file. */
static qn_status list_files(qn_context *ctx, qn_listing *list) {
    const qn_checkpoint *c = list->source;
    int32_t n = 0, n_notes = 0;
    struct stat st;
    for (int32_t i = 0; i < c->n_files; i++)
        n_notes += c->files[i].n_notes;
    QN_NEW_ARRAY(ctx, c->arena, list->files, c->n_tensors + 1);
    QN_NEW_ARRAY(ctx, c->arena, list->notes, n_notes + 1);
    for (int32_t i = 0; i < c->n_files; i++) {
        const qn_safetensors *file = &c->files[i];
        for (int32_t k = 0; k < file->n_tensors; k++)
            list->files[n++] = file->path;
        for (int32_t k = 0; k < file->n_notes; k++)
            list->notes[list->n_notes++] = file->notes[k];
        list->file_bytes += stat(file->path, &st) == 0 ? (uint64_t)st.st_size : 0;
    }
    return QN_OK;
}

qn_status qn_listing_load(qn_context *ctx, const char *path, qn_listing **out) {
    qn_checkpoint *source;
    qn_listing *list;
    *out = NULL;
    qn_clear(ctx);
    QN_TRY(qn_checkpoint_open(ctx, path, &source));
    list = qn_arena_array(source->arena, 1, sizeof *list);
    qn_status status = list ? QN_OK : qn_fail_memory(ctx, sizeof *list, "a listing");
    if (list) {
        list->source = source;
        status = list_files(ctx, list);
    }
    if (status != QN_OK) {
        qn_checkpoint_close(source);
        return status;
    }
    *out = list;
    return QN_OK;
}

void qn_listing_destroy(qn_listing *list) {
    if (list)
        qn_checkpoint_close(list->source);
}

int32_t qn_listing_n_tensors(const qn_listing *list) { return list->source->n_tensors; }
int32_t qn_listing_n_notes(const qn_listing *list) { return list->n_notes; }
qn_note qn_listing_note(const qn_listing *list, int32_t index) { return list->notes[index]; }
uint64_t qn_listing_file_bytes(const qn_listing *list) { return list->file_bytes; }

qn_stored_tensor qn_listing_tensor(const qn_listing *list, int32_t index) {
    const qn_safetensors_tensor *t = list->source->tensors[index];
    qn_stored_tensor row = {.name = t->name, .type = t->type->name, .file = list->files[index], .rank = t->rank,
                            .bytes = t->n_bytes, .is_float = t->type->is_float};
    for (int32_t i = 0; i < t->rank; i++)
        row.dims[i] = t->dims[i];
    return row;
}
