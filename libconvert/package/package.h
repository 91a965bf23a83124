/* The .quern package: a ZIP64 archive of stored, aligned entries; docs/format.md is its specification. */
#ifndef QN_PACKAGE_PACKAGE_H
#define QN_PACKAGE_PACKAGE_H

#include "ir/graph.h"

/** Where a package came from. Strings may be NULL. */
typedef struct qn_provenance {
    const char *quern_version;
    const char *recipe;             /**< the options of the conversion, as text */
    const char *licence;            /**< of the weights */
    const char *producer;           /**< what wrote the source model */
    int32_t n_sources;
    const char *const *source_names;  /**< file names without folder */
    const char *const *source_hashes; /**< "xxh3-128:..." */
    const char *const *source_paths;  /**< or NULL. Given, qn_package_write hashes these files while it writes, into */
    char (*hashes_made)[64];          /**< [n_sources], where source_hashes then point to */
    uint64_t expanded_bytes;        /**< set by reading: of the package that a shipping form expanded to; 0: it was none */
} qn_provenance;

typedef struct qn_write_stats {
    uint64_t package_bytes, weight_bytes;
    uint64_t shipped_bytes;         /**< of the shipping form, when that is what was written */
    double seconds;
} qn_write_stats;

/** How the bytes of a constant are made (quant/fill.h has the one that convert uses). All parts of `c`, in part order,
 *  are streamed to `write` (part, data, n), each part complete before the next. */
typedef qn_status (*qn_part_sink)(void *sink, int part, const void *data, size_t n);
typedef qn_status (*qn_fill)(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c, qn_part_sink write,
                             void *sink);

/** Write `graph` to `path`: layout first, then fill over the context's threads. Same graph, same bytes, whatever the
 *  thread count. On failure nothing is left behind. `stats` may be NULL. */
QN_MUST_USE qn_status qn_package_write(qn_context *ctx, const qn_graph *graph, const qn_provenance *provenance,
                                       qn_fill fill, void *user, const char *path, qn_write_stats *stats);

/** The same package in shipping form (package/shipped.h) to `path`, by way of an unnamed file in its folder. */
QN_MUST_USE qn_status qn_package_write_shipped(qn_context *ctx, const qn_graph *graph, const qn_provenance *provenance,
                                               qn_fill fill, void *user, const char *path, qn_write_stats *stats);

/** Open a package, or the shipping form of one, which is expanded into an unnamed file first: the graph's constants lie in the mapped file, which the graph keeps. `provenance` (strings in the
 *  graph's arena) may be NULL. `check_crc`: also check every entry's CRC. */
QN_MUST_USE qn_status qn_package_read(qn_context *ctx, const char *path, bool check_crc, qn_provenance *provenance,
                                      qn_graph **out);
QN_MUST_USE qn_status qn_package_read_bytes(qn_context *ctx, const char *name, const void *data, size_t n_bytes,
                                            bool check_crc, qn_provenance *provenance, qn_graph **out);

/** Every byte against the records: structure, CRCs, padding, the graph checker. *n_entries and *n_bytes may be NULL. */
QN_MUST_USE qn_status qn_package_verify(qn_context *ctx, const char *path, int64_t *n_entries, uint64_t *n_bytes);

#endif
