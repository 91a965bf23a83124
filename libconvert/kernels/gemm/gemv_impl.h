/* Columns contiguous in memory: several vectors of columns at a time sum over k, which ascends as in the packed
 * product. Depth contiguous: four columns at a time, each a dot product in lanes; the lanes are added at the end. */
#include "kernels/codec/codec.h"
#include "kernels/gemm/gemv.h"
#include "kernels/simd/simd.h"

enum { NV = 2, NR = NV * VF_LANES, WIDE = 4, DOTS = 4 };

VF_INLINE vf read_b(const qn_dtype dtype, const void *base, int64_t index, int64_t n) {
    if (dtype == QN_I8)
        return vf_load_i8_n((const int8_t *)base + index, n);
    if (dtype == QN_U8)
        return vf_load_u8_n((const uint8_t *)base + index, n);
    return vf_read_n(dtype, base, index, n);
}

static float zero_of(const qn_operand *b, int64_t i) {
    if (!b->zero_points)
        return 0;
    return b->dtype == QN_I8 ? (float)((const int8_t *)b->zero_points)[i] : (float)((const uint8_t *)b->zero_points)[i];
}
static float scale_of(const qn_operand *b, int64_t i) { return qn_read_float(b->scale_dtype, b->scales, i); }

/* Scale and zero point of VF_LANES neighbours from `first` on, along x or k; those beyond `end` are 0. */
static void scales_of(const qn_operand *b, qn_scale_axis along, int64_t first, int64_t end, vf *scale, vf *zero) {
    float s[VF_LANES], z[VF_LANES];
    for (int l = 0; l < VF_LANES; l++) {
        int64_t i = b->scale_axis == along ? (first + l) / b->scale_run : 0;
        s[l] = first + l < end ? scale_of(b, i) : 0.0f;
        z[l] = first + l < end ? zero_of(b, i) : 0.0f;
    }
    *scale = vf_load(s);
    *zero = vf_load(z);
}

/* ---- columns contiguous ------------------------------------------------------------------------------------ */

/* m rows by nv vectors of columns from j on. */
VF_INLINE void columns(const int m, const int nv, const qn_dtype dtype, const qn_gemv *v, int64_t j, float *tiles) {
    const qn_gemm *g = v->g;
    const qn_operand *b = &g->b;
    vf acc[QN_GEMV_ROWS][WIDE], scale[WIDE], zero[WIDE];
    const bool scaled = b->scales != NULL, by_depth = scaled && b->scale_axis == QN_SCALE_DEPTH;
    for (int c = 0; c < nv; c++) {
        for (int i = 0; i < m; i++)
            acc[i][c] = vf_set1(0.0f);
        scale[c] = zero[c] = vf_set1(0.0f);
        if (scaled && !by_depth)
            scales_of(b, QN_SCALE_X, j + c * VF_LANES, g->n, &scale[c], &zero[c]);
    }
    for (int64_t k = 0; k < g->k; k++) {
        if (by_depth)
            for (int c = 0; c < nv; c++) {
                scale[c] = vf_set1(scale_of(b, k / b->scale_run));
                zero[c] = vf_set1(zero_of(b, k / b->scale_run));
            }
        VF_UNROLL
        for (int c = 0; c < nv; c++) {
            vf w = read_b(dtype, b->data, k * b->k_stride + j + c * VF_LANES, g->n - j - c * VF_LANES);
            if (scaled)
                w = vf_mul(vf_sub(w, zero[c]), scale[c]);
            VF_UNROLL
            for (int i = 0; i < m; i++)
                acc[i][c] = vf_fma(vf_set1(v->a[i * g->k + k]), w, acc[i][c]);
        }
    }
    for (int c = 0; c < nv; c++)
        for (int i = 0; i < m; i++)
            vf_store(tiles + (c / NV * QN_GEMV_ROWS + i) * NR + c % NV * VF_LANES, acc[i][c]);
}

/* ---- depth contiguous ----------------------------------------------------------------------------------------- */

