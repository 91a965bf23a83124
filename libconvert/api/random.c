/* Seeded inputs for a model: the same seed, model and dimensions give the same numbers everywhere. */
#include "api/model.h"

#include "base/checked.h"
#include "base/half.h"
#include "base/random.h"
#include "ops/infer.h"

#include <math.h>
#include <string.h>

static void fill(qn_tensor *t, uint64_t *state) {
    size_t element = qn_dtype_bytes(t->dtype), n = element ? t->n_bytes / element : 0;
    for (size_t i = 0; i < n; i++) {
        char *at = (char *)t->data + i * element;
        if (qn_dtype_is_float(t->dtype)) {
            double v = qn_random_normal(state);
            float f = (float)v;
            uint16_t h = t->dtype == QN_F16 ? qn_f32_to_f16(f) : qn_f32_to_bf16(f);
            const void *from = t->dtype == QN_F64 ? (const void *)&v : t->dtype == QN_F32 ? (const void *)&f : &h;
            memcpy(at, from, element);
        } else if (t->dtype == QN_BOOL) {
            *at = 1;
        } else {
            /* 0 or 1: valid as token ids, masks and positions alike, in any table with two rows */
            uint64_t v = qn_random_next(state) >> 63;
            memcpy(at, &v, element); /* little-endian */
        }
    }
}

static qn_status parse_dims(qn_context *ctx, qn_arena *arena, const qn_graph *graph, const char *const *dims,
                            int32_t n_dims, int64_t *bound) {
    for (int32_t i = 0; i < n_dims; i++) {
        const char *eq = strchr(dims[i], '=');
        qn_dim_range range;
        int32_t found = -1;
        if (!eq)
            return qn_fail(ctx, QN_USAGE, "dimension '%s' is not NAME=N", dims[i]);
        QN_TRY(qn_dim_range_parse(ctx, arena, eq + 1, &range));
        if (range.min != range.max)
            return qn_fail(ctx, QN_USAGE, "dimension '%s': a run needs one number", dims[i]);
        for (int32_t s = 0; s < qn_symbols_count(graph->symbols); s++) {
            const char *name = qn_symbol_name(graph->symbols, s);
            if (strlen(name) == (size_t)(eq - dims[i]) && memcmp(name, dims[i], strlen(name)) == 0)
                found = s;
        }
        if (found < 0)
            return qn_fail(ctx, QN_USAGE, "the model has no dimension '%.*s'", (int)(eq - dims[i]), dims[i]);
        if (!qn_dim_range_has(qn_symbol_range(graph->symbols, found), range.min))
            return qn_fail(ctx, QN_USAGE, "dimension '%s' is outside the model's %s", dims[i],
                           qn_dim_range_format(arena, qn_symbol_range(graph->symbols, found)));
        bound[found] = range.min;
    }
    return QN_OK;
}

/* The smallest number of the range that is at least `wanted`, its largest when there is none (a list: its first). */
static int64_t default_dim(const qn_dim_range *range, int64_t wanted) {
    if (range->n_list)
        return range->list[0];
    const int64_t from = range->min < wanted ? wanted : range->min;
    for (int64_t n = from; n <= range->max && n - from <= range->multiple; n++)
        if (qn_dim_range_has(range, n))
            return n;
    return range->max;
}

/* What a dimension is likely to be for: image sides (the last two of four) 224, tokens (the second of two integers) 16,
 * samples (the second of two floats) 512, anything else 1. */
static int64_t wanted_dim(const qn_graph *graph, int32_t symbol) {
    for (int32_t i = 0; i < graph->n_inputs; i++) {
        const qn_type *type = &graph->inputs[i].value->type;
        for (int32_t k = 0; k < type->rank; k++) {
            if (qn_dim_symbol_index(graph->symbols, type->dims[k]) != symbol)
                continue;
            if (type->rank >= 4 && k >= type->rank - 2 && qn_dtype_is_float(type->dtype))
                return 224;
            if (type->rank == 2 && k == 1 && qn_dtype_is_int(type->dtype))
                return 16;
            if (type->rank == 2 && k == 1 && qn_dtype_is_float(type->dtype))
                return 512;
        }
    }
    return 1;
}

static qn_status make_input(qn_context *ctx, qn_model *model, const qn_port *port, const int64_t *bound,
                            qn_tensor *out) {
    const qn_type *type = &port->value->type;
    int64_t n;
    if (type->rank < 0)
        return qn_fail(ctx, QN_UNSUPPORTED, "input '%s' has no known rank: give it a tensor", port->name);
    *out = (qn_tensor){.dtype = type->dtype, .rank = type->rank};
    for (int32_t i = 0; i < type->rank; i++)
        if (!qn_dim_eval(model->graph->symbols, type->dims[i], bound, &out->dims[i]))
            return qn_fail(ctx, QN_USAGE, "input '%s': dimension %d is not known", port->name, i);
    if (!qn_count_elems(out->dims, out->rank, &n) ||
        !qn_mul_size((size_t)n, qn_dtype_bytes(out->dtype), &out->n_bytes))
        return qn_fail(ctx, QN_USAGE, "input '%s' is too large", port->name);
    out->data = qn_arena_alloc(model->arena, out->n_bytes);
    return out->data ? QN_OK : qn_fail_memory(ctx, out->n_bytes, port->name);
}

qn_status qn_model_random_inputs(qn_context *ctx, qn_model *model, uint64_t seed, const char *const *dims,
                                 int32_t n_dims, qn_tensor *inputs) {
    qn_clear(ctx);
    int32_t n = qn_symbols_count(model->graph->symbols);
    int64_t *bound;
    QN_NEW_ARRAY(ctx, model->arena, bound, n + 1);
    for (int32_t s = 0; s < n; s++)
        bound[s] = default_dim(qn_symbol_range(model->graph->symbols, s), wanted_dim(model->graph, s));
    QN_TRY(parse_dims(ctx, model->arena, model->graph, dims, n_dims, bound));
    for (int32_t i = 0; i < model->graph->n_inputs; i++) {
        uint64_t state = seed * 0x2545f4914f6cdd1du + (uint64_t)i;
        QN_TRY(make_input(ctx, model, &model->graph->inputs[i], bound, &inputs[i]));
        fill(&inputs[i], &state);
    }
    return QN_OK;
}
