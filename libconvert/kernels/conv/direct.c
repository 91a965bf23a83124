/* Direct convolution: panels of weights times rows of the input where they are.
 *
 *     Y[m, p] = epilogue(sum over k = (c, kh, kw) of W[m, k] band[offset(k) + p])
 *
 * A piece of work is some output rows of one group (columns, where there is but one row) and some panels of weights.
 * The input under it is copied once to a padded band in which every tap of neighbouring outputs is a run
 * (qn_band): 1 / taps of what panels of X' would be. Outputs are counted along the band's pitch, so that short rows
 * fill vectors too; the few columns between two rows are computed and dropped. A pointwise convolution of float32 reads
 * the image itself. */
#include "base/checked.h"
#include "base/pool.h"
#include "kernels/conv/conv_isa.h"
#include "kernels/gemm/gemm_isa.h"

enum {
    WEIGHT_FLOATS = 512 << 10, /* packed weights, one copy for all threads */
    BAND_FLOATS = 96 << 10,    /* a worker's band, where rows can be cut so small: stays in the second-level cache */
    MAX_BAND_FLOATS = 512 << 10,
    MIN_PIECES = 32,
    PACK_WORK = 16 << 10, /* floats that a thread packs at a time */
    LINE_FLOATS = 16,
    PAGE_FLOATS = 1024,
    TILE_FLOATS = 33 * QN_CONV_MAX_LANES /* 28 vectors, and what the epilogue reads behind the last columns */
};
static const int64_t MIN_WORK = 1 << 18, MAX_WORK = 1 << 23; /* multiply-adds of a piece */

typedef struct direct {
    qn_conv c; /* a pointwise one as one row of in_plane columns */
    const qn_conv_isa *isa;
    qn_pack_fn pack;
    qn_tensor x;
    qn_gemm_out y;
    qn_operand w;
    int64_t K, panels;    /* panels of a group */
    int rows;             /* of a panel */
    float *packed;        /* [groups][panels][K][rows] */
    const float *weights; /* the same, or the weight itself where its rows are the panels */
    bool in_place;        /* the image is the band */
    int64_t step_h, step_w, n_h, n_w, panel_step, n_panel; /* pieces: output rows and columns, panels; their numbers */
    int64_t grain;
    qn_band band;
    int64_t channel;          /* floats of a channel of the band: an odd number of cache lines */
    int32_t *offsets, *close; /* [K]: of taps in a band; in a band one vector wide */
    float *local;             /* for each worker local_floats: a tile, a band */
    int64_t local_floats;
} direct;

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t whole_lines(int64_t floats) { return ceil_div(floats, LINE_FLOATS) * LINE_FLOATS; }

static int64_t phases(const qn_spatial_axis *a) { return min64(a->stride, (a->kernel - 1) * a->dilation + 1); }
static int64_t reach(const qn_spatial_axis *a) { return (a->kernel - 1) * a->dilation / a->stride; }

static int64_t channel_floats(const qn_band *b) {
    int64_t lines = ceil_div(qn_band_floats(b), LINE_FLOATS);
    return (lines + 1 - lines % 2) * LINE_FLOATS;
}

/* The band of step_h rows by step_w columns. */
static qn_band band_of(const direct *d, int64_t step_h, int64_t step_w) {
    const qn_spatial_axis *h = &d->c.h, *w = &d->c.w;
    return (qn_band){.dtype = d->x.dtype,
                     .in_h = h->in,
                     .in_w = w->in,
                     .sh = h->stride,
                     .sw = w->stride,
                     .phases_h = phases(h),
                     .phases_w = phases(w),
                     .rows = step_h + reach(h),
                     .pitch = step_w + reach(w)};
}

/* ---- does it fit? ------------------------------------------------------------------------------------- */

/* Floats of the smallest band: one row, whole when there are several; INT64_MAX: out of range. */
static int64_t least_band(const qn_conv *c) {
    int64_t row = c->h.out == 1 || qn_conv_pointwise(c) ? QN_CONV_SLACK : c->w.out, n, m;
    if (!qn_add_i64(row, reach(&c->w), &row) || !qn_mul_i64(row, phases(&c->w), &n) ||
        !qn_mul_i64(phases(&c->h), 1 + reach(&c->h), &m) || !qn_mul_i64(n, m, &n) ||
        !qn_add_i64(n, 2 * LINE_FLOATS, &n) || !qn_mul_i64(n, c->c, &n))
        return INT64_MAX;
    return n;
}

bool qn_conv_direct_fits(const qn_kernel_args *args, const qn_conv *c) {
    (void)args;
    int64_t weights;
    /* panels are as full as their number allows, so packed weights are less than twice these */
    if (c->c == 0 || c->taps == 0 || !qn_mul_i64(c->c, c->taps, &weights) || !qn_mul_i64(weights, c->m, &weights) ||
        !qn_mul_i64(weights, c->groups, &weights) || weights > WEIGHT_FLOATS)
        return false;
    if (c->groups == 1 && c->out_plane < QN_CONV_MAX_LANES / 2)
        return false;
    return c->in_plane <= INT32_MAX / c->c && least_band(c) <= MAX_BAND_FLOATS;
}

