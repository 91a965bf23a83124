#include "api/tune_quality.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/logits.h"

struct qn_judge {
    const qn_graph *graph;
    const qn_samples *samples;
    int32_t logits;       /* index of an output, or -1 */
    qn_tensor *reference; /* [samples->n][graph->n_outputs], data owned */
    qn_tensor *inputs, *outputs;
};

/* Sums over samples, for one output. */
typedef struct sums {
    double dot, reference, variant, difference;
} sums;

typedef qn_status (*take_fn)(qn_context *ctx, qn_judge *j, int32_t sample, const char *name, void *arg);

/* fn after a run of each sample; its outputs are in j->outputs. */
static qn_status each_sample(qn_context *ctx, qn_judge *j, take_fn fn, void *arg) {
    const qn_graph *graph = j->graph;
    qn_session *session;
    QN_TRY(qn_session_create(ctx, graph, NULL, &session));
    qn_status status = QN_OK;
    for (int32_t i = 0; i < j->samples->n && status == QN_OK; i++) {
        const char *name = "";
        status = qn_check_cancel(ctx);
        if (status == QN_OK)
            status = j->samples->load(ctx, j->samples->user, i, graph, j->inputs, &name);
        if (status == QN_OK) {
            status = qn_session_run(session, j->inputs, graph->n_inputs, j->outputs, graph->n_outputs);
            if (status != QN_OK)
                status = qn_fail_in(ctx, status, "calibration input %s", name);
        }
        if (status == QN_OK)
            status = fn(ctx, j, i, name, arg);
    }
    qn_session_destroy(session);
    return status;
}

static int64_t elements_of(const qn_tensor *t) { return (int64_t)(t->n_bytes / qn_dtype_bytes(t->dtype)); }

/* A float output as float32, in memory of its own; *out NULL: it is not floating point. */
static qn_status widen(qn_context *ctx, const qn_tensor *t, float **out) {
    *out = NULL;
    if (!qn_dtype_is_float(t->dtype))
        return QN_OK;
    const int64_t n = elements_of(t);
    *out = malloc(((size_t)n + 1) * sizeof **out);
    if (!*out)
        return qn_fail_memory(ctx, (size_t)n * sizeof **out, "outputs of calibration inputs");
    const qn_const c = {.dtype = t->dtype, .rank = 1, .dims = {n}, .axis = -1, .part = {{t->data, t->n_bytes}}};
    return qn_const_decode(ctx, &c, 0, n, *out);
}

static qn_status keep(qn_context *ctx, qn_judge *j, int32_t sample, const char *name, void *arg) {
    (void)arg;
    for (int32_t i = 0; i < j->graph->n_outputs; i++) {
        qn_tensor *kept = &j->reference[(size_t)sample * (size_t)j->graph->n_outputs + (size_t)i];
        float *values;
        QN_TRY(widen(ctx, &j->outputs[i], &values));
        *kept = j->outputs[i];
        kept->dtype = QN_F32;
        kept->data = values;
        for (int64_t k = 0; values && k < elements_of(&j->outputs[i]); k++)
            if (!isfinite(values[k]))
                return qn_fail(ctx, QN_UNSUPPORTED, "calibration input %s: output '%s' is not finite: nothing can be compared with it", name,
                               j->graph->outputs[i].name);
    }
    return QN_OK;
}

static qn_status find_logits(qn_context *ctx, qn_judge *j, const char *logits) {
    j->logits = -1;
    for (int32_t i = 0; i < j->graph->n_outputs && j->logits < 0; i++) {
        const qn_tensor *t = &j->reference[i];
        if (logits ? strcmp(logits, j->graph->outputs[i].name) == 0 : t->data && t->rank >= 2)
            j->logits = i;
    }
    if (logits && (j->logits < 0 || !j->reference[j->logits].data || j->reference[j->logits].rank < 1))
        return qn_fail(ctx, QN_USAGE, "the model has no floating point output '%s'", logits);
    return QN_OK;
}

