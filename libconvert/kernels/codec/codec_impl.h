/* Affine codes of 8 and 4 bits: (code - zero_point) * scale, a vector at a time. Both steps are exact or rounded once,
 * as in the definition, so the bits are the same. Four bits of a signed code come out as code + 8, which the zero point
 * takes back: numbers below 2^24 are exact in float32. */
#include "ir/groups.h"
#include "kernels/codec/codec.h"
#include "kernels/simd/simd.h"

/* Lanes of neighbouring half bytes, low ones first, from a byte's boundary: a byte b in 16 bits is (b | b << 4) &
 * 0x0f0f. */
#if defined(__AVX512F__)
VF_INLINE vf nibbles(const uint8_t *p, unsigned flip) {
    const __m128i wide = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)p));
    const __m128i both = _mm_and_si128(_mm_or_si128(wide, _mm_slli_epi16(wide, 4)), _mm_set1_epi16(0x0f0f));
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_xor_si128(both, _mm_set1_epi8((char)flip))));
}
#elif defined(__AVX2__)
VF_INLINE vf nibbles(const uint8_t *p, unsigned flip) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    const __m128i wide = _mm_cvtepu8_epi16(_mm_cvtsi32_si128(four));
    const __m128i both = _mm_and_si128(_mm_or_si128(wide, _mm_slli_epi16(wide, 4)), _mm_set1_epi16(0x0f0f));
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_xor_si128(both, _mm_set1_epi8((char)flip))));
}
#elif defined(VF_NEON)
VF_INLINE vf nibbles(const uint8_t *p, unsigned flip) {
    const uint32_t wide = p[0] | (uint32_t)p[1] << 16;
    const uint32_t both = ((wide | wide << 4) & 0x0f0f0f0fu) ^ flip * 0x01010101u;
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(both)))));
}
#else
VF_INLINE vf nibbles(const uint8_t *p, unsigned flip) {
    float t[VF_LANES];
    for (int i = 0; i < VF_LANES; i++)
        t[i] = (float)(((uint32_t)p[i / 2] >> i % 2 * 4 & 15u) ^ flip);
    return vf_load(t);
}
#endif

typedef struct reader {
    const qn_code_type *type;
    const uint8_t *codes, *zero_points; /* zero_points NULL: 0 */
    const char *scales;
    bool half_scales;
    unsigned flip; /* four bits: 8 when signed */
} reader;

VF_INLINE float scale_at(const reader *r, int64_t group) {
    float f;
    uint16_t h;
    if (!r->half_scales) {
        memcpy(&f, r->scales + group * (int64_t)sizeof f, sizeof f);
        return f;
    }
    memcpy(&h, r->scales + group * (int64_t)sizeof h, sizeof h);
#if defined(__F16C__)
    return _cvtsh_ss(h);
#else
    return qn_f16_to_f32(h);
#endif
}
VF_INLINE int32_t zero_at(const reader *r, int64_t group) {
    return r->zero_points ? qn_code_at(r->type, r->zero_points, group) : 0;
}

/* n elements from `first` on whose group is the same. */
VF_INLINE void same_group(const reader *r, int64_t first, int64_t n, int64_t group, float *out) {
    const float scale = scale_at(r, group);
    const int32_t zero = zero_at(r, group);
    const vf s = vf_set1(scale), z = vf_set1((float)zero);
    int64_t i = 0;
    if (r->type->bits == 8) {
        for (; i < n; i += VF_LANES) {
            vf x = r->type->is_signed ? vf_load_i8_n((const int8_t *)r->codes + first + i, n - i)
                                      : vf_load_u8_n(r->codes + first + i, n - i);
            vf_write_n(QN_F32, out, i, vf_mul(vf_sub(x, z), s), n - i);
        }
        return;
    }
    const vf z4 = vf_set1((float)(zero + (int32_t)r->flip));
    if (first % 2 && n > 0) {
        out[0] = (float)(qn_code_at(r->type, r->codes, first) - zero) * scale;
        i = 1;
    }
    for (; i + VF_LANES <= n; i += VF_LANES)
        vf_store(out + i, vf_mul(vf_sub(nibbles(r->codes + (first + i) / 2, r->flip), z4), s));
    for (; i < n; i++)
        out[i] = (float)(qn_code_at(r->type, r->codes, first + i) - zero) * scale;
}

/* n elements in consecutive groups. */
VF_INLINE void next_groups(const reader *r, int64_t first, int64_t n, int64_t group, float *out) {
    int64_t i = 0;
    if (r->type->bits == 8 && !r->zero_points)
        for (; i + VF_LANES <= n; i += VF_LANES) {
            vf x = r->type->is_signed ? vf_load_i8_n((const int8_t *)r->codes + first + i, VF_LANES)
                                      : vf_load_u8_n(r->codes + first + i, VF_LANES);
            vf s = vf_read_n(r->half_scales ? QN_F16 : QN_F32, r->scales, group + i, VF_LANES);
            vf_store(out + i, vf_mul(x, s));
        }
    if (r->type->bits == 4 && !r->zero_points && first % 2 == 0)
        for (; i + VF_LANES <= n; i += VF_LANES) {
            vf x = vf_sub(nibbles(r->codes + (first + i) / 2, r->flip), vf_set1((float)r->flip));
            vf s = vf_read_n(r->half_scales ? QN_F16 : QN_F32, r->scales, group + i, VF_LANES);
            vf_store(out + i, vf_mul(x, s));
        }
    for (; i < n; i += VF_LANES) {
        float code[VF_LANES] = {0}, scale[VF_LANES] = {0};
        const int64_t m = n - i < VF_LANES ? n - i : VF_LANES;
        for (int64_t l = 0; l < m; l++) {
            code[l] = (float)(qn_code_at(r->type, r->codes, first + i + l) - zero_at(r, group + i + l));
            scale[l] = scale_at(r, group + i + l);
        }
        vf_write_n(QN_F32, out, i, vf_mul(vf_load(code), vf_load(scale)), n - i);
    }
}

/* Blocks along contiguous elements: the group after a block is the next one, also from row to row. */
VF_INLINE void blocks(const reader *r, const qn_groups *g, int64_t first, int64_t n, float *out) {
    int64_t group = qn_run_at(g, first, 1).group, along = first % g->size;
    while (n > 0) {
        const int64_t end = along - along % g->block + g->block, stop = end < g->size ? end : g->size;
        const int64_t run = stop - along < n ? stop - along : n;
        same_group(r, first, run, group, out);
        first += run;
        out += run;
        n -= run;
        group++;
        along = stop == g->size ? 0 : stop;
    }
}

void VF_NAME(qn_decode_affine)(const qn_const *c, int64_t first, int64_t n, float *out) {
    const qn_groups g = qn_const_groups(c);
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    const reader r = {.type = type,
                      .codes = c->part[QN_PART_CODES].data,
                      .zero_points = c->symmetric ? NULL : c->part[QN_PART_ZERO_POINTS].data,
                      .scales = c->part[QN_PART_SCALES].data,
                      .half_scales = c->scale_dtype == QN_F16,
                      .flip = type->bits == 4 && type->is_signed ? 8 : 0};
    if (g.block > 0 && g.inner == 1) {
        blocks(&r, &g, first, n, out);
        return;
    }
    while (n > 0) {
        const qn_run run = qn_run_at(&g, first, n);
        if (run.step)
            next_groups(&r, first, run.n, run.group, out);
        else
            same_group(&r, first, run.n, run.group, out);
        first += run.n;
        out += run.n;
        n -= run.n;
    }
}
