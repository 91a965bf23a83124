/* Symmetric int8; the formulas are in quant.h. */
#include <float.h>
#include <math.h>

#include "quant/quant.h"

/** A stretch of consecutive elements: all in one group (step 0), or in consecutive groups (step 1). */
typedef struct run {
    int64_t n, group, step;
} run;

/** The longest stretch from element `e` on, at most `left` long. */
static run run_at(qn_groups g, int64_t e, int64_t left) {
    if (g.n_groups == 1)
        return (run){left, 0, 0};
    int64_t group = (e / g.inner) % g.n_groups;
    int64_t n = g.inner == 1 ? g.n_groups - group : g.inner - e % g.inner;
    return (run){n < left ? n : left, group, g.inner == 1};
}

qn_groups qn_const_groups(const qn_const *c) {
    qn_groups g = {1, 1};
    if (c->axis < 0)
        return g;
    g.n_groups = c->dims[c->axis];
    for (int32_t i = c->axis + 1; i < c->rank; i++)
        g.inner *= c->dims[i];
    return g;
}

bool qn_int8_absmax(qn_groups groups, int64_t first, const float *values, int64_t n, float *absmax, int64_t *bad) {
    run r;
    for (int64_t at = 0; at < n; at += r.n) {
        const float *v = values + at;
        bool finite = true;
        r = run_at(groups, first + at, n - at);
        if (r.step) {
            float *max = absmax + r.group;
            for (int64_t i = 0; i < r.n; i++) {
                float x = fabsf(v[i]);
                finite &= x <= FLT_MAX;
                max[i] = x > max[i] ? x : max[i];
            }
        } else {
            float max = absmax[r.group];
            for (int64_t i = 0; i < r.n; i++) {
                float x = fabsf(v[i]);
                finite &= x <= FLT_MAX;
                max = x > max ? x : max;
            }
            absmax[r.group] = max;
        }
        for (int64_t i = 0; !finite; i++)
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

/** Round half to even: adding 1.5 * 2^23 leaves no fraction bits; exact for |x| <= 2^22. */
static inline int8_t code_of(float x, float scale) {
    float q = x / scale;
    q = q > 127.0f ? 127.0f : q;
    q = q < -127.0f ? -127.0f : q;
    return (int8_t)(int32_t)((q + 12582912.0f) - 12582912.0f);
}

void qn_int8_encode(qn_groups groups, int64_t first, const float *values, int64_t n, const float *scales, int8_t *codes) {
    run r;
    for (int64_t at = 0; at < n; at += r.n) {
        const float *v = values + at, *scale;
        int8_t *out = codes + at;
        r = run_at(groups, first + at, n - at);
        scale = scales + r.group;
        if (r.step) {
            for (int64_t i = 0; i < r.n; i++)
                out[i] = scale[i] > 0 ? code_of(v[i], scale[i]) : 0;
        } else {
            float s = scale[0];
            for (int64_t i = 0; i < r.n; i++)
                out[i] = s > 0 ? code_of(v[i], s) : 0;
        }
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
