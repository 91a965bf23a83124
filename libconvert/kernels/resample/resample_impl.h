/* Resize by taps, a band of output rows at a time, for one instruction set. */
#include "kernels/resample/resample.h"
#include "kernels/simd/simd.h"

#if defined(__AVX512F__) || defined(__AVX2__)
#define LOOK_UP 1
/* Lane l of the result: lane at[l] - base of v. */
VF_INLINE vf look_up(vf v, const int32_t *at, int32_t base) {
#if defined(__AVX512F__)
    return _mm512_permutexvar_ps(_mm512_sub_epi32(_mm512_loadu_si512(at), _mm512_set1_epi32(base)), v);
#else
    return _mm256_permutevar8x32_ps(
        v, _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(const void *)at), _mm256_set1_epi32(base)));
#endif
}

/* Two taps: outputs [o, o + VF_LANES) whose samples lie in one vector; false when they do not. */
VF_INLINE bool resample_vector(const qn_axis_taps *w, const float *from, int64_t o, float *out) {
    const int32_t *i0 = w->index + o, *i1 = i0 + w->out, base = i0[0] < i1[0] ? i0[0] : i1[0];
    const int32_t last = i0[VF_LANES - 1] > i1[VF_LANES - 1] ? i0[VF_LANES - 1] : i1[VF_LANES - 1];
    if (!w->ascends || last - base >= VF_LANES)
        return false;
    const vf v = vf_read_n(QN_F32, from, base, w->in - base);
    const vf a = vf_mul(vf_load(w->weight + o), look_up(v, i0, base));
    const vf b = vf_mul(vf_load(w->weight + w->out + o), look_up(v, i1, base));
    vf_store(out + o, vf_add(a, b));
    return true;
}
#endif

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
        int64_t o = 0;
#ifdef LOOK_UP
        while (o + VF_LANES <= w->out && resample_vector(w, from, o, out))
            o += VF_LANES;
#endif
        for (; o < w->out; o++)
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
