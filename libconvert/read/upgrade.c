#include "read/upgrade.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/half.h"
#include "ops/infer.h"

qn_status qn_up_fail(const qn_source_node *n, qn_status status, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return qn_fail(n->im->ctx, status, "%s: %s", n->label, text);
}

const qn_attr *qn_up_attr(const qn_source_node *n, const char *name) {
    for (int32_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i];
    return NULL;
}

int64_t qn_up_int(const qn_source_node *n, const char *name, int64_t otherwise) {
    const qn_attr *a = qn_up_attr(n, name);
    return a && a->kind == QN_ATTR_INT ? a->as.i : otherwise;
}

float qn_up_float(const qn_source_node *n, const char *name, float otherwise) {
    const qn_attr *a = qn_up_attr(n, name);
    return a && a->kind == QN_ATTR_FLOAT ? a->as.f : otherwise;
}

const char *qn_up_string(const qn_source_node *n, const char *name, const char *otherwise) {
    const qn_attr *a = qn_up_attr(n, name);
    return a && a->kind == QN_ATTR_STRING ? a->as.s : otherwise;
}

qn_value *qn_up_in(const qn_source_node *n, int32_t i) { return i < n->n_in ? n->in[i] : NULL; }

bool qn_up_wants(const qn_source_node *n, int32_t i) { return i < n->n_out && *n->proto->output[i]; }

qn_status qn_up_dtype(const qn_source_node *n, int32_t i, qn_dtype *out) {
    const qn_value *value = qn_up_in(n, i);
    *out = value ? value->type.dtype : QN_NONE;
    if (*out == QN_NONE)
        return qn_up_fail(n, QN_UNSUPPORTED, "the element type of input %d is not known", i);
    return QN_OK;
}

bool qn_up_is_empty(const qn_source_node *n, int32_t i) {
    const qn_value *value = qn_up_in(n, i);
    return value && value->type.rank == 1 && value->type.dims[0] == 0;
}

/* Every name that a node or output of the outermost graph, its branches aside, reads. */
static qn_status collect_reads(qn_import *im) {
    const QnOnnx__GraphProto *graph = im->model->graph;
    im->reads = qn_table_create(im->scratch);
    bool ok = im->reads != NULL;
    for (size_t i = 0; ok && i < graph->n_output; i++)
        ok = !graph->output[i]->name || qn_table_put(im->reads, graph->output[i]->name, im);
    for (size_t i = 0; ok && i < graph->n_node; i++)
        for (size_t k = 0; ok && k < graph->node[i]->n_input; k++)
            ok = qn_table_put(im->reads, graph->node[i]->input[k], im);
    return ok ? QN_OK : qn_fail_memory(im->ctx, 0, "names");
}

static bool has_branches(const QnOnnx__GraphProto *graph) {
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_attribute; k++)
            if (graph->node[i]->attribute[k]->g)
                return true;
    return false;
}

qn_status qn_up_drop_unread(qn_source_node *n, int32_t keep, bool *ok) {
    qn_import *im = n->im;
    *ok = true;
    if (n->n_out <= keep)
        return QN_OK;
    *ok = !n->scope->graph->parent && !n->scope->depth && !has_branches(im->model->graph);
    if (*ok && !im->reads)
        QN_TRY(collect_reads(im));
    for (int32_t i = keep; *ok && i < n->n_out; i++)
        *ok = !qn_up_wants(n, i) || !qn_table_get(im->reads, n->proto->output[i]);
    n->n_out = *ok ? keep : n->n_out;
    return QN_OK;
}

/* A name for a value or node that the source does not have. */
static const char *stem_name(const qn_source_node *n, const char *stem) {
    return qn_arena_printf(n->im->scratch, "%s/%s", n->origin, stem);
}

qn_status qn_up_ints(const qn_source_node *n, const char *stem, const int64_t *v, int64_t count, qn_value **out) {
    const char *name = stem_name(n, stem);
    if (!name)
        return qn_fail_memory(n->im->ctx, 0, "a name");
    return qn_value_ints(n->im->ctx, n->scope->graph, name, v, count, out);
}

/* x as an integer of dtype: the nearest that it has, 0 for NaN. */
static int64_t to_integer(qn_dtype dtype, double x) {
    const qn_dtype_info *row = qn_dtype_row(dtype);
    bool is_signed = row->kind == 'I';
    int bits = row->kind == 'B' ? 1 : row->bits > 63 ? 63 : row->bits - (is_signed ? 1 : 0);
    double high = ldexp(1, bits), low = is_signed ? -high : 0;
    if (isnan(x) || x <= low)
        return isnan(x) || !is_signed ? 0 : bits == 63 ? INT64_MIN : (int64_t)low;
    return x >= high ? (bits == 63 ? INT64_MAX : (int64_t)high - 1) : (int64_t)x;
}

/* x as one element of dtype. */
static void put_number(uint8_t *at, qn_dtype dtype, double x) {
    float f = (float)x;
    int64_t i = qn_dtype_is_float(dtype) ? 0 : to_integer(dtype, x);
    uint16_t half = dtype == QN_BF16 ? qn_f32_to_bf16(f) : qn_f32_to_f16(f);
    const void *bits = dtype == QN_F32 ? (const void *)&f : dtype == QN_F64 ? (const void *)&x : (const void *)&i;
    if (dtype == QN_F16 || dtype == QN_BF16)
        bits = &half;
    memcpy(at, bits, qn_dtype_bytes(dtype)); /* little-endian: an integer's low bytes come first */
}

