/* F(4x4, 3x3): a convolution of 3x3 taps with stride 1 as 36 products over tiles of 4x4 outputs.
 *
 *     Y = Aᵀ [ sum over c of (G g Gᵀ) ⊙ (Bᵀ d B) ] A        for a 6x6 piece d of the input under a tile
 *
 * (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; the matrices are in winograd_impl.h.)
 * 36 multiply-adds a channel and tile where the sum over taps has 144.
 *
 * Accuracy. Rounding errors of the transformed inputs and of the sums over C channels are about u sqrt(C / 6 + 4) of
 * their sizes, with u = 2^-24, as long as they are independent (a random walk of C steps; a few roundings in the
 * transforms). The transforms amplify them: for inputs and weights of independent elements, output (i, j) of a tile is
 * off by u sqrt(C / 6 + 4) s(i) s(j) / 3 of its own size (a sum of 9 C products), s(i)^2 = sum over e of
 * A(e, i)^2 |G(e)|^2 |B(e)|^2 with the rows of G and Bᵀ. For the points 0, ±2/3, ±3/2 s is 4.6, 2.7, 2.7, 4.6, for the
 * usual 0, ±1, ±2 it is 3.0, 2.9, 4.2, 9.7: 7.2 u sqrt(C / 6 + 4) at the worst output instead of 31. Measured with
 * C = 64 the root mean square error is 1.9 times that of the direct sum (4.2 times with the usual points). In the worst
 * case the factor is (23.2 / 3)^2, the largest row sum of |Aᵀ| diag(|G| 1 |Bᵀ| 1) in place of s. A NaN or an infinity
 * of the input makes the whole tile NaN.
 *
 * A piece of work is a band of tiles. For each channel the input under it is copied to a band of 4x4 phases (qn_band),
 * in which element (i, j) of neighbouring tiles are neighbours; tiles are counted along its pitch, so that short rows
 * of tiles fill vectors too. */
#include "base/checked.h"
#include "base/pool.h"
#include "kernels/conv/conv_isa.h"
#include "kernels/gemm/gemm_isa.h"

enum {
    TILE = 4,
    ELEMENTS = 36,
    LINE_FLOATS = 16,
    WEIGHT_FLOATS = 1 << 20, /* transformed weights at a time, one copy for all threads */
    BAND_FLOATS = 256 << 10, /* a worker's transformed inputs and products: the second-level cache */
    MIN_CHANNELS = 8,
    MIN_TILES = 8,
    MIN_PIECES = 8
};

typedef struct winograd {
    const qn_conv *c;
    const qn_conv_isa *isa;
    qn_pack_fn pack;
    qn_tensor x;
    qn_gemm_out y;
    qn_operand w;                /* of the group */
    int rows;                    /* of a panel */
    int64_t group, p0, n_panels; /* panels of this pass */
    float *packed;               /* [ELEMENTS][n_panels][c][rows], elements `packed_plane` apart */
    int64_t packed_plane;
    int64_t tiles_h, tiles_w, step_h, step_w, n_h, n_w; /* of the image, of a piece; pieces */
    float *local;                                       /* for each worker local_floats */
    int64_t local_floats, band_floats, in_floats, products_floats;
} winograd;

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t whole(int64_t n, int64_t unit) { return ceil_div(n, unit) * unit; }

/* Floats between elements of a transform: not a multiple of a page, which would put all 36 in the same cache lines. */
static int64_t spread(int64_t floats) { return whole(floats, LINE_FLOATS) + LINE_FLOATS; }

bool qn_conv_winograd_fits(const qn_kernel_args *args, const qn_conv *c) {
    (void)args;
    return c->h.kernel == 3 && c->w.kernel == 3 && c->h.stride == 1 && c->w.stride == 1 && c->h.dilation == 1 &&
           c->w.dilation == 1 && c->c >= MIN_CHANNELS && c->m >= MIN_CHANNELS &&
           ceil_div(c->h.out, TILE) * ceil_div(c->w.out, TILE) >= MIN_TILES &&
           c->c <= BAND_FLOATS / (ELEMENTS * QN_CONV_MAX_LANES) - 2 * QN_CONV_MAX_ROWS;
}

/* ---- weights ---------------------------------------------------------------------------------------------- */

