/* Codes of a row as the dot products of dot_impl.h take them: dwords, one a lane, and the numbers of each.
 *
 * A lane takes `run` codes that follow each other: of 1, 2, 4 and 8 bits those of four bytes, of 3 and 6 bits those of three,
 * code i in bits [i bits, (i + 1) bits) of its dword; what is above them may be anything. */
#ifndef QN_KERNELS_CODEC_DOT_CODES_IMPL_H
#define QN_KERNELS_CODEC_DOT_CODES_IMPL_H

#include "kernels/codec/palette_impl.h"

#define LANE_BYTES(BITS) ((BITS) % 3 == 0 ? 3 : 4)
#define RUN(BITS) (8 * LANE_BYTES(BITS) / (BITS))

/** What the bits of a code are: a signed integer, the index of a table, or floating point of 8 bits. */
typedef enum code_kind { INTEGERS, INDICES, E4M3, E5M2 } code_kind;

/** E4M3 numbers are 2^8 times what numbers_of gives. */
#define FACTOR(KIND) ((KIND) == E4M3 ? 256.0f : 1.0f)

/* ---- three bytes a lane ------------------------------------------------------------------------------------------ */

#if defined(__AVX512F__)
VF_INLINE ints threes(const uint8_t *p, int64_t n) {
    const __m512i all = _mm512_maskz_loadu_epi8(_cvtu64_mask64((UINT64_C(1) << (n < 48 ? n : 48)) - 1), p);
    const __m512i twelves = _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11), all);
    const __m128i apart = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
    return _mm512_shuffle_epi8(twelves, _mm512_broadcast_i32x4(apart));
}
#elif defined(__AVX2__)
VF_INLINE ints threes(const uint8_t *p, int64_t n) {
    uint8_t end[28] = {0};
    if (n < 28) {
        memcpy(end, p, (size_t)(n < 24 ? n : 24));
        p = end;
    }
    const __m256i twelves = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p)),
                                                    _mm_loadu_si128((const __m128i *)(const void *)(p + 12)), 1);
    return _mm256_shuffle_epi8(twelves,
                               _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1)));
}
#else
VF_INLINE ints threes(const uint8_t *p, int64_t n) {
    uint32_t w[3] = {0, 0, 0};
    if (n >= 12)
        memcpy(w, p, 12);
    else
        memcpy(w, p, (size_t)n);
    return (ints){w[0], w[0] >> 24 | w[1] << 8, w[1] >> 16 | w[2] << 16, w[2] >> 8};
}
#endif

/** Lanes from n bytes (>= 1; as many as the lanes take, and more: all), zeros behind. */
VF_INLINE ints dwords_at(const int bits, const uint8_t *p, int64_t n) {
    return LANE_BYTES(bits) == 3 ? threes(p, n) : ints_load_n(p, n);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

/** A table for indices of `bits` as often as it fits 16 entries, so that the bits above need not be cleared. */
VF_INLINE void repeat_table(const int bits, float *table) {
    for (int i = 1 << bits; i < 16; i++)
        table[i] = table[i - (1 << bits)];
}

/* Integers of few bits through a table, where that is the shorter way. */
#if defined(__AVX512F__)
enum { TABLE_BITS = 4 };
#elif defined(__AVX2__)
enum { TABLE_BITS = 3 };
#else
enum { TABLE_BITS = 0 };
#endif
static const float g_integers[5][16] = {[2] = {0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1},
                                        [3] = {0, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1},
                                        [4] = {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1}};

/* The bits of signed integers, as float32. */
#if defined(__AVX512F__)
VF_INLINE vf signed_of(const int bits, ints w, const int i) {
    const unsigned up = (unsigned)(32 - bits - bits * i);
    return _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(w, up), (unsigned)(32 - bits)));
}
VF_INLINE ints moved(ints w, const int right) { /* negative: to the left */
    return right == 0 ? w : right > 0 ? _mm512_srli_epi32(w, (unsigned)right) : _mm512_slli_epi32(w, (unsigned)-right);
}
#elif defined(__AVX2__)
VF_INLINE vf signed_of(const int bits, ints w, const int i) {
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(w, 32 - bits - bits * i), 32 - bits));
}
VF_INLINE ints moved(ints w, const int right) {
    return right == 0 ? w : right > 0 ? _mm256_srli_epi32(w, right) : _mm256_slli_epi32(w, -right);
}
#else
typedef int32_t signed_ints __attribute__((vector_size(16)));
VF_INLINE vf signed_of(const int bits, ints w, const int i) {
    return __builtin_convertvector((signed_ints)(w << (32 - bits - bits * i)) >> (32 - bits), vf);
}
VF_INLINE ints moved(ints w, const int right) { return right >= 0 ? w >> right : w << -right; }
#endif

/** The numbers of code i of each lane; `table`: of INDICES, of up to 4 bits repeated. E4M3: without NaN. */
VF_INLINE vf numbers_of(const code_kind kind, const int bits, ints w, const int i, const float *table) {
    if (kind == INDICES && bits > 4)
        return look_up(bits, table, ints_and(moved(w, bits * i), ints_set1((1u << bits) - 1)));
    if (kind == INDICES)
        return ints_pick16(table, moved(w, bits * i), bits <= 3);
    if (kind == INTEGERS && bits <= TABLE_BITS)
        return ints_pick16(g_integers[bits], moved(w, bits * i), bits <= 3);
    if (kind == INTEGERS)
        return signed_of(bits, w, i);
    const ints b = moved(w, 8 * i - 8); /* the code in bits 8 to 15: sign and exponent of a float16 */
    if (kind == E5M2)
        return ints_half(ints_and(b, ints_set1(0xff00)));
    return ints_half(ints_or(ints_and(b, ints_set1(0x8000)), ints_and(moved(b, 1), ints_set1(0x3f80))));
}

/** E4M3: NaN in lanes that have a NaN among their codes, 0 in others. */
VF_INLINE vf nan_of(ints w) {
    uint32_t lane[VF_LANES];
    float nan[VF_LANES];
    ints_store(lane, w);
    for (int l = 0; l < VF_LANES; l++) {
        const uint32_t rest = ~lane[l] & 0x7f7f7f7fu; /* a byte of 0 is a NaN */
        nan[l] = (rest - 0x01010101u) & ~rest & 0x80808080u ? __builtin_nanf("") : 0.0f;
    }
    return vf_load(nan);
}
/** Is there a NaN among E4M3 codes? */
#if defined(__AVX512F__)
VF_INLINE bool has_nan(ints w) {
    const ints ones = ints_set1(0x7f7f7f7fu);
    return _cvtmask64_u64(_mm512_cmpeq_epi8_mask(ints_and(w, ones), ones)) != 0;
}
#elif defined(__AVX2__)
VF_INLINE bool has_nan(ints w) {
    const ints ones = ints_set1(0x7f7f7f7fu);
    return _mm256_movemask_epi8(_mm256_cmpeq_epi8(ints_and(w, ones), ones)) != 0;
}
#else
VF_INLINE bool has_nan(ints w) {
    const ints rest = ~w & 0x7f7f7f7fu, zero = (rest - 0x01010101u) & ~rest & 0x80808080u;
    return (zero[0] | zero[1] | zero[2] | zero[3]) != 0;
}
#endif

#endif