qn_status qn_judge_create(qn_context *ctx, const qn_graph *graph, const qn_samples *samples, const char *logits, qn_judge **out) {
    qn_judge *j = calloc(1, sizeof *j);
    *out = NULL;
    if (j) {
        j->graph = graph;
        j->samples = samples;
        j->reference = calloc((size_t)samples->n * (size_t)graph->n_outputs + 1, sizeof *j->reference);
        j->inputs = calloc((size_t)graph->n_inputs + 1, sizeof *j->inputs);
        j->outputs = calloc((size_t)graph->n_outputs + 1, sizeof *j->outputs);
    }
    qn_status status = j && j->reference && j->inputs && j->outputs ? each_sample(ctx, j, keep, NULL)
                                                                    : qn_fail_memory(ctx, sizeof *j, "calibration inputs");
    if (status == QN_OK)
        status = find_logits(ctx, j, logits);
    if (status == QN_OK)
        *out = j;
    else
        qn_judge_destroy(j);
    return status;
}

void qn_judge_destroy(qn_judge *j) {
    if (!j)
        return;
    for (size_t i = 0; j->reference && i < (size_t)j->samples->n * (size_t)j->graph->n_outputs; i++)
        free(j->reference[i].data);
    free(j->reference);
    free(j->inputs);
    free(j->outputs);
    free(j);
}

bool qn_judge_has_logits(const qn_judge *j) { return j->logits >= 0; }
int32_t qn_judge_samples(const qn_judge *j) { return j->samples->n; }

/* ---- against it ------------------------------------------------------------------------------------------- */

typedef struct verdict {
    sums *outputs; /* [n_outputs] */
    double kl;
    int64_t positions;
    bool broken;   /* something is not finite, or has another shape */
} verdict;

static void add(sums *s, const float *reference, const float *variant, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        const double r = (double)reference[i], v = (double)variant[i];
        s->dot += r * v;
        s->reference += r * r;
        s->variant += v * v;
        s->difference += (r - v) * (r - v);
    }
}

static qn_status take(qn_context *ctx, qn_judge *j, int32_t sample, const char *name, void *arg) {
    verdict *v = arg;
    (void)name;
    for (int32_t i = 0; i < j->graph->n_outputs; i++) {
        const qn_tensor *reference = &j->reference[(size_t)sample * (size_t)j->graph->n_outputs + (size_t)i];
        const float *r = reference->data;
        float *x;
        if (!r)
            continue;
        QN_TRY(widen(ctx, &j->outputs[i], &x));
        int64_t n = elements_of(&j->outputs[i]), classes = reference->rank > 0 ? reference->dims[reference->rank - 1] : 1;
        v->broken = v->broken || !x || j->outputs[i].rank != reference->rank ||
                    memcmp(j->outputs[i].dims, reference->dims, (size_t)reference->rank * sizeof *reference->dims) != 0;
        for (int64_t k = 0; k < n && !v->broken; k++)
            v->broken = !isfinite(x[k]);
        if (!v->broken)
            add(&v->outputs[i], r, x, n);
        for (int64_t row = 0; i == j->logits && !v->broken && classes > 0 && row < n / classes; row++) {
            v->kl += qn_logits_divergence(r + row * classes, x + row * classes, classes);
            v->positions++;
        }
        free(x);
    }
    return QN_OK;
}

static void conclude(const qn_judge *j, const verdict *v, qn_quality *out) {
    *out = (qn_quality){.kl = v->positions ? v->kl / (double)v->positions : NAN, .cosine = 1};
    for (int32_t i = 0; i < j->graph->n_outputs; i++) {
        const sums *s = &v->outputs[i];
        const double norms = sqrt(s->reference) * sqrt(s->variant), noise = s->reference > 0 ? s->difference / s->reference
                                                                            : s->difference > 0 ? INFINITY : 0;
        const double cosine = norms > 0 ? s->dot / norms : s->difference > 0 ? 0 : 1;
        out->cosine = cosine < out->cosine ? cosine : out->cosine;
        out->noise = noise > out->noise ? noise : out->noise;
    }
    if (v->broken)
        *out = (qn_quality){INFINITY, -1, INFINITY};
}

qn_status qn_judge_run(qn_context *ctx, qn_judge *j, qn_quality *out) {
    verdict v = {.outputs = calloc((size_t)j->graph->n_outputs + 1, sizeof *v.outputs)};
    if (!v.outputs)
        return qn_fail_memory(ctx, 0, "a verdict");
    qn_status status = each_sample(ctx, j, take, &v);
    if (status == QN_OK)
        conclude(j, &v, out);
    free(v.outputs);
    return status;
}
