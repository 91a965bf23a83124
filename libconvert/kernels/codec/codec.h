/* Encoded constants at the speed of vectors: what packing and the matrix-vector products read weights with.
 *
 * A codec decodes a run of contiguous elements, C order, with the bits of qn_const_decode (kernels/decode.c), which is
 * the definition. There is a row of codec.c for each encoding that has one; all others go through the definition. A new
 * encoding plugs in by a function in codec_impl.h and a row: everything that multiplies then reads it. */
#ifndef QN_KERNELS_CODEC_CODEC_H
#define QN_KERNELS_CODEC_CODEC_H

#include "kernels/gemm/gemm.h"

/** out[0..n) = elements [first, first + n) of c, whose parts are there (qn_const_decode of no elements has said so). */
typedef void (*qn_decode_fn)(const qn_const *c, int64_t first, int64_t n, float *out);

/** A constant and how it is read. */
typedef struct qn_coded {
    const qn_const *c;
    qn_decode_fn decode;
} qn_coded;

/** The best function that the context's instruction set has. Never NULL. */
qn_decode_fn qn_codec_of(const qn_context *ctx, const qn_const *c);
/** Elements [first, first + n), shared among the threads. */
void qn_codec_expand(qn_context *ctx, const qn_coded *coded, int64_t first, int64_t n, float *out);
/** The qn_pack_fn of operands with `coded`; pack_arg is the qn_gemm_isa that lays out the decoded numbers. */
void qn_codec_pack(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst);

void qn_decode_affine_scalar(const qn_const *c, int64_t first, int64_t n, float *out);
void qn_decode_affine_neon(const qn_const *c, int64_t first, int64_t n, float *out);
void qn_decode_affine_avx2(const qn_const *c, int64_t first, int64_t n, float *out);
void qn_decode_affine_avx512(const qn_const *c, int64_t first, int64_t n, float *out);

#endif
