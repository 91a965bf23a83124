#include "arch/builder.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/glob.h"
#include "ir/check.h"
#include "ops/infer.h"
#include "read/processor.h"

qn_status qn_builder_start(qn_context *ctx, qn_graph *graph, const qn_checkpoint *source, qn_builder *b) {
    *b = (qn_builder){.ctx = ctx, .graph = graph, .source = source, .wrong = QN_BUF_INIT};
    b->weights = qn_table_create(graph->arena);
    return b->weights ? QN_OK : qn_fail_memory(ctx, 0, "weights");
}

/* ---- failures ------------------------------------------------------------------------------------------ */

void qn_build_try(qn_builder *b, qn_status status) {
    if (b->status == QN_OK)
        b->status = status;
}

static bool failed(const qn_builder *b) { return b->status != QN_OK; }

/* "; " and what is wrong with a tensor. */
QN_PRINTF(2, 3) static void note_wrong(qn_builder *b, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    qn_buf_printf(&b->wrong, "%s%s", b->n_wrong++ ? "; " : "", text);
}

const char *qn_build_name(qn_builder *b, const char *fmt, ...) {
    char text[1024];
    if (failed(b))
        return "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *name = qn_arena_strdup(b->graph->arena, text);
    if (!name)
        qn_build_try(b, qn_fail_memory(b->ctx, strlen(text), "a name"));
    return name ? name : "";
}

/* ---- ports ----------------------------------------------------------------------------------------------- */

qn_dim qn_build_symbol(qn_builder *b, const char *name, int64_t min, int64_t max, int64_t multiple) {
    qn_symbols *symbols = b->graph->symbols;
    const qn_dim d = qn_dim_symbol(symbols, name);
    if (d == QN_DIM_UNKNOWN)
        qn_build_try(b, qn_fail_memory(b->ctx, strlen(name), "a dimension"));
    else
        qn_symbol_set_range(symbols, qn_dim_symbol_index(symbols, d),
                            (qn_dim_range){.min = min, .max = max, .multiple = multiple});
    return d;
}

/* A float32 value that nothing makes yet. */
static qn_value *value_of(qn_builder *b, const char *name, const qn_dim *dims, int32_t rank) {
    qn_value *v = NULL;
    if (!failed(b))
        qn_build_try(b, qn_value_create(b->ctx, b->graph, name, &v));
    if (failed(b))
        return NULL;
    v->type.dtype = QN_F32;
    v->type.rank = rank;
    memcpy(v->type.dims, dims, sizeof *dims * (size_t)rank);
    return v;
}

qn_value *qn_build_input(qn_builder *b, const char *name, const qn_dim *dims, int32_t rank) {
    qn_value *v = value_of(b, name, dims, rank);
    if (!v)
        return NULL;
    v->origin = v->name;
    qn_build_try(b, qn_graph_add_input(b->ctx, b->graph, name, v));
    return failed(b) ? NULL : v;
}

void qn_build_output(qn_builder *b, const char *name, qn_value *value) {
    if (!failed(b))
        qn_build_try(b, qn_graph_add_output(b->ctx, b->graph, name, value));
}

void qn_build_photo(qn_builder *b, const qn_preprocess *photo) { b->photo = *photo; }

/* The configuration beside the tensors decides, then the architecture. A configuration that asks for what is not done is
 * no obstacle to the model: it takes no photos then. */
static qn_status set_preprocess(qn_builder *b) {
    const char *path = qn_checkpoint_file(b->source, "preprocessor_config.json");
    const qn_type *type = b->graph->n_inputs ? &b->graph->inputs[0].value->type : NULL;
    if (!type || !qn_preprocess_fits(type))
        return QN_OK;
    if (!path)
        return b->photo.height ? qn_graph_set_preprocess(b->ctx, b->graph, &b->photo) : QN_OK;
    const qn_status status = qn_processor_read(b->ctx, b->graph->arena, path, &b->photo);
    if (status != QN_UNSUPPORTED) {
        QN_TRY(status);
        return qn_graph_set_preprocess(b->ctx, b->graph, &b->photo);
    }
    qn_log(b->ctx, QN_LOG_WARN, "%s: photos are not taken", qn_context_message(b->ctx));
    qn_clear(b->ctx);
    return QN_OK;
}

/* ---- weights ----------------------------------------------------------------------------------------------- */

/* A tensor that is stored once and has several names is stored under one of them; __metadata__ maps the others to it. */
static const qn_safetensors_tensor *find_tensor(const qn_builder *b, const char *name) {
    const qn_safetensors_tensor *t = qn_checkpoint_find(b->source, name);
    const char *shared = t ? NULL : qn_checkpoint_note(b->source, name);
    return shared ? qn_checkpoint_find(b->source, shared) : t;
}

