/* The header of an .npy file: magic, version, length and a Python dictionary with exactly three keys.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#ifndef QN_READ_NPY_HEADER_H
#define QN_READ_NPY_HEADER_H

#include "base/status.h"

/** Bytes before the dictionary in version 1.0. */
#define QN_NPY_PREFIX ((size_t)10)

typedef struct qn_npy_header {
    qn_tensor tensor;    /**< dtype, shape and n_bytes of the elements; data NULL */
    bool fortran_order;
    bool big_endian;
    size_t n_bytes;      /**< of the header: the elements follow */
} qn_npy_header;

/** Parse the header at the front of data[0..n_bytes). `name` for messages. QN_MALFORMED, or QN_UNSUPPORTED for an
 *  element type or rank that quern has not. */
QN_MUST_USE qn_status qn_npy_parse_header(qn_context *ctx, const char *name, const void *data, size_t n_bytes,
                                          qn_npy_header *out);

#endif
