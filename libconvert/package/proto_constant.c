/* Constants of a package: messages to qn_const over the archive's bytes. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "package/proto.h"

bool qn_const_layout(const qn_const *c, size_t offset[QN_MAX_PARTS], size_t *n_bytes) {
    size_t at = 0;
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        size_t n;
        offset[part] = at;
        if (!qn_const_part_bytes(c, part, &n))
            return false;
        if (n == 0)
            continue;
        if (!qn_align_size(at, QN_ZIP_ALIGN, &offset[part]) || !qn_add_size(offset[part], n, &at) || at > INT64_MAX)
            return false;
    }
    *n_bytes = at;
    return true;
}

/** The dtype of a message, or a failure that names the field. */
static qn_status read_dtype(qn_context *ctx, const Quern__Constant *m, uint32_t code, const char *what, qn_dtype *out) {
    if (code > 0xff || !qn_dtype_row((qn_dtype)code))
        return qn_fail(ctx, QN_UNSUPPORTED, "constant '%s': %s %" PRIu32 " is not known", m->name, what, code);
    *out = (qn_dtype)code;
    return QN_OK;
}

/** What a constant is, without its bytes. */
static qn_status read_shape(qn_context *ctx, qn_arena *arena, const Quern__Constant *m, qn_const *c) {
    int64_t numel;
    c->name = qn_arena_strdup(arena, m->name);
    if (!c->name)
        return qn_fail_memory(ctx, strlen(m->name), "a name");
    QN_TRY(read_dtype(ctx, m, m->dtype, "dtype", &c->dtype));
    if (m->n_dims > QN_MAX_RANK)
        return qn_fail(ctx, QN_UNSUPPORTED, "constant '%s' has %zu dimensions: at most %d", m->name, m->n_dims, QN_MAX_RANK);
    c->rank = (int32_t)m->n_dims;
    for (int32_t i = 0; i < c->rank; i++) {
        c->dims[i] = m->dims[i];
        if (c->dims[i] < 0)
            return qn_fail(ctx, QN_MALFORMED, "constant '%s': dimension %" PRId32 " is %" PRId64, m->name, i, c->dims[i]);
    }
    if (!qn_count_elems(c->dims, c->rank, &numel))
        return qn_fail(ctx, QN_MALFORMED, "constant '%s': its dimensions multiply to more than 2^63", m->name);
    return qn_proto_get_encoding(ctx, arena, m, c);
}

/** The bytes of c: inline, or in an entry that nobody took before. */
static qn_status read_parts(qn_context *ctx, qn_arena *arena, const Quern__Constant *m, const qn_archive *archive,
                            const qn_table *entries, bool *taken, qn_const *c) {
    size_t offset[QN_MAX_PARTS], n_bytes;
    if (!qn_const_layout(c, offset, &n_bytes))
        return qn_fail(ctx, QN_MALFORMED, "constant '%s': its size does not fit 63 bits", m->name);
    const uint8_t *bytes;
    if (m->entry[0]) {
        const qn_zip_entry *e = qn_table_get(entries, m->entry);
        if (!e)
            return qn_fail(ctx, QN_MALFORMED, "constant '%s': the archive has no entry '%s'", m->name, m->entry);
        bool *mine = &taken[e - archive->entries];
        if (*mine)
            return qn_fail(ctx, QN_MALFORMED, "constant '%s': entry '%s' belongs to another constant", m->name, m->entry);
        *mine = true;
        if (m->inline_.len)
            return qn_fail(ctx, QN_MALFORMED, "constant '%s' has an entry and inline bytes", m->name);
        if (e->n_bytes != n_bytes)
            return qn_fail(ctx, QN_MALFORMED, "constant '%s' takes %zu bytes, entry '%s' has %" PRIu64, m->name, n_bytes,
                           m->entry, e->n_bytes);
        bytes = archive->data ? archive->data + e->data : NULL;
    } else {
        if (c->encoding != QN_ENC_DENSE || n_bytes > QN_INLINE_MAX)
            return qn_fail(ctx, QN_MALFORMED, "constant '%s' of %zu bytes has no entry", m->name, n_bytes);
        if (m->inline_.len != n_bytes)
            return qn_fail(ctx, QN_MALFORMED, "constant '%s' takes %zu bytes, %zu are there", m->name, n_bytes, m->inline_.len);
        void *copy = qn_arena_alloc(arena, QN_INLINE_MAX);
        if (!copy)
            return qn_fail_memory(ctx, QN_INLINE_MAX, "a constant");
        if (n_bytes)
            memcpy(copy, m->inline_.data, n_bytes);
        bytes = copy;
    }
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        size_t n;
        if (qn_const_part_bytes(c, part, &n) && n > 0 && bytes)
            c->part[part] = (qn_bytes){bytes + offset[part], n};
    }
    if (n_bytes == 0)
        c->part[QN_PART_VALUES].data = bytes;
    if (bytes && c->sparse && !qn_const_mask_agrees(c))
        return qn_fail(ctx, QN_MALFORMED, "constant '%s': its mask does not keep the elements that it says", m->name);
    return QN_OK;
}

qn_status qn_proto_constants(qn_context *ctx, qn_arena *arena, qn_arena *scratch, const Quern__Package *package,
                             const qn_archive *archive, qn_const *consts) {
    bool *taken;
    QN_NEW_ARRAY(ctx, scratch, taken, archive->n_entries);
    qn_table *entries = qn_table_create(scratch);
    for (int64_t i = 0; i < archive->n_entries; i++) {
        const qn_zip_entry *e = &archive->entries[i];
        taken[i] = strcmp(e->name, QN_MODEL_ENTRY) == 0;
        if (!entries || (!taken[i] && !qn_table_put(entries, e->name, (void *)(uintptr_t)e)))
            return qn_fail_memory(ctx, sizeof *e, "the names of the entries");
    }
    for (size_t i = 0; i < package->n_constants; i++) {
        const Quern__Constant *m = package->constants[i];
        QN_TRY(read_shape(ctx, arena, m, &consts[i]));
        QN_TRY(read_parts(ctx, arena, m, archive, entries, taken, &consts[i]));
    }
    for (int64_t i = 0; i < archive->n_entries; i++)
        if (!taken[i])
            return qn_fail(ctx, QN_MALFORMED, "entry '%s' belongs to no constant", archive->entries[i].name);
    return QN_OK;
}
