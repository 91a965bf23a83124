/* affine_kernels.h for one instruction set. No fused operations, and lanes never meet: the bits are those of any other. */
#include "quant/affine_kernels.h"

#include "kernels/simd/simd.h"

enum { VECTORS = QN_GANG / VF_LANES, PART = 256 };

typedef struct gang_of {
    vf v[VECTORS];
} gang_of;

VF_INLINE gang_of load(const float *p) {
    gang_of r;
    VF_UNROLL
    for (int i = 0; i < VECTORS; i++)
        r.v[i] = vf_load(p + i * VF_LANES);
    return r;
}
VF_INLINE gang_of zeros(void) {
    gang_of r;
    VF_UNROLL
    for (int i = 0; i < VECTORS; i++)
        r.v[i] = vf_set1(0.0f);
    return r;
}
VF_INLINE void flush(const gang_of *sum, double *total) {
    float t[QN_GANG];
    for (int i = 0; i < VECTORS; i++)
        vf_store(t + i * VF_LANES, sum->v[i]);
    for (int l = 0; l < QN_GANG; l++)
        total[l] += (double)t[l];
}
VF_INLINE void clear(double *total) {
    for (int l = 0; l < QN_GANG; l++)
        total[l] = 0;
}

/* The nearest of the grid, ties to even. Adding 1.5 * 2^(23 - mantissa) of y's power of two leaves that many bits. */
VF_INLINE vf nearest(const qn_affine_grid *grid, bool is_integer, vf y, vf lo, vf hi) {
    if (is_integer)
        return vf_max(lo, vf_min(hi, vf_round(y)));
    y = vf_max(lo, vf_min(hi, y));
    const vf magic = vf_mul(vf_max(vf_power(y), vf_set1(grid->least)), vf_set1(grid->step));
    return vf_sub(vf_add(y, magic), magic);
}

static void moments(const qn_gang *gang, float *lo, float *hi, double *wxx, double *wx, double *w) {
    gang_of least = zeros(), largest = zeros();
    clear(wxx), clear(wx), clear(w);
    for (int64_t at = 0; at < gang->n; at += PART) {
        const int64_t end = gang->n - at < PART ? gang->n : at + PART;
        gang_of xx = zeros(), sx = zeros(), sw = zeros();
        for (int64_t k = at; k < end; k++)
            VF_UNROLL
            for (int i = 0; i < VECTORS; i++) {
                const vf x = vf_load(gang->x + k * QN_GANG + i * VF_LANES),
                         u = gang->w ? vf_load(gang->w + k * QN_GANG + i * VF_LANES) : vf_set1(1.0f), ux = vf_mul(u, x);
                least.v[i] = vf_min(least.v[i], x);
                largest.v[i] = vf_max(largest.v[i], x);
                sw.v[i] = vf_add(sw.v[i], u);
                sx.v[i] = vf_add(sx.v[i], ux);
                xx.v[i] = vf_add(xx.v[i], vf_mul(ux, x));
            }
        flush(&xx, wxx), flush(&sx, wx), flush(&sw, w);
    }
    for (int i = 0; i < VECTORS; i++) {
        vf_store(lo + i * VF_LANES, least.v[i]);
        vf_store(hi + i * VF_LANES, largest.v[i]);
    }
}

VF_INLINE void score_of(const qn_gang *gang, const qn_affine_grid *grid, const float *inverse, double *wxq, double *wqq,
                        bool is_integer, bool weighted) {
    const gang_of lo = load(grid->lo), hi = load(grid->hi), inv = load(inverse);
    clear(wxq), clear(wqq);
    for (int64_t at = 0; at < gang->n; at += PART) {
        const int64_t end = gang->n - at < PART ? gang->n : at + PART;
        gang_of xq = zeros(), qq = zeros();
        for (int64_t k = at; k < end; k++)
            VF_UNROLL
            for (int i = 0; i < VECTORS; i++) {
                const vf x = vf_load(gang->x + k * QN_GANG + i * VF_LANES);
                const vf q = nearest(grid, is_integer, vf_mul(x, inv.v[i]), lo.v[i], hi.v[i]);
                const vf u = weighted ? vf_mul(q, vf_load(gang->w + k * QN_GANG + i * VF_LANES)) : q;
                xq.v[i] = vf_add(xq.v[i], vf_mul(x, u));
                qq.v[i] = vf_add(qq.v[i], vf_mul(q, u));
            }
        flush(&xq, wxq), flush(&qq, wqq);
    }
}

VF_INLINE void error_of(const qn_gang *gang, const qn_affine_grid *grid, const float *scale, double *wdd, bool is_integer,
                        bool weighted) {
    const gang_of lo = load(grid->lo), hi = load(grid->hi), s = load(scale);
    clear(wdd);
    for (int64_t at = 0; at < gang->n; at += PART) {
        const int64_t end = gang->n - at < PART ? gang->n : at + PART;
        gang_of dd = zeros();
        for (int64_t k = at; k < end; k++)
            VF_UNROLL
            for (int i = 0; i < VECTORS; i++) {
                const vf x = vf_load(gang->x + k * QN_GANG + i * VF_LANES);
                const vf q = nearest(grid, is_integer, vf_div(x, s.v[i]), lo.v[i], hi.v[i]);
                const vf d = vf_sub(x, vf_mul(q, s.v[i]));
                const vf u = weighted ? vf_mul(d, vf_load(gang->w + k * QN_GANG + i * VF_LANES)) : d;
                dd.v[i] = vf_add(dd.v[i], vf_mul(d, u));
            }
        flush(&dd, wdd);
    }
}

VF_INLINE void numbers_of(const qn_gang *gang, const qn_affine_grid *grid, const float *scale, bool is_integer) {
    const gang_of lo = load(grid->lo), hi = load(grid->hi), s = load(scale);
    for (int64_t k = 0; k < gang->n; k++)
        VF_UNROLL
        for (int i = 0; i < VECTORS; i++) {
            const vf x = vf_load(gang->x + k * QN_GANG + i * VF_LANES);
            vf_store(gang->numbers + k * QN_GANG + i * VF_LANES, nearest(grid, is_integer, vf_div(x, s.v[i]), lo.v[i], hi.v[i]));
        }
}

static void score(const qn_gang *gang, const qn_affine_grid *grid, const float *inverse, double *wxq, double *wqq) {
    if (grid->is_integer && !gang->w)
        score_of(gang, grid, inverse, wxq, wqq, true, false);
    else if (grid->is_integer)
        score_of(gang, grid, inverse, wxq, wqq, true, true);
    else
        score_of(gang, grid, inverse, wxq, wqq, false, gang->w != NULL);
}
static void error(const qn_gang *gang, const qn_affine_grid *grid, const float *scale, double *wdd) {
    if (grid->is_integer && !gang->w)
        error_of(gang, grid, scale, wdd, true, false);
    else if (grid->is_integer)
        error_of(gang, grid, scale, wdd, true, true);
    else
        error_of(gang, grid, scale, wdd, false, gang->w != NULL);
}
static void numbers(const qn_gang *gang, const qn_affine_grid *grid, const float *scale) {
    if (grid->is_integer)
        numbers_of(gang, grid, scale, true);
    else
        numbers_of(gang, grid, scale, false);
}

const qn_affine_kernels VF_NAME(qn_affine_kernels) = {moments, score, error, numbers};
