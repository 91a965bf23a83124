#include "run/plan.h"

#include "base/checked.h"
#include "ops/infer.h"

#include <string.h>

/* Results up to this size are computed while planning when everything they depend on is known. */
enum { KNOWN_LIMIT_BYTES = 16 << 10 };

/* ---- beginning ------------------------------------------------------------------------------ */

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
        union { const void *from; void *to; } borrowed = {data}; /* kernels do not write their inputs */
        slot->tensor.data = borrowed.to;
    }
}

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

/* The slot of a value that a node reads; constants get theirs here. */
static qn_slot *slot_of(qn_planner *p, const qn_value *value) {
    qn_slot *slot = &p->slots[value->id];
    if (slot->kind == QN_SLOT_NONE && value->constant)
        slot_set_const(p, value);
    return slot;
}

/* ---- one node ---------------------------------------------------------------------------------- */

typedef struct visit {
    const qn_node *node;
    qn_type *in, *out;
    qn_content *in_content, *out_content;
    qn_tensor *in_value;     /* numbers at hand */
    bool all_known;
} visit;

static void type_from_tensor(const qn_tensor *t, qn_type *type) {
    type->dtype = t->dtype;
    type->rank = t->rank;
    for (int32_t i = 0; i < t->rank; i++)
        type->dims[i] = t->dims[i];
}

static bool numbers_at_hand(const qn_slot *slot) {
    return (slot->kind == QN_SLOT_KNOWN || slot->kind == QN_SLOT_CONST) && slot->tensor.n_bytes <= KNOWN_LIMIT_BYTES;
}

/* A small constant that has to be expanded or realigned before its numbers can be read. */
static qn_status small_constant(qn_planner *p, const qn_value *value, qn_slot *slot) {
    if (slot->kind != QN_SLOT_CONST || slot->tensor.data || slot->tensor.n_bytes > KNOWN_LIMIT_BYTES)
        return QN_OK;
    return qn_plan_constant(p, value, &slot->tensor);
}

static qn_status visit_begin(qn_planner *p, const qn_node *node, visit *v) {
    *v = (visit){.node = node, .all_known = true};
    QN_NEW_ARRAY(p->ctx, p->scratch, v->in, node->n_in + 1);
    QN_NEW_ARRAY(p->ctx, p->scratch, v->in_content, node->n_in + 1);
    QN_NEW_ARRAY(p->ctx, p->scratch, v->in_value, node->n_in + 1);
    QN_NEW_ARRAY(p->ctx, p->scratch, v->out, node->n_out + 1);
    QN_NEW_ARRAY(p->ctx, p->scratch, v->out_content, node->n_out + 1);
    for (int32_t i = 0; i < node->n_in; i++) {
        v->in[i].rank = -1;
        if (!node->in[i])
            continue;
        qn_slot *slot = slot_of(p, node->in[i]);
        if (slot->kind == QN_SLOT_NONE)
            return qn_fail(p->ctx, QN_MALFORMED, "%s: input '%s' is not computed before it", qn_node_label(node),
                           node->in[i]->name);
        QN_TRY(small_constant(p, node->in[i], slot));
        type_from_tensor(&slot->tensor, &v->in[i]);
        if (numbers_at_hand(slot) && slot->tensor.data)
            v->in_value[i] = slot->tensor;
        else
            v->all_known = false;
    }
    for (int32_t i = 0; i < node->n_out; i++)
        v->out[i].rank = -1;
    return QN_OK;
}

static qn_status infer(qn_planner *p, visit *v) {
    qn_infer inf = {.ctx = p->ctx, .symbols = p->graph->symbols, .node = v->node, .arena = p->scratch,
                    .n_in = v->node->n_in, .n_out = v->node->n_out, .in = v->in, .in_content = v->in_content,
                    .in_value = v->in_value, .out = v->out, .out_content = v->out_content};
    return qn_infer_node(&inf);
}

static bool outputs_are_static(const visit *v) {
    for (int32_t i = 0; i < v->node->n_out; i++)
        if (v->node->out[i] && (!qn_type_is_static(&v->out[i]) || v->out[i].dtype == QN_NONE))
            return false;
    return true;
}

