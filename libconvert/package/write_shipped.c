/* Package to shipping form.
 *
 * Blocks do not straddle the parts of a constant, so that each has elements of one width. They are compressed over the
 * threads, a window of a few at a time, and written in order; the table of an entry follows when its sizes are known, and
 * its header when the table is. What is made of a block depends on its bytes alone.
 */
#include "package/shipped.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/pool.h"
#include "base/table.h"
#include "package/huffman.h"
#include "package/proto.h"

/* A plane is compressed when that saves a 50th. One in which things repeat is worth a matcher: told by its beginning. */
enum { LEAST_GAIN = 50, SAMPLE = 8 << 10, MATCHER_LEVEL = 6, WINDOW = 4 /* blocks a thread */, SLACK = 8 };

typedef struct block {
    const uint8_t *bytes;
    size_t n, width;
    int64_t entry;
    uint32_t crc;               /* of bytes */
    size_t stored[QN_MAX_PLANES], total;
} block;

typedef struct worker {
    uint8_t *planes, *sample;
    qn_huffman *huffman;
    struct libdeflate_compressor *matcher;
} worker;

typedef struct packer {
    qn_context *ctx;
    qn_arena *arena;
    const uint8_t *data;
    qn_zip_entry *plain, *stored; /* [n_entries] */
    int64_t n_entries;
    block *blocks;                /* [n_blocks] */
    int64_t n_blocks, *first_block; /* [n_entries + 1] */
    worker *workers;              /* [threads] */
    uint8_t **slots;              /* [n_slots], a block's planes each */
    int64_t n_slots, window;      /* the first block of the window */
    qn_outfile *file;
    uint64_t at;                  /* where what comes next goes */
    uint32_t crc_planes, crc_plain; /* of the entry being written */
    int64_t entry;                /* it; -1: none yet */
    uint64_t done, total;
} packer;

/* ---- blocks ------------------------------------------------------------------------------------ */

/** Bytes of an element of a part, whose planes are what compresses; 1 for codes, indices and masks. */
static size_t part_width(const qn_const *c, int part) {
    const bool elements = c->encoding == QN_ENC_DENSE || c->encoding == QN_ENC_SPARSE;
    const qn_dtype dtypes[QN_MAX_PARTS] = {
        [QN_PART_VALUES] = elements ? c->dtype : QN_NONE, [QN_PART_SCALES] = c->scale_dtype, [QN_PART_LUT] = c->lut_dtype,
        [QN_PART_SUPER_SCALES] = c->super_dtype, [QN_PART_STARTS] = QN_U32};
    const size_t width = qn_dtype_bytes(dtypes[part]); /* 0 of codes */
    return qn_planes_width_ok(width) ? width : 1;
}

/** Cut `n` bytes into blocks: count them, and make them when there is a place. */
static void cut(packer *k, int64_t entry, const uint8_t *bytes, size_t n, size_t width) {
    for (size_t at = 0; at < n; at += QN_SHIPPED_BLOCK, k->n_blocks++)
        if (k->blocks)
            k->blocks[k->n_blocks] = (block){.bytes = bytes + at, .width = width, .entry = entry,
                                             .n = n - at < QN_SHIPPED_BLOCK ? n - at : QN_SHIPPED_BLOCK};
}

/** Part by part, the padding behind a part with it: parts begin at multiples of 64, so widths divide the blocks. */
static void cut_entry(packer *k, int64_t i, const qn_const *c) {
    const uint8_t *bytes = k->data + k->plain[i].data;
    size_t offset[QN_MAX_PARTS], n_bytes = (size_t)k->plain[i].n_bytes, n, begin = 0, width = 1;
    k->first_block[i] = k->n_blocks;
    if (c && qn_const_layout(c, offset, &n))
        for (int part = 0; part < QN_MAX_PARTS; part++) {
            if (!qn_const_part_bytes(c, part, &n) || n == 0)
                continue;
            cut(k, i, bytes + begin, offset[part] - begin, width);
            begin = offset[part];
            width = part_width(c, part);
        }
    cut(k, i, bytes + begin, n_bytes - begin, width);
}

static qn_status make_blocks(packer *k) {
    const qn_archive archive = {.data = k->data, .entries = k->plain, .n_entries = k->n_entries};
    const uint8_t *model = k->data + k->plain[0].data;
    const size_t n = (size_t)k->plain[0].n_bytes;
    Quern__Package *package;
    qn_const *consts;
    qn_table *by_entry = qn_table_create(k->arena);
    QN_TRY(qn_proto_check(k->ctx, model, n));
    QN_TRY(qn_proto_unpack(k->ctx, k->arena, model, n, &package));
    QN_NEW_ARRAY(k->ctx, k->arena, consts, package->n_constants);
    QN_TRY(qn_proto_constants(k->ctx, k->arena, k->arena, package, &archive, consts));
    for (size_t i = 0; i < package->n_constants; i++)
        if (!by_entry || (package->constants[i]->entry[0] && !qn_table_put(by_entry, package->constants[i]->entry, &consts[i])))
            return qn_fail_memory(k->ctx, sizeof *consts, "the names of the entries");
    QN_NEW_ARRAY(k->ctx, k->arena, k->first_block, k->n_entries + 1);
    for (int pass = 0; pass < 2; pass++) {
        if (pass)
            QN_NEW_ARRAY(k->ctx, k->arena, k->blocks, k->n_blocks);
        k->n_blocks = 0;
        for (int64_t i = 0; i < k->n_entries; i++)
            cut_entry(k, i, i ? qn_table_get(by_entry, k->plain[i].name) : NULL);
    }
    k->first_block[k->n_entries] = k->n_blocks;
    return QN_OK;
}

