/* Panels of float32 from operands of any storage, for one instruction set. */
#include "kernels/gemm/gemm_isa.h"
#include "kernels/simd/simd.h"

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

/* x contiguous: rows of the panel are runs of memory, so far apart that no hardware foresees the next: those AHEAD are
 * asked for (beyond the operand's end a prefetch does nothing). */
enum { AHEAD = 16 };
VF_INLINE void pack_rows(const qn_dtype dtype, const void *data, int64_t first, int64_t k_stride, int64_t xn,
                         int64_t kn, int width, float *dst) {
    for (int64_t k = 0; k < kn; k++)
        for (int v = 0; v < width; v += VF_LANES) {
            __builtin_prefetch((const char *)data +
                               (first + (k + AHEAD) * k_stride + v) * (int64_t)qn_dtype_bytes(dtype));
            vf r = read_code(dtype, data, first + k * k_stride + v, xn > v ? xn - v : 0);
            vf_write_n(QN_F32, dst, k * width + v, r, width - v);
        }
}

/* VF_LANES rows of a panel from registers that were turned, `depth` of them; columns v.. of `width`. A store may run
 * over into the next row, which is written after it, but not over the panel's end: `left` rows of it follow. */
VF_INLINE void store_turned(const vf r[VF_LANES], float *to, int width, int v, int64_t depth, int64_t left) {
    bool whole = v + VF_LANES <= width || (v == 0 && left * width >= VF_LANES - width);
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

/* k contiguous: VF_LANES runs at a time, turned in registers. */
VF_INLINE void pack_columns(const qn_dtype dtype, const void *data, int64_t first, int64_t x_stride, int64_t xn,
                            int64_t kn, int width, float *dst) {
    for (int64_t k = 0; width == 1 && k < kn; k += VF_LANES)
        vf_write_n(QN_F32, dst, k, read_code(dtype, data, first + k, kn - k), kn - k);
    for (int64_t k = 0; width > 1 && k < kn; k += VF_LANES) {
        int64_t depth = kn - k < VF_LANES ? kn - k : VF_LANES;
        for (int v = 0; v < width; v += VF_LANES) {
            vf r[VF_LANES];
            VF_UNROLL
            for (int i = 0; i < VF_LANES; i++)
                r[i] = v + i < xn ? read_code(dtype, data, first + (v + i) * x_stride + k, depth) : vf_set1(0.0f);
            vf_transpose(r);
            store_turned(r, dst + k * width + v, width, v, depth, kn - k - VF_LANES);
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