static qn_status tensor_of_type(qn_planner *p, const visit *v, int32_t i, qn_tensor *t) {
    int64_t n;
    *t = (qn_tensor){.dtype = v->out[i].dtype, .rank = v->out[i].rank};
    memcpy(t->dims, v->out[i].dims, sizeof t->dims);
    if (!qn_count_elems(t->dims, t->rank, &n) || !qn_mul_size((size_t)n, qn_dtype_bytes(t->dtype), &t->n_bytes))
        return qn_fail(p->ctx, QN_UNSUPPORTED, "%s: output '%s' is larger than memory can be", qn_node_label(v->node),
                       v->node->out[i]->name);
    return QN_OK;
}

/* ---- values known while planning ------------------------------------------------------------- */

static void slot_set_known(qn_planner *p, const qn_value *value, const qn_tensor *t) {
    p->slots[value->id] = (qn_slot){.kind = QN_SLOT_KNOWN, .root = value->id, .tensor = *t};
}

/* An integer output whose contents inference gave as numbers: Shape, Size and what is made of them. */
static qn_status known_from_content(qn_planner *p, const visit *v, bool *done) {
    *done = false;
    if (v->node->n_out != 1 || !v->node->out[0] || !v->out_content[0].elems || !qn_dtype_is_int(v->out[0].dtype))
        return QN_OK;
    const qn_content *content = &v->out_content[0];
    qn_tensor t;
    QN_TRY(tensor_of_type(p, v, 0, &t));
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
    slot_set_known(p, v->node->out[0], &t);
    *done = true;
    return QN_OK;
}

static qn_status known_by_evaluation(qn_planner *p, const visit *v, bool *done) {
    *done = false;
    const qn_node *node = v->node;
    if (!v->all_known || node->op == QN_OP_If)
        return QN_OK;
    for (int32_t i = 0; i < node->n_out; i++) {
        qn_tensor t;
        if (!node->out[i])
            continue;
        QN_TRY(tensor_of_type(p, v, i, &t));
        if (t.n_bytes > KNOWN_LIMIT_BYTES)
            return QN_OK;
    }
    qn_tensor *out;
    QN_NEW_ARRAY(p->ctx, p->scratch, out, node->n_out + 1);
    QN_TRY(qn_eval_node(p->ctx, p->arena, node, v->in_value, node->n_in, out, node->n_out));
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            slot_set_known(p, node->out[i], &out[i]);
    *done = true;
    return QN_OK;
}

/* ---- steps ------------------------------------------------------------------------------------ */

/* Ops whose output is the bytes of their input under another shape. */
static bool is_view(qn_op op) {
    return op == QN_OP_Reshape || op == QN_OP_Squeeze || op == QN_OP_Unsqueeze || op == QN_OP_Flatten ||
           op == QN_OP_Identity;
}

static void use_buffer(qn_planner *p, uint32_t id, int32_t step) {
    qn_slot *root = &p->slots[p->slots[id].root];
    if (step > root->last)
        root->last = step;
}

static void set_output(qn_planner *p, const qn_value *value, const qn_tensor *t, uint32_t root, int32_t step) {
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
        use_buffer(p, value->id, QN_STEP_FOREVER);
}

static qn_status make_view(qn_planner *p, const visit *v, int32_t step) {
    const qn_value *from = v->node->in[0];
    qn_slot *slot = slot_of(p, from);
    qn_tensor t;
    QN_TRY(tensor_of_type(p, v, 0, &t));
    if (t.n_bytes != slot->tensor.n_bytes)
        return qn_fail(p->ctx, QN_MALFORMED, "%s: %zu bytes become %zu", qn_node_label(v->node), slot->tensor.n_bytes,
                       t.n_bytes);
    if (slot->kind == QN_SLOT_CONST && !slot->tensor.data)
        QN_TRY(qn_plan_constant(p, from, &slot->tensor));
    use_buffer(p, from->id, step);
    set_output(p, v->node->out[0], &t, slot->root, step);
    return QN_OK;
}

