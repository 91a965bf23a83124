/* Encoded constants at the speed of vectors: what packing and the matrix-vector products read weights with.
 *
 * A codec decodes a run of contiguous elements, C order, with the bits of qn_const_decode (kernels/decode.c), which is
 * the definition. There is a row of codec.c for each kind of constants that has one; all others go through the definition.
 * A new encoding plugs in by a function and a row: everything that multiplies then reads it.
 *
 * codec_impl.h has the commonest, integers of 8 and 4 bits, in one step; decode_impl.h every other in three: what is stored
 * becomes numbers (unpack_impl.h, palette_impl.h), these go to their places (sparse_impl.h) and are scaled (scales_impl.h).
 *
 * A row may also have a dot function, for products with up to QN_DOT_ROWS rows whose speed is that of reading the
 * codes: it turns codes into numbers in registers and never writes them. It says for which constants (a shape or block
 * that it refuses is decoded), and in what order it wants the other operand, so that codes need not be moved between
 * lanes: lane l of vector i is code i of the l-th run of codes. dot_impl.h has those of integers of 2, 3, 4, 6 and 8
 * bits, of floating point of 4 and 8, and of palettes of up to 4 bits, of 6 and of 8. */
#ifndef QN_KERNELS_CODEC_CODEC_H
#define QN_KERNELS_CODEC_CODEC_H

#include "kernels/gemm/gemm.h"

/** out[0..n) = elements [first, first + n) of c, whose parts are there (qn_const_decode of no elements has said so). */
typedef void (*qn_decode_fn)(const qn_const *c, int64_t first, int64_t n, float *out);

enum { QN_DOT_ROWS = 4 };

/** The other operand of dot products. */
typedef struct qn_dot_rows {
    int m;          /**< 1..QN_DOT_ROWS */
    const float *x; /**< [m][stride], arranged: element s * run * lanes + l * run + i of a row at s * run * lanes +
                         i * lanes + l; zeros behind the last */
    int64_t stride; /**< a multiple of run * lanes */
} qn_dot_rows;

/** out[i * out_stride + c] = sum over k of x[i][k] * element (j + c, k) of w, a matrix, for i < m and c < n. */
typedef void (*qn_dot_fn)(const qn_const *w, const qn_dot_rows *x, int64_t j, int64_t n, float *out,
                          int64_t out_stride);

typedef struct qn_dot {
    qn_dot_fn dot;
    int run, lanes; /**< how x is arranged */
} qn_dot;

/** A constant and how it is read. */
typedef struct qn_coded {
    const qn_const *c;
    qn_decode_fn decode;
    const qn_dot *dot; /**< or NULL: its rows are decoded */
} qn_coded;

/** With the best functions that the context's instruction set has. */
qn_coded qn_coded_of(const qn_context *ctx, const qn_const *c);
/** dst[0..n) = x[0..k) in the order of `dot`, n the next multiple of run * lanes. */
void qn_dot_arrange(const qn_dot *dot, const float *x, int64_t k, float *dst);
/** Elements [first, first + n), shared among the threads. */
void qn_codec_expand(qn_context *ctx, const qn_coded *coded, int64_t first, int64_t n, float *out);
/** The qn_pack_fn of operands with `coded`; pack_arg is the qn_gemm_isa that lays out the decoded numbers. */
void qn_codec_pack(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst);

void qn_decode_affine_scalar(const qn_const *c, int64_t first, int64_t n, float *out);
void qn_decode_affine_neon(const qn_const *c, int64_t first, int64_t n, float *out);
void qn_decode_affine_avx2(const qn_const *c, int64_t first, int64_t n, float *out);
void qn_decode_affine_avx512(const qn_const *c, int64_t first, int64_t n, float *out);
/* Any affine constant or palette, and sparse ones of a real dtype. */
void qn_decode_encoded_scalar(const qn_const *c, int64_t first, int64_t n, float *out);
void qn_decode_encoded_neon(const qn_const *c, int64_t first, int64_t n, float *out);
void qn_decode_encoded_avx2(const qn_const *c, int64_t first, int64_t n, float *out);
void qn_decode_encoded_avx512(const qn_const *c, int64_t first, int64_t n, float *out);

/** The dot function for `c`, or NULL. */
const qn_dot *qn_dot_encoded_scalar(const qn_const *c);
const qn_dot *qn_dot_encoded_neon(const qn_const *c);
const qn_dot *qn_dot_encoded_avx2(const qn_const *c);
const qn_dot *qn_dot_encoded_avx512(const qn_const *c);

#endif
