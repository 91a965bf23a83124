/* How the bytes of a constant are made when a package is filled. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/map.h"
#include "ir/graph.h"
#include "kernels/eval.h"
#include "quant/quant.h"

enum { CHUNK = 1 << 18 }; /* elements at a time */

typedef qn_status (*write_fn)(void *sink, int part, const void *data, size_t n);

typedef struct filler {
    qn_context *ctx;
    qn_arena *arena;
    const qn_const *c;
    const qn_const *leaf;      /* the ready constant whose elements these are, one for one; or NULL */
    write_fn write;
    void *sink;
    void *piece;               /* CHUNK elements of 2 bytes, for what is made here */
    float *wide;               /* CHUNK floats */
    qn_groups groups;
    float *scales;             /* absmax, then scales */
    int64_t n_clamped;
} filler;

/** The source elements [first, first + n) have been read. */
static void release(const filler *f, int64_t first, int64_t n) {
    size_t bytes = f->leaf ? qn_dtype_bytes(f->leaf->dtype) : 0;
    if (bytes)
        qn_map_release((const char *)f->leaf->part[QN_PART_VALUES].data + (size_t)first * bytes, (size_t)n * bytes);
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

/* ---- stored as it is ------------------------------------------------------------------------- */

static qn_status copy_parts(filler *f) {
    enum { PIECE = 1 << 20 };
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

static qn_status write_values(void *arg, int64_t first, int64_t n, const void *data) {
    filler *f = arg;
    QN_TRY(f->write(f->sink, QN_PART_VALUES, data, (size_t)n * qn_dtype_bytes(f->c->dtype)));
    release(f, first, n);
    return QN_OK;
}

/* ---- float32 to a half ---------------------------------------------------------------------------- */

/** float16 of finite numbers outside its range is +-65504, not infinity (Cast with clamp=1); infinities stay. */
static void clamp_half(filler *f, const float *x, uint16_t *h, int64_t n) {
    float max = 0;
    for (int64_t i = 0; i < n; i++)
        max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    for (int64_t i = 0; max > QN_F16_MAX && i < n; i++) {
        float a = fabsf(x[i]);
        if (!(a > QN_F16_MAX) || isinf(a))
            continue;
        h[i] = qn_f32_to_f16(x[i] < 0 ? -QN_F16_MAX : QN_F16_MAX);
        f->n_clamped++;
    }
}

/** A Cast from float32 in the mapped source, the common case, in pieces that never add up to a tensor. */
static qn_status narrow(filler *f) {
    const float *source = f->leaf->part[QN_PART_VALUES].data;
    bool clamp = f->c->dtype == QN_F16 && qn_node_int(f->c->expr, "clamp", 0) != 0;
    int64_t n = qn_const_numel(f->c);
    for (int64_t at = 0; at < n; at += CHUNK) {
        int64_t take = n - at < CHUNK ? n - at : CHUNK;
        memcpy(f->wide, source + at, (size_t)take * sizeof *f->wide); /* the file may lie unaligned */
        if (f->c->dtype == QN_F16)
            qn_f32_to_f16_n(f->wide, f->piece, (size_t)take);
        else
            qn_f32_to_bf16_n(f->wide, f->piece, (size_t)take);
        if (clamp)
            clamp_half(f, f->wide, f->piece, take);
        QN_TRY(f->write(f->sink, QN_PART_VALUES, f->piece, (size_t)take * 2));
        release(f, at, take);
    }
    if (f->n_clamped)
        qn_log(f->ctx, QN_LOG_WARN, "tensor '%s': %" PRId64 " of %" PRId64 " elements clamped to float16's range, +-65504",
               f->c->name, f->n_clamped, n);
    return QN_OK;
}

/* ---- affine int8 ------------------------------------------------------------------------------------ */

/** data[0..n) as float32. */
static qn_status widen(filler *f, const void *data, int64_t n, const float **out) {
    *out = f->wide;
    switch (f->c->dtype) {
    case QN_F32:
        memcpy(f->wide, data, (size_t)n * sizeof *f->wide);
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
    QN_TRY(widen(f, data, n, &x));
    if (!qn_int8_absmax(f->groups, first, x, n, f->scales, &bad))
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': element %" PRId64 " is not finite: it cannot be quantised",
                       f->c->name, bad);
    release(f, first, n);
    return QN_OK;
}

static qn_status write_codes(void *arg, int64_t first, int64_t n, const void *data) {
    filler *f = arg;
    const float *x;
    QN_TRY(widen(f, data, n, &x));
    qn_int8_encode(f->groups, first, x, n, f->scales, f->piece);
    QN_TRY(f->write(f->sink, QN_PART_CODES, f->piece, (size_t)n));
    release(f, first, n);
    return QN_OK;
}

/** fn over the elements in pieces of at most CHUNK. */
static qn_status each(filler *f, const qn_tensor *dense, qn_const_chunk_fn fn) {
    int64_t n = qn_const_numel(f->c);
    if (!dense)
        return qn_const_stream(f->ctx, f->arena, f->c, CHUNK, fn, f);
    for (int64_t at = 0; at < n; at += CHUNK)
        QN_TRY(fn(f, at, n - at < CHUNK ? n - at : CHUNK, (const char *)dense->data + (size_t)at * qn_dtype_bytes(dense->dtype)));
    return QN_OK;
}

static qn_status fill_int8(filler *f) {
    const qn_const *c = f->c;
    qn_tensor dense = {0}, *whole = NULL;
    if (c->code_dtype != QN_I8 || !c->symmetric || c->block != 0)
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': an affine encoding that this version only reads", c->name);
    f->groups = qn_const_groups(c);
    QN_NEW_ARRAY(f->ctx, f->arena, f->scales, f->groups.n_groups);
    if (!f->leaf) { /* two walks, one evaluation */
        QN_TRY(qn_const_eval(f->ctx, f->arena, c, &dense));
        whole = &dense;
    }
    QN_TRY(each(f, whole, see_range));
    qn_int8_scales(f->scales, f->groups.n_groups, f->scales);
    QN_TRY(each(f, whole, write_codes));
    const void *scales = f->scales;
    size_t n_bytes = (size_t)f->groups.n_groups * sizeof *f->scales;
    if (c->scale_dtype != QN_F32)
        return qn_fail(f->ctx, QN_UNSUPPORTED, "tensor '%s': scales of %s", c->name, qn_dtype_name(c->scale_dtype));
    return f->write(f->sink, QN_PART_SCALES, scales, n_bytes);
}

qn_status qn_fill_const(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c, write_fn write, void *sink) {
    (void)user;
    filler f = {.ctx = ctx, .arena = arena, .c = c, .leaf = find_leaf(c), .write = write, .sink = sink};
    if (!c->expr)
        return copy_parts(&f);
    if (qn_const_numel(c) == 0 && c->encoding == QN_ENC_DENSE)
        return QN_OK;
    int64_t n = qn_const_numel(c) < CHUNK ? qn_const_numel(c) : CHUNK;
    f.wide = qn_arena_array(arena, (size_t)n, sizeof *f.wide);
    f.piece = qn_arena_array(arena, (size_t)n, sizeof(uint16_t));
    if (!f.wide || !f.piece)
        return qn_fail_memory(ctx, (size_t)n * sizeof *f.wide, "a piece of a tensor");
    if (c->encoding == QN_ENC_AFFINE)
        return fill_int8(&f);
    if (c->encoding != QN_ENC_DENSE)
        return qn_fail(ctx, QN_UNSUPPORTED, "tensor '%s': encoding %d", c->name, (int)c->encoding);
    bool half = c->dtype == QN_F16 || c->dtype == QN_BF16;
    if (half && f.leaf && f.leaf->dtype == QN_F32 && c->expr->op == QN_OP_Cast && c->expr->in[0]->constant == f.leaf)
        return narrow(&f);
    return qn_const_stream(ctx, arena, c, CHUNK, write_values, &f);
}
