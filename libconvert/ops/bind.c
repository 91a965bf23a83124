/* Ranges for symbolic dimensions: "batch=1..64", "height=14..2072:14", "seq=32|128|512", "pixels.0=1". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ops/infer.h"

typedef struct binding {
    qn_context *ctx;
    qn_graph *graph;
    qn_arena *scratch;
    int64_t *values;   /* [n_values] by symbol index: the number it becomes, INT64_MIN: none */
    int32_t n_values;
} binding;

/* ---- names -------------------------------------------------------------------------------------- */

/* True when d changes with symbol `index`: putting a number in its place gives another expression. */
static bool mentions(binding *b, qn_dim d, int32_t index) {
    if (qn_dim_is_const(d) || d == QN_DIM_UNKNOWN)
        return false;
    int32_t symbol = qn_dim_symbol_index(b->graph->symbols, d);
    if (symbol >= 0)
        return symbol == index;
    int64_t before = b->values[index];
    b->values[index] = 1;
    bool changed = qn_dim_substitute(b->graph->symbols, d, b->values) != d;
    b->values[index] = before;
    return changed;
}

static bool in_inputs(binding *b, int32_t index) {
    for (int32_t i = 0; i < b->graph->n_inputs; i++) {
        const qn_type *type = &b->graph->inputs[i].value->type;
        for (int32_t k = 0; k < type->rank; k++)
            if (mentions(b, type->dims[k], index))
                return true;
    }
    return false;
}

static qn_status no_such_name(binding *b, const char *name) {
    qn_buf names = QN_BUF_INIT;
    const int32_t most = 20;
    int32_t n = 0;
    for (int32_t i = 0; i < b->n_values && n <= most; i++)
        if (in_inputs(b, i)) {
            if (n < most)
                qn_buf_printf(&names, "%s%s", n ? ", " : "", qn_symbol_name(b->graph->symbols, i));
            else
                qn_buf_puts(&names, ", ...");
            n++;
        }
    qn_status status = n == 0 ? qn_fail(b->ctx, QN_USAGE, "no dimension '%s': all of them are numbers", name)
                              : qn_fail(b->ctx, QN_USAGE, "no dimension '%s'; there are: %s", name,
                                        names.data ? names.data : "");
    qn_buf_free(&names);
    return status;
}

/* "input.axis" as that dimension; false when there is no such input and axis. */
static bool port_dim(const qn_graph *graph, const char *name, qn_dim *out) {
    const char *dot = strrchr(name, '.');
    if (!dot || dot[1] < '0' || dot[1] > '9')
        return false;
    errno = 0;
    char *end;
    long axis = strtol(dot + 1, &end, 10);
    if (*end || errno)
        return false;
    for (int32_t i = 0; i < graph->n_inputs; i++) {
        const qn_port *port = &graph->inputs[i];
        if (strlen(port->name) == (size_t)(dot - name) && memcmp(port->name, name, (size_t)(dot - name)) == 0 &&
            axis < port->value->type.rank) {
            *out = port->value->type.dims[axis];
            return true;
        }
    }
    return false;
}

static qn_status find_symbol(binding *b, const char *name, const qn_dim_range *range, int32_t *out) {
    *out = -1;
    for (int32_t i = 0; i < b->n_values; i++)
        if (strcmp(qn_symbol_name(b->graph->symbols, i), name) == 0 && in_inputs(b, i)) {
            *out = i;
            return QN_OK;
        }
    qn_dim d;
    if (!port_dim(b->graph, name, &d))
        return no_such_name(b, name);
    if (qn_dim_is_const(d)) {
        if (range->min == d && range->max == d)
            return QN_OK;
        return qn_fail(b->ctx, QN_USAGE, "dimension '%s' is %lld and stays so", name, (long long)d);
    }
    *out = qn_dim_symbol_index(b->graph->symbols, d);
    if (*out < 0)
        return qn_fail(b->ctx, QN_USAGE, "dimension '%s' is computed: %s; bind what it is computed from", name,
                       qn_dim_format(b->scratch, b->graph->symbols, d));
    return QN_OK;
}

static qn_status bind_one(binding *b, const char *text) {
    const char *eq = strrchr(text, '=');
    if (!eq || eq == text)
        return qn_fail(b->ctx, QN_USAGE, "dimension '%s' is not NAME=RANGE", text);
    qn_dim_range range;
    QN_TRY(qn_dim_range_parse(b->ctx, b->graph->arena, eq + 1, &range));
    char *name = qn_arena_strndup(b->scratch, text, (size_t)(eq - text));
    if (!name)
        return qn_fail_memory(b->ctx, (size_t)(eq - text), "a dimension's name");
    int32_t index;
    QN_TRY(find_symbol(b, name, &range, &index));
    if (index < 0)
        return QN_OK;
    const qn_dim_range *contract = qn_symbol_range(b->graph->symbols, index);
    if (!qn_dim_range_within(&range, contract))
        return qn_fail(b->ctx, QN_USAGE, "dimension '%s' is outside the model's %s", text,
                       qn_dim_range_format(b->scratch, contract));
    qn_symbol_set_range(b->graph->symbols, index, range);
    b->values[index] = range.min == range.max ? range.min : INT64_MIN;
    return QN_OK;
}

/* ---- substitution ---------------------------------------------------------------------------------- */

static qn_status substitute_value(binding *b, qn_value *value) {
    if (!value)
        return QN_OK;
    for (int32_t k = 0; k < value->type.rank; k++)
        value->type.dims[k] = qn_dim_substitute(b->graph->symbols, value->type.dims[k], b->values);
    bool changed = false;
    for (int64_t i = 0; value->content && !value->constant && i < value->n_content && !changed; i++)
        changed = qn_dim_substitute(b->graph->symbols, value->content[i], b->values) != value->content[i];
    if (!changed)
        return QN_OK;
    qn_dim *elems;
    QN_NEW_ARRAY(b->ctx, b->graph->arena, elems, value->n_content);
    for (int64_t i = 0; i < value->n_content; i++)
        elems[i] = qn_dim_substitute(b->graph->symbols, value->content[i], b->values);
    value->content = elems;
    return QN_OK;
}

static qn_status substitute_graph(qn_context *ctx, qn_graph *graph, void *arg) {
    (void)ctx;
    for (int32_t i = 0; i < graph->n_inputs; i++)
        QN_TRY(substitute_value(arg, graph->inputs[i].value));
    for (qn_node *node = graph->first; node; node = node->next)
        for (int32_t o = 0; o < node->n_out; o++)
            QN_TRY(substitute_value(arg, node->out[o]));
    return QN_OK;
}

static qn_status bind_all(binding *b, const char *const *texts, int32_t n) {
    b->n_values = qn_symbols_count(b->graph->symbols);
    QN_NEW_ARRAY(b->ctx, b->scratch, b->values, b->n_values);
    for (int32_t i = 0; i < b->n_values; i++)
        b->values[i] = INT64_MIN;
    for (int32_t i = 0; i < n; i++)
        QN_TRY(bind_one(b, texts[i]));
    /* also without a number: expressions may be simpler under the new ranges */
    return qn_graph_each(b->ctx, b->graph, substitute_graph, b);
}

qn_status qn_graph_bind_dims(qn_context *ctx, qn_graph *graph, const char *const *texts, int32_t n) {
    if (n <= 0)
        return QN_OK;
    binding b = {.ctx = ctx, .graph = graph, .scratch = qn_arena_create()};
    qn_status status = b.scratch ? bind_all(&b, texts, n) : qn_fail_memory(ctx, sizeof b, "dimensions");
    qn_arena_destroy(b.scratch);
    return status;
}
