/* Files mapped for reading, and files written whole or not at all. */
#ifndef QN_BASE_MAP_H
#define QN_BASE_MAP_H

#include "base/status.h"

typedef struct qn_map qn_map;

/** Map `path` for reading. QN_SYSTEM names the file and the reason (a folder is refused too).
 *  An empty file gives data == a valid pointer and n_bytes == 0. */
QN_MUST_USE qn_status qn_map_open(qn_context *ctx, const char *path, qn_map **out);
/** The same of an open file: `path` is its name in messages. The descriptor stays the caller's. */
QN_MUST_USE qn_status qn_map_open_file(qn_context *ctx, const char *path, int fd, qn_map **out);
void qn_map_close(qn_map *map);
const uint8_t *qn_map_data(const qn_map *map);
size_t qn_map_bytes(const qn_map *map);
/** The path as given to qn_map_open. */
const char *qn_map_path(const qn_map *map);
/** [data, data + n) will not be needed for a while: let its whole pages leave resident memory.
 *  Any range is fine, also one that lies in no mapping made here (then nothing happens). */
void qn_map_release(const void *data, size_t n);

/** Copy [data, data + n), which lies in one mapping, to `out` by reading the file: for bytes that are gone through once this
 *  costs less than pages that come and go. False, with nothing promised about `out`, when that cannot be done. */
bool qn_map_read(const void *data, size_t n, void *out);

/** A file under a temporary name in the target's folder that takes its real name on commit.
 *  Destroying it uncommitted unlinks the temporary; temporaries are also unlinked when a signal
 *  handler calls qn_outfile_unlink_all (async-signal-safe). */
typedef struct qn_outfile qn_outfile;
QN_MUST_USE qn_status qn_outfile_create(qn_context *ctx, const char *path, qn_outfile **out);
/** A file that never gets a name, and is gone when it and its maps are: in the folder of `beside`, or in /var/tmp where
 *  that cannot be, or in memory, as is the case with `beside` NULL. *place (may be NULL) is which, for messages; static. Not
 *  to be committed. */
QN_MUST_USE qn_status qn_outfile_create_unnamed(qn_context *ctx, const char *beside, qn_outfile **out,
                                                const char **place);
/** Map what has been written, under the name `path`. The map outlives the file. */
QN_MUST_USE qn_status qn_outfile_map(qn_context *ctx, const qn_outfile *f, const char *path, qn_map **out);
/** Say that the file will have n_bytes, so that a disk too small for it is known at once, and writing is faster. */
QN_MUST_USE qn_status qn_outfile_reserve(qn_context *ctx, qn_outfile *f, uint64_t n_bytes);
/** Write at `offset`; several threads may write disjoint ranges. */
QN_MUST_USE qn_status qn_outfile_write(qn_context *ctx, qn_outfile *f, uint64_t offset, const void *data, size_t n);
/** Sync, rename over the target, destroy. */
QN_MUST_USE qn_status qn_outfile_commit(qn_context *ctx, qn_outfile *f);
void qn_outfile_destroy(qn_outfile *f);
void qn_outfile_unlink_all(void);

/** Read a small file whole (at most `limit` bytes, else QN_MALFORMED) into *data, a 0 after it; free() it. */
QN_MUST_USE qn_status qn_read_file(qn_context *ctx, const char *path, size_t limit, char **data, size_t *n_bytes);

#endif
