/* How the bytes of a constant are made when a package is filled. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/map.h"
#include "ir/graph.h"
#include "kernels/pull.h"
#include "quant/encode.h"

enum { CHUNK = 1 << 16 }; /* elements at a time: source and result stay in the second-level cache */

typedef qn_status (*write_fn)(void *sink, int part, const void *data, size_t n);

typedef struct filler {
    qn_context *ctx;
    qn_arena *arena;
    const qn_const *c;
    write_fn write;
    void *sink;
    const qn_const *clamped;   /* see find_clamped; NULL: the elements are those of c */
    qn_pull *elements;         /* of clamped, or of c; NULL when there are none */
    int64_t piece;             /* elements at a time */
    uint16_t *half;            /* [piece] */
    float *wide;               /* [piece] */
    int8_t *codes;             /* [piece] */
    qn_groups groups;
    float *scales;             /* absmax, then scales; or scales */
    const qn_code_type *type;  /* of codes that are not symmetric int8 */
    float *least, *largest;    /* of each group, for them */
    int8_t *zero_points;       /* one a byte */
    uint8_t *packed;           /* [piece]: codes of a piece; the first byte may begin with codes before it */
    bool counts;               /* this walk counts what is clamped */
    int64_t n_clamped;
    float *whole;              /* [numel], of encodings that see the whole tensor */
} filler;

/* ---- stored as it is ------------------------------------------------------------------------- */

static qn_status copy_parts(filler *f) {
    enum { PIECE = 4 << 20 };
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        const char *data = f->c->part[part].data;
        size_t n;
        if (!qn_const_part_bytes(f->c, part, &n) || (n > 0 && (!data || f->c->part[part].n != n)))
            return qn_fail(f->ctx, QN_USAGE, "constant '%s' has no bytes", f->c->name);
        for (size_t at = 0; at < n; at += PIECE) {
            size_t take = n - at < PIECE ? n - at : PIECE;
            QN_TRY(f->write(f->sink, part, data + at, take));
            qn_map_release(data + at, take);
        }
    }
    return QN_OK;
}

/* ---- narrowing ---------------------------------------------------------------------------------- */

/** When c is Cast(x) {clamp=1} of float32 to a half, x: its elements are narrowed here, so that those clamped are counted. */
static const qn_const *find_clamped(const qn_const *c) {
    if (!c->expr || c->expr->op != QN_OP_Cast || !qn_node_int(c->expr, "clamp", 0) ||
        (c->dtype != QN_F16 && c->dtype != QN_BF16))
        return NULL;
    const qn_const *x = c->expr->n_in == 1 && c->expr->in[0] ? c->expr->in[0]->constant : NULL;
    return x && x->dtype == QN_F32 ? x : NULL;
}

/** True when one of h[0..n) has all bits of `infinite` set: an infinity or a NaN. Four at a time: adding the lowest bit
 *  of the exponent to each carries into the sign's place just then. */
static bool has_infinite(const uint16_t *h, int64_t n, uint16_t infinite) {
    const uint64_t mask = infinite * (uint64_t)0x0001000100010001, one = (0x8000u - infinite) * (uint64_t)0x0001000100010001;
    uint64_t any = 0, four;
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        memcpy(&four, h + i, sizeof four);
        any |= (four & mask) + one;
    }
    bool found = (any & 0x8000800080008000) != 0;
    for (; i < n; i++)
        found = found || (h[i] & infinite) == infinite;
    return found;
}

/** x[0..n) as halves: finite numbers outside the range become the largest finite one, infinities stay. */
static void narrow(filler *f, const float *x, int64_t n) {
    const bool f16 = f->c->dtype == QN_F16;
    const uint16_t infinite = f16 ? 0x7c00 : 0x7f80;
    uint16_t *h = f->half;
    if (f16)
        qn_f32_to_f16_n(x, h, (size_t)n);
    else
        qn_f32_to_bf16_n(x, h, (size_t)n);
    if (!has_infinite(h, n, infinite))
        return;
    for (int64_t i = 0; i < n; i++) {
        bool clamp = (h[i] & 0x7fff) == infinite && !isinf(x[i]);
        if (clamp)
            h[i]--;
        f->n_clamped += clamp && f->counts;
    }
}

/** A piece as it comes from the stream, as elements of c. */
static const void *as_elements(filler *f, int64_t n, const void *data) {
    if (!f->clamped)
        return data;
    narrow(f, data, n);
    return f->half;
}

static qn_status write_values(filler *f, int64_t first, int64_t n, const void *data) {
    (void)first;
    return f->write(f->sink, QN_PART_VALUES, as_elements(f, n, data), (size_t)n * qn_dtype_bytes(f->c->dtype));
}

