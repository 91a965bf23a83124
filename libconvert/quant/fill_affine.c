/* Affine codes from the least and the largest number of each group, a piece at a time. */
#include <math.h>

#include "base/context.h"
#include "quant/affine_rows.h"
#include "quant/fill_work.h"
#include "quant/scales.h"

typedef struct stream {
    qn_filler *f;
    const qn_const *c;
    const qn_code_type *type;
    bool int8;              /* symmetric int8, which has its own formula */
    qn_groups groups;
    float *scales;          /* absmax, then scales; or scales */
    float *least, *largest; /* of each group */
    int8_t *zero_points;    /* one a byte */
    int8_t *codes;          /* [piece] */
    uint8_t *packed;        /* [piece]: codes of a piece; the first byte may begin with codes before it */
    float *zeros;           /* [groups] of contiguous groups: zero points as numbers */
    qn_affine_rows rows;    /* of them, a piece; and the sums for all */
} stream;

bool qn_fill_is_streamed(const qn_const *c) {
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    return c->encoding == QN_ENC_AFFINE && type && type->is_integer && c->block2 == 0 && !c->sparse &&
           (c->scale_dtype == QN_F32 || c->scale_dtype == QN_F16 || c->scale_dtype == QN_BF16) &&
           (!c->how || (c->how->scheme.range == QN_RANGE_MINMAX && !c->how->mask));
}

static qn_status see_range(stream *s, int64_t first, int64_t n, const float *x) {
    int64_t bad;
    if (!(s->int8 ? qn_int8_absmax(s->groups, first, x, n, s->scales, &bad)
                  : qn_affine_range(&s->groups, first, x, n, s->least, s->largest, &bad)))
        return qn_fill_not_finite(s->f, bad);
    return QN_OK;
}

/* A byte that the piece leaves unfinished is kept for the next one. */
static qn_status write_packed(stream *s, int64_t first, int64_t n) {
    qn_filler *f = s->f;
    const size_t bytes = qn_codes_pack(s->type, s->codes, first, n, s->packed);
    const bool last = first + n == qn_const_numel(s->c), open = (first + n) * s->type->bits % 8 != 0;
    const size_t whole = open && !last ? bytes - 1 : bytes;
    QN_TRY(f->write(f->sink, QN_PART_CODES, s->packed, whole));
    if (whole < bytes)
        s->packed[0] = s->packed[whole];
    return QN_OK;
}

/* The sums of a report: what was encoded, against what that stands for. */
static void measure(stream *s, int64_t first, int64_t n, const float *x) {
    qn_run r;
    for (int64_t at = 0; at < n; at += r.n) {
        r = qn_run_at(&s->groups, first + at, n - at);
        for (int64_t i = 0; i < r.n; i++) {
            const int64_t g = r.group + i * r.step, e = at + i;
            const int zero = s->int8 ? 0 : s->type->is_signed ? s->zero_points[g] : (uint8_t)s->zero_points[g],
                      code = s->type->is_signed ? s->codes[e] : (uint8_t)s->codes[e];
            const double v = (double)x[e], d = v - (double)((float)(code - zero) * s->scales[g]);
            s->rows.signal += v * v;
            s->rows.noise += d * d;
        }
    }
}

static qn_status write_codes(stream *s, int64_t first, int64_t n, const float *x) {
    if (s->int8) {
        qn_int8_encode(s->groups, first, x, n, s->scales, s->codes);
    } else {
        qn_affine_encode(s->type, &s->groups, first, x, n, s->scales, s->zero_points, s->codes);
    }
    if (s->c->record)
        measure(s, first, n, x);
    return write_packed(s, first, n);
}
/* fn over the elements, in pieces. */
static qn_status each(stream *s, qn_status (*fn)(stream *, int64_t first, int64_t n, const float *x)) {
    qn_filler *f = s->f;
    const int64_t n = qn_const_numel(s->c);
    for (int64_t at = 0; at < n; at += f->piece) {
        const int64_t take = n - at < f->piece ? n - at : f->piece;
        const float *x;
        QN_TRY(qn_fill_read(f, at, take, &x));
        QN_TRY(fn(s, at, take, x));
    }
    if (f->elements)
        qn_pull_release(f->elements);
    return QN_OK;
}

/* Scales as they are stored, and zero points. */
static qn_status fit(stream *s, qn_bytes *scales) {
    const int64_t n = s->groups.n_groups;
    int64_t bad;
    qn_bytes none;
    if (s->int8)
        qn_int8_scales(s->scales, n, s->scales);
    else /* what is too large is refused below */
        (void)qn_affine_fit(s->type, s->c->symmetric, s->c->scale_dtype, s->least, s->largest, n, s->scales, s->zero_points, &bad);
    return qn_scales_store(s->f->ctx, s->f->arena, s->c, s->scales, n, scales, &none);
}

/* ---- contiguous groups: range, scales and codes of a piece while it is in the cache ------------------------------- */

