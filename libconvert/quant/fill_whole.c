/* Constants of any encoding that has an encoder: their elements whole as float32, or where groups allow in bands of indices of
 * the first axis, then encoded.
 *
 * Bands are for affine codes whose groups have their elements within a band, and follow each other in the order of bands:
 * one for each index of the first axis, or blocks. A band has a multiple of eight of everything that is packed, and of super blocks. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "quant/encode.h"
#include "quant/fill_work.h"

enum { BAND = 1 << 21 }; /* elements, at least: some 20 MB of memory */

typedef struct whole {
    qn_filler *f;
    qn_arena *arena;             /* of a band; reset for the next */
    int64_t rows, row;           /* indices of the first axis in a band, elements of one; or all as one */
    char *late[QN_MAX_PARTS];    /* parts that are written after the first, when there are several bands */
    size_t n_late[QN_MAX_PARTS];
    double signal, noise;        /* sums of x^2 and of (x - stored)^2 */
} whole;

/* Indices of the first axis in a band; 0: the tensor is one. */
static int64_t rows_of_band(const qn_const *c, int64_t numel) {
    const qn_encode_how *how = c->how;
    if (c->encoding != QN_ENC_AFFINE || c->sparse || c->rank == 0 || numel <= BAND || (c->block == 0 && c->axis != 0) ||
        (how && (how->mask || (how->importance && how->importance_axis == 0))))
        return 0;
    const qn_code_type *scale = qn_code_type_of(c->scale_dtype);
    int64_t rows = 8;
    if (c->block > 0 && (c->axis == 0 || (c->block2 > 0 && c->axis2 == 0)) &&
        !qn_mul_i64(rows, c->axis == 0 ? c->block : c->block2, &rows))
        return 0;
    if (scale && scale->is_integer && (c->super_block == 0 || !qn_mul_i64(rows, c->super_block, &rows)))
        return 0;
    const int64_t row = numel / c->dims[0];
    if (rows < BAND / row)
        rows *= BAND / row / rows;
    return rows < c->dims[0] ? rows : 0;
}

static qn_status read_band(whole *w, int64_t first, int64_t n, float *x) {
    qn_filler *f = w->f;
    for (int64_t at = 0; at < n; at += f->piece) {
        const int64_t take = n - at < f->piece ? n - at : f->piece;
        const float *piece;
        QN_TRY(qn_fill_read(f, first + at, take, &piece));
        for (int64_t i = 0; i < take; i++)
            if (!isfinite(piece[i]))
                return qn_fill_not_finite(f, first + at + i);
        memcpy(x + at, piece, (size_t)take * sizeof *x);
    }
    return QN_OK;
}

static qn_status write_part(whole *w, int part, qn_bytes bytes, bool only) {
    qn_filler *f = w->f;
    if (part == 0 || only)
        return bytes.n ? f->write(f->sink, part, bytes.data, bytes.n) : QN_OK;
    if (bytes.n)
        memcpy(w->late[part] + w->n_late[part], bytes.data, bytes.n);
    w->n_late[part] += bytes.n;
    return QN_OK;
}

static qn_status encode_band(whole *w, int64_t first_row, int64_t rows, bool only) {
    qn_const band = *w->f->c;
    float *x;
    const int64_t n = rows * w->row;
    QN_NEW_ARRAY(w->f->ctx, w->arena, x, n + 1);
    QN_TRY(read_band(w, first_row * w->row, n, x));
    if (!only)
        band.dims[0] = rows;
    band.expr = NULL;
    QN_TRY(qn_encode(w->f->ctx, w->arena, &band, x, band.part));
    if (band.record)
        qn_encoded_error(w->f->ctx, &band, x, &w->signal, &w->noise);
    for (int part = 0; part < QN_MAX_PARTS; part++)
        QN_TRY(write_part(w, part, band.part[part], only));
    return QN_OK;
}

static qn_status each_band(whole *w) {
    qn_filler *f = w->f;
    const qn_const *c = f->c;
    const int64_t n = qn_const_numel(c), rows = rows_of_band(c, n);
    w->row = rows ? n / c->dims[0] : n;
    for (int part = 1; rows && part < QN_MAX_PARTS; part++) {
        size_t bytes;
        if (!qn_const_part_bytes(c, part, &bytes))
            return qn_fail(f->ctx, QN_USAGE, "tensor '%s': its parts have no size", c->name);
        QN_NEW_ARRAY(f->ctx, f->arena, w->late[part], bytes + 1);
    }
    for (int64_t at = 0, all = rows ? c->dims[0] : 1; at < all; at += rows ? rows : 1) {
        qn_arena_reset(w->arena);
        QN_TRY(encode_band(w, at, !rows ? 1 : all - at < rows ? all - at : rows, !rows));
    }
    for (int part = 1; part < QN_MAX_PARTS; part++)
        if (w->n_late[part])
            QN_TRY(f->write(f->sink, part, w->late[part], w->n_late[part]));
    return QN_OK;
}

qn_status qn_fill_whole(qn_filler *f) {
    whole w = {.f = f, .arena = qn_arena_create()};
    if (!w.arena)
        return qn_fail_memory(f->ctx, 0, "an arena");
    const qn_status status = each_band(&w);
    qn_arena_destroy(w.arena);
    if (f->elements)
        qn_pull_release(f->elements);
    if (status == QN_OK && f->c->record)
        f->c->record->sqnr_db = w.noise > 0 ? 10 * log10(w.signal / w.noise) : INFINITY;
    return status;
}
