/* ConvTranspose: columns = Wᵀ [M/g taps, C/g] · X [C/g, in_plane] for some output channels at a time, then every output
 * sums the columns that lie over it:
 *
 *   Y[m, oh, ow] = B[m] + sum over taps with ih sh - ph + kh dh = oh, iw sw - pw + kw dw = ow of columns[m, tap][ih,
 * iw]
 *
 * Outputs gather, so threads do not meet. Taps are visited in order, one row of outputs at a time. Where windows meet
 * without overlapping (kernel = stride), a row of outputs is the columns of its taps woven together. */
#include "base/checked.h"
#include "base/half.h"
#include "base/pool.h"
#include "kernels/conv/conv_isa.h"
#include "kernels/gemm/fake_quant.h"

#include <string.h>

enum { COLUMNS_BYTES = 4 << 20 };

bool qn_conv_accepts_ConvTranspose(const qn_kernel_args *args) {
    return qn_operand_accepts(args, 0) && qn_operand_accepts(args, 1) && !qn_encoded(args, 0) &&
           qn_addend_accepts(args, 2) && qn_is_real(args->out[0].dtype) &&
           (args->in[0].rank == 3 || args->in[0].rank == 4) && qn_fake_quant_accepts(args);
}

typedef struct gather {
    const qn_conv *c;
    const qn_conv_isa *isa;
    bool tiled;           /* windows cover the outputs without overlapping */
    const float *columns; /* [m, taps, in_plane] */
    qn_addend bias;
    qn_dtype dtype;
    void *y;     /* plane of the first of these channels */
    float *rows; /* for each worker w.out floats */
} gather;

/* Add the columns of one tap to row[ow] for every ow = iw stride + shift inside the row. */
static void add_tap(const qn_conv *c, const float *from, int64_t shift, float *row) {
    const int64_t s = c->w.stride;
    int64_t lo = shift < 0 ? (-shift + s - 1) / s : 0;
    int64_t hi = shift >= c->w.out ? 0 : (c->w.out - 1 - shift) / s + 1;
    if (hi > c->w.in)
        hi = c->w.in;
    if (s == 1)
        for (int64_t i = lo; i < hi; i++)
            row[i + shift] += from[i];
    else
        for (int64_t i = lo; i < hi; i++)
            row[i * s + shift] += from[i];
}

/* Items are rows of outputs: channel * h.out + oh. */
static void gather_rows(void *arg, int64_t begin, int64_t end, int worker) {
    const gather *g = arg;
    const qn_conv *c = g->c;
    float *own = g->rows + (int64_t)worker * c->w.out;
    for (int64_t i = begin; i < end; i++) {
        int64_t m = i / c->h.out, oh = i % c->h.out;
        float *row = g->dtype == QN_F32 ? (float *)g->y + i * c->w.out : own;
        float bias = 0;
        if (g->bias.data) {
            const void *b = qn_elem(g->bias.data, g->bias.dtype, m);
            bias = g->bias.dtype == QN_F16    ? qn_f16_to_f32(*(const uint16_t *)b)
                   : g->bias.dtype == QN_BF16 ? qn_bf16_to_f32(*(const uint16_t *)b)
                                              : *(const float *)b;
        }
        if (g->tiled) {
            int64_t from = (m * c->taps + oh % c->h.stride * c->w.kernel) * c->in_plane + oh / c->h.stride * c->w.in;
            g->isa->weave(g->columns + from, c->in_plane, c->w.stride, c->w.in, bias, row);
        } else {
            for (int64_t j = 0; j < c->w.out; j++)
                row[j] = bias;
        }
        for (int64_t kh = 0; kh < c->h.kernel && !g->tiled; kh++) {
            int64_t at = oh + c->h.pad_begin - kh * c->h.dilation;
            if (at < 0 || at % c->h.stride != 0 || at / c->h.stride >= c->h.in)
                continue;
            const float *from =
                g->columns + (m * c->taps + kh * c->w.kernel) * c->in_plane + at / c->h.stride * c->w.in;
            for (int64_t kw = 0; kw < c->w.kernel; kw++)
                add_tap(c, from + kw * c->in_plane, kw * c->w.dilation - c->w.pad_begin, row);
        }
        if (g->dtype == QN_F16)
            qn_f32_to_f16_n(row, (uint16_t *)g->y + i * c->w.out, (size_t)c->w.out);
        else if (g->dtype == QN_BF16)
            qn_f32_to_bf16_n(row, (uint16_t *)g->y + i * c->w.out, (size_t)c->w.out);
    }
}