/* ---- affine int8 ------------------------------------------------------------------------------------ */

/** data[0..n), aligned, as float32. */
static qn_status widen(filler *f, const void *data, int64_t n, const float **out) {
    *out = f->wide;
    switch (f->c->dtype) {
    case QN_F32:
        *out = data;
        return QN_OK;
    case QN_F16:
        qn_f16_to_f32_n(data, f->wide, (size_t)n);
        return QN_OK;
    case QN_BF16:
        qn_bf16_to_f32_n(data, f->wide, (size_t)n);
        return QN_OK;
    case QN_F64:
        for (int64_t i = 0; i < n; i++) {
            double x;
            memcpy(&x, (const char *)data + (size_t)i * sizeof x, sizeof x);
            f->wide[i] = (float)x;
        }
        return QN_OK;
    default:
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': codes for %s", f->c->name, qn_dtype_name(f->c->dtype));
    }
}

static qn_status see_range(filler *f, int64_t first, int64_t n, const void *data) {
    const float *x;
    int64_t bad;
    QN_TRY(widen(f, as_elements(f, n, data), n, &x));
    if (!qn_int8_absmax(f->groups, first, x, n, f->scales, &bad))
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': element %" PRId64 " is not finite: it cannot be quantised",
                       f->c->name, bad);
    return QN_OK;
}

static qn_status write_codes(filler *f, int64_t first, int64_t n, const void *data) {
    const float *x;
    QN_TRY(widen(f, as_elements(f, n, data), n, &x));
    qn_int8_encode(f->groups, first, x, n, f->scales, f->codes);
    return f->write(f->sink, QN_PART_CODES, f->codes, (size_t)n);
}

/** fn over the elements, in pieces. */
static qn_status each(filler *f, qn_status (*fn)(filler *, int64_t first, int64_t n, const void *data)) {
    const int64_t n = qn_const_numel(f->c);
    for (int64_t at = 0; at < n; at += f->piece) {
        const int64_t take = n - at < f->piece ? n - at : f->piece;
        const void *data;
        QN_TRY(qn_pull_read(f->elements, at, take, &data));
        QN_TRY(fn(f, at, take, data));
    }
    if (f->elements)
        qn_pull_release(f->elements);
    return QN_OK;
}

/** The scales as they are stored. */
static qn_status write_scales(filler *f) {
    const int64_t n = f->groups.n_groups;
    if (f->c->scale_dtype == QN_F32)
        return f->write(f->sink, QN_PART_SCALES, f->scales, (size_t)n * sizeof *f->scales);
    uint16_t *half;
    QN_NEW_ARRAY(f->ctx, f->arena, half, n);
    qn_f32_to_f16_n(f->scales, half, (size_t)n);
    return f->write(f->sink, QN_PART_SCALES, half, (size_t)n * sizeof *half);
}

static qn_status too_large(const filler *f) {
    return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s' has numbers too large for scales of %s", f->c->name,
                   qn_dtype_name(f->c->scale_dtype));
}

static qn_status fill_int8(filler *f) {
    QN_TRY(each(f, see_range));
    qn_int8_scales(f->scales, f->groups.n_groups, f->scales);
    for (int64_t g = 0; f->c->scale_dtype == QN_F16 && g < f->groups.n_groups; g++) {
        f->scales[g] = qn_f16_to_f32(qn_f32_to_f16(f->scales[g]));
        if (isinf(f->scales[g]))
            return too_large(f);
    }
    f->counts = false;
    QN_TRY(each(f, write_codes));
    return write_scales(f);
}

/* ---- other affine codes -------------------------------------------------------------------------------- */

static qn_status see_ends(filler *f, int64_t first, int64_t n, const void *data) {
    const float *x;
    int64_t bad;
    QN_TRY(widen(f, as_elements(f, n, data), n, &x));
    if (!qn_affine_range(&f->groups, first, x, n, f->least, f->largest, &bad))
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': element %" PRId64 " is not finite: it cannot be quantised",
                       f->c->name, bad);
    return QN_OK;
}

/** A byte that the piece leaves unfinished is kept for the next one. */
static qn_status write_packed(filler *f, int64_t first, int64_t n, const void *data) {
    const float *x;
    QN_TRY(widen(f, as_elements(f, n, data), n, &x));
    qn_affine_encode(f->type, &f->groups, first, x, n, f->scales, f->zero_points, f->codes);
    const size_t bytes = qn_codes_pack(f->type, f->codes, first, n, f->packed);
    const bool last = first + n == qn_const_numel(f->c), open = (first + n) * f->type->bits % 8 != 0;
    const size_t whole = open && !last ? bytes - 1 : bytes;
    QN_TRY(f->write(f->sink, QN_PART_CODES, f->packed, whole));
    if (whole < bytes)
        f->packed[0] = f->packed[whole];
    return QN_OK;
}

