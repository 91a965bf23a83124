/* Inputs of kernels as operands of the matrix product. */
#include "kernels/codec/codec.h"
#include "kernels/eval.h"
#include "kernels/gemm/gemm_isa.h"
#include "kernels/ref/x_quant.h"

bool qn_operand_accepts(const qn_kernel_args *args, int32_t index) {
    return qn_has(args, index) && qn_is_real(args->in[index].dtype);
}

bool qn_operands_are_int8(const qn_kernel_args *args, int32_t axis, int64_t depth) {
    const qn_const *w = qn_encoded(args, 1);
    qn_x_quant_mode mode;
    qn_x_quant fixed;
    return qn_x_quant_of(args->node, &mode, &fixed) && mode != QN_X_QUANT_NONE && w && qn_const_is_plain_affine(w) && w->block == 0 &&
           w->code_dtype == QN_I8 && w->symmetric && (w->axis < 0 || w->axis == axis) && depth <= QN_GEMM_INT8_DEPTH &&
           qn_gemm_has(args->ctx, QN_ARITH_INT8);
}

bool qn_addend_accepts(const qn_kernel_args *args, int32_t index) {
    return !qn_has(args, index) || (qn_is_real(args->in[index].dtype) && !qn_encoded(args, index));
}

qn_addend qn_addend_of(const qn_kernel_args *args, int32_t index, int64_t row_stride, int64_t col_stride) {
    if (!qn_has(args, index))
        return (qn_addend){.data = NULL};
    return (qn_addend){args->in[index].data, args->in[index].dtype, row_stride, col_stride};
}

qn_status qn_operand_of_input(const qn_kernel_args *args, int32_t index, int64_t x_stride, int64_t k_stride,
                              int32_t x_axis, int64_t x_run, int32_t k_axis, int64_t k_run, qn_operand *out) {
    const qn_const *c = qn_encoded(args, index);
    *out = (qn_operand){.x_stride = x_stride, .k_stride = k_stride, .scale_run = 1};
    if (!c) {
        out->data = args->in[index].data;
        out->dtype = args->in[index].dtype;
        return QN_OK;
    }
    qn_coded *coded;
    QN_NEW(args->ctx, args->scratch, coded);
    *coded = qn_coded_of(args->ctx, c);
    bool by_codes = qn_const_is_plain_affine(c) && c->block == 0 &&
                    (c->code_dtype == QN_I8 || c->code_dtype == QN_U8) &&
                    (c->axis < 0 || c->axis == x_axis || c->axis == k_axis);
    if (by_codes) {
        out->data = c->part[QN_PART_CODES].data;
        out->dtype = c->code_dtype;
        out->scales = c->part[QN_PART_SCALES].data;
        out->scale_dtype = c->scale_dtype;
        out->zero_points = c->symmetric ? NULL : c->part[QN_PART_ZERO_POINTS].data;
        out->scale_axis = c->axis < 0 ? QN_SCALE_TENSOR : c->axis == x_axis ? QN_SCALE_X : QN_SCALE_DEPTH;
        out->scale_run = c->axis < 0 ? 1 : c->axis == x_axis ? x_run : k_run;
        out->coded = coded;
        return QN_OK;
    }
    QN_TRY(qn_const_decode(args->ctx, c, 0, 0, NULL)); /* its parts are there */
    out->coded = coded;
    out->pack = qn_codec_pack;
    out->pack_arg = qn_gemm_isa_of(args->ctx);
    out->dtype = QN_F32;
    return QN_OK;
}

/* About where n elements from `at` on are stored is asked for: runs are so far apart that no hardware foresees the next
 * (beyond the part's end a prefetch does nothing). */
static void fetch(const qn_const *c, double bytes_an_element, int64_t at, int64_t n) {
    enum { LINE = 64 };
    const uintptr_t first = (uintptr_t)c->part[0].data + (uintptr_t)((double)at * bytes_an_element),
                    end = first + (uintptr_t)((double)n * bytes_an_element);
    for (uintptr_t line = first / LINE * LINE; line <= end; line += LINE)
        __builtin_prefetch((const void *)line);
}

void qn_codec_pack(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst) {
    enum { RUN = 128, AHEAD = 4 };
    float values[RUN * QN_GEMM_MAX_WIDTH];
    const qn_gemm_isa *isa = op->pack_arg;
    const qn_coded *coded = op->coded;
    const bool by_depth = op->k_stride == 1 || op->x_stride != 1;
    qn_operand plain = {
        .data = values, .dtype = QN_F32, .x_stride = by_depth ? RUN : 1, .k_stride = by_depth ? 1 : xn, .scale_run = 1};
    const int64_t numel = qn_const_numel(coded->c);
    const double bytes = numel > 0 ? (double)coded->c->part[0].n / (double)numel : 0;
    for (int64_t k = 0; k < kn; k += RUN) {
        const int64_t n = kn - k < RUN ? kn - k : RUN, from = op->first + x0 * op->x_stride + (k0 + k) * op->k_stride;
        for (int64_t i = 0; i < (by_depth ? xn : n); i++) {
            const int64_t at = from + i * (by_depth ? op->x_stride : op->k_stride);
            float *to = values + i * (by_depth ? RUN : xn);
            fetch(coded->c, bytes, at + (by_depth ? AHEAD * op->x_stride : AHEAD * op->k_stride), by_depth ? n : xn);
            if (op->k_stride == 1 || op->x_stride == 1)
                coded->decode(coded->c, at, by_depth ? n : xn, to);
            else
                for (int64_t j = 0; j < n; j++)
                    coded->decode(coded->c, at + j * op->k_stride, 1, to + j);
        }
        isa->pack(&plain, 0, xn, 0, n, width, dst + k * width);
    }
}

void qn_operand_advance(qn_operand *op, int64_t elems, int64_t x) {
    op->first += elems;
    op->data = qn_elem(op->data, op->dtype, elems);
    if (op->scales && op->scale_axis == QN_SCALE_X) {
        op->scales = qn_elem(op->scales, op->scale_dtype, x / op->scale_run);
        op->zero_points = qn_elem(op->zero_points, op->dtype, x / op->scale_run);
    }
}
