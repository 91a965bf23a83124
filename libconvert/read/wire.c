#include "read/wire.h"

uint32_t qn_wire_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint64_t qn_wire_u64(const uint8_t *p) {
    return (uint64_t)qn_wire_u32(p) | (uint64_t)qn_wire_u32(p + 4) << 32;
}

bool qn_wire_varint(qn_wire *wire, uint64_t *out) {
    uint64_t value = 0;
    const uint8_t *p = wire->at;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (p == wire->end) {
            wire->error = "the bytes end inside a varint";
            return false;
        }
        uint8_t byte = *p++;
        /* The tenth byte holds bit 63 alone. */
        if (shift == 63 && byte > 1) {
            wire->error = "a varint has more than 64 bits";
            return false;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            wire->at = p;
            *out = value;
            return true;
        }
    }
    wire->error = "a varint has more than 64 bits";
    return false;
}

static bool take(qn_wire *wire, size_t n, qn_wire_field *out) {
    if ((size_t)(wire->end - wire->at) < n) {
        wire->error = "the bytes end inside a number";
        return false;
    }
    out->data = wire->at;
    out->n_bytes = n;
    wire->at += n;
    return true;
}

static bool read_field(qn_wire *wire, qn_wire_field *out) {
    uint64_t key;
    out->start = wire->at;
    if (!qn_wire_varint(wire, &key))
        return false;
    uint64_t number = key >> 3;
    if (number == 0 || number > 0x1fffffff) {
        wire->error = "a field number is out of range";
        return false;
    }
    out->number = (uint32_t)number;
    out->value = 0;
    switch (key & 7) {
    case QN_WIRE_VARINT:
        out->type = QN_WIRE_VARINT;
        out->data = wire->at;
        if (!qn_wire_varint(wire, &out->value))
            return false;
        out->n_bytes = (size_t)(wire->at - out->data);
        return true;
    case QN_WIRE_64BIT:
        out->type = QN_WIRE_64BIT;
        if (!take(wire, 8, out))
            return false;
        out->value = qn_wire_u64(out->data);
        return true;
    case QN_WIRE_32BIT:
        out->type = QN_WIRE_32BIT;
        if (!take(wire, 4, out))
            return false;
        out->value = qn_wire_u32(out->data);
        return true;
    case QN_WIRE_BYTES: {
        uint64_t n;
        out->type = QN_WIRE_BYTES;
        if (!qn_wire_varint(wire, &n))
            return false;
        if (n > (uint64_t)(wire->end - wire->at)) {
            wire->error = "a length runs past the end";
            return false;
        }
        return take(wire, (size_t)n, out);
    }
    default:
        wire->error = (key & 7) == 3 || (key & 7) == 4 ? "a group, which ONNX does not have" : "an unknown wire type";
        return false;
    }
}

bool qn_wire_next(qn_wire *wire, qn_wire_field *out) {
    if (wire->error || wire->at == wire->end)
        return false;
    const uint8_t *start = wire->at;
    if (read_field(wire, out))
        return true;
    wire->at = start;
    return false;
}
