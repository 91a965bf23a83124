/* Tokens of a rotary embedding for one instruction set. */
#include "kernels/rotary/rotary.h"
#include "kernels/simd/simd.h"

/* x1 and x2 turned by the angles of elements row + i .. of cos and sin, n of them. */
VF_INLINE void turn(const qn_rotary_work *w, int64_t row, int64_t n, vf *x1, vf *x2) {
    const vf c = vf_read_n(w->cos.dtype, w->cos.data, row, n), s = vf_read_n(w->sin.dtype, w->sin.data, row, n);
    const vf y1 = vf_sub(vf_mul(c, *x1), vf_mul(s, *x2));
    *x2 = vf_fma(s, *x1, vf_mul(c, *x2));
    *x1 = y1;
}

/* The two of a pair half a head apart, or neighbours. */
static void turn_head(const qn_rotary_work *w, int64_t at, int64_t row) {
    const int64_t half = w->shape.half;
    for (int64_t i = 0; i < half; i += VF_LANES) {
        const int64_t n = half - i, first = at + (w->shape.interleaved ? 2 * i : i);
        const int64_t second = w->shape.interleaved ? first + VF_LANES : first + half;
        const int64_t n1 = w->shape.interleaved ? 2 * n : n, n2 = w->shape.interleaved ? 2 * n - VF_LANES : n;
        vf x1 = vf_read_n(w->x.dtype, w->x.data, first, n1);
        vf x2 = n2 > 0 ? vf_read_n(w->x.dtype, w->x.data, second, n2) : vf_set1(0.0f);
        if (w->shape.interleaved)
            vf_part(x1, x2, &x1, &x2);
        turn(w, row + i, n, &x1, &x2);
        if (w->shape.interleaved)
            vf_zip(x1, x2, &x1, &x2);
        vf_write_n(w->y.dtype, w->y.data, first, x1, n1);
        if (n2 > 0)
            vf_write_n(w->y.dtype, w->y.data, second, x2, n2);
    }
    for (int64_t i = 2 * half; i < w->shape.D; i += VF_LANES)
        vf_write_n(w->y.dtype, w->y.data, at + i, vf_read_n(w->x.dtype, w->x.data, at + i, w->shape.D - i),
                   w->shape.D - i);
}

void VF_NAME(qn_rotary)(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_rotary_work *w = arg;
    const qn_rotary *r = &w->shape;
    for (int64_t token = begin; token < end; token++) {
        const int64_t b = token / r->S, s = token % r->S, row = qn_rotary_row(r, b, s) * r->half;
        for (int64_t h = 0; h < r->H; h++)
            turn_head(w, b * r->batch + h * r->head + s * r->token, row);
    }
}
