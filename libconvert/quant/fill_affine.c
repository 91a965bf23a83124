/* Affine codes from the least and the largest number of each group, a piece at a time. */
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
static qn_status write_codes(stream *s, int64_t first, int64_t n, const float *x) {
    qn_filler *f = s->f;
    if (s->int8) {
        qn_int8_encode(s->groups, first, x, n, s->scales, s->codes);
        return f->write(f->sink, QN_PART_CODES, s->codes, (size_t)n);
    }
    qn_affine_encode(s->type, &s->groups, first, x, n, s->scales, s->zero_points, s->codes);
    const size_t bytes = qn_codes_pack(s->type, s->codes, first, n, s->packed);
    const bool last = first + n == qn_const_numel(s->c), open = (first + n) * s->type->bits % 8 != 0;
    const size_t whole = open && !last ? bytes - 1 : bytes;
    QN_TRY(f->write(f->sink, QN_PART_CODES, s->packed, whole));
    if (whole < bytes)
        s->packed[0] = s->packed[whole];
    return QN_OK;
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

qn_status qn_fill_affine(qn_filler *f) {
    const qn_const *c = f->c;
    stream s = {.f = f, .c = c, .type = qn_code_type_of(c->code_dtype), .groups = qn_const_groups(c),
                .int8 = c->code_dtype == QN_I8 && c->symmetric};
    const int64_t n = s.groups.n_groups;
    QN_NEW_ARRAY(f->ctx, f->arena, s.scales, n);
    QN_NEW_ARRAY(f->ctx, f->arena, s.codes, f->piece);
    QN_NEW_ARRAY(f->ctx, f->arena, s.packed, (f->piece > n ? f->piece : n) + 1);
    if (!s.int8) {
        QN_NEW_ARRAY(f->ctx, f->arena, s.least, n);
        QN_NEW_ARRAY(f->ctx, f->arena, s.largest, n);
        QN_NEW_ARRAY(f->ctx, f->arena, s.zero_points, n);
    }
    QN_TRY(each(&s, see_range));
    qn_bytes scales;
    QN_TRY(fit(&s, &scales));
    f->counts = false;
    QN_TRY(each(&s, write_codes));
    QN_TRY(f->write(f->sink, QN_PART_SCALES, scales.data, scales.n));
    if (c->symmetric || n == 0)
        return QN_OK;
    return f->write(f->sink, QN_PART_ZERO_POINTS, s.packed, qn_codes_pack(s.type, s.zero_points, 0, n, s.packed));
}
