/* An .npz is a ZIP archive of .npy files (APPNOTE.TXT 6.3.10): found through the central directory, stored or
 * deflated, ZIP64 where large. */
#include <libdeflate.h>
#include <string.h>

#include "base/map.h"
#include "base/table.h"
#include "read/npy.h"
#include "read/npy_header.h"
#include "read/wire.h"

enum { END_BYTES = 22, END64_LOCATOR_BYTES = 20, END64_BYTES = 56, CENTRAL_BYTES = 46, LOCAL_BYTES = 30 };

/* Deflate emits at most 258 bytes for 2 bits: a claim of more than 1032:1 is a lie. */
enum { MAX_RATIO = 1032 };

typedef struct archive {
    qn_context *ctx;
    const char *path;
    const uint8_t *data;
    size_t n;
} archive;

typedef struct entry {
    const char *name;   /* in the archive's bytes */
    size_t n_name;
    unsigned method;
    uint32_t crc;
    uint64_t packed, unpacked, local;
} entry;

static unsigned u16(const uint8_t *p) { return (unsigned)p[0] | (unsigned)p[1] << 8; }

static qn_status fail(const archive *a, const char *what) {
    return qn_fail(a->ctx, QN_MALFORMED, "%s: npz archive: %s", a->path, what);
}

/* The central directory: [begin, begin + size) and its number of entries. */
static qn_status find_directory(const archive *a, uint64_t *begin, uint64_t *size, uint64_t *count) {
    if (a->n < END_BYTES)
        return fail(a, "no end record");
    /* The end record is last but for a comment of at most 65535 bytes. */
    size_t lowest = a->n > END_BYTES + 65535 ? a->n - END_BYTES - 65535 : 0;
    const uint8_t *end = NULL;
    for (size_t at = a->n - END_BYTES + 1; at-- > lowest && !end;)
        if (qn_wire_u32(a->data + at) == 0x06054b50 && u16(a->data + at + 20) == a->n - at - END_BYTES)
            end = a->data + at;
    if (!end)
        return fail(a, "no end record");
    *count = u16(end + 10);
    *size = qn_wire_u32(end + 12);
    *begin = qn_wire_u32(end + 16);
    size_t before = (size_t)(end - a->data);
    if (before >= END64_LOCATOR_BYTES && qn_wire_u32(end - END64_LOCATOR_BYTES) == 0x07064b50) {
        uint64_t at = qn_wire_u64(end - END64_LOCATOR_BYTES + 8);
        if (before < END64_LOCATOR_BYTES + END64_BYTES || at > before - END64_LOCATOR_BYTES - END64_BYTES ||
            qn_wire_u32(a->data + at) != 0x06064b50)
            return fail(a, "the ZIP64 end record is not where it should be");
        *count = qn_wire_u64(a->data + at + 32);
        *size = qn_wire_u64(a->data + at + 40);
        *begin = qn_wire_u64(a->data + at + 48);
    }
    if (*begin > before || *size > before - *begin || *count > *size / CENTRAL_BYTES ||
        *count > INT32_MAX)
        return fail(a, "the directory lies outside the file");
    return QN_OK;
}

/* ZIP64 numbers stand in an extra field, in this order, for those that are 0xffffffff in the record. */
static bool widen(const uint8_t *extra, size_t n, entry *e) {
    while (n >= 4) {
        size_t size = u16(extra + 2);
        if (size > n - 4)
            return false;
        if (u16(extra) == 1) {
            uint64_t *wide[] = {&e->unpacked, &e->packed, &e->local};
            const uint8_t *p = extra + 4;
            for (int i = 0; i < 3; i++) {
                if (*wide[i] != 0xffffffff)
                    continue;
                if ((size_t)(p - extra - 4) + 8 > size)
                    return false;
                *wide[i] = qn_wire_u64(p);
                p += 8;
            }
            return true;
        }
        extra += 4 + size;
        n -= 4 + size;
    }
    return true;
}

/* Read the directory record at *at, which moves past it. */
static qn_status read_record(const archive *a, const uint8_t **at, const uint8_t *end, entry *out) {
    const uint8_t *p = *at;
    if (end - p < CENTRAL_BYTES || qn_wire_u32(p) != 0x02014b50)
        return fail(a, "a directory record is broken");
    size_t name = u16(p + 28), extra = u16(p + 30), comment = u16(p + 32);
    if ((size_t)(end - p) - CENTRAL_BYTES < name + extra + comment)
        return fail(a, "a directory record is broken");
    *out = (entry){.name = (const char *)p + CENTRAL_BYTES,
                   .n_name = name,
                   .method = u16(p + 10),
                   .crc = qn_wire_u32(p + 16),
                   .packed = qn_wire_u32(p + 20),
                   .unpacked = qn_wire_u32(p + 24),
                   .local = qn_wire_u32(p + 42)};
    if (u16(p + 8) & 1)
        return qn_fail(a->ctx, QN_UNSUPPORTED, "%s: npz archive: encrypted", a->path);
    if (!widen(p + CENTRAL_BYTES + name, extra, out))
        return fail(a, "a ZIP64 field is broken");
    *at = p + CENTRAL_BYTES + name + extra + comment;
    return QN_OK;
}

