/* Convolution in bfloat16 and int8 arithmetic: the packed product over an image of units.
 *
 * A unit of these arithmetics is two or four numbers that are neighbours in the sum (gemm.h). Here they are
 * neighbouring channels of one position:
 *
 *     image [C, H, W]   ->   units [ceil(C / G)][H][W]      G = 2 bfloat16, or 4 codes of x (docs/ops.md, x_quant)
 *
 * Under a tap the units of neighbouring outputs are runs, as float32 would be, so the packing of conv/pack_impl.h
 * copies them as it copies those. The weights [M, C, taps] are packed in the same order of the sum, (c / G, tap, c %
 * G). Channels that are not there have weight 0.
 *
 * The image is rewritten a band of output rows (of output columns, where there is one row) at a time, so that its units
 * stay near and few. */
#include "base/checked.h"
#include "base/half.h"
#include "base/pool.h"
#include "kernels/conv/conv_isa.h"
#include "kernels/gemm/gemm_isa.h"

#include <math.h>
#include <string.h>

enum {
    BAND_UNITS = 1 << 20,     /* of a band, where rows can be cut so small */
    MAX_BAND_UNITS = 2 << 20, /* of one row of outputs */
    RUN = 4 << 10,            /* units that are made at a time */
    PIECE_UNITS = 16 << 10,   /* of a piece of work */
    PACK_ROWS = 128           /* weights of each output channel that are decoded at a time */
};

typedef struct narrow {
    qn_conv c; /* a pointwise one as one row of in_plane columns */
    const qn_conv_isa *isa;
    qn_pack_fn pack; /* float32 */
    qn_arith arith;
    int64_t unit, channels; /* elements of a unit; ceil(c.c / unit) */
    qn_tensor x;
    qn_operand w; /* of the group, k over (channel, tap) */
    const qn_x_quant *quant;
    int64_t step_h, step_w;     /* output rows and columns of a band */
    qn_conv band;               /* the convolution that makes a band's outputs from its units */
    int64_t batch, row, column; /* where the band is: image * groups + group, rows and columns of the image */
    uint32_t *units;            /* [channels][band.h.in][band.w.in] */
} narrow;

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

/* ---- bands -------------------------------------------------------------------------------------------- */

static int64_t window(const qn_spatial_axis *a) { return (a->kernel - 1) * a->dilation + 1; }
/* Most input positions under n neighbouring output positions. */
static int64_t extent(const qn_spatial_axis *a, int64_t n) {
    return n > (a->in - 1) / a->stride + 1 ? a->in : min64(a->in, (n - 1) * a->stride + window(a));
}
/* Output positions, >= 1, that need at most `most` input positions where that can be; cut into even steps. */
static int64_t step_of(const qn_spatial_axis *a, int64_t most) {
    if (most >= a->in)
        return a->out;
    const int64_t n = most < window(a) ? 1 : min64(a->out, (most - window(a)) / a->stride + 1);
    return ceil_div(a->out, ceil_div(a->out, n));
}

/* Output positions o0 .. o0 + n of an axis as an axis of their own, whose input starts at *from. */
static qn_spatial_axis cut(const qn_spatial_axis *a, int64_t o0, int64_t n, int64_t *from) {
    qn_spatial_axis b = *a;
    int64_t first = o0 * a->stride - a->pad_begin, end = first + (n - 1) * a->stride + window(a);
    *from = first < 0 ? 0 : min64(first, a->in);
    end = end < *from ? *from : min64(end, a->in);
    b.in = end - *from;
    b.out = n;
    b.pad_begin = *from - first;
    return b;
}

/* The sizes of bands; false when they would be too large. */
static bool lay_out(narrow *d, int64_t *units) {
    const qn_spatial_axis *h = &d->c.h, *w = &d->c.w;
    const int64_t most = BAND_UNITS / d->channels;
    d->step_h = h->out == 1 ? 1 : step_of(h, most / w->in);
    const int64_t rows = extent(h, d->step_h);
    d->step_w = h->out > 1 ? w->out : step_of(w, most / rows);
    return qn_mul_i64(rows, extent(w, d->step_w), units) && qn_mul_i64(*units, d->channels, units) &&
           *units <= MAX_BAND_UNITS;
}

