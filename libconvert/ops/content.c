/* Contents: the numbers inside small tensors, followed as dimension expressions. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/half.h"
#include "ops/shape.h"

/* ---- numbers of a concrete tensor --------------------------------------------------------------- */

static bool value_count(const qn_tensor *t, int64_t *n) {
    size_t bytes;
    return t->data && t->rank >= 0 && t->rank <= QN_MAX_RANK && qn_dtype_bytes(t->dtype) &&
           qn_count_elems(t->dims, t->rank, n) && *n <= QN_MAX_CONTENT &&
           qn_mul_size((size_t)*n, qn_dtype_bytes(t->dtype), &bytes) && t->n_bytes >= bytes;
}

#define READ(TYPE, v)                                                            \
    TYPE v;                                                                      \
    memcpy(&v, (const unsigned char *)t->data + (size_t)i * sizeof v, sizeof v)

static double read_float(const qn_tensor *t, int64_t i) {
    if (t->dtype == QN_F32) {
        READ(float, v);
        return (double)v;
    }
    if (t->dtype == QN_F64) {
        READ(double, v);
        return v;
    }
    READ(uint16_t, v);
    return (double)(t->dtype == QN_F16 ? qn_f16_to_f32(v) : qn_bf16_to_f32(v));
}

/* Element i of an integer or bool tensor; false when a uint64 does not fit. */
static bool read_int(const qn_tensor *t, int64_t i, int64_t *out) {
    switch (t->dtype) {
    case QN_I64: { READ(int64_t, v); *out = v; return true; }
    case QN_I32: { READ(int32_t, v); *out = v; return true; }
    case QN_I16: { READ(int16_t, v); *out = v; return true; }
    case QN_I8:  { READ(int8_t, v);  *out = v; return true; }
    case QN_U32: { READ(uint32_t, v); *out = v; return true; }
    case QN_U16: { READ(uint16_t, v); *out = v; return true; }
    case QN_U8:  { READ(uint8_t, v);  *out = v; return true; }
    case QN_BOOL: { READ(uint8_t, v); *out = v != 0; return true; }
    case QN_U64: { READ(uint64_t, v); *out = (int64_t)(v & INT64_MAX); return v <= INT64_MAX; }
    default: return false;
    }
}

/* Whole numbers up to 2^53 are exact in a double. */
static qn_dim whole_number(double v) {
    return v == floor(v) && fabs(v) <= 9007199254740992.0 ? (qn_dim)v : QN_DIM_UNKNOWN;
}

static bool content_from_value(const qn_infer *inf, const qn_tensor *t, qn_content *out) {
    int64_t n;
    if (!value_count(t, &n))
        return false;
    qn_dim *elems = qn_arena_array(inf->arena, (size_t)n, sizeof *elems);
    if (!elems)
        return false;
    bool any = n == 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t v = 0;
        if (qn_dtype_is_float(t->dtype))
            elems[i] = whole_number(read_float(t, i));
        else
            elems[i] = read_int(t, i, &v) ? qn_infer_number(v) : QN_DIM_UNKNOWN;
        any = any || elems[i] != QN_DIM_UNKNOWN;
    }
    *out = (qn_content){elems, n};
    return any;
}

bool qn_infer_content(const qn_infer *inf, int32_t i, qn_content *out) {
    *out = (qn_content){NULL, 0};
    if (!qn_infer_has(inf, i))
        return false;
    if (inf->in_content[i].elems) {
        *out = inf->in_content[i];
        return true;
    }
    return content_from_value(inf, &inf->in_value[i], out);
}

bool qn_infer_sizes(const qn_infer *inf, int32_t i, qn_content *out) {
    if (qn_infer_content(inf, i, out))
        return true;
    int64_t n = qn_infer_length(inf, i);
    qn_dim *elems = n < 0 || n > QN_MAX_CONTENT ? NULL : qn_arena_array(inf->arena, (size_t)n, sizeof *elems);
    for (int64_t k = 0; elems && k < n; k++)
        elems[k] = QN_DIM_UNKNOWN;
    *out = (qn_content){elems, elems ? n : 0};
    return elems != NULL;
}

qn_dim qn_infer_scalar(const qn_infer *inf, int32_t i) {
    qn_content c;
    return qn_infer_content(inf, i, &c) && c.n == 1 ? c.elems[0] : QN_DIM_UNKNOWN;
}

