/* Narrow panels of weights times rows of a band, and the epilogue, for one instruction set. Before including it define
 *
 *   CONV_TILES(X)  X(1, vectors) X(2, vectors) ... X(rows, vectors)
 *
 * rows * vectors accumulators, `vectors` registers for the row of the band and one for a weight. Enough accumulators to
 * hide the latency of a multiply-add (4 cycles, 2 a cycle: 8), few enough that nothing is spilled. */
#include "kernels/conv/conv_isa.h"
#include "kernels/simd/activate.h"

VF_INLINE void tile(const int rows, const int vectors, int64_t kn, const float *a, const float *b,
                    const int32_t *offsets, float *out, int64_t stride) {
    vf acc[QN_CONV_MAX_ROWS][8];
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        VF_UNROLL
        for (int j = 0; j < vectors; j++)
            acc[i][j] = vf_set1(0.0f);
    }
    for (int64_t k = 0; k < kn; k++) {
        const float *p = b + offsets[k];
        vf row[8];
        VF_UNROLL
        for (int j = 0; j < vectors; j++)
            row[j] = vf_load(p + j * VF_LANES);
        VF_UNROLL
        for (int i = 0; i < rows; i++) {
            vf x = vf_set1(a[i]);
            VF_UNROLL
            for (int j = 0; j < vectors; j++)
                acc[i][j] = vf_fma(x, row[j], acc[i][j]);
        }
        a += rows;
    }
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        VF_UNROLL
        for (int j = 0; j < vectors; j++)
            vf_store(out + i * stride + j * VF_LANES, acc[i][j]);
    }
}

#define TILE(ROWS, VECTORS)                                                                                            \
    static void wide_##ROWS(int64_t kn, const float *a, const float *b, const int32_t *offsets, float *out,            \
                            int64_t stride) {                                                                          \
        tile(ROWS, VECTORS, kn, a, b, offsets, out, stride);                                                           \
    }                                                                                                                  \
    static void one_##ROWS(int64_t kn, const float *a, const float *b, const int32_t *offsets, float *out,             \
                           int64_t stride) {                                                                           \
        tile(ROWS, 1, kn, a, b, offsets, out, stride);                                                                 \
    }
CONV_TILES(TILE)
#define TILE_ENTRY(ROWS, VECTORS) [ROWS] = {VECTORS, wide_##ROWS, one_##ROWS},

/* `plain`: float32 and no residual. */
VF_INLINE void finish_as(const qn_activation_kind kind, const bool plain, const qn_gemm_out *c, const qn_runs *r,
                         const float *tile, int64_t stride, int64_t m, int rows, int64_t from, int64_t n) {
    for (int64_t row = from / r->pitch, at; at = row * r->pitch, at < from + n; row++) {
        const int64_t begin = at > from ? at : from, end = at + r->width < from + n ? at + r->width : from + n;
        const int64_t j = r->first + row * r->step + begin - at;
        const float *p = tile + (begin - from);
        for (int i = 0; i < rows; i++, p += stride) {
            const int64_t to = (m + i) * c->row_stride + j;
            vf bias =
                vf_set1(c->bias.data ? qn_read_float(c->bias.dtype, c->bias.data, (m + i) * c->bias.row_stride) : 0.0f);
            for (int64_t v = 0; v < end - begin; v += VF_LANES) {
                const int64_t lanes = end - begin - v;
                vf y = vf_activate(kind, &c->act, vf_add(vf_load(p + v), bias));
                if (!plain && c->residual.data)
                    y = vf_add(y, vf_read_n(c->residual.dtype, c->residual.data,
                                            (m + i) * c->residual.row_stride + j + v, lanes));
                vf_write_n(plain ? QN_F32 : c->dtype, c->data, to + v, y, lanes);
            }
        }
    }
}

static void finish(const qn_gemm_out *c, const qn_runs *r, const float *tile, int64_t stride, int64_t m, int rows,
                   int64_t from, int64_t n) {
    if (c->dtype == QN_F32 && !c->residual.data)
        VF_BY_ACTIVATION(c->act.kind, finish_as(KIND, true, c, r, tile, stride, m, rows, from, n))
    else
        VF_BY_ACTIVATION(c->act.kind, finish_as(KIND, false, c, r, tile, stride, m, rows, from, n))
}
