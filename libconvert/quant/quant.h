/* The mathematics of compression: values to encodings. Knows of no graph. */
#ifndef QN_QUANT_QUANT_H
#define QN_QUANT_QUANT_H

#include "ir/constant.h"

/** A parsed weight scheme. */
typedef struct qn_scheme {
    qn_encoding encoding;
    qn_dtype code_dtype;
    bool symmetric;
    bool per_channel;   /**< else by tensor */
    int64_t block;
} qn_scheme;

/** Parse "int8", "int8:per_channel", "int8:per_tensor". A scheme of the documented list that this version lacks is
 *  QN_UNSUPPORTED by name; any other text is QN_USAGE. */
QN_MUST_USE qn_status qn_scheme_parse(qn_context *ctx, const char *text, qn_scheme *out);

/** Symmetric int8 of n_groups x group values: scale = max|x| / 127 (0 when all are 0), code = round-half-even(x / scale)
 *  in -127..127. Element (g, i) of values is values[g*group_stride + i*elem_stride]; codes likewise.
 *  Non-finite input: *bad is the index of the first one, and the call returns false. */
bool qn_quant_int8_symmetric(const float *values, int64_t n_groups, int64_t group, int64_t group_stride,
                             int64_t elem_stride, int8_t *codes, float *scales, int64_t *bad);

/** Fill any constant that qn_package_write meets: evaluate (kernels/eval.h), encode, stream. The qn_fill of convert. */
QN_MUST_USE qn_status qn_fill_const(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c,
                                    qn_status (*write)(void *sink, int part, const void *data, size_t n), void *sink);

#endif
