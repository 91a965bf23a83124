/* What each instruction set gives direct.c, winograd.c, narrow.c and conv_transpose.c: padded bands of the input,
 * products of narrow panels with rows of it, the transforms of F(4x4, 3x3), rows woven together. */
#ifndef QN_KERNELS_CONV_CONV_ISA_H
#define QN_KERNELS_CONV_CONV_ISA_H

#include "kernels/conv/conv.h"
#include "kernels/gemm/fake_quant.h"

/** One channel of the input under some output rows, padded, in float32. Row r and column j of it are in phase
 *  (r mod sh, j mod sw) at (r / sh, j / sw):
 *
 *      [phase of rows < phases_h][phase of columns < phases_w][rows][pitch]
 *
 *  so that what a tap of a convolution with strides (sh, sw) reads for neighbouring outputs are neighbours, and the
 *  outputs of several rows, taken as one run of positions with `pitch` of them a row, are one run for every tap. */
typedef struct qn_band {
    qn_dtype dtype;     /**< of the image: F32, F16, BF16 */
    int64_t in_h, in_w; /**< of the image */
    int64_t sh, sw;
    int64_t phases_h, phases_w; /**< phases that are read: 1..sh, 1..sw */
    int64_t rows, pitch;        /**< of a phase */
} qn_band;

/** Floats of a channel. */
static inline int64_t qn_band_floats(const qn_band *b) { return b->phases_h * b->phases_w * b->rows * b->pitch; }
/** Where row r, column j are in a channel. */
static inline int64_t qn_band_offset(const qn_band *b, int64_t r, int64_t j) {
    return ((r % b->sh * b->phases_w + j % b->sw) * b->rows + r / b->sh) * b->pitch + j / b->sw;
}

/** Which positions along a band are outputs, and where: row * pitch + column is C's column first + row * step + column
 *  when column < width. */
typedef struct qn_runs {
    int64_t pitch, width, first, step;
} qn_runs;

enum {
    QN_CONV_MAX_ROWS = 14, /**< of a panel of weights */
    QN_CONV_MAX_LANES = 16,
    QN_CONV_SLACK = 8 * QN_CONV_MAX_LANES /**< floats behind a band that may be read */
};

/** out[i * stride + j] = sum over k < kn of a[k][i] b[offsets[k] + j], i < rows, j < lanes * vectors; a[kn][rows]. */
typedef void (*qn_conv_tile_fn)(int64_t kn, const float *a, const float *b, const int32_t *offsets, float *out,
                                int64_t stride);

typedef struct qn_conv_tile {
    int vectors;          /**< of a wide tile */
    qn_conv_tile_fn wide; /**< `vectors` vectors of positions */
    qn_conv_tile_fn one;  /**< one vector */
} qn_conv_tile;

typedef struct qn_conv_isa {
    int lanes, max_rows;
    qn_conv_tile tile[QN_CONV_MAX_ROWS + 1]; /**< [rows], 1..max_rows */

    /** Fill one channel's band: its row 0, column 0 is row `row`, column `column` of the image (may be outside). */
    void (*fill)(const qn_band *b, const void *plane, int64_t row, int64_t column, float *to);
    /** to[i * s + k] = from[k * plane + i] + bias for i < n, k < s. */
    void (*weave)(const float *from, int64_t plane, int64_t s, int64_t n, float bias, float *to);
    /** Positions from .. from + n of rows m .. m + rows of C, those that are outputs (qn_runs):
     *  act(tile[i * stride + position - from] + bias) + residual. Reads whole vectors. */
    void (*finish)(const qn_gemm_out *c, const qn_runs *r, const float *tile, int64_t stride, int64_t m, int rows,
                   int64_t from, int64_t n);

    /** to[i] = the bits of even[i] and, above them, of odd[i], for i < n. */
    void (*weave_pairs)(const uint16_t *even, const uint16_t *odd, int64_t n, uint32_t *to);
    /** to[i] = the codes of element i of the four rows, the first in the lowest byte, for i < n. */
    void (*weave_codes)(qn_dtype dtype, const void *const row[4], int64_t n, const qn_x_quant *q, uint32_t *to);

    /** u[e * plane + k * rows + i] = element e of G g Gᵀ, g = w[k][tap][i], for k < kn, i < rows. */
    void (*winograd_weights)(const float *w, int64_t kn, int rows, float *u, int64_t plane);
    /** v[e * plane + t] = element e of Bᵀ d B, d[i][j] = band[offsets[6 i + j] + t], for t < n in whole vectors. */
    void (*winograd_input)(const float *band, const int32_t *offsets, int64_t n, float *v, int64_t plane);
    /** rows[i * 4 stride + 4 t + j] = element (i, j) of Aᵀ m A, m's element e at m[e * plane + t], for t < n in whole
     *  vectors; stride >= n in whole vectors. */
    void (*winograd_output)(const float *m, int64_t plane, int64_t n, float *rows, int64_t stride);
} qn_conv_isa;

extern const qn_conv_isa qn_conv_isa_scalar, qn_conv_isa_neon, qn_conv_isa_avx2, qn_conv_isa_avx512;
/** The best that the context allows. */
const qn_conv_isa *qn_conv_isa_of(const qn_context *ctx);

/** Rows of the panels into which m rows of weights are cut: as few panels as there can be, all alike. */
int qn_conv_panel_rows(const qn_conv_isa *isa, int64_t m);

#endif