/* ---- a piece ---------------------------------------------------------------------------------------------- */

static void pack_weights(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const direct *d = arg;
    for (int64_t i = begin; i < end; i++) {
        qn_operand w = d->w;
        int64_t group = i / d->panels, m = i % d->panels * d->rows;
        qn_operand_advance(&w, group * d->c.m * d->K, group * d->c.m);
        d->pack(&w, m, min64(d->rows, d->c.m - m), 0, d->K, d->rows, d->packed + i * d->K * d->rows);
    }
}

typedef struct area {
    int64_t h0, h, w0, w; /* output rows and columns: first and number */
    int64_t p0, p1;       /* panels */
    const float *packed;  /* of the group */
    qn_gemm_out y;        /* of the group */
} area;

/* `exact`: nothing behind the last position may be read (it is a whole number of vectors then). */
static void multiply(const direct *d, const area *a, const float *b, const int32_t *offsets, int64_t pitch, bool exact,
                     float *tile) {
    const qn_conv_tile *t = &d->isa->tile[d->rows];
    const int64_t lanes = d->isa->lanes, wide = t->vectors * lanes, n = (a->h - 1) * pitch + a->w;
    const qn_runs runs = {pitch, a->w, a->h0 * d->c.w.out + a->w0, d->c.w.out};
    for (int64_t q = 0, step; q < n; q += step) {
        bool whole = n - q >= wide || (!exact && 2 * (n - q) > wide);
        step = whole ? wide : lanes;
        for (int64_t p = a->p0; p < a->p1; p++) {
            (whole ? t->wide : t->one)(d->K, a->packed + p * d->K * d->rows, b + q, offsets, tile, step);
            const int64_t m = p * d->rows;
            d->isa->finish(&a->y, &runs, tile, step, m, (int)min64(d->rows, d->c.m - m), q, min64(step, n - q));
        }
    }
}

static void fill(const direct *d, const qn_band *band, int64_t channel, const void *x, int64_t h0, int64_t w0,
                 float *to) {
    const qn_conv *c = &d->c;
    for (int64_t k = 0; k < c->c; k++)
        d->isa->fill(band, qn_elem(x, d->x.dtype, k * c->in_plane), h0 * c->h.stride - c->h.pad_begin,
                     w0 * c->w.stride - c->w.pad_begin, to + k * channel);
}