/* m rows by n columns (1..DOTS) from j on. */
VF_INLINE void dots(const int m, const int n, const qn_dtype dtype, const qn_gemv *v, int64_t j, float *tile) {
    const qn_gemm *g = v->g;
    const qn_operand *b = &g->b;
    vf acc[QN_GEMV_ROWS][DOTS];
    const bool scaled = b->scales != NULL, by_depth = scaled && b->scale_axis == QN_SCALE_DEPTH;
    vf scale[DOTS], zero[DOTS];
    VF_UNROLL
    for (int c = 0; c < n; c++) {
        VF_UNROLL
        for (int i = 0; i < m; i++)
            acc[i][c] = vf_set1(0.0f);
        int64_t at = scaled && b->scale_axis == QN_SCALE_X ? (j + c) / b->scale_run : 0;
        scale[c] = vf_set1(scaled && !by_depth ? scale_of(b, at) : 0.0f);
        zero[c] = vf_set1(scaled && !by_depth ? zero_of(b, at) : 0.0f);
    }
    for (int64_t k = 0; k < g->k; k += VF_LANES) {
        int64_t left = g->k - k;
        if (by_depth) {
            scales_of(b, QN_SCALE_DEPTH, k, g->k, &scale[0], &zero[0]);
            for (int c = 1; c < n; c++) {
                scale[c] = scale[0];
                zero[c] = zero[0];
            }
        }
        vf x[QN_GEMV_ROWS];
        VF_UNROLL
        for (int i = 0; i < m; i++) /* zeros beyond the end */
            x[i] = vf_read_n(QN_F32, v->a, i * g->k + k, left);
        VF_UNROLL
        for (int c = 0; c < n; c++) {
            vf w = read_b(dtype, b->data, (j + c) * b->x_stride + k, left);
            if (scaled)
                w = vf_mul(vf_sub(w, zero[c]), scale[c]);
            VF_UNROLL
            for (int i = 0; i < m; i++)
                acc[i][c] = vf_fma(x[i], w, acc[i][c]);
        }
    }
    VF_UNROLL
    for (int c = 0; c < n; c++) {
        VF_UNROLL
        for (int i = 0; i < m; i++)
            tile[i * NR + c] = vf_sum(acc[i][c]);
    }
}

/* ---- coded -------------------------------------------------------------------------------------------------------- */

enum { CODED_DEPTH = 1024, CHAINS = 4 };

/* m rows by column j, depth contiguous: chains of sums hide the latency of additions. */
VF_INLINE void coded_dot(const int m, const qn_gemv *v, int64_t j, float *tile) {
    const qn_gemm *g = v->g;
    const qn_operand *b = &g->b;
    float w[CODED_DEPTH];
    vf acc[QN_GEMV_ROWS][CHAINS];
    for (int i = 0; i < m; i++)
        for (int c = 0; c < CHAINS; c++)
            acc[i][c] = vf_set1(0.0f);
    for (int64_t k0 = 0; k0 < g->k; k0 += CODED_DEPTH) {
        const int64_t kn = g->k - k0 < CODED_DEPTH ? g->k - k0 : CODED_DEPTH;
        int64_t k = 0;
        b->coded->decode(b->coded->c, b->first + j * b->x_stride + k0, kn, w);
        for (; k + CHAINS * VF_LANES <= kn; k += CHAINS * VF_LANES) {
            VF_UNROLL
            for (int c = 0; c < CHAINS; c++) {
                VF_UNROLL
                for (int i = 0; i < m; i++)
                    acc[i][c] = vf_fma(vf_load(v->a + i * g->k + k0 + k + c * VF_LANES), vf_load(w + k + c * VF_LANES),
                                       acc[i][c]);
            }
        }
        for (; k < kn; k += VF_LANES) {
            VF_UNROLL
            for (int i = 0; i < m; i++)
                acc[i][0] = vf_fma(vf_load_n(v->a + i * g->k + k0 + k, kn - k), vf_load_n(w + k, kn - k), acc[i][0]);
        }
    }
    for (int i = 0; i < m; i++)
        tile[i * NR] = vf_sum(vf_add(vf_add(acc[i][0], acc[i][1]), vf_add(acc[i][2], acc[i][3])));
}

/* m rows by the columns [j0, j1), at most QN_GEMV_COLUMNS, columns contiguous. */
VF_INLINE void coded_columns(const int m, const qn_gemv *v, int64_t j0, int64_t j1) {
    const qn_gemm *g = v->g;
    const qn_operand *b = &g->b;
    float w[QN_GEMV_COLUMNS], tiles[QN_GEMV_COLUMNS / NR][QN_GEMV_ROWS][NR];
    const int64_t n = j1 - j0;
    memset(w, 0, sizeof w);
    memset(tiles, 0, sizeof tiles);
    for (int64_t k = 0; k < g->k; k++) {
        b->coded->decode(b->coded->c, b->first + k * b->k_stride + j0, n, w);
        for (int64_t c = 0; c < n; c += VF_LANES)
            for (int i = 0; i < m; i++) {
                float *sum = &tiles[c / NR][i][c % NR];
                vf_store(sum, vf_fma(vf_set1(v->a[i * g->k + k]), vf_load(w + c), vf_load(sum)));
            }
    }
    for (int64_t c = 0; c < n; c += NR)
        VF_NAME(qn_gemm_isa).finish(&g->c, tiles[c / NR][0], 0, j0 + c, m, n - c < NR ? n - c : NR, NULL, NULL);
}