bool qn_infer_ints(const qn_infer *inf, int32_t i, const int64_t **v, int64_t *n) {
    *v = NULL;
    *n = 0;
    if (!qn_infer_has(inf, i))
        return false;
    const qn_content *c = &inf->in_content[i];
    bool numbers = c->elems != NULL;
    for (int64_t k = 0; numbers && k < c->n; k++)
        numbers = qn_dim_is_const(c->elems[k]);
    if (numbers) {
        *v = c->elems;
        *n = c->n;
        return true;
    }
    const qn_tensor *t = &inf->in_value[i];
    int64_t count;
    if (!value_count(t, &count) || qn_dtype_is_float(t->dtype))
        return false;
    int64_t *ints = qn_arena_array(inf->arena, (size_t)count, sizeof *ints);
    if (!ints)
        return false;
    for (int64_t k = 0; k < count; k++)
        if (!read_int(t, k, &ints[k]))
            return false;
    *v = ints;
    *n = count;
    return true;
}

bool qn_infer_floats(const qn_infer *inf, int32_t i, const float **v, int64_t *n) {
    *v = NULL;
    *n = 0;
    if (!qn_infer_has(inf, i))
        return false;
    const qn_tensor *t = &inf->in_value[i];
    const qn_content *c = &inf->in_content[i];
    int64_t count = c->n;
    bool from_value = value_count(t, &count) && qn_dtype_is_float(t->dtype);
    if (!from_value && (!c->elems || !qn_dtype_is_float(inf->in[i].dtype)))
        return false;
    float *floats = qn_arena_array(inf->arena, (size_t)count, sizeof *floats);
    if (!floats)
        return false;
    for (int64_t k = 0; k < count; k++) {
        if (from_value)
            floats[k] = (float)read_float(t, k);
        else if (qn_dim_is_const(c->elems[k]))
            floats[k] = (float)c->elems[k];
        else
            return false;
    }
    *v = floats;
    *n = count;
    return true;
}

/* ---- contents of outputs ----------------------------------------------------------------------- */

bool qn_infer_small(const qn_type *type, int64_t dims[QN_MAX_RANK], int64_t *n) {
    if (type->rank < 0)
        return false;
    *n = 1;
    for (int32_t k = 0; k < type->rank; k++) {
        dims[k] = type->dims[k];
        if (!qn_dim_is_const(dims[k]) || dims[k] < 0 || !qn_mul_i64(*n, dims[k], n))
            return false;
    }
    return *n <= QN_MAX_CONTENT;
}

void qn_infer_strides(const int64_t *dims, int32_t rank, int64_t *stride) {
    bool empty = false;
    for (int32_t k = 0; k < rank; k++)
        empty = empty || dims[k] == 0;
    int64_t step = empty ? 0 : 1;
    for (int32_t k = rank - 1; k >= 0; k--) {
        stride[k] = step;
        step *= dims[k];
    }
}

/* The next index in C order; offsets move with it. */
static void advance(const int64_t *dims, int32_t rank, int64_t *index, int64_t *offset, const int64_t *stride) {
    for (int32_t k = rank - 1; k >= 0; k--) {
        *offset += stride[k];
        if (++index[k] < dims[k])
            return;
        *offset -= index[k] * stride[k];
        index[k] = 0;
    }
}

static void give(qn_infer *inf, int32_t o, const qn_dim *elems, int64_t n) {
    bool any = n == 0;
    for (int64_t i = 0; i < n && !any; i++)
        any = elems[i] != QN_DIM_UNKNOWN;
    inf->out_content[o] = any ? (qn_content){elems, n} : (qn_content){NULL, 0};
}

qn_status qn_infer_view(qn_infer *inf, int32_t o, qn_content from, int64_t offset, const int64_t *stride) {
    int64_t dims[QN_MAX_RANK], n, index[QN_MAX_RANK] = {0};
    if (o >= inf->n_out || !from.elems || !qn_infer_small(&inf->out[o], dims, &n))
        return QN_OK;
    qn_dim *elems;
    QN_NEW_ARRAY(inf->ctx, inf->arena, elems, n);
    for (int64_t i = 0; i < n; i++) {
        elems[i] = offset >= 0 && offset < from.n ? from.elems[offset] : QN_DIM_UNKNOWN;
        advance(dims, inf->out[o].rank, index, &offset, stride);
    }
    give(inf, o, elems, n);
    return QN_OK;
}

