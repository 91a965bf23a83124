#include "run/step.h"

#include <string.h>

bool qn_plan_is_view(qn_op op) {
    return op == QN_OP_Reshape || op == QN_OP_Squeeze || op == QN_OP_Unsqueeze || op == QN_OP_Flatten ||
           op == QN_OP_Identity;
}

void qn_plan_use(qn_planner *p, uint32_t id, int32_t step) {
    qn_slot *root = &p->slots[p->slots[id].root];
    if (step > root->last)
        root->last = step;
}

void qn_plan_output(qn_planner *p, const qn_value *value, const qn_tensor *t, uint32_t root, int32_t step) {
    qn_slot *slot = &p->slots[value->id];
    *slot = (qn_slot){.kind = QN_SLOT_PLACED, .root = root, .tensor = *t, .first = step, .last = step};
    if (root != value->id) {
        const qn_slot *of = &p->slots[root];
        slot->kind = of->kind;
        slot->input = of->input;
        slot->tensor.data = of->tensor.data;
    }
    p->slots[root].pending += value->n_uses + value->n_outputs;
    if (p->keep[value->id])
        qn_plan_use(p, value->id, QN_STEP_FOREVER);
}

qn_status qn_plan_view(qn_planner *p, const qn_visit *v, int32_t step) {
    const qn_value *from = v->node->in[0];
    qn_slot *slot = qn_plan_slot(p, from);
    qn_tensor t;
    QN_TRY(qn_visit_output(p, v, 0, &t));
    if (t.n_bytes != slot->tensor.n_bytes)
        return qn_fail(p->ctx, QN_MALFORMED, "%s: %zu bytes become %zu", qn_node_label(v->node), slot->tensor.n_bytes,
                       t.n_bytes);
    if (slot->kind == QN_SLOT_CONST && !slot->tensor.data)
        QN_TRY(qn_plan_constant(p, from, &slot->tensor));
    qn_plan_use(p, from->id, step);
    qn_plan_output(p, v->node->out[0], &t, slot->root, step);
    return QN_OK;
}

/* The buffer of input k can be written over: nothing reads it later, and no other input shares it. */
static bool may_overwrite(const qn_planner *p, const qn_step *step, int32_t k, int32_t index) {
    const qn_node *node = step->node;
    if (!node->in[k] || node->in[k]->constant)
        return false;
    const qn_slot *slot = &p->slots[node->in[k]->id];
    const qn_slot *root = &p->slots[slot->root];
    if (slot->kind != QN_SLOT_PLACED || root->pending != 1 || root->last > index || root->first >= index ||
        root->tensor.data)
        return false;
    const qn_tensor *a = &step->in[k], *b = &step->out[0];
    if (a->dtype != b->dtype || a->n_bytes != b->n_bytes || a->rank != b->rank ||
        memcmp(a->dims, b->dims, sizeof(int64_t) * (size_t)a->rank) != 0 || a->n_bytes != root->tensor.n_bytes)
        return false;
    for (int32_t i = 0; i < node->n_in; i++)
        if (i != k && node->in[i] && p->slots[node->in[i]->id].root == slot->root)
            return false;
    return true;
}

/* The input in whose buffer the kernel may leave output 0; -1: none. */
static int32_t in_place_of(const qn_planner *p, const qn_step *step, int32_t index) {
    const unsigned flags = step->kernel->flags;
    const int32_t n = (flags & QN_KERNEL_IN_PLACE_ANY) == QN_KERNEL_IN_PLACE_ANY ? step->n_in
                      : flags & QN_KERNEL_IN_PLACE && step->n_in > 0             ? 1
                                                                                 : 0;
    if (!step->node->out[0])
        return -1;
    for (int32_t k = 0; k < n; k++)
        if (may_overwrite(p, step, k, index))
            return k;
    return -1;
}

static qn_status choose_kernel(qn_planner *p, qn_step *step) {
    qn_kernel_args args = {.ctx = p->ctx, .node = step->node, .n_in = step->n_in, .n_out = step->n_out, .in = step->in,
                           .in_const = step->in_const, .out = step->out, .scratch = p->scratch};
    step->kernel = qn_kernel_choose(&args, p->reference);
    if (!step->kernel)
        return qn_fail(p->ctx, QN_UNSUPPORTED, "%s: no kernel runs this op", qn_node_label(step->node));
    if (step->kernel->flags & QN_KERNEL_ENCODED)
        return QN_OK;
    for (int32_t i = 0; i < step->n_in; i++)
        if (step->in_const[i]) {
            QN_TRY(qn_plan_constant(p, step->node->in[i], &step->in[i]));
            step->in_const[i] = NULL;
        }
    return QN_OK;
}

static qn_status new_step(qn_planner *p, qn_stage *stage, const qn_node *node, qn_step **out) {
    if (stage->n_steps == stage->cap_steps) {
        int32_t cap = stage->cap_steps ? 2 * stage->cap_steps : 64;
        qn_step *steps =
            qn_arena_grow(p->arena, stage->steps, (size_t)stage->n_steps, (size_t)cap, sizeof *steps);
        if (!steps)
            return qn_fail_memory(p->ctx, (size_t)cap * sizeof *steps, "a plan");
        stage->steps = steps;
        stage->cap_steps = cap;
    }
    qn_step *step = &stage->steps[stage->n_steps++];
    *step = (qn_step){.node = node, .n_in = node->n_in, .n_out = node->n_out};
    QN_NEW_ARRAY(p->ctx, p->arena, step->in, node->n_in + 1);
    QN_NEW_ARRAY(p->ctx, p->arena, step->in_const, node->n_in + 1);
    QN_NEW_ARRAY(p->ctx, p->arena, step->in_input, node->n_in + 1);
    QN_NEW_ARRAY(p->ctx, p->arena, step->out, node->n_out + 1);
    *out = step;
    return QN_OK;
}

qn_status qn_plan_step(qn_planner *p, qn_stage *stage, const qn_visit *v) {
    const qn_node *node = v->node;
    qn_step *step = NULL;
    int32_t index = stage->n_steps;
    QN_TRY(new_step(p, stage, node, &step));
    for (int32_t i = 0; i < node->n_in; i++) {
        step->in_input[i] = -1;
        if (!node->in[i])
            continue;
        qn_slot *slot = qn_plan_slot(p, node->in[i]);
        const qn_const *c = node->in[i]->constant;
        if (slot->kind == QN_SLOT_CONST && c && !slot->tensor.data) {
            if (c->encoding != QN_ENC_DENSE && !c->expr)
                step->in_const[i] = c;
            else
                QN_TRY(qn_plan_constant(p, node->in[i], &slot->tensor));
        }
        step->in[i] = slot->tensor;
        if (slot->kind == QN_SLOT_INPUT)
            step->in_input[i] = slot->input;
        qn_plan_use(p, node->in[i]->id, index);
    }
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            QN_TRY(qn_visit_output(p, v, i, &step->out[i]));
    QN_TRY(choose_kernel(p, step));
    for (int32_t i = 0; i < node->n_out; i++) {
        if (!node->out[i])
            continue;
        const int32_t over = i == 0 ? in_place_of(p, step, index) : -1;
        uint32_t root = over >= 0 ? p->slots[node->in[over]->id].root : node->out[i]->id;
        qn_plan_output(p, node->out[i], &step->out[i], root, index);
    }
    return QN_OK;
}