/* The buffer of input 0 can be written over: nothing reads it later, and no other input shares it. */
static bool may_run_in_place(const qn_planner *p, const qn_step *step, int32_t index) {
    const qn_node *node = step->node;
    if (!(step->kernel->flags & QN_KERNEL_IN_PLACE) || !node->in[0] || !node->out[0] || node->in[0]->constant)
        return false;
    const qn_slot *slot = &p->slots[node->in[0]->id];
    const qn_slot *root = &p->slots[slot->root];
    if (slot->kind != QN_SLOT_PLACED || root->pending != 1 || root->last > index || root->first >= index || root->tensor.data)
        return false;
    const qn_tensor *a = &step->in[0], *b = &step->out[0];
    if (a->dtype != b->dtype || a->n_bytes != b->n_bytes || a->rank != b->rank ||
        memcmp(a->dims, b->dims, sizeof(int64_t) * (size_t)a->rank) != 0 || a->n_bytes != root->tensor.n_bytes)
        return false;
    for (int32_t i = 1; i < node->n_in; i++)
        if (node->in[i] && p->slots[node->in[i]->id].root == slot->root)
            return false;
    return true;
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

static qn_status make_step(qn_planner *p, qn_stage *stage, const visit *v) {
    const qn_node *node = v->node;
    qn_step *step = NULL;
    int32_t index = stage->n_steps;
    QN_TRY(new_step(p, stage, node, &step));
    for (int32_t i = 0; i < node->n_in; i++) {
        step->in_input[i] = -1;
        if (!node->in[i])
            continue;
        qn_slot *slot = slot_of(p, node->in[i]);
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
        use_buffer(p, node->in[i]->id, index);
    }
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            QN_TRY(tensor_of_type(p, v, i, &step->out[i]));
    QN_TRY(choose_kernel(p, step));
    for (int32_t i = 0; i < node->n_out; i++) {
        if (!node->out[i])
            continue;
        bool in_place = i == 0 && may_run_in_place(p, step, index);
        uint32_t root = in_place ? p->slots[node->in[0]->id].root : node->out[i]->id;
        set_output(p, node->out[i], &step->out[i], root, index);
    }
    return QN_OK;
}

/* ---- the walk ------------------------------------------------------------------------------------ */

/* Step into the branch of an If whose condition is known. */
static qn_status enter_branch(qn_planner *p, const visit *v) {
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
        qn_slot *slot = slot_of(p, from);
        if (slot->kind == QN_SLOT_NONE)
            return qn_fail(p->ctx, QN_MALFORMED, "%s: branch output '%s' is not computed", qn_node_label(owner),
                           from->name);
        if (slot->kind == QN_SLOT_CONST && !slot->tensor.data)
            QN_TRY(qn_plan_constant(p, from, &slot->tensor));
        if (slot->kind == QN_SLOT_CONST || slot->kind == QN_SLOT_KNOWN) {
            slot_set_known(p, owner->out[i], &slot->tensor);
            continue;
        }
        use_buffer(p, from->id, step);
        qn_tensor t = slot->tensor;
        set_output(p, owner->out[i], &t, slot->root, step);
    }
    return QN_OK;
}

/* Plan one node. *blocked: it needs numbers that only running can tell. */
static qn_status visit_node(qn_planner *p, qn_stage *stage, const qn_node *node, bool *blocked) {
    visit v;
    bool done = false;
    *blocked = false;
    QN_TRY(visit_begin(p, node, &v));
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
    QN_TRY(infer(p, &v));
    if (!outputs_are_static(&v)) {
        *blocked = true;
        return QN_OK;
    }
    QN_TRY(known_from_content(p, &v, &done));
    if (!done)
        QN_TRY(known_by_evaluation(p, &v, &done));
    if (done)
        return QN_OK;
    return is_view(node->op) ? make_view(p, &v, stage->n_steps) : make_step(p, stage, &v);
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
                use_buffer(p, node->out[i]->id, QN_STEP_FOREVER);
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
