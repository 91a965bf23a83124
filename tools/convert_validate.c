/* convert --validate: is the package what the source is? */
#include "tools/convert.h"

#include <stdlib.h>

/* A model that ran. */
typedef struct ran {
    qn_model *model;
    qn_runner *runner;
    qn_tensor *outputs;
} ran;

static qn_status run_once(qn_context *ctx, const char *path, const qn_tensor *inputs, int n, ran *out) {
    qn_status status = qn_model_load(ctx, path, NULL, &out->model);
    if (status == QN_OK)
        status = qn_runner_create(ctx, out->model, NULL, &out->runner);
    if (status != QN_OK)
        return status;
    const int n_outputs = qn_model_n_outputs(out->model);
    out->outputs = calloc((size_t)n_outputs + 1, sizeof *out->outputs);
    if (!out->outputs)
        return (qn_status)(cli_usage("out of memory"), QN_SYSTEM);
    return qn_runner_run(out->runner, inputs, n, out->outputs, n_outputs);
}

static qn_status run_both(qn_context *ctx, const char *const paths[2], const convert_plan *plan, ran both[2]) {
    const qn_load_options load = {.dims = plan->dims, .n_dims = plan->n_dims};
    qn_model *shaped = NULL; /* the source with the dimensions of the package: they shape the inputs */
    qn_status status = qn_model_load(ctx, paths[0], &load, &shaped);
    const int n = status == QN_OK ? qn_model_n_inputs(shaped) : 0;
    qn_tensor *inputs = calloc((size_t)n + 1, sizeof *inputs);
    if (!inputs)
        status = (qn_status)(cli_usage("out of memory"), QN_SYSTEM);
    if (status == QN_OK)
        status = qn_model_random_inputs(ctx, shaped, 1, NULL, 0, inputs);
    for (int i = 0; i < 2 && status == QN_OK; i++)
        status = run_once(ctx, paths[i], inputs, n, &both[i]);
    qn_model_destroy(shaped);
    free(inputs);
    return status;
}

static json_t *json_row(const compare_row *row) {
    const qn_comparison *c = &row->numbers;
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(row->name));
    json_object_set_new(o, "max_abs", cli_json_real(c->max_abs));
    json_object_set_new(o, "max_rel", cli_json_real(c->max_rel));
    json_object_set_new(o, "rmse", cli_json_real(c->rmse));
    json_object_set_new(o, "sqnr_db", cli_json_real(c->sqnr_db));
    json_object_set_new(o, "cosine", cli_json_real(c->cosine));
    json_object_set_new(o, "pass", json_boolean(row->pass));
    json_object_set_new(o, "why", json_string(row->why));
    return o;
}

qn_status convert_validate(qn_context *ctx, const cli_args *args, const convert_plan *plan, json_t *report) {
    const char *const paths[2] = {cli_operand(args, 0), cli_string(args, "output", "")};
    ran both[2] = {{NULL, NULL, NULL}, {NULL, NULL, NULL}};
    json_t *rows = json_array();
    bool pass = true;
    qn_status status = run_both(ctx, paths, plan, both);
    cli_progress_end();
    const int n = status == QN_OK ? qn_model_n_outputs(both[1].model) : 0;
    for (int i = 0; i < n && status == QN_OK; i++) {
        compare_row row = {.name = qn_model_output(both[1].model, i).name};
        status = qn_tensor_compare(ctx, &both[0].outputs[i], &both[1].outputs[i], NULL, &row.numbers);
        if (status != QN_OK)
            break;
        compare_judge(&row, &plan->bounds);
        json_array_append_new(rows, json_row(&row));
        if (!report && !cli_flag(args, "quiet"))
            printf("validated %s: cosine %.8f, SQNR %.1f dB, max_rel %.3g\n", row.name, row.numbers.cosine,
                   row.numbers.sqnr_db, row.numbers.max_rel);
        if (!row.pass)
            fprintf(stderr, "quern: %s: output '%s' against the source: %s\n", paths[1], row.name, row.why);
        pass = pass && row.pass;
    }
    if (report)
        json_object_set(report, "validation", rows);
    json_decref(rows);
    const int code = status == QN_OK ? (int)(pass ? QN_OK : QN_BOUND) : cli_fail(ctx, status);
    for (int i = 0; i < 2; i++) {
        qn_runner_destroy(both[i].runner);
        qn_model_destroy(both[i].model);
        free(both[i].outputs);
    }
    return (qn_status)code;
}