static narrow make(const qn_kernel_args *args, const qn_conv *c, qn_arith arith) {
    narrow d = {.c = *c,
                .isa = qn_conv_isa_of(args->ctx),
                .pack = qn_gemm_isa_of(args->ctx)->pack,
                .arith = arith,
                .unit = qn_gemm_isa_for(args->ctx, arith)->unit,
                .x = args->in[0]};
    if (qn_conv_pointwise(c)) {
        d.c.h = (qn_spatial_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
        d.c.w.in = d.c.w.out = c->out_plane;
    }
    d.channels = ceil_div(c->c, d.unit);
    return d;
}

/* ---- units ---------------------------------------------------------------------------------------------- */

/* Items are runs of a row of a channel of units, or of the whole band's plane where that is one run of the image. */
static int64_t row_units(const narrow *d) {
    return d->band.w.in == d->c.w.in ? d->band.h.in * d->band.w.in : d->band.w.in;
}

static void make_units(void *arg, int64_t begin, int64_t end, int worker) {
    static const uint16_t zeros[RUN];
    (void)worker;
    const narrow *d = arg;
    const int64_t length = row_units(d), plane = d->band.in_plane, runs = ceil_div(length, RUN), rows = plane / length;
    for (int64_t i = begin; i < end; i++) {
        const int64_t at = i % runs * RUN, row = i / runs % rows, u = i / runs / rows, n = min64(RUN, length - at);
        const int64_t from = (d->row + row) * d->c.w.in + d->column + at;
        const void *channel[4];
        for (int64_t k = 0; k < d->unit; k++) {
            const int64_t c = min64(u * d->unit + k, d->c.c - 1);
            channel[k] = qn_elem(d->x.data, d->x.dtype, (d->batch * d->c.c + c) * d->c.in_plane + from);
        }
        uint32_t *to = d->units + u * plane + row * length + at;
        if (d->arith == QN_ARITH_INT8)
            d->isa->weave_codes(d->x.dtype, channel, n, &d->quant[d->batch / d->c.groups], to);
        else
            d->isa->weave_pairs(channel[0], 2 * u + 1 < d->c.c ? channel[1] : zeros, n, to);
    }
}

/* qn_pack_fn: int8 codes [M, C, taps]. */
static void pack_codes(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst) {
    const narrow *d = op->pack_arg;
    const int64_t taps = d->c.taps;
    memset(dst, 0, (size_t)(kn * width) * sizeof *dst);
    for (int64_t x = 0; x < xn; x++) {
        const int8_t *row = (const int8_t *)op->data + (x0 + x) * d->c.c * taps;
        char *to = (char *)(dst + x);
        for (int64_t k = k0, n; k < k0 + kn; k += n) {
            const int64_t tap = k % taps, first = k / taps * 4;
            const int8_t *from = row + first * taps + tap;
            n = min64(taps - tap, k0 + kn - k);
            for (int64_t i = 0; i < min64(4, d->c.c - first); i++)
                for (int64_t t = 0; t < n; t++)
                    to[4 * (k - k0 + t) * width + i] = (char)from[i * taps + t];
        }
    }
}

/* qn_pack_fn: weights [M, C, taps] of any encoding, by way of float32: some taps of a pair of channels, or some whole
 * pairs. */
static void pack_pairs(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int width, float *dst) {
    const narrow *d = op->pack_arg;
    const int64_t taps = d->c.taps;
    for (int64_t k = k0, n; k < k0 + kn; k += n) {
        const int64_t tap = k % taps, first = k / taps * 2, left = min64(taps - tap, k0 + kn - k);
        const int64_t whole = left < taps ? 0 : min64((k0 + kn - k) / taps, PACK_ROWS / (2 * taps));
        const int64_t run = whole ? taps : min64(left, PACK_ROWS / 2); /* of neighbours in the weights */
        float numbers[PACK_ROWS * QN_GEMM_MAX_WIDTH];
        uint16_t rows[PACK_ROWS * QN_GEMM_MAX_WIDTH];
        n = whole ? whole * taps : run;
        const int64_t in_pairs = 2 * n, there = min64(whole ? 2 * whole : 2, d->c.c - first) * run;
        for (int64_t i = 0; i < there; i += whole ? there : run)
            d->pack(&d->w, x0, xn, first * taps + tap + (whole ? 0 : i / run * taps), whole ? there : run, width,
                    numbers + i * width);
        memset(numbers + there * width, 0, (size_t)((in_pairs - there) * width) * sizeof *numbers);
        qn_f32_to_bf16_n(numbers, rows, (size_t)(in_pairs * width));
        for (int64_t i = 0; i < n; i += run)
            d->isa->weave_pairs(rows + 2 * i * width, rows + (2 * i + run) * width, run * width,
                                (uint32_t *)(void *)(dst + (k - k0 + i) * width));
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static qn_status run_band(qn_context *ctx, narrow *d, const qn_gemm_out *out, int64_t h0, int64_t w0) {
    const int64_t first = h0 * d->c.w.out + w0;
    d->band = d->c;
    d->band.h = cut(&d->c.h, h0, min64(d->step_h, d->c.h.out - h0), &d->row);
    d->band.w = cut(&d->c.w, w0, min64(d->step_w, d->c.w.out - w0), &d->column);
    d->band.in_plane = d->band.h.in * d->band.w.in;
    if (d->band.in_plane > 0) {
        const int64_t length = row_units(d), runs = ceil_div(length, RUN);
        qn_parallel_for(ctx, d->channels * (d->band.in_plane / length) * runs, 1 + PIECE_UNITS / min64(RUN, length),
                        make_units, d);
    }
    const int64_t K = d->c.taps == 1 ? d->c.c : d->channels * d->c.taps * d->unit;
    qn_gemm g = qn_gemm_make(d->c.m, d->band.h.out * d->band.w.out, K);
    g.arith = d->arith;
    g.a = d->w;
    if (d->c.taps > 1) { /* the order of one tap is the weight's own */
        g.a.pack = d->arith == QN_ARITH_INT8 ? pack_codes : pack_pairs;
        g.a.pack_arg = d;
        g.a.packs_units = true;
    }
    g.b = (qn_operand){
        .data = d->units, .dtype = QN_F32, .pack = qn_conv_pack_of(ctx), .pack_arg = &d->band, .packs_units = true};
    if (d->arith == QN_ARITH_INT8) {
        const qn_x_quant *q = &d->quant[d->batch / d->c.groups];
        g.b.is_unsigned = true;
        g.b.unit_scale = q->finite ? q->scale : NAN;
        g.b.unit_zero = q->zero_point;
    }
    g.c = *out;
    g.c.data = (char *)g.c.data + first * (int64_t)qn_dtype_bytes(g.c.dtype);
    g.c.residual.data = qn_elem(g.c.residual.data, g.c.residual.dtype, first);
    return qn_gemm_run(ctx, &g);
}

static qn_status run(const qn_kernel_args *args, narrow *d) {
    const int64_t K = d->c.c * d->c.taps;
    qn_gemm_out out;
    qn_operand w;
    int64_t units;
    (void)lay_out(d, &units);
    QN_TRY(qn_conv_out_read(args, &d->c, &out));
    QN_TRY(qn_operand_of_input(args, 1, K, 1, 0, 1, 1, d->c.taps, &w));
    const size_t bytes = (size_t)units * sizeof *d->units;
    d->units = qn_scratch_take(args->ctx, bytes);
    if (!d->units)
        return qn_fail_memory(args->ctx, bytes, "a convolution");
    qn_status status = QN_OK;
    for (d->batch = 0; status == QN_OK && d->batch < d->c.images * d->c.groups; d->batch++) {
        const int64_t group = d->batch % d->c.groups;
        const qn_gemm_out y = qn_conv_out_at(&out, &d->c, d->batch);
        d->w = w;
        qn_operand_advance(&d->w, group * d->c.m * K, group * d->c.m);
        for (int64_t h = 0; status == QN_OK && h < d->c.h.out; h += d->step_h)
            for (int64_t v = 0; status == QN_OK && v < d->c.w.out; v += d->step_w)
                status = run_band(args->ctx, d, &y, h, v);
    }
    qn_scratch_give(args->ctx, d->units);
    return status;
}

static bool fits(const qn_kernel_args *args, const qn_conv *c, qn_arith arith) {
    int64_t units;
    if (c->c < 1 || c->in_plane < 1 || !qn_gemm_has(args->ctx, arith))
        return false;
    narrow d = make(args, c, arith);
    return lay_out(&d, &units);
}

/* Twice the rate of multiplications against what winograd.c saves: where transforming weights is what that spends its
 * time on, or there are so many that it goes through the image again and again. Against the others: where packing pays.
 */
bool qn_conv_bf16_fits(const qn_kernel_args *args, const qn_conv *c) {
    enum { CHANNELS = 32, DEEP = 256, DEEP_SMALL = 128, SMALL_PLANE = 1600 };
    if (qn_gemm_arith_of(args->ctx, args->in[0].dtype, args->in[1].dtype) != QN_ARITH_BF16 || c->taps == 1 ||
        c->c < CHANNELS || c->m < CHANNELS)
        return false;
    if (qn_conv_winograd_fits(args, c) && c->c < (c->out_plane <= SMALL_PLANE ? DEEP_SMALL : DEEP))
        return false;
    return fits(args, c, QN_ARITH_BF16);
}

qn_status qn_conv_bf16_run(const qn_kernel_args *args, const qn_conv *c) {
    narrow d = make(args, c, QN_ARITH_BF16);
    return run(args, &d);
}

/* Everything but groups of so few channels that units and panels are mostly empty. */
bool qn_conv_int8_fits(const qn_kernel_args *args, const qn_conv *c) {
    enum { GROUP_WEIGHTS = 256 };
    int64_t k;
    return qn_mul_i64(c->c + 3, c->taps, &k) && qn_operands_are_int8(args, 0, k) && c->c >= 4 &&
           (c->groups == 1 || c->c * c->m >= GROUP_WEIGHTS) && fits(args, c, QN_ARITH_INT8);
}

qn_status qn_conv_int8_run(const qn_kernel_args *args, const qn_conv *c) {
    narrow d = make(args, c, QN_ARITH_INT8);
    const int64_t n_image = c->groups * c->c * c->in_plane;
    qn_x_quant *quant;
    QN_NEW_ARRAY(args->ctx, args->scratch, quant, c->images);
    QN_TRY(qn_x_quant_groups(args, c->images, n_image, quant));
    d.quant = quant;
    return run(args, &d);
}
