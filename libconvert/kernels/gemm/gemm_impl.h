/* Microkernel, packing and epilogue for one instruction set. Before including it define
 *
 *   GEMM_MR   rows of a tile
 *   GEMM_NV   vectors across a tile (1 or 2)
 *   GEMM_ROWS(X)  X(1) X(2) ... X(GEMM_MR)
 *
 * A tile needs MR*NV accumulators, NV registers for the row of B and one for an element of A: 6*2+3 of AVX2's 16,
 * 14*2+3 of AVX-512's 32. For each k it makes MR*NV multiply-adds from NV vector loads and MR broadcasts, so loads are
 * never the bottleneck, and B's panel (64 bytes * NV) and A's (4 bytes * MR) together ask (NV*VF_LANES + MR) * 4 bytes
 * for MR*NV multiply-adds: 184 bytes for 28 with AVX-512, which the second-level cache delivers. */
#include "kernels/gemm/gemm_isa.h"
#include "kernels/simd/activate.h"

enum { MR = GEMM_MR, NV = GEMM_NV, NR = NV * VF_LANES };

/* ---- microkernel -------------------------------------------------------------------------------- */

VF_INLINE void micro(const int mr, const int nv, int64_t kn, const float *a, const float *b, float *tile, bool add) {
    vf acc[MR][NV];
    if (add) {
        VF_UNROLL
        for (int i = 0; i < mr; i++) {
            VF_UNROLL
            for (int j = 0; j < nv; j++)
                acc[i][j] = vf_load(tile + i * NR + j * VF_LANES);
        }
    } else {
        VF_UNROLL
        for (int i = 0; i < mr; i++) {
            VF_UNROLL
            for (int j = 0; j < nv; j++)
                acc[i][j] = vf_set1(0.0f);
        }
    }
    for (int64_t k = 0; k < kn; k++) {
        vf row[NV];
        VF_UNROLL
        for (int j = 0; j < nv; j++)
            row[j] = vf_load(b + j * VF_LANES);
        VF_UNROLL
        for (int i = 0; i < mr; i++) {
            vf x = vf_set1(a[i]);
            VF_UNROLL
            for (int j = 0; j < nv; j++)
                acc[i][j] = vf_fma(x, row[j], acc[i][j]);
        }
        a += MR;
        b += NR;
    }
    VF_UNROLL
    for (int i = 0; i < mr; i++) {
        VF_UNROLL
        for (int j = 0; j < nv; j++)
            vf_store(tile + i * NR + j * VF_LANES, acc[i][j]);
    }
}

#define MICRO(ROWS)                                                                                                    \
    static void micro_##ROWS##_1(int64_t kn, const float *a, const float *b, float *tile, bool add) {                  \
        micro(ROWS, 1, kn, a, b, tile, add);                                                                           \
    }                                                                                                                  \
    static void micro_##ROWS##_2(int64_t kn, const float *a, const float *b, float *tile, bool add) {                  \
        micro(ROWS, NV, kn, a, b, tile, add);                                                                          \
    }
GEMM_ROWS(MICRO)

/* ---- packing -------------------------------------------------------------------------------------- */

VF_INLINE vf read_code(qn_dtype dtype, const void *base, int64_t index, int64_t n) {
    if (dtype == QN_I8)
        return vf_load_i8_n((const int8_t *)base + index, n);
    if (dtype == QN_U8)
        return vf_load_u8_n((const uint8_t *)base + index, n);
    return vf_read_n(dtype, base, index, n);
}

VF_INLINE float read_one(qn_dtype dtype, const void *base, int64_t index) {
    if (dtype == QN_I8)
        return (float)((const int8_t *)base)[index];
    if (dtype == QN_U8)
        return (float)((const uint8_t *)base)[index];
    return qn_read_float(dtype, base, index);
}

/* x contiguous: rows of the panel are runs of memory. */
VF_INLINE void pack_rows(const qn_dtype dtype, const void *data, int64_t first, int64_t k_stride, int64_t xn,
                         int64_t kn, int width, float *dst) {
    for (int64_t k = 0; k < kn; k++)
        for (int v = 0; v < width; v += VF_LANES) {
            vf r = read_code(dtype, data, first + k * k_stride + v, xn > v ? xn - v : 0);
            vf_write_n(QN_F32, dst, k * width + v, r, width - v);
        }
}

/* k contiguous: VF_LANES runs at a time, turned in registers. A store may run over into the next row of the panel,
 * which is written after it, but not over the panel's end. */
VF_INLINE void pack_columns(const qn_dtype dtype, const void *data, int64_t first, int64_t x_stride, int64_t xn,
                            int64_t kn, int width, float *dst) {
    for (int64_t k = 0; k < kn; k += VF_LANES) {
        int64_t depth = kn - k < VF_LANES ? kn - k : VF_LANES;
        for (int v = 0; v < width; v += VF_LANES) {
            vf r[VF_LANES];
            VF_UNROLL
            for (int i = 0; i < VF_LANES; i++)
                r[i] = v + i < xn ? read_code(dtype, data, first + (v + i) * x_stride + k, depth) : vf_set1(0.0f);
            vf_transpose(r);
            float *to = dst + k * width + v;
            bool whole = v + VF_LANES <= width || (v == 0 && (kn - k - VF_LANES) * width >= VF_LANES - width);
            if (whole && depth == VF_LANES) {
                VF_UNROLL
                for (int i = 0; i < VF_LANES; i++)
                    vf_store(to + i * width, r[i]);
            } else {
                VF_UNROLL
                for (int i = 0; i < VF_LANES; i++)
                    if (i < depth)
                        vf_write_n(QN_F32, to, i * width, r[i], width - v);
            }
        }
    }
}

