#include "quant/mask.h"

#include <math.h>
#include <string.h>

static int64_t ceil_div(int64_t n, int64_t by) { return n / by + (n % by != 0); }
static bool bit_at(const uint8_t *mask, int64_t i) { return mask[i / 8] >> i % 8 & 1; }
static void set_bit(uint8_t *mask, int64_t i) { mask[i / 8] = (uint8_t)(mask[i / 8] | 1u << i % 8); }

static int64_t product(const int64_t *dims, int32_t first, int32_t end) {
    int64_t n = 1;
    for (int32_t i = first; i < end; i++)
        n *= dims[i];
    return n;
}

/* ---- scores ------------------------------------------------------------------------------------------- */

typedef struct scorer {
    const float *x, *importance; /* importance by index of `axis`, or NULL */
    int64_t inner, size;         /* of that axis */
} scorer;

static double square(const scorer *s, int64_t e) {
    const double x = (double)s->x[e], w = s->importance ? (double)s->importance[e / s->inner % s->size] : 1.0;
    return w * x * x;
}

static scorer scorer_of(const qn_const *c, const qn_encode_how *how, const float *x) {
    scorer s = {x, how->importance, 1, 1};
    if (how->importance) {
        s.size = c->dims[how->importance_axis];
        s.inner = product(c->dims, how->importance_axis + 1, c->rank);
    }
    return s;
}

/* ---- the largest of all ----------------------------------------------------------------------------------- */

/* Scores that are not negative have the order of their bits. */
static uint64_t bits_of(double score) {
    uint64_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits;
}

/* The `keep` largest of score[0..n), the earlier of equals: the bits of the least of them, found 16 at a time from the top;
 * *ties of those that are equal to it are kept. */
static uint64_t threshold_of(const double *score, int64_t n, int64_t keep, int64_t *ties, int64_t *histogram) {
    enum { DIGIT = 16, DIGITS = 1 << DIGIT };
    uint64_t prefix = 0;
    int64_t left = keep;
    for (int shift = 64 - DIGIT; shift >= 0; shift -= DIGIT) {
        const uint64_t above = shift + DIGIT == 64 ? 0 : ~(uint64_t)0 << (shift + DIGIT);
        memset(histogram, 0, DIGITS * sizeof *histogram);
        for (int64_t i = 0; i < n; i++)
            if ((bits_of(score[i]) & above) == prefix)
                histogram[bits_of(score[i]) >> shift & (DIGITS - 1)]++;
        uint64_t digit = DIGITS - 1;
        while (digit > 0 && histogram[digit] < left)
            left -= histogram[digit--];
        prefix |= digit << shift;
    }
    *ties = left;
    return prefix;
}

/* Blocks of mask_block elements: the `keep` of largest score. */
static qn_status keep_largest(qn_context *ctx, qn_arena *arena, const qn_const *c, const scorer *s, int64_t keep, uint8_t *mask) {
    const int64_t n = qn_const_numel(c), whole = n / c->mask_block, blocks = ceil_div(n, c->mask_block);
    double *score;
    int64_t *histogram, ties;
    QN_NEW_ARRAY(ctx, arena, score, whole + 1);
    QN_NEW_ARRAY(ctx, arena, histogram, 1 << 16);
    for (int64_t b = 0; b < whole; b++)
        for (int64_t i = 0; i < c->mask_block; i++)
            score[b] += square(s, b * c->mask_block + i);
    if (blocks > whole) {
        set_bit(mask, whole);
        keep--;
    }
    if (keep <= 0 || whole == 0)
        return QN_OK;
    const uint64_t least = threshold_of(score, whole, keep, &ties, histogram);
    for (int64_t b = 0; b < whole; b++)
        if (bits_of(score[b]) > least || (bits_of(score[b]) == least && ties-- > 0))
            set_bit(mask, b);
    return QN_OK;
}

/* ---- n of m ------------------------------------------------------------------------------------------------- */

/* Of m elements `step` apart from `first` on, the n largest. */
static void keep_n(const scorer *s, int64_t first, int64_t step, int64_t m, int64_t n, uint8_t *mask) {
    for (int64_t i = 0; i < m; i++) {
        const double mine = square(s, first + i * step);
        int64_t before = 0; /* of those that are kept before this one */
        for (int64_t k = 0; k < m; k++) {
            const double other = square(s, first + k * step);
            before += other > mine || (other == mine && k < i);
        }
        if (before < n)
            set_bit(mask, first + i * step);
    }
}

