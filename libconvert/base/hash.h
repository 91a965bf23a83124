/* Content hashes: XXH3-128, printed as "xxh3-128:32 hex digits". */
#ifndef QN_BASE_HASH_H
#define QN_BASE_HASH_H

#include "base/status.h"

typedef struct qn_hash { uint64_t low, high; } qn_hash;

/** Hash of n bytes, in one go. */
qn_hash qn_hash_bytes(const void *data, size_t n);
/** Hash a file by reading it in pieces, so that it never becomes resident. */
QN_MUST_USE qn_status qn_hash_file(qn_context *ctx, const char *path, qn_hash *out);
/** "xxh3-128:..." into text[64]. */
void qn_hash_format(qn_hash hash, char text[64]);

#endif
