/* Packages in shipping form: the same package, its entries compressed without loss; docs/format.md has the layout.
 *
 * The archive is one like that of a package, but its first entry is called QN_SHIPPED_MODEL, and every entry is a
 * container:
 *
 *     header │ row of block 0 │ row of block 1 │ ... │ planes of block 0 │ planes of block 1 │ ...
 *
 * A package is canonical, so names and expanded bytes give the package back byte for byte.
 */
#ifndef QN_PACKAGE_SHIPPED_H
#define QN_PACKAGE_SHIPPED_H

#include "base/map.h"
#include "package/planes.h"
#include "package/zip.h"

#define QN_SHIPPED_MODEL "model.pb.shipped"
/** Header: magic (4 bytes), CRC-32 of the expanded bytes (4), their number (8), blocks (8). */
#define QN_SHIPPED_MAGIC 0x31687351u /* "Qsh1" */
#define QN_SHIPPED_HEADER 24u
/** Row of a block: expanded bytes (4), bytes of an element (4), bytes of each plane as stored (8 times 4). A plane of its
 *  full size lies there as it is, a smaller one as one DEFLATE stream. */
#define QN_SHIPPED_ROW 40u
/** Most expanded bytes of a block. */
#define QN_SHIPPED_BLOCK ((size_t)1 << 20)

/** True when the archive of n bytes begins as one in shipping form. */
bool qn_shipped_is(const uint8_t *data, size_t n);

/** Expand the archive in `data` into `file` (offsets from 0), checking every byte that is used; *n_bytes is the length of the
 *  package. `check_crc`: also each entry's CRC as stored. What is not there yet: the checks of the package itself. */
QN_MUST_USE qn_status qn_shipped_expand(qn_context *ctx, const uint8_t *data, size_t n, bool check_crc, qn_outfile *file,
                                        uint64_t *n_bytes);

/** The same into an unnamed file, mapped: see qn_outfile_create_unnamed for `beside`. `name` is for messages. */
QN_MUST_USE qn_status qn_shipped_map(qn_context *ctx, const char *name, const uint8_t *data, size_t n, bool check_crc,
                                     const char *beside, qn_map **out);

/** The shipping form of the package in `data` to `path`: whole or not at all. The same bytes for any thread count. */
QN_MUST_USE qn_status qn_shipped_write(qn_context *ctx, const uint8_t *data, size_t n, const char *path,
                                       uint64_t *n_bytes);

/** The package in the shipping form at `source` to `path`, whole or not at all, when it passes qn_package_read. QN_USAGE
 *  when `source` is in no shipping form. The sizes may be NULL. */
QN_MUST_USE qn_status qn_shipped_unpack(qn_context *ctx, const char *source, const char *path, uint64_t *shipped_bytes,
                                        uint64_t *package_bytes);

#endif