static void transform_weights(void *arg, int64_t begin, int64_t end, int worker) {
    const winograd *d = arg;
    const int64_t K = d->c->c * d->c->taps;
    float *w = d->local + worker * d->local_floats;
    for (int64_t p = begin; p < end; p++) {
        int64_t m = (d->p0 + p) * d->rows;
        d->pack(&d->w, m, min64(d->rows, d->c->m - m), 0, K, d->rows, w);
        d->isa->winograd_weights(w, d->c->c, d->rows, d->packed + p * d->c->c * d->rows, d->packed_plane);
    }
}

/* ---- a piece ---------------------------------------------------------------------------------------------- */

/* Where element (i, j) of the first tile is in a channel's band. */
static void element_offsets(const qn_band *b, int32_t *offsets) {
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++)
            offsets[6 * i + j] = (int32_t)qn_band_offset(b, i, j);
}

static void products(const winograd *d, const float *in, int64_t in_plane, float *out, int64_t out_plane, int64_t n,
                     const int32_t *offsets) {
    const qn_conv_tile *t = &d->isa->tile[d->rows];
    const int64_t C = d->c->c, wide = t->vectors * d->isa->lanes;
    for (int64_t e = 0; e < ELEMENTS; e++)
        for (int64_t q = 0, step; q < n; q += step) {
            step = n - q >= wide ? wide : d->isa->lanes;
            for (int64_t p = 0; p < d->n_panels; p++)
                (step == wide ? t->wide : t->one)(C, d->packed + e * d->packed_plane + p * C * d->rows,
                                                  in + e * in_plane + q, offsets,
                                                  out + e * out_plane + p * d->rows * n + q, n);
        }
}

