/* Masks: which elements are kept, as bits, and kept numbers to their places. */
#ifndef QN_KERNELS_CODEC_SPARSE_IMPL_H
#define QN_KERNELS_CODEC_SPARSE_IMPL_H

#include "ir/constant.h"
#include "kernels/simd/simd.h"

enum { CHUNK_WORDS = QN_SPARSE_CHUNK / 64, EXPAND_ROOM = VF_LANES };

/** Elements of a chunk: bit i of the words is set when element i of it is kept. */
typedef struct chunk_mask {
    uint64_t words[CHUNK_WORDS];
    int64_t start; /* elements kept before the chunk */
} chunk_mask;

VF_INLINE void load_chunk(const qn_const *c, int64_t chunk, chunk_mask *m) {
    const qn_bytes *mask = &c->part[QN_PART_MASK];
    const int64_t bits = QN_SPARSE_CHUNK / c->mask_block, block = c->mask_block;
    uint32_t start;
    memcpy(&start, (const char *)c->part[QN_PART_STARTS].data + chunk * (int64_t)sizeof start, sizeof start);
    m->start = start;
    memset(m->words, 0, sizeof m->words);
    if (bits % 8 == 0) {
        const int64_t at = chunk * bits / 8, left = (int64_t)mask->n - at;
        memcpy(m->words, (const char *)mask->data + at, (size_t)(left < bits / 8 ? left : bits / 8));
    } else {
        m->words[0] = (unsigned)((const uint8_t *)mask->data)[chunk * bits / 8] >> chunk * bits % 8 & ((1u << bits) - 1);
    }
    if (block == 1)
        return;
    uint64_t wide[CHUNK_WORDS]; /* each bit as often as it stands for elements */
    for (int64_t w = 0; w < CHUNK_WORDS; w++) {
        wide[w] = 0;
        for (int64_t i = 0; i < 64; i += block) {
            const int64_t bit = (w * 64 + i) / block;
            if (m->words[bit / 64] >> bit % 64 & 1)
                wide[w] |= (block >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << block) - 1) << i;
        }
    }
    memcpy(m->words, wide, sizeof wide);
}

/** Kept among elements [from, to) of the chunk. */
VF_INLINE int64_t count_kept(const chunk_mask *m, int64_t from, int64_t to) {
    int64_t kept = 0;
    for (int64_t w = from / 64; w * 64 < to; w++) {
        uint64_t word = m->words[w];
        if (w * 64 < from)
            word &= ~UINT64_C(0) << (from - w * 64);
        if (to - w * 64 < 64)
            word &= (UINT64_C(1) << (to - w * 64)) - 1;
        kept += __builtin_popcountll(word);
    }
    return kept;
}

/* Bits from `at` on, VF_LANES of them. */
VF_INLINE uint32_t lane_bits(const chunk_mask *m, int64_t at) {
    uint64_t word = m->words[at / 64] >> at % 64;
    if (at % 64 + VF_LANES > 64 && at / 64 + 1 < CHUNK_WORDS)
        word |= m->words[at / 64 + 1] << (64 - at % 64);
    return (uint32_t)word & ((1u << VF_LANES) - 1);
}

/** to[0..n) = the kept numbers one after the other at the places of kept elements, from `from` of the chunk on; 0 at others.
 *  Behind the numbers there is room for EXPAND_ROOM more. */
VF_INLINE void expand_kept(const chunk_mask *m, int64_t from, int64_t n, const float *kept, float *to) {
#if defined(__AVX512F__)
    for (int64_t i = 0; i < n; i += VF_LANES) {
        const uint32_t bits = lane_bits(m, from + i);
        vf_write_n(QN_F32, to, i, _mm512_maskz_expand_ps(_cvtu32_mask16(bits), vf_load(kept)), n - i);
        kept += __builtin_popcount(bits);
    }
#else
    for (int64_t i = 0; i < n; i++) {
        const bool keep = m->words[(from + i) / 64] >> (from + i) % 64 & 1;
        to[i] = keep ? *kept : 0.0f;
        kept += keep;
    }
#endif
}

/** What a scale or zero point has made of elements that are not kept is 0 again. */
VF_INLINE void clear_others(const chunk_mask *m, int64_t from, int64_t n, float *x) {
#if defined(__AVX512F__)
    for (int64_t i = 0; i < n; i += VF_LANES) {
        const vf v = _mm512_maskz_mov_ps(_cvtu32_mask16(lane_bits(m, from + i)), vf_read_n(QN_F32, x, i, n - i));
        vf_write_n(QN_F32, x, i, v, n - i);
    }
#else
    for (int64_t i = 0; i < n; i++)
        x[i] = m->words[(from + i) / 64] >> (from + i) % 64 & 1 ? x[i] : 0.0f;
#endif
}

#endif
