#include <string.h>

#include "ops/infer.h"
#include "read/upgrade.h"

static qn_status make_label(qn_source_node *n) {
    const QnOnnx__NodeProto *proto = n->proto;
    qn_arena *arena = n->im->graph->arena;
    const char *prefix = n->scope->prefix, *output = "";
    for (size_t i = 0; i < proto->n_output && !*output; i++)
        output = proto->output[i];
    const char *own = proto->name && *proto->name ? proto->name : NULL;
    n->name = own ? qn_arena_printf(arena, "%s%s", prefix, own) : "";
    n->origin = own ? n->name : qn_arena_printf(arena, "%s%s", prefix, output);
    if (!n->name || !n->origin)
        return qn_fail_memory(n->im->ctx, 0, "a name");
    n->label = qn_arena_printf(n->im->scratch, "%s '%s'", proto->op_type ? proto->op_type : "", n->origin);
    return n->label ? QN_OK : qn_fail_memory(n->im->ctx, 0, "a label");
}

/* Look the inputs up; the names are known to be defined. */
static qn_status find_inputs(qn_source_node *n) {
    const QnOnnx__NodeProto *proto = n->proto;
    QN_NEW_ARRAY(n->im->ctx, n->im->scratch, n->in, proto->n_input);
    for (size_t i = 0; i < proto->n_input; i++) {
        qn_value *value = *proto->input[i] ? qn_scope_find(n->scope, proto->input[i]) : NULL;
        if (value && value != &qn_absent) {
            n->in[i] = value;
            n->n_in = (int32_t)i + 1;
        }
    }
    return QN_OK;
}

static qn_status check_arity(const qn_source_node *n) {
    const qn_onnx_row *row = n->row;
    if (n->n_in < row->min_in || (row->max_in >= 0 && n->n_in > row->max_in))
        return qn_up_fail(n, QN_MALFORMED, "%d inputs in opset %d", n->n_in, n->scope->opset);
    for (int32_t i = 0; i < n->n_in; i++)
        if (!n->in[i] && (i < row->min_in || row->max_in < 0))
            return qn_up_fail(n, QN_MALFORMED, "input %d is missing", i);
    if (row->max_out >= 0 && n->n_out > row->max_out)
        return qn_up_fail(n, QN_MALFORMED, "%d outputs in opset %d", n->n_out, n->scope->opset);
    return n->n_out > 0 ? QN_OK : qn_up_fail(n, QN_MALFORMED, "no outputs");
}

static qn_status define_outputs(qn_source_node *n) {
    for (int32_t i = 0; i < n->n_out; i++) {
        const char *name = n->proto->output[i];
        if (!*name)
            continue;
        if (!n->out[i])
            return qn_up_fail(n, QN_UNSUPPORTED, "output %d ('%s')", i, name);
        QN_TRY(qn_scope_define(n->scope, name, n->out[i]));
    }
    return QN_OK;
}

static qn_status unknown_op(const qn_source_node *n) {
    const QnOnnx__NodeProto *proto = n->proto;
    if (!proto->op_type || !*proto->op_type)
        return qn_up_fail(n, QN_MALFORMED, "a node without an operator");
    if (!qn_is_default_domain(proto->domain))
        return qn_up_fail(n, QN_UNSUPPORTED, "operator %s of domain '%s'", proto->op_type, proto->domain);
    if (!n->scope->opset)
        return qn_up_fail(n, QN_MALFORMED, "operator %s, but no opset of the default domain", proto->op_type);
    return qn_up_fail(n, QN_UNSUPPORTED, "operator %s (opset %d) is not supported", proto->op_type, n->scope->opset);
}

qn_status qn_import_node(qn_scope *scope, const QnOnnx__NodeProto *proto) {
    qn_source_node n = {.im = scope->im, .scope = scope, .proto = proto};
    QN_TRY(make_label(&n));
    QN_TRY(find_inputs(&n));
    QN_NEW_ARRAY(n.im->ctx, n.im->scratch, n.out, proto->n_output);
    for (size_t i = 0; i < proto->n_output; i++)
        n.n_out = *proto->output[i] ? (int32_t)i + 1 : n.n_out;
    if (qn_is_default_domain(proto->domain) && proto->op_type)
        n.row = qn_onnx_find_row(proto->op_type, scope->opset);
    const QnOnnx__FunctionProto *function = NULL;
    if (!n.row)
        QN_TRY(qn_find_function(n.im, proto, &function));
    if (function) {
        QN_TRY(qn_expand_function(&n, function));
    } else if (n.row) {
        QN_TRY(check_arity(&n));
        QN_TRY(qn_import_attrs(&n));
        QN_TRY(n.row->upgrade(&n));
    } else {
        return unknown_op(&n);
    }
    return define_outputs(&n);
}
