#include <string.h>

#include "read/import.h"
#include "read/utf8.h"

static const struct {
    char kind;
    QnOnnx__AttributeProto__AttributeType type;
    const char *what;
} kinds[] = {
    {QN_ATTR_INT, QN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, "an int"},
    {QN_ATTR_FLOAT, QN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, "a float"},
    {QN_ATTR_STRING, QN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING, "a string"},
    {QN_ATTR_INTS, QN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, "ints"},
    {QN_ATTR_FLOATS, QN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS, "floats"},
    {QN_ATTR_STRINGS, QN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS, "strings"},
    {QN_ATTR_TENSOR, QN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR, "a tensor"},
    {QN_ATTR_GRAPH, QN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH, "a graph"},
};

/* The kind letter of `name` in "axis=i! keepdims=i"; 0 when it is not there. *end is the text after it. */
static char find_kind(const char *spec, const char *name) {
    size_t n = strlen(name);
    for (const char *p = spec; *p;) {
        if (strncmp(p, name, n) == 0 && p[n] == '=')
            return p[n + 1];
        p += strcspn(p, " ");
        p += strspn(p, " ");
    }
    return 0;
}

static qn_status fail(const qn_source_node *n, qn_status status, const char *attr, const char *what) {
    return qn_fail(n->im->ctx, status, "%s: attribute '%s' %s", n->label, attr, what);
}

/* The kind that an attribute says it has, or that its content shows when it does not say (IR version 1). */
static char kind_of(const QnOnnx__AttributeProto *a, char wanted) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (a->has_type && kinds[i].type == a->type)
            return kinds[i].kind;
    return !a->has_type || a->type == QN_ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED ? wanted : '?';
}

static const char *kind_text(char kind) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].kind == kind)
            return kinds[i].what;
    return "of another kind";
}

static qn_status copy_string(const qn_source_node *n, const char *attr, ProtobufCBinaryData s, const char **out) {
    const char *wrong = qn_utf8_check(s.data, s.len);
    if (wrong)
        return fail(n, QN_MALFORMED, attr, "has text that is not UTF-8");
    *out = qn_arena_strndup(n->im->graph->arena, s.len ? (const char *)s.data : "", s.len);
    return *out ? QN_OK : qn_fail_memory(n->im->ctx, s.len, "a string");
}

static qn_status copy_strings(const qn_source_node *n, const QnOnnx__AttributeProto *a, qn_attr *out) {
    const char **strings;
    QN_NEW_ARRAY(n->im->ctx, n->im->graph->arena, strings, a->n_strings);
    for (size_t i = 0; i < a->n_strings; i++)
        QN_TRY(copy_string(n, out->name, a->strings[i], &strings[i]));
    out->as.strings = strings;
    out->n = (int64_t)a->n_strings;
    return QN_OK;
}

static qn_status convert(qn_source_node *n, const QnOnnx__AttributeProto *a, const char *name, char kind,
                         qn_attr *out) {
    qn_import *im = n->im;
    out->name = name;
    out->kind = (qn_attr_kind)kind;
    switch (out->kind) {
    case QN_ATTR_INT:
        out->as.i = a->i;
        return QN_OK;
    case QN_ATTR_FLOAT:
        out->as.f = a->f;
        return QN_OK;
    case QN_ATTR_STRING:
        return copy_string(n, name, a->s, &out->as.s);
    case QN_ATTR_INTS:
        out->as.ints = a->ints;
        out->n = (int64_t)a->n_ints;
        return QN_OK;
    case QN_ATTR_FLOATS:
        out->as.floats = a->floats;
        out->n = (int64_t)a->n_floats;
        return QN_OK;
    case QN_ATTR_STRINGS:
        return copy_strings(n, a, out);
    case QN_ATTR_TENSOR: {
        qn_const *c = NULL;
        const char *label = qn_arena_printf(im->scratch, "%s: attribute '%s'", n->label, name);
        if (!label)
            return qn_fail_memory(im->ctx, 0, "a label");
        if (!a->t)
            return fail(n, QN_MALFORMED, name, "has no tensor");
        QN_TRY(qn_tensor_read(&im->source, a->t, label, &c));
        out->as.tensor = c;
        return QN_OK;
    }
    case QN_ATTR_GRAPH:
        if (!a->g)
            return fail(n, QN_MALFORMED, name, "has no graph");
        return qn_import_subgraph(n->scope, a->g, n->label, &out->as.graph);
    }
    return fail(n, QN_MALFORMED, name, "is of another kind");
}

