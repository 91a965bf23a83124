#include <string.h>

#include "read/import.h"

qn_value qn_absent;

qn_value *qn_scope_find(const qn_scope *scope, const char *name) {
    for (; scope; scope = scope->parent) {
        qn_value *value = qn_table_get(scope->values, name);
        if (value)
            return value;
    }
    return NULL;
}

qn_status qn_scope_define(qn_scope *scope, const char *name, qn_value *value) {
    qn_context *ctx = scope->im->ctx;
    if (qn_table_get(scope->values, name))
        return qn_fail(ctx, QN_MALFORMED, "'%s' is defined twice", name);
    return qn_table_put(scope->values, name, value) ? QN_OK : qn_fail_memory(ctx, strlen(name), "a name");
}

qn_status qn_scope_name(const qn_scope *scope, const char *name, const char **out) {
    const char *outer = scope->renamed ? qn_table_get(scope->renamed, name) : NULL;
    qn_arena *arena = scope->im->graph->arena;
    *out = outer ? qn_arena_strdup(arena, outer) : qn_arena_printf(arena, "%s%s", scope->prefix, name);
    return *out ? QN_OK : qn_fail_memory(scope->im->ctx, strlen(name), "a name");
}

static qn_status read_initializers(qn_scope *scope, const QnOnnx__GraphProto *proto) {
    qn_import *im = scope->im;
    for (size_t i = 0; i < proto->n_initializer; i++) {
        const QnOnnx__TensorProto *tensor = proto->initializer[i];
        const char *name = tensor->name ? tensor->name : "";
        qn_const *constant = NULL;
        qn_value *value = NULL;
        if (!*name)
            return qn_fail(im->ctx, QN_MALFORMED, "initializer %zu has no name", i);
        const char *label = qn_arena_printf(im->scratch, "initializer '%s'", name);
        if (!label)
            return qn_fail_memory(im->ctx, strlen(name), "a label");
        QN_TRY(qn_tensor_read(&im->source, tensor, label, &constant));
        QN_TRY(qn_value_constant(im->ctx, scope->graph, name, constant, &value));
        QN_TRY(qn_scope_define(scope, name, value));
        QN_TRY(qn_scope_name(scope, name, &value->origin));
    }
    if (proto->n_sparse_initializer) {
        const QnOnnx__TensorProto *values = proto->sparse_initializer[0]->values;
        return qn_fail(im->ctx, QN_UNSUPPORTED, "sparse initializer '%s'",
                       values && values->name ? values->name : "");
    }
    return QN_OK;
}

qn_status qn_import_nodes(qn_scope *scope, QnOnnx__NodeProto *const *nodes, size_t n) {
    qn_import *im = scope->im;
    for (size_t i = 0; i < n; i++) {
        QN_TRY(qn_check_cancel(im->ctx));
        /* Names are looked up here, so that what is missing can be told from what comes too late. */
        for (size_t k = 0; k < nodes[i]->n_input; k++) {
            const char *name = nodes[i]->input[k];
            if (!*name || qn_scope_find(scope, name))
                continue;
            const char *op = nodes[i]->op_type ? nodes[i]->op_type : "";
            for (size_t later = i; later < n; later++)
                for (size_t o = 0; o < nodes[later]->n_output; o++)
                    if (strcmp(nodes[later]->output[o], name) == 0)
                        return qn_fail(im->ctx, QN_MALFORMED,
                                       "%s reads '%s' before it is made: the nodes are in no order, or form a cycle",
                                       op, name);
            return qn_fail(im->ctx, QN_MALFORMED, "%s reads '%s', which nothing makes", op, name);
        }
        QN_TRY(qn_import_node(scope, nodes[i]));
    }
    return QN_OK;
}

/* A result of a branch that is made around it: a node of the branch's own makes it again. */
static qn_status own_value(qn_scope *scope, const char *name, qn_value **value) {
    if (!scope->parent || (*value)->graph == scope->graph)
        return QN_OK;
    qn_node *node = NULL;
    QN_TRY(qn_node_create(scope->im->ctx, scope->graph, NULL, QN_OP_Identity, name, value, 1, 1, &node));
    node->out[0]->type = (*value)->type;
    *value = node->out[0];
    return QN_OK;
}

