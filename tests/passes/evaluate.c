#include "tests/passes/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/half.h"
#include "base/random.h"

/* ---- inputs --------------------------------------------------------------------------------- */

/* A small number that the range allows, not the same for neighbouring symbols. */
static int64_t small_number(const qn_dim_range *range, int32_t index) {
    static const int64_t wish[] = {2, 3, 5, 4};
    if (range->list)
        return range->list[0];
    int64_t n = wish[index % 4] > range->min ? wish[index % 4] : range->min;
    if (n > range->max)
        n = range->max;
    return (n + range->multiple - 1) / range->multiple * range->multiple;
}

static qn_status shape_input(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_value *v, qn_tensor *t) {
    const int32_t n_symbols = qn_symbols_count(graph->symbols);
    int64_t *bound, n;
    QN_NEW_ARRAY(ctx, arena, bound, n_symbols + 1);
    for (int32_t i = 0; i < n_symbols; i++)
        bound[i] = small_number(qn_symbol_range(graph->symbols, i), i);
    *t = (qn_tensor){.dtype = v->type.dtype, .rank = v->type.rank};
    if (t->rank < 0)
        return qn_fail(ctx, QN_USAGE, "input '%s' has no shape", v->name);
    for (int32_t i = 0; i < t->rank; i++)
        if (!qn_dim_eval(graph->symbols, v->type.dims[i], bound, &t->dims[i]))
            return qn_fail(ctx, QN_USAGE, "input '%s' has no size", v->name);
    if (!qn_count_elems(t->dims, t->rank, &n))
        return qn_fail(ctx, QN_USAGE, "input '%s' is too large", v->name);
    t->n_bytes = (size_t)n * qn_dtype_bytes(t->dtype);
    t->data = qn_arena_alloc(arena, t->n_bytes);
    return t->data ? QN_OK : qn_fail_memory(ctx, t->n_bytes, v->name);
}

static void fill(qn_tensor *t, uint64_t *state) {
    const size_t size = qn_dtype_bytes(t->dtype), n = t->n_bytes / size;
    for (size_t i = 0; i < n; i++) {
        char *to = (char *)t->data + i * size;
        if (!qn_dtype_is_float(t->dtype)) {
            const int64_t bit = (int64_t)(qn_random_next(state) >> 63); /* little-endian: any width */
            memcpy(to, &bit, size);
            continue;
        }
        const double x = qn_random_normal(state);
        const float f = (float)x;
        const uint16_t half = t->dtype == QN_F16 ? qn_f32_to_f16(f) : qn_f32_to_bf16(f);
        memcpy(to, size == 8 ? (const void *)&x : size == 4 ? (const void *)&f : &half, size);
    }
}

qn_status qn_test_random_inputs(qn_context *ctx, qn_arena *arena, const qn_graph *graph, uint64_t seed,
                                qn_tensor *inputs) {
    for (int32_t i = 0; i < graph->n_inputs; i++) {
        QN_TRY(shape_input(ctx, arena, graph, graph->inputs[i].value, &inputs[i]));
        fill(&inputs[i], &seed);
    }
    return QN_OK;
}

/* ---- the walk ---------------------------------------------------------------------------------- */

typedef struct walk {
    qn_context *ctx;
    qn_arena *arena;
    qn_tensor *values; /* by value id; dtype QN_NONE: not there */
} walk;

static qn_status tensor_of(walk *w, const qn_value *v, qn_tensor *out) {
    qn_tensor *t = &w->values[v->id];
    if (t->dtype == QN_NONE && v->constant)
        QN_TRY(qn_const_eval(w->ctx, w->arena, v->constant, t));
    if (t->dtype == QN_NONE)
        return qn_fail(w->ctx, QN_MALFORMED, "value '%s' is not computed", v->name);
    *out = *t;
    return QN_OK;
}

static qn_status walk_graph(walk *w, const qn_graph *graph);

static qn_status walk_if(walk *w, const qn_node *node) {
    qn_tensor condition;
    QN_TRY(tensor_of(w, node->in[0], &condition));
    const qn_graph *branch = qn_node_graph(node, *(const uint8_t *)condition.data ? "then_branch" : "else_branch");
    QN_TRY(walk_graph(w, branch));
    for (int32_t i = 0; i < node->n_out; i++)
        QN_TRY(tensor_of(w, branch->outputs[i].value, &w->values[node->out[i]->id]));
    return QN_OK;
}

static qn_status walk_node(walk *w, const qn_node *node) {
    qn_tensor *in, *out;
    if (node->op == QN_OP_If)
        return walk_if(w, node);
    QN_NEW_ARRAY(w->ctx, w->arena, in, node->n_in + 1);
    QN_NEW_ARRAY(w->ctx, w->arena, out, node->n_out + 1);
    for (int32_t i = 0; i < node->n_in; i++)
        if (node->in[i])
            QN_TRY(tensor_of(w, node->in[i], &in[i]));
    QN_TRY(qn_eval_node(w->ctx, w->arena, node, in, node->n_in, out, node->n_out));
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            w->values[node->out[i]->id] = out[i];
    return QN_OK;
}

static qn_status walk_graph(walk *w, const qn_graph *graph) {
    for (const qn_node *node = graph->first; node; node = node->next)
        QN_TRY(walk_node(w, node));
    return QN_OK;
}

qn_status qn_test_evaluate(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const qn_tensor *inputs,
                           qn_tensor *outputs) {
    walk w = {ctx, arena, NULL};
    QN_NEW_ARRAY(ctx, arena, w.values, qn_graph_value_bound(graph));
    for (int32_t i = 0; i < graph->n_inputs; i++)
        w.values[graph->inputs[i].value->id] = inputs[i];
    QN_TRY(walk_graph(&w, graph));
    for (int32_t i = 0; i < graph->n_outputs; i++)
        QN_TRY(tensor_of(&w, graph->outputs[i].value, &outputs[i]));
    return QN_OK;
}