static const char *shape_text(qn_builder *b, const int64_t *dims, int32_t rank) {
    qn_buf text = QN_BUF_INIT;
    qn_buf_puts(&text, "[");
    for (int32_t i = 0; i < rank; i++)
        qn_buf_printf(&text, "%s%lld", i ? ", " : "", (long long)dims[i]);
    qn_buf_puts(&text, "]");
    const char *copy = qn_build_name(b, "%s", text.data ? text.data : "");
    qn_buf_free(&text);
    return copy;
}

static bool has_shape(const qn_safetensors_tensor *t, const int64_t *dims, int32_t rank) {
    return t->rank == rank && memcmp(t->dims, dims, sizeof *dims * (size_t)rank) == 0;
}

static qn_value *constant_of(qn_builder *b, const qn_safetensors_tensor *t) {
    qn_const *c;
    qn_value *v = NULL;
    qn_build_try(b, qn_const_dense(b->ctx, b->graph->arena, t->type->dtype, t->rank, t->dims, t->data, t->n_bytes, &c));
    if (!failed(b)) {
        c->name = t->name;
        qn_build_try(b, qn_value_constant(b->ctx, b->graph, t->name, c, &v));
    }
    if (failed(b))
        return NULL;
    v->origin = v->name;
    if (t->type->dtype == QN_F32)
        return v;
    const qn_attr to = QN_INT("to", QN_F32);
    return qn_build_op(b, QN_OP_Cast, qn_build_name(b, "%s.float32", t->name), &v, 1, &to, 1);
}

static qn_value *make_weight(qn_builder *b, const char *name, const int64_t *dims, int32_t rank) {
    const qn_safetensors_tensor *t = find_tensor(b, name);
    if (!t)
        note_wrong(b, "'%s' %s is missing", name, shape_text(b, dims, rank));
    else if (!has_shape(t, dims, rank))
        note_wrong(b, "'%s' is %s, not %s", name, shape_text(b, t->dims, t->rank), shape_text(b, dims, rank));
    else if (!qn_dtype_is_float(t->type->dtype))
        note_wrong(b, "'%s' is of type %s, not F32, F16, BF16 or F64", name, t->type->name);
    else
        return constant_of(b, t);
    return value_of(b, name, dims, rank); /* building goes on, the graph will not be used */
}

qn_value *qn_build_weight(qn_builder *b, const char *name, const int64_t *dims, int32_t rank) {
    if (failed(b))
        return NULL;
    const qn_safetensors_tensor *t = find_tensor(b, name);
    const char *stored = t ? t->name : name;
    qn_value *v = qn_table_get(b->weights, stored);
    if (v && (v->type.rank != rank || memcmp(v->type.dims, dims, sizeof *dims * (size_t)rank) != 0))
        note_wrong(b, "'%s' is read as %s and as %s", name, shape_text(b, v->type.dims, v->type.rank),
                   shape_text(b, dims, rank));
    if (v)
        return v;
    v = make_weight(b, name, dims, rank);
    if (v && !qn_table_put(b->weights, stored, v))
        qn_build_try(b, qn_fail_memory(b->ctx, 0, "weights"));
    return failed(b) ? NULL : v;
}

void qn_build_unused(qn_builder *b, const char *pattern) {
    if (failed(b))
        return;
    if (b->n_unused == b->cap_unused) {
        const int32_t cap = b->cap_unused ? 2 * b->cap_unused : 16;
        b->unused = qn_arena_grow(b->graph->arena, b->unused, (size_t)b->n_unused, (size_t)cap, sizeof *b->unused);
        if (!b->unused) {
            qn_build_try(b, qn_fail_memory(b->ctx, 0, "names"));
            return;
        }
        b->cap_unused = cap;
    }
    b->unused[b->n_unused++] = pattern;
}

/* ---- numbers ------------------------------------------------------------------------------------------------- */

qn_value *qn_build_ints(qn_builder *b, const int64_t *v, int64_t n) {
    qn_value *out = NULL;
    if (!failed(b))
        qn_build_try(b, qn_value_ints(b->ctx, b->graph, NULL, v, n, &out));
    return failed(b) ? NULL : out;
}

qn_value *qn_build_floats(qn_builder *b, const float *v, int64_t n) {
    qn_value *out = NULL;
    if (!failed(b))
        qn_build_try(b, qn_value_floats(b->ctx, b->graph, NULL, v, n, &out));
    return failed(b) ? NULL : out;
}

