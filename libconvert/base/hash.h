/* Content hashes: XXH3-128, printed as "xxh3-128:32 hex digits"; and CRC-32s of pieces put together. */
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

/** The CRC-32 (of ZIP; libdeflate_crc32) of two pieces one after the other, from that of each and the bytes of the second. */
uint32_t qn_crc32_join(uint32_t first, uint32_t second, uint64_t n_second);

#endif
