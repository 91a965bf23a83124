#include "base/checked.h"
#include "base/context.h"
#include "base/pool.h"
#include "kernels/gemm/gemm.h"
#include "kernels/ref/real.h"
#include "kernels/resample/resample.h"
#include "kernels/spatial.h"

enum { PIECE = 16 << 10 };

bool qn_resample_accepts_pool(const qn_kernel_args *args) {
    return qn_is_real(args->in[0].dtype) && qn_is_real(args->out[0].dtype) &&
           (args->in[0].rank == 3 || args->in[0].rank == 4) && (args->n_out < 2 || args->out[1].dtype == QN_NONE);
}

/* Taps of each window along an axis that lie inside the input; with `padded`, inside the padded input. */
static void count_taps(const qn_spatial_axis *a, bool padded, float *taps) {
    for (int64_t o = 0; o < a->out; o++) {
        int64_t n = 0, lo = padded ? -a->pad_begin : 0, hi = a->in + (padded ? a->pad_end : 0);
        for (int64_t k = 0; k < a->kernel; k++) {
            int64_t i = o * a->stride - a->pad_begin + k * a->dilation;
            n += i >= lo && i < hi;
        }
        taps[o] = (float)n;
    }
}

static qn_status run(const qn_kernel_args *args, bool average, qn_pool_fn fn) {
    qn_spatial s;
    qn_window_pool p = {.x = args->in[0], .y = args->out[0]};
    if (qn_ref_numel(&p.y) == 0)
        return QN_OK;
    QN_TRY(qn_spatial_read(args, NULL, &s));
    const qn_spatial_axis one = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    const qn_spatial_axis *h = s.n == 2 ? &s.axis[0] : &one, *w = &s.axis[s.n - 1];
    p.h_in = h->in, p.h_out = h->out, p.h_kernel = h->kernel, p.h_stride = h->stride, p.h_dilation = h->dilation;
    p.w_in = w->in, p.w_out = w->out, p.w_kernel = w->kernel, p.w_stride = w->stride, p.w_dilation = w->dilation;
    p.h_pad = h->pad_begin, p.w_pad = w->pad_begin;
    if (average) {
        bool padded = qn_node_int(args->node, "count_include_pad", 0) != 0;
        QN_NEW_ARRAY(args->ctx, args->scratch, p.h_taps, h->out);
        QN_NEW_ARRAY(args->ctx, args->scratch, p.w_taps, w->out);
        count_taps(h, padded, p.h_taps);
        count_taps(w, padded, p.w_taps);
    }
    /* the padded row reaches from the first tap of the first window to the last tap of the last one */
    int64_t span = (w->out - 1) * w->stride + (w->kernel - 1) * w->dilation + 1, floats;
    p.worker_floats = (w->in + w->pad_begin > span ? w->in + w->pad_begin : span) + QN_POOL_SLACK;
    size_t bytes;
    if (!qn_mul_i64(p.worker_floats, qn_pool_threads(args->ctx), &floats) ||
        !qn_mul_size((size_t)floats, sizeof(float), &bytes))
        return qn_fail_memory(args->ctx, SIZE_MAX, "pooled rows");
    p.rows = qn_scratch_take(args->ctx, bytes);
    if (!p.rows)
        return qn_fail_memory(args->ctx, bytes, "pooled rows");
    int64_t rows = p.x.dims[0] * p.x.dims[1] * p.h_out, work = p.w_in * p.h_kernel + p.w_out * p.w_kernel;
    qn_parallel_for(args->ctx, rows, 1 + PIECE / (work + 1), fn, &p);
    qn_scratch_give(args->ctx, p.rows);
    return QN_OK;
}

qn_status qn_resample_max_pool(const qn_kernel_args *args) {
    return run(args, false, QN_ISA_PICK(args->ctx, qn_max_pool));
}

qn_status qn_resample_average_pool(const qn_kernel_args *args) {
    return run(args, true, QN_ISA_PICK(args->ctx, qn_average_pool));
}
