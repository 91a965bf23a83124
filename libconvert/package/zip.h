/* The container: a ZIP64 archive of stored entries in which every byte but the entries' data follows from their
 * names, sizes and CRCs.
 *
 *   local header │ data │ local header │ data │ ... │ central directory │ ZIP64 end │ ZIP64 locator │ end
 *                ^64           nothing between data and the next header
 *
 * A local header is stretched by an alignment field (0xD935) so that the data begins on a 64-byte boundary.
 */
#ifndef QN_PACKAGE_ZIP_H
#define QN_PACKAGE_ZIP_H

#include "base/arena.h"
#include "base/map.h"

#define QN_ZIP_ALIGN 64u
#define QN_ZIP_MAX_NAME 255u
/** Most bytes of a local header. */
#define QN_ZIP_MAX_LOCAL (30u + QN_ZIP_MAX_NAME + 20u + 6u + QN_ZIP_ALIGN)

typedef struct qn_zip_entry {
    const char *name;  /**< [A-Za-z0-9._/-]+, no empty, "." or ".." part */
    uint64_t header;   /**< offset of the local header */
    uint64_t data;     /**< offset of the data, a multiple of QN_ZIP_ALIGN */
    uint64_t n_bytes;  /**< of the data */
    uint32_t crc;      /**< CRC-32 of the data */
} qn_zip_entry;

/** True when `name` may name an entry. */
bool qn_zip_name_ok(const char *name, size_t n);

/** Place one entry whose header is at `at`; *end is where its data ends. False when that does not fit 63 bits. */
bool qn_zip_place_one(qn_zip_entry *e, uint64_t at, uint64_t *end);
/** Place entries[0..n): header and data from name and n_bytes. *end is the offset of the central directory. False when
 *  the offsets do not fit 63 bits. */
bool qn_zip_place(qn_zip_entry *entries, int64_t n, uint64_t *end);

/** Write the local header of a placed entry: e->data - e->header bytes (<= QN_ZIP_MAX_LOCAL). */
void qn_zip_put_local(const qn_zip_entry *e, uint8_t *out);

/** Bytes of one central header. */
size_t qn_zip_central_bytes(const qn_zip_entry *e);
void qn_zip_put_central(const qn_zip_entry *e, uint8_t *out);

/** The three end records, which follow the central directory at `central`. */
#define QN_ZIP_END_BYTES 98u
void qn_zip_put_end(uint64_t n_entries, uint64_t central, uint64_t central_bytes, uint8_t out[QN_ZIP_END_BYTES]);

/** The local header of a placed entry to its place in the file. */
QN_MUST_USE qn_status qn_zip_write_local(qn_context *ctx, qn_outfile *file, const qn_zip_entry *e);
/** The central directory, to `central`, and the end records. *n_bytes is the length of the file. */
QN_MUST_USE qn_status qn_zip_write_end(qn_context *ctx, qn_arena *arena, qn_outfile *file, const qn_zip_entry *entries,
                                       int64_t n, uint64_t central, uint64_t *n_bytes);

/** Parse an archive of this form. Refuses, by name, whatever qn_zip_put_* would not have written; data and CRCs are
 *  not looked at. *entries in the arena, in file order. */
QN_MUST_USE qn_status qn_zip_read(qn_context *ctx, qn_arena *arena, const uint8_t *data, size_t n_bytes,
                                  qn_zip_entry **entries, int64_t *n);
/** Compare the CRC of the entry's data with its record. */
QN_MUST_USE qn_status qn_zip_check_crc(qn_context *ctx, const uint8_t *data, const qn_zip_entry *e);

#endif
