/* Shape inference of one node: checks before and after the op's own function, and the steps those functions share. */
#include "ops/infer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/checked.h"
#include "ops/shape.h"

static qn_status fail_at(const qn_infer *inf, qn_status status, const char *fmt, va_list args) {
    char text[768];
    vsnprintf(text, sizeof text, fmt, args);
    return qn_fail(inf->ctx, status, "%s: %s", qn_node_label(inf->node), text);
}

qn_status qn_infer_fail(const qn_infer *inf, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    qn_status status = fail_at(inf, QN_MALFORMED, fmt, args);
    va_end(args);
    return status;
}

qn_status qn_infer_unsupported(const qn_infer *inf, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    qn_status status = fail_at(inf, QN_UNSUPPORTED, fmt, args);
    va_end(args);
    return status;
}

/* ---- inputs and outputs -------------------------------------------------------------------- */

bool qn_infer_has(const qn_infer *inf, int32_t i) {
    return i < inf->n_in && inf->node->in[i] != NULL;
}

const qn_type *qn_infer_in(const qn_infer *inf, int32_t i) {
    static const qn_type absent = {.dtype = QN_NONE, .rank = -1};
    return qn_infer_has(inf, i) ? &inf->in[i] : &absent;
}

qn_status qn_infer_rank(const qn_infer *inf, int32_t i, int32_t min, int32_t max) {
    int32_t rank = qn_infer_in(inf, i)->rank;
    if (rank < 0 || (rank >= min && rank <= max))
        return QN_OK;
    if (min == max)
        return qn_infer_fail(inf, "input %d has rank %d, must have rank %d", i, rank, min);
    if (rank < min)
        return qn_infer_fail(inf, "input %d has rank %d, must have at least %d", i, rank, min);
    return qn_infer_fail(inf, "input %d has rank %d, must have at most %d", i, rank, max);
}

qn_status qn_infer_vector(const qn_infer *inf, int32_t i, qn_dim n) {
    const qn_type *type = qn_infer_in(inf, i);
    QN_TRY(qn_infer_rank(inf, i, 1, 1));
    if (type->rank == 1 && qn_dim_is_const(type->dims[0]) && qn_dim_is_const(n) && n >= 0 && type->dims[0] != n)
        return qn_infer_fail(inf, "input %d has %lld elements, must have %lld", i, (long long)type->dims[0], (long long)n);
    return QN_OK;
}

int64_t qn_infer_length(const qn_infer *inf, int32_t i) {
    const qn_type *type = qn_infer_in(inf, i);
    if (type->rank == 0)
        return 1;
    if (type->rank == 1 && qn_dim_is_const(type->dims[0]) && type->dims[0] >= 0)
        return type->dims[0];
    return -1;
}

static unsigned dtype_set(qn_dtype dtype) {
    const qn_dtype_info *row = qn_dtype_row(dtype);
    switch (row ? row->kind : 0) {
    case 'F': return QN_SET_FLOAT;
    case 'I': return QN_SET_SIGNED;
    case 'U': return QN_SET_UNSIGNED;
    case 'B': return QN_SET_BOOL;
    default: return QN_SET_ANY;
    }
}

qn_status qn_infer_dtype(const qn_infer *inf, int32_t i, unsigned set) {
    qn_dtype dtype = qn_infer_in(inf, i)->dtype;
    if (dtype == QN_NONE || (dtype_set(dtype) & set))
        return QN_OK;
    return qn_infer_fail(inf, "input %d is %s, must be%s%s%s%s", i, qn_dtype_name(dtype),
                         set & QN_SET_FLOAT ? " floating point" : "",
                         set & QN_SET_INT ? (set & QN_SET_FLOAT ? " or an integer" : " an integer") : "",
                         (set & QN_SET_INT) == QN_SET_SIGNED ? " with sign" : "",
                         set & QN_SET_BOOL ? (set & QN_SET_NUMBER ? " or bool" : " bool") : "");
}

qn_status qn_infer_same_dtype(const qn_infer *inf, int32_t i, int32_t j) {
    qn_dtype a = qn_infer_in(inf, i)->dtype, b = qn_infer_in(inf, j)->dtype;
    if (a == QN_NONE || b == QN_NONE || a == b)
        return QN_OK;
    return qn_infer_fail(inf, "input %d is %s and input %d is %s, must be the same", i, qn_dtype_name(a), j,
                         qn_dtype_name(b));
}

qn_status qn_infer_floats_mix(const qn_infer *inf, int32_t first, int32_t last) {
    int32_t seen = -1;
    for (int32_t i = first; i <= last; i++) {
        qn_dtype dtype = qn_infer_in(inf, i)->dtype;
        if (dtype == QN_NONE)
            continue;
        QN_TRY(qn_infer_dtype(inf, i, QN_SET_FLOAT));
        if (seen >= 0 && (dtype == QN_F64) != (inf->in[seen].dtype == QN_F64))
            return qn_infer_same_dtype(inf, seen, i);
        seen = i;
    }
    return QN_OK;
}

qn_status qn_infer_index_dtype(const qn_infer *inf, int32_t i) {
    qn_dtype dtype = qn_infer_in(inf, i)->dtype;
    if (dtype == QN_NONE || dtype == QN_I64 || dtype == QN_I32)
        return QN_OK;
    return qn_infer_fail(inf, "input %d is %s, must be int64 or int32", i, qn_dtype_name(dtype));
}

