#include "kernels/ref/iterate.h"

#include "base/pool.h"

enum { GRAIN = 1 << 14, MAX_OPERANDS = 1 + QN_SPAN_INPUTS };

qn_status qn_ref_dtype_fail(const qn_kernel_args *args, qn_dtype dtype) {
    return qn_kernel_fail(args, QN_UNSUPPORTED, "dtype %s", qn_dtype_name(dtype));
}

typedef struct walk {
    int32_t rank;                                     /* of the merged dimensions, at least 1 */
    int64_t dims[QN_MAX_RANK];
    int64_t stride[QN_SPAN_INPUTS][QN_MAX_RANK];      /* in elements */
    int32_t n_x;
    char *y;
    const char *x[QN_SPAN_INPUTS];
    size_t y_bytes, x_bytes[QN_SPAN_INPUTS];          /* of an element */
    qn_span_fn fn;
    const void *user;
} walk;

/* Strides of x seen as a tensor of y's shape. False when it does not broadcast. */
static bool strides_of(const qn_tensor *x, const qn_tensor *y, int64_t *stride) {
    if (x->rank > y->rank)
        return false;
    int64_t step = 1;
    for (int32_t d = y->rank - 1, e = x->rank - 1; d >= 0; d--, e--) {
        stride[d] = 0;
        if (e < 0 || (x->dims[e] == 1 && y->dims[d] != 1))
            continue;
        if (x->dims[e] != y->dims[d])
            return false;
        stride[d] = step;
        step *= x->dims[e];
    }
    return true;
}

/* Drop dimensions of 1; merge d into d + 1 where every input walks the pair as one. */
static void merge(walk *w, const qn_tensor *y, int64_t stride[QN_SPAN_INPUTS][QN_MAX_RANK]) {
    w->rank = 0;
    for (int32_t d = 0; d < y->rank; d++) {
        if (y->dims[d] == 1)
            continue;
        bool joins = w->rank > 0;
        for (int32_t k = 0; joins && k < w->n_x; k++)
            joins = w->stride[k][w->rank - 1] == stride[k][d] * y->dims[d];
        int32_t at = joins ? w->rank - 1 : w->rank++;
        w->dims[at] = joins ? w->dims[at] * y->dims[d] : y->dims[d];
        for (int32_t k = 0; k < w->n_x; k++)
            w->stride[k][at] = stride[k][d];
    }
    if (w->rank == 0) {
        w->rank = 1;
        w->dims[0] = 1;
        for (int32_t k = 0; k < w->n_x; k++)
            w->stride[k][0] = 0;
    }
}

/* Elements [begin, end) of y, in C order. */
static void walk_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const walk *w = arg;
    int64_t index[QN_MAX_RANK], offset[QN_SPAN_INPUTS] = {0};
    int64_t rest = begin;
    const int32_t last = w->rank - 1;
    for (int32_t d = last; d >= 0; d--) {
        index[d] = rest % w->dims[d];
        rest /= w->dims[d];
        for (int32_t k = 0; k < w->n_x; k++)
            offset[k] += index[d] * w->stride[k][d];
    }
    while (begin < end) {
        int64_t n = w->dims[last] - index[last];
        if (n > end - begin)
            n = end - begin;
        qn_span s = {.n = n, .y = w->y + (size_t)begin * w->y_bytes, .user = w->user};
        for (int32_t k = 0; k < w->n_x; k++) {
            s.x[k] = w->x[k] + (size_t)offset[k] * w->x_bytes[k];
            s.step[k] = w->stride[k][last];
            offset[k] += n * w->stride[k][last];
        }
        w->fn(&s);
        begin += n;
        index[last] += n;
        for (int32_t d = last; d > 0 && index[d] == w->dims[d]; d--) {
            index[d] = 0;
            index[d - 1]++;
            for (int32_t k = 0; k < w->n_x; k++)
                offset[k] += w->stride[k][d - 1] - w->dims[d] * w->stride[k][d];
        }
    }
}

qn_status qn_ref_broadcast(const qn_kernel_args *args, const qn_tensor *y, const qn_tensor *const *x, int32_t n_x,
                           qn_span_fn fn, const void *user) {
    int64_t stride[QN_SPAN_INPUTS][QN_MAX_RANK];
    walk w = {.n_x = n_x, .y = y->data, .y_bytes = qn_dtype_bytes(y->dtype), .fn = fn, .user = user};
    for (int32_t k = 0; k < n_x; k++) {
        if (!strides_of(x[k], y, stride[k]))
            return qn_kernel_fail(args, QN_MALFORMED, "the shapes of the inputs do not broadcast to the output");
        w.x[k] = x[k]->data;
        w.x_bytes[k] = qn_dtype_bytes(x[k]->dtype);
    }
    int64_t n = qn_ref_numel(y);
    if (n == 0)
        return QN_OK;
    merge(&w, y, stride);
    qn_parallel_for(args->ctx, n, GRAIN, walk_piece, &w);
    return QN_OK;
}

qn_status qn_ref_unary(const qn_kernel_args *args, const qn_span_table table, const void *user) {
    qn_span_fn fn = qn_span_for(table, args->in[0].dtype);
    if (!fn)
        return qn_ref_dtype_fail(args, args->in[0].dtype);
    const qn_tensor *x[] = {&args->in[0]};
    return qn_ref_broadcast(args, &args->out[0], x, 1, fn, user);
}

qn_status qn_ref_binary(const qn_kernel_args *args, const qn_span_table table, const void *user) {
    const qn_tensor *x[] = {&args->in[0], &args->in[1]};
    if (x[0]->dtype != x[1]->dtype)
        return qn_kernel_fail(args, QN_MALFORMED, "inputs of %s and %s", qn_dtype_name(x[0]->dtype),
                              qn_dtype_name(x[1]->dtype));
    qn_span_fn fn = qn_span_for(table, x[0]->dtype);
    if (!fn)
        return qn_ref_dtype_fail(args, x[0]->dtype);
    return qn_ref_broadcast(args, &args->out[0], x, 2, fn, user);
}