static void run_pieces(void *arg, int64_t begin, int64_t end, int worker) {
    const winograd *d = arg;
    const qn_conv *c = d->c;
    float *band = d->local + worker * d->local_floats, *in = band + d->band_floats;
    float *out = in + d->in_floats, *rows = out + d->products_floats;
    for (int64_t i = begin; i < end; i++) {
        const int64_t image = i / (d->n_h * d->n_w), batch = image * c->groups + d->group;
        const int64_t th0 = i / d->n_w % d->n_h * d->step_h, tw0 = i % d->n_w * d->step_w;
        const int64_t th = min64(d->step_h, d->tiles_h - th0), tw = min64(d->step_w, d->tiles_w - tw0);
        const qn_band b = {d->x.dtype, c->h.in, c->w.in, TILE, TILE, TILE, TILE, th + 1, tw + 1};
        const int64_t tiles = (th - 1) * b.pitch + tw, n = whole(tiles, d->isa->lanes);
        const int64_t in_plane = spread(c->c * n), out_plane = spread(d->n_panels * d->rows * n);
        int32_t elements[ELEMENTS], *channels = (int32_t *)(void *)(rows + 4 * TILE * n + QN_CONV_MAX_LANES);
        element_offsets(&b, elements);
        for (int64_t k = 0; k < c->c; k++) {
            const void *plane = qn_elem(d->x.data, d->x.dtype, (batch * c->c + k) * c->in_plane);
            d->isa->fill(&b, plane, th0 * TILE - c->h.pad_begin, tw0 * TILE - c->w.pad_begin, band);
            d->isa->winograd_input(band, elements, n, in + k * n, in_plane);
            channels[k] = (int32_t)(k * n);
        }
        products(d, in, in_plane, out, out_plane, n, channels);
        const qn_gemm_out y = qn_conv_out_at(&d->y, c, batch);
        for (int64_t r = 0, m = d->p0 * d->rows; r < d->n_panels * d->rows && m < c->m; r++, m++) {
            d->isa->winograd_output(out + r * n, out_plane, n, rows, n);
            for (int64_t h = th0 * TILE; h < min64(th0 * TILE + TILE, c->h.out); h++) {
                const qn_runs runs = {b.pitch * TILE, min64(tw * TILE, c->w.out - tw0 * TILE),
                                      h * c->w.out + tw0 * TILE, TILE * c->w.out};
                const int64_t n_rows = min64(th, ceil_div(c->h.out - h, TILE));
                d->isa->finish(&y, &runs, rows + (h - th0 * TILE) * n * TILE, 0, m, 1, 0,
                               (n_rows - 1) * runs.pitch + runs.width);
            }
        }
    }
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

/* Bands of tiles that fit the budget and leave the fewest lanes idle; of several such the largest. */
static void cut(winograd *d, int64_t most_tiles) {
    int64_t best = INT64_MAX;
    const int64_t lanes = d->isa->lanes, least = ceil_div(d->tiles_w, most_tiles);
    for (int64_t n_w = least; n_w < least + 4 && n_w <= d->tiles_w; n_w++) {
        const int64_t w = ceil_div(d->tiles_w, n_w);
        for (int64_t h = 1; h <= d->tiles_h && h * (w + 1) - 1 <= most_tiles; h++) {
            const int64_t n_h = ceil_div(d->tiles_h, h);
            const int64_t vectors = n_w * n_h * ceil_div(h * (w + 1) - 1, lanes);
            if (vectors <= best) {
                best = vectors;
                d->step_w = w, d->step_h = h, d->n_w = n_w, d->n_h = n_h;
            }
        }
    }
}

static void run_group(qn_context *ctx, winograd *d, int64_t all_panels, int64_t pass_panels) {
    for (d->p0 = 0; d->p0 < all_panels; d->p0 += pass_panels) {
        d->n_panels = min64(pass_panels, all_panels - d->p0);
        d->packed_plane = spread(d->n_panels * d->c->c * d->rows);
        qn_parallel_for(ctx, d->n_panels, 1 + 1024 / (d->c->c * d->rows), transform_weights, d);
        qn_parallel_for(ctx, d->c->images * d->n_h * d->n_w, 1, run_pieces, d);
    }
}

qn_status qn_conv_winograd_run(const qn_kernel_args *args, const qn_conv *c) {
    winograd d = {.c = c,
                  .isa = qn_conv_isa_of(args->ctx),
                  .pack = qn_gemm_isa_of(args->ctx)->pack,
                  .x = args->in[0],
                  .tiles_h = ceil_div(c->h.out, TILE),
                  .tiles_w = ceil_div(c->w.out, TILE)};
    const int64_t K = c->c * c->taps;
    qn_operand w;
    QN_TRY(qn_conv_out_read(args, c, &d.y));
    QN_TRY(qn_operand_of_input(args, 1, K, 1, 0, 1, 1, c->taps, &w));
    d.rows = qn_conv_panel_rows(d.isa, c->m);
    const int64_t panels = ceil_div(c->m, d.rows);
    /* panels of a pass: as the budgets for weights, and for products beside the least band of tiles, allow */
    const int64_t room = BAND_FLOATS / (ELEMENTS * QN_CONV_MAX_LANES) - c->c;
    const int64_t pass = max64(1, min64(panels, min64(WEIGHT_FLOATS / (ELEMENTS * c->c), room) / d.rows));
    const int64_t share = max64(2 * QN_CONV_MAX_LANES, c->images * d.tiles_h * d.tiles_w / MIN_PIECES);
    cut(&d, max64(QN_CONV_MAX_LANES, min64(share, BAND_FLOATS / (ELEMENTS * (c->c + pass * d.rows)))));
    const int64_t tiles = whole(d.step_h * (d.step_w + 1) - 1, d.isa->lanes);
    d.band_floats = whole(TILE * TILE * (d.step_h + 1) * (d.step_w + 1) + QN_CONV_SLACK, LINE_FLOATS);
    d.in_floats = ELEMENTS * spread(c->c * tiles);
    d.products_floats = ELEMENTS * spread(pass * d.rows * tiles);
    d.local_floats =
        max64(d.band_floats + d.in_floats + d.products_floats + 4 * TILE * tiles + QN_CONV_MAX_LANES + c->c,
              K * d.rows + QN_CONV_MAX_LANES);
    d.local_floats = whole(d.local_floats, LINE_FLOATS);
    const int64_t packed = ELEMENTS * spread(pass * c->c * d.rows);
    int64_t n;
    size_t bytes;
    if (!qn_mul_i64(d.local_floats, qn_pool_threads(args->ctx), &n) || !qn_add_i64(n, packed, &n) ||
        !qn_mul_size((size_t)n, sizeof(float), &bytes))
        return qn_fail_memory(args->ctx, SIZE_MAX, "a convolution");
    d.packed = qn_scratch_take(args->ctx, bytes);
    if (!d.packed)
        return qn_fail_memory(args->ctx, bytes, "a convolution");
    d.local = d.packed + packed;
    for (d.group = 0; d.group < c->groups; d.group++) {
        d.w = w;
        qn_operand_advance(&d.w, d.group * c->m * K, d.group * c->m);
        run_group(args->ctx, &d, panels, pass);
    }
    qn_scratch_give(args->ctx, d.packed);
    return QN_OK;
}
