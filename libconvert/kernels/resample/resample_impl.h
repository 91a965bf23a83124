/* Resize by taps, a band of output rows at a time, for one instruction set. */
#include "kernels/resample/resample.h"
#include "kernels/simd/simd.h"

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
            const float *from[64];
            float weight[64];
            for (int64_t t = 0; t < h->n; t++) {
                int64_t row = h->index[t * h->out + o], place = row % h->n;
                from[t] = rows + place * w->out;
                weight[t] = h->weight[t * h->out + o];
                if (held[place] != row) {
                    resample_row(r, r->x.data, (plane * h->in + row) * w->in, wide, rows + place * w->out);
                    held[place] = row;
                }
            }
            int64_t at = (plane * h->out + o) * w->out;
            for (int64_t i = 0; i < w->out; i += VF_LANES) {
                vf sum = vf_set1(0.0f);
                for (int64_t t = 0; t < h->n; t++)
                    sum = vf_fma(vf_set1(weight[t]), vf_read_n(QN_F32, from[t], i, w->out - i), sum);
                vf_write_n(r->y.dtype, r->y.data, at + i, sum, w->out - i);
            }
        }
    }
}
