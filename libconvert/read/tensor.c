#include "read/tensor.h"

#include <string.h>

#include "base/checked.h"
#include "base/map.h"
#include "onnx.pb-c.h"
#include "read/external.h"
#include "read/wire.h"

qn_status qn_onnx_dtype(qn_context *ctx, int64_t code, const char *label, qn_dtype *out) {
    if (code >= 0 && code <= INT32_MAX && qn_dtype_row((qn_dtype)code)) {
        *out = (qn_dtype)code;
        return QN_OK;
    }
    const ProtobufCEnumValue *row = NULL;
    if (code > 0 && code <= INT32_MAX)
        row = protobuf_c_enum_descriptor_get_value(&qn_onnx__tensor_proto__data_type__descriptor, (int)code);
    if (row)
        return qn_fail(ctx, QN_UNSUPPORTED, "%s: element type %s", label, row->name);
    return qn_fail(ctx, QN_MALFORMED, "%s: element type %lld does not exist", label, (long long)code);
}

/* Where each dtype's elements are when they are not raw: the field, and the numbers that fit. */
enum { FLOAT_DATA = 4, INT32_DATA = 5, STRING_DATA = 6, INT64_DATA = 7, RAW_DATA = 9, DOUBLE_DATA = 10, UINT64_DATA = 11 };

typedef struct storage {
    uint32_t field;
    qn_wire_type type;
    int64_t min, max; /* of int32_data; uint64_data: max alone */
} storage;

static const storage storages[] = {
    [QN_F32] = {FLOAT_DATA, QN_WIRE_32BIT, 0, 0},
    [QN_F64] = {DOUBLE_DATA, QN_WIRE_64BIT, 0, 0},
    [QN_I64] = {INT64_DATA, QN_WIRE_VARINT, INT64_MIN, INT64_MAX},
    [QN_U64] = {UINT64_DATA, QN_WIRE_VARINT, INT64_MIN, INT64_MAX},
    [QN_U32] = {UINT64_DATA, QN_WIRE_VARINT, 0, UINT32_MAX},
    [QN_I32] = {INT32_DATA, QN_WIRE_VARINT, INT32_MIN, INT32_MAX},
    [QN_I16] = {INT32_DATA, QN_WIRE_VARINT, INT16_MIN, INT16_MAX},
    [QN_I8] = {INT32_DATA, QN_WIRE_VARINT, INT8_MIN, INT8_MAX},
    [QN_U16] = {INT32_DATA, QN_WIRE_VARINT, 0, UINT16_MAX},
    [QN_U8] = {INT32_DATA, QN_WIRE_VARINT, 0, UINT8_MAX},
    [QN_BOOL] = {INT32_DATA, QN_WIRE_VARINT, INT32_MIN, INT32_MAX},
    [QN_F16] = {INT32_DATA, QN_WIRE_VARINT, 0, UINT16_MAX},
    [QN_BF16] = {INT32_DATA, QN_WIRE_VARINT, 0, UINT16_MAX},
};

/* What one look over a TensorProto's bytes finds. */
typedef struct found {
    const uint8_t *raw;
    size_t n_raw;
    bool has_raw;
    int64_t n_typed;          /* elements in the typed field */
    const uint8_t *packed;    /* the one packed run, when there is no other */
    bool one_run;
} found;

typedef struct typed {
    qn_dtype dtype;
    const storage *store;
    size_t size;
    uint8_t *at; /* where the next element goes; NULL: only count */
    int64_t n;
    const char *wrong;
} typed;

static void put_element(typed *t, uint64_t v) {
    int64_t number = (int64_t)v;
    if (t->store->type == QN_WIRE_VARINT && (number < t->store->min || number > t->store->max))
        t->wrong = "an element does not fit its type";
    if (t->dtype == QN_BOOL)
        v = v != 0;
    if (t->at) {
        memcpy(t->at, &v, t->size); /* little-endian: the low bytes come first */
        t->at += t->size;
    }
    t->n++;
}

