#include "run/plan.h"

#include "run/step.h"

qn_status qn_plan_begin(qn_planner *p, const qn_tensor *inputs) {
    uint32_t bound = qn_graph_value_bound(p->graph);
    QN_NEW_ARRAY(p->ctx, p->arena, p->slots, bound);
    for (int32_t i = 0; i < p->graph->n_inputs; i++) {
        const qn_value *value = p->graph->inputs[i].value;
        p->slots[value->id] = (qn_slot){.kind = QN_SLOT_INPUT, .root = value->id, .tensor = inputs[i], .input = i};
    }
    p->walk.depth = 1;
    p->walk.frame[0].graph = p->graph;
    p->walk.frame[0].node = p->graph->first;
    p->walk.frame[0].owner = NULL;
    return QN_OK;
}

/* ---- the walk ------------------------------------------------------------------------------------ */

/* Step into the branch of an If whose condition is known. */
static qn_status enter_branch(qn_planner *p, const qn_visit *v) {
    const qn_node *node = v->node;
    bool taken = *(const uint8_t *)v->in_value[0].data != 0;
    const qn_graph *branch = qn_node_graph(node, taken ? "then_branch" : "else_branch");
    if (!branch || branch->n_outputs != node->n_out)
        return qn_fail(p->ctx, QN_MALFORMED, "%s: a branch does not give its %d outputs", qn_node_label(node),
                       node->n_out);
    if (p->walk.depth == QN_WALK_DEPTH)
        return qn_fail(p->ctx, QN_UNSUPPORTED, "%s: more than %d graphs inside each other", qn_node_label(node),
                       QN_WALK_DEPTH);
    p->walk.frame[p->walk.depth].graph = branch;
    p->walk.frame[p->walk.depth].node = branch->first;
    p->walk.frame[p->walk.depth].owner = node;
    p->walk.depth++;
    return QN_OK;
}

/* The branch is planned: the outputs of the If are its outputs. */
static qn_status leave_branch(qn_planner *p, const qn_graph *branch, const qn_node *owner, int32_t step) {
    for (int32_t i = 0; i < owner->n_out; i++) {
        if (!owner->out[i])
            continue;
        const qn_value *from = branch->outputs[i].value;
        qn_slot *slot = qn_plan_slot(p, from);
        if (slot->kind == QN_SLOT_NONE)
            return qn_fail(p->ctx, QN_MALFORMED, "%s: branch output '%s' is not computed", qn_node_label(owner),
                           from->name);
        if (slot->kind == QN_SLOT_CONST && !slot->tensor.data)
            QN_TRY(qn_plan_constant(p, from, &slot->tensor));
        if (slot->kind == QN_SLOT_CONST || slot->kind == QN_SLOT_KNOWN) {
            qn_plan_set_known(p, owner->out[i], &slot->tensor);
            continue;
        }
        qn_plan_use(p, from->id, step);
        qn_tensor t = slot->tensor;
        qn_plan_output(p, owner->out[i], &t, slot->root, step);
    }
    return QN_OK;
}

/* Plan one node. *blocked: it needs numbers that only running can tell. */
static qn_status visit_node(qn_planner *p, qn_stage *stage, const qn_node *node, bool *blocked) {
    qn_visit v;
    bool done = false;
    *blocked = false;
    QN_TRY(qn_visit_begin(p, node, &v));
    if (node->op == QN_OP_If) {
        const qn_tensor *cond = &v.in_value[0];
        if (!cond->data) {
            *blocked = true;
            return QN_OK;
        }
        if (cond->dtype != QN_BOOL || cond->n_bytes != 1)
            return qn_fail(p->ctx, QN_MALFORMED, "%s: the condition is not one bool", qn_node_label(node));
        return enter_branch(p, &v);
    }
    QN_TRY(qn_visit_infer(p, &v));
    if (!qn_visit_is_static(&v)) {
        *blocked = true;
        return QN_OK;
    }
    QN_TRY(qn_visit_known_content(p, &v, &done));
    if (!done)
        QN_TRY(qn_visit_known_value(p, &v, &done));
    if (done)
        return QN_OK;
    return qn_plan_is_view(node->op) ? qn_plan_view(p, &v, stage->n_steps) : qn_plan_step(p, stage, &v);
}