void qn_infer_pass(qn_infer *inf, int32_t o, int32_t i) {
    qn_content c;
    int64_t dims[QN_MAX_RANK], n;
    if (o < inf->n_out && qn_infer_small(&inf->out[o], dims, &n) && qn_infer_content(inf, i, &c) && c.n == n)
        give(inf, o, c.elems, n);
}

/* Integers a dtype holds exactly; the 32-bit integers and float32 are taken to hold any symbolic size. */
static bool holds(qn_dtype dtype, int64_t *min, int64_t *max, bool *any_symbol) {
    const qn_dtype_info *row = qn_dtype_row(dtype);
    if (!row)
        return false;
    int digits = row->kind == 'I' ? row->bits - 1 : row->kind == 'U' ? row->bits : 1;
    if (row->kind == 'F')
        digits = dtype == QN_F64 ? 53 : dtype == QN_F32 ? 24 : dtype == QN_F16 ? 11 : 8;
    *max = digits >= 63 ? INT64_MAX : ((int64_t)1 << digits) - (row->kind == 'F' ? 0 : 1);
    *min = row->kind == 'I' ? -*max - 1 : row->kind == 'F' ? -*max : 0;
    *any_symbol = row->bits >= 32;
    return true;
}

qn_dim qn_infer_fit(const qn_infer *inf, qn_dtype dtype, qn_dim d) {
    int64_t min, max, d_min, d_max;
    bool any_symbol;
    if (d == QN_DIM_UNKNOWN || !holds(dtype, &min, &max, &any_symbol))
        return QN_DIM_UNKNOWN;
    qn_dim_bounds(inf->symbols, d, &d_min, &d_max);
    if (qn_dim_is_const(d) || !any_symbol)
        return d_min >= min && d_max <= max ? d : QN_DIM_UNKNOWN;
    return min < 0 || d_min >= 0 ? d : QN_DIM_UNKNOWN;
}

qn_status qn_infer_map(qn_infer *inf, qn_infer_fn fn) {
    int64_t dims[QN_MAX_RANK], n, index[QN_MAX_RANK] = {0};
    const int32_t rank = inf->out[0].rank;
    if (!qn_infer_small(&inf->out[0], dims, &n))
        return QN_OK;
    struct operand {
        qn_content content;
        int64_t stride[QN_MAX_RANK];
        int64_t offset;
    } *op;
    qn_dim *args;
    QN_NEW_ARRAY(inf->ctx, inf->arena, op, inf->n_in);
    QN_NEW_ARRAY(inf->ctx, inf->arena, args, inf->n_in);
    bool any = false;
    for (int32_t i = 0; i < inf->n_in; i++) {
        int64_t in_dims[QN_MAX_RANK], in_n, in_stride[QN_MAX_RANK];
        const qn_type *type = qn_infer_in(inf, i);
        if (!qn_infer_small(type, in_dims, &in_n) || type->rank > rank || !qn_infer_content(inf, i, &op[i].content))
            continue;
        if (op[i].content.n != in_n) {
            op[i].content.elems = NULL;
            continue;
        }
        qn_infer_strides(in_dims, type->rank, in_stride);
        for (int32_t k = 0; k < type->rank; k++)
            op[i].stride[rank - type->rank + k] = in_dims[k] == 1 ? 0 : in_stride[k];
        any = true;
    }
    if (!any)
        return QN_OK;
    qn_dim *elems;
    QN_NEW_ARRAY(inf->ctx, inf->arena, elems, n);
    for (int64_t i = 0; i < n; i++) {
        for (int32_t k = 0; k < inf->n_in; k++)
            args[k] = op[k].content.elems && op[k].offset < op[k].content.n ? op[k].content.elems[op[k].offset]
                                                                            : QN_DIM_UNKNOWN;
        elems[i] = qn_infer_fit(inf, inf->out[0].dtype, fn(inf, args));
        /* one index for all operands, an offset each */
        for (int32_t k = rank - 1; k >= 0; k--) {
            index[k]++;
            bool wraps = index[k] == dims[k];
            for (int32_t j = 0; j < inf->n_in; j++)
                op[j].offset += wraps ? op[j].stride[k] * (1 - dims[k]) : op[j].stride[k];
            if (!wraps)
                break;
            index[k] = 0;
        }
    }
    give(inf, 0, elems, n);
    return QN_OK;
}
