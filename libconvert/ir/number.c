#include "ir/number.h"

#include "base/half.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE(TYPE, value)            \
    do {                              \
        TYPE stored = (TYPE)(value);  \
        memcpy(at, &stored, sizeof stored); \
        return true;                  \
    } while (0)

bool qn_store_f64(qn_dtype dtype, double v, void *at) {
    switch (dtype) {
    case QN_F32: STORE(float, v);
    case QN_F64: STORE(double, v);
    case QN_F16: STORE(uint16_t, qn_f32_to_f16((float)v));
    case QN_BF16: STORE(uint16_t, qn_f32_to_bf16((float)v));
    default: break;
    }
    double size = fabs(v);
    return size < 18446744073709551616.0 && qn_store_int(dtype, v < 0, (uint64_t)size, at);
}

bool qn_store_int(qn_dtype dtype, bool negative, uint64_t magnitude, void *at) {
    const qn_dtype_info *row = qn_dtype_row(dtype);
    if (!row)
        return false;
    if (row->kind == 'F') {
        double v = (double)magnitude;
        return qn_store_f64(dtype, negative ? -v : v, at);
    }
    if (row->kind == 'B') {
        *(uint8_t *)at = (uint8_t)magnitude;
        return magnitude <= 1 && !(negative && magnitude);
    }
    uint64_t top = row->kind == 'U' ? UINT64_MAX >> (64 - row->bits) : (UINT64_MAX >> (65 - row->bits)) + negative;
    if (magnitude > top || (negative && magnitude && row->kind == 'U'))
        return false;
    /* two's complement: the low bytes */
    uint64_t bits = negative ? 0 - magnitude : magnitude;
    switch (row->bits) {
    case 8: STORE(uint8_t, bits);
    case 16: STORE(uint16_t, bits);
    case 32: STORE(uint32_t, bits);
    case 64: STORE(uint64_t, bits);
    default: return false;
    }
}

/* With a sign of being real: "2.0", not "2". */
static void print_real(qn_buf *out, double v, bool single) {
    char text[40];
    if (v != v || v - v != 0) {
        qn_buf_puts(out, v != v ? "nan" : v < 0 ? "-inf" : "inf");
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        double back = strtod(text, NULL);
        if (single ? (float)back == (float)v : back == v)
            break;
    }
    qn_buf_puts(out, text);
    if (!strpbrk(text, ".e"))
        qn_buf_puts(out, ".0");
}

void qn_print_f32(qn_buf *out, float v) { print_real(out, (double)v, true); }

void qn_print_element(qn_buf *out, const qn_const *c, int64_t i) {
    if (qn_dtype_is_float(c->dtype)) {
        print_real(out, qn_const_f64(c, i), c->dtype != QN_F64);
    } else if (c->dtype == QN_BOOL) {
        qn_buf_puts(out, qn_const_i64(c, i) ? "true" : "false");
    } else if (c->dtype == QN_U64) {
        uint64_t v;
        memcpy(&v, (const uint8_t *)c->part[QN_PART_VALUES].data + (size_t)i * sizeof v, sizeof v);
        qn_buf_printf(out, "%" PRIu64, v);
    } else {
        qn_buf_printf(out, "%" PRId64, qn_const_i64(c, i));
    }
}
