/* Shape, Size, ConstantOfShape and Range: where tensors and their sizes meet. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "ops/shape.h"

/* A start or end of Shape: counted from the back when negative, then cut to [0, rank]. */
static int32_t cut(int64_t at, int32_t rank) {
    if (at < 0)
        at = at < -(int64_t)rank ? 0 : at + rank;
    return at > rank ? rank : (int32_t)at;
}

qn_status qn_shape_Shape(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    QN_TRY(qn_infer_set(inf, 0, QN_I64, 1));
    if (x->rank < 0)
        return QN_OK;
    int32_t start = cut(qn_node_int(inf->node, "start", 0), x->rank);
    int32_t end = cut(qn_node_int(inf->node, "end", x->rank), x->rank), n = end > start ? end - start : 0;
    inf->out[0].dims[0] = n;
    qn_dim *elems;
    QN_NEW_ARRAY(inf->ctx, inf->arena, elems, n);
    for (int32_t k = 0; k < n; k++)
        elems[k] = x->dims[start + k];
    inf->out_content[0] = (qn_content){elems, n};
    return QN_OK;
}

qn_status qn_shape_Size(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    QN_TRY(qn_infer_set(inf, 0, QN_I64, 0));
    if (x->rank < 0)
        return QN_OK;
    qn_dim *n;
    QN_NEW(inf->ctx, inf->arena, n);
    *n = 1;
    for (int32_t k = 0; k < x->rank; k++)
        QN_TRY(qn_infer_mul(inf, *n, x->dims[k], n));
    if (*n != QN_DIM_UNKNOWN)
        inf->out_content[0] = (qn_content){n, 1};
    return QN_OK;
}

qn_status qn_shape_ConstantOfShape(qn_infer *inf) {
    QN_TRY(qn_infer_index_dtype(inf, 0));
    QN_TRY(qn_infer_rank(inf, 0, 1, 1));
    const qn_attr *attr = qn_node_attr(inf->node, "value");
    const qn_const *value = attr && attr->kind == QN_ATTR_TENSOR ? attr->as.tensor : NULL;
    if (value && (!qn_const_is_ready(value) || qn_const_numel(value) != 1))
        return qn_infer_fail(inf, "value is not one number");
    qn_dtype dtype = value ? value->dtype : QN_F32;
    inf->out[0].dtype = dtype;
    qn_content sizes;
    if (!qn_infer_sizes(inf, 0, &sizes))
        return QN_OK;
    if (sizes.n > QN_MAX_RANK)
        return qn_infer_unsupported(inf, "makes rank %lld; at most %d is supported", (long long)sizes.n, QN_MAX_RANK);
    QN_TRY(qn_infer_set(inf, 0, dtype, (int32_t)sizes.n));
    for (int32_t k = 0; k < sizes.n; k++) {
        inf->out[0].dims[k] = sizes.elems[k];
        if (qn_dim_is_const(sizes.elems[k]) && sizes.elems[k] < 0)
            return qn_infer_fail(inf, "makes a dimension of %lld", (long long)sizes.elems[k]);
    }
    qn_dim *elem;
    QN_NEW(inf->ctx, inf->arena, elem);
    if (value) {
        double v = qn_dtype_is_float(dtype) ? qn_const_f64(value, 0) : 0;
        *elem = !qn_dtype_is_float(dtype)                       ? qn_infer_number(qn_const_i64(value, 0))
                : v == floor(v) && fabs(v) <= 9007199254740992.0 ? (qn_dim)v
                                                                : QN_DIM_UNKNOWN;
    }
    const int64_t stride[QN_MAX_RANK] = {0};
    return *elem == QN_DIM_UNKNOWN ? QN_OK : qn_infer_view(inf, 0, (qn_content){elem, 1}, 0, stride);
}

/* max(ceil((limit - start) / delta), 0) numbers from start on. */
static qn_status range_ints(qn_infer *inf) {
    qn_dim start = qn_infer_scalar(inf, 0), limit = qn_infer_scalar(inf, 1), delta = qn_infer_scalar(inf, 2), span;
    if (delta == 0)
        return qn_infer_fail(inf, "steps by 0");
    if (!qn_dim_is_const(delta))
        return QN_OK;
    qn_symbols *s = inf->symbols;
    QN_TRY(delta > 0 ? qn_infer_sub(inf, limit, start, &span) : qn_infer_sub(inf, start, limit, &span));
    qn_dim n = qn_dim_max(s, qn_dim_ceildiv(s, span, delta > 0 ? delta : -delta), 0);
    inf->out[0].dims[0] = n;
    if (!qn_dim_is_const(n) || n > QN_MAX_CONTENT)
        return QN_OK;
    qn_dim *elems;
    QN_NEW_ARRAY(inf->ctx, inf->arena, elems, n);
    for (qn_dim i = 0; i < n; i++)
        elems[i] = qn_dim_add(s, start, qn_dim_mul(s, i, delta));
    inf->out_content[0] = (qn_content){elems, n};
    return QN_OK;
}

/* One float of any width as it is stored. */
static bool float_scalar(const qn_infer *inf, int32_t i, double *out) {
    const qn_tensor *t = &inf->in_value[i];
    const float *v;
    int64_t n;
    if (t->data && t->dtype == QN_F64 && t->n_bytes >= sizeof *out) {
        memcpy(out, t->data, sizeof *out);
        return true;
    }
    if (!qn_infer_floats(inf, i, &v, &n) || n != 1)
        return false;
    *out = (double)v[0];
    return true;
}

static qn_status range_floats(qn_infer *inf) {
    double start, limit, delta;
    if (!float_scalar(inf, 0, &start) || !float_scalar(inf, 1, &limit) || !float_scalar(inf, 2, &delta)) {
        qn_dim d = qn_infer_scalar(inf, 2);
        return qn_dim_is_const(d) ? range_ints(inf) : QN_OK;
    }
    if (delta == 0)
        return qn_infer_fail(inf, "steps by 0");
    double span = inf->out[0].dtype == QN_F64 ? limit - start : (double)((float)limit - (float)start);
    double n = ceil(span / delta);
    if (!(n < 9007199254740992.0)) /* NaN too */
        return qn_infer_fail(inf, "from %g to %g by %g has no length", start, limit, delta);
    inf->out[0].dims[0] = n > 0 ? (qn_dim)n : 0;
    return QN_OK;
}

qn_status qn_shape_Range(qn_infer *inf) {
    for (int32_t i = 0; i < 3; i++) {
        QN_TRY(qn_infer_dtype(inf, i, QN_SET_NUMBER));
        QN_TRY(qn_infer_same_dtype(inf, 0, i));
        QN_TRY(qn_infer_rank(inf, i, 0, 1));
        if (qn_infer_in(inf, i)->rank == 1)
            QN_TRY(qn_infer_vector(inf, i, 1));
    }
    QN_TRY(qn_infer_set(inf, 0, inf->in[0].dtype, 1));
    return qn_dtype_is_float(inf->in[0].dtype) ? range_floats(inf) : range_ints(inf);
}
