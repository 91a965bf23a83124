#include "run/session.h"

#include "base/clock.h"
#include "base/glob.h"
#include "ops/cost.h"
#include "run/contract.h"
#include "run/plan.h"

#include <stdlib.h>
#include <string.h>

/* Plans kept: the oldest gives way. */
enum { MAX_PLANS = 8 };

typedef struct plan {
    qn_arena *arena;
    qn_tensor *key;        /* [n_inputs]: dtype, rank and dims of the inputs it is for */
    qn_slot *slots;        /* after the first stage was planned */
    qn_walk walk;
    qn_stage stage;
    uint64_t used;         /* run number of the last use */
} plan;

struct qn_session {
    qn_context *ctx;
    const qn_graph *graph;
    bool reference, profile;
    void (*observe)(void *, const qn_value *, const qn_tensor *);
    void *observe_user;
    qn_arena *arena, *scratch, *constants;
    qn_tensor *expanded;   /* [value bound] */
    size_t expanded_bytes;
    bool *keep, *probed;   /* [value bound] */
    bool has_probes;
    plan plans[MAX_PLANS];
    uint64_t n_runs;
    /* stages after the first, of the last run */
    qn_arena *later;
    qn_stage *later_stages;
    int32_t n_later;
    qn_probe *probes;
    int32_t n_probes;
    qn_plan_info info;
    qn_profile_row *rows;  /* [node bound], by node id; node NULL: not run */
    qn_profile_row *rows_out;
    int32_t n_rows;
};

/* ---- creating ------------------------------------------------------------------------------- */

typedef struct mark {
    qn_session *session;
    const qn_session_options *options;
} mark;

static bool is_probed(const qn_session_options *o, const qn_value *value) {
    for (int32_t i = 0; i < o->n_probes; i++)
        if (qn_glob_match(o->probes[i], value->name) || qn_glob_match(o->probes[i], value->origin))
            return true;
    return false;
}

static qn_status mark_probed(qn_context *ctx, qn_graph *graph, void *arg) {
    (void)ctx;
    const mark *m = arg;
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_out; i++)
            if (node->out[i] && is_probed(m->options, node->out[i]))
                m->session->probed[node->out[i]->id] = m->session->keep[node->out[i]->id] = true;
    return QN_OK;
}

static qn_status set_up(qn_session *s, const qn_session_options *options) {
    s->arena = qn_arena_create();
    s->scratch = qn_arena_create();
    s->constants = qn_arena_create();
    s->later = qn_arena_create();
    if (!s->arena || !s->scratch || !s->constants || !s->later)
        return qn_fail_memory(s->ctx, sizeof *s, "a session");
    uint32_t bound = qn_graph_value_bound(s->graph);
    QN_NEW_ARRAY(s->ctx, s->arena, s->expanded, bound);
    QN_NEW_ARRAY(s->ctx, s->arena, s->keep, bound);
    QN_NEW_ARRAY(s->ctx, s->arena, s->probed, bound);
    for (int32_t i = 0; i < s->graph->n_outputs; i++)
        s->keep[s->graph->outputs[i].value->id] = true;
    if (options && options->profile) {
        s->profile = true;
        QN_NEW_ARRAY(s->ctx, s->arena, s->rows, qn_graph_node_bound(s->graph));
        QN_NEW_ARRAY(s->ctx, s->arena, s->rows_out, qn_graph_node_bound(s->graph));
    }
    if (options && options->n_probes) {
        union { const qn_graph *from; qn_graph *to; } graph = {s->graph}; /* the walk does not change it */
        mark m = {s, options};
        s->has_probes = true;
        QN_TRY(qn_graph_each(s->ctx, graph.to, mark_probed, &m));
    }
    return QN_OK;
}

qn_status qn_session_create(qn_context *ctx, const qn_graph *graph, const qn_session_options *options,
                            qn_session **out) {
    *out = NULL;
    qn_session *s = calloc(1, sizeof *s);
    if (!s)
        return qn_fail_memory(ctx, sizeof *s, "a session");
    s->ctx = ctx;
    s->graph = graph;
    s->reference = options && options->reference;
    s->observe = options ? options->observe : NULL;
    s->observe_user = options ? options->observe_user : NULL;
    qn_status status = set_up(s, options);
    if (status != QN_OK) {
        qn_session_destroy(s);
        return status;
    }
    *out = s;
    return QN_OK;
}

static void drop_plan(plan *p) {
    free(p->stage.buffer);
    qn_arena_destroy(p->arena);
    *p = (plan){0};
}

static void drop_later(qn_session *s) {
    for (int32_t i = 0; i < s->n_later; i++)
        free(s->later_stages[i].buffer);
    s->n_later = 0;
    s->later_stages = NULL;
    if (s->later)
        qn_arena_reset(s->later);
}

void qn_session_destroy(qn_session *s) {
    if (!s)
        return;
    drop_later(s);
    for (int i = 0; i < MAX_PLANS; i++)
        drop_plan(&s->plans[i]);
    qn_arena_destroy(s->later);
    qn_arena_destroy(s->constants);
    qn_arena_destroy(s->scratch);
    qn_arena_destroy(s->arena);
    free(s);
}