qn_status qn_up_numbers(const qn_source_node *n, const char *stem, qn_dtype dtype, const double *v, int64_t count,
                        qn_value **out) {
    qn_import *im = n->im;
    size_t size = qn_dtype_bytes(dtype), length = count < 0 ? 1 : (size_t)count;
    uint8_t *data = qn_arena_array(im->graph->arena, length, size);
    const char *name = stem_name(n, stem);
    if (!data || !name)
        return qn_fail_memory(im->ctx, length * size, "a constant");
    for (size_t i = 0; i < length; i++)
        put_number(data + i * size, dtype, v[i]);
    int64_t dims[1] = {count};
    qn_const *c = NULL;
    QN_TRY(qn_const_dense(im->ctx, im->graph->arena, dtype, count < 0 ? 0 : 1, dims, data, length * size, &c));
    return qn_value_constant(im->ctx, n->scope->graph, name, c, out);
}

qn_status qn_up_node(const qn_source_node *n, qn_op op, qn_value *const *in, int32_t n_in, qn_node **out) {
    const char *name = stem_name(n, qn_op_row(op)->name);
    if (!name)
        return qn_fail_memory(n->im->ctx, 0, "a name");
    QN_TRY(qn_node_create(n->im->ctx, n->scope->graph, NULL, op, name, in, n_in, 1, out));
    (*out)->origin = n->origin;
    return QN_OK;
}

/* The values of outputs [first, first + count) of the source, where it names them. */
static qn_status make_outputs(qn_source_node *n, int32_t first, int32_t count) {
    for (int32_t i = first; i < first + count; i++) {
        if (!qn_up_wants(n, i))
            continue;
        const char *name = NULL;
        QN_TRY(qn_scope_name(n->scope, n->proto->output[i], &name));
        QN_TRY(qn_value_create(n->im->ctx, n->scope->graph, name, &n->out[i]));
        n->out[i]->origin = name;
    }
    return QN_OK;
}

static qn_status make_node(qn_source_node *n, int32_t first, int32_t count, qn_op op, qn_value *const *in,
                           int32_t n_in, qn_node **out) {
    QN_TRY(make_outputs(n, first, count));
    QN_TRY(qn_node_create_with(n->im->ctx, n->scope->graph, NULL, op, n->name, in, n_in, n->out + first, count, out));
    (*out)->origin = n->origin;
    return QN_OK;
}

qn_status qn_up_last(qn_source_node *n, qn_op op, qn_value *const *in, int32_t n_in, qn_node **out) {
    return make_node(n, 0, n->n_out, op, in, n_in, out);
}

qn_status qn_up_output(qn_source_node *n, int32_t index, qn_op op, qn_value *const *in, int32_t n_in, qn_node **out) {
    return make_node(n, index, 1, op, in, n_in, out);
}

qn_status qn_up_copy_attrs(const qn_source_node *n, qn_node *node) {
    for (int32_t i = 0; i < n->n_attrs; i++)
        QN_TRY(qn_node_set_attr(n->im->ctx, node, &n->attrs[i]));
    return QN_OK;
}

/* A branch that is never taken may hold shapes that do not fit. They are found again when the whole graph is inferred
 * and it is known which branches those are. */
qn_status qn_up_infer(const qn_source_node *n, qn_node *node) {
    qn_status status = qn_infer_one(n->im->ctx, node);
    if (n->scope->graph->parent && (status == QN_MALFORMED || status == QN_UNSUPPORTED)) {
        qn_clear(n->im->ctx);
        return QN_OK;
    }
    return status;
}

qn_status qn_up_mid1(const qn_source_node *n, qn_op op, qn_value *a, qn_value **out) {
    return qn_up_mid2(n, op, a, NULL, out);
}

qn_status qn_up_mid2(const qn_source_node *n, qn_op op, qn_value *a, qn_value *b, qn_value **out) {
    qn_value *in[2] = {a, b};
    qn_node *node = NULL;
    QN_TRY(qn_up_node(n, op, in, b ? 2 : 1, &node));
    *out = node->out[0];
    return qn_up_infer(n, node);
}

qn_status qn_up_last1(qn_source_node *n, qn_op op, qn_value *a) { return qn_up_last2(n, op, a, NULL); }

qn_status qn_up_last2(qn_source_node *n, qn_op op, qn_value *a, qn_value *b) {
    qn_value *in[2] = {a, b};
    qn_node *node = NULL;
    QN_TRY(qn_up_last(n, op, in, b ? 2 : 1, &node));
    return qn_up_infer(n, node);
}

qn_status qn_up_same(qn_source_node *n) {
    qn_node *node = NULL;
    QN_TRY(qn_up_last(n, qn_op_from_name(n->row->op->becomes), n->in, n->n_in, &node));
    QN_TRY(qn_up_copy_attrs(n, node));
    return qn_up_infer(n, node);
}
