/* Palettes: tables as float32, and indices of 1 to 8 bits through them. */
#ifndef QN_KERNELS_CODEC_PALETTE_IMPL_H
#define QN_KERNELS_CODEC_PALETTE_IMPL_H

#include "ir/constant.h"
#include "kernels/codec/unpack_impl.h"

enum { PALETTE_FLOATS = 256 * 4 };

/** to[0 .. entries), entries >= 2, of table number `table`; up to 16 floats are written. */
VF_INLINE void load_table(const qn_const *c, int64_t table, int64_t entries, float *to) {
    const char *from = (const char *)c->part[QN_PART_LUT].data + table * entries * (int64_t)qn_dtype_bytes(c->lut_dtype);
    for (int64_t i = 0; i < entries; i += VF_LANES) {
        const vf v = c->lut_dtype == QN_I8 ? vf_load_i8_n((const int8_t *)from + i, entries - i)
                                           : vf_read_n(c->lut_dtype, from, i, entries - i);
        vf_store(to + i, v);
    }
}

/** One number of a table. */
VF_INLINE float table_entry(const qn_const *c, int64_t table, int64_t entries, int64_t i) {
    const void *lut = c->part[QN_PART_LUT].data;
    if (c->lut_dtype == QN_I8)
        return (float)((const int8_t *)lut)[table * entries + i];
    float number;
    vf_store_n(&number, vf_read_n(c->lut_dtype, lut, table * entries + i, 1), 1);
    return number;
}

/* ---- scalar palettes -------------------------------------------------------------------------------------------- */

#if defined(__AVX512F__)
/* Of 2^bits floats: halves, chosen by the highest bit; of 32 a permutation, which reads the lower five. */
VF_INLINE vf look_up_5(const float *t, ints index) { return _mm512_permutex2var_ps(vf_load(t), index, vf_load(t + 16)); }
VF_INLINE vf look_up_6(const float *t, ints index) {
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(index, ints_set1(32)), look_up_5(t, index), look_up_5(t + 32, index));
}
VF_INLINE vf look_up_7(const float *t, ints index) {
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(index, ints_set1(64)), look_up_6(t, index), look_up_6(t + 64, index));
}
VF_INLINE vf look_up(const int bits, const float *t, ints index) {
    if (bits <= 4)
        return ints_pick16(t, index, false);
    if (bits == 5)
        return look_up_5(t, index);
    if (bits == 6)
        return look_up_6(t, index);
    if (bits == 7)
        return look_up_7(t, index);
    return _mm512_mask_blend_ps(_mm512_test_epi32_mask(index, ints_set1(128)), look_up_7(t, index), look_up_7(t + 128, index));
}
#elif defined(__AVX2__)
VF_INLINE vf look_up(const int bits, const float *t, ints index) {
    return bits <= 4 ? ints_pick16(t, index, bits <= 3) : _mm256_i32gather_ps(t, index, 4);
}
#else
VF_INLINE vf look_up(const int bits, const float *t, ints index) {
    (void)bits;
    return (vf){t[index[0]], t[index[1]], t[index[2]], t[index[3]]};
}
#endif

VF_INLINE void look_up_run(const int bits, const unpacker *u, const float *table, int64_t at, int64_t n, float *to) {
    for (int64_t i = 0; i < n; i += VF_LANES)
        vf_write_n(QN_F32, to, i, look_up(bits, table, unpack(u, (at + i) * u->bits)), n - i);
}

/** to[0..n) = table[index] of indices [at, at + n). */
VF_INLINE void look_up_scalars(const qn_const *c, const float *table, int64_t at, int64_t n, float *to) {
    const qn_bytes *indices = &c->part[QN_PART_INDICES];
    const unpacker u = unpacker_at(indices->data, (int64_t)indices->n, (uint32_t)c->bits, at * c->bits);
    if (c->bits <= 3)
        look_up_run(3, &u, table, at, n, to);
    else if (c->bits == 4)
        look_up_run(4, &u, table, at, n, to);
    else if (c->bits == 5)
        look_up_run(5, &u, table, at, n, to);
    else if (c->bits == 6)
        look_up_run(6, &u, table, at, n, to);
    else if (c->bits == 7)
        look_up_run(7, &u, table, at, n, to);
    else
        look_up_run(8, &u, table, at, n, to);
}

/* ---- vector palettes -------------------------------------------------------------------------------------------- */

VF_INLINE void look_up_whole(const int width, const unpacker *u, const float *table, int64_t at, int64_t n, float *to) {
    for (int64_t i = 0; i < n; i += VF_LANES) {
        uint32_t index[VF_LANES];
        const int64_t m = n - i < VF_LANES ? n - i : VF_LANES;
        ints_store(index, unpack(u, (at + i) * u->bits));
        for (int64_t l = 0; l < m; l++, to += width)
            memcpy(to, table + index[l] * (uint32_t)width, (size_t)width * sizeof *to);
    }
}

/** to[0..n) = elements [at, at + n): some of a vector, whole ones, some of another. */
VF_INLINE void look_up_vectors(const qn_const *c, const float *table, int64_t at, int64_t n, float *to) {
    const qn_bytes *indices = &c->part[QN_PART_INDICES];
    const int64_t width = c->width;
    for (; n > 0 && at % width; n--, at++)
        *to++ = table[qn_code_bits(c->bits, indices->data, at / width) * (uint32_t)width + (uint32_t)(at % width)];
    const int64_t first = at / width, whole = n / width;
    if (whole > 0) {
        const unpacker u = unpacker_at(indices->data, (int64_t)indices->n, (uint32_t)c->bits, first * c->bits);
        if (width == 2)
            look_up_whole(2, &u, table, first, whole, to);
        else
            look_up_whole(4, &u, table, first, whole, to);
    }
    for (int64_t i = whole * width; i < n; i++)
        to[i] = table[qn_code_bits(c->bits, indices->data, first + whole) * (uint32_t)width + (uint32_t)(i % width)];
}

#endif
