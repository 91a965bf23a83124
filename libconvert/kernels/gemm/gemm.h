/* The matrix product at the heart of MatMul, Gemm, Linear, Conv, ConvTranspose and the recurrent ops:
 *
 *     C[m, n] = epilogue(sum over k of A[m, k] B[k, n])
 *
 * Both operands are packed into panels (A: up to MR rows, B: NR columns, depth outside) while they are decoded from
 * their storage; a microkernel multiplies two panels into a tile in registers; the epilogue turns a finished tile
 * into the output's storage while it is in the first-level cache.
 *
 * Panels hold *units* of four bytes, whatever the arithmetic, so that one driver serves all three:
 *
 *     arithmetic   a unit is                            a step of the microkernel adds
 *     F32          one float32                          a b
 *     BF16         two bfloat16, neighbours in k        a0 b0 + a1 b1, in float32
 *     INT8         four bytes, neighbours in k          a0 b0 + ... + a3 b3, exactly, in int32
 *
 * In INT8 one operand is unsigned (numbers that are quantised while they are packed, or an image that already is) and
 * the other one int8 codes; what their scales and zero points make of the sum is a factor and a correction for each row
 * and column (qn_side).
 *
 * The smaller of the two operands is packed whole, in parallel (in chunks of QN_GEMM_SHARED_BYTES when it is larger);
 * the other is packed by each piece of work for itself, next to where it is used. So each weight is read once and no
 * packed copy outlives the call. Products with up to four rows, or one column, do not pack at all (gemv.h).
 *
 * The pieces, and the order in which each element is summed, do not depend on the number of threads: neither do the
 * bits.
 */
#ifndef QN_KERNELS_GEMM_GEMM_H
#define QN_KERNELS_GEMM_GEMM_H

#include "kernels/activation.h"

/** What a product is computed in. */
typedef enum qn_arith { QN_ARITH_F32, QN_ARITH_BF16, QN_ARITH_INT8, QN_ARITH_COUNT } qn_arith;

/** Which index of an operand its scales follow. `x` is the index that is not summed: m of A, n of B. */
typedef enum qn_scale_axis { QN_SCALE_TENSOR, QN_SCALE_X, QN_SCALE_DEPTH } qn_scale_axis;

typedef struct qn_operand qn_operand;

/** Write elements x0..x0+xn, k0..k0+kn of the operand to dst[kn][width], zeros in columns xn..width. */
typedef void (*qn_pack_fn)(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst);

/** What is multiplied: element (x, k) is data[x * x_stride + k * k_stride], times a scale when there are scales. */
struct qn_operand {
    const void *data;
    qn_dtype dtype; /**< F32, F16, BF16; I8 or U8 with scales */
    int64_t x_stride, k_stride;
    const void *scales;      /**< NULL: none. Value = (code - zero_point) * scale */
    qn_dtype scale_dtype;    /**< F32 or F16 */
    const void *zero_points; /**< dtype of the codes; NULL: 0 */
    qn_scale_axis scale_axis;
    int64_t scale_run; /**< that many neighbours along the axis share a scale (>= 1) */
    qn_pack_fn pack;   /**< or NULL; then data is what this function makes of it */
    const void *pack_arg;
    const struct qn_coded *coded; /**< or NULL; the constant behind (kernels/codec/codec.h). When data is NULL, element
                                     (x, k) is its element first + x * x_stride + k * k_stride, and pack decodes it */
    int64_t first;
    bool packs_units;  /**< pack writes units of the product's arithmetic, k0 and kn counted in units */
    bool quantise;     /**< INT8, k_stride 1: real numbers, each x of all k quantised by itself (qn_x_quant) */
    bool is_fixed;     /**< with quantise: by unit_scale and unit_zero, all x alike */
    bool is_unsigned;  /**< INT8: its bytes are unsigned; so they are where quantise is set */
    float unit_scale;  /**< INT8 with packs_units or is_fixed: value = (byte - unit_zero) * unit_scale, for all x ... */
    int32_t unit_zero; /**< ... and a byte that is not there is unit_zero */
};

/** Something added to the product: element (m, n) is data[m * row_stride + n * col_stride], col_stride 0 or 1. */
typedef struct qn_addend {
    const void *data; /**< NULL: nothing */
    qn_dtype dtype;   /**< F32, F16, BF16 */
    int64_t row_stride, col_stride;
} qn_addend;

