#include <string.h>

#include "base/checked.h"
#include "read/upgrade.h"

/* Functions are found by domain, name and overload. */
static const char *function_key(qn_arena *arena, const char *domain, const char *name, const char *overload) {
    return qn_arena_printf(arena, "%s\n%s\n%s", qn_is_default_domain(domain) ? "" : domain, name ? name : "",
                           overload ? overload : "");
}

qn_status qn_import_functions(qn_import *im) {
    const QnOnnx__ModelProto *model = im->model;
    im->functions = qn_table_create(im->scratch);
    if (!im->functions)
        return qn_fail_memory(im->ctx, 0, "functions");
    for (size_t i = 0; i < model->n_functions; i++) {
        QnOnnx__FunctionProto *f = model->functions[i];
        const char *key = function_key(im->scratch, f->domain, f->name, f->overload);
        if (!key)
            return qn_fail_memory(im->ctx, 0, "functions");
        if (qn_table_get(im->functions, key))
            return qn_fail(im->ctx, QN_MALFORMED, "function '%s' of domain '%s' is defined twice",
                           f->name ? f->name : "", f->domain ? f->domain : "");
        if (!qn_table_put(im->functions, key, f))
            return qn_fail_memory(im->ctx, 0, "functions");
    }
    return QN_OK;
}

qn_status qn_find_function(qn_import *im, const QnOnnx__NodeProto *proto, const QnOnnx__FunctionProto **out) {
    *out = NULL;
    if (!im->model->n_functions)
        return QN_OK;
    const char *key = function_key(im->scratch, proto->domain, proto->op_type, proto->overload);
    if (!key)
        return qn_fail_memory(im->ctx, 0, "a name");
    *out = qn_table_get(im->functions, key);
    return QN_OK;
}

static qn_status put(qn_import *im, qn_table *table, const char *name, const void *value) {
    union { const void *from; void *to; } item = {value};
    return qn_table_put(table, name, item.to) ? QN_OK : qn_fail_memory(im->ctx, strlen(name), "a name");
}

/* Attributes that the body may refer to: those of the call, then the function's defaults. */
static qn_status bind_attrs(qn_source_node *n, const QnOnnx__FunctionProto *f, qn_table *attrs) {
    qn_import *im = n->im;
    qn_table *declared = qn_table_create(im->scratch);
    if (!declared)
        return qn_fail_memory(im->ctx, 0, "attributes");
    for (size_t k = 0; k < f->n_attribute; k++)
        QN_TRY(put(im, declared, f->attribute[k], f));
    for (size_t k = 0; k < f->n_attribute_proto; k++)
        QN_TRY(put(im, declared, f->attribute_proto[k]->name ? f->attribute_proto[k]->name : "", f));
    for (size_t i = 0; i < n->proto->n_attribute; i++) {
        const QnOnnx__AttributeProto *given = n->proto->attribute[i], *a = NULL;
        QN_TRY(qn_resolve_attr(n->scope, n->label, given, &a));
        if (!qn_table_get(declared, given->name))
            return qn_up_fail(n, QN_UNSUPPORTED, "attribute '%s', which function '%s' does not have", given->name,
                              f->name ? f->name : "");
        if (qn_table_get(attrs, given->name))
            return qn_up_fail(n, QN_MALFORMED, "attribute '%s' is there twice", given->name);
        if (a)
            QN_TRY(put(im, attrs, given->name, a));
    }
    for (size_t i = 0; i < f->n_attribute_proto; i++) {
        const QnOnnx__AttributeProto *a = f->attribute_proto[i];
        if (a->name && !qn_table_get(attrs, a->name))
            QN_TRY(put(im, attrs, a->name, a));
    }
    return QN_OK;
}

