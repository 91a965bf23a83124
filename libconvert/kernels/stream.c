/* Constants in pieces: what can be made a piece at a time never stands in memory whole.
 *
 *   plain | encoded | transposed plain  ─►  Cast  ─►  Cast ...  ─►  fn
 *
 * Anything else is evaluated whole, and its Casts are done in pieces. */
#include "kernels/eval.h"

#include "base/map.h"
#include "kernels/ref/cast.h"
#include "kernels/ref/convert.h"
#include "kernels/ref/copy.h"

#include <string.h>

enum { MAX_CASTS = 8 };

typedef struct stream {
    qn_context *ctx;
    const qn_const *base;          /* what the casts begin with */
    const qn_node *casts[MAX_CASTS]; /* the last one first */
    qn_dtype to[MAX_CASTS];
    int32_t n_casts;
    const char *data;              /* the base's elements, wherever they lie; NULL: encoded */
    bool transposed;               /* data is [cols, rows], the base [rows, cols] */
    int64_t rows, cols;
    char *buffer[2];               /* pieces, 8 bytes an element */
} stream;

static const qn_const *operand(const qn_const *c) {
    return c->expr && c->expr->n_in == 1 && c->expr->in[0] ? c->expr->in[0]->constant : NULL;
}

/* Take the casts off. */
static void peel(stream *s, const qn_const *c) {
    while (s->n_casts < MAX_CASTS && operand(c) && c->expr->op == QN_OP_Cast) {
        s->casts[s->n_casts] = c->expr;
        s->to[s->n_casts++] = c->dtype;
        c = operand(c);
    }
    s->base = c;
}

/* A row of the result must be short enough that a piece has several: else columns would be read one by one. */
static bool is_plain_transpose(const qn_const *c, int64_t chunk_elems) {
    enum { LEAST_ROWS = 16 };
    const qn_const *x = operand(c);
    int64_t n;
    if (!x || c->expr->op != QN_OP_Transpose || !qn_const_is_ready(x) || x->rank != 2 || c->rank != 2 ||
        x->dims[0] != c->dims[1] || x->dims[1] != c->dims[0] || x->dtype != c->dtype)
        return false;
    const int64_t *perm = qn_node_ints(c->expr, "perm", &n);
    return (!perm || (n == 2 && perm[0] == 1 && perm[1] == 0)) && c->dims[1] <= chunk_elems / LEAST_ROWS;
}

/* Where elements [first, first + n) of the base are; they may be made in the first buffer. */
static qn_status take(stream *s, int64_t first, int64_t n, const void **out) {
    const size_t bytes = qn_dtype_bytes(s->base->dtype);
    *out = s->buffer[0];
    if (!s->data) {
        if (s->base->dtype == QN_F32)
            return qn_const_decode(s->ctx, s->base, first, n, (float *)(void *)s->buffer[0]);
        QN_TRY(qn_const_decode(s->ctx, s->base, first, n, (float *)(void *)s->buffer[1]));
        qn_convert(QN_F32, s->buffer[1], s->base->dtype, s->buffer[0], n);
        return QN_OK;
    }
    if (s->transposed) { /* whole rows */
        const int64_t dims[] = {n / s->cols, s->cols}, to[] = {s->cols, 1}, from[] = {1, s->rows};
        qn_ref_copy(s->ctx, bytes, 2, dims, s->buffer[0], to, s->data + (size_t)(first / s->cols) * bytes, from);
        return QN_OK;
    }
    const char *x = s->data + (size_t)first * bytes;
    if ((uintptr_t)x % bytes == 0)
        *out = x;
    else
        memcpy(s->buffer[0], x, (size_t)n * bytes);
    return QN_OK;
}

static qn_status hand_over(stream *s, int64_t first, int64_t n, qn_const_chunk_fn fn, void *arg) {
    const void *x;
    qn_dtype dtype = s->base->dtype;
    QN_TRY(take(s, first, n, &x));
    for (int32_t i = s->n_casts - 1; i >= 0; i--) {
        char *y = x == s->buffer[0] ? s->buffer[1] : s->buffer[0];
        qn_ref_cast_elems(s->casts[i], dtype, x, s->to[i], y, n);
        dtype = s->to[i];
        x = y;
    }
    return fn(arg, first, n, x);
}

qn_status qn_const_stream(qn_context *ctx, qn_arena *arena, const qn_const *c, int64_t chunk_elems,
                          qn_const_chunk_fn fn, void *arg) {
    int64_t n = qn_const_numel(c);
    if (n == 0)
        return QN_OK;
    if (chunk_elems < 1)
        return qn_fail(ctx, QN_USAGE, "pieces of %lld elements", (long long)chunk_elems);
    if (chunk_elems > n)
        chunk_elems = n;
    stream s = {.ctx = ctx};
    peel(&s, c);
    const qn_const *source = s.base;
    if (is_plain_transpose(s.base, chunk_elems)) {
        source = operand(s.base);
        s.transposed = true;
        s.rows = s.base->dims[0];
        s.cols = s.base->dims[1];
        chunk_elems -= chunk_elems % s.cols;
    }
    if (source->expr || source->encoding == QN_ENC_DENSE) {
        qn_tensor whole;
        QN_TRY(qn_const_eval(ctx, arena, source, &whole));
        s.data = whole.data;
    }
    for (int i = 0; i < 2; i++) {
        s.buffer[i] = qn_arena_array(arena, (size_t)chunk_elems, sizeof(uint64_t));
        if (!s.buffer[i])
            return qn_fail_memory(ctx, (size_t)chunk_elems * sizeof(uint64_t), "a piece of a constant");
    }
    for (int64_t at = 0; at < n; at += chunk_elems) {
        QN_TRY(hand_over(&s, at, n - at < chunk_elems ? n - at : chunk_elems, fn, arg));
        QN_TRY(qn_check_cancel(ctx));
    }
    if (s.transposed) /* each piece read from everywhere; now the file need not stay in memory */
        qn_map_release(s.data, source->part[QN_PART_VALUES].n);
    return QN_OK;
}