/** C[m, n] = act(alpha * product + beta * bias) + residual, at data[m * row_stride + n]. */
typedef struct qn_gemm_out {
    void *data;
    qn_dtype dtype; /**< F32, F16, BF16 */
    int64_t row_stride;
    float alpha, beta;
    qn_addend bias, residual;
    qn_activation act;
} qn_gemm_out;

typedef struct qn_gemm qn_gemm;
struct qn_gemm {
    qn_arith arith;
    int64_t m, n, k;
    qn_operand a, b;
    qn_gemm_out c;
    int64_t n_batch;                                          /**< products of the same size, >= 0 */
    void (*at)(qn_gemm *one, int64_t batch, const void *arg); /**< moves the pointers of a copy to those of product
                                    `batch`; NULL when n_batch is 1 */
    const void *at_arg;
};

enum { QN_GEMM_SHARED_BYTES = 8 << 20 };

/** Can this machine do it so? F32: always. */
bool qn_gemm_has(const qn_context *ctx, qn_arith arith);
/** BF16 where both operands' numbers are bfloat16 and the machine has it, else F32: the products are the same, exact.
 */
qn_arith qn_gemm_arith_of(const qn_context *ctx, qn_dtype a, qn_dtype b);
/** Depth that sums of INT8 can have without leaving int32: 2^31 / (255 * 127), rounded down to a power of two. */
enum { QN_GEMM_INT8_DEPTH = 1 << 16 };

/** A product in float32 of one batch with alpha 1, beta 1 and nothing added. */
qn_gemm qn_gemm_make(int64_t m, int64_t n, int64_t k);

/** Run it. Fails only for lack of memory. */
QN_MUST_USE qn_status qn_gemm_run(qn_context *ctx, const qn_gemm *g);

/** Operand over input `index` of a kernel, strides in elements. Dense float32, float16 and bfloat16 are read in place,
 * a constant of an AFFINE encoding without blocks as its codes; other encodings of matrices and of convolutions are
 * decoded while they are packed, of other tensors they are expanded into the kernel's scratch. x walks over dimension
 * x_axis of the tensor, each index of that dimension lasting x_run steps of x; k_axis and k_run say the same of k
 * (scales follow one of these; an axis of -1: none). */
QN_MUST_USE qn_status qn_operand_of_input(const qn_kernel_args *args, int32_t index, int64_t x_stride, int64_t k_stride,
                                          int32_t x_axis, int64_t x_run, int32_t k_axis, int64_t k_run,
                                          qn_operand *out);
/** Can input `index` be an operand: float32, float16 or bfloat16, dense or encoded? */
bool qn_operand_accepts(const qn_kernel_args *args, int32_t index);
/** Is the node's product one of integers here: its input quantised (x_quant), its weight (input 1) symmetric int8 codes
 *  with a scale for each index of `axis` or one, sums of `depth` within int32, and the arithmetic there? */
bool qn_operands_are_int8(const qn_kernel_args *args, int32_t axis, int64_t depth);
/** Is input `index` there, dense, of one of these dtypes; or absent? */
bool qn_addend_accepts(const qn_kernel_args *args, int32_t index);
/** Move `op` on by `elems` elements of its tensor that are `x` steps of x (groups of a convolution). */
void qn_operand_advance(qn_operand *op, int64_t elems, int64_t x);
/** Addend over input `index`; nothing when it is absent. */
qn_addend qn_addend_of(const qn_kernel_args *args, int32_t index, int64_t row_stride, int64_t col_stride);
/** p + n elements. */
static inline const void *qn_elem(const void *p, qn_dtype dtype, int64_t n) {
    return p ? (const char *)p + n * (int64_t)qn_dtype_bytes(dtype) : NULL;
}
static inline bool qn_is_real(qn_dtype d) { return d == QN_F32 || d == QN_F16 || d == QN_BF16; }
static inline bool qn_has(const qn_kernel_args *args, int32_t i) {
    return i < args->n_in && args->in[i].dtype != QN_NONE;
}
/** The constant behind input i when it is encoded, else NULL. */
static inline const qn_const *qn_encoded(const qn_kernel_args *args, int32_t i) {
    return args->in_const ? args->in_const[i] : NULL;
}

#endif
