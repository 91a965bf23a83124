/* Archives back to entries. Each fact is checked for itself first, for the sake of the message; at last the header
 * must be, byte for byte, the one that qn_zip_put_* writes for this entry. */
#include "package/zip.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <string.h>

#include "base/map.h"
#include "base/table.h"

#define CENTRAL_FIXED 46u
#define CENTRAL_ZIP64 28u
#define LOCAL_FIXED 30u

static uint64_t get(const uint8_t *p, int n) {
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

typedef struct reader {
    qn_context *ctx;
    qn_arena *arena;
    const uint8_t *data;
    size_t n_bytes;
    uint64_t central, central_bytes, n_entries;
} reader;

/** The three records at the end of the file. */
static qn_status read_end(reader *r) {
    if (r->n_bytes < QN_ZIP_END_BYTES)
        return qn_fail(r->ctx, QN_MALFORMED, "%zu bytes are too few for a package", r->n_bytes);
    size_t at = r->n_bytes - QN_ZIP_END_BYTES;
    const uint8_t *end64 = r->data + at, *locator = end64 + 56, *end = locator + 20;
    if (get(end, 4) != 0x06054b50 || get(end + 20, 2) != 0) {
        bool zip = get(r->data, 4) == 0x04034b50;
        return qn_fail(r->ctx, QN_MALFORMED, "%s", zip ? "no end of a ZIP archive where the file ends: cut short, or with bytes after it"
                                                       : "not a package: no ZIP archive");
    }
    if (get(locator, 4) != 0x07064b50 || get(end64, 4) != 0x06064b50)
        return qn_fail(r->ctx, QN_MALFORMED, "no ZIP64 end records before the end of the archive");
    if (get(locator + 8, 8) != at)
        return qn_fail(r->ctx, QN_MALFORMED, "the ZIP64 locator points to %" PRIu64 ", the record lies at %zu",
                       get(locator + 8, 8), at);
    r->n_entries = get(end64 + 32, 8);
    r->central_bytes = get(end64 + 40, 8);
    r->central = get(end64 + 48, 8);
    if (r->central > at || r->central_bytes != at - r->central)
        return qn_fail(r->ctx, QN_MALFORMED,
                       "central directory of %" PRIu64 " bytes at %" PRIu64 " does not end where the end records begin (%zu)",
                       r->central_bytes, r->central, at);
    if (r->n_entries > r->central_bytes / (CENTRAL_FIXED + CENTRAL_ZIP64))
        return qn_fail(r->ctx, QN_MALFORMED, "%" PRIu64 " entries do not fit a central directory of %" PRIu64 " bytes",
                       r->n_entries, r->central_bytes);
    uint8_t want[QN_ZIP_END_BYTES];
    qn_zip_put_end(r->n_entries, r->central, r->central_bytes, want);
    if (memcmp(want, end64, sizeof want) != 0)
        return qn_fail(r->ctx, QN_MALFORMED, "the end records differ from the package format");
    return QN_OK;
}

/** The central header at p (n bytes left): *e and its length. */
static qn_status read_central(reader *r, const uint8_t *p, uint64_t n, qn_zip_entry *e, size_t *used) {
    if (n < CENTRAL_FIXED || get(p, 4) != 0x02014b50)
        return qn_fail(r->ctx, QN_MALFORMED, "the central directory holds fewer than %" PRIu64 " entries", r->n_entries);
    size_t name = (size_t)get(p + 28, 2), extra = (size_t)get(p + 30, 2), comment = (size_t)get(p + 32, 2);
    if (n < CENTRAL_FIXED + name + extra + comment)
        return qn_fail(r->ctx, QN_MALFORMED, "the central directory is cut short");
    if (!qn_zip_name_ok((const char *)p + CENTRAL_FIXED, name))
        return qn_fail(r->ctx, QN_MALFORMED, "'%.*s' is no name of a package's entry", (int)name,
                       (const char *)p + CENTRAL_FIXED);
    e->name = qn_arena_strndup(r->arena, (const char *)p + CENTRAL_FIXED, name);
    if (!e->name)
        return qn_fail_memory(r->ctx, name, "a name");
    if (get(p + 8, 2) & 1)
        return qn_fail(r->ctx, QN_UNSUPPORTED, "entry '%s' is encrypted", e->name);
    if (get(p + 10, 2) != 0)
        return qn_fail(r->ctx, QN_UNSUPPORTED, "entry '%s' is compressed (method %d): packages hold stored entries only",
                       e->name, (int)get(p + 10, 2));
    const uint8_t *x = p + CENTRAL_FIXED + name;
    if (extra != CENTRAL_ZIP64 || get(x, 2) != 1 || get(x + 2, 2) != 24)
        return qn_fail(r->ctx, QN_MALFORMED, "entry '%s' has no ZIP64 sizes in the central directory", e->name);
    e->crc = (uint32_t)get(p + 16, 4);
    e->n_bytes = get(x + 4, 8);
    e->header = get(x + 20, 8);
    if (get(x + 12, 8) != e->n_bytes)
        return qn_fail(r->ctx, QN_MALFORMED, "entry '%s' has two sizes in the central directory", e->name);
    uint8_t want[CENTRAL_FIXED + QN_ZIP_MAX_NAME + CENTRAL_ZIP64];
    *used = qn_zip_central_bytes(e);
    qn_zip_put_central(e, want);
    if (comment != 0 || memcmp(want, p, *used) != 0)
        return qn_fail(r->ctx, QN_MALFORMED, "the central header of '%s' differs from the package format", e->name);
    return QN_OK;
}

/** The local header of *e: `at` is where the entry before it ends. */
static qn_status read_local(reader *r, qn_zip_entry *e, uint64_t at) {
    if (e->header < at)
        return qn_fail(r->ctx, QN_MALFORMED, "entry '%s' overlaps the one before it", e->name);
    if (e->header > at)
        return qn_fail(r->ctx, QN_MALFORMED, "%" PRIu64 " bytes before entry '%s' belong to no entry", e->header - at,
                       e->name);
    qn_zip_entry placed = *e;
    uint64_t least;
    size_t name = strlen(e->name);
    if (e->header > r->central || r->central - e->header < LOCAL_FIXED + name + 26)
        return qn_fail(r->ctx, QN_MALFORMED, "the header of entry '%s' reaches into the central directory", e->name);
    least = e->header + LOCAL_FIXED + name + 26;
    placed.data = (least + QN_ZIP_ALIGN - 1) & ~(uint64_t)(QN_ZIP_ALIGN - 1);
    if (placed.data > r->central || e->n_bytes > r->central - placed.data)
        return qn_fail(r->ctx, QN_MALFORMED, "entry '%s' of %" PRIu64 " bytes reaches into the central directory", e->name,
                       e->n_bytes);
    const uint8_t *p = r->data + e->header;
    if (get(p, 4) != 0x04034b50)
        return qn_fail(r->ctx, QN_MALFORMED, "no local header for entry '%s' at %" PRIu64, e->name, e->header);
    const char *what = NULL;
    if (get(p + 26, 2) != name || memcmp(p + LOCAL_FIXED, e->name, name) != 0)
        what = "the name";
    else if (get(p + 8, 2) != 0 || get(p + 6, 2) != 0)
        what = "the compression";
    else if (get(p + 14, 4) != e->crc)
        what = "the CRC";
    else if (get(p + LOCAL_FIXED + name + 4, 8) != e->n_bytes || get(p + LOCAL_FIXED + name + 12, 8) != e->n_bytes)
        what = "the size";
    else if (get(p + 28, 2) != placed.data - e->header - LOCAL_FIXED - name)
        what = "where the data begins: it is not at the next 64-byte boundary";
    if (what)
        return qn_fail(r->ctx, QN_MALFORMED, "local header and central directory disagree about entry '%s': %s", e->name, what);
    uint8_t want[QN_ZIP_MAX_LOCAL];
    qn_zip_put_local(&placed, want);
    if (memcmp(want, p, (size_t)(placed.data - placed.header)) != 0)
        return qn_fail(r->ctx, QN_MALFORMED, "the local header of '%s' differs from the package format", e->name);
    *e = placed;
    return QN_OK;
}

qn_status qn_zip_read(qn_context *ctx, qn_arena *arena, const uint8_t *data, size_t n_bytes, qn_zip_entry **entries,
                      int64_t *n) {
    reader r = {.ctx = ctx, .arena = arena, .data = data, .n_bytes = n_bytes};
    *entries = NULL;
    *n = 0;
    QN_TRY(read_end(&r));
    qn_zip_entry *all;
    QN_NEW_ARRAY(ctx, arena, all, r.n_entries);
    qn_table *names = qn_table_create(arena);
    uint64_t at = 0, end = 0;
    for (uint64_t i = 0; i < r.n_entries; i++) {
        size_t used = 0;
        QN_TRY(read_central(&r, data + r.central + at, r.central_bytes - at, &all[i], &used));
        at += used;
        if (names && qn_table_get(names, all[i].name))
            return qn_fail(ctx, QN_MALFORMED, "two entries are called '%s'", all[i].name);
        if (!names || !qn_table_put(names, all[i].name, &all[i]))
            return qn_fail_memory(ctx, sizeof *all, "the names of the entries");
        QN_TRY(read_local(&r, &all[i], end));
        end = all[i].data + all[i].n_bytes;
    }
    if (at != r.central_bytes)
        return qn_fail(ctx, QN_MALFORMED, "the central directory holds more than %" PRIu64 " entries", r.n_entries);
    if (end != r.central)
        return qn_fail(ctx, QN_MALFORMED, "%" PRIu64 " bytes before the central directory belong to no entry", r.central - end);
    *entries = all;
    *n = (int64_t)r.n_entries;
    return QN_OK;
}

qn_status qn_zip_check_crc(qn_context *ctx, const uint8_t *data, const qn_zip_entry *e) {
    enum { PIECE = 4 << 20 };
    uint32_t crc = 0;
    for (uint64_t at = 0; at < e->n_bytes; at += PIECE) {
        size_t n = e->n_bytes - at < PIECE ? (size_t)(e->n_bytes - at) : PIECE;
        crc = libdeflate_crc32(crc, data + e->data + at, n);
        qn_map_release(data + e->data + at, n);
    }
    if (crc != e->crc)
        return qn_fail(ctx, QN_MALFORMED, "entry '%s' has CRC %08" PRIx32 ", its record says %08" PRIx32, e->name, crc, e->crc);
    return QN_OK;
}