static void put_packed(typed *t, const qn_wire_field *f) {
    qn_wire_type type = t->store->type;
    if (type == QN_WIRE_VARINT) {
        qn_wire wire = {f->data, f->data + f->n_bytes, NULL};
        uint64_t v;
        while (wire.at < wire.end && qn_wire_varint(&wire, &v))
            put_element(t, v);
        t->wrong = wire.error ? wire.error : t->wrong;
        return;
    }
    size_t size = t->size, n = f->n_bytes / size;
    if (f->n_bytes % size)
        t->wrong = "packed numbers end inside a number";
    if (t->at) {
        memcpy(t->at, f->data, n * size);
        t->at += n * size;
    }
    t->n += (int64_t)n;
}

/* Go over the message; elements of the typed field go to `t`. */
static const char *scan(const qn_cut *cut, typed *t, found *out) {
    qn_wire wire = {cut->data, cut->data + cut->n_bytes, NULL};
    qn_wire_field f;
    int runs = 0;
    *out = (found){.one_run = false};
    while (!t->wrong && qn_wire_next(&wire, &f)) {
        if (f.number == RAW_DATA) {
            if (f.type != QN_WIRE_BYTES || out->has_raw)
                return out->has_raw ? "raw_data is there twice" : "raw_data is of another wire type";
            out->raw = f.data;
            out->n_raw = f.n_bytes;
            out->has_raw = true;
        } else if (f.number == t->store->field) {
            runs++;
            if (f.type == QN_WIRE_BYTES) {
                out->packed = f.data;
                out->one_run = runs == 1;
                put_packed(t, &f);
            } else if (f.type == t->store->type) {
                put_element(t, f.value);
            } else {
                return "its elements are of another wire type";
            }
        } else if ((f.number >= FLOAT_DATA && f.number <= INT64_DATA) || f.number == DOUBLE_DATA ||
                   f.number == UINT64_DATA) {
            if (f.type != QN_WIRE_BYTES || f.n_bytes)
                return "elements in a field of another type";
        }
    }
    out->n_typed = t->n;
    out->one_run = out->one_run && runs == 1;
    return t->wrong ? t->wrong : wire.error;
}

/* Booleans are 0 or 1 in memory; any other byte is true. */
static const uint8_t *find_odd_bool(const uint8_t *data, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (data[i] > 1)
            return data + i;
    return NULL;
}

/* Borrow or copy n bytes of elements that are stored as in memory. */
static qn_status place_elements(qn_onnx_source *source, qn_dtype dtype, const uint8_t *data, size_t n,
                                const void **out) {
    size_t size = qn_dtype_bytes(dtype);
    bool odd_bool = dtype == QN_BOOL && find_odd_bool(data, n);
    bool aligned = (uintptr_t)data % size == 0;
    *out = data;
    if (!source->copy && !odd_bool && (aligned || n >= QN_TENSOR_BORROW))
        return QN_OK;
    uint8_t *copy;
    QN_NEW_ARRAY(source->ctx, source->arena, copy, n);
    if (n)
        memcpy(copy, data, n);
    for (size_t i = 0; odd_bool && i < n; i++)
        copy[i] = copy[i] != 0;
    *out = copy;
    return QN_OK;
}

static qn_status read_typed(qn_onnx_source *source, const qn_cut *cut, typed *t, const found *where, size_t n_bytes,
                            const char *label, const void **out) {
    if (where->one_run && t->store->type != QN_WIRE_VARINT)
        return place_elements(source, t->dtype, where->packed, n_bytes, out);
    uint8_t *data;
    QN_NEW_ARRAY(source->ctx, source->arena, data, n_bytes);
    t->at = data;
    t->n = 0;
    found again;
    const char *wrong = scan(cut, t, &again);
    if (wrong)
        return qn_fail(source->ctx, QN_MALFORMED, "%s: %s", label, wrong);
    *out = data;
    return QN_OK;
}

