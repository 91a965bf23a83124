#include "read/reduce.h"

#include "base/buf.h"
#include "base/map.h"
#include "onnx.pb-c.h"
#include "read/utf8.h"
#include "read/wire.h"

typedef struct reduction {
    qn_context *ctx;
    qn_arena *arena;
    const uint8_t *base;
    qn_buf copy;
    qn_cut *cuts;
    uint32_t n_cuts, cap_cuts;
    int64_t n_unknown;
} reduction;

/* TensorProto.cut of schemas/onnx.proto. */
enum { CUT_FIELD = 536870911 };

/* The wire type of one unpacked element of each ProtobufCType. */
static const qn_wire_type wire_type_of[] = {
    [PROTOBUF_C_TYPE_INT32] = QN_WIRE_VARINT,   [PROTOBUF_C_TYPE_SINT32] = QN_WIRE_VARINT,
    [PROTOBUF_C_TYPE_SFIXED32] = QN_WIRE_32BIT, [PROTOBUF_C_TYPE_INT64] = QN_WIRE_VARINT,
    [PROTOBUF_C_TYPE_SINT64] = QN_WIRE_VARINT,  [PROTOBUF_C_TYPE_SFIXED64] = QN_WIRE_64BIT,
    [PROTOBUF_C_TYPE_UINT32] = QN_WIRE_VARINT,  [PROTOBUF_C_TYPE_FIXED32] = QN_WIRE_32BIT,
    [PROTOBUF_C_TYPE_UINT64] = QN_WIRE_VARINT,  [PROTOBUF_C_TYPE_FIXED64] = QN_WIRE_64BIT,
    [PROTOBUF_C_TYPE_FLOAT] = QN_WIRE_32BIT,    [PROTOBUF_C_TYPE_DOUBLE] = QN_WIRE_64BIT,
    [PROTOBUF_C_TYPE_BOOL] = QN_WIRE_VARINT,    [PROTOBUF_C_TYPE_ENUM] = QN_WIRE_VARINT,
    [PROTOBUF_C_TYPE_STRING] = QN_WIRE_BYTES,   [PROTOBUF_C_TYPE_BYTES] = QN_WIRE_BYTES,
    [PROTOBUF_C_TYPE_MESSAGE] = QN_WIRE_BYTES,
};

static qn_status fail(reduction *r, const ProtobufCMessageDescriptor *type, const char *field, const uint8_t *at,
                      const char *what) {
    return qn_fail(r->ctx, QN_MALFORMED, "%s%s%s at byte %zu: %s", type->short_name, field ? "." : "",
                   field ? field : "", (size_t)(at - r->base), what);
}

static void put_varint(qn_buf *out, uint64_t v) {
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
    } while (v);
    qn_buf_append(out, bytes, n);
}

static void put_key(qn_buf *out, uint32_t number, qn_wire_type type) {
    put_varint(out, (uint64_t)number << 3 | (unsigned)type);
}

static void put_bytes(qn_buf *out, const qn_wire_field *f) {
    put_key(out, f->number, QN_WIRE_BYTES);
    put_varint(out, f->n_bytes);
    qn_buf_append(out, f->data, f->n_bytes);
}

/* A length that is not known yet: five bytes, filled in by end_message. A varint may carry leading zeros. */
enum { LENGTH_BYTES = 5 };

static size_t begin_message(qn_buf *out, uint32_t number) {
    put_key(out, number, QN_WIRE_BYTES);
    qn_buf_append(out, "\x80\x80\x80\x80\x00", LENGTH_BYTES);
    return out->n;
}

