/* Each piece of 64 KiB is one block of dynamic codes: header, the code lengths in run-length form, the literals, the end. */
#include "package/huffman.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 16, N_SYMBOLS = 257, END = 256, MAX_LENGTH = 15, MAX_META = 19, MAX_META_LENGTH = 7 };

/* ---- lengths of codes ------------------------------------------------------------------------- */

typedef struct leaf {
    uint32_t count;
    uint16_t symbol;
} leaf;

static int by_count(const void *a, const void *b) {
    const leaf *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return (int)x->symbol - (int)y->symbol;
}

/** Lengths of a Huffman code for leaves[0..n), n >= 2, in order of their counts; returns the longest. Two queues: the leaves,
 *  and the inner nodes in the order in which they are made, which is that of their counts. */
static int tree_lengths(const leaf *leaves, int n, uint8_t *length) {
    uint32_t count[2 * N_SYMBOLS];
    uint16_t parent[2 * N_SYMBOLS], depth[2 * N_SYMBOLS];
    int leaf_at = 0, inner_at = n, longest = 0;
    for (int i = 0; i < n; i++)
        count[i] = leaves[i].count;
    for (int made = n; made < 2 * n - 1; made++) {
        count[made] = 0;
        for (int k = 0; k < 2; k++) {
            const bool take_leaf = leaf_at < n && (inner_at >= made || count[leaf_at] <= count[inner_at]);
            const int child = take_leaf ? leaf_at++ : inner_at++;
            count[made] += count[child];
            parent[child] = (uint16_t)made;
        }
    }
    depth[2 * n - 2] = 0;
    for (int i = 2 * n - 3; i >= 0; i--) {
        depth[i] = (uint16_t)(depth[parent[i]] + 1);
        if (i < n) {
            length[leaves[i].symbol] = (uint8_t)depth[i];
            longest = depth[i] > longest ? depth[i] : longest;
        }
    }
    return longest;
}

/** Lengths of at most `most` bits for the symbols that occur; 0 for the others. Where the best code is longer, counts are
 *  halved until it is not: the symbols that this concerns are rare. */
static void code_lengths(const uint32_t *counts, int n_symbols, int most, uint8_t *length) {
    leaf leaves[N_SYMBOLS];
    int n = 0;
    memset(length, 0, (size_t)n_symbols);
    for (int i = 0; i < n_symbols; i++)
        if (counts[i])
            leaves[n++] = (leaf){counts[i], (uint16_t)i};
    if (n == 1) { /* a code of one bit and its twin that is never used, as inflaters want it whole */
        length[leaves[0].symbol] = 1;
        length[leaves[0].symbol ? 0 : 1] = 1;
        return;
    }
    qsort(leaves, (size_t)n, sizeof *leaves, by_count);
    while (tree_lengths(leaves, n, length) > most)
        for (int i = 0; i < n; i++)
            leaves[i].count = leaves[i].count / 2 | 1; /* keeps the order */
}

/* ---- the lengths as they are written ------------------------------------------------------------- */

/* Symbols 0..15 are lengths; 16 repeats the last 3..6 times (2 bits more), 17 and 18 are 3..10 and 11..138 zeros (3 and 7). */
typedef struct meta {
    uint8_t symbol[N_SYMBOLS + 1], extra[N_SYMBOLS + 1];
    int n;
    uint8_t length[MAX_META];  /* of the codes of these symbols */
    int n_written;             /* of those lengths, in the order below */
} meta;

static const uint8_t g_meta_order[MAX_META] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

static int extra_bits(int symbol) { return symbol == 16 ? 2 : symbol == 17 ? 3 : symbol == 18 ? 7 : 0; }

static void put_meta(meta *m, int symbol, int extra) {
    m->symbol[m->n] = (uint8_t)symbol;
    m->extra[m->n++] = (uint8_t)extra;
}

/** `run` times `length`. */
static void put_run(meta *m, int length, int run) {
    while (length == 0 && run >= 11) {
        const int n = run < 138 ? run : 138;
        put_meta(m, 18, n - 11);
        run -= n;
    }
    if (length == 0 && run >= 3) {
        put_meta(m, 17, run - 3);
        run = 0;
    }
    if (length != 0 && run >= 4) {
        put_meta(m, length, 0);
        run--;
        while (run >= 3) {
            const int n = run < 6 ? run : 6;
            put_meta(m, 16, n - 3);
            run -= n;
        }
    }
    for (; run > 0; run--)
        put_meta(m, length, 0);
}

static void make_meta(const uint8_t *length, meta *m) {
    uint32_t counts[MAX_META] = {0};
    m->n = 0;
    for (int i = 0, run; i < N_SYMBOLS; i += run) {
        for (run = 1; i + run < N_SYMBOLS && length[i + run] == length[i];)
            run++;
        put_run(m, length[i], run);
    }
    put_meta(m, 1, 0); /* one code of distances, of one bit: it is never used */
    for (int i = 0; i < m->n; i++)
        counts[m->symbol[i]]++;
    code_lengths(counts, MAX_META, MAX_META_LENGTH, m->length);
    m->n_written = MAX_META;
    while (m->n_written > 4 && m->length[g_meta_order[m->n_written - 1]] == 0)
        m->n_written--;
}