qn_status qn_resolve_attr(const qn_scope *scope, const char *label, const QnOnnx__AttributeProto *attr,
                          const QnOnnx__AttributeProto **out) {
    qn_context *ctx = scope->im->ctx;
    *out = attr;
    if (!attr->name || !*attr->name)
        return qn_fail(ctx, QN_MALFORMED, "%s: an attribute without a name", label);
    if (!attr->ref_attr_name || !*attr->ref_attr_name)
        return QN_OK;
    if (!scope->attrs)
        return qn_fail(ctx, QN_MALFORMED, "%s: attribute '%s' refers to '%s' outside a function", label, attr->name,
                       attr->ref_attr_name);
    const QnOnnx__AttributeProto *target = qn_table_get(scope->attrs, attr->ref_attr_name);
    if (target && target->g)
        return qn_fail(ctx, QN_UNSUPPORTED, "%s: attribute '%s' refers to a graph", label, attr->name);
    if (target && attr->has_type && target->has_type && attr->type != target->type)
        return qn_fail(ctx, QN_MALFORMED, "%s: attribute '%s' and the one it refers to, '%s', are of different kinds",
                       label, attr->name, attr->ref_attr_name);
    *out = target;
    return QN_OK;
}

/* Is every required attribute there? */
static qn_status check_required(const qn_source_node *n) {
    for (const char *p = n->row->attrs; *p;) {
        size_t length = strcspn(p, " "), name = strcspn(p, "=");
        if (p[length - 1] == '!') {
            bool found = false;
            for (int32_t i = 0; i < n->n_attrs; i++)
                found = found || (strlen(n->attrs[i].name) == name && strncmp(n->attrs[i].name, p, name) == 0);
            if (!found)
                return qn_fail(n->im->ctx, QN_MALFORMED, "%s: attribute '%.*s' is missing", n->label, (int)name, p);
        }
        p += length;
        p += strspn(p, " ");
    }
    return QN_OK;
}

qn_status qn_import_attrs(qn_source_node *n) {
    const QnOnnx__NodeProto *proto = n->proto;
    qn_attr *attrs;
    QN_NEW_ARRAY(n->im->ctx, n->im->scratch, attrs, proto->n_attribute);
    n->attrs = attrs;
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const QnOnnx__AttributeProto *a = NULL;
        QN_TRY(qn_resolve_attr(n->scope, n->label, proto->attribute[i], &a));
        const char *name = proto->attribute[i]->name;
        char wanted = find_kind(n->row->attrs, name);
        if (!wanted)
            return qn_fail(n->im->ctx, QN_UNSUPPORTED, "%s: attribute '%s' (opset %d) is not supported", n->label, name,
                           n->scope->opset);
        for (int32_t k = 0; k < n->n_attrs; k++)
            if (strcmp(attrs[k].name, name) == 0)
                return fail(n, QN_MALFORMED, name, "is there twice");
        if (!a)
            continue;
        if (kind_of(a, wanted) != wanted)
            return qn_fail(n->im->ctx, QN_MALFORMED, "%s: attribute '%s' is not %s", n->label, name,
                           kind_text(wanted));
        QN_TRY(convert(n, a, name, wanted, &attrs[n->n_attrs]));
        n->n_attrs++;
    }
    return check_required(n);
}
