#include "api/model.h"

#include "base/checked.h"
#include "base/dtype.h"
#include "compare/metrics.h"
#include "run/session.h"

#include <stdlib.h>

struct qn_runner {
    qn_session *session;
};

qn_status qn_runner_create(qn_context *ctx, const qn_model *model, const qn_runner_options *options, qn_runner **out) {
    *out = NULL;
    qn_clear(ctx);
    qn_runner *runner = calloc(1, sizeof *runner);
    if (!runner)
        return qn_fail_memory(ctx, sizeof *runner, "a runner");
    qn_session_options session = {0};
    if (options) {
        session.reference = options->reference;
        session.probes = options->probes;
        session.n_probes = options->n_probes;
        session.profile = options->profile;
    }
    qn_status status = qn_session_create(ctx, model->graph, &session, &runner->session);
    if (status != QN_OK) {
        free(runner);
        return status;
    }
    *out = runner;
    return QN_OK;
}

void qn_runner_destroy(qn_runner *runner) {
    if (!runner)
        return;
    qn_session_destroy(runner->session);
    free(runner);
}

qn_status qn_runner_run(qn_runner *runner, const qn_tensor *inputs, int32_t n_inputs, qn_tensor *outputs,
                        int32_t n_outputs) {
    return qn_session_run(runner->session, inputs, n_inputs, outputs, n_outputs);
}

qn_runner_info qn_runner_last_run(const qn_runner *runner) {
    qn_plan_info info;
    qn_session_plan_info(runner->session, &info);
    return (qn_runner_info){info.n_nodes, info.buffer_bytes, info.live_bytes, info.expanded_bytes};
}

int32_t qn_runner_n_probes(const qn_runner *runner) {
    const qn_probe *probes;
    return qn_session_probes(runner->session, &probes);
}

qn_probe_info qn_runner_probe(const qn_runner *runner, int32_t index) {
    const qn_probe *probes;
    (void)qn_session_probes(runner->session, &probes);
    return (qn_probe_info){probes[index].name, probes[index].origin, probes[index].node, probes[index].tensor};
}

int32_t qn_runner_profile(const qn_runner *runner, qn_profile_info *rows, int32_t n) {
    const qn_profile_row *from;
    int32_t have = qn_session_profile(runner->session, &from);
    for (int32_t i = 0; i < have && i < n; i++)
        rows[i] = (qn_profile_info){.node = from[i].node, .op = from[i].op, .kernel = from[i].kernel, .calls = from[i].calls,
                                    .seconds = from[i].seconds, .flops = from[i].flops, .bytes = from[i].bytes,
                                    .arithmetic = from[i].arithmetic};
    return have;
}

qn_status qn_tensor_compare(qn_context *ctx, const qn_tensor *r, const qn_tensor *v, const qn_compare_options *options,
                            qn_comparison *out) {
    qn_metrics m;
    qn_clear(ctx);
    const qn_compare_options none = {0};
    const qn_compare_options *o = options ? options : &none;
    QN_TRY(qn_metrics_compute(ctx, r, v, o->mask, o->rtol, o->atol, &m));
    *out = (qn_comparison){.n = m.n, .max_abs = m.max_abs, .max_rel = m.max_rel, .rmse = m.rmse, .sqnr_db = m.sqnr_db,
                           .cosine = m.cosine, .ref_max = m.ref_max, .n_mismatch = m.n_mismatch,
                           .first_bad = m.first_bad};
    return QN_OK;
}

qn_status qn_tensor_to_f64(qn_context *ctx, const qn_tensor *tensor, double *out) {
    int64_t n;
    qn_clear(ctx);
    if (!qn_count_elems(tensor->dims, tensor->rank, &n) || !qn_dtype_row(tensor->dtype))
        return qn_fail(ctx, QN_USAGE, "a tensor without a dtype or with negative dimensions");
    for (int64_t i = 0; i < n; i++)
        out[i] = qn_tensor_element(tensor, i);
    return QN_OK;
}
