/* Constants as numbers: nodes run by their reference kernels, constant expressions evaluated bottom up. */
#include "kernels/eval.h"

#include "base/checked.h"
#include "base/map.h"
#include "kernels/ref/convert.h"
#include "kernels/ref/copy.h"
#include "ops/infer.h"

#include <string.h>

static int64_t elems_of(const qn_tensor *t) {
    int64_t n = 0;
    return qn_count_elems(t->dims, t->rank, &n) ? n : 0;
}

static bool is_aligned(const void *data, qn_dtype dtype) {
    size_t bytes = qn_dtype_bytes(dtype);
    return bytes < 2 || (uintptr_t)data % bytes == 0;
}

/* ---- one node ------------------------------------------------------------------------------------ */

/* What the shape function may know of an operand. */
static qn_status describe(qn_context *ctx, qn_arena *arena, const qn_tensor *t, qn_type *type, qn_content *content) {
    *type = (qn_type){.dtype = t->dtype, .rank = t->dtype == QN_NONE ? -1 : t->rank};
    *content = (qn_content){NULL, 0};
    if (t->dtype == QN_NONE)
        return QN_OK;
    for (int32_t d = 0; d < t->rank; d++)
        type->dims[d] = t->dims[d];
    int64_t n = elems_of(t), *v;
    if ((t->dtype != QN_I64 && t->dtype != QN_I32) || n > QN_MAX_CONTENT)
        return QN_OK;
    QN_NEW_ARRAY(ctx, arena, v, n);
    qn_convert(t->dtype, t->data, QN_I64, v, n);
    for (int64_t i = 0; i < n; i++)
        if (!qn_dim_is_const(v[i]))
            return QN_OK;
    *content = (qn_content){v, n};
    return QN_OK;
}

static qn_status shape_outputs(qn_context *ctx, qn_arena *scratch, const qn_node *node, const qn_tensor *in,
                               int32_t n_in, qn_tensor *out, int32_t n_out) {
    qn_infer inf = {.ctx = ctx, .symbols = qn_symbols_create(scratch), .node = node, .arena = scratch, .n_in = n_in,
                    .n_out = n_out, .in_value = in};
    qn_type *in_type;
    qn_content *in_content;
    if (!inf.symbols)
        return qn_fail_memory(ctx, 0, "symbols");
    QN_NEW_ARRAY(ctx, scratch, in_type, n_in);
    QN_NEW_ARRAY(ctx, scratch, in_content, n_in);
    QN_NEW_ARRAY(ctx, scratch, inf.out, n_out);
    QN_NEW_ARRAY(ctx, scratch, inf.out_content, n_out);
    for (int32_t i = 0; i < n_in; i++)
        QN_TRY(describe(ctx, scratch, &in[i], &in_type[i], &in_content[i]));
    for (int32_t i = 0; i < n_out; i++)
        inf.out[i].rank = -1;
    inf.in = in_type;
    inf.in_content = in_content;
    QN_TRY(qn_infer_node(&inf));
    for (int32_t i = 0; i < n_out; i++) {
        out[i] = (qn_tensor){.dtype = QN_NONE};
        if (i >= node->n_out || !node->out[i])
            continue;
        int64_t n;
        if (inf.out[i].dtype == QN_NONE || !qn_type_is_static(&inf.out[i]))
            return qn_fail(ctx, QN_UNSUPPORTED, "%s: the shape of output %d is not known", qn_node_label(node), i);
        out[i].dtype = inf.out[i].dtype;
        out[i].rank = inf.out[i].rank;
        memcpy(out[i].dims, inf.out[i].dims, sizeof out[i].dims);
        if (!qn_count_elems(out[i].dims, out[i].rank, &n) ||
            !qn_mul_size((size_t)n, qn_dtype_bytes(out[i].dtype), &out[i].n_bytes))
            return qn_fail(ctx, QN_UNSUPPORTED, "%s: output %d is too large", qn_node_label(node), i);
    }
    return QN_OK;
}