static void pack_strided(const qn_operand *op, int64_t first, int64_t xn, int64_t kn, int width, float *dst) {
    for (int64_t k = 0; k < kn; k++)
        for (int64_t x = 0; x < width; x++)
            dst[k * width + x] =
                x < xn ? read_one(op->dtype, op->data, first + x * op->x_stride + k * op->k_stride) : 0.0f;
}

/* (code - zero point) * scale over a packed panel. */
static void apply_scales(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst) {
    for (int v = 0; v < width; v += VF_LANES) {
        int64_t n = width - v;
        float scale[VF_LANES], zero[VF_LANES]; /* for x = v ..: 0 in columns that are not there */
        for (int x = 0; x < VF_LANES; x++) {
            int64_t i = op->scale_axis == QN_SCALE_X && v + x < xn ? (x0 + v + x) / op->scale_run : 0;
            scale[x] = v + x < xn ? qn_read_float(op->scale_dtype, op->scales, i) : 0.0f;
            zero[x] = op->zero_points ? read_one(op->dtype, op->zero_points, i) : 0.0f;
        }
        vf s = vf_load(scale), z = vf_load(zero);
        for (int64_t k = 0; k < kn; k++) {
            if (op->scale_axis == QN_SCALE_DEPTH) {
                int64_t i = (k0 + k) / op->scale_run;
                s = vf_set1(qn_read_float(op->scale_dtype, op->scales, i));
                z = vf_set1(op->zero_points ? read_one(op->dtype, op->zero_points, i) : 0.0f);
                if (v + VF_LANES > xn) { /* columns that are not there stay 0 */
                    float there[VF_LANES];
                    for (int x = 0; x < VF_LANES; x++)
                        there[x] = v + x < xn ? 1.0f : 0.0f;
                    s = vf_mul(s, vf_load(there));
                }
            }
            vf c = vf_read_n(QN_F32, dst, k * width + v, n);
            vf_write_n(QN_F32, dst, k * width + v, vf_mul(vf_sub(c, z), s), n);
        }
    }
}

static void pack(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst) {
    if (op->pack) {
        op->pack(op, x0, xn, k0, kn, width, dst);
        return;
    }
    int64_t first = x0 * op->x_stride + k0 * op->k_stride;
#define BY_DTYPE(CALL)                                                                                                 \
    switch (op->dtype) {                                                                                               \
    case QN_F16: CALL(QN_F16); break;                                                                                  \
    case QN_BF16: CALL(QN_BF16); break;                                                                                \
    case QN_I8: CALL(QN_I8); break;                                                                                    \
    case QN_U8: CALL(QN_U8); break;                                                                                    \
    default: CALL(QN_F32); break;                                                                                      \
    }
#define ROWS(DT)    pack_rows(DT, op->data, first, op->k_stride, xn, kn, width, dst)
#define COLUMNS(DT) pack_columns(DT, op->data, first, op->x_stride, xn, kn, width, dst)
    if (op->x_stride == 1)
        BY_DTYPE(ROWS)
    else if (op->k_stride == 1)
        BY_DTYPE(COLUMNS)
    else
        pack_strided(op, first, xn, kn, width, dst);
    if (op->scales)
        apply_scales(op, x0, xn, k0, kn, width, dst);
}

/* ---- epilogue ---------------------------------------------------------------------------------------- */

VF_INLINE vf addend(const qn_addend *a, int64_t i, int64_t j, int64_t n) {
    if (a->col_stride == 0)
        return vf_set1(qn_read_float(a->dtype, a->data, i * a->row_stride));
    return vf_read_n(a->dtype, a->data, i * a->row_stride + j, n);
}

VF_INLINE void finish_as(const qn_activation_kind kind, const qn_gemm_out *c, const float *tile, int64_t i0, int64_t j0,
                         int mr, int64_t nr) {
    vf alpha = vf_set1(c->alpha), beta = vf_set1(c->beta);
    for (int i = 0; i < mr; i++)
        for (int v = 0; v < nr; v += VF_LANES) {
            int64_t n = nr - v;
            vf x = vf_mul(vf_load(tile + i * NR + v), alpha);
            if (c->bias.data)
                x = vf_fma(beta, addend(&c->bias, i0 + i, j0 + v, n), x);
            x = vf_activate(kind, &c->act, x);
            if (c->residual.data)
                x = vf_add(x, addend(&c->residual, i0 + i, j0 + v, n));
            vf_write_n(c->dtype, c->data, (i0 + i) * c->row_stride + j0 + v, x, n);
        }
}

static void finish(const qn_gemm_out *c, const float *tile, int64_t i, int64_t j, int mr, int64_t nr) {
    VF_BY_ACTIVATION(c->act.kind, finish_as(KIND, c, tile, i, j, mr, nr))
}

#define ENTRY(ROWS) [ROWS] = {NULL, micro_##ROWS##_1, micro_##ROWS##_2},
const qn_gemm_isa VF_NAME(qn_gemm_isa) = {
    .mr = MR, .nr = NR, .nv = NV, .micro = {GEMM_ROWS(ENTRY)}, .pack = pack, .finish = finish};
