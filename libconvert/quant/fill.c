/* How the bytes of a constant are made when a package is filled. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/map.h"
#include "ir/graph.h"
#include "kernels/eval.h"
#include "quant/quant.h"

enum { CHUNK = 1 << 16 }; /* elements at a time: source and result stay in the second-level cache */

typedef qn_status (*write_fn)(void *sink, int part, const void *data, size_t n);

typedef struct filler {
    qn_context *ctx;
    qn_arena *arena;
    const qn_const *c;
    const qn_const *leaf;      /* the ready constant whose elements these are, one for one; or NULL */
    size_t released;           /* bytes of the leaf given back by this walk */
    write_fn write;
    void *sink;
    const qn_const *clamped;   /* see find_clamped; NULL: the elements are streamed as they are */
    uint16_t *half;            /* [CHUNK] */
    float *wide;               /* [CHUNK] */
    int8_t *codes;             /* [CHUNK] */
    qn_groups groups;
    float *scales;             /* absmax, then scales */
    bool counts;               /* this walk counts what is clamped */
    int64_t n_clamped;
} filler;

/** The source elements up to first + n have been read. Given back by the megabyte: each release interrupts the threads. */
static void release(filler *f, int64_t first, int64_t n) {
    enum { RELEASE = 8 << 20 };
    size_t bytes = f->leaf ? qn_dtype_bytes(f->leaf->dtype) : 0, end = (size_t)(first + n) * bytes;
    if (first == 0)
        f->released = 0;
    if (bytes == 0 || (end - f->released < RELEASE && first + n < qn_const_numel(f->c)))
        return;
    qn_map_release((const char *)f->leaf->part[QN_PART_VALUES].data + f->released, end - f->released);
    f->released = end;
}

/** The constant whose elements are those of c, up to a cast: c itself, or the operand of a Cast or Identity. */
static const qn_const *find_leaf(const qn_const *c) {
    for (int depth = 0; depth < 8 && c->expr; depth++) {
        const qn_node *node = c->expr;
        if ((node->op != QN_OP_Cast && node->op != QN_OP_Identity) || node->n_in != 1 || !node->in[0]->constant)
            return NULL;
        c = node->in[0]->constant;
    }
    return qn_const_is_ready(c) ? c : NULL;
}

/** What an expression that only names another constant stands for. */
static const qn_const *skip_identity(const qn_const *c) {
    for (int depth = 0; depth < 8 && c->expr && c->expr->op == QN_OP_Identity && c->expr->in[0]->constant; depth++)
        c = c->expr->in[0]->constant;
    return c;
}

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

static qn_status write_values(void *arg, int64_t first, int64_t n, const void *data) {
    filler *f = arg;
    QN_TRY(f->write(f->sink, QN_PART_VALUES, as_elements(f, n, data), (size_t)n * qn_dtype_bytes(f->c->dtype)));
    release(f, first, n);
    return QN_OK;
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
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': int8 codes for %s", f->c->name, qn_dtype_name(f->c->dtype));
    }
}

static qn_status see_range(void *arg, int64_t first, int64_t n, const void *data) {
    filler *f = arg;
    const float *x;
    int64_t bad;
    QN_TRY(widen(f, as_elements(f, n, data), n, &x));
    if (!qn_int8_absmax(f->groups, first, x, n, f->scales, &bad))
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': element %" PRId64 " is not finite: it cannot be quantised",
                       f->c->name, bad);
    release(f, first, n);
    return QN_OK;
}

static qn_status write_codes(void *arg, int64_t first, int64_t n, const void *data) {
    filler *f = arg;
    const float *x;
    QN_TRY(widen(f, as_elements(f, n, data), n, &x));
    qn_int8_encode(f->groups, first, x, n, f->scales, f->codes);
    QN_TRY(f->write(f->sink, QN_PART_CODES, f->codes, (size_t)n));
    release(f, first, n);
    return QN_OK;
}

/** fn over the elements in pieces of at most CHUNK. */
static qn_status each(filler *f, const qn_tensor *dense, qn_const_chunk_fn fn) {
    int64_t n = qn_const_numel(f->c);
    const qn_const *from = f->clamped ? f->clamped : skip_identity(f->c);
    if (!dense)
        return qn_const_stream(f->ctx, f->arena, from, CHUNK, fn, f);
    for (int64_t at = 0; at < n; at += CHUNK)
        QN_TRY(fn(f, at, n - at < CHUNK ? n - at : CHUNK, (const char *)dense->data + (size_t)at * qn_dtype_bytes(dense->dtype)));
    return QN_OK;
}

static qn_status fill_int8(filler *f) {
    const qn_const *c = f->c;
    qn_tensor dense = {0}, *whole = NULL;
    if (c->code_dtype != QN_I8 || !c->symmetric || c->block != 0)
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': an affine encoding that this version only reads", c->name);
    if (c->scale_dtype != QN_F32)
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': scales of %s", c->name, qn_dtype_name(c->scale_dtype));
    f->groups = qn_const_groups(c);
    QN_NEW_ARRAY(f->ctx, f->arena, f->scales, f->groups.n_groups);
    if (!f->leaf) { /* two walks, one evaluation */
        QN_TRY(qn_const_eval(f->ctx, f->arena, f->clamped ? f->clamped : c, &dense));
        whole = &dense;
    }
    QN_TRY(each(f, whole, see_range));
    qn_int8_scales(f->scales, f->groups.n_groups, f->scales);
    f->counts = false;
    QN_TRY(each(f, whole, write_codes));
    return f->write(f->sink, QN_PART_SCALES, f->scales, (size_t)f->groups.n_groups * sizeof *f->scales);
}

/** Source tensors of an expression have been read. */
static void release_sources(const qn_const *c, int depth) {
    enum { MAX_DEPTH = 64 };
    if (!c->expr) {
        for (int part = 0; part < QN_MAX_PARTS; part++)
            if (c->part[part].n > 0)
                qn_map_release(c->part[part].data, c->part[part].n);
        return;
    }
    for (int32_t i = 0; i < c->expr->n_in && depth < MAX_DEPTH; i++)
        if (c->expr->in[i] && c->expr->in[i]->constant)
            release_sources(c->expr->in[i]->constant, depth + 1);
}

static qn_status fill_expression(filler *f) {
    const qn_const *c = f->c;
    int64_t n = qn_const_numel(c) < CHUNK ? qn_const_numel(c) : CHUNK;
    QN_NEW_ARRAY(f->ctx, f->arena, f->half, n);
    QN_NEW_ARRAY(f->ctx, f->arena, f->wide, n);
    QN_NEW_ARRAY(f->ctx, f->arena, f->codes, n);
    if (c->encoding == QN_ENC_AFFINE)
        QN_TRY(fill_int8(f));
    else if (c->encoding == QN_ENC_DENSE)
        QN_TRY(each(f, NULL, write_values));
    else
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': encoding %d", c->name, (int)c->encoding);
    release_sources(c, 0);
    if (f->n_clamped)
        qn_log(f->ctx, QN_LOG_WARN, "constant '%s': %" PRId64 " of %" PRId64 " elements clamped to the range of %s", c->name,
               f->n_clamped, qn_const_numel(c), qn_dtype_name(c->dtype));
    return QN_OK;
}

qn_status qn_fill_const(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c, write_fn write, void *sink) {
    (void)user;
    filler f = {.ctx = ctx, .arena = arena, .c = c, .leaf = find_leaf(c), .clamped = find_clamped(c), .write = write,
                .sink = sink, .counts = true};
    return c->expr ? fill_expression(&f) : copy_parts(&f);
}
