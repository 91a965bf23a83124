/* The protobuf wire format, field by field, over bytes that nobody has checked yet.
 *
 *   message = field*      field = key value      key = varint(number << 3 | wire type)
 *
 * https://protobuf.dev/programming-guides/encoding. Groups (wire types 3 and 4) are refused.
 */
#ifndef QN_READ_WIRE_H
#define QN_READ_WIRE_H

#include "base/status.h"

typedef enum qn_wire_type {
    QN_WIRE_VARINT = 0,
    QN_WIRE_64BIT = 1,
    QN_WIRE_BYTES = 2, /**< length and that many bytes: string, bytes, message, packed numbers */
    QN_WIRE_32BIT = 5
} qn_wire_type;

/** A place in a message. */
typedef struct qn_wire {
    const uint8_t *at, *end;
    const char *error; /**< what is wrong, once a call has failed */
} qn_wire;

typedef struct qn_wire_field {
    uint32_t number;       /**< 1 .. 2^29 - 1 */
    qn_wire_type type;
    uint64_t value;        /**< VARINT, 64BIT, 32BIT */
    const uint8_t *start;  /**< the key */
    const uint8_t *data;   /**< the value's bytes; BYTES: without the length */
    size_t n_bytes;        /**< of data */
} qn_wire_field;

/** Read a varint of at most 10 bytes (of 64 bits). False sets wire->error. */
bool qn_wire_varint(qn_wire *wire, uint64_t *out);
/** Read the next field. False at the end (wire->error NULL) and on an error (wire->error set, wire->at at the field). */
bool qn_wire_next(qn_wire *wire, qn_wire_field *out);

/** The little-endian number in p[0..4) or p[0..8). */
uint32_t qn_wire_u32(const uint8_t *p);
uint64_t qn_wire_u64(const uint8_t *p);

#endif