/* Operands whose bytes lie at odd places of a mapped file. Movement reads them where they are. */
static qn_status align_inputs(qn_context *ctx, qn_arena *scratch, const qn_node *node, const qn_tensor **in,
                              int32_t n_in) {
    qn_tensor *copy = NULL;
    for (int32_t i = 0; i < n_in; i++) {
        const qn_tensor t = (*in)[i];
        if (t.dtype == QN_NONE || is_aligned(t.data, t.dtype) ||
            (i == 0 && qn_op_row(node->op)->kind == QN_KIND_MOVE && node->op != QN_OP_ScatterND))
            continue;
        if (!copy) {
            QN_NEW_ARRAY(ctx, scratch, copy, n_in);
            memcpy(copy, *in, (size_t)n_in * sizeof *copy);
            *in = copy;
        }
        copy[i].data = qn_arena_alloc(scratch, t.n_bytes);
        if (!copy[i].data)
            return qn_fail_memory(ctx, t.n_bytes, "an operand");
        memcpy(copy[i].data, t.data, t.n_bytes);
    }
    return QN_OK;
}

static qn_status run_node(qn_context *ctx, qn_arena *arena, qn_arena *scratch, const qn_node *node,
                          const qn_tensor *in, int32_t n_in, qn_tensor *out, int32_t n_out) {
    QN_TRY(align_inputs(ctx, scratch, node, &in, n_in));
    QN_TRY(shape_outputs(ctx, scratch, node, in, n_in, out, n_out));
    for (int32_t i = 0; i < n_out; i++) {
        if (out[i].dtype == QN_NONE)
            continue;
        out[i].data = qn_arena_alloc(arena, out[i].n_bytes);
        if (!out[i].data)
            return qn_fail_memory(ctx, out[i].n_bytes, qn_node_label(node));
    }
    qn_kernel_args args = {.ctx = ctx, .node = node, .n_in = n_in, .n_out = n_out, .in = in, .out = out,
                           .scratch = scratch};
    const qn_kernel *kernel = qn_kernel_choose(&args, true);
    if (!kernel)
        return qn_fail(ctx, QN_UNSUPPORTED, "%s: not an op that is evaluated", qn_node_label(node));
    return qn_kernel_run(kernel, &args);
}

qn_status qn_eval_node(qn_context *ctx, qn_arena *arena, const qn_node *node, const qn_tensor *in, int32_t n_in,
                       qn_tensor *out, int32_t n_out) {
    qn_arena *scratch = qn_arena_create();
    if (!scratch)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = run_node(ctx, arena, scratch, node, in, n_in, out, n_out);
    qn_arena_destroy(scratch);
    return status;
}

/* ---- constants without expression ------------------------------------------------------------------- */

static qn_tensor tensor_like(const qn_const *c) {
    qn_tensor t = {.dtype = c->dtype, .rank = c->rank};
    memcpy(t.dims, c->dims, sizeof t.dims);
    t.n_bytes = (size_t)qn_const_numel(c) * qn_dtype_bytes(c->dtype);
    return t;
}

/* Elements [first, first + n) of an encoded constant in its own dtype; `wide` has room for n floats. */
static qn_status decode_to(qn_context *ctx, const qn_const *c, int64_t first, int64_t n, float *wide, void *out) {
    if (c->dtype == QN_F32)
        return qn_const_decode(ctx, c, first, n, out);
    QN_TRY(qn_const_decode(ctx, c, first, n, wide));
    qn_convert(QN_F32, wide, c->dtype, out, n);
    return QN_OK;
}

static qn_status eval_leaf(qn_context *ctx, qn_arena *arena, const qn_const *c, qn_tensor *out) {
    enum { CHUNK = 1 << 16 };
    static char empty[8];
    *out = tensor_like(c);
    if (out->n_bytes == 0) {
        out->data = empty;
        return QN_OK;
    }
    if (qn_const_is_ready(c)) {
        memcpy(&out->data, &c->part[QN_PART_VALUES].data, sizeof out->data); /* read only, by contract */
        return QN_OK;
    }
    if (c->encoding == QN_ENC_DENSE)
        return qn_fail(ctx, QN_USAGE, "constant '%s' has no bytes", c->name ? c->name : "");
    int64_t n = qn_const_numel(c);
    float *wide;
    char *data = out->data = qn_arena_alloc(arena, out->n_bytes);
    QN_NEW_ARRAY(ctx, arena, wide, c->dtype == QN_F32 ? 0 : CHUNK);
    if (!data)
        return qn_fail_memory(ctx, out->n_bytes, "an expanded constant");
    for (int64_t at = 0; at < n; at += CHUNK)
        QN_TRY(decode_to(ctx, c, at, n - at < CHUNK ? n - at : CHUNK, wide, data + (size_t)at * qn_dtype_bytes(c->dtype)));
    return QN_OK;
}

