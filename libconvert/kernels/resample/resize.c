#include "base/checked.h"
#include "base/context.h"
#include "base/pool.h"
#include "kernels/gemm/gemm.h"
#include "kernels/ref/resize_axis.h"
#include "kernels/resample/resample.h"

enum { MAX_TAPS = 64, PIECE = 16 << 10 };

/* Axes other than the last two keep their size. Whether they keep their samples, only the scales tell. */
bool qn_resample_accepts_resize(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    qn_resize r;
    if (!qn_is_real(x->dtype) || !qn_is_real(y->dtype) || x->rank < 1 || y->rank != x->rank)
        return false;
    if (qn_resize_read(args, &r) != QN_OK) {
        qn_clear(args->ctx);
        return false;
    }
    for (int32_t i = 0; i < x->rank - 2; i++)
        if (x->dims[i] != y->dims[i])
            return false;
    return r.coords != QN_RESIZE_TF_CROP;
}

static qn_status reference(const qn_kernel_args *args) { return qn_kernel_run(qn_kernel_choose(args, true), args); }

static int64_t taps_of(const qn_resize *r, const qn_resize_axis *a) {
    return qn_resize_is_identity(r, a) || r->mode == QN_RESIZE_NEAREST ? 1 : qn_resize_n_taps(r, a);
}

static qn_status make_taps(const qn_kernel_args *args, const qn_resize *r, const qn_resize_axis *a, qn_axis_taps *t) {
    int64_t index[MAX_TAPS] = {0};
    double weight[MAX_TAPS] = {1};
    *t = (qn_axis_taps){.in = a->in, .out = a->out, .n = taps_of(r, a), .ascends = true};
    QN_NEW_ARRAY(args->ctx, args->scratch, t->index, t->n * t->out);
    QN_NEW_ARRAY(args->ctx, args->scratch, t->weight, t->n * t->out);
    for (int64_t o = 0; o < t->out; o++) {
        double at = qn_resize_coordinate(r, a, o);
        if (qn_resize_is_identity(r, a))
            index[0] = o;
        else if (r->mode == QN_RESIZE_NEAREST)
            index[0] = qn_resize_nearest(r, a, at);
        else
            qn_resize_taps(r, a, at, t->n, index, weight);
        for (int64_t k = 0; k < t->n; k++) {
            t->index[k * t->out + o] = (int32_t)index[k];
            t->ascends = t->ascends && (o == 0 || index[k] >= t->index[k * t->out + o - 1]);
            t->weight[k * t->out + o] = (float)weight[k];
        }
    }
    return QN_OK;
}

qn_status qn_resample_resize(const qn_kernel_args *args) {
    qn_resample r = {.x = args->in[0], .y = args->out[0]};
    const int32_t rank = r.x.rank;
    qn_resize how;
    qn_resize_axis axis[QN_MAX_RANK], one = {1, 1, 1, true, 0, 1};
    QN_TRY(qn_resize_read(args, &how));
    if (qn_ref_numel(&r.x) == 0 || qn_ref_numel(&r.y) == 0)
        return reference(args);
    QN_TRY(qn_resize_axes(args, &how, axis));
    int64_t planes = 1;
    for (int32_t i = 0; i < rank - 2; i++) {
        if (!qn_resize_is_identity(&how, &axis[i]))
            return reference(args);
        planes *= axis[i].in;
    }
    const qn_resize_axis *h = rank > 1 ? &axis[rank - 2] : &one, *w = &axis[rank - 1];
    if (taps_of(&how, h) > MAX_TAPS || taps_of(&how, w) > MAX_TAPS || h->in > INT32_MAX || w->in > INT32_MAX)
        return reference(args);
    QN_TRY(make_taps(args, &how, h, &r.h));
    QN_TRY(make_taps(args, &how, w, &r.w));
    r.band = 1 + PIECE / (w->out + 1);
    r.bands = (h->out + r.band - 1) / r.band;
    int64_t floats;
    size_t bytes;
    if (!qn_mul_i64(r.h.n, w->out, &floats) || !qn_add_i64(floats, w->in, &r.worker_floats) ||
        !qn_mul_i64(r.worker_floats, qn_pool_threads(args->ctx), &floats) ||
        !qn_mul_size((size_t)floats, sizeof(float), &bytes))
        return qn_fail_memory(args->ctx, SIZE_MAX, "resampled rows");
    r.rows = qn_scratch_take(args->ctx, bytes);
    if (!r.rows)
        return qn_fail_memory(args->ctx, bytes, "resampled rows");
    qn_parallel_for(args->ctx, planes * r.bands, 1 + PIECE / (r.band * (w->out + 1) + 1),
                    QN_ISA_PICK(args->ctx, qn_resample), &r);
    qn_scratch_give(args->ctx, r.rows);
    return QN_OK;
}
