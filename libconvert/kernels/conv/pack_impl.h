/* Panels of the virtual matrix X'[(c, kh, kw), (oh, ow)] = X[c, oh sh - ph + kh dh, ow sw - pw + kw dw], zero outside
 * the image, packed straight from it. Units (gemm.h) are copied like float32; outside the image each byte of theirs is
 * unit_zero.
 *
 * The columns of a panel are a run of output positions: pieces of one or several output rows. For each tap the parts of
 * these pieces that see the image are found once, as runs; then every channel copies the same runs. */
#include "kernels/conv/conv.h"
#include "kernels/simd/simd.h"

enum { MAX_WIDTH = 64 };

typedef struct run {
    int64_t from; /* in a channel's plane */
    int at, n;    /* columns of the panel */
} run;

/* Runs of tap (kh, kw) over positions x0..x0+xn; true when they cover all of them. */
static bool find_runs(const qn_conv *c, int64_t x0, int64_t xn, int64_t kh, int64_t kw, run *runs, int *n_runs) {
    int64_t covered = 0, shift = kw * c->w.dilation - c->w.pad_begin, s = c->w.stride;
    *n_runs = 0;
    for (int64_t x = x0; x < x0 + xn;) {
        int64_t oh = x / c->w.out, ow = x % c->w.out;
        int64_t n = c->w.out - ow < x0 + xn - x ? c->w.out - ow : x0 + xn - x;
        int64_t ih = oh * c->h.stride - c->h.pad_begin + kh * c->h.dilation;
        if (ih >= 0 && ih < c->h.in) {
            /* ow + i sees the image when 0 <= (ow + i) s + shift < in */
            int64_t first = ow * s + shift;
            int64_t lo = first < 0 ? (-first + s - 1) / s : 0;
            int64_t hi = first >= c->w.in ? 0 : (c->w.in - 1 - first) / s + 1;
            if (hi > n)
                hi = n;
            if (lo < hi) {
                runs[(*n_runs)++] = (run){ih * c->w.in + first + lo * s, (int)(x - x0 + lo), (int)(hi - lo)};
                covered += hi - lo;
            }
        }
        x += n;
    }
    return covered == xn;
}

VF_INLINE void copy_run(const qn_dtype dtype, const void *data, int64_t from, int64_t stride, int n, float *dst) {
    if (stride == 1) {
        for (int i = 0; i < n; i += VF_LANES)
            vf_write_n(QN_F32, dst, i, vf_read_n(dtype, data, from + i, n - i), n - i);
    } else {
        for (int i = 0; i < n; i++)
            dst[i] = qn_read_float(dtype, data, from + i * stride);
    }
}

VF_INLINE void pack_as(const qn_dtype dtype, const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn,
                       int width, float *dst) {
    const qn_conv *c = op->pack_arg;
    run runs[MAX_WIDTH];
    if (kn == 0)
        return;
    for (int64_t tap = 0; tap < c->taps; tap++) {
        /* the first k >= k0 of this tap */
        int64_t k = k0 + ((tap - k0) % c->taps + c->taps) % c->taps;
        if (k >= k0 + kn)
            continue;
        int n_runs;
        bool all = find_runs(c, x0, xn, tap / c->w.kernel, tap % c->w.kernel, runs, &n_runs) && xn == width;
        for (; k < k0 + kn; k += c->taps) {
            float *row = dst + (k - k0) * width;
            int64_t plane = k / c->taps * c->in_plane;
            if (!all)
                memset(row, op->unit_zero, (size_t)width * sizeof *row);
            for (int r = 0; r < n_runs; r++)
                copy_run(dtype, op->data, plane + runs[r].from, c->w.stride, runs[r].n, row + runs[r].at);
        }
    }
}

void VF_NAME(qn_conv_pack)(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width,
                           float *dst) {
    switch (op->dtype) {
    case QN_F16: pack_as(QN_F16, op, x0, xn, k0, kn, width, dst); break;
    case QN_BF16: pack_as(QN_BF16, op, x0, xn, k0, kn, width, dst); break;
    default: pack_as(QN_F32, op, x0, xn, k0, kn, width, dst); break;
    }
}
