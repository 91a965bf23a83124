/* DEFLATE (RFC 1951) of literals alone: Huffman codes and no matches. Weights have an uneven distribution and hardly ever
 * repeat, so this comes closer to their entropy than a matcher that is fast, and is faster. Any inflater reads it. */
#ifndef QN_PACKAGE_HUFFMAN_H
#define QN_PACKAGE_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

/** Most bytes of one call. */
#define QN_HUFFMAN_MAX ((size_t)1 << 20)

/** Codes for the bytes of one call: made, measured, then used. About 4 KiB. */
typedef struct qn_huffman {
    int n_pieces;
    uint8_t length[QN_HUFFMAN_MAX >> 16][257]; /**< bits of each literal and of the end of the block (256), by piece */
} qn_huffman;

/** Make codes for `data`, 1 <= n <= QN_HUFFMAN_MAX, a table for each 64 KiB; returns the bytes that they would take. */
size_t qn_huffman_plan(qn_huffman *h, const uint8_t *data, size_t n);
/** Write the same data with these codes: `out` has room for what qn_huffman_plan returned and 8 bytes more. */
void qn_huffman_write(const qn_huffman *h, const uint8_t *data, size_t n, uint8_t *out);

#endif