static qn_status read_outputs(qn_scope *scope, const QnOnnx__GraphProto *proto) {
    qn_context *ctx = scope->im->ctx;
    qn_table *names = qn_table_create(scope->im->scratch);
    for (size_t i = 0; i < proto->n_output; i++) {
        const char *name = proto->output[i]->name ? proto->output[i]->name : "";
        qn_value *value = qn_scope_find(scope, name);
        if (!*name)
            return qn_fail(ctx, QN_MALFORMED, "output %zu has no name", i);
        if (!value || value == &qn_absent)
            return qn_fail(ctx, QN_MALFORMED, "output '%s' is made by nothing", name);
        if (!names || (!qn_table_get(names, name) && !qn_table_put(names, name, value)))
            return qn_fail_memory(ctx, strlen(name), "a name");
        QN_TRY(own_value(scope, name, &value));
        QN_TRY(qn_graph_add_output(ctx, scope->graph, name, value));
    }
    if (!scope->parent && names && qn_table_count(names) != proto->n_output)
        return qn_fail(ctx, QN_MALFORMED, "two outputs have the same name");
    return QN_OK;
}

qn_status qn_import_subgraph(qn_scope *scope, const QnOnnx__GraphProto *proto, const char *owner, qn_graph **out) {
    qn_context *ctx = scope->im->ctx;
    qn_scope inner = *scope;
    inner.parent = scope;
    inner.renamed = NULL;
    inner.values = qn_table_create(scope->im->scratch);
    if (!inner.values)
        return qn_fail_memory(ctx, 0, "names");
    if (proto->n_input)
        return qn_fail(ctx, QN_MALFORMED, "%s: a branch with inputs", owner);
    QN_TRY(qn_graph_create_sub(ctx, scope->graph, proto->name ? proto->name : "", &inner.graph));
    QN_TRY(read_initializers(&inner, proto));
    QN_TRY(qn_import_nodes(&inner, proto->node, proto->n_node));
    QN_TRY(read_outputs(&inner, proto));
    *out = inner.graph;
    return QN_OK;
}

static qn_status check_model(qn_import *im, int32_t *opset) {
    qn_context *ctx = im->ctx;
    const QnOnnx__ModelProto *model = im->model;
    if (!model->graph)
        return qn_fail(ctx, QN_MALFORMED, "not an ONNX model: it has no graph");
    if (!model->has_ir_version || model->ir_version < 1)
        return qn_fail(ctx, QN_MALFORMED, "not an ONNX model: it has no IR version");
    QN_TRY(qn_import_opset(ctx, model->opset_import, model->n_opset_import, "", opset));
    if (!*opset && model->ir_version < 3)
        return qn_fail(ctx, QN_UNSUPPORTED, "opset 1; %d to %d are read", QN_OPSET_MIN, QN_OPSET_MAX);
    if (model->n_training_info)
        qn_log(ctx, QN_LOG_INFO, "%zu training graphs are left out", model->n_training_info);
    return QN_OK;
}

qn_status qn_import_model(qn_import *im) {
    qn_scope scope = {.im = im, .graph = im->graph, .prefix = ""};
    QN_TRY(check_model(im, &scope.opset));
    scope.values = qn_table_create(im->scratch);
    if (!scope.values)
        return qn_fail_memory(im->ctx, 0, "names");
    const QnOnnx__GraphProto *proto = im->model->graph;
    QN_TRY(qn_import_functions(im));
    QN_TRY(read_initializers(&scope, proto));
    QN_TRY(qn_import_inputs(&scope, proto));
    QN_TRY(qn_import_nodes(&scope, proto->node, proto->n_node));
    if (!proto->n_output)
        return qn_fail(im->ctx, QN_MALFORMED, "the model has no outputs");
    return read_outputs(&scope, proto);
}
