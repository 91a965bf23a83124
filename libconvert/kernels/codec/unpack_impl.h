/* Codes and indices of 1 to 8 bits from where they are packed to lanes, and to numbers. */
#ifndef QN_KERNELS_CODEC_UNPACK_IMPL_H
#define QN_KERNELS_CODEC_UNPACK_IMPL_H

#include "ir/codes.h"
#include "kernels/codec/ints_impl.h"

/* ---- lanes ------------------------------------------------------------------------------------------------------ */

/* VF_LANES codes from bit `bit` of a part on. With eight lanes or more a vector's codes are whole bytes, so all vectors of a
 * stretch begin at the same bit of a byte, and one shuffle brings each lane the two bytes that its code is in. */
typedef struct unpacker {
    const uint8_t *codes, *end;
    uint32_t bits;
    ints bytes, shift; /* of each lane */
} unpacker;

VF_INLINE unpacker unpacker_at(const uint8_t *codes, int64_t n_bytes, uint32_t bits, int64_t bit) {
    unpacker u = {.codes = codes, .end = codes + n_bytes, .bits = bits};
    const ints at = ints_lane_bits((uint32_t)(bit % 8), bits), first = ints_shift_right(at, ints_set1(3));
    u.bytes = ints_add(ints_or(first, ints_shift_left(first, ints_set1(8))), ints_set1(0x80800100u));
    u.shift = ints_and(at, ints_set1(7));
    return u;
}

#if defined(__AVX512F__)
VF_INLINE ints unpack_lanes(const unpacker *u, int64_t bit) {
    const uint8_t *p = u->codes + bit / 8;
    const int64_t left = u->end - p;
    const __m128i near = _mm_maskz_loadu_epi8(left >= 16 ? 0xffff : _cvtu32_mask16((1u << left) - 1), p);
    return _mm512_srlv_epi32(_mm512_shuffle_epi8(_mm512_broadcast_i32x4(near), u->bytes), u->shift);
}
#elif defined(__AVX2__)
VF_INLINE ints unpack_lanes(const unpacker *u, int64_t bit) {
    const uint8_t *p = u->codes + bit / 8;
    __m128i near = _mm_setzero_si128();
    if (u->end - p >= 16)
        near = _mm_loadu_si128((const __m128i *)(const void *)p);
    else
        memcpy(&near, p, (size_t)(u->end - p));
    return _mm256_srlv_epi32(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(near), u->bytes), u->shift);
}
#else
VF_INLINE ints unpack_lanes(const unpacker *u, int64_t bit) {
    const uint8_t *p = u->codes + bit / 8;
    uint64_t near = 0;
    if (u->end - p >= 8)
        memcpy(&near, p, 8);
    else
        memcpy(&near, p, (size_t)(u->end - p));
    near >>= bit % 8;
    return (ints){(uint32_t)near, (uint32_t)(near >> u->bits), (uint32_t)(near >> 2 * u->bits), (uint32_t)(near >> 3 * u->bits)};
}
#endif

/** Lane l: the code that begins at bit + l bits; `bit` as that of unpacker_at but for whole vectors of codes. Before the part's
 *  end; lanes behind it are 0. */
VF_INLINE ints unpack(const unpacker *u, int64_t bit) {
    return ints_and(unpack_lanes(u, bit), ints_set1((1u << u->bits) - 1));
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

/* Signed integers: with its highest bit turned a code is its number plus 2^(bits - 1). */
VF_INLINE void unpack_integers(const qn_code_type *type, const unpacker *u, int64_t at, int64_t n, float *to) {
    const uint32_t half = type->is_signed ? 1u << (type->bits - 1) : 0;
    const vf less = vf_set1((float)half);
    for (int64_t i = 0; i < n; i += VF_LANES) {
        const ints code = ints_xor(unpack(u, (at + i) * type->bits), ints_set1(half));
        vf_write_n(QN_F32, to, i, vf_sub(ints_float(code), less), n - i);
    }
}

VF_INLINE void unpack_halves(const qn_code_type *type, const unpacker *u, int64_t at, int64_t n, float *to) {
    const half_form form = half_form_of(type);
    for (int64_t i = 0; i < n; i += VF_LANES)
        vf_write_n(QN_F32, to, i, half_form_numbers(&form, unpack(u, (at + i) * type->bits)), n - i);
}

VF_INLINE void unpack_powers(const uint8_t *codes, int64_t at, int64_t n, float *to) {
    for (int64_t i = 0; i < n; i += VF_LANES) {
        const vf exponent = vf_sub(vf_load_u8_n(codes + at + i, n - i), vf_set1(127.0f));
        const vf power = vf_scale2(vf_set1(1.0f), exponent);
        vf_write_n(QN_F32, to, i, vf_select_lt(vf_set1(127.0f), exponent, vf_set1(__builtin_nanf("")), power), n - i);
    }
}

/** to[0..n) = the numbers of codes [at, at + n) of a part of n_bytes. */
VF_INLINE void unpack_numbers(const qn_code_type *type, const uint8_t *codes, int64_t n_bytes, int64_t at, int64_t n, float *to) {
    const unpacker u = unpacker_at(codes, n_bytes, (uint32_t)type->bits, at * type->bits);
    if (type->is_integer)
        unpack_integers(type, &u, at, n, to);
    else if (type->is_power)
        unpack_powers(codes, at, n, to);
    else
        unpack_halves(type, &u, at, n, to);
}

#endif
