#include "tests/passes/same.h"

#include <math.h>
#include <string.h>

#include "kernels/eval.h"

typedef struct same {
    qn_context *ctx;
    qn_arena *arena;
    const qn_table *any;
    const qn_value **map; /* value of `want` by id -> value of `got` */
} same;

static const char *differ_graph(same *s, const qn_graph *want, const qn_graph *got);

static const char *differ_numbers(same *s, const qn_value *want, const qn_value *got) {
    qn_tensor a, b;
    if (qn_const_eval(s->ctx, s->arena, want->constant, &a) != QN_OK ||
        qn_const_eval(s->ctx, s->arena, got->constant, &b) != QN_OK)
        return qn_context_message(s->ctx);
    if (a.dtype != b.dtype || a.rank != b.rank || memcmp(a.dims, b.dims, sizeof(int64_t) * (size_t)a.rank) != 0)
        return qn_arena_printf(s->arena, "constant '%s' has another type than %%%s", got->name, want->name);
    const qn_const ca = {.dtype = a.dtype, .rank = 1, .dims = {qn_const_numel(want->constant)}, .part = {{a.data, a.n_bytes}}};
    const qn_const cb = {.dtype = b.dtype, .rank = 1, .dims = {qn_const_numel(want->constant)}, .part = {{b.data, b.n_bytes}}};
    for (int64_t i = 0; i < ca.dims[0]; i++) {
        const double x = qn_const_f64(&ca, i), y = qn_const_f64(&cb, i);
        if (fabs(x - y) > 1e-6 * fabs(x)) /* the nearest float to what the text says */
            return qn_arena_printf(s->arena, "constant '%s' has %g at %lld, %%%s has %g", got->name, y, (long long)i,
                                   want->name, x);
    }
    return NULL;
}

static bool near(float x, float y) { return fabsf(x - y) <= 1e-6f * fabsf(x); }

static const char *differ_attr(same *s, const qn_node *node, const qn_attr *want, const qn_attr *got) {
    bool equal = got && got->kind == want->kind && got->n == want->n;
    for (int64_t i = 0; equal && i < want->n; i++) {
        if (want->kind == QN_ATTR_INTS)
            equal = want->as.ints[i] == got->as.ints[i];
        else if (want->kind == QN_ATTR_FLOATS)
            equal = near(want->as.floats[i], got->as.floats[i]);
        else if (want->kind == QN_ATTR_STRINGS)
            equal = strcmp(want->as.strings[i], got->as.strings[i]) == 0;
    }
    if (equal && want->kind == QN_ATTR_INT)
        equal = want->as.i == got->as.i;
    if (equal && want->kind == QN_ATTR_FLOAT)
        equal = near(want->as.f, got->as.f);
    if (equal && want->kind == QN_ATTR_STRING)
        equal = strcmp(want->as.s, got->as.s) == 0;
    if (!equal)
        return qn_arena_printf(s->arena, "%s has another %s, or none", qn_node_label(node), want->name);
    return want->kind == QN_ATTR_GRAPH ? differ_graph(s, want->as.graph, got->as.graph) : NULL;
}

static int32_t inputs_given(const qn_node *node) {
    int32_t n = node->n_in;
    while (n > 0 && !node->in[n - 1])
        n--;
    return n;
}

static const char *differ_value(same *s, const qn_value *want, const qn_value *got);

static const char *differ_node(same *s, const qn_node *want, const qn_node *got) {
    if (want->op != got->op)
        return qn_arena_printf(s->arena, "%s stands where %s should", qn_node_label(got), qn_node_label(want));
    if (want->compute != QN_NONE && want->compute != got->compute)
        return qn_arena_printf(s->arena, "%s does not compute in %s", qn_node_label(got), qn_dtype_name(want->compute));
    if (inputs_given(want) != inputs_given(got))
        return qn_arena_printf(s->arena, "%s has %d inputs, should have %d", qn_node_label(got), inputs_given(got),
                               inputs_given(want));
    for (int32_t i = 0; i < inputs_given(want); i++) {
        const char *why = differ_value(s, want->in[i], got->in[i]);
        if (why)
            return why;
    }
    for (int32_t i = 0; i < want->n_attrs; i++) {
        const char *why = differ_attr(s, got, &want->attrs[i], qn_node_attr(got, want->attrs[i].name));
        if (why)
            return why;
    }
    return NULL;
}

static const char *differ_value(same *s, const qn_value *want, const qn_value *got) {
    if (!want || !got)
        return want == got ? NULL : "an optional input is there on one side only";
    if (s->map[want->id])
        return s->map[want->id] == got ? NULL
                                       : qn_arena_printf(s->arena, "'%s' stands for %%%s, and so does '%s'", got->name,
                                                         want->name, s->map[want->id]->name);
    s->map[want->id] = got;
    if (want->constant) {
        if (!got->constant)
            return qn_arena_printf(s->arena, "'%s' is no constant, %%%s is", got->name, want->name);
        return qn_table_get(s->any, want->name) ? NULL : differ_numbers(s, want, got);
    }
    if (want->is_input)
        return got->is_input && strcmp(want->name, got->name) == 0
                   ? NULL
                   : qn_arena_printf(s->arena, "'%s' stands where input %%%s should", got->name, want->name);
    if (!want->producer || !got->producer)
        return qn_arena_printf(s->arena, "'%s' is no result of a node, %%%s is", got->name, want->name);
    if (want->producer_index != got->producer_index)
        return qn_arena_printf(s->arena, "'%s' is another output than %%%s", got->name, want->name);
    return differ_node(s, want->producer, got->producer);
}

static const char *differ_graph(same *s, const qn_graph *want, const qn_graph *got) {
    if (want->n_outputs != got->n_outputs)
        return "the number of outputs";
    for (int32_t i = 0; i < want->n_outputs; i++) {
        const char *why = differ_value(s, want->outputs[i].value, got->outputs[i].value);
        if (why)
            return why;
    }
    return want->n_nodes == got->n_nodes
               ? NULL
               : qn_arena_printf(s->arena, "%d nodes, should be %d", got->n_nodes, want->n_nodes);
}

const char *qn_test_same_graph(qn_context *ctx, qn_arena *arena, const qn_graph *want, const qn_graph *got,
                               const qn_table *any) {
    same s = {ctx, arena, any, qn_arena_array(arena, qn_graph_value_bound(want), sizeof(qn_value *))};
    return s.map ? differ_graph(&s, want, got) : "out of memory";
}