/* ---- one block, on any thread ----------------------------------------------------------------------- */

/** True when a matcher beats literals by an eighth on the beginning of a plane for which those take `literals` bytes. */
static bool repeats(const worker *w, const uint8_t *plane, size_t n, size_t literals) {
    const size_t sample = n < SAMPLE ? n : SAMPLE;
    const size_t share = (size_t)((uint64_t)literals * sample / n), most = share - share / 8;
    return libdeflate_deflate_compress(w->matcher, plane, sample, w->sample, most < SAMPLE ? most : SAMPLE) > 0;
}

/** One plane to `out`, which has room for n bytes and SLACK; the bytes that it takes there, n when it is left as it is. */
static size_t pack_plane(const worker *w, const uint8_t *plane, size_t n, uint8_t *out) {
    const size_t most = n - n / LEAST_GAIN - 1, literals = qn_huffman_plan(w->huffman, plane, n);
    if (repeats(w, plane, n, literals)) {
        const size_t matched =
            libdeflate_deflate_compress(w->matcher, plane, n, out, literals < most ? literals : most);
        if (matched)
            return matched;
    }
    if (literals <= most) {
        qn_huffman_write(w->huffman, plane, n, out);
        return literals;
    }
    memcpy(out, plane, n);
    return n;
}

static void pack_block(const worker *w, block *b, uint8_t *out) {
    const size_t count = b->n / b->width;
    qn_planes_split(b->bytes, b->n, b->width, w->planes);
    b->crc = libdeflate_crc32(0, b->bytes, b->n);
    b->total = 0;
    for (size_t p = 0; p < b->width; p++) {
        b->stored[p] = pack_plane(w, w->planes + p * count, count, out + b->total);
        b->total += b->stored[p];
    }
    qn_map_release(b->bytes, b->n);
}

static void pack_blocks(void *arg, int64_t begin, int64_t end, int who) {
    packer *k = arg;
    for (int64_t i = begin; i < end; i++)
        pack_block(&k->workers[who], &k->blocks[k->window + i], k->slots[i]);
}

/* ---- the file, on the caller's ------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *p, uint64_t v, int n) {
    for (int i = 0; i < n; i++)
        *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

static qn_status begin_entry(packer *k, int64_t i) {
    qn_zip_entry *e = &k->stored[i];
    *e = (qn_zip_entry){.name = i ? k->plain[i].name : QN_SHIPPED_MODEL};
    e->n_bytes = QN_SHIPPED_HEADER + (uint64_t)(k->first_block[i + 1] - k->first_block[i]) * QN_SHIPPED_ROW;
    k->crc_planes = k->crc_plain = 0;
    return qn_zip_place_one(e, k->at, &k->at) ? QN_OK : qn_fail(k->ctx, QN_UNSUPPORTED, "the package does not fit 63 bits");
}

static qn_status end_entry(packer *k, int64_t i) {
    qn_zip_entry *e = &k->stored[i];
    const int64_t first = k->first_block[i], n = k->first_block[i + 1] - first;
    const size_t n_table = QN_SHIPPED_HEADER + (size_t)n * QN_SHIPPED_ROW;
    if (k->crc_plain != k->plain[i].crc)
        return qn_fail(k->ctx, QN_MALFORMED, "entry '%s' has CRC %08" PRIx32 ", its record says %08" PRIx32, k->plain[i].name,
                       k->crc_plain, k->plain[i].crc);
    uint8_t *table = malloc(n_table), *p = table;
    if (!table)
        return qn_fail_memory(k->ctx, n_table, "a table of blocks");
    p = put(p, QN_SHIPPED_MAGIC, 4);
    p = put(p, k->plain[i].crc, 4);
    p = put(p, k->plain[i].n_bytes, 8);
    p = put(p, (uint64_t)n, 8);
    for (int64_t b = first; b < first + n; b++) {
        p = put(p, k->blocks[b].n, 4);
        p = put(p, k->blocks[b].width, 4);
        for (int plane = 0; plane < QN_MAX_PLANES; plane++)
            p = put(p, k->blocks[b].stored[plane], 4);
    }
    e->crc = qn_crc32_join(libdeflate_crc32(0, table, n_table), k->crc_planes, e->n_bytes - n_table);
    qn_status status = qn_outfile_write(k->ctx, k->file, e->data, table, n_table);
    free(table);
    QN_TRY(status);
    return qn_zip_write_local(k->ctx, k->file, e);
}

/** Make entry `i` the one being written; n_entries ends the last. */
static qn_status enter(packer *k, int64_t i) {
    while (k->entry < i) {
        if (k->entry >= 0)
            QN_TRY(end_entry(k, k->entry));
        if (++k->entry < k->n_entries)
            QN_TRY(begin_entry(k, k->entry));
    }
    return QN_OK;
}

