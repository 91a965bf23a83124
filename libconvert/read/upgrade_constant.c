/* Constant nodes are constants of the graph. */
#include <string.h>

#include "read/upgrade.h"

static qn_status name_result(qn_source_node *n, qn_value *value) {
    QN_TRY(qn_scope_name(n->scope, n->proto->output[0], &value->origin));
    n->out[0] = value;
    return QN_OK;
}

qn_status qn_up_constant(qn_source_node *n) {
    qn_context *ctx = n->im->ctx;
    qn_graph *graph = n->scope->graph;
    qn_value *value = NULL;
    const char *name = NULL;
    if (n->n_attrs != 1)
        return qn_up_fail(n, QN_MALFORMED, "%d values; one is needed", n->n_attrs);
    const qn_attr *a = &n->attrs[0];
    QN_TRY(qn_scope_name(n->scope, n->proto->output[0], &name));
    switch (a->kind) {
    case QN_ATTR_INT:
        QN_TRY(qn_value_ints(ctx, graph, name, &a->as.i, -1, &value));
        return name_result(n, value);
    case QN_ATTR_FLOAT:
        QN_TRY(qn_value_floats(ctx, graph, name, &a->as.f, -1, &value));
        return name_result(n, value);
    case QN_ATTR_INTS:
        QN_TRY(qn_value_ints(ctx, graph, name, a->as.ints, a->n, &value));
        return name_result(n, value);
    case QN_ATTR_FLOATS:
        QN_TRY(qn_value_floats(ctx, graph, name, a->as.floats, a->n, &value));
        return name_result(n, value);
    case QN_ATTR_TENSOR: {
        qn_const *c;
        QN_NEW(ctx, graph->arena, c);
        *c = *a->as.tensor;
        QN_TRY(qn_value_constant(ctx, graph, name, c, &value));
        if (!c->name || !c->name[0])
            c->name = value->name;
        return name_result(n, value);
    }
    case QN_ATTR_STRING:
    case QN_ATTR_STRINGS:
    case QN_ATTR_GRAPH:
        break;
    }
    return qn_up_fail(n, QN_UNSUPPORTED, "attribute '%s'", a->name);
}
