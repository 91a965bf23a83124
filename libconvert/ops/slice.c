/* Slice: every step-th element between start and end of some axes. */
#include "ops/shape.h"

/* Starts and ends far outside say "from the first" and "to the last": PyTorch writes INT64_MAX, others INT32_MAX. */
#define FAR ((int64_t)INT32_MAX)

typedef struct bound {
    qn_dim dim;     /* symbolic, or a number cut to what a dimension can be */
    bool number;
} bound;

static bound bound_of(int64_t raw) {
    const int64_t limit = INT64_MAX / 4;
    return (bound){raw < -limit ? -limit : raw > limit ? limit : raw, true};
}

/* Numbers only: the first element, and how many. */
static void slice_numbers(int64_t d, int64_t start, int64_t end, int64_t step, int64_t *first, int64_t *count) {
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? d : d - 1;
    start = start < 0 ? start + d : start;
    end = end < 0 ? end + d : end;
    start = start < low ? low : start > high ? high : start;
    end = end < low ? low : end > high ? high : end;
    *first = start;
    *count = 0;
    if (step > 0 && start < end)
        *count = (end - start - 1) / step + 1;
    if (step < 0 && start > end) /* -(step + 1) + 1 is -step without its overflow */
        *count = (start - end - 1) / -(step < -INT64_MAX ? -INT64_MAX : step) + 1;
}

/* With step > 0: a negative start or end counts from d, then max(min(end, d) - start, 0) elements are spanned: a start
 * past d, or an end before 0, gives none. Where end - start is known not to be negative, that is
 * min(end - start, max(d - start, 0)), which is often end - start itself after a broadcast. */
static qn_dim span_forward(const qn_infer *inf, qn_dim d, bound start, bound end) {
    qn_symbols *s = inf->symbols;
    qn_dim from = start.dim, to = end.dim;
    const bool to_last = (end.number && to >= FAR) || to == d;
    if (start.number && from < 0) {
        if (to_last)
            return from <= -FAR ? d : qn_dim_min(s, -from, d);
        from = from <= -FAR ? 0 : qn_dim_max(s, qn_dim_add(s, d, from), 0);
    } else if (!start.number && !qn_infer_at_least(inf, from, 0)) {
        if (!qn_infer_less(inf, from, 0))
            return QN_DIM_UNKNOWN;
        from = qn_dim_max(s, qn_dim_add(s, d, from), 0);
    }
    if (to_last)
        return from == 0 ? d : qn_dim_max(s, qn_dim_sub(s, d, from), 0);
    if (qn_infer_at_least(inf, to, 0)) {
        if (from == 0)
            return qn_dim_min(s, to, d);
        qn_dim length = qn_dim_sub(s, to, from);
        if (qn_infer_at_least(inf, length, 0))
            return qn_dim_min(s, length, qn_dim_max(s, qn_dim_sub(s, d, from), 0));
        return qn_dim_max(s, qn_dim_sub(s, qn_dim_min(s, to, d), from), 0);
    }
    if (!qn_infer_less(inf, to, 0))
        return QN_DIM_UNKNOWN;
    to = end.number && to <= -FAR ? 0 : qn_dim_add(s, d, to);
    return qn_dim_max(s, qn_dim_sub(s, to, from), 0);
}

/* With step < 0 only numbers are followed: a start at the end or n before it, an end before the first or at n. */
static qn_dim span_backward(const qn_infer *inf, qn_dim d, bound start, bound end) {
    qn_symbols *s = inf->symbols;
    if (!start.number || !end.number || (end.dim < 0 && end.dim > -FAR))
        return QN_DIM_UNKNOWN;
    qn_dim last = qn_dim_sub(s, d, 1), from = last, to = -1;
    if (start.dim < 0)
        from = qn_dim_add(s, d, start.dim);
    else if (start.dim < FAR)
        from = qn_dim_min(s, start.dim, last);
    if (end.dim >= 0)
        to = end.dim >= FAR ? last : qn_dim_min(s, end.dim, last);
    return qn_dim_max(s, qn_dim_sub(s, from, to), 0);
}

