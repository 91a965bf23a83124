/* Shipping form to package: every size is checked against the archive and against model.pb before the file is made; then
 * each block is a job of its own, and goes to its place. */
#include "package/shipped.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"
#include "package/proto.h"

typedef struct block {
    const uint8_t *row;     /* checked */
    const uint8_t *planes;  /* the first as stored, the others after it */
    uint64_t at;            /* in the expanded entry */
    int64_t entry;
    uint32_t crc;           /* of the expanded bytes, once they are made */
} block;

typedef struct worker {
    uint8_t *planes, *bytes; /* QN_SHIPPED_BLOCK each */
    struct libdeflate_decompressor *inflater;
} worker;

typedef struct expander {
    qn_context *ctx;
    qn_arena *arena;
    const uint8_t *data;
    qn_zip_entry *stored, *expanded; /* [n_entries]: as they are, as they will be */
    int64_t n_entries;
    block *blocks;                   /* [n_blocks], in the order of the file */
    int64_t n_blocks, *first_block;  /* [n_entries + 1] */
    qn_outfile *file;
    uint64_t total;
    _Atomic uint64_t done;
    _Atomic int status;              /* the first failure */
    worker *workers;                 /* [threads] */
} expander;

static uint64_t get(const uint8_t *p, int n) {
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

bool qn_shipped_is(const uint8_t *data, size_t n) {
    const size_t name = strlen(QN_SHIPPED_MODEL);
    return n >= 30 + name && get(data, 4) == 0x04034b50 && get(data + 26, 2) == name &&
           memcmp(data + 30, QN_SHIPPED_MODEL, name) == 0;
}

/* ---- the containers ----------------------------------------------------------------------------- */

static uint64_t row_bytes(const uint8_t *row) { return get(row, 4); }
static size_t row_width(const uint8_t *row) { return (size_t)get(row + 4, 4); }
static uint64_t row_plane(const uint8_t *row, size_t p) { return get(row + 8 + 4 * p, 4); }

static qn_status read_header(expander *x, int64_t i) {
    const qn_zip_entry *e = &x->stored[i];
    const uint8_t *p = x->data + e->data;
    if (e->n_bytes < QN_SHIPPED_HEADER || get(p, 4) != QN_SHIPPED_MAGIC)
        return qn_fail(x->ctx, QN_MALFORMED, "entry '%s' is not in shipping form", e->name);
    if (i > 0 && strcmp(e->name, QN_MODEL_ENTRY) == 0)
        return qn_fail(x->ctx, QN_MALFORMED, "two entries expand to '%s'", e->name);
    const uint64_t n_blocks = get(p + 16, 8);
    if (n_blocks > (e->n_bytes - QN_SHIPPED_HEADER) / QN_SHIPPED_ROW)
        return qn_fail(x->ctx, QN_MALFORMED, "entry '%s': a table of %" PRIu64 " blocks does not fit its %" PRIu64 " bytes",
                       e->name, n_blocks, e->n_bytes);
    x->expanded[i] = (qn_zip_entry){.name = i ? e->name : QN_MODEL_ENTRY, .n_bytes = get(p + 8, 8),
                                    .crc = (uint32_t)get(p + 4, 4)};
    x->first_block[i] = x->n_blocks;
    x->n_blocks += (int64_t)n_blocks;
    return QN_OK;
}

/** Row k of an entry, whose planes have `*left` bytes of the entry before them. */
static qn_status read_row(const expander *x, const qn_zip_entry *e, int64_t k, const uint8_t *row, uint64_t *left) {
    const uint64_t n = row_bytes(row), width = row_width(row);
    if (!qn_planes_width_ok(width))
        return qn_fail(x->ctx, QN_UNSUPPORTED, "entry '%s', block %" PRId64 ": elements of %" PRIu64 " bytes", e->name, k, width);
    if (n == 0 || n > QN_SHIPPED_BLOCK || n % width != 0)
        return qn_fail(x->ctx, QN_MALFORMED, "entry '%s', block %" PRId64 ": %" PRIu64 " bytes in elements of %" PRIu64,
                       e->name, k, n, width);
    for (size_t p = 0; p < QN_MAX_PLANES; p++) {
        const uint64_t stored = row_plane(row, p);
        if (p < width ? stored == 0 || stored > n / width : stored != 0)
            return qn_fail(x->ctx, QN_MALFORMED, "entry '%s', block %" PRId64 ": plane %zu of %" PRIu64 " bytes is stored in %" PRIu64,
                           e->name, k, p, p < width ? n / width : 0, stored);
        if (stored > *left)
            return qn_fail(x->ctx, QN_MALFORMED, "entry '%s', block %" PRId64 " is cut short", e->name, k);
        *left -= stored;
    }
    return QN_OK;
}

static qn_status read_table(expander *x, int64_t i) {
    const qn_zip_entry *e = &x->stored[i];
    const int64_t first = x->first_block[i], n = x->first_block[i + 1] - first;
    const uint8_t *row = x->data + e->data + QN_SHIPPED_HEADER;
    const uint64_t stored = e->n_bytes - QN_SHIPPED_HEADER - (uint64_t)n * QN_SHIPPED_ROW;
    uint64_t left = stored, at = 0;
    for (int64_t k = 0; k < n; k++, row += QN_SHIPPED_ROW) {
        const uint8_t *planes = x->data + e->data + e->n_bytes - left;
        QN_TRY(read_row(x, e, k, row, &left));
        x->blocks[first + k] = (block){.row = row, .planes = planes, .at = at, .entry = i};
        at += row_bytes(row);
    }
    if (left)
        return qn_fail(x->ctx, QN_MALFORMED, "entry '%s': %" PRIu64 " bytes after its last block", e->name, left);
    if (at != x->expanded[i].n_bytes)
        return qn_fail(x->ctx, QN_MALFORMED, "entry '%s': blocks of %" PRIu64 " bytes, its header says %" PRIu64, e->name, at,
                       x->expanded[i].n_bytes);
    return QN_OK;
}

static qn_status read_containers(expander *x) {
    QN_NEW_ARRAY(x->ctx, x->arena, x->expanded, x->n_entries);
    QN_NEW_ARRAY(x->ctx, x->arena, x->first_block, x->n_entries + 1);
    for (int64_t i = 0; i < x->n_entries; i++)
        QN_TRY(read_header(x, i));
    x->first_block[x->n_entries] = x->n_blocks;
    QN_NEW_ARRAY(x->ctx, x->arena, x->blocks, x->n_blocks);
    for (int64_t i = 0; i < x->n_entries; i++)
        QN_TRY(read_table(x, i));
    return QN_OK;
}

/* ---- one block ------------------------------------------------------------------------------------ */

static qn_status equip(qn_context *ctx, worker *w) {
    if (!w->planes)
        w->planes = malloc(QN_SHIPPED_BLOCK);
    if (!w->bytes)
        w->bytes = malloc(QN_SHIPPED_BLOCK);
    if (!w->inflater)
        w->inflater = libdeflate_alloc_decompressor();
    return w->planes && w->bytes && w->inflater ? QN_OK : qn_fail_memory(ctx, 2 * QN_SHIPPED_BLOCK, "a block");
}

/** The bytes of a block to w->bytes, and their CRC. */
static qn_status expand_block(const expander *x, block *b, worker *w) {
    const size_t n = (size_t)row_bytes(b->row), width = row_width(b->row), count = n / width;
    const uint8_t *from = b->planes, *planes[QN_MAX_PLANES] = {NULL};
    QN_TRY(equip(x->ctx, w));
    for (size_t p = 0; p < width; p++) {
        const size_t stored = (size_t)row_plane(b->row, p);
        size_t used = stored;
        planes[p] = stored == count ? from : w->planes + p * count;
        if (stored < count &&
            (libdeflate_deflate_decompress_ex(w->inflater, from, stored, w->planes + p * count, count, &used, NULL) !=
                 LIBDEFLATE_SUCCESS || used != stored))
            return qn_fail(x->ctx, QN_MALFORMED, "entry '%s': the block at byte %" PRIu64 " does not inflate to its size",
                           x->stored[b->entry].name, b->at);
        from += stored;
    }
    qn_planes_join(planes, n, width, w->bytes);
    qn_map_release(b->planes, (size_t)(from - b->planes));
    b->crc = libdeflate_crc32(0, w->bytes, n);
    return QN_OK;
}

/** The CRC of an expanded entry against its header's. */
static qn_status check_crc(const expander *x, int64_t i) {
    uint32_t crc = 0;
    for (int64_t k = x->first_block[i]; k < x->first_block[i + 1]; k++)
        crc = qn_crc32_join(crc, x->blocks[k].crc, row_bytes(x->blocks[k].row));
    if (crc != x->expanded[i].crc)
        return qn_fail(x->ctx, QN_MALFORMED, "entry '%s' expands to CRC %08" PRIx32 ", its header says %08" PRIx32,
                       x->stored[i].name, crc, x->expanded[i].crc);
    return QN_OK;
}

/* ---- sizes against model.pb --------------------------------------------------------------------------- */

/** The expanded sizes must be those of the constants: after this no more is written than a package of this graph has. */
static qn_status check_sizes(expander *x) {
    const qn_archive sizes = {.entries = x->expanded, .n_entries = x->n_entries};
    const uint64_t n = x->expanded[0].n_bytes;
    Quern__Package *package;
    qn_const *consts;
    if (n > QN_MODEL_MAX)
        return qn_fail(x->ctx, QN_UNSUPPORTED, "model.pb of %" PRIu64 " bytes: at most %zu", n, QN_MODEL_MAX);
    uint8_t *model = qn_arena_alloc(x->arena, (size_t)n);
    if (!model)
        return qn_fail_memory(x->ctx, (size_t)n, "model.pb");
    for (int64_t k = 0; k < x->first_block[1]; k++) {
        QN_TRY(expand_block(x, &x->blocks[k], &x->workers[0]));
        memcpy(model + x->blocks[k].at, x->workers[0].bytes, (size_t)row_bytes(x->blocks[k].row));
    }
    QN_TRY(check_crc(x, 0));
    QN_TRY(qn_proto_check(x->ctx, model, (size_t)n));
    QN_TRY(qn_proto_unpack(x->ctx, x->arena, model, (size_t)n, &package));
    QN_NEW_ARRAY(x->ctx, x->arena, consts, package->n_constants);
    return qn_proto_constants(x->ctx, x->arena, x->arena, package, &sizes, consts);
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static qn_status place_block(expander *x, block *b, int who) {
    worker *w = &x->workers[who];
    const uint64_t n = row_bytes(b->row);
    QN_TRY(expand_block(x, b, w));
    QN_TRY(qn_outfile_write(x->ctx, x->file, x->expanded[b->entry].data + b->at, w->bytes, (size_t)n));
    const uint64_t done = atomic_fetch_add(&x->done, n) + n;
    if (who == 0) { /* the caller's thread: may call its callbacks */
        qn_progress(x->ctx, "expanding", done, x->total);
        QN_TRY(qn_check_cancel(x->ctx));
    }
    return QN_OK;
}

static void do_blocks(void *arg, int64_t begin, int64_t end, int who) {
    expander *x = arg;
    for (int64_t k = begin; k < end && atomic_load(&x->status) == QN_OK; k++) {
        int none = QN_OK, status = (int)place_block(x, &x->blocks[k], who);
        if (status != QN_OK)
            atomic_compare_exchange_strong(&x->status, &none, status);
    }
}

static qn_status expand_all(expander *x, bool check_stored, uint64_t *n_bytes) {
    uint64_t central;
    if (x->n_entries == 0 || strcmp(x->stored[0].name, QN_SHIPPED_MODEL) != 0)
        return qn_fail(x->ctx, QN_MALFORMED, "not in shipping form: the first entry is not '%s'", QN_SHIPPED_MODEL);
    for (int64_t i = 0; check_stored && i < x->n_entries; i++) {
        QN_TRY(qn_check_cancel(x->ctx));
        QN_TRY(qn_zip_check_crc(x->ctx, x->data, &x->stored[i]));
    }
    QN_TRY(read_containers(x));
    QN_TRY(check_sizes(x));
    if (!qn_zip_place(x->expanded, x->n_entries, &central))
        return qn_fail(x->ctx, QN_MALFORMED, "the package does not fit 63 bits");
    x->total = central;
    QN_TRY(qn_outfile_reserve(x->ctx, x->file, central));
    qn_parallel_for(x->ctx, x->n_blocks, 1, do_blocks, x);
    QN_TRY((qn_status)atomic_load(&x->status));
    for (int64_t i = 0; i < x->n_entries; i++) {
        QN_TRY(check_crc(x, i));
        QN_TRY(qn_zip_write_local(x->ctx, x->file, &x->expanded[i]));
    }
    qn_progress(x->ctx, "expanding", central, central);
    return qn_zip_write_end(x->ctx, x->arena, x->file, x->expanded, x->n_entries, central, n_bytes);
}

qn_status qn_shipped_expand(qn_context *ctx, const uint8_t *data, size_t n, bool check_crc_too, qn_outfile *file,
                            uint64_t *n_bytes) {
    const int n_workers = qn_pool_threads(ctx);
    expander x = {.ctx = ctx, .data = data, .file = file};
    x.arena = qn_arena_create();
    x.workers = calloc((size_t)n_workers, sizeof *x.workers);
    qn_status status = x.arena && x.workers ? QN_OK : qn_fail_memory(ctx, sizeof x, "expanding");
    if (status == QN_OK)
        status = qn_zip_read(ctx, x.arena, data, n, &x.stored, &x.n_entries);
    if (status == QN_OK)
        status = expand_all(&x, check_crc_too, n_bytes);
    for (int i = 0; x.workers && i < n_workers; i++) {
        free(x.workers[i].planes);
        free(x.workers[i].bytes);
        if (x.workers[i].inflater)
            libdeflate_free_decompressor(x.workers[i].inflater);
    }
    free(x.workers);
    qn_arena_destroy(x.arena);
    return status;
}

qn_status qn_shipped_map(qn_context *ctx, const char *name, const uint8_t *data, size_t n, bool check_crc_too,
                         const char *beside, qn_map **out) {
    qn_outfile *file;
    const char *place;
    uint64_t n_bytes;
    *out = NULL;
    QN_TRY(qn_outfile_create_unnamed(ctx, beside, &file, &place));
    qn_status status = qn_shipped_expand(ctx, data, n, check_crc_too, file, &n_bytes);
    if (status == QN_OK)
        qn_log(ctx, QN_LOG_INFO, "%s: in shipping form; expanded to %" PRIu64 " bytes in a file without a name, %s", name,
               n_bytes, place);
    if (status == QN_OK)
        status = qn_outfile_map(ctx, file, name, out);
    qn_outfile_destroy(file);
    return status;
}
