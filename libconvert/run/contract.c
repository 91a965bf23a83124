#include "run/contract.h"

#include "base/checked.h"

static qn_status check_type(qn_context *ctx, const qn_port *port, const qn_tensor *t) {
    const qn_type *type = &port->value->type;
    int64_t n;
    size_t bytes;
    if (t->dtype != type->dtype)
        return qn_fail(ctx, QN_USAGE, "input '%s' is %s, the model takes %s", port->name, qn_dtype_name(t->dtype),
                       qn_dtype_name(type->dtype));
    if (t->rank < 0 || t->rank > QN_MAX_RANK || (type->rank >= 0 && t->rank != type->rank))
        return qn_fail(ctx, QN_USAGE, "input '%s' has %d dimensions, the model takes %d", port->name, t->rank,
                       type->rank);
    if (!qn_count_elems(t->dims, t->rank, &n) || !qn_mul_size((size_t)n, qn_dtype_bytes(t->dtype), &bytes) ||
        bytes != t->n_bytes || (bytes && !t->data))
        return qn_fail(ctx, QN_USAGE, "input '%s': its bytes do not fit its shape", port->name);
    return QN_OK;
}

/* Bind the symbols that are a dimension by themselves. */
static qn_status bind_symbols(qn_context *ctx, const qn_graph *graph, const qn_port *port, const qn_tensor *t,
                              int64_t *bound) {
    const qn_type *type = &port->value->type;
    for (int32_t i = 0; i < type->rank; i++) {
        int32_t symbol = qn_dim_symbol_index(graph->symbols, type->dims[i]);
        if (symbol < 0)
            continue;
        const char *name = qn_symbol_name(graph->symbols, symbol);
        if (bound[symbol] == INT64_MIN)
            bound[symbol] = t->dims[i];
        else if (bound[symbol] != t->dims[i])
            return qn_fail(ctx, QN_USAGE, "input '%s': dimension %d (%s) is %lld, elsewhere %s is %lld", port->name, i,
                           name, (long long)t->dims[i], name, (long long)bound[symbol]);
    }
    return QN_OK;
}

static qn_status check_ranges(qn_context *ctx, qn_arena *scratch, const qn_graph *graph, const int64_t *bound) {
    for (int32_t s = 0; s < qn_symbols_count(graph->symbols); s++) {
        const qn_dim_range *range = qn_symbol_range(graph->symbols, s);
        if (bound[s] != INT64_MIN && range && !qn_dim_range_has(range, bound[s]))
            return qn_fail(ctx, QN_USAGE, "dimension %s is %lld, the model takes %s", qn_symbol_name(graph->symbols, s),
                           (long long)bound[s], qn_dim_range_format(scratch, range));
    }
    return QN_OK;
}

static qn_status check_dims(qn_context *ctx, qn_arena *scratch, const qn_graph *graph, const qn_port *port,
                            const qn_tensor *t, const int64_t *bound) {
    const qn_type *type = &port->value->type;
    for (int32_t i = 0; i < type->rank; i++) {
        int64_t want;
        if (qn_dim_eval(graph->symbols, type->dims[i], bound, &want) && want != t->dims[i])
            return qn_fail(ctx, QN_USAGE, "input '%s': dimension %d is %lld, the model takes %lld%s%s", port->name, i,
                           (long long)t->dims[i], (long long)want, qn_dim_is_const(type->dims[i]) ? "" : " = ",
                           qn_dim_is_const(type->dims[i]) ? ""
                                                          : qn_dim_format(scratch, graph->symbols, type->dims[i]));
    }
    return QN_OK;
}

qn_status qn_contract_check(qn_context *ctx, qn_arena *scratch, const qn_graph *graph, const qn_tensor *inputs,
                            int32_t n_inputs) {
    if (n_inputs != graph->n_inputs)
        return qn_fail(ctx, QN_USAGE, "%d inputs, the model takes %d", n_inputs, graph->n_inputs);
    int64_t *bound;
    int32_t n_symbols = qn_symbols_count(graph->symbols);
    QN_NEW_ARRAY(ctx, scratch, bound, n_symbols + 1);
    for (int32_t s = 0; s < n_symbols; s++)
        bound[s] = INT64_MIN;
    for (int32_t i = 0; i < n_inputs; i++) {
        QN_TRY(check_type(ctx, &graph->inputs[i], &inputs[i]));
        QN_TRY(bind_symbols(ctx, graph, &graph->inputs[i], &inputs[i], bound));
    }
    QN_TRY(check_ranges(ctx, scratch, graph, bound));
    for (int32_t i = 0; i < n_inputs; i++)
        QN_TRY(check_dims(ctx, scratch, graph, &graph->inputs[i], &inputs[i], bound));
    return QN_OK;
}