static qn_status walk_on(qn_planner *p, qn_stage *stage, bool *blocked) {
    *blocked = false;
    while (p->walk.depth > 0) {
        int32_t top = p->walk.depth - 1;
        const qn_node *node = p->walk.frame[top].node;
        if (!node) {
            if (p->walk.frame[top].owner)
                QN_TRY(leave_branch(p, p->walk.frame[top].graph, p->walk.frame[top].owner, stage->n_steps));
            p->walk.depth--;
            continue;
        }
        qn_arena_reset(p->scratch);
        QN_TRY(visit_node(p, stage, node, blocked));
        if (*blocked)
            return QN_OK;
        for (int32_t i = 0; i < node->n_in; i++) {
            if (!node->in[i])
                continue;
            qn_slot *slot = &p->slots[node->in[i]->id];
            slot->n_seen++;
            if (slot->kind == QN_SLOT_PLACED)
                p->slots[slot->root].pending--;
        }
        p->walk.frame[top].node = node->next;
    }
    return QN_OK;
}

/* A later stage may still read a value with unseen uses: its buffer is kept. */
static void keep_for_later(qn_planner *p, const qn_graph *graph) {
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_out; i++)
            if (node->out[i] && p->slots[node->out[i]->id].kind == QN_SLOT_PLACED &&
                (p->slots[node->out[i]->id].n_seen < node->out[i]->n_uses || node->out[i]->n_outputs > 0))
                qn_plan_use(p, node->out[i]->id, QN_STEP_FOREVER);
}

/* Tensors of the steps get the addresses that placement gave their buffers. */
static void set_addresses(qn_planner *p, qn_stage *stage) {
    uint32_t bound = qn_graph_value_bound(p->graph);
    for (uint32_t id = 0; id < bound; id++) {
        qn_slot *slot = &p->slots[id];
        if (slot->kind == QN_SLOT_PLACED)
            slot->tensor.data = p->slots[slot->root].tensor.data;
    }
    for (int32_t s = 0; s < stage->n_steps; s++) {
        qn_step *step = &stage->steps[s];
        for (int32_t i = 0; i < step->n_in; i++)
            if (step->node->in[i] && p->slots[step->node->in[i]->id].kind == QN_SLOT_PLACED)
                step->in[i].data = p->slots[step->node->in[i]->id].tensor.data;
        for (int32_t i = 0; i < step->n_out; i++)
            if (step->node->out[i])
                step->out[i].data = p->slots[step->node->out[i]->id].tensor.data;
    }
}

/* The first stage knows the shapes of the inputs only; those after it, their numbers. */
static bool inputs_are_unread(const qn_planner *p) {
    for (int32_t i = 0; i < p->graph->n_inputs; i++)
        if (p->slots[p->graph->inputs[i].value->id].kind == QN_SLOT_INPUT)
            return true;
    return false;
}

qn_status qn_plan_stage(qn_planner *p, qn_stage *stage) {
    *stage = (qn_stage){0};
    bool blocked;
    const qn_node *at = p->walk.frame[p->walk.depth - 1].node;
    QN_TRY(walk_on(p, stage, &blocked));
    if (blocked) {
        int32_t top = p->walk.depth - 1;
        if (p->walk.frame[top].node == at && stage->n_steps == 0 && !inputs_are_unread(p))
            return qn_fail(p->ctx, QN_UNSUPPORTED, "%s: its output shape cannot be told from its inputs",
                           qn_node_label(at));
        for (int32_t d = 0; d <= top; d++)
            keep_for_later(p, p->walk.frame[d].graph);
    }
    qn_arena_reset(p->scratch);
    QN_TRY(qn_plan_place(p, stage));
    set_addresses(p, stage);
    return QN_OK;
}
