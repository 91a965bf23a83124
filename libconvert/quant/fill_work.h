/* What the files of filling share: a constant expression on its way to the bytes of a package. */
#ifndef QN_QUANT_FILL_WORK_H
#define QN_QUANT_FILL_WORK_H

#include "kernels/pull.h"
#include "quant/quant.h"

enum { QN_FILL_PIECE = 1 << 16 }; /* elements at a time: source and result stay in the second-level cache */

typedef struct qn_filler {
    qn_context *ctx;
    qn_arena *arena;
    const qn_const *c;
    qn_status (*write)(void *sink, int part, const void *data, size_t n);
    void *sink;
    const qn_const *clamped; /**< when c is Cast(x) {clamp=1} of float32 to a half, x, whose elements are narrowed here, so that
                                  those clamped are counted; or NULL */
    qn_pull *elements;       /**< of clamped, or of c; NULL when there are none */
    int64_t piece;           /**< elements at a time */
    uint16_t *half;          /**< [piece] */
    float *wide;             /**< [piece] */
    bool counts;             /**< this walk counts what is clamped */
    int64_t n_clamped;
} qn_filler;

/** A piece as it comes from the stream, as elements of c. */
const void *qn_fill_elements(qn_filler *f, int64_t n, const void *data);
/** Elements [first, first + n), n at most a piece, as float32, aligned; they live until the next call. */
QN_MUST_USE qn_status qn_fill_read(qn_filler *f, int64_t first, int64_t n, const float **out);
/** QN_UNSUPPORTED: element `e` is not finite. */
QN_MUST_USE qn_status qn_fill_not_finite(const qn_filler *f, int64_t e);

/** Is it affine of the plain way: integer codes from the least and the largest number, scales of one level in floating point? */
bool qn_fill_is_streamed(const qn_const *c);
/** Such a constant, a piece at a time: fill_affine.c. */
QN_MUST_USE qn_status qn_fill_affine(qn_filler *f);
/** Any encoding with an encoder (quant/encode.h): whole, or in bands of whole groups: fill_whole.c. */
QN_MUST_USE qn_status qn_fill_whole(qn_filler *f);

#endif