/* ---- plans ------------------------------------------------------------------------------------- */

static bool key_matches(const plan *p, const qn_tensor *inputs, int32_t n) {
    for (int32_t i = 0; i < n; i++)
        if (p->key[i].rank != inputs[i].rank ||
            memcmp(p->key[i].dims, inputs[i].dims, sizeof(int64_t) * (size_t)inputs[i].rank) != 0)
            return false;
    return true;
}

static qn_planner planner_of(qn_session *s, qn_arena *arena) {
    return (qn_planner){.ctx = s->ctx, .graph = s->graph, .arena = arena, .scratch = s->scratch,
                        .constants = s->constants, .expanded = s->expanded, .expanded_bytes = &s->expanded_bytes,
                        .reference = s->reference, .keep = s->keep, .observe = s->observe,
                        .observe_user = s->observe_user};
}

static qn_status build_plan(qn_session *s, const qn_tensor *inputs, plan *out) {
    out->arena = qn_arena_create();
    if (!out->arena)
        return qn_fail_memory(s->ctx, sizeof *out, "a plan");
    qn_planner p = planner_of(s, out->arena);
    QN_NEW_ARRAY(s->ctx, out->arena, out->key, s->graph->n_inputs + 1);
    for (int32_t i = 0; i < s->graph->n_inputs; i++)
        out->key[i] = inputs[i];
    QN_TRY(qn_plan_begin(&p, inputs));
    QN_TRY(qn_plan_stage(&p, &out->stage));
    out->slots = p.slots;
    out->walk = p.walk;
    return QN_OK;
}

static qn_status find_plan(qn_session *s, const qn_tensor *inputs, plan **out) {
    plan *oldest = &s->plans[0];
    for (int i = 0; i < MAX_PLANS; i++) {
        plan *p = &s->plans[i];
        if (p->arena && key_matches(p, inputs, s->graph->n_inputs)) {
            *out = p;
            p->used = s->n_runs;
            return QN_OK;
        }
        if (!p->arena ? oldest->arena != NULL : oldest->arena && p->used < oldest->used)
            oldest = p;
    }
    drop_plan(oldest);
    qn_status status = build_plan(s, inputs, oldest);
    if (status != QN_OK) {
        drop_plan(oldest);
        return status;
    }
    oldest->used = s->n_runs;
    *out = oldest;
    return QN_OK;
}

/* ---- running --------------------------------------------------------------------------------------- */

static void count_row(qn_session *s, const qn_step *step, double seconds) {
    qn_profile_row *row = &s->rows[step->node->id];
    row->node = qn_node_label(step->node);
    row->op = qn_op_row(step->node->op)->name;
    row->kernel = step->kernel->name;
    row->calls++;
    row->seconds += seconds;
    const qn_cost cost = qn_node_cost(step->node, step->in, step->in_const, step->out);
    row->flops += cost.flops;
    row->bytes += cost.bytes;
    row->arithmetic = cost.arithmetic;
}

static qn_status run_stage(qn_session *s, const qn_stage *stage, const qn_tensor *inputs) {
    for (int32_t i = 0; i < stage->n_steps; i++) {
        qn_step *step = &stage->steps[i];
        for (int32_t k = 0; k < step->n_in; k++)
            if (step->in_input[k] >= 0)
                step->in[k].data = inputs[step->in_input[k]].data;
        qn_kernel_args args = {.ctx = s->ctx, .node = step->node, .n_in = step->n_in, .n_out = step->n_out,
                               .in = step->in, .in_const = step->in_const, .out = step->out, .scratch = s->scratch};
        double start = s->profile ? qn_clock_seconds() : 0;
        QN_TRY(qn_check_cancel(s->ctx));
        QN_TRY(qn_kernel_run(step->kernel, &args));
        if (s->profile)
            count_row(s, step, qn_clock_seconds() - start);
        for (int32_t k = 0; k < step->n_out && s->observe; k++)
            if (step->node->out[k])
                s->observe(s->observe_user, step->node->out[k], &step->out[k]);
        qn_arena_reset(s->scratch);
    }
    return QN_OK;
}

/* What has run is known to the stages after it. */
static void learn(qn_planner *p, const qn_tensor *inputs) {
    uint32_t bound = qn_graph_value_bound(p->graph);
    for (uint32_t id = 0; id < bound; id++) {
        qn_slot *slot = &p->slots[id];
        if (slot->kind == QN_SLOT_INPUT)
            slot->tensor.data = inputs[slot->input].data;
        if ((slot->kind == QN_SLOT_INPUT || slot->kind == QN_SLOT_PLACED) && slot->tensor.data) {
            slot->kind = QN_SLOT_KNOWN;
            slot->root = id;
        }
    }
}