qn_value *qn_build_float(qn_builder *b, float v) { return qn_build_floats(b, &v, -1); }

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static qn_status make_node(qn_builder *b, qn_op op, const char *name, qn_value *const *in, int32_t n_in,
                           const qn_attr *attrs, int32_t n_attrs, qn_value **out) {
    qn_node *node;
    QN_TRY(qn_node_create(b->ctx, b->graph, NULL, op, name ? name : "", in, n_in, 1, &node));
    for (int32_t i = 0; i < n_attrs; i++)
        QN_TRY(qn_node_set_attr(b->ctx, node, &attrs[i]));
    node->origin = node->name;
    *out = node->out[0];
    (*out)->origin = name ? (*out)->name : NULL;
    const qn_status status = qn_infer_one(b->ctx, node);
    if (status != QN_OK)
        return qn_fail_in(b->ctx, status, "%s", b->source->path);
    bool floats = (*out)->type.dtype == QN_F32;
    for (int32_t i = 0; i < n_in; i++)
        floats = floats || (in[i] && in[i]->type.dtype == QN_F32);
    if (b->in_float32 && floats)
        node->compute = QN_F32;
    return QN_OK;
}

qn_value *qn_build_op(qn_builder *b, qn_op op, const char *name, qn_value *const *in, int32_t n_in, const qn_attr *attrs,
                      int32_t n_attrs) {
    qn_value *out = NULL;
    if (!failed(b))
        qn_build_try(b, make_node(b, op, name, in, n_in, attrs, n_attrs, &out));
    return failed(b) ? NULL : out;
}

qn_value *qn_build_unary(qn_builder *b, qn_op op, const char *name, qn_value *x) {
    return qn_build_op(b, op, name, &x, 1, NULL, 0);
}

qn_value *qn_build_binary(qn_builder *b, qn_op op, const char *name, qn_value *x, qn_value *y) {
    qn_value *in[] = {x, y};
    return qn_build_op(b, op, name, in, 2, NULL, 0);
}

qn_value *qn_build_by_float(qn_builder *b, qn_op op, const char *name, qn_value *x, float v) {
    return qn_build_binary(b, op, name, x, qn_build_float(b, v));
}

qn_value *qn_build_by_ints(qn_builder *b, qn_op op, const char *name, qn_value *x, const int64_t *v, int64_t n) {
    return qn_build_binary(b, op, name, x, qn_build_ints(b, v, n));
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static bool is_unused(const qn_builder *b, const char *name) {
    for (int32_t i = 0; i < b->n_unused; i++)
        if (qn_glob_match(b->unused[i], name))
            return true;
    return false;
}

/* Tensors that no call asked for: dropped when that was said, else surplus. */
static qn_status sort_unread(qn_builder *b, qn_convert_dropped *dropped, int32_t *n_dropped) {
    for (int32_t i = 0; i < b->source->n_tensors; i++) {
        const qn_safetensors_tensor *t = b->source->tensors[i];
        if (qn_table_get(b->weights, t->name))
            continue;
        if (!is_unused(b, t->name)) {
            note_wrong(b, "'%s' %s is no tensor of this model", t->name, shape_text(b, t->dims, t->rank));
            continue;
        }
        dropped[*n_dropped].bytes = t->n_bytes;
        dropped[(*n_dropped)++].name = qn_build_name(b, "%s", t->name);
    }
    return b->status;
}

static qn_status finish(qn_builder *b, const qn_convert_dropped **dropped, int32_t *n_dropped) {
    qn_convert_dropped *list;
    QN_TRY(b->status);
    QN_NEW_ARRAY(b->ctx, b->graph->arena, list, b->source->n_tensors + 1);
    QN_TRY(sort_unread(b, list, n_dropped));
    QN_TRY(qn_buf_check(b->ctx, &b->wrong));
    if (b->n_wrong)
        return qn_fail_list(b->ctx, QN_MALFORMED, "%s: %d tensor%s: %s", b->source->path, b->n_wrong,
                            b->n_wrong > 1 ? "s" : "", b->wrong.data);
    *dropped = list;
    qn_status status = qn_infer_graph(b->ctx, b->graph);
    if (status == QN_OK)
        status = qn_graph_check(b->ctx, b->graph);
    if (status == QN_OK)
        return set_preprocess(b);
    return qn_fail_in(b->ctx, status, "%s", b->source->path);
}

qn_status qn_builder_finish(qn_builder *b, const qn_convert_dropped **dropped, int32_t *n_dropped) {
    *dropped = NULL;
    *n_dropped = 0;
    const qn_status status = finish(b, dropped, n_dropped);
    qn_buf_free(&b->wrong);
    return status;
}