static void run_pieces(void *arg, int64_t begin, int64_t end, int worker) {
    const direct *d = arg;
    const qn_conv *c = &d->c;
    float *tile = d->local + worker * d->local_floats, *own = tile + TILE_FLOATS;
    int64_t filled = -1;
    for (int64_t i = begin; i < end; i++) {
        int64_t place = i / d->n_panel, batch = place / (d->n_h * d->n_w), group = batch % c->groups;
        area a = {.h0 = place / d->n_w % d->n_h * d->step_h, .w0 = place % d->n_w * d->step_w};
        a.h = min64(d->step_h, c->h.out - a.h0);
        a.w = min64(d->step_w, c->w.out - a.w0);
        a.p0 = i % d->n_panel * d->panel_step;
        a.p1 = min64(d->panels, a.p0 + d->panel_step);
        a.packed = d->weights + group * d->panels * d->K * d->rows;
        a.y = qn_conv_out_at(&d->y, c, batch);
        const void *x = qn_elem(d->x.data, d->x.dtype, batch * c->c * c->in_plane);
        if (d->in_place) {
            const int64_t w = a.w, lanes = d->isa->lanes;
            a.w -= w % lanes;
            if (a.w > 0)
                multiply(d, &a, (const float *)x + a.w0, d->offsets, d->step_w, true, tile);
            a.w0 += a.w, a.w = w % lanes;
            if (a.w > 0) {
                qn_band narrow = band_of(d, 1, lanes);
                fill(d, &narrow, lanes, x, 0, a.w0, own);
                multiply(d, &a, own, d->close, lanes, true, tile);
            }
            continue;
        }
        if (filled != place)
            fill(d, &d->band, d->channel, x, a.h0, a.w0, own);
        filled = place;
        multiply(d, &a, own, d->offsets, d->band.pitch, false, tile);
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

/* How the outputs are cut: as much work as a piece should have, as far as the band allows; panels are shared out only
 * where there are few pieces. Nothing here depends on the number of threads. */
static void cut(direct *d) {
    const qn_conv *c = &d->c;
    const int64_t batches = c->images * c->groups, column = d->K * c->m, row = column * c->w.out;
    const int64_t all = row * c->h.out * batches, lanes = d->isa->lanes;
    const int64_t work = max64(MIN_WORK, min64(MAX_WORK, all / MIN_PIECES));
    d->step_h = 1, d->step_w = c->w.out;
    if (c->h.out == 1) {
        const int64_t unit = d->isa->tile[d->rows].vectors * lanes;
        int64_t n = max64(1, work / (column * unit));
        while (n > 1 && !d->in_place &&
               channel_floats(&(qn_band){.phases_h = phases(&c->h),
                                         .phases_w = phases(&c->w),
                                         .rows = 1 + reach(&c->h),
                                         .pitch = n * unit + reach(&c->w)}) *
                       c->c >
                   BAND_FLOATS)
            n = n / 2;
        d->step_w = min64(c->w.out, n * unit);
    } else {
        d->step_h = max64(1, min64(c->h.out, work / row));
        qn_band b;
        while (b = band_of(d, d->step_h, d->step_w), d->step_h > 1 && channel_floats(&b) * c->c > BAND_FLOATS)
            d->step_h--;
    }
    d->n_h = ceil_div(c->h.out, d->step_h);
    d->step_h = ceil_div(c->h.out, d->n_h);
    d->n_w = ceil_div(c->w.out, d->step_w);
    int64_t places = batches * d->n_h * d->n_w, wanted = places >= 8 || all / 8 < MIN_WORK ? 1 : ceil_div(8, places);
    d->panel_step = ceil_div(d->panels, min64(d->panels, wanted));
    d->n_panel = ceil_div(d->panels, d->panel_step);
    d->grain = 1 + MIN_WORK / 2 / max64(1, all / (places * d->n_panel)); /* many small images or groups */
}

static void find_offsets(const direct *d) {
    const qn_conv *c = &d->c;
    for (int64_t k = 0; k < d->K; k++) {
        int64_t tap = k % c->taps, r = tap / c->w.kernel * c->h.dilation, j = tap % c->w.kernel * c->w.dilation;
        d->offsets[k] = (int32_t)(k / c->taps * d->channel + qn_band_offset(&d->band, r, j));
        if (d->in_place)
            d->close[k] = (int32_t)(k * d->isa->lanes);
    }
}

qn_status qn_conv_direct_run(const qn_kernel_args *args, const qn_conv *conv) {
    direct d = {.c = *conv,
                .isa = qn_conv_isa_of(args->ctx),
                .pack = qn_gemm_isa_of(args->ctx)->pack,
                .x = args->in[0],
                .K = conv->c * conv->taps};
    QN_TRY(qn_conv_out_read(args, conv, &d.y));
    QN_TRY(qn_operand_of_input(args, 1, d.K, 1, 0, 1, 1, conv->taps, &d.w));
    d.rows = qn_conv_panel_rows(d.isa, conv->m);
    d.panels = ceil_div(conv->m, d.rows);
    if (qn_conv_pointwise(conv)) {
        d.c.h = (qn_spatial_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
        d.c.w = (qn_spatial_axis){.in = d.c.in_plane, .out = d.c.out_plane, .kernel = 1, .stride = 1, .dilation = 1};
        /* channels a multiple of a page apart meet in the same few lines of the first-level cache: read once only */
        d.in_place = d.x.dtype == QN_F32 && (d.panels == 1 || d.c.in_plane % PAGE_FLOATS != 0);
    }
    cut(&d);
    d.band = band_of(&d, d.step_h, d.step_w);
    d.channel = d.in_place ? d.c.in_plane : channel_floats(&d.band);
    d.local_floats = TILE_FLOATS + QN_CONV_SLACK + whole_lines(d.c.c * (d.in_place ? QN_CONV_MAX_LANES : d.channel));
    /* bounded by what qn_conv_direct_fits allows, except for the number of threads */
    const int64_t offsets = whole_lines(d.K), packed = d.c.groups * d.panels * d.K * d.rows;
    int64_t n;
    size_t bytes;
    if (!qn_mul_i64(d.local_floats, qn_pool_threads(args->ctx), &n) || !qn_add_i64(n, 2 * offsets + packed, &n) ||
        !qn_mul_size((size_t)n, sizeof(float), &bytes))
        return qn_fail_memory(args->ctx, SIZE_MAX, "a convolution");
    float *scratch = qn_scratch_take(args->ctx, bytes);
    if (!scratch)
        return qn_fail_memory(args->ctx, bytes, "a convolution");
    d.offsets = (int32_t *)(void *)scratch;
    d.close = d.offsets + offsets;
    d.local = scratch + 2 * offsets;
    d.packed = scratch + (n - packed);
    find_offsets(&d);
    d.weights = d.packed;
    if (d.rows == 1 && d.w.dtype == QN_F32 && !d.w.pack)
        d.weights = d.w.data;
    else
        qn_parallel_for(args->ctx, d.c.groups * d.panels, 1 + PACK_WORK / (d.K * d.rows), pack_weights, &d);
    qn_parallel_for(args->ctx, d.c.images * d.c.groups * d.n_h * d.n_w * d.n_panel, d.grain, run_pieces, &d);
    qn_scratch_give(args->ctx, scratch);
    return QN_OK;
}
