#include "passes/ranges.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "run/session.h"
#include "run/step.h"

/* ---- one value ----------------------------------------------------------------------------------- */

/** Magnitudes as bits: those of a float32 without its sign have the order of the numbers. */
enum { INFINITE = 0x7f800000 };

static uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void merge(qn_ranges *r, uint32_t id, float max_abs, int64_t n_not_finite, bool seen) {
    if (max_abs > r->max_abs[id])
        r->max_abs[id] = max_abs;
    r->n_not_finite[id] += n_not_finite;
    r->seen[id] = r->seen[id] || seen;
}

static void observe(void *user, const qn_value *value, const qn_tensor *t) {
    qn_ranges *r = user;
    if (t->dtype != QN_F32 || value->id >= r->n_values || !t->data)
        return;
    const uint32_t fill = float_bits(1e30f);
    const float *x = t->data;
    const int64_t n = (int64_t)(t->n_bytes / sizeof *x);
    uint32_t largest = 0;
    int64_t n_finite = 0, n_not_finite = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t magnitude = float_bits(x[i]) & 0x7fffffff, counted = magnitude < fill ? magnitude : 0;
        largest = counted > largest ? counted : largest;
        n_finite += magnitude < fill;
        n_not_finite += magnitude >= INFINITE;
    }
    merge(r, value->id, bits_float(largest), n_not_finite, n_finite > 0);
}

/* ---- what is not told of by a run ------------------------------------------------------------------- */

static void take(qn_ranges *r, const qn_value *to, const qn_value *from) {
    if (to && from && to->type.dtype == QN_F32 && to->id < r->n_values && from->id < r->n_values && r->seen[from->id])
        merge(r, to->id, r->max_abs[from->id], 0, true);
}

/** Views have the range of what they show, an If that of its branches. Nodes are in topological order. */
static void follow(qn_ranges *r, const qn_graph *graph, int depth) {
    enum { MAX_DEPTH = 64 };
    for (const qn_node *node = graph->first; node && depth < MAX_DEPTH; node = node->next) {
        if (qn_plan_is_view(node->op) && node->n_in > 0 && node->n_out > 0)
            take(r, node->out[0], node->in[0]);
        for (int32_t i = 0; i < node->n_attrs; i++) {
            const qn_graph *branch = node->attrs[i].kind == QN_ATTR_GRAPH ? node->attrs[i].as.graph : NULL;
            if (!branch)
                continue;
            follow(r, branch, depth + 1);
            for (int32_t k = 0; k < node->n_out && k < branch->n_outputs; k++)
                take(r, node->out[k], branch->outputs[k].value);
        }
    }
}

/* ---- samples -------------------------------------------------------------------------------------------- */

static qn_status run_sample(qn_pass_run *run, qn_session *session, int32_t index, qn_tensor *inputs, qn_tensor *outputs,
                            qn_ranges *r) {
    const qn_samples *samples = run->options->samples;
    const qn_graph *graph = run->graph;
    const char *name = NULL;
    QN_TRY(qn_check_cancel(run->ctx));
    QN_TRY(samples->load(run->ctx, samples->user, index, graph, inputs, &name));
    qn_log(run->ctx, QN_LOG_INFO, "calibration: %s (%" PRId32 " of %" PRId32 ")", name, index + 1, samples->n);
    qn_status status = qn_session_run(session, inputs, graph->n_inputs, outputs, graph->n_outputs);
    if (status != QN_OK)
        return qn_fail_in(run->ctx, status, "calibration input %s", name);
    for (int32_t i = 0; i < graph->n_inputs; i++)
        observe(r, graph->inputs[i].value, &inputs[i]);
    return QN_OK;
}

static qn_status run_samples(qn_pass_run *run, qn_session *session, qn_ranges *r) {
    qn_tensor *inputs, *outputs;
    QN_NEW_ARRAY(run->ctx, run->scratch, inputs, run->graph->n_inputs + 1);
    QN_NEW_ARRAY(run->ctx, run->scratch, outputs, run->graph->n_outputs + 1);
    for (int32_t i = 0; i < run->options->samples->n; i++)
        QN_TRY(run_sample(run, session, i, inputs, outputs, r));
    return QN_OK;
}

/** An output that is not finite in float32 already says that the sample, or the model, is broken. */
static void tell_not_finite(const qn_pass_run *run, const qn_ranges *r) {
    for (int32_t i = 0; i < run->graph->n_outputs; i++) {
        const qn_port *port = &run->graph->outputs[i];
        if (port->value->id < r->n_values && r->n_not_finite[port->value->id])
            qn_log(run->ctx, QN_LOG_WARN, "calibration: output '%s' has %" PRId64 " elements that are not finite in float32",
                   port->name, r->n_not_finite[port->value->id]);
    }
}

qn_status qn_ranges_observe(qn_pass_run *run, qn_ranges *r) {
    qn_session *session;
    r->n_values = qn_graph_value_bound(run->graph);
    QN_NEW_ARRAY(run->ctx, run->scratch, r->max_abs, r->n_values);
    QN_NEW_ARRAY(run->ctx, run->scratch, r->seen, r->n_values);
    QN_NEW_ARRAY(run->ctx, run->scratch, r->n_not_finite, r->n_values);
    const qn_session_options options = {.observe = observe, .observe_user = r};
    QN_TRY(qn_session_create(run->ctx, run->graph, &options, &session));
    qn_status status = run_samples(run, session, r);
    qn_session_destroy(session);
    QN_TRY(status);
    follow(r, run->graph, 0);
    tell_not_finite(run, r);
    return QN_OK;
}

/* ---- what they say ------------------------------------------------------------------------------------------ */

static bool observed(const qn_ranges *r, const qn_value *v) {
    return r && v && !v->constant && v->type.dtype == QN_F32 && v->id < r->n_values && r->seen[v->id];
}

qn_fit qn_ranges_fit(const qn_ranges *r, const qn_value *v) {
    if (!observed(r, v))
        return QN_FITS;
    const double x = (double)r->max_abs[v->id];
    return x > QN_RANGES_LARGEST ? QN_TOO_LARGE : x > 0 && x < QN_RANGES_SMALLEST ? QN_TOO_SMALL : QN_FITS;
}

/** Too large is worse than too small, that worse than fitting; of equal fits the largest magnitude counts. */
static void look(const qn_ranges *r, const qn_value *v, qn_fit *worst, double *max_abs) {
    static const int order[] = {[QN_FITS] = 0, [QN_TOO_SMALL] = 1, [QN_TOO_LARGE] = 2};
    const qn_fit fit = qn_ranges_fit(r, v);
    if (!observed(r, v) || order[fit] < order[*worst])
        return;
    const double x = (double)r->max_abs[v->id];
    if (isnan(*max_abs) || order[fit] > order[*worst] || x > *max_abs)
        *max_abs = x;
    *worst = fit;
}

qn_fit qn_ranges_node_fit(const qn_ranges *r, const qn_node *node, double *max_abs) {
    qn_fit worst = QN_FITS;
    double x = (double)NAN;
    for (int32_t i = 0; i < node->n_in; i++)
        look(r, node->in[i], &worst, &x);
    for (int32_t i = 0; i < node->n_out; i++)
        look(r, node->out[i], &worst, &x);
    if (max_abs)
        *max_abs = x;
    return worst;
}
