/* Affine codes of any width, with or without zero points; the formulas are in quant.h. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/scales.h"

bool qn_affine_range(const qn_groups *groups, int64_t first, const float *values, int64_t n, float *least,
                     float *largest, int64_t *bad) {
    qn_run r;
    for (int64_t at = 0; at < n; at += r.n) {
        r = qn_run_at(groups, first + at, n - at);
        for (int64_t i = 0; i < r.n; i++) {
            const int64_t g = r.group + i * r.step;
            const float x = values[at + i];
            if (!(fabsf(x) <= FLT_MAX)) {
                *bad = first + at + i;
                return false;
            }
            least[g] = x < least[g] ? x : least[g];
            largest[g] = x > largest[g] ? x : largest[g];
        }
    }
    return true;
}

/** rne(x / scale) + zero, held in the type's range. */
static int32_t code_of(const qn_code_type *type, float x, float scale, int32_t zero) {
    const float q = scale != 0 ? rintf(x / scale) : 0, lo = (float)(type->min - zero), hi = (float)(type->max - zero);
    return (int32_t)(q < lo ? lo : q > hi ? hi : q) + zero;
}

bool qn_affine_fit(const qn_code_type *type, bool symmetric, qn_dtype scale_dtype, const float *least,
                   const float *largest, int64_t n_groups, float *scales, int8_t *zero_points, int64_t *bad) {
    for (int64_t g = 0; g < n_groups; g++) {
        const float lo = least[g] < 0 ? least[g] : 0, hi = largest[g] > 0 ? largest[g] : 0;
        float scale;
        if (symmetric)
            scale = (-lo >= hi ? lo : hi) / (float)type->min;
        else /* each end divided by itself: their difference may be too large */
            scale = hi / (float)(type->max - type->min) - lo / (float)(type->max - type->min);
        scales[g] = qn_scale_rounded(scale_dtype, scale + 0.0f); /* 0, not -0 */
        zero_points[g] = 0;
        if (!isfinite(scales[g])) {
            *bad = g;
            return false;
        }
        if (!symmetric)
            zero_points[g] = (int8_t)code_of(type, -lo, scales[g], scales[g] != 0 ? type->min : 0);
    }
    return true;
}

void qn_affine_encode(const qn_code_type *type, const qn_groups *groups, int64_t first, const float *values, int64_t n,
                      const float *scales, const int8_t *zero_points, int8_t *codes) {
    qn_run r;
    for (int64_t at = 0; at < n; at += r.n) {
        r = qn_run_at(groups, first + at, n - at);
        for (int64_t i = 0; i < r.n; i++) {
            const int64_t g = r.group + i * r.step;
            const int32_t zero = type->is_signed ? zero_points[g] : (uint8_t)zero_points[g];
            codes[at + i] = (int8_t)code_of(type, values[at + i], scales[g], zero);
        }
    }
}

/* Eight codes are `bits` bytes. */
static void pack_eights(size_t bits, const int8_t *codes, int64_t eights, uint8_t *out) {
    const uint64_t mask = ((1u << bits) - 1) * (uint64_t)0x0101010101010101;
    for (int64_t i = 0; i < eights; i++, codes += 8, out += bits) {
        uint64_t w, packed = 0;
        memcpy(&w, codes, sizeof w);
        w &= mask;
        if (bits == 4) {
            w = (w | w >> 4) & 0x00ff00ff00ff00ff;
            w = (w | w >> 8) & 0x0000ffff0000ffff;
            packed = w | w >> 16;
        } else {
            for (size_t k = 0; k < 8; k++)
                packed |= (w >> 8 * k & 0xff) << bits * k;
        }
        memcpy(out, &packed, bits);
    }
}

size_t qn_codes_pack(const qn_code_type *type, const int8_t *codes, int64_t first, int64_t n, uint8_t *out) {
    const size_t bits = (size_t)type->bits, offset = (size_t)first * bits % 8;
    const int64_t done = offset == 0 ? n / 8 * 8 : 0;
    size_t at = offset + (size_t)done * bits;
    if (bits == 8)
        memcpy(out, codes, (size_t)n);
    else
        pack_eights(bits, codes, done / 8, out);
    for (int64_t i = bits == 8 ? n : done; i < n; i++, at += bits) {
        const unsigned word = ((unsigned)(uint8_t)codes[i] & ((1u << bits) - 1)) << at % 8;
        out[at / 8] = (uint8_t)(at % 8 ? out[at / 8] | word : word);
        if (at % 8 + bits > 8)
            out[at / 8 + 1] = (uint8_t)(word >> 8);
    }
    return (offset + (size_t)n * bits + 7) / 8;
}
