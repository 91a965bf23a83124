/* Dot products in lanes for one arithmetic and instruction set, after gemm_micro_impl.h. Before including it define
 *
 *   acc_add(a, b)                sum of two vectors of sums
 *   few_load(dtype, p, left)     a vector of units from the elements of B at p on, zeros where `left` elements end
 *   FEW_COLUMN_SUMS              1: sums of the units' codes go to the side of B
 */
#include "kernels/gemm/few_rows.h"

/* FEW_DEPTH elements of FEW_R rows stay in the first-level cache while columns pass by. */
enum { FEW_R = LANES / 2, FEW_C = 2, FEW_STEP = LANES * UNIT, FEW_DEPTH = 512 * UNIT };
/* Bytes of each of the two runs of columns that are asked for ahead: more than the machine reads while memory answers.
 */
enum { FEW_AHEAD = 4 << 10 };

/* Lane i of the result: the sum of the lanes of r[i]. */
VF_INLINE acc_vec few_fold(acc_vec r[LANES]) {
#if defined(__AVX512F__)
#define PS(X)        ((__m512)(X))
#define PD(X)        ((__m512d)(X))
#define FOLD(A, B)   acc_add((acc_vec)(A), (acc_vec)(B))
#define BLOCKS(X, Y) FOLD(_mm512_shuffle_f32x4(PS(X), PS(Y), 0x88), _mm512_shuffle_f32x4(PS(X), PS(Y), 0xdd))
    VF_UNROLL
    for (int i = 0; i < 8; i++)
        r[i] = FOLD(_mm512_unpacklo_ps(PS(r[2 * i]), PS(r[2 * i + 1])),
                    _mm512_unpackhi_ps(PS(r[2 * i]), PS(r[2 * i + 1])));
    VF_UNROLL
    for (int i = 0; i < 4; i++)
        r[i] = FOLD(_mm512_unpacklo_pd(PD(r[2 * i]), PD(r[2 * i + 1])),
                    _mm512_unpackhi_pd(PD(r[2 * i]), PD(r[2 * i + 1])));
    acc_vec low = BLOCKS(r[0], r[1]), high = BLOCKS(r[2], r[3]);
    return BLOCKS(low, high);
#undef PS
#undef PD
#undef FOLD
#undef BLOCKS
#else
    vf t[LANES];
    memcpy(t, r, sizeof t);
    vf_transpose(t);
    memcpy(r, t, sizeof t);
    acc_vec sum = r[0];
    VF_UNROLL
    for (int i = 1; i < LANES; i++)
        sum = acc_add(sum, r[i]);
    return sum;
#endif
}

VF_INLINE int64_t few_bytes(qn_dtype dtype) { return dtype == QN_F32 ? 4 : dtype == QN_I8 || dtype == QN_U8 ? 1 : 2; }

VF_INLINE const char *few_column(const qn_gemm *g, int64_t j) {
    return qn_elem(g->b.data, g->b.dtype, (j < g->n ? j : g->n - 1) * g->b.x_stride);
}

VF_INLINE void few_step(const char *rows, const unit_vec w[FEW_C], acc_vec *acc) {
    VF_UNROLL
    for (int r = 0; r < FEW_R; r++) {
        unit_vec x = unit_load(rows + 4 * LANES * r);
        VF_UNROLL
        for (int c = 0; c < FEW_C; c++)
            acc[c * FEW_R + r] = unit_dot(acc[c * FEW_R + r], x, w[c]);
    }
}

/* The group of rows that begins with row i times columns j and j + LANES over k0..k1: lane c * FEW_R + r of the result
 * is row i + r, column j + c * LANES; columns beyond the last are the last again. The next columns are asked for
 * meanwhile. codes: NULL, or the columns' vectors of sums of their codes, added to. */