static void end_message(qn_buf *out, size_t begin) {
    if (out->failed)
        return;
    size_t n = out->n - begin;
    for (int i = 0; i < LENGTH_BYTES; i++, n >>= 7)
        out->data[begin - LENGTH_BYTES + (size_t)i] = (char)((n & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
}

/* Is the content of a packed field a whole number of elements? */
static const char *check_packed(const qn_wire_field *f, qn_wire_type element) {
    if (element == QN_WIRE_32BIT)
        return f->n_bytes % 4 ? "packed numbers end inside a number" : NULL;
    if (element == QN_WIRE_64BIT)
        return f->n_bytes % 8 ? "packed numbers end inside a number" : NULL;
    qn_wire wire = {f->data, f->data + f->n_bytes, NULL};
    uint64_t v;
    while (wire.at < wire.end)
        if (!qn_wire_varint(&wire, &v))
            return wire.error;
    return NULL;
}

static bool is_tensor_data(const ProtobufCMessageDescriptor *type, uint32_t number) {
    return type == &qn_onnx__tensor_proto__descriptor &&
           ((number >= 4 && number <= 7) || (number >= 9 && number <= 11) || number == CUT_FIELD);
}

/* Note where a tensor lies and refer to it from the copy. */
static qn_status put_cut(reduction *r, const uint8_t *data, size_t n_bytes) {
    if (r->n_cuts == r->cap_cuts) {
        uint32_t cap = r->cap_cuts ? r->cap_cuts * 2 : 64;
        qn_cut *grown = qn_arena_grow(r->arena, r->cuts, r->n_cuts, cap, sizeof *grown);
        if (!grown)
            return qn_fail_memory(r->ctx, cap * sizeof *grown, "tensor places");
        r->cuts = grown;
        r->cap_cuts = cap;
    }
    r->cuts[r->n_cuts++] = (qn_cut){data, n_bytes};
    /* A touch may map two megabytes around it: without this, scanning a file of weights would make it resident. */
    if (n_bytes >= QN_CUT_RELEASE)
        qn_map_release(data, n_bytes);
    put_key(&r->copy, CUT_FIELD, QN_WIRE_VARINT);
    put_varint(&r->copy, r->n_cuts);
    return QN_OK;
}

static qn_status copy_message(reduction *r, const ProtobufCMessageDescriptor *type, const uint8_t *data,
                              size_t n_bytes, int depth);

static qn_status copy_field(reduction *r, const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *fd,
                            const qn_wire_field *f, int depth) {
    qn_wire_type element = wire_type_of[fd->type];
    bool packed = f->type == QN_WIRE_BYTES && element != QN_WIRE_BYTES && fd->label == PROTOBUF_C_LABEL_REPEATED;
    if (f->type != element && !packed)
        return fail(r, type, fd->name, f->start, "its value is of another wire type");
    if (fd->type == PROTOBUF_C_TYPE_MESSAGE) {
        size_t begin = begin_message(&r->copy, f->number);
        QN_TRY(copy_message(r, fd->descriptor, f->data, f->n_bytes, depth + 1));
        end_message(&r->copy, begin);
    } else if (f->type == QN_WIRE_BYTES) {
        const char *wrong = packed ? check_packed(f, element) : NULL;
        if (!wrong && fd->type == PROTOBUF_C_TYPE_STRING)
            wrong = qn_utf8_check(f->data, f->n_bytes);
        if (wrong)
            return fail(r, type, fd->name, f->start, wrong);
        put_bytes(&r->copy, f);
    } else {
        put_key(&r->copy, f->number, f->type);
        qn_buf_append(&r->copy, f->data, f->n_bytes);
    }
    return QN_OK;
}

static qn_status copy_message(reduction *r, const ProtobufCMessageDescriptor *type, const uint8_t *data,
                              size_t n_bytes, int depth) {
    if (depth > QN_REDUCE_DEPTH)
        return fail(r, type, NULL, data, "messages nest more than 100 deep");
    qn_wire wire = {data, data + n_bytes, NULL};
    qn_wire_field f;
    uint64_t seen = 0; /* singular messages met, by field index */
    while (qn_wire_next(&wire, &f)) {
        if (is_tensor_data(type, f.number))
            continue;
        const ProtobufCFieldDescriptor *fd = protobuf_c_message_descriptor_get_field(type, f.number);
        if (!fd) {
            r->n_unknown++;
            continue;
        }
        if (fd->type == PROTOBUF_C_TYPE_MESSAGE && fd->label != PROTOBUF_C_LABEL_REPEATED) {
            uint64_t bit = (uint64_t)1 << ((size_t)(fd - type->fields) % 64);
            if (seen & bit)
                return fail(r, type, fd->name, f.start, "it is there twice");
            seen |= bit;
        }
        QN_TRY(copy_field(r, type, fd, &f, depth));
        if (r->copy.n > QN_REDUCE_LIMIT)
            return qn_fail(r->ctx, QN_UNSUPPORTED, "the model without its weights is over %zu bytes", QN_REDUCE_LIMIT);
    }
    if (wire.error)
        return fail(r, type, NULL, wire.at, wire.error);
    if (type == &qn_onnx__tensor_proto__descriptor)
        QN_TRY(put_cut(r, data, n_bytes));
    return QN_OK;
}

static void *arena_alloc(void *arena, size_t n) {
    return qn_arena_alloc(arena, n);
}

static void arena_free(void *arena, void *p) {
    (void)arena, (void)p;
}

qn_status qn_reduce(qn_context *ctx, qn_arena *arena, const ProtobufCMessageDescriptor *type, const uint8_t *data,
                    size_t n_bytes, qn_reduced *out) {
    reduction r = {.ctx = ctx, .arena = arena, .base = data, .copy = QN_BUF_INIT};
    qn_status status = copy_message(&r, type, data, n_bytes, 1);
    if (status == QN_OK)
        status = qn_buf_check(ctx, &r.copy);
    *out = (qn_reduced){NULL, r.cuts, r.n_cuts, r.n_unknown};
    if (status == QN_OK) {
        ProtobufCAllocator allocator = {arena_alloc, arena_free, arena};
        const uint8_t *copy = r.copy.n ? (const uint8_t *)r.copy.data : (const uint8_t *)"";
        out->message = protobuf_c_message_unpack(type, &allocator, r.copy.n, copy);
        if (!out->message)
            status = qn_fail(ctx, QN_SYSTEM, "unpacking %zu bytes failed: out of memory or too many fields", r.copy.n);
    }
    qn_buf_free(&r.copy);
    return status;
}