static qn_status run_later_stages(qn_session *s, const plan *first, const qn_tensor *inputs, qn_slot **slots) {
    qn_planner p = planner_of(s, s->later);
    p.walk = first->walk;
    uint32_t bound = qn_graph_value_bound(s->graph);
    QN_NEW_ARRAY(s->ctx, s->later, p.slots, bound);
    memcpy(p.slots, first->slots, bound * sizeof *p.slots);
    while (p.walk.depth > 0) {
        qn_stage *grown = qn_arena_grow(s->later, s->later_stages, (size_t)s->n_later, (size_t)s->n_later + 1,
                                        sizeof *grown);
        if (!grown)
            return qn_fail_memory(s->ctx, sizeof *grown, "a plan");
        s->later_stages = grown;
        learn(&p, inputs);
        qn_stage *stage = &s->later_stages[s->n_later++];
        QN_TRY(qn_plan_stage(&p, stage));
        QN_TRY(run_stage(s, stage, inputs));
        s->info.n_nodes += stage->n_steps;
        s->info.buffer_bytes += stage->buffer_bytes;
        s->info.live_bytes += stage->live_bytes;
    }
    *slots = p.slots;
    return QN_OK;
}

static qn_status tensor_of(qn_session *s, const qn_slot *slots, const qn_value *value, const qn_tensor *inputs,
                           qn_tensor *out) {
    const qn_slot *slot = &slots[value->id];
    if (slot->kind == QN_SLOT_NONE && value->constant) {
        qn_planner p = planner_of(s, s->arena);
        return qn_plan_constant(&p, value, out);
    }
    *out = slot->tensor;
    if (slot->kind == QN_SLOT_INPUT)
        out->data = inputs[slot->input].data;
    return QN_OK;
}

static qn_status collect_probes(qn_session *s, qn_graph *graph, const qn_slot *slots, const qn_tensor *inputs) {
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_out; i++) {
            const qn_value *value = node->out[i];
            if (!value || !s->probed[value->id] || slots[value->id].kind == QN_SLOT_NONE)
                continue;
            qn_probe *probe = &s->probes[s->n_probes++];
            *probe = (qn_probe){.name = value->name, .origin = value->origin, .node = qn_node_label(node)};
            QN_TRY(tensor_of(s, slots, value, inputs, &probe->tensor));
        }
    return QN_OK;
}

typedef struct collecting {
    qn_session *session;
    const qn_slot *slots;
    const qn_tensor *inputs;
} collecting;

static qn_status collect_graph(qn_context *ctx, qn_graph *graph, void *arg) {
    (void)ctx;
    collecting *c = arg;
    return collect_probes(c->session, graph, c->slots, c->inputs);
}

qn_status qn_session_run(qn_session *s, const qn_tensor *inputs, int32_t n_inputs, qn_tensor *outputs,
                         int32_t n_outputs) {
    plan *p;
    qn_clear(s->ctx);
    qn_arena_reset(s->scratch);
    drop_later(s);
    s->n_probes = 0;
    s->n_runs++;
    QN_TRY(qn_contract_check(s->ctx, s->scratch, s->graph, inputs, n_inputs));
    if (n_outputs != s->graph->n_outputs)
        return qn_fail(s->ctx, QN_USAGE, "%d outputs, the model gives %d", n_outputs, s->graph->n_outputs);
    QN_TRY(find_plan(s, inputs, &p));
    s->info = (qn_plan_info){p->stage.n_steps, p->stage.buffer_bytes, p->stage.live_bytes, 0};
    QN_TRY(run_stage(s, &p->stage, inputs));
    qn_slot *slots = p->slots;
    if (p->walk.depth > 0)
        QN_TRY(run_later_stages(s, p, inputs, &slots));
    s->info.expanded_bytes = s->expanded_bytes;
    for (int32_t i = 0; i < n_outputs; i++)
        QN_TRY(tensor_of(s, slots, s->graph->outputs[i].value, inputs, &outputs[i]));
    if (!s->has_probes)
        return QN_OK;
    if (!s->probes)
        QN_NEW_ARRAY(s->ctx, s->arena, s->probes, qn_graph_value_bound(s->graph));
    union { const qn_graph *from; qn_graph *to; } graph = {s->graph}; /* the walk does not change it */
    collecting c = {s, slots, inputs};
    return qn_graph_each(s->ctx, graph.to, collect_graph, &c);
}

/* ---- what a run leaves to read -------------------------------------------------------------------- */

int32_t qn_session_probes(const qn_session *s, const qn_probe **probes) {
    *probes = s->probes;
    return s->n_probes;
}

void qn_session_plan_info(const qn_session *s, qn_plan_info *out) { *out = s->info; }

int32_t qn_session_profile(const qn_session *s, const qn_profile_row **rows) {
    int32_t n = 0;
    *rows = s->rows_out;
    if (!s->profile)
        return 0;
    for (uint32_t id = 0; id < qn_graph_node_bound(s->graph); id++)
        if (s->rows[id].calls)
            s->rows_out[n++] = s->rows[id];
    return n;
}