/* Are groups contiguous, and rows of them not longer than a piece? */
static bool find_rows(stream *s) {
    const int64_t n = qn_const_numel(s->c);
    const qn_groups *g = &s->groups;
    qn_affine_rows *r = &s->rows;
    if (g->block > 0 && g->inner == 1) {
        r->size = g->size;
        r->block = g->block;
    } else if (g->block == 0 && n > 0 && n / g->n_groups == (g->n_groups == 1 ? n : g->inner)) {
        r->size = r->block = n / g->n_groups;
    } else {
        return false;
    }
    return r->size > 0 && r->size <= s->f->piece;
}

/* Scales, as they are stored, and zero points of groups [first, first + n). */
static qn_status fit_rows(stream *s, int64_t first, int64_t n) {
    const qn_dtype dtype = s->c->scale_dtype;
    float *scales = s->scales + first;
    int64_t bad;
    for (int64_t g = 0; s->int8 && g < n; g++)
        scales[g] = qn_scale_rounded(dtype, (-s->least[g] > s->largest[g] ? -s->least[g] : s->largest[g]) / 127.0f);
    if (!s->int8 && !qn_affine_fit(s->type, s->c->symmetric, dtype, s->least, s->largest, n, scales, s->zero_points + first, &bad))
        return qn_scales_too_large(s->f->ctx, s->c, first + bad);
    for (int64_t g = 0; !s->c->symmetric && g < n; g++)
        s->zeros[g] = s->type->is_signed ? s->zero_points[first + g] : (uint8_t)s->zero_points[first + g];
    return QN_OK;
}

static qn_status piece_of_rows(stream *s, int64_t first, int64_t n, const float *x) {
    qn_affine_rows *r = &s->rows;
    const int64_t per = r->size / r->block + (r->size % r->block != 0), group = first / r->size * per, groups = n / r->size * per;
    int64_t bad = 0;
    r->x = x;
    r->rows = n / r->size;
    r->least = s->least;
    r->largest = s->largest;
    if (!QN_ISA_PICK(s->f->ctx, qn_affine_rows_range)(r)) {
        while (bad < n && isfinite(x[bad]))
            bad++;
        return qn_fill_not_finite(s->f, first + bad);
    }
    QN_TRY(fit_rows(s, group, groups));
    r->scales = s->scales + group;
    r->zeros = s->c->symmetric ? NULL : s->zeros;
    QN_ISA_PICK(s->f->ctx, qn_affine_rows_codes)(r);
    return write_packed(s, first, n);
}

static qn_status in_one_pass(stream *s) {
    qn_affine_rows *r = &s->rows;
    const int64_t per = r->size / r->block + (r->size % r->block != 0);
    s->f->piece -= s->f->piece % r->size;
    const int64_t groups = s->f->piece / r->size * per;
    QN_NEW_ARRAY(s->f->ctx, s->f->arena, s->least, groups);
    QN_NEW_ARRAY(s->f->ctx, s->f->arena, s->largest, groups);
    QN_NEW_ARRAY(s->f->ctx, s->f->arena, s->zeros, groups);
    r->codes = s->codes;
    r->min = s->int8 ? -127.0f : (float)s->type->min;
    r->max = (float)s->type->max;
    return each(s, piece_of_rows);
}

/* ---- all ----------------------------------------------------------------------------------------------------- */

static qn_status in_two_passes(stream *s, qn_bytes *scales) {
    QN_TRY(each(s, see_range));
    QN_TRY(fit(s, scales));
    s->f->counts = false;
    return each(s, write_codes);
}

qn_status qn_fill_affine(qn_filler *f) {
    const qn_const *c = f->c;
    stream s = {.f = f, .c = c, .type = qn_code_type_of(c->code_dtype), .groups = qn_const_groups(c),
                .int8 = c->code_dtype == QN_I8 && c->symmetric};
    const int64_t n = s.groups.n_groups;
    QN_NEW_ARRAY(f->ctx, f->arena, s.scales, n);
    QN_NEW_ARRAY(f->ctx, f->arena, s.codes, f->piece);
    QN_NEW_ARRAY(f->ctx, f->arena, s.packed, (f->piece > n ? f->piece : n) + 1);
    QN_NEW_ARRAY(f->ctx, f->arena, s.zero_points, n);
    qn_bytes scales, none;
    if (find_rows(&s)) {
        QN_TRY(in_one_pass(&s));
        QN_TRY(qn_scales_store(f->ctx, f->arena, c, s.scales, n, &scales, &none));
    } else {
        QN_NEW_ARRAY(f->ctx, f->arena, s.least, n);
        QN_NEW_ARRAY(f->ctx, f->arena, s.largest, n);
        QN_TRY(in_two_passes(&s, &scales));
    }
    QN_TRY(f->write(f->sink, QN_PART_SCALES, scales.data, scales.n));
    if (c->record)
        c->record->sqnr_db = s.rows.noise > 0 ? 10 * log10(s.rows.signal / s.rows.noise) : INFINITY;
    if (c->symmetric || n == 0)
        return QN_OK;
    return f->write(f->sink, QN_PART_ZERO_POINTS, s.packed, qn_codes_pack(s.type, s.zero_points, 0, n, s.packed));
}