static qn_dim slice_dim(const qn_infer *inf, qn_dim d, bound start, bound end, int64_t step) {
    if (start.number && end.number && qn_dim_is_const(d)) {
        int64_t first, count;
        slice_numbers(d, start.dim, end.dim, step, &first, &count);
        return count;
    }
    if (d == 0)
        return 0;
    if (step > 0)
        return qn_dim_ceildiv(inf->symbols, span_forward(inf, d, start, end), step);
    return qn_dim_ceildiv(inf->symbols, span_backward(inf, d, start, end), step < -INT64_MAX ? INT64_MAX : -step);
}

/* The list in input i as bounds; its length, or -1. */
static int64_t read_bounds(const qn_infer *inf, int32_t i, bound *out, int64_t max) {
    const int64_t *v;
    int64_t n;
    if (qn_infer_ints(inf, i, &v, &n)) {
        for (int64_t k = 0; k < n && k < max; k++)
            out[k] = bound_of(v[k]);
        return n;
    }
    qn_content c;
    if (!qn_infer_sizes(inf, i, &c))
        return -1;
    for (int64_t k = 0; k < c.n && k < max; k++)
        out[k] = qn_dim_is_const(c.elems[k]) ? bound_of(c.elems[k]) : (bound){c.elems[k], false};
    return c.n;
}

qn_status qn_shape_Slice(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    for (int32_t i = 1; i < inf->n_in; i++) {
        QN_TRY(qn_infer_index_dtype(inf, i));
        QN_TRY(qn_infer_rank(inf, i, 1, 1));
    }
    QN_TRY(qn_infer_set(inf, 0, x->dtype, x->rank));
    if (x->rank < 0)
        return QN_OK;
    bound start[QN_MAX_RANK], end[QN_MAX_RANK];
    int64_t n = read_bounds(inf, 1, start, QN_MAX_RANK), n_end = read_bounds(inf, 2, end, QN_MAX_RANK);
    if (n < 0 || n_end < 0)
        return QN_OK;
    if (n != n_end || n > x->rank)
        return qn_infer_fail(inf, "has %lld starts and %lld ends for rank %d", (long long)n, (long long)n_end, x->rank);
    const int64_t *axes = NULL, *steps = NULL;
    int64_t n_axes = n, n_steps = n;
    bool taken[QN_MAX_RANK], known = true;
    if (qn_infer_has(inf, 3)) {
        QN_TRY(qn_infer_axes(inf, 3, x->rank, taken, &known));
        known = known && qn_infer_ints(inf, 3, &axes, &n_axes);
    }
    if (qn_infer_has(inf, 4) && !qn_infer_ints(inf, 4, &steps, &n_steps))
        n_steps = qn_infer_length(inf, 4) < 0 ? n : qn_infer_length(inf, 4);
    if (!known)
        return QN_OK;
    if (n_axes != n || n_steps != n)
        return qn_infer_fail(inf, "has %lld starts, %lld axes and %lld steps", (long long)n, (long long)n_axes,
                             (long long)n_steps);
    for (int32_t k = 0; k < x->rank; k++)
        inf->out[0].dims[k] = x->dims[k];

    int64_t dims[QN_MAX_RANK], stride[QN_MAX_RANK] = {0}, count, offset = 0;
    bool small = qn_infer_small(x, dims, &count);
    if (small)
        qn_infer_strides(dims, x->rank, stride);
    for (int32_t i = 0; i < (int32_t)n; i++) {
        int32_t axis = i;
        if (axes)
            QN_TRY(qn_infer_axis(inf, axes[i], x->rank, &axis));
        int64_t step = steps ? steps[i] : 1;
        if (step == 0)
            return qn_infer_fail(inf, "steps by 0 along axis %d", axis);
        if (qn_infer_has(inf, 4) && !steps) {
            inf->out[0].dims[axis] = QN_DIM_UNKNOWN;
            small = false;
            continue;
        }
        inf->out[0].dims[axis] = slice_dim(inf, x->dims[axis], start[i], end[i], step);
        small = small && start[i].number && end[i].number;
        if (!small)
            continue;
        int64_t first, taken_elems;
        slice_numbers(dims[axis], start[i].dim, end[i].dim, step, &first, &taken_elems);
        if (taken_elems > 0)
            offset += first * stride[axis];
        stride[axis] = taken_elems > 1 ? stride[axis] * step : 0; /* |step| < dims[axis] then */
    }
    qn_content c;
    if (!small || !qn_infer_content(inf, 0, &c) || c.n != count)
        return QN_OK;
    return qn_infer_view(inf, 0, c, offset, stride);
}