static qn_status write_block(packer *k, const block *b, const uint8_t *planes) {
    QN_TRY(enter(k, b->entry));
    QN_TRY(qn_outfile_write(k->ctx, k->file, k->at, planes, b->total));
    k->at += b->total;
    k->stored[b->entry].n_bytes += b->total;
    k->crc_planes = libdeflate_crc32(k->crc_planes, planes, b->total);
    k->crc_plain = qn_crc32_join(k->crc_plain, b->crc, b->n);
    k->done += b->n;
    return QN_OK;
}

/* ---- all of it --------------------------------------------------------------------------------------------- */

static qn_status equip(packer *k) {
    const int n = qn_pool_threads(k->ctx);
    k->n_slots = (int64_t)n * WINDOW;
    QN_NEW_ARRAY(k->ctx, k->arena, k->slots, k->n_slots);
    QN_NEW_ARRAY(k->ctx, k->arena, k->workers, n);
    for (int64_t i = 0; i < k->n_slots && i < k->n_blocks; i++)
        if (!(k->slots[i] = malloc(QN_SHIPPED_BLOCK + SLACK)))
            return qn_fail_memory(k->ctx, QN_SHIPPED_BLOCK, "a block");
    for (int i = 0; i < n; i++) {
        worker *w = &k->workers[i];
        w->planes = malloc(QN_SHIPPED_BLOCK);
        w->sample = malloc(SAMPLE);
        w->huffman = malloc(sizeof *w->huffman);
        w->matcher = libdeflate_alloc_compressor(MATCHER_LEVEL);
        if (!w->planes || !w->sample || !w->huffman || !w->matcher)
            return qn_fail_memory(k->ctx, QN_SHIPPED_BLOCK, "a block");
    }
    return QN_OK;
}

static void strip(const packer *k) {
    for (int64_t i = 0; k->slots && i < k->n_slots; i++)
        free(k->slots[i]);
    for (int i = 0; k->workers && i < qn_pool_threads(k->ctx); i++) {
        free(k->workers[i].planes);
        free(k->workers[i].sample);
        free(k->workers[i].huffman);
        if (k->workers[i].matcher)
            libdeflate_free_compressor(k->workers[i].matcher);
    }
}

static qn_status write_all(packer *k, uint64_t *n_bytes) {
    QN_TRY(equip(k));
    for (k->window = 0; k->window < k->n_blocks; k->window += k->n_slots) {
        const int64_t left = k->n_blocks - k->window, n = left < k->n_slots ? left : k->n_slots;
        qn_parallel_for(k->ctx, n, 1, pack_blocks, k);
        for (int64_t i = 0; i < n; i++)
            QN_TRY(write_block(k, &k->blocks[k->window + i], k->slots[i]));
        qn_progress(k->ctx, "compressing", k->done, k->total);
        QN_TRY(qn_check_cancel(k->ctx));
    }
    QN_TRY(enter(k, k->n_entries));
    return qn_zip_write_end(k->ctx, k->arena, k->file, k->stored, k->n_entries, k->at, n_bytes);
}

static qn_status pack(packer *k, size_t n, const char *path, uint64_t *n_bytes) {
    QN_TRY(qn_zip_read(k->ctx, k->arena, k->data, n, &k->plain, &k->n_entries));
    if (k->n_entries == 0 || strcmp(k->plain[0].name, QN_MODEL_ENTRY) != 0)
        return qn_fail(k->ctx, QN_MALFORMED, "not a package: the first entry is not '%s'", QN_MODEL_ENTRY);
    QN_NEW_ARRAY(k->ctx, k->arena, k->stored, k->n_entries);
    QN_TRY(make_blocks(k));
    for (int64_t i = 0; i < k->n_entries; i++)
        k->total += k->plain[i].n_bytes;
    QN_TRY(qn_outfile_create(k->ctx, path, &k->file));
    qn_status status = write_all(k, n_bytes);
    strip(k);
    if (status == QN_OK)
        return qn_outfile_commit(k->ctx, k->file);
    qn_outfile_destroy(k->file);
    return status;
}

qn_status qn_shipped_write(qn_context *ctx, const uint8_t *data, size_t n, const char *path, uint64_t *n_bytes) {
    packer k = {.ctx = ctx, .data = data, .entry = -1};
    k.arena = qn_arena_create();
    if (!k.arena)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = pack(&k, n, path, n_bytes);
    qn_arena_destroy(k.arena);
    return status;
}