static qn_status fill_affine(filler *f) {
    const qn_const *c = f->c;
    int64_t bad;
    f->type = qn_code_type_of(c->code_dtype);
    if (!f->type || (c->scale_dtype != QN_F32 && c->scale_dtype != QN_F16))
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': codes of dtype %d with scales of %s", c->name,
                       (int)c->code_dtype, qn_dtype_name(c->scale_dtype));
    f->groups = qn_const_groups(c);
    const int64_t n = f->groups.n_groups;
    QN_NEW_ARRAY(f->ctx, f->arena, f->scales, n);
    if (c->code_dtype == QN_I8 && c->symmetric)
        return fill_int8(f);
    QN_NEW_ARRAY(f->ctx, f->arena, f->least, n);
    QN_NEW_ARRAY(f->ctx, f->arena, f->largest, n);
    QN_NEW_ARRAY(f->ctx, f->arena, f->zero_points, n);
    QN_NEW_ARRAY(f->ctx, f->arena, f->packed, (f->piece > n ? f->piece : n) + 1);
    QN_TRY(each(f, see_ends));
    if (!qn_affine_fit(f->type, c->symmetric, c->scale_dtype, f->least, f->largest, n, f->scales, f->zero_points, &bad))
        return too_large(f);
    f->counts = false;
    QN_TRY(each(f, write_packed));
    QN_TRY(write_scales(f));
    if (c->symmetric || n == 0)
        return QN_OK;
    return f->write(f->sink, QN_PART_ZERO_POINTS, f->packed, qn_codes_pack(f->type, f->zero_points, 0, n, f->packed));
}

/* ---- all other encodings ---------------------------------------------------------------------------------- */

/** Codes that the range of a group decides: they are made in pieces. */
static bool streams(const qn_const *c) {
    return qn_const_is_plain_affine(c) && (!c->how || (c->how->scheme.range == QN_RANGE_MINMAX && !c->how->mask));
}

static qn_status keep_values(filler *f, int64_t first, int64_t n, const void *data) {
    const float *x;
    QN_TRY(widen(f, as_elements(f, n, data), n, &x));
    memcpy(f->whole + first, x, (size_t)n * sizeof *x);
    return QN_OK;
}

static qn_status fill_whole(filler *f) {
    qn_const stored = *f->c;
    QN_NEW_ARRAY(f->ctx, f->arena, f->whole, qn_const_numel(f->c) + 1);
    QN_TRY(each(f, keep_values));
    QN_TRY(qn_encode(f->ctx, f->arena, f->c, f->whole, stored.part));
    if (f->c->record)
        f->c->record->sqnr_db = qn_encoded_sqnr(&stored, f->whole);
    for (int part = 0; part < QN_MAX_PARTS; part++)
        if (stored.part[part].n)
            QN_TRY(f->write(f->sink, part, stored.part[part].data, stored.part[part].n));
    return QN_OK;
}

static qn_status fill_expression(filler *f) {
    const qn_const *c = f->c;
    const int64_t n = qn_const_numel(c), row = c->rank ? c->dims[c->rank - 1] : 1;
    f->piece = n < CHUNK ? n : CHUNK;
    if (f->piece > row && row > 0)
        f->piece -= f->piece % row; /* whole rows */
    QN_NEW_ARRAY(f->ctx, f->arena, f->half, f->piece);
    QN_NEW_ARRAY(f->ctx, f->arena, f->wide, f->piece);
    QN_NEW_ARRAY(f->ctx, f->arena, f->codes, f->piece);
    if (n > 0)
        QN_TRY(qn_pull_create(f->ctx, f->arena, f->clamped ? f->clamped : c, f->piece, &f->elements));
    if (c->encoding == QN_ENC_DENSE)
        QN_TRY(each(f, write_values));
    else if (streams(c))
        QN_TRY(fill_affine(f));
    else
        QN_TRY(fill_whole(f));
    if (f->n_clamped)
        qn_log(f->ctx, QN_LOG_WARN, "constant '%s': %" PRId64 " of %" PRId64 " elements clamped to the range of %s", c->name,
               f->n_clamped, qn_const_numel(c), qn_dtype_name(c->dtype));
    return QN_OK;
}

qn_status qn_fill_const(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c, write_fn write, void *sink) {
    (void)user;
    filler f = {.ctx = ctx, .arena = arena, .c = c, .clamped = find_clamped(c), .write = write,
                .sink = sink, .counts = true};
    return c->expr ? fill_expression(&f) : copy_parts(&f);
}
