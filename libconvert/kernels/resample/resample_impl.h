/* Resize by taps and MaxPool, a band of output rows at a time, for one instruction set. */
#include "kernels/resample/resample.h"
#include "kernels/simd/simd.h"

#include <math.h>

/* ---- Resize ------------------------------------------------------------------------------------------ */

/* One input row along w. */
static void resample_row(const qn_resample *r, const void *x, int64_t at, float *wide, float *out) {
    const qn_axis_taps *w = &r->w;
    const float *from = (const float *)x + at;
    if (r->x.dtype != QN_F32) {
        for (int64_t i = 0; i < w->in; i += VF_LANES)
            vf_write_n(QN_F32, wide, i, vf_read_n(r->x.dtype, x, at + i, w->in - i), w->in - i);
        from = wide;
    }
    if (w->n == 2) {
        const int32_t *i0 = w->index, *i1 = i0 + w->out;
        const float *w0 = w->weight, *w1 = w0 + w->out;
        for (int64_t o = 0; o < w->out; o++)
            out[o] = w0[o] * from[i0[o]] + w1[o] * from[i1[o]];
        return;
    }
    for (int64_t o = 0; o < w->out; o++) {
        float sum = 0;
        for (int64_t t = 0; t < w->n; t++)
            sum += w->weight[t * w->out + o] * from[w->index[t * w->out + o]];
        out[o] = sum;
    }
}

/* The rows that an output row needs are next to each other, so h.n places, by the remainder of the row's number, hold
 * them without clashes. Where an axis keeps its samples it has one tap of weight 1. */
void VF_NAME(qn_resample)(void *arg, int64_t begin, int64_t end, int worker) {
    const qn_resample *r = arg;
    const qn_axis_taps *h = &r->h, *w = &r->w;
    float *rows = r->rows + (int64_t)worker * r->worker_floats, *wide = rows + h->n * w->out;
    for (int64_t item = begin; item < end; item++) {
        const int64_t plane = item / r->bands, o0 = item % r->bands * r->band;
        const int64_t o1 = o0 + r->band < h->out ? o0 + r->band : h->out;
        int64_t held[64];
        for (int64_t t = 0; t < h->n; t++)
            held[t] = -1;
        for (int64_t o = o0; o < o1; o++) {
            for (int64_t t = 0; t < h->n; t++) {
                int64_t row = h->index[t * h->out + o], place = row % h->n;
                if (held[place] != row) {
                    resample_row(r, r->x.data, (plane * h->in + row) * w->in, wide, rows + place * w->out);
                    held[place] = row;
                }
            }
            int64_t at = (plane * h->out + o) * w->out;
            for (int64_t i = 0; i < w->out; i += VF_LANES) {
                vf sum = vf_set1(0.0f);
                for (int64_t t = 0; t < h->n; t++)
                    sum =
                        vf_fma(vf_set1(h->weight[t * h->out + o]),
                               vf_read_n(QN_F32, rows + h->index[t * h->out + o] % h->n * w->out, i, w->out - i), sum);
                vf_write_n(r->y.dtype, r->y.data, at + i, sum, w->out - i);
            }
        }
    }
}

/* ---- MaxPool -------------------------------------------------------------------------------------------- */

/* The larger; NaN when either is. */
VF_INLINE vf larger(vf a, vf b) { return vf_or_nan(a, vf_max(a, b)); }

/* A row of outputs: first the largest of each column under the window's rows, then of the columns under its width. The
 * columns lie in a row padded with -infinity. */
void VF_NAME(qn_max_pool)(void *arg, int64_t begin, int64_t end, int worker) {
    const qn_max_pool *p = arg;
    float *row = p->rows + (int64_t)worker * p->worker_floats;
    for (int64_t i = 0; i < p->worker_floats; i++)
        row[i] = -INFINITY;
    for (int64_t item = begin; item < end; item++) {
        const int64_t plane = item / p->h_out, top = item % p->h_out * p->h_stride - p->h_pad;
        for (int64_t j = 0; j < p->w_in; j += VF_LANES) {
            vf best = vf_set1(-INFINITY);
            for (int64_t k = 0; k < p->h_kernel; k++) {
                int64_t ih = top + k * p->h_dilation;
                if (ih >= 0 && ih < p->h_in)
                    best = larger(best,
                                  vf_read_n(p->x.dtype, p->x.data, (plane * p->h_in + ih) * p->w_in + j, p->w_in - j));
            }
            vf_write_n(QN_F32, row, p->w_pad + j, best, p->w_in - j);
        }
        const int64_t at = item * p->w_out;
        for (int64_t o = 0; o < p->w_out; o += VF_LANES) {
            vf best = vf_set1(-INFINITY);
            for (int64_t k = 0; k < p->w_kernel; k++) {
                const float *from = row + o * p->w_stride + k * p->w_dilation;
                if (p->w_stride == 1) {
                    best = larger(best, vf_read_n(QN_F32, from, 0, p->w_out - o));
                } else {
                    float lanes[VF_LANES];
                    for (int64_t l = 0; l < VF_LANES; l++)
                        lanes[l] = o + l < p->w_out ? from[l * p->w_stride] : 0.0f;
                    best = larger(best, vf_load(lanes));
                }
            }
            vf_write_n(p->y.dtype, p->y.data, at + o, best, p->w_out - o);
        }
    }
}