/* dims, n_elems and n_bytes of the tensor; every product checked. */
static qn_status read_shape(qn_context *ctx, const QnOnnx__TensorProto *tensor, const char *label, qn_dtype dtype,
                            int64_t *n_elems, size_t *n_bytes) {
    if (tensor->n_dims > QN_MAX_RANK)
        return qn_fail(ctx, QN_UNSUPPORTED, "%s: rank %zu; the largest is %d", label, tensor->n_dims, QN_MAX_RANK);
    for (size_t i = 0; i < tensor->n_dims; i++)
        if (tensor->dims[i] < 0)
            return qn_fail(ctx, QN_MALFORMED, "%s: dimension %zu is %lld", label, i, (long long)tensor->dims[i]);
    if (!qn_count_elems(tensor->dims, (int32_t)tensor->n_dims, n_elems) ||
        !qn_mul_size((size_t)*n_elems, qn_dtype_bytes(dtype), n_bytes) || *n_bytes > PTRDIFF_MAX)
        return qn_fail(ctx, QN_MALFORMED, "%s: the product of its dimensions does not fit 64 bits", label);
    return QN_OK;
}

static qn_status read_elements(qn_onnx_source *source, const QnOnnx__TensorProto *tensor, const char *label,
                               qn_dtype dtype, int64_t n_elems, size_t n_bytes, const void **out) {
    qn_context *ctx = source->ctx;
    if (!tensor->cut || tensor->cut > source->n_cuts)
        return qn_fail(ctx, QN_MALFORMED, "%s: no elements", label);
    const qn_cut *cut = &source->cuts[tensor->cut - 1];
    typed t = {dtype, &storages[dtype], qn_dtype_bytes(dtype), NULL, 0, NULL};
    found where;
    const char *wrong = scan(cut, &t, &where);
    if (wrong)
        return qn_fail(ctx, QN_MALFORMED, "%s: %s", label, wrong);
    bool external = tensor->data_location == QN_ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    if ((int)external + (int)where.has_raw + (int)(where.n_typed > 0) > 1)
        return qn_fail(ctx, QN_MALFORMED, "%s: elements in more than one place", label);
    if (external) {
        const uint8_t *data;
        QN_TRY(qn_external_data(source, tensor, label, n_bytes, &data));
        return place_elements(source, dtype, data, n_bytes, out);
    }
    if (where.has_raw) {
        if (where.n_raw != n_bytes)
            return qn_fail(ctx, QN_MALFORMED, "%s: %zu bytes of elements, the shape needs %zu", label, where.n_raw,
                           n_bytes);
        return place_elements(source, dtype, where.raw, n_bytes, out);
    }
    if (where.n_typed != n_elems)
        return qn_fail(ctx, QN_MALFORMED, "%s: %lld elements, the shape needs %lld", label,
                       (long long)where.n_typed, (long long)n_elems);
    return read_typed(source, cut, &t, &where, n_bytes, label, out);
}

qn_status qn_tensor_read(qn_onnx_source *source, const QnOnnx__TensorProto *tensor, const char *label,
                         qn_const **out) {
    qn_context *ctx = source->ctx;
    qn_dtype dtype;
    int64_t n_elems = 0;
    size_t n_bytes = 0;
    const void *data = NULL;
    QN_TRY(qn_onnx_dtype(ctx, tensor->data_type, label, &dtype));
    if (tensor->segment)
        return qn_fail(ctx, QN_UNSUPPORTED, "%s: a tensor stored in segments", label);
    QN_TRY(read_shape(ctx, tensor, label, dtype, &n_elems, &n_bytes));
    QN_TRY(read_elements(source, tensor, label, dtype, n_elems, n_bytes, &data));
    if (tensor->cut && tensor->cut <= source->n_cuts && source->cuts[tensor->cut - 1].n_bytes >= QN_CUT_RELEASE)
        qn_map_release(source->cuts[tensor->cut - 1].data, source->cuts[tensor->cut - 1].n_bytes);
    QN_TRY(qn_const_dense(ctx, source->arena, dtype, (int32_t)tensor->n_dims, tensor->dims, data, n_bytes, out));
    (*out)->name = qn_arena_strdup(source->arena, tensor->name ? tensor->name : "");
    return (*out)->name ? QN_OK : qn_fail_memory(ctx, strlen(tensor->name), "a name");
}
