/* Depthwise convolution: Y[m, oh, ow] = act(B[m] + sum over taps of W[m, tap] X[m / (M/C), ...]) + residual.
 *
 * A piece is a band of output rows of one plane. The input rows under it are first copied to a padded float32 band:
 *
 *   row r:  [phase 0 | phase 1 | ... ]   phase p holds columns p, p + sw, p + 2 sw ... of the padded row
 *
 * so that the input under tap kw of outputs ow, ow + 1, ... is contiguous for any stride, without edges. Then several
 * vectors of outputs at a time sum over all taps in registers. */
#include "kernels/conv/conv.h"
#include "kernels/simd/activate.h"

enum { VECTORS = 4 };

/* Padded row `to` from input row `from` (NULL: outside the image). Column j of the padded row is input j - pad. */
static void fill_row(const qn_depthwise *d, const void *x, int64_t row, bool inside, float *to) {
    const qn_spatial_axis *w = &d->conv->w;
    memset(to, 0, (size_t)d->row_floats * sizeof *to);
    if (!inside)
        return;
    int64_t from = row * w->in, i = 0;
    if (w->stride == 1) {
        for (; i < w->in; i += VF_LANES)
            vf_write_n(QN_F32, to, w->pad_begin + i, vf_read_n(d->x.dtype, x, from + i, w->in - i), w->in - i);
        return;
    }
    int64_t phase = w->pad_begin % w->stride, at = w->pad_begin / w->stride;
    if (w->stride == 2) { /* pairs of vectors into the two phases; from an odd column on they change places */
        float *even = to + phase * d->phase_floats + at, *odd = to + (1 - phase) * d->phase_floats + at + phase;
        for (; i + 2 * VF_LANES <= w->in; i += 2 * VF_LANES) {
            vf first, second;
            vf_part(vf_read_n(d->x.dtype, x, from + i, VF_LANES),
                    vf_read_n(d->x.dtype, x, from + i + VF_LANES, VF_LANES), &first, &second);
            vf_store(even + i / 2, first);
            vf_store(odd + i / 2, second);
        }
        at += i / 2;
    }
    for (; i < w->in; i++) {
        to[phase * d->phase_floats + at] = qn_read_float(d->x.dtype, x, from + i);
        if (++phase == w->stride)
            phase = 0, at++;
    }
}

/* n (1..VECTORS) vectors of outputs: acc[v] += sum over taps. `rows`: the band at the window's first row. */
VF_INLINE void sum_taps(const int n, const qn_depthwise *d, const float *w, const float *rows, int64_t ow, vf *acc) {
    const qn_conv *c = d->conv;
    for (int64_t kh = 0; kh < c->h.kernel; kh++) {
        const float *row = rows + kh * c->h.dilation * d->row_floats + ow;
        for (int64_t kw = 0; kw < c->w.kernel; kw++) {
            int64_t column = kw * c->w.dilation;
            const float *p = row + column % c->w.stride * d->phase_floats + column / c->w.stride;
            vf weight = vf_set1(*w++);
            VF_UNROLL
            for (int v = 0; v < n; v++)
                acc[v] = vf_fma(weight, vf_load(p + v * VF_LANES), acc[v]);
        }
    }
}

VF_INLINE void write_row(const qn_activation_kind kind, const qn_depthwise *d, int64_t m, const float *w,
                         const float *rows, int64_t at) {
    int64_t n = d->conv->w.out;
    vf bias = vf_set1(d->bias.data ? qn_read_float(d->bias.dtype, d->bias.data, m) : 0.0f);
    for (int64_t ow = 0; ow < n; ow += VECTORS * VF_LANES) {
        int64_t left = n - ow, vectors = (left + VF_LANES - 1) / VF_LANES;
        vf acc[VECTORS] = {bias, bias, bias, bias};
        switch (vectors) {
        case 1: sum_taps(1, d, w, rows, ow, acc); break;
        case 2: sum_taps(2, d, w, rows, ow, acc); break;
        case 3: sum_taps(3, d, w, rows, ow, acc); break;
        default: sum_taps(4, d, w, rows, ow, acc); break;
        }
        for (int64_t v = 0; v < vectors && v < VECTORS; v++) {
            int64_t i = at + ow + v * VF_LANES, lanes = left - v * VF_LANES;
            vf y = vf_activate(kind, &d->act, acc[v]);
            if (d->residual.data)
                y = vf_add(y, vf_read_n(d->residual.dtype, d->residual.data, i, lanes));
            vf_write_n(d->y.dtype, d->y.data, i, y, lanes);
        }
    }
}

void VF_NAME(qn_depthwise)(void *arg, int64_t begin, int64_t end, int worker) {
    const qn_depthwise *d = arg;
    const qn_conv *c = d->conv;
    float *band = d->rows + (int64_t)worker * d->worker_floats;
    for (int64_t i = begin; i < end; i++) {
        int64_t plane = i / d->bands, oh0 = i % d->bands * d->band, m = plane % (c->groups * c->m);
        int64_t oh1 = oh0 + d->band < c->h.out ? oh0 + d->band : c->h.out;
        const void *x =
            qn_elem(d->x.data, d->x.dtype, (plane / (c->groups * c->m) * c->groups + m / c->m) * c->in_plane);
        const int64_t first = oh0 * c->h.stride - c->h.pad_begin;
        const int64_t n_rows = (oh1 - 1 - oh0) * c->h.stride + (c->h.kernel - 1) * c->h.dilation + 1;
        for (int64_t r = 0; r < n_rows; r++)
            fill_row(d, x, first + r, first + r >= 0 && first + r < c->h.in, band + r * d->row_floats);
        for (int64_t oh = oh0; oh < oh1; oh++) {
            const float *rows = band + (oh - oh0) * c->h.stride * d->row_floats, *w = d->w + m * c->taps;
            int64_t at = plane * c->out_plane + oh * c->w.out;
            VF_BY_ACTIVATION(d->act.kind, write_row(KIND, d, m, w, rows, at))
        }
    }
}
