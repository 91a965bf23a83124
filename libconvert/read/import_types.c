#include <string.h>

#include "read/import.h"

bool qn_is_default_domain(const char *domain) { return !domain || !*domain || strcmp(domain, "ai.onnx") == 0; }

qn_status qn_import_opset(qn_context *ctx, QnOnnx__OperatorSetIdProto *const *imports, size_t n, const char *where,
                          int32_t *out) {
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (!qn_is_default_domain(imports[i]->domain))
            continue;
        int64_t version = imports[i]->version;
        if (version < 1)
            return qn_fail(ctx, QN_MALFORMED, "%sopset %lld", where, (long long)version);
        if (version < QN_OPSET_MIN || version > QN_OPSET_MAX)
            return qn_fail(ctx, QN_UNSUPPORTED, "%sopset %lld; %d to %d are read", where, (long long)version,
                           QN_OPSET_MIN, QN_OPSET_MAX);
        if (*out && *out != version)
            return qn_fail(ctx, QN_MALFORMED, "%stwo opsets of the default domain", where);
        *out = (int32_t)version;
    }
    return QN_OK;
}

static bool has_control(const char *text) {
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return true;
    return false;
}

/* One declared dimension; QN_DIM_UNKNOWN when it is unnamed. */
static qn_status read_dim(qn_import *im, const char *label, const QnOnnx__TensorShapeProto__Dimension *dim,
                          qn_dim *out) {
    *out = QN_DIM_UNKNOWN;
    if (dim->dim_param && *dim->dim_param) {
        if (dim->has_dim_value)
            return qn_fail(im->ctx, QN_MALFORMED, "%s: a dimension is both '%s' and %lld", label, dim->dim_param,
                           (long long)dim->dim_value);
        if (has_control(dim->dim_param))
            return qn_fail(im->ctx, QN_MALFORMED, "%s: a dimension's name has control characters", label);
        *out = qn_dim_parse(im->graph->symbols, dim->dim_param);
    } else if (dim->has_dim_value && dim->dim_value != -1) {
        if (dim->dim_value < 0)
            return qn_fail(im->ctx, QN_MALFORMED, "%s: dimension %lld", label, (long long)dim->dim_value);
        *out = dim->dim_value;
    }
    if (qn_dim_is_const(*out) && *out < 0)
        return qn_fail(im->ctx, QN_MALFORMED, "%s: dimension '%s'", label, dim->dim_param);
    return QN_OK;
}

static const char *other_type(const QnOnnx__TypeProto *type) {
    if (type->sequence_type)
        return "a sequence";
    if (type->map_type)
        return "a map";
    if (type->optional_type)
        return "an optional";
    if (type->sparse_tensor_type)
        return "a sparse tensor";
    return type->opaque_type ? "opaque" : NULL;
}

static qn_status read_type(qn_import *im, const char *label, const QnOnnx__TypeProto *type, qn_type *out) {
    *out = (qn_type){.rank = -1};
    const char *other = type ? other_type(type) : NULL;
    if (other)
        return qn_fail(im->ctx, QN_UNSUPPORTED, "%s: its type is %s", label, other);
    if (!type || !type->tensor_type)
        return qn_fail(im->ctx, QN_MALFORMED, "%s: no type", label);
    QN_TRY(qn_onnx_dtype(im->ctx, type->tensor_type->elem_type, label, &out->dtype));
    const QnOnnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (!shape)
        return QN_OK;
    if (shape->n_dim > QN_MAX_RANK)
        return qn_fail(im->ctx, QN_UNSUPPORTED, "%s: rank %zu; the largest is %d", label, shape->n_dim, QN_MAX_RANK);
    out->rank = (int32_t)shape->n_dim;
    for (size_t i = 0; i < shape->n_dim; i++)
        QN_TRY(read_dim(im, label, shape->dim[i], &out->dims[i]));
    return QN_OK;
}

/* The symbol called `name` when there was none yet, else QN_DIM_UNKNOWN. */
static qn_dim new_symbol(qn_symbols *symbols, const char *name) {
    int32_t count = qn_symbols_count(symbols);
    qn_dim d = qn_dim_symbol(symbols, name);
    return qn_symbols_count(symbols) > count ? d : QN_DIM_UNKNOWN;
}

static bool few(qn_dim d) { return d == 1 || d == 3 || d == 4; }

/* What the axis of an input like this is commonly called, or NULL. Images are recognised by their channels. */
static const char *common_name(const qn_type *type, int32_t axis) {
    if (axis == 0)
        return type->rank >= 2 ? "batch" : NULL;
    if (type->rank == 2 && axis == 1 && qn_dtype_is_int(type->dtype))
        return "sequence";
    if (type->rank == 4) {
        bool channels_last = few(type->dims[3]) && !few(type->dims[1]);
        int32_t height = channels_last ? 1 : 2;
        return axis == height ? "height" : axis == height + 1 ? "width" : NULL;
    }
    return NULL;
}

static qn_status name_dims(qn_import *im, const char *input, qn_type *type) {
    qn_symbols *symbols = im->graph->symbols;
    for (int32_t i = 0; i < type->rank; i++) {
        if (type->dims[i] != QN_DIM_UNKNOWN)
            continue;
        const char *name = common_name(type, i);
        type->dims[i] = name ? new_symbol(symbols, name) : QN_DIM_UNKNOWN;
        if (type->dims[i] != QN_DIM_UNKNOWN)
            continue;
        name = qn_arena_printf(im->graph->arena, "%s_dim_%d", has_control(input) ? "input" : input, (int)i);
        if (!name)
            return qn_fail_memory(im->ctx, strlen(input), "a dimension's name");
        type->dims[i] = new_symbol(symbols, name);
        if (type->dims[i] == QN_DIM_UNKNOWN)
            type->dims[i] = qn_dim_fresh(symbols, name);
        if (type->dims[i] == QN_DIM_UNKNOWN)
            return qn_fail_memory(im->ctx, strlen(name), "a dimension");
    }
    return QN_OK;
}

qn_status qn_import_inputs(qn_scope *scope, const QnOnnx__GraphProto *proto) {
    qn_import *im = scope->im;
    qn_graph *graph = im->graph;
    for (size_t i = 0; i < proto->n_input; i++) {
        const char *name = proto->input[i]->name ? proto->input[i]->name : "";
        const char *label = qn_arena_printf(im->scratch, "input '%s'", name);
        if (!label)
            return qn_fail_memory(im->ctx, strlen(name), "a label");
        if (!*name)
            return qn_fail(im->ctx, QN_MALFORMED, "input %zu has no name", i);
        const qn_value *known = qn_table_get(scope->values, name);
        if (known && known->constant) { /* a default value, which quern does not let a caller override */
            if (im->model->ir_version >= 4)
                qn_log(im->ctx, QN_LOG_INFO, "input '%s' has a default value: it is taken as a constant", name);
            continue;
        }
        qn_type type;
        qn_value *value = NULL;
        QN_TRY(read_type(im, label, proto->input[i]->type, &type));
        QN_TRY(qn_value_create(im->ctx, graph, name, &value));
        QN_TRY(qn_scope_define(scope, name, value));
        value->type = type;
        value->origin = value->name;
        QN_TRY(qn_graph_add_input(im->ctx, graph, name, value));
    }
    /* Names given to dimensions must not take those that a later input declares. */
    for (int32_t i = 0; i < graph->n_inputs; i++)
        QN_TRY(name_dims(im, graph->inputs[i].name, &graph->inputs[i].value->type));
    return QN_OK;
}