qn_status qn_infer_set(const qn_infer *inf, int32_t o, qn_dtype dtype, int32_t rank) {
    if (rank > QN_MAX_RANK)
        return qn_infer_unsupported(inf, "output %d would have rank %d; at most %d is supported", o, rank, QN_MAX_RANK);
    if (o >= inf->n_out)
        return QN_OK;
    inf->out[o].dtype = dtype;
    inf->out[o].rank = rank;
    for (int32_t k = 0; k < QN_MAX_RANK; k++)
        inf->out[o].dims[k] = QN_DIM_UNKNOWN;
    return QN_OK;
}

void qn_infer_copy(const qn_infer *inf, int32_t o, int32_t i) {
    if (o < inf->n_out)
        inf->out[o] = *qn_infer_in(inf, i);
}

/* ---- axes ---------------------------------------------------------------------------------- */

qn_status qn_infer_axis(const qn_infer *inf, int64_t axis, int32_t rank, int32_t *out) {
    *out = 0;
    if (axis < -(int64_t)rank || axis >= rank)
        return qn_infer_fail(inf, "axis %lld is out of range for rank %d", (long long)axis, rank);
    *out = (int32_t)(axis < 0 ? axis + rank : axis);
    return QN_OK;
}

qn_status qn_infer_axes(const qn_infer *inf, int32_t i, int32_t rank, bool taken[QN_MAX_RANK], bool *known) {
    for (int32_t k = 0; k < QN_MAX_RANK; k++)
        taken[k] = false;
    QN_TRY(qn_infer_index_dtype(inf, i));
    QN_TRY(qn_infer_rank(inf, i, 0, 1));
    const int64_t *axes;
    int64_t n;
    *known = qn_infer_ints(inf, i, &axes, &n);
    for (int64_t k = 0; *known && k < n; k++) {
        int32_t axis;
        QN_TRY(qn_infer_axis(inf, axes[k], rank, &axis));
        if (taken[axis])
            return qn_infer_fail(inf, "axis %d is given twice", axis);
        taken[axis] = true;
    }
    return QN_OK;
}

/* ---- the node ------------------------------------------------------------------------------- */

static qn_status check_arity(const qn_infer *inf, const qn_op_info *row) {
    if (inf->n_in < row->min_in || (row->max_in >= 0 && inf->n_in > row->max_in))
        return qn_infer_fail(inf, "has %d inputs, takes %d to %d", inf->n_in, row->min_in, row->max_in);
    if (inf->n_out < row->min_out || (row->max_out >= 0 && inf->n_out > row->max_out))
        return qn_infer_fail(inf, "has %d outputs, gives %d to %d", inf->n_out, row->min_out, row->max_out);
    for (int32_t i = 0; i < row->min_in; i++)
        if (!qn_infer_has(inf, i))
            return qn_infer_fail(inf, "input %d is missing", i);
    for (int32_t i = 0; i < inf->n_in; i++) {
        const qn_type *type = &inf->in[i];
        if (type->rank > QN_MAX_RANK)
            return qn_infer_unsupported(inf, "input %d has rank %d; at most %d is supported", i, type->rank, QN_MAX_RANK);
        for (int32_t k = 0; k < type->rank; k++)
            if (qn_dim_is_const(type->dims[k]) && type->dims[k] < 0)
                return qn_infer_fail(inf, "dimension %d of input %d is negative", k, i);
    }
    return QN_OK;
}

/* A type whose numbers alone (zeros aside) come to more bytes than an int64 counts is refused, whatever the rest is. */
static qn_status check_output(const qn_infer *inf, int32_t o) {
    const qn_type *type = &inf->out[o];
    int64_t bytes = (int64_t)qn_dtype_bytes(type->dtype);
    bytes = bytes ? bytes : 1;
    for (int32_t k = 0; k < type->rank; k++) {
        qn_dim d = type->dims[k];
        if (!qn_dim_is_const(d))
            continue;
        if (d < 0)
            return qn_infer_fail(inf, "dimension %d of output %d comes to %lld", k, o, (long long)d);
        if (d > 0 && !qn_mul_i64(bytes, d, &bytes))
            return qn_infer_fail(inf, "output %d has too many elements", o);
    }
    int64_t dims[QN_MAX_RANK], n;
    if (inf->out_content[o].elems && (!qn_infer_small(type, dims, &n) || n != inf->out_content[o].n))
        inf->out_content[o] = (qn_content){NULL, 0};
    return QN_OK;
}

qn_status qn_infer_node(qn_infer *inf) {
    const qn_op_info *row = qn_op_row(inf->node->op);
    if (!row)
        return qn_infer_fail(inf, "has no op");
    for (int32_t o = 0; o < inf->n_out; o++) {
        QN_TRY(qn_infer_set(inf, o, QN_NONE, -1));
        inf->out_content[o] = (qn_content){NULL, 0};
    }
    QN_TRY(check_arity(inf, row));
    QN_TRY(row->shape(inf));
    for (int32_t o = 0; o < inf->n_out; o++)
        QN_TRY(check_output(inf, o));
    return QN_OK;
}