VF_INLINE void coded_group(const int m, const qn_gemv *v, int64_t j0, int64_t j1) {
    if (v->g->b.k_stride != 1) {
        for (int64_t j = j0; j < j1; j += QN_GEMV_COLUMNS)
            coded_columns(m, v, j, j1 - j < QN_GEMV_COLUMNS ? j1 : j + QN_GEMV_COLUMNS);
        return;
    }
    for (int64_t j = j0; j < j1; j += NR) {
        float tile[QN_GEMV_ROWS][NR];
        const int64_t n = j1 - j < NR ? j1 - j : NR;
        memset(tile, 0, sizeof tile);
        for (int64_t c = 0; c < n; c++)
            coded_dot(m, v, j + c, &tile[0][c]);
        VF_NAME(qn_gemm_isa).finish(&v->g->c, tile[0], 0, j, m, n, NULL, NULL);
    }
}

/* ---------------------------------------------------------------------------------------------------------------- */

VF_INLINE void group(const int m, const qn_dtype dtype, const qn_gemv *v, int64_t j0, int64_t j1) {
    const qn_gemm *g = v->g;
    const qn_gemm_isa *isa = &VF_NAME(qn_gemm_isa);
    if (g->b.x_stride == 1) {
        for (int64_t j = j0; j < j1; j += WIDE * VF_LANES) {
            float tiles[WIDE / NV][QN_GEMV_ROWS][NR];
            switch ((j1 - j + VF_LANES - 1) / VF_LANES) {
            case 1: columns(m, 1, dtype, v, j, tiles[0][0]); break;
            case 2: columns(m, 2, dtype, v, j, tiles[0][0]); break;
            case 3: columns(m, 3, dtype, v, j, tiles[0][0]); break;
            default: columns(m, WIDE, dtype, v, j, tiles[0][0]); break;
            }
            for (int64_t t = 0; t < WIDE / NV && j + t * NR < j1; t++)
                isa->finish(&g->c, tiles[t][0], 0, j + t * NR, m, j1 - j - t * NR < NR ? j1 - j - t * NR : NR, NULL,
                            NULL);
        }
        return;
    }
    for (int64_t j = j0; j < j1; j += NR) {
        float tile[QN_GEMV_ROWS][NR];
        int64_t n = j1 - j < NR ? j1 - j : NR, c = 0;
        memset(tile, 0, sizeof tile);
        for (; c + DOTS <= n; c += DOTS)
            dots(m, DOTS, dtype, v, j + c, &tile[0][c]);
        for (; c < n; c++)
            dots(m, 1, dtype, v, j + c, &tile[0][c]);
        isa->finish(&g->c, tile[0], 0, j, m, n, NULL, NULL);
    }
}

VF_INLINE void group_of_rows(const qn_dtype dtype, const qn_gemv *v, int64_t j0, int64_t j1) {
    switch (v->g->m) {
    case 1: group(1, dtype, v, j0, j1); break;
    case 2: group(2, dtype, v, j0, j1); break;
    case 3: group(3, dtype, v, j0, j1); break;
    default: group(4, dtype, v, j0, j1); break;
    }
}

void VF_NAME(qn_gemv)(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_gemv *v = arg;
    int64_t j0 = begin * QN_GEMV_COLUMNS, j1 = end * QN_GEMV_COLUMNS < v->g->n ? end * QN_GEMV_COLUMNS : v->g->n;
    if (v->g->b.coded) {
        switch (v->g->m) {
        case 1: coded_group(1, v, j0, j1); break;
        case 2: coded_group(2, v, j0, j1); break;
        case 3: coded_group(3, v, j0, j1); break;
        default: coded_group(4, v, j0, j1); break;
        }
        return;
    }
    switch (v->g->b.dtype) {
    case QN_F16: group_of_rows(QN_F16, v, j0, j1); break;
    case QN_BF16: group_of_rows(QN_BF16, v, j0, j1); break;
    case QN_I8: group_of_rows(QN_I8, v, j0, j1); break;
    case QN_U8: group_of_rows(QN_U8, v, j0, j1); break;
    default: group_of_rows(QN_F32, v, j0, j1); break;
    }
}
