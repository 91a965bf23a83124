/* How the bytes of a constant are made when a package is filled. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/map.h"
#include "ir/graph.h"
#include "kernels/ref/convert.h"
#include "quant/fill_work.h"

typedef qn_status (*write_fn)(void *sink, int part, const void *data, size_t n);

/* ---- stored as it is ------------------------------------------------------------------------- */

static qn_status copy_parts(qn_filler *f) {
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
static void narrow(qn_filler *f, const float *x, int64_t n) {
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

const void *qn_fill_elements(qn_filler *f, int64_t n, const void *data) {
    if (!f->clamped)
        return data;
    narrow(f, data, n);
    return f->half;
}

static qn_status write_values(qn_filler *f, int64_t first, int64_t n, const void *data) {
    (void)first;
    return f->write(f->sink, QN_PART_VALUES, qn_fill_elements(f, n, data), (size_t)n * qn_dtype_bytes(f->c->dtype));
}

/* ---- as float32 ------------------------------------------------------------------------------------- */

qn_status qn_fill_read(qn_filler *f, int64_t first, int64_t n, const float **out) {
    const void *data;
    QN_TRY(qn_pull_read(f->elements, first, n, &data));
    data = qn_fill_elements(f, n, data);
    *out = f->wide;
    switch (f->c->dtype) {
    case QN_F32: *out = data; break;
    case QN_F16: qn_f16_to_f32_n(data, f->wide, (size_t)n); break;
    case QN_BF16: qn_bf16_to_f32_n(data, f->wide, (size_t)n); break;
    case QN_F64: qn_convert(QN_F64, data, QN_F32, f->wide, n); break;
    default:
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': codes for %s", f->c->name, qn_dtype_name(f->c->dtype));
    }
    return QN_OK;
}

qn_status qn_fill_not_finite(const qn_filler *f, int64_t e) {
    return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': element %" PRId64 " is not finite: it cannot be quantised", f->c->name, e);
}

/* ---- any ------------------------------------------------------------------------------------------------ */

static qn_status fill_values(qn_filler *f) {
    const int64_t n = qn_const_numel(f->c);
    for (int64_t at = 0; at < n; at += f->piece) {
        const int64_t take = n - at < f->piece ? n - at : f->piece;
        const void *data;
        QN_TRY(qn_pull_read(f->elements, at, take, &data));
        QN_TRY(write_values(f, at, take, data));
    }
    if (f->elements)
        qn_pull_release(f->elements);
    return QN_OK;
}

static qn_status fill_expression(qn_filler *f) {
    const qn_const *c = f->c;
    const int64_t n = qn_const_numel(c), row = c->rank ? c->dims[c->rank - 1] : 1;
    f->piece = n < QN_FILL_PIECE ? n : QN_FILL_PIECE;
    if (f->piece > row && row > 0)
        f->piece -= f->piece % row; /* whole rows */
    QN_NEW_ARRAY(f->ctx, f->arena, f->half, f->piece);
    QN_NEW_ARRAY(f->ctx, f->arena, f->wide, f->piece);
    if (n > 0)
        QN_TRY(qn_pull_create(f->ctx, f->arena, f->clamped ? f->clamped : c, f->piece, &f->elements));
    if (c->encoding == QN_ENC_DENSE)
        QN_TRY(fill_values(f));
    else
        QN_TRY(qn_fill_is_streamed(c) ? qn_fill_affine(f) : qn_fill_whole(f));
    if (f->n_clamped)
        qn_log(f->ctx, QN_LOG_WARN, "constant '%s': %" PRId64 " of %" PRId64 " elements clamped to the range of %s", c->name,
               f->n_clamped, qn_const_numel(c), qn_dtype_name(c->dtype));
    return QN_OK;
}

qn_status qn_fill_const(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c, write_fn write, void *sink) {
    (void)user;
    qn_filler f = {.ctx = ctx, .arena = arena, .c = c, .clamped = find_clamped(c), .write = write,
                .sink = sink, .counts = true};
    return c->expr ? fill_expression(&f) : copy_parts(&f);
}
