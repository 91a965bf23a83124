#include "run/visit.h"

#include "base/checked.h"

#include <string.h>

/* Results up to this size are computed while planning when everything they depend on is known; results that only move
 * what is known, and are no larger, up to the second. */
enum { KNOWN_LIMIT_BYTES = 16 << 10, MOVED_LIMIT_BYTES = 1 << 20 };

static size_t limit_of(const qn_node *node) {
    return qn_op_row(node->op)->kind == QN_KIND_MOVE ? MOVED_LIMIT_BYTES : KNOWN_LIMIT_BYTES;
}

static void slot_set_const(qn_planner *p, const qn_value *value) {
    qn_slot *slot = &p->slots[value->id];
    const qn_const *c = value->constant;
    slot->kind = QN_SLOT_CONST;
    slot->root = value->id;
    slot->tensor = (qn_tensor){.dtype = c->dtype, .rank = c->rank};
    memcpy(slot->tensor.dims, c->dims, sizeof c->dims);
    size_t element = qn_dtype_bytes(c->dtype);
    slot->tensor.n_bytes = (size_t)qn_const_numel(c) * element;
    const void *data = c->part[QN_PART_VALUES].data;
    if (qn_const_is_ready(c) && data && (uintptr_t)data % element == 0) {
        union {
            const void *from;
            void *to;
        } borrowed = {data}; /* kernels do not write their inputs */
        slot->tensor.data = borrowed.to;
    }
}

qn_slot *qn_plan_slot(qn_planner *p, const qn_value *value) {
    qn_slot *slot = &p->slots[value->id];
    if (slot->kind == QN_SLOT_NONE && value->constant)
        slot_set_const(p, value);
    return slot;
}

static void type_from_tensor(const qn_tensor *t, qn_type *type) {
    type->dtype = t->dtype;
    type->rank = t->rank;
    for (int32_t i = 0; i < t->rank; i++)
        type->dims[i] = t->dims[i];
}

static bool numbers_at_hand(const qn_slot *slot, size_t limit) {
    return (slot->kind == QN_SLOT_KNOWN || slot->kind == QN_SLOT_CONST) && slot->tensor.n_bytes <= limit;
}

/* A constant that has to be realigned before its numbers can be read; over the small limit, only one that is stored as
 * it is read. Encoded ones are weights, whose kernels read the encoding. */
static qn_status small_constant(qn_planner *p, const qn_value *value, qn_slot *slot, size_t limit) {
    const qn_const *c = value->constant;
    if (slot->kind != QN_SLOT_CONST || slot->tensor.data || slot->tensor.n_bytes > limit ||
        (c->encoding != QN_ENC_DENSE && !c->expr) ||
        (slot->tensor.n_bytes > KNOWN_LIMIT_BYTES && !qn_const_is_ready(value->constant)))
        return QN_OK;
    return qn_plan_constant(p, value, &slot->tensor);
}

qn_status qn_visit_begin(qn_planner *p, const qn_node *node, qn_visit *v) {
    *v = (qn_visit){.node = node, .all_known = true};
    QN_NEW_ARRAY(p->ctx, p->scratch, v->in, node->n_in + 1);
    QN_NEW_ARRAY(p->ctx, p->scratch, v->in_content, node->n_in + 1);
    QN_NEW_ARRAY(p->ctx, p->scratch, v->in_value, node->n_in + 1);
    QN_NEW_ARRAY(p->ctx, p->scratch, v->out, node->n_out + 1);
    QN_NEW_ARRAY(p->ctx, p->scratch, v->out_content, node->n_out + 1);
    const size_t limit = limit_of(node);
    for (int32_t i = 0; i < node->n_in; i++) {
        v->in[i].rank = -1;
        if (!node->in[i])
            continue;
        qn_slot *slot = qn_plan_slot(p, node->in[i]);
        if (slot->kind == QN_SLOT_NONE)
            return qn_fail(p->ctx, QN_MALFORMED, "%s: input '%s' is not computed before it", qn_node_label(node),
                           node->in[i]->name);
        QN_TRY(small_constant(p, node->in[i], slot, limit));
        type_from_tensor(&slot->tensor, &v->in[i]);
        if (numbers_at_hand(slot, limit) && slot->tensor.data)
            v->in_value[i] = slot->tensor;
        else
            v->all_known = false;
    }
    for (int32_t i = 0; i < node->n_out; i++)
        v->out[i].rank = -1;
    return QN_OK;
}