static qn_status bind_arguments(qn_source_node *n, const QnOnnx__FunctionProto *f, qn_scope *inner) {
    if ((size_t)n->n_in > f->n_input)
        return qn_up_fail(n, QN_MALFORMED, "%d arguments for %zu inputs of function '%s'", n->n_in, f->n_input,
                          f->name ? f->name : "");
    for (size_t i = 0; i < f->n_input; i++) {
        qn_value *value = qn_up_in(n, (int32_t)i);
        QN_TRY(qn_scope_define(inner, f->input[i], value ? value : &qn_absent));
    }
    return QN_OK;
}

/* Results keep the names that the call gives them. */
static qn_status bind_results(qn_source_node *n, const QnOnnx__FunctionProto *f, qn_table *renamed) {
    if ((size_t)n->n_out > f->n_output)
        return qn_up_fail(n, QN_MALFORMED, "%d results of function '%s', which has %zu", n->n_out,
                          f->name ? f->name : "", f->n_output);
    for (int32_t i = 0; i < n->n_out; i++) {
        const char *name = NULL;
        if (!qn_up_wants(n, i) || qn_table_get(renamed, f->output[i]))
            continue;
        QN_TRY(qn_scope_name(n->scope, n->proto->output[i], &name));
        QN_TRY(put(n->im, renamed, f->output[i], name));
    }
    return QN_OK;
}

static qn_status check_limits(qn_source_node *n, const QnOnnx__FunctionProto *f, size_t n_prefix) {
    size_t bytes;
    if (n->scope->depth >= QN_FUNCTION_DEPTH)
        return qn_up_fail(n, QN_UNSUPPORTED, "functions call each other more than %d deep", QN_FUNCTION_DEPTH);
    n->im->n_expanded += (int64_t)(f->n_node + f->n_input + f->n_output + f->n_attribute + f->n_attribute_proto);
    if (n->im->n_expanded > QN_FUNCTION_NODES)
        return qn_up_fail(n, QN_UNSUPPORTED, "functions expand to more than %d nodes and names", QN_FUNCTION_NODES);
    if (!qn_mul_size(n_prefix, f->n_node, &bytes) || !qn_add_size(n->im->n_name_bytes, bytes, &n->im->n_name_bytes) ||
        n->im->n_name_bytes > QN_FUNCTION_NAME_BYTES)
        return qn_up_fail(n, QN_UNSUPPORTED, "functions expand to more than %zu bytes of names", QN_FUNCTION_NAME_BYTES);
    return QN_OK;
}

qn_status qn_expand_function(qn_source_node *n, const QnOnnx__FunctionProto *f) {
    qn_import *im = n->im;
    qn_scope inner = {.im = im, .graph = n->scope->graph, .depth = n->scope->depth + 1, .opset = n->scope->opset};
    qn_table *renamed = qn_table_create(im->scratch), *attrs = qn_table_create(im->scratch);
    inner.values = qn_table_create(im->scratch);
    inner.prefix = qn_arena_printf(im->scratch, "%s/", n->origin);
    if (!renamed || !attrs || !inner.values || !inner.prefix)
        return qn_fail_memory(im->ctx, 0, "a function's names");
    QN_TRY(check_limits(n, f, strlen(inner.prefix)));
    int32_t opset = 0;
    QN_TRY(qn_import_opset(im->ctx, f->opset_import, f->n_opset_import, "", &opset));
    inner.opset = opset ? opset : inner.opset;
    QN_TRY(bind_attrs(n, f, attrs));
    QN_TRY(bind_arguments(n, f, &inner));
    QN_TRY(bind_results(n, f, renamed));
    inner.renamed = renamed;
    inner.attrs = attrs;
    QN_TRY(qn_import_nodes(&inner, f->node, f->n_node));
    for (int32_t i = 0; i < n->n_out; i++) {
        qn_value *value = qn_up_wants(n, i) ? qn_table_get(inner.values, f->output[i]) : NULL;
        if (qn_up_wants(n, i) && (!value || value == &qn_absent))
            return qn_up_fail(n, QN_MALFORMED, "result '%s' of function '%s' is made by nothing", f->output[i],
                              f->name ? f->name : "");
        n->out[i] = value;
    }
    return QN_OK;
}