/* ---- constant expressions ----------------------------------------------------------------------------
 * A walk with its own stack: a constant is evaluated when its operands have been. What was evaluated is remembered,
 * so that a shared operand is made once. Both are bounded: an expression that needs more is refused. */

enum { MAX_DEPTH = 256, MAX_VALUES = 4096 };

typedef struct evaluated {
    const qn_const *c;
    qn_tensor tensor;
} evaluated;

typedef struct evaluation {
    qn_context *ctx;
    qn_arena *arena;
    const qn_const *stack[MAX_DEPTH];
    int32_t depth;
    evaluated *done; /* [MAX_VALUES] */
    int32_t n_done;
} evaluation;

static const qn_tensor *find_done(const evaluation *e, const qn_const *c) {
    for (int32_t i = e->n_done - 1; i >= 0; i--)
        if (e->done[i].c == c)
            return &e->done[i].tensor;
    return NULL;
}

static qn_status set_done(evaluation *e, const qn_const *c, const qn_tensor *t) {
    if (e->n_done == MAX_VALUES)
        return qn_fail(e->ctx, QN_UNSUPPORTED, "a constant expression of more than %d values", MAX_VALUES);
    e->done[e->n_done++] = (evaluated){c, *t};
    return QN_OK;
}

static const qn_const *operand(const qn_node *node, int32_t i) { return node->in[i] ? node->in[i]->constant : NULL; }

/* Operands are there: run the node. */
static qn_status eval_expr(evaluation *e, const qn_const *c) {
    const qn_node *node = c->expr;
    qn_tensor *in, *out;
    QN_NEW_ARRAY(e->ctx, e->arena, in, node->n_in);
    QN_NEW_ARRAY(e->ctx, e->arena, out, node->n_out);
    for (int32_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? *find_done(e, operand(node, i)) : (qn_tensor){.dtype = QN_NONE};
    QN_TRY(qn_eval_node(e->ctx, e->arena, node, in, node->n_in, out, node->n_out));
    int32_t which = 0;
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i] && node->out[i]->constant == c)
            which = i;
    const qn_tensor want = tensor_like(c), *got = &out[which];
    if (got->dtype != want.dtype || got->rank != want.rank || got->n_bytes != want.n_bytes ||
        memcmp(got->dims, want.dims, sizeof want.dims[0] * (size_t)want.rank) != 0)
        return qn_fail(e->ctx, QN_MALFORMED, "%s: the expression has not the type of its constant '%s'",
                       qn_node_label(node), c->name ? c->name : "");
    /* Large weights have been read from their file: they need not stay in memory. */
    enum { LARGE = 1 << 20 };
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i] && !operand(node, i)->expr && in[i].n_bytes >= LARGE)
            qn_map_release(in[i].data, in[i].n_bytes);
    return set_done(e, c, got);
}

static qn_status eval_top(evaluation *e) {
    const qn_const *c = e->stack[e->depth - 1];
    qn_tensor t;
    if (find_done(e, c)) {
        e->depth--;
        return QN_OK;
    }
    if (!c->expr) {
        QN_TRY(eval_leaf(e->ctx, e->arena, c, &t));
        e->depth--;
        return set_done(e, c, &t);
    }
    const qn_node *node = c->expr;
    for (int32_t i = 0; i < node->n_in; i++) {
        const qn_const *from = operand(node, i);
        if (node->in[i] && !from)
            return qn_fail(e->ctx, QN_MALFORMED, "%s: operand '%s' of a constant expression is not constant",
                           qn_node_label(node), node->in[i]->name);
        if (!from || find_done(e, from))
            continue;
        if (e->depth == MAX_DEPTH)
            return qn_fail(e->ctx, QN_UNSUPPORTED, "%s: a constant expression more than %d deep", qn_node_label(node),
                           MAX_DEPTH);
        e->stack[e->depth++] = from;
        return QN_OK;
    }
    QN_TRY(eval_expr(e, c));
    e->depth--;
    return QN_OK;
}

qn_status qn_const_eval(qn_context *ctx, qn_arena *arena, const qn_const *c, qn_tensor *out) {
    if (!c->expr)
        return eval_leaf(ctx, arena, c, out);
    evaluation *e;
    QN_NEW(ctx, arena, e);
    QN_NEW_ARRAY(ctx, arena, e->done, MAX_VALUES);
    e->ctx = ctx;
    e->arena = arena;
    e->stack[e->depth++] = c;
    while (e->depth > 0)
        QN_TRY(eval_top(e));
    *out = *find_done(e, c);
    return QN_OK;
}