static size_t meta_bits(const meta *m) {
    size_t bits = 3 + 5 + 5 + 4 + 3 * (size_t)m->n_written;
    for (int i = 0; i < m->n; i++)
        bits += m->length[m->symbol[i]] + (size_t)extra_bits(m->symbol[i]);
    return bits;
}

/* ---- planning ---------------------------------------------------------------------------------------- */

static void count_bytes(const uint8_t *data, size_t n, uint32_t counts[N_SYMBOLS]) {
    uint32_t part[4][256] = {{0}}; /* four, so that equal neighbours do not wait for one another */
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            part[k][data[i + k]]++;
    for (; i < n; i++)
        part[0][data[i]]++;
    for (int v = 0; v < 256; v++)
        counts[v] = part[0][v] + part[1][v] + part[2][v] + part[3][v];
    counts[END] = 1;
}

size_t qn_huffman_plan(qn_huffman *h, const uint8_t *data, size_t n) {
    size_t bits = 0;
    h->n_pieces = 0;
    for (size_t at = 0; at < n; at += PIECE, h->n_pieces++) {
        uint32_t counts[N_SYMBOLS];
        uint8_t *length = h->length[h->n_pieces];
        meta m;
        count_bytes(data + at, n - at < PIECE ? n - at : PIECE, counts);
        code_lengths(counts, N_SYMBOLS, MAX_LENGTH, length);
        make_meta(length, &m);
        bits += meta_bits(&m);
        for (int i = 0; i < N_SYMBOLS; i++)
            bits += (size_t)counts[i] * length[i];
    }
    return (bits + 7) / 8;
}

/* ---- writing ------------------------------------------------------------------------------------------ */

typedef struct writer {
    uint64_t bits; /* not written yet, the first in the lowest */
    int n;
    uint8_t *out;
} writer;

static inline void flush(writer *w) {
    const uint64_t bits = w->bits;
    for (int i = 0; i < 8; i++) /* one store where the machine is little-endian */
        w->out[i] = (uint8_t)(bits >> (8 * i));
    w->out += w->n >> 3;
    w->bits >>= w->n & ~7;
    w->n &= 7;
}

/** At most 56 bits between two flushes. */
static inline void put(writer *w, uint32_t value, int n) {
    w->bits |= (uint64_t)value << w->n;
    w->n += n;
}

typedef struct code {
    uint16_t bits; /* the first in the lowest */
    uint16_t length;
} code;

/** Codes of one length ascend with their symbols (RFC 1951, 3.2.2); they are sent from their highest bit. */
static void make_codes(const uint8_t *length, int n, code *codes) {
    unsigned count[MAX_LENGTH + 1] = {0}, next[MAX_LENGTH + 1], at = 0;
    for (int i = 0; i < n; i++)
        count[length[i]]++;
    count[0] = 0;
    next[0] = 0;
    for (int k = 1; k <= MAX_LENGTH; k++)
        next[k] = at = (at + count[k - 1]) << 1;
    for (int i = 0; i < n; i++) {
        unsigned forward = length[i] ? next[length[i]]++ : 0, back = 0;
        for (int k = 0; k < length[i]; k++, forward >>= 1)
            back = back << 1 | (forward & 1);
        codes[i] = (code){(uint16_t)back, length[i]};
    }
}

static void write_head(writer *w, const uint8_t *length, bool last) {
    code codes[MAX_META];
    meta m;
    make_meta(length, &m);
    make_codes(m.length, MAX_META, codes);
    put(w, last, 1);
    put(w, 2, 2); /* dynamic codes */
    put(w, N_SYMBOLS - 257, 5);
    put(w, 0, 5);
    put(w, (uint32_t)m.n_written - 4, 4);
    flush(w);
    for (int i = 0; i < m.n_written; i++) {
        put(w, m.length[g_meta_order[i]], 3);
        flush(w);
    }
    for (int i = 0; i < m.n; i++) {
        put(w, codes[m.symbol[i]].bits, codes[m.symbol[i]].length);
        put(w, m.extra[i], extra_bits(m.symbol[i]));
        flush(w);
    }
}

void qn_huffman_write(const qn_huffman *h, const uint8_t *data, size_t n, uint8_t *out) {
    writer w = {.out = out};
    for (int piece = 0; piece < h->n_pieces; piece++) {
        const size_t begin = (size_t)piece * PIECE, end = n - begin < PIECE ? n : begin + PIECE;
        code codes[N_SYMBOLS];
        size_t i = begin;
        write_head(&w, h->length[piece], end == n);
        make_codes(h->length[piece], N_SYMBOLS, codes);
        for (; i + 3 <= end; i += 3) { /* 7 + 3 * 15 bits fit */
            put(&w, codes[data[i]].bits, codes[data[i]].length);
            put(&w, codes[data[i + 1]].bits, codes[data[i + 1]].length);
            put(&w, codes[data[i + 2]].bits, codes[data[i + 2]].length);
            flush(&w);
        }
        for (; i < end; i++) {
            put(&w, codes[data[i]].bits, codes[data[i]].length);
            flush(&w);
        }
        put(&w, codes[END].bits, codes[END].length);
        flush(&w);
    }
    for (int i = 0; 8 * i < w.n; i++)
        w.out[i] = (uint8_t)(w.bits >> (8 * i));
}