qn_status qn_visit_infer(qn_planner *p, qn_visit *v) {
    qn_infer inf = {.ctx = p->ctx,
                    .symbols = p->graph->symbols,
                    .node = v->node,
                    .arena = p->scratch,
                    .n_in = v->node->n_in,
                    .n_out = v->node->n_out,
                    .in = v->in,
                    .in_content = v->in_content,
                    .in_value = v->in_value,
                    .out = v->out,
                    .out_content = v->out_content};
    return qn_infer_node(&inf);
}

bool qn_visit_is_static(const qn_visit *v) {
    for (int32_t i = 0; i < v->node->n_out; i++)
        if (v->node->out[i] && (!qn_type_is_static(&v->out[i]) || v->out[i].dtype == QN_NONE))
            return false;
    return true;
}

qn_status qn_visit_output(qn_planner *p, const qn_visit *v, int32_t i, qn_tensor *t) {
    int64_t n;
    *t = (qn_tensor){.dtype = v->out[i].dtype, .rank = v->out[i].rank};
    memcpy(t->dims, v->out[i].dims, sizeof t->dims);
    if (!qn_count_elems(t->dims, t->rank, &n) || !qn_mul_size((size_t)n, qn_dtype_bytes(t->dtype), &t->n_bytes))
        return qn_fail(p->ctx, QN_UNSUPPORTED, "%s: output '%s' is larger than memory can be", qn_node_label(v->node),
                       v->node->out[i]->name);
    return QN_OK;
}

/* ---- values known while planning ------------------------------------------------------------- */

void qn_plan_set_known(qn_planner *p, const qn_value *value, const qn_tensor *t) {
    p->slots[value->id] = (qn_slot){.kind = QN_SLOT_KNOWN, .root = value->id, .tensor = *t};
    if (p->observe)
        p->observe(p->observe_user, value, t);
}

qn_status qn_visit_known_content(qn_planner *p, const qn_visit *v, bool *done) {
    *done = false;
    if (v->node->n_out != 1 || !v->node->out[0] || !v->out_content[0].elems || !qn_dtype_is_int(v->out[0].dtype))
        return QN_OK;
    const qn_content *content = &v->out_content[0];
    qn_tensor t;
    QN_TRY(qn_visit_output(p, v, 0, &t));
    size_t element = qn_dtype_bytes(t.dtype);
    if ((size_t)content->n * element != t.n_bytes)
        return QN_OK;
    for (int64_t i = 0; i < content->n; i++)
        if (!qn_dim_is_const(content->elems[i]))
            return QN_OK;
    if (element != 8 && element != 4)
        return QN_OK;
    t.data = qn_arena_alloc(p->arena, t.n_bytes);
    if (!t.data)
        return qn_fail_memory(p->ctx, t.n_bytes, "a shape");
    for (int64_t i = 0; i < content->n; i++) {
        if (element == 8) {
            ((int64_t *)t.data)[i] = content->elems[i];
        } else {
            int32_t narrow = (int32_t)content->elems[i];
            memcpy((char *)t.data + 4 * i, &narrow, 4);
        }
    }
    qn_plan_set_known(p, v->node->out[0], &t);
    *done = true;
    return QN_OK;
}

qn_status qn_visit_known_value(qn_planner *p, const qn_visit *v, bool *done) {
    *done = false;
    const qn_node *node = v->node;
    if (!v->all_known || node->op == QN_OP_If)
        return QN_OK;
    size_t in_bytes = 0, out_bytes = 0;
    for (int32_t i = 0; i < node->n_in; i++)
        in_bytes += v->in_value[i].n_bytes;
    for (int32_t i = 0; i < node->n_out; i++) {
        qn_tensor t;
        if (!node->out[i])
            continue;
        QN_TRY(qn_visit_output(p, v, i, &t));
        if (t.n_bytes > limit_of(node))
            return QN_OK;
        out_bytes += t.n_bytes;
    }
    if (out_bytes > KNOWN_LIMIT_BYTES && out_bytes > in_bytes)
        return QN_OK;
    qn_tensor *out;
    QN_NEW_ARRAY(p->ctx, p->scratch, out, node->n_out + 1);
    QN_TRY(qn_eval_node(p->ctx, p->arena, node, v->in_value, node->n_in, out, node->n_out));
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            qn_plan_set_known(p, node->out[i], &out[i]);
    *done = true;
    return QN_OK;
}
