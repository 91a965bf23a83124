/* Running one side of a comparison, and holding the two against each other. */
#include "tools/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct named {
    const char *name, *node;
    qn_tensor tensor;
} named;

struct compare_run {
    qn_model *model;
    qn_runner *runner;
    qn_tensor *outputs;
    named *out, *layers;
    int n_out, n_layers;
    double load_ms, ms;
    cli_inputs inputs; /* made for this run */
};

void compare_run_free(compare_run *run) {
    if (!run)
        return;
    qn_runner_destroy(run->runner);
    cli_inputs_free(&run->inputs);
    qn_model_destroy(run->model);
    free(run->outputs);
    free(run->out);
    free(run->layers);
    free(run);
}

double compare_run_ms(const compare_run *run) { return run->ms; }
double compare_load_ms(const compare_run *run) { return run->load_ms; }
double compare_bytes(const compare_run *run) {
    return run->model ? (double)qn_model_source(run->model).file_bytes : 0;
}

/* ---- a model ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) { return strcmp(((const named *)a)->name, ((const named *)b)->name); }

static qn_status collect(compare_run *run) {
    run->n_out = qn_model_n_outputs(run->model);
    run->out = calloc((size_t)run->n_out + 1, sizeof *run->out);
    int n = qn_runner_n_probes(run->runner);
    run->layers = calloc((size_t)n + 1, sizeof *run->layers);
    if (!run->out || !run->layers)
        return QN_SYSTEM;
    for (int i = 0; i < run->n_out; i++)
        run->out[i] = (named){qn_model_output(run->model, i).name, NULL, run->outputs[i]};
    for (int i = 0; i < n; i++) {
        qn_probe_info probe = qn_runner_probe(run->runner, i);
        if (probe.origin)
            run->layers[run->n_layers++] = (named){probe.origin, probe.node, probe.tensor};
    }
    return QN_OK;
}

/* The inputs made for another operand, in this model's order. */
static qn_status match_inputs(const cli_args *args, const qn_model *model, const char *path, const cli_inputs *made,
                              const qn_model *made_for, qn_tensor *out) {
    for (int i = 0; i < qn_model_n_inputs(model); i++) {
        const char *name = qn_model_input(model, i).name;
        int found = -1;
        for (int k = 0; k < made->n; k++)
            if (strcmp(qn_model_input(made_for, k).name, name) == 0)
                found = k;
        if (found < 0) {
            cli_usage("%s: %s: the reference has no input '%s'", cli_command(args)->name, path, name);
            return QN_USAGE;
        }
        out[i] = made->tensors[found];
    }
    return QN_OK;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median of `n` runs after the one that planned. */
static qn_status time_runs(compare_run *run, const qn_tensor *inputs, long n) {
    double *ms = calloc((size_t)n, sizeof *ms);
    qn_status status = ms ? QN_OK : QN_SYSTEM;
    for (long i = 0; i < n && status == QN_OK; i++) {
        double start = cli_now();
        status = qn_runner_run(run->runner, inputs, qn_model_n_inputs(run->model), run->outputs,
                               qn_model_n_outputs(run->model));
        ms[i] = 1e3 * (cli_now() - start);
    }
    if (status == QN_OK) {
        qsort(ms, (size_t)n, sizeof *ms, by_value);
        run->ms = ms[n / 2];
    }
    free(ms);
    return status;
}

static qn_status run_it(qn_context *ctx, compare_run *run, const qn_tensor *inputs, bool layers, long runs) {
    static const char *const everything[] = {"*"};
    qn_runner_options options = {.probes = everything, .n_probes = layers ? 1 : 0};
    run->outputs = calloc((size_t)qn_model_n_outputs(run->model) + 1, sizeof *run->outputs);
    qn_status status = run->outputs ? qn_runner_create(ctx, run->model, &options, &run->runner) : QN_SYSTEM;
    double start = cli_now();
    if (status == QN_OK)
        status = qn_runner_run(run->runner, inputs, qn_model_n_inputs(run->model), run->outputs,
                               qn_model_n_outputs(run->model));
    run->ms = 1e3 * (cli_now() - start);
    if (status == QN_OK && runs > 0)
        status = time_runs(run, inputs, runs);
    return status == QN_OK ? collect(run) : status;
}

qn_status compare_run_model(qn_context *ctx, const cli_args *args, const char *path, const qn_arrays *golden,
                            const compare_run *like, bool layers, compare_run **out) {
    compare_run *run = *out = calloc(1, sizeof *run);
    if (!run)
        return (qn_status)cli_usage("out of memory");
    long runs = 0;
    if (!cli_int(args, "runs", 1, 100000, &runs))
        return QN_USAGE;
    double start = cli_now();
    qn_status status = qn_model_load(ctx, path, NULL, &run->model);
    run->load_ms = 1e3 * (cli_now() - start);
    if (status != QN_OK)
        return (qn_status)cli_fail(ctx, status);
    qn_tensor *inputs = NULL;
    if (!like) {
        status = cli_inputs_load(ctx, args, run->model, golden, &run->inputs);
    } else {
        inputs = calloc((size_t)qn_model_n_inputs(run->model) + 1, sizeof *inputs);
        status = inputs ? match_inputs(args, run->model, path, &like->inputs, like->model, inputs) : QN_SYSTEM;
    }
    if (status == QN_OK) {
        status = run_it(ctx, run, like ? inputs : run->inputs.tensors, layers, runs);
        if (status != QN_OK) {
            fprintf(stderr, "quern: %s: %s\n", path, qn_context_message(ctx));
        }
    }
    free(inputs);
    return status;
}

qn_status compare_run_golden(const qn_arrays *golden, compare_run **out) {
    compare_run *run = *out = calloc(1, sizeof *run);
    int n = qn_arrays_count(golden);
    if (run) {
        run->out = calloc((size_t)n + 1, sizeof *run->out);
        run->layers = calloc((size_t)n + 1, sizeof *run->layers);
    }
    if (!run || !run->out || !run->layers)
        return (qn_status)cli_usage("out of memory");
    for (int i = 0; i < n; i++) {
        const char *name = qn_arrays_name(golden, i);
        named entry = {NULL, NULL, *qn_arrays_tensor(golden, i)};
        if (strncmp(name, "out.", 4) == 0) {
            entry.name = name + 4;
            run->out[run->n_out++] = entry;
        } else if (strncmp(name, "mid.", 4) == 0) {
            entry.name = name + 4;
            run->layers[run->n_layers++] = entry;
        }
    }
    return QN_OK;
}

/* ---- two runs ------------------------------------------------------------------------------------- */

void compare_broke(compare_row *row, const char *what, double value, const char *relation, double bound) {
    if (row->pass)
        snprintf(row->why, sizeof row->why, "%s %.6g, bound %s %.6g", what, value, relation, bound);
    row->pass = false;
}

void compare_judge(compare_row *row, const compare_bounds *b) {
    const qn_comparison *c = &row->numbers;
    row->pass = true;
    if (c->first_bad >= 0)
        compare_broke(row, "NaN or infinity at element", (double)c->first_bad, "is", -1);
    if (!isnan(b->min_cosine) && c->cosine < b->min_cosine)
        compare_broke(row, "cosine", c->cosine, ">=", b->min_cosine);
    if (!isnan(b->min_sqnr) && c->sqnr_db < b->min_sqnr)
        compare_broke(row, "SQNR dB", c->sqnr_db, ">=", b->min_sqnr);
    if (!isnan(b->max_abs) && c->max_abs > b->max_abs)
        compare_broke(row, "max_abs", c->max_abs, "<=", b->max_abs);
    if (!isnan(b->max_rel) && c->max_rel > b->max_rel)
        compare_broke(row, "max_rel", c->max_rel, "<=", b->max_rel);
    if ((!isnan(b->rtol) || !isnan(b->atol)) && c->n_mismatch > 0)
        compare_broke(row, "elements outside atol + rtol|r|", (double)c->n_mismatch, "is", 0);
}

/* One byte an element of t from a mask over its leading dimensions; NULL when the mask does not fit or is not given. */
static uint8_t *spread_mask(qn_context *ctx, const qn_tensor *mask, const qn_tensor *t) {
    if (!mask || mask->rank > t->rank || memcmp(mask->dims, t->dims, sizeof(int64_t) * (size_t)mask->rank) != 0)
        return NULL;
    size_t n = t->n_bytes / qn_dtype_bytes(t->dtype), m = mask->n_bytes / qn_dtype_bytes(mask->dtype);
    double *values = malloc((m + 1) * sizeof *values);
    uint8_t *bytes = malloc(n + 1);
    if (m && values && bytes && qn_tensor_to_f64(ctx, mask, values) == QN_OK)
        for (size_t i = 0; i < n; i++)
            bytes[i] = values[i / (n / m)] != 0;
    free(values);
    return bytes;
}

static qn_status compare_one(qn_context *ctx, const compare_bounds *b, const qn_tensor *mask, const compare_logits *logits,
                             const named *r, const named *v, bool *done, compare_row *row) {
    uint8_t *bytes = spread_mask(ctx, mask, &r->tensor);
    qn_compare_options options = {.rtol = isnan(b->rtol) ? 0 : b->rtol, .atol = isnan(b->atol) ? 0 : b->atol,
                                  .mask = bytes};
    *row = (compare_row){.name = r->name, .node = v->node};
    qn_status status = qn_tensor_compare(ctx, &r->tensor, &v->tensor, &options, &row->numbers);
    if (status == QN_OK)
        compare_judge(row, b);
    if (status == QN_OK && logits)
        status = compare_logits_row(ctx, logits, b, &r->tensor, &v->tensor, bytes, done, row);
    free(bytes);
    return status;
}

static const named *find_sorted(const named *list, int n, const char *name) {
    named key = {name, NULL, {0}};
    return n ? bsearch(&key, list, (size_t)n, sizeof *list, by_name) : NULL;
}

/* Views of one value come under one source name. */
static bool has_row(const compare_row *rows, int n, const char *name) {
    for (int i = n - 1; i >= 0; i--)
        if (strcmp(rows[i].name, name) == 0)
            return true;
    return false;
}

static qn_status compare_layers(qn_context *ctx, const compare_run *reference, const compare_run *variant,
                                compare_variant *out) {
    const compare_bounds none = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    named *sorted = calloc((size_t)reference->n_layers + 1, sizeof *sorted);
    out->layers = calloc((size_t)variant->n_layers + 1, sizeof *out->layers);
    if (!sorted || !out->layers) {
        free(sorted);
        return (qn_status)cli_usage("out of memory");
    }
    if (reference->n_layers)
        memcpy(sorted, reference->layers, (size_t)reference->n_layers * sizeof *sorted);
    qsort(sorted, (size_t)reference->n_layers, sizeof *sorted, by_name);
    for (int i = 0; i < variant->n_layers; i++) {
        const named *r = find_sorted(sorted, reference->n_layers, variant->layers[i].name);
        /* A view of the same value may come under another shape; only what can be compared is. */
        if (r && !has_row(out->layers, out->n_layers, r->name) &&
            compare_one(ctx, &none, NULL, NULL, r, &variant->layers[i], NULL, &out->layers[out->n_layers]) == QN_OK)
            out->n_layers++;
    }
    free(sorted);
    return QN_OK;
}

qn_status compare_runs(qn_context *ctx, const cli_args *args, const compare_run *reference, const compare_run *variant,
                       const qn_tensor *mask, const compare_bounds *bounds, const compare_logits *logits, compare_variant *out) {
    bool done = false;
    out->outputs = calloc((size_t)variant->n_out + 1, sizeof *out->outputs);
    out->pass = true;
    out->run_ms = variant->ms;
    out->load_ms = variant->load_ms;
    if (!out->outputs)
        return (qn_status)cli_usage("out of memory");
    for (int i = 0; i < variant->n_out; i++) {
        const named *r = NULL;
        char positional[32];
        snprintf(positional, sizeof positional, "#%d", i);
        for (int k = 0; k < reference->n_out; k++)
            if (strcmp(reference->out[k].name, variant->out[i].name) == 0 ||
                strcmp(reference->out[k].name, positional) == 0)
                r = &reference->out[k];
        if (!r)
            continue;
        compare_row *row = &out->outputs[out->n_outputs];
        qn_status status = compare_one(ctx, bounds, mask, logits, r, &variant->out[i], &done, row);
        if (status != QN_OK) {
            fprintf(stderr, "quern: %s: output '%s': %s\n", out->file, variant->out[i].name, qn_context_message(ctx));
            return status;
        }
        row->name = variant->out[i].name;
        out->pass = out->pass && row->pass;
        out->n_outputs++;
    }
    if (!out->n_outputs) {
        cli_usage("%s: %s has no output in common with the reference", cli_command(args)->name, out->file);
        return QN_USAGE;
    }
    return cli_flag(args, "layers") ? compare_layers(ctx, reference, variant, out) : QN_OK;
}

/* ---- names -------------------------------------------------------------------------------------------- */

static bool keep(compare_variant *v, const char **name) {
    if (!*name)
        return true;
    char *copy = strdup(*name);
    *name = copy;
    if (copy)
        v->names[v->n_names++] = copy;
    return copy != NULL;
}

qn_status compare_keep_names(compare_variant *v) {
    bool good = true;
    v->names = calloc(2 * (size_t)(v->n_outputs + v->n_layers) + 1, sizeof *v->names);
    if (!v->names)
        return (qn_status)cli_usage("out of memory");
    for (int i = 0; i < v->n_outputs && good; i++)
        good = keep(v, &v->outputs[i].name) && keep(v, &v->outputs[i].node);
    for (int i = 0; i < v->n_layers && good; i++)
        good = keep(v, &v->layers[i].name) && keep(v, &v->layers[i].node);
    return good ? QN_OK : (qn_status)cli_usage("out of memory");
}

void compare_variant_free(compare_variant *v) {
    for (int i = 0; i < v->n_names; i++)
        free(v->names[i]);
    free(v->names);
    free(v->outputs);
    free(v->layers);
}
