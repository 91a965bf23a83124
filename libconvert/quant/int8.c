/* Symmetric int8; the formulas are in quant.h. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/quant.h"

/* The loops below go by blocks of a constant length, which compilers turn into vector instructions. */
enum { BLOCK = 16 };

/** Magnitudes of a block, and whether one is not finite: adding the exponent's lowest bit to the bits of |x| carries into
 *  the sign's place just then. */
static inline uint32_t magnitudes(const float *restrict v, float *restrict x) {
    uint32_t bits[BLOCK], any = 0;
    memcpy(bits, v, sizeof bits);
    for (int k = 0; k < BLOCK; k++) {
        bits[k] &= 0x7fffffff;
        any |= bits[k] + 0x00800000;
    }
    memcpy(x, bits, sizeof bits);
    return any;
}

/** max[k] = max(max[k], |v[k]|) for a block whose elements are in consecutive groups, or of which lane k goes to max[k]. */
static inline uint32_t raise_block(const float *restrict v, float *restrict max) {
    float x[BLOCK];
    uint32_t any = magnitudes(v, x);
    for (int k = 0; k < BLOCK; k++)
        max[k] = x[k] > max[k] ? x[k] : max[k];
    return any;
}

/** As raise_block for n elements and max[i * step]; true when all are finite. */
static bool raise(const float *restrict v, int64_t n, int64_t step, float *restrict max) {
    float lanes[BLOCK] = {0};
    uint32_t any = 0;
    int64_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK)
        any |= raise_block(v + i, step ? max + i : lanes);
    for (; i < n; i++) {
        float x = fabsf(v[i]);
        any |= x <= FLT_MAX ? 0 : 0x80000000u;
        max[i * step] = x > max[i * step] ? x : max[i * step];
    }
    for (int k = 0; !step && k < BLOCK; k++)
        max[0] = lanes[k] > max[0] ? lanes[k] : max[0];
    return !(any & 0x80000000u);
}

bool qn_int8_absmax(qn_groups groups, int64_t first, const float *values, int64_t n, float *absmax, int64_t *bad) {
    qn_run r;
    for (int64_t at = 0; at < n; at += r.n) {
        const float *v = values + at;
        r = qn_run_at(&groups, first + at, n - at);
        if (raise(v, r.n, r.step, absmax + r.group))
            continue;
        for (int64_t i = 0; i < r.n; i++)
            if (!(fabsf(v[i]) <= FLT_MAX)) {
                *bad = first + at + i;
                return false;
            }
    }
    return true;
}

void qn_int8_scales(const float *absmax, int64_t n_groups, float *scales) {
    for (int64_t g = 0; g < n_groups; g++)
        scales[g] = absmax[g] / 127.0f;
}

/** Round half to even: adding 1.5 * 2^23 leaves no fraction bits; exact for |q| <= 2^22. A scale of 0 gives 0. */
static inline float round_code(float x, float scale) {
    float q = x / scale;
    q = scale > 0 ? q : 0;
    q = q > 127.0f ? 127.0f : q;
    q = q < -127.0f ? -127.0f : q;
    return (q + 12582912.0f) - 12582912.0f;
}

static inline void encode_block(const float *restrict v, const float *restrict scale, int8_t *restrict out) {
    for (int k = 0; k < BLOCK; k++)
        out[k] = (int8_t)(int32_t)round_code(v[k], scale[k]);
}

static void encode(const float *restrict v, int64_t n, int64_t step, const float *restrict scale, int8_t *restrict out) {
    float same[BLOCK];
    int64_t i = 0;
    for (int k = 0; !step && k < BLOCK; k++)
        same[k] = scale[0];
    for (; i + BLOCK <= n; i += BLOCK)
        encode_block(v + i, step ? scale + i : same, out + i);
    for (; i < n; i++)
        out[i] = (int8_t)(int32_t)round_code(v[i], scale[i * step]);
}

void qn_int8_encode(qn_groups groups, int64_t first, const float *values, int64_t n, const float *scales, int8_t *codes) {
    qn_run r;
    for (int64_t at = 0; at < n; at += r.n) {
        r = qn_run_at(&groups, first + at, n - at);
        encode(values + at, r.n, r.step, scales + r.group, codes + at);
    }
}

bool qn_int8_quantise(qn_groups groups, const float *values, int64_t n, int8_t *codes, float *scales, int64_t *bad) {
    for (int64_t g = 0; g < groups.n_groups; g++)
        scales[g] = 0;
    if (!qn_int8_absmax(groups, 0, values, n, scales, bad))
        return false;
    qn_int8_scales(scales, groups.n_groups, scales);
    qn_int8_encode(groups, 0, values, n, scales, codes);
    return true;
}