static void keep_n_of_m(const qn_const *c, const qn_scheme *scheme, int32_t axis, const scorer *s, uint8_t *mask) {
    const int64_t size = c->dims[axis], inner = product(c->dims, axis + 1, c->rank), outer = product(c->dims, 0, axis);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t at = 0; at < size; at += scheme->prune_m)
            for (int64_t i = 0; i < inner; i++) {
                const int64_t m = size - at < scheme->prune_m ? size - at : scheme->prune_m;
                keep_n(s, (o * size + at) * inner + i, inner, m, m < scheme->prune_n ? m : scheme->prune_n, mask);
            }
}

/* ---- both ---------------------------------------------------------------------------------------------------- */

/* Blocks of mask_block elements of which a share is kept, the short last one among them. */
static int64_t blocks_kept(const qn_scheme *scheme, int64_t blocks) {
    const int64_t keep = blocks - (int64_t)floor(scheme->pruned * (double)blocks);
    return keep > 0 ? keep : 0;
}

int64_t qn_mask_kept(const qn_scheme *scheme, int32_t rank, const int64_t *dims, int32_t sum_axis) {
    const int64_t n = product(dims, 0, rank), block = scheme->prune_block > 1 ? scheme->prune_block : 1;
    if (scheme->prune == QN_PRUNE_MAGNITUDE) {
        const int64_t blocks = ceil_div(n, block), short_last = n % block;
        int64_t keep = blocks_kept(scheme, blocks);
        if (short_last)
            keep = keep > 1 ? keep : 1;
        return short_last ? (keep - 1) * block + short_last : keep * block;
    }
    if (scheme->prune == QN_PRUNE_N_OF_M) {
        const int64_t size = dims[sum_axis], last = size % scheme->prune_m,
                      kept = size / scheme->prune_m * scheme->prune_n + (last < scheme->prune_n ? last : scheme->prune_n);
        return size ? n / size * kept : 0;
    }
    return scheme->prune == QN_PRUNE_NONE ? n : -1;
}

qn_status qn_mask_choose(qn_context *ctx, qn_arena *arena, const qn_const *c, const qn_encode_how *how, const float *x,
                         uint8_t *mask) {
    const scorer s = scorer_of(c, how, x);
    const int64_t n = qn_const_numel(c), blocks = ceil_div(n, c->mask_block);
    if (how->scheme.prune == QN_PRUNE_MAGNITUDE) {
        int64_t keep = blocks_kept(&how->scheme, blocks);
        QN_TRY(keep_largest(ctx, arena, c, &s, keep, mask));
    } else if (how->scheme.prune == QN_PRUNE_N_OF_M) {
        keep_n_of_m(c, &how->scheme, how->importance_axis, &s, mask);
    } else {
        for (int64_t i = 0; i < n; i++)
            if ((double)fabsf(x[i]) >= how->scheme.threshold)
                set_bit(mask, i);
    }
    int64_t kept = 0;
    for (int64_t b = 0; b < blocks; b++)
        if (bit_at(mask, b))
            kept += n - b * c->mask_block < c->mask_block ? n - b * c->mask_block : c->mask_block;
    if (kept != c->n_kept)
        return qn_fail(ctx, QN_USAGE, "tensor '%s': %lld elements are kept, %lld have room", c->name, (long long)kept,
                       (long long)c->n_kept);
    return QN_OK;
}

void qn_mask_starts(const uint8_t *mask, int64_t n, int64_t mask_block, uint32_t *starts) {
    uint32_t kept = 0;
    for (int64_t at = 0; at < n; at += mask_block) {
        if (at % QN_SPARSE_CHUNK == 0)
            starts[at / QN_SPARSE_CHUNK] = kept;
        if (bit_at(mask, at / mask_block))
            kept += (uint32_t)(n - at < mask_block ? n - at : mask_block);
    }
}

void qn_mask_compact(const uint8_t *mask, int64_t mask_block, int64_t n, size_t bits, const uint8_t *codes, uint8_t *out) {
    size_t to = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!bit_at(mask, i / mask_block))
            continue;
        for (size_t from = (size_t)i * bits, end = from + bits; from < end;) {
            size_t take = 8 - (from % 8 > to % 8 ? from % 8 : to % 8);
            take = take < end - from ? take : end - from;
            const unsigned piece = (unsigned)codes[from / 8] >> from % 8 & ((1u << take) - 1);
            out[to / 8] = (uint8_t)(out[to / 8] | piece << to % 8);
            from += take;
            to += take;
        }
    }
}
