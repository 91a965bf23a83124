/* The wire format of model.pb, walked along protobuf-c's descriptors before protobuf-c sees a byte. */
#include <inttypes.h>
#include <string.h>

#include "package/proto.h"

/* Package > Graph, then Node > Attribute > Graph for each level below, then Port or the like. */
enum { MAX_DEPTH = 2 + 3 * (QN_GRAPH_MAX_DEPTH - 1) + 2, MAX_FIELDS = 64 };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5 };

typedef struct span {
    const uint8_t *p, *end;
} span;

/** A varint of at most 10 bytes. */
static bool take_varint(span *s, uint64_t *out) {
    uint64_t v = 0;
    for (int i = 0; i < 10 && s->p < s->end; i++) {
        uint8_t b = *s->p++;
        if (i == 9 && b > 1)
            return false;
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (!(b & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

static bool take(span *s, uint64_t n, span *out) {
    if (n > (uint64_t)(s->end - s->p))
        return false;
    *out = (span){s->p, s->p + n};
    s->p += n;
    return true;
}

/** Text without 0 that is UTF-8: no overlong forms, no surrogates, nothing past U+10FFFF. */
static bool text_ok(span s) {
    while (s.p < s.end) {
        uint8_t c = *s.p++;
        int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        uint32_t v = more ? c & (0x3fu >> more) : c;
        if (c == 0 || c > 0xf4 || (c >= 0x80 && c < 0xc2) || s.end - s.p < more)
            return false;
        for (int i = 0; i < more; i++, s.p++) {
            if ((*s.p & 0xc0) != 0x80)
                return false;
            v = v << 6 | (*s.p & 0x3fu);
        }
        static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
        if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
            return false;
    }
    return true;
}

static uint32_t wire_of(ProtobufCType type) {
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LEN;
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    default:
        return WIRE_VARINT; /* package.proto has no other kinds */
    }
}

/** The elements of a packed field. */
static bool packed_ok(span s, uint32_t wire) {
    uint64_t v;
    if (wire == WIRE_32 || wire == WIRE_64)
        return (s.end - s.p) % (wire == WIRE_32 ? 4 : 8) == 0;
    while (s.p < s.end)
        if (!take_varint(&s, &v))
            return false;
    return true;
}

static qn_status check_message(qn_context *ctx, const ProtobufCMessageDescriptor *d, span s, int depth) {
    bool seen[MAX_FIELDS] = {false};
    if (depth > MAX_DEPTH)
        return qn_fail(ctx, QN_MALFORMED, "model.pb: graphs nested deeper than %d", QN_GRAPH_MAX_DEPTH);
    while (s.p < s.end) {
        uint64_t tag, v;
        if (!take_varint(&s, &tag) || tag >> 3 == 0 || tag >> 3 > (1u << 29) - 1)
            return qn_fail(ctx, QN_MALFORMED, "model.pb: %s: a field's tag is cut short or out of range", d->short_name);
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3));
        uint32_t wire = (uint32_t)(tag & 7);
        if (!f)
            return qn_fail(ctx, QN_UNSUPPORTED, "model.pb: %s has a field %" PRIu64 " that this version does not know",
                           d->short_name, tag >> 3);
        uint32_t want = wire_of(f->type);
        bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED, packed = repeated && want != WIRE_LEN && wire == WIRE_LEN;
        if (wire != want && !packed)
            return qn_fail(ctx, QN_MALFORMED, "model.pb: %s.%s has wire type %u", d->short_name, f->name, wire);
        size_t index = (size_t)(f - d->fields);
        if (index >= MAX_FIELDS)
            return qn_fail(ctx, QN_UNSUPPORTED, "model.pb: %s has more than %d fields", d->short_name, MAX_FIELDS);
        if (!repeated && seen[index])
            return qn_fail(ctx, QN_MALFORMED, "model.pb: %s.%s is there twice", d->short_name, f->name);
        seen[index] = true;
        span body = {0};
        bool whole = wire == WIRE_VARINT ? take_varint(&s, &v)
                     : wire == WIRE_32   ? take(&s, 4, &body)
                     : wire == WIRE_64   ? take(&s, 8, &body)
                                         : take_varint(&s, &v) && take(&s, v, &body);
        if (!whole)
            return qn_fail(ctx, QN_MALFORMED, "model.pb: %s.%s is cut short", d->short_name, f->name);
        if (packed && !packed_ok(body, want))
            return qn_fail(ctx, QN_MALFORMED, "model.pb: %s.%s is cut short", d->short_name, f->name);
        if (f->type == PROTOBUF_C_TYPE_STRING && !text_ok(body))
            return qn_fail(ctx, QN_MALFORMED, "model.pb: %s.%s is not UTF-8 text", d->short_name, f->name);
        if (f->type == PROTOBUF_C_TYPE_MESSAGE)
            QN_TRY(check_message(ctx, f->descriptor, body, depth + 1));
    }
    return QN_OK;
}

qn_status qn_proto_check(qn_context *ctx, const uint8_t *data, size_t n) {
    if (n > QN_MODEL_MAX)
        return qn_fail(ctx, QN_UNSUPPORTED, "model.pb of %zu bytes: at most %zu", n, QN_MODEL_MAX);
    return check_message(ctx, &quern__package__descriptor, (span){data, data + n}, 1);
}

static void *arena_alloc(void *arena, size_t n) { return qn_arena_alloc(arena, n); }
static void arena_free(void *arena, void *p) { (void)arena, (void)p; }

qn_status qn_proto_unpack(qn_context *ctx, qn_arena *arena, const uint8_t *data, size_t n, Quern__Package **out) {
    ProtobufCAllocator allocator = {arena_alloc, arena_free, arena};
    *out = quern__package__unpack(&allocator, n, data);
    if (!*out)
        return qn_fail(ctx, QN_MALFORMED, "model.pb: cannot be parsed");
    return QN_OK;
}