/* The packed bytes of an entry, behind its local header. */
static qn_status find_bytes(const archive *a, const entry *e, const uint8_t **out) {
    if (e->local > a->n || a->n - e->local < LOCAL_BYTES || qn_wire_u32(a->data + e->local) != 0x04034b50)
        return fail(a, "a local header is not where it should be");
    const uint8_t *p = a->data + e->local;
    size_t skip = LOCAL_BYTES + (size_t)u16(p + 26) + u16(p + 28), left = a->n - (size_t)e->local;
    if (u16(p + 8) != e->method || u16(p + 26) != e->n_name)
        return fail(a, "a local header disagrees with the directory");
    if (skip > left || e->packed > left - skip)
        return fail(a, "an entry runs past the end");
    if (memcmp(p + LOCAL_BYTES, e->name, e->n_name) != 0)
        return fail(a, "a local header disagrees with the directory");
    *out = p + skip;
    return QN_OK;
}

static qn_status inflate(const archive *a, qn_arena *scratch, const entry *e, const char *label,
                         const uint8_t *packed, const uint8_t **out) {
    if (e->unpacked / MAX_RATIO > e->packed)
        return qn_fail(a->ctx, QN_MALFORMED, "%s: %llu bytes cannot unpack to %llu", label,
                       (unsigned long long)e->packed, (unsigned long long)e->unpacked);
    uint8_t *data;
    QN_NEW_ARRAY(a->ctx, scratch, data, e->unpacked);
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    if (!d)
        return qn_fail_memory(a->ctx, 0, "inflating");
    size_t n = 0;
    enum libdeflate_result result =
        libdeflate_deflate_decompress(d, packed, (size_t)e->packed, data, (size_t)e->unpacked, &n);
    libdeflate_free_decompressor(d);
    if (result != LIBDEFLATE_SUCCESS || n != e->unpacked)
        return qn_fail(a->ctx, QN_MALFORMED, "%s: deflated data is broken", label);
    *out = data;
    return QN_OK;
}

static qn_status read_entry(const archive *a, qn_arena *arena, qn_arena *scratch, const entry *e, const char *label,
                            qn_tensor *out) {
    const uint8_t *data = NULL;
    QN_TRY(find_bytes(a, e, &data));
    if (e->method == 8)
        QN_TRY(inflate(a, scratch, e, label, data, &data));
    else if (e->method != 0)
        return qn_fail(a->ctx, QN_UNSUPPORTED, "%s: ZIP method %u", label, e->method);
    else if (e->packed != e->unpacked)
        return qn_fail(a->ctx, QN_MALFORMED, "%s: a stored entry with two sizes", label);
    if (libdeflate_crc32(0, data, (size_t)e->unpacked) != e->crc)
        return qn_fail(a->ctx, QN_MALFORMED, "%s: its CRC does not match", label);
    return qn_npy_parse(a->ctx, arena, label, data, (size_t)e->unpacked, out);
}

static qn_status read_all(const archive *a, qn_arena *arena, qn_arena *scratch, const char *skip_prefix,
                          qn_npz_entry **out, int32_t *n) {
    uint64_t begin = 0, size = 0, count = 0;
    QN_TRY(find_directory(a, &begin, &size, &count));
    const uint8_t *at = a->data + begin, *end = at + size;
    qn_npz_entry *entries;
    QN_NEW_ARRAY(a->ctx, arena, entries, count);
    qn_table *names = qn_table_create(arena);
    if (!names)
        return qn_fail_memory(a->ctx, 0, "names");
    *n = 0;
    for (uint64_t i = 0; i < count; i++) {
        entry e = {.name = NULL};
        QN_TRY(read_record(a, &at, end, &e));
        if (e.n_name < 5 || memcmp(e.name + e.n_name - 4, ".npy", 4) != 0 || memchr(e.name, 0, e.n_name))
            return fail(a, "an entry that is not an .npy");
        char *name = qn_arena_strndup(arena, e.name, e.n_name - 4);
        char *label = name ? qn_arena_printf(scratch, "%s: %s", a->path, name) : NULL;
        if (!label)
            return qn_fail_memory(a->ctx, e.n_name, "a name");
        if (skip_prefix && strncmp(name, skip_prefix, strlen(skip_prefix)) == 0)
            continue;
        if (qn_table_get(names, name))
            return qn_fail(a->ctx, QN_MALFORMED, "%s: it is there twice", label);
        if (!qn_table_put(names, name, name))
            return qn_fail_memory(a->ctx, e.n_name, "a name");
        entries[*n].name = name;
        QN_TRY(read_entry(a, arena, scratch, &e, label, &entries[*n].tensor));
        qn_arena_reset(scratch);
        ++*n;
    }
    *out = entries;
    return at == end ? QN_OK : fail(a, "bytes after the last directory record");
}

qn_status qn_npz_read(qn_context *ctx, qn_arena *arena, const char *path, const char *skip_prefix,
                      qn_npz_entry **out, int32_t *n) {
    qn_map *map;
    QN_TRY(qn_map_open(ctx, path, &map));
    qn_arena *scratch = qn_arena_create();
    archive a = {ctx, path, qn_map_data(map), qn_map_bytes(map)};
    qn_status status = scratch ? read_all(&a, arena, scratch, skip_prefix, out, n)
                               : qn_fail_memory(ctx, 0, "an arena");
    qn_arena_destroy(scratch);
    qn_map_close(map);
    return status;
}
