/* Columns contiguous in memory: strips of columns sum over k, which ascends as in the packed product. Depth contiguous:
 * four columns at a time, each a dot product in lanes; the lanes are added at the end. */
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

/* A strip of columns is summed a few rows of B at a time, so that memory is read in long runs; its sums stay in the
 * first-level cache. While rows are multiplied those after them are fetched. */
enum { STRIP = 1024, STRIP_ROWS = 8, LINE = 64 };

/* sums[i][0..nv vectors) += rows [k0, k0 + kn) of m by those columns, `n` of them there, from j on. `zeros`: zero
 * points of the columns, or NULL; by_depth: scale and zero point are those of the row. */
VF_INLINE void strip_rows(const int m, const int nv, const qn_dtype dtype, const bool full, const qn_gemv *v, int64_t j,
                          int64_t n, int64_t k0, int64_t kn, bool by_depth, const float *zeros, float *sums) {
    const qn_operand *b = &v->g->b;
    const int64_t ahead = b->k_stride * STRIP_ROWS * (int64_t)qn_dtype_bytes(dtype);
    vf acc[QN_GEMV_ROWS][WIDE], zero[WIDE];
    VF_UNROLL
    for (int c = 0; c < nv; c++) {
        VF_UNROLL
        for (int i = 0; i < m; i++)
            acc[i][c] = vf_load(sums + i * STRIP + c * VF_LANES);
        zero[c] = zeros ? vf_load(zeros + c * VF_LANES) : vf_set1(0.0f);
    }
    for (int64_t k = k0; k < k0 + kn; k++) {
        const char *row = (const char *)b->data + (k * b->k_stride + j) * (int64_t)qn_dtype_bytes(dtype);
        const float scale = by_depth ? scale_of(b, k / b->scale_run) : 1.0f;
        for (int64_t at = 0; full && at < nv * VF_LANES * (int64_t)qn_dtype_bytes(dtype); at += LINE)
            __builtin_prefetch((const void *)((uintptr_t)row + (uintptr_t)(ahead + at)));
        if (by_depth && b->zero_points)
            for (int c = 0; c < nv; c++)
                zero[c] = vf_set1(zero_of(b, k / b->scale_run));
        VF_UNROLL
        for (int c = 0; c < nv; c++) {
            vf w = read_b(dtype, row, c * VF_LANES, full ? VF_LANES : n - c * VF_LANES);
            if (b->zero_points)
                w = vf_sub(w, zero[c]);
            VF_UNROLL
            for (int i = 0; i < m; i++)
                acc[i][c] = vf_fma(vf_set1(v->a[i * v->g->k + k] * scale), w, acc[i][c]);
        }
    }
    VF_UNROLL
    for (int c = 0; c < nv; c++) {
        VF_UNROLL
        for (int i = 0; i < m; i++)
            vf_store(sums + i * STRIP + c * VF_LANES, acc[i][c]);
    }
}

/* m rows by the columns [j0, j1), at most STRIP. */
VF_INLINE void strip(const int m, const qn_dtype dtype, const qn_gemv *v, int64_t j0, int64_t j1) {
    const qn_gemm *g = v->g;
    const qn_operand *b = &g->b;
    float sums[QN_GEMV_ROWS][STRIP] = {{0}}, zeros[STRIP], scales[STRIP];
    const bool scaled = b->scales != NULL, by_depth = scaled && b->scale_axis == QN_SCALE_DEPTH;
    const int64_t n = j1 - j0;
    for (int64_t c = 0; scaled && !by_depth && c < n; c += VF_LANES) {
        vf scale, zero;
        scales_of(b, QN_SCALE_X, j0 + c, g->n, &scale, &zero);
        vf_store(scales + c, scale);
        vf_store(zeros + c, zero);
    }
    for (int64_t k = 0; k < g->k; k += STRIP_ROWS) {
        const int64_t kn = g->k - k < STRIP_ROWS ? g->k - k : STRIP_ROWS;
        const bool columns_have_zeros = b->zero_points && !by_depth;
        int64_t c = 0;
        for (; c + WIDE * VF_LANES <= n; c += WIDE * VF_LANES)
            strip_rows(m, WIDE, dtype, true, v, j0 + c, n - c, k, kn, by_depth, columns_have_zeros ? zeros + c : NULL,
                       sums[0] + c);
        for (; c < n; c += VF_LANES)
            strip_rows(m, 1, dtype, false, v, j0 + c, n - c, k, kn, by_depth, columns_have_zeros ? zeros + c : NULL,
                       sums[0] + c);
    }
    for (int64_t c = 0; c < n; c += NR) {
        float tile[QN_GEMV_ROWS][NR];
        memset(tile, 0, sizeof tile);
        for (int i = 0; i < m; i++)
            for (int64_t l = 0; l < NR && c + l < n; l++)
                tile[i][l] = scaled && !by_depth ? sums[i][c + l] * scales[c + l] : sums[i][c + l];
        VF_NAME(qn_gemm_isa).finish(&g->c, tile[0], 0, j0 + c, m, n - c < NR ? n - c : NR, NULL, NULL);
    }
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
        scale[c] = vf_set1(scaled && !by_depth ? scale_of(b, at) : 1.0f);
        zero[c] = vf_set1(scaled && !by_depth ? zero_of(b, at) : 0.0f);
    }
    /* columns shorter than a page end before the machine sees that they are read in order: the next ones are asked for
     * meanwhile */
    const int64_t size = (int64_t)qn_dtype_bytes(dtype), stride = b->x_stride * size;
    const uintptr_t next = (uintptr_t)((j + n) * stride);
