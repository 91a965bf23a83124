/* Pooling for one instruction set: windows a row of outputs at a time, and whole planes. */
#include "kernels/resample/resample.h"
#include "kernels/simd/simd.h"

#include <math.h>

/* The larger; NaN when either is. */
VF_INLINE vf larger(vf a, vf b) { return vf_or_nan(a, vf_max(a, b)); }

VF_INLINE vf join(const bool max, vf a, vf b) { return max ? larger(a, b) : vf_add(a, b); }

/* Every stride-th float. */
VF_INLINE vf every(const float *from, int64_t stride) {
    if (stride == 1)
        return vf_load(from);
    if (stride == 2) {
        vf even, odd;
        vf_part(vf_load(from), vf_load(from + VF_LANES), &even, &odd);
        return even;
    }
    float lanes[VF_LANES];
    for (int l = 0; l < VF_LANES; l++)
        lanes[l] = from[l * stride];
    return vf_load(lanes);
}

/* A row of outputs: first the largest (or the sum) of each column under the window's rows, then of the columns under
 * its width. The columns lie in a row padded with -infinity (or 0). */
VF_INLINE void window_rows(const bool max, const qn_window_pool *p, int64_t begin, int64_t end, float *row) {
    const vf none = vf_set1(max ? -INFINITY : 0.0f);
    for (int64_t i = 0; i < p->worker_floats; i++)
        row[i] = max ? -INFINITY : 0.0f;
    for (int64_t item = begin; item < end; item++) {
        const int64_t plane = item / p->h_out, oh = item % p->h_out, top = oh * p->h_stride - p->h_pad;
        for (int64_t j = 0; j < p->w_in; j += VF_LANES) {
            vf all = none;
            for (int64_t k = 0; k < p->h_kernel; k++) {
                int64_t ih = top + k * p->h_dilation;
                if (ih >= 0 && ih < p->h_in)
                    all = join(max, all,
                               vf_read_n(p->x.dtype, p->x.data, (plane * p->h_in + ih) * p->w_in + j, p->w_in - j));
            }
            vf_write_n(QN_F32, row, p->w_pad + j, all, p->w_in - j);
        }
        const int64_t at = item * p->w_out;
        for (int64_t o = 0; o < p->w_out; o += VF_LANES) {
            const float *from = row + o * p->w_stride;
            const int64_t n = p->w_out - o;
            vf all = none;
            for (int64_t k = 0; k < p->w_kernel; k++)
                if (n >= VF_LANES || p->w_stride <= 2) {
                    all = join(max, all, every(from + k * p->w_dilation, p->w_stride));
                } else {
                    float lanes[VF_LANES] = {0};
                    for (int64_t l = 0; l < n; l++)
                        lanes[l] = from[k * p->w_dilation + l * p->w_stride];
                    all = join(max, all, vf_load(lanes));
                }
            if (!max)
                all = vf_div(all, vf_mul(vf_set1(p->h_taps[oh]), vf_read_n(QN_F32, p->w_taps, o, n)));
            vf_write_n(p->y.dtype, p->y.data, at + o, all, n);
        }
    }
}

void VF_NAME(qn_max_pool)(void *arg, int64_t begin, int64_t end, int worker) {
    const qn_window_pool *p = arg;
    window_rows(true, p, begin, end, p->rows + worker * p->worker_floats);
}

void VF_NAME(qn_average_pool)(void *arg, int64_t begin, int64_t end, int worker) {
    const qn_window_pool *p = arg;
    window_rows(false, p, begin, end, p->rows + worker * p->worker_floats);
}

/* Four vectors of partial results, then one, then one number. */
VF_INLINE float whole_plane(const bool max, qn_dtype dtype, const void *x, int64_t at, int64_t n) {
    const vf none = vf_set1(max ? -INFINITY : 0.0f);
    vf part[4] = {none, none, none, none};
    int64_t i = 0;
    for (; i + 4 * VF_LANES <= n; i += 4 * VF_LANES) {
        VF_UNROLL
        for (int k = 0; k < 4; k++)
            part[k] = join(max, part[k], vf_read_n(dtype, x, at + i + k * VF_LANES, VF_LANES));
    }
    for (; i + VF_LANES <= n; i += VF_LANES)
        part[0] = join(max, part[0], vf_read_n(dtype, x, at + i, VF_LANES));
    float lanes[VF_LANES], last = max ? -INFINITY : 0.0f;
    vf_store(lanes, join(max, join(max, part[0], part[1]), join(max, part[2], part[3])));
    if (!max)
        last = vf_sum(vf_load(lanes));
    for (int l = 0; max && l < VF_LANES; l++)
        last = lanes[l] > last || isnan(lanes[l]) ? lanes[l] : last;
    for (; i < n; i++) {
        float v = qn_read_float(dtype, x, at + i);
        last = !max ? last + v : v > last || isnan(v) ? v : last;
    }
    return max ? last : last / (float)n;
}

void VF_NAME(qn_global_pool)(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_global_pool *p = arg;
    for (int64_t i = begin; i < end; i++) {
        float y = p->max ? whole_plane(true, p->x->dtype, p->x->data, i * p->size, p->size)
                         : whole_plane(false, p->x->dtype, p->x->data, i * p->size, p->size);
        vf_write_n(p->y->dtype, p->y->data, i, vf_set1(y), 1);
    }
}