VF_INLINE acc_vec few_dots(const qn_dtype dtype, const qn_few_rows *f, int64_t i, int64_t j, int64_t k0, int64_t k1,
                           acc_vec *codes) {
    const qn_gemm *g = f->g;
    const int64_t bytes = few_bytes(dtype), step_bytes = FEW_STEP * bytes, n = (k1 - k0) / FEW_STEP;
    const char *rows = f->a + i * f->row_bytes + k0 / UNIT * 4 * FEW_R;
    const char *first = few_column(g, j) + k0 * bytes, *second = few_column(g, j + LANES) + k0 * bytes;
    const int64_t row_bytes = g->b.x_stride * bytes, ahead = 1 + FEW_AHEAD / (row_bytes + 1);
    const int64_t next = j + LANES + ahead < g->n ? ahead * row_bytes : 0;
    acc_vec acc[FEW_C * FEW_R], sum[FEW_C] = {acc_zero(), acc_zero()};
    VF_UNROLL
    for (int t = 0; t < FEW_C * FEW_R; t++)
        acc[t] = acc_zero();
    for (int64_t s = 0; s < n; s++, first += step_bytes, second += step_bytes, rows += 4 * LANES * FEW_R) {
        const unit_vec w[FEW_C] = {few_load(dtype, first, FEW_STEP), few_load(dtype, second, FEW_STEP)};
        __builtin_prefetch(first + next);
        __builtin_prefetch(second + next);
        few_step(rows, w, acc);
#if FEW_COLUMN_SUMS
        for (int c = 0; c < FEW_C && codes; c++)
            sum[c] = unit_dot(sum[c], VI(set1_epi8)(1), w[c]);
#endif
    }
    const int64_t left = k1 - k0 - n * FEW_STEP;
    if (left > 0) {
        const unit_vec w[FEW_C] = {few_load(dtype, first, left), few_load(dtype, second, left)};
        few_step(rows, w, acc);
#if FEW_COLUMN_SUMS
        for (int c = 0; c < FEW_C && codes; c++)
            sum[c] = unit_dot(sum[c], VI(set1_epi8)(1), w[c]);
#endif
    }
    for (int c = 0; c < FEW_C && codes; c++)
        codes[c * LANES] = acc_add(codes[c * LANES], sum[c]);
    return few_fold(acc);
}

/* Rows i.. of a tile of NR columns from column j0 on; offset: NULL, or where the sums of the columns' codes go. */
VF_INLINE void few_tile(const qn_dtype dtype, const qn_few_rows *f, int64_t i, int64_t j0, char *tile,
                        int32_t *offset) {
    const qn_gemm *g = f->g;
    acc_vec part[LANES], codes[FEW_C][LANES]; /* by column */
    for (int j = 0; j < LANES; j++)
        part[j] = codes[0][j] = codes[1][j] = acc_zero();
    for (int64_t k0 = 0; k0 < g->k; k0 += FEW_DEPTH) {
        const int64_t k1 = g->k - k0 < FEW_DEPTH ? g->k : k0 + FEW_DEPTH;
        for (int j = 0; j < LANES; j++)
            part[j] = acc_add(part[j], few_dots(dtype, f, i, j0 + j, k0, k1, offset ? &codes[0][j] : NULL));
    }
    vf turned[LANES];
    memcpy(turned, part, sizeof turned);
    vf_transpose(turned);
    for (int r = 0; r < FEW_R && i + r < g->m; r++) {
        vf_store((float *)(void *)(tile + 4 * r * NR), turned[r]);
        vf_store((float *)(void *)(tile + 4 * (r * NR + LANES)), turned[FEW_R + r]);
    }
    for (int c = 0; c < FEW_C && offset; c++)
        acc_store((char *)(offset + c * LANES), few_fold(codes[c]));
}

VF_INLINE void few_rows_as(const qn_dtype dtype, const qn_few_rows *f, int64_t begin, int64_t end) {
    const qn_gemm *g = f->g;
    float tile[QN_FEW_ROWS][NR], scale[NR]; /* INT8: the tile holds int32 */
    int32_t offset[NR];
    const qn_side side = {scale, offset};
    for (int64_t item = begin; item < end; item++) {
        const int64_t j0 = item * NR, n = g->n - j0 < NR ? g->n - j0 : NR;
        for (int64_t i = 0; i < g->m; i += FEW_R)
            few_tile(dtype, f, i, j0, (char *)tile[i], FEW_COLUMN_SUMS && i == 0 ? offset : NULL);
        for (int64_t j = 0; j < NR; j++) {
            int64_t at = g->b.scale_axis == QN_SCALE_X ? (j0 + j) / g->b.scale_run : 0;
            scale[j] = j < n && g->b.scales ? qn_read_float(g->b.scale_dtype, g->b.scales, at) : 1.0f;
        }
        few_finish(g, (char *)tile, j0, n, &f->a_side, &side);
    }
}