#define DOT_STEP(LEFT)                                                                                                 \
    do {                                                                                                               \
        vf x[QN_GEMV_ROWS];                                                                                            \
        VF_UNROLL                                                                                                      \
        for (int i = 0; i < m; i++) /* zeros beyond the end */                                                         \
            x[i] = vf_read_n(QN_F32, v->a, i * g->k + k, LEFT);                                                        \
        if (by_depth) {                                                                                                \
            vf s;                                                                                                      \
            scales_of(b, QN_SCALE_DEPTH, k, g->k, &s, &zero[0]);                                                       \
            for (int c = 1; c < n; c++)                                                                                \
                zero[c] = zero[0];                                                                                     \
            for (int i = 0; i < m; i++)                                                                                \
                x[i] = vf_mul(x[i], s);                                                                                \
        }                                                                                                              \
        VF_UNROLL                                                                                                      \
        for (int c = 0; c < n; c++) {                                                                                  \
            vf w = read_b(dtype, b->data, (j + c) * b->x_stride + k, LEFT);                                            \
            __builtin_prefetch((const void *)((uintptr_t)b->data + next + (uintptr_t)(c * stride + k * size)));        \
            if (b->zero_points)                                                                                        \
                w = vf_sub(w, zero[c]);                                                                                \
            VF_UNROLL                                                                                                  \
            for (int i = 0; i < m; i++)                                                                                \
                acc[i][c] = vf_fma(x[i], w, acc[i][c]);                                                                \
        }                                                                                                              \
    } while (0)
    int64_t k = 0;
    for (; k + VF_LANES <= g->k; k += VF_LANES)
        DOT_STEP(VF_LANES);
    if (k < g->k)
        DOT_STEP(g->k - k);
#undef DOT_STEP
    VF_UNROLL
    for (int c = 0; c < n; c++) {
        VF_UNROLL
        for (int i = 0; i < m; i++)
            tile[i * NR + c] = vf_sum(vf_mul(acc[i][c], scale[c]));
    }
}

/* ---- coded --------------------------------------------------------------------------------------------------------
 */

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

/* m rows by the columns [j0, j1), at most STRIP, columns contiguous. */
VF_INLINE void coded_columns(const int m, const qn_gemv *v, int64_t j0, int64_t j1) {
    const qn_gemm *g = v->g;
    const qn_operand *b = &g->b;
    float w[STRIP], sums[STRIP / NR][QN_GEMV_ROWS][NR];
    const int64_t n = j1 - j0;
    memset(w, 0, sizeof w);
    memset(sums, 0, sizeof sums);
    for (int64_t k = 0; k < g->k; k++) {
        b->coded->decode(b->coded->c, b->first + k * b->k_stride + j0, n, w);
        for (int64_t c = 0; c < n; c += VF_LANES) {
            VF_UNROLL
            for (int i = 0; i < m; i++) {
                float *sum = &sums[c / NR][i][c % NR];
                vf_store(sum, vf_fma(vf_set1(v->a[i * g->k + k]), vf_load(w + c), vf_load(sum)));
            }
        }
    }
    for (int64_t c = 0; c < n; c += NR)
        VF_NAME(qn_gemm_isa).finish(&g->c, sums[c / NR][0], 0, j0 + c, m, n - c < NR ? n - c : NR, NULL, NULL);
}

VF_INLINE void coded_group(const int m, const qn_gemv *v, int64_t j0, int64_t j1) {
    if (v->g->b.k_stride != 1) {
        for (int64_t j = j0; j < j1; j += STRIP)
            coded_columns(m, v, j, j1 - j < STRIP ? j1 : j + STRIP);
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

/* The rows by a few columns at a time, whose codes stay in the caches. */
static void dot_group(const qn_gemv *v, int64_t j0, int64_t j1) {
    const qn_coded *coded = v->g->b.coded;
    for (int64_t j = j0; j < j1; j += NR)
        for (int64_t i = 0; i < v->g->m; i += QN_DOT_ROWS) {
            float tile[QN_DOT_ROWS][NR];
            const int64_t n = j1 - j < NR ? j1 - j : NR;
            qn_dot_rows rows = v->rows;
            rows.m = v->g->m - i < QN_DOT_ROWS ? (int)(v->g->m - i) : QN_DOT_ROWS;
            rows.x += i * rows.stride;
            memset(tile, 0, sizeof tile);
            coded->dot->dot(coded->c, &rows, j, n, tile[0], NR);
            VF_NAME(qn_gemm_isa).finish(&v->g->c, tile[0], i, j, rows.m, n, NULL, NULL);
        }
}

/* ---------------------------------------------------------------------------------------------------------------- */

VF_INLINE void group(const int m, const qn_dtype dtype, const qn_gemv *v, int64_t j0, int64_t j1) {
    const qn_gemm *g = v->g;
    const qn_gemm_isa *isa = &VF_NAME(qn_gemm_isa);
    if (g->b.x_stride == 1) {
        for (int64_t j = j0; j < j1; j += STRIP)
            strip(m, dtype, v, j, j1 - j < STRIP ? j1 : j + STRIP);
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
    if (v->rows.x) {
        dot_group(v, j0, j1);
        return;
    }
    if (v->g->b.pack) {
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
