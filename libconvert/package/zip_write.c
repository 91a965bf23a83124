/* Placed entries to a file. */
#include "package/zip.h"

qn_status qn_zip_write_local(qn_context *ctx, qn_outfile *file, const qn_zip_entry *e) {
    uint8_t header[QN_ZIP_MAX_LOCAL];
    qn_zip_put_local(e, header);
    return qn_outfile_write(ctx, file, e->header, header, (size_t)(e->data - e->header));
}

qn_status qn_zip_write_end(qn_context *ctx, qn_arena *arena, qn_outfile *file, const qn_zip_entry *entries, int64_t n,
                           uint64_t central, uint64_t *n_bytes) {
    size_t size = QN_ZIP_END_BYTES, at = 0;
    for (int64_t i = 0; i < n; i++)
        size += qn_zip_central_bytes(&entries[i]);
    uint8_t *tail = qn_arena_alloc(arena, size);
    if (!tail)
        return qn_fail_memory(ctx, size, "the central directory");
    for (int64_t i = 0; i < n; i++) {
        qn_zip_put_central(&entries[i], tail + at);
        at += qn_zip_central_bytes(&entries[i]);
    }
    qn_zip_put_end((uint64_t)n, central, at, tail + at);
    *n_bytes = central + size;
    return qn_outfile_write(ctx, file, central, tail, size);
}