static bool is_tiled(const qn_spatial_axis *a) {
    return a->kernel == a->stride && a->dilation == 1 && a->pad_begin == 0 && a->out == a->in * a->stride;
}

/* Output channels [m0, m1) of group g of image n. */
static qn_status channels(const qn_kernel_args *args, const qn_conv *c, const qn_operand *w, int64_t image,
                          int64_t group, int64_t m0, int64_t m1, float *columns, float *rows) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    qn_gemm g = qn_gemm_make((m1 - m0) * c->taps, c->in_plane, c->c);
    g.a = *w;
    qn_operand_advance(&g.a, group * c->c * c->m * c->taps + m0 * c->taps, m0 * c->taps);
    g.b = (qn_operand){.data = qn_elem(x->data, x->dtype, (image * c->groups + group) * c->c * c->in_plane),
                       .dtype = x->dtype,
                       .x_stride = 1,
                       .k_stride = c->in_plane,
                       .scale_run = 1};
    g.c.data = columns;
    g.c.dtype = QN_F32;
    g.c.row_stride = c->in_plane;
    QN_TRY(qn_gemm_run(args->ctx, &g));
    int64_t first = group * c->m + m0;
    gather job = {.c = c,
                  .isa = qn_conv_isa_of(args->ctx),
                  .tiled = is_tiled(&c->h) && is_tiled(&c->w),
                  .columns = columns,
                  .bias = qn_addend_of(args, 2, 1, 0),
                  .dtype = y->dtype,
                  .rows = rows};
    job.bias.data = qn_elem(job.bias.data, job.bias.dtype, first);
    job.y = (char *)y->data + (image * c->groups * c->m + first) * c->out_plane * (int64_t)qn_dtype_bytes(y->dtype);
    qn_parallel_for(args->ctx, (m1 - m0) * c->h.out, 1 + (16 << 10) / (1 + c->w.out * c->taps), gather_rows, &job);
    return QN_OK;
}

qn_status qn_conv_ConvTranspose(const qn_kernel_args *given) {
    qn_conv c;
    qn_fake_quant view;
    const qn_kernel_args *args = &view.args;
    QN_TRY(qn_fake_quant_view(given, 1, &view));
    QN_TRY(qn_conv_read(args, true, &c));
    if (c.images == 0 || c.m == 0 || c.out_plane == 0)
        return QN_OK;
    int64_t per_channel, n;
    size_t bytes;
    if (!qn_mul_i64(c.taps, c.in_plane, &per_channel) || !qn_mul_i64(per_channel, (int64_t)sizeof(float), &n))
        return qn_fail_memory(args->ctx, SIZE_MAX, "a transposed convolution");
    int64_t chunk = n > 0 ? COLUMNS_BYTES / n : c.m;
    chunk = chunk < 1 ? 1 : chunk > c.m ? c.m : chunk;
    int64_t rows = qn_pool_threads(args->ctx) * c.w.out;
    if (!qn_mul_i64(chunk, per_channel, &n) || !qn_add_i64(n, rows, &n) ||
        !qn_mul_size((size_t)n, sizeof(float), &bytes))
        return qn_fail_memory(args->ctx, SIZE_MAX, "a transposed convolution");
    qn_operand w;
    /* scales along the input channels of a later group would not start at 0: expanded then */
    QN_TRY(qn_operand_of_input(args, 1, 1, c.m * c.taps, 1, c.taps, c.groups == 1 ? 0 : -1, 1, &w));
    float *scratch = qn_scratch_take(args->ctx, bytes);
    if (!scratch)
        return qn_fail_memory(args->ctx, bytes, "a transposed convolution");
    qn_status status = QN_OK;
    for (int64_t i = 0; status == QN_OK && i < c.images * c.groups; i++)
        for (int64_t m = 0; status == QN_OK && m < c.m; m += chunk)
            status = channels(args, &c, &w, i / c.groups, i % c.groups, m, m + chunk < c.m ? m + chunk : c.m,
                              scratch + rows, scratch);
    qn_scratch_give(args->ctx, scratch);
    return status;
}
