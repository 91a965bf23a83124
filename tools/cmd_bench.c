/* bench: each model in a process of its own, so that peak memory is that model's. */
#include "tools/profile.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What measuring the machine takes, beside a profile. */
static const double g_roofline_seconds = 0.25;

typedef struct figures {
    double load_ms, first_ms, median, min, max, p95, throughput;
    double bytes, peak_rss, buffer_bytes, live_bytes, expanded_bytes;
    int threads, runs;
} figures;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void summarise(double *ms, int n, figures *f) {
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    f->runs = n;
    f->min = ms[0];
    f->max = ms[n - 1];
    f->median = n % 2 ? ms[n / 2] : 0.5 * (ms[n / 2 - 1] + ms[n / 2]);
    f->p95 = ms[(int)ceil(0.95 * n) - 1];
    f->throughput = 1e3 / f->median;
}

/* ---- in the child -------------------------------------------------------------------------------- */

/* After the runs, so that the memory which it takes is not in their peak. */
static qn_status add_profile(qn_context *ctx, const qn_runner *runner, int runs, json_t *row) {
    qn_roofline roofline;
    qn_status status = qn_roofline_measure(ctx, g_roofline_seconds, &roofline);
    if (status != QN_OK)
        return (qn_status)cli_fail(ctx, status);
    json_object_set_new(row, "profile", profile_rows(runner, runs, &roofline));
    json_object_set_new(row, "roofline", profile_roofline(&roofline));
    return QN_OK;
}

static json_t *to_json(const char *path, const figures *f, const qn_model *model, const cli_inputs *inputs) {
    json_t *row = json_object(), *shapes = json_object();
    for (int i = 0; i < inputs->n; i++)
        json_object_set_new(shapes, qn_model_input(model, i).name, cli_json_shape(&inputs->tensors[i]));
    json_object_set_new(row, "file", json_string(path));
    json_object_set_new(row, "bytes", json_integer((json_int_t)f->bytes));
    json_object_set_new(row, "threads", json_integer(f->threads));
    json_object_set_new(row, "runs", json_integer(f->runs));
    json_object_set_new(row, "inputs", shapes);
    json_object_set_new(row, "load_ms", json_real(f->load_ms));
    json_object_set_new(row, "first_run_ms", json_real(f->first_ms));
    json_object_set_new(row, "latency_ms", json_pack("{s:f, s:f, s:f, s:f}", "median", f->median, "min", f->min, "p95",
                                                     f->p95, "max", f->max));
    json_object_set_new(row, "runs_per_second", json_real(f->throughput));
    json_object_set_new(row, "peak_rss_bytes", json_integer((json_int_t)f->peak_rss));
    json_object_set_new(row, "buffer_bytes", json_integer((json_int_t)f->buffer_bytes));
    json_object_set_new(row, "live_bytes", json_integer((json_int_t)f->live_bytes));
    json_object_set_new(row, "expanded_bytes", json_integer((json_int_t)f->expanded_bytes));
    return row;
}

static qn_status time_runs(qn_runner *runner, const cli_inputs *inputs, qn_tensor *outputs, int n_out, long runs,
                           figures *f) {
    double *ms = calloc((size_t)runs, sizeof *ms);
    qn_status status = ms ? QN_OK : QN_SYSTEM;
    double start = cli_now();
    if (status == QN_OK)
        status = qn_runner_run(runner, inputs->tensors, inputs->n, outputs, n_out);
    f->first_ms = 1e3 * (cli_now() - start);
    for (long i = 0; i < runs && status == QN_OK; i++) {
        start = cli_now();
        status = qn_runner_run(runner, inputs->tensors, inputs->n, outputs, n_out);
        ms[i] = 1e3 * (cli_now() - start);
    }
    if (status == QN_OK)
        summarise(ms, (int)runs, f);
    free(ms);
    return status;
}

static qn_status measure(qn_context *ctx, const cli_args *args, const char *path, json_t **out) {
    figures f = {0};
    qn_model *model = NULL;
    qn_runner *runner = NULL;
    cli_inputs inputs = {0};
    long runs = 5, threads = 0;
    struct rusage usage;
    if (!cli_int(args, "runs", 1, 100000, &runs) || !cli_int(args, "threads", 1, 256, &threads))
        return QN_USAGE;
    f.threads = qn_context_threads(ctx);
    double start = cli_now();
    qn_status status = qn_model_load(ctx, path, NULL, &model);
    f.load_ms = 1e3 * (cli_now() - start);
    if (status != QN_OK)
        return (qn_status)cli_fail(ctx, status);
    status = cli_inputs_load(ctx, args, model, NULL, &inputs);
    int n_out = qn_model_n_outputs(model);
    qn_tensor *outputs = calloc((size_t)n_out + 1, sizeof *outputs);
    qn_runner_options options = {.profile = cli_flag(args, "profile")};
    if (status == QN_OK) {
        status = outputs ? qn_runner_create(ctx, model, &options, &runner) : QN_SYSTEM;
        if (status == QN_OK)
            status = time_runs(runner, &inputs, outputs, n_out, runs, &f);
        if (status != QN_OK) {
            fprintf(stderr, "quern: %s: %s\n", path, qn_context_message(ctx));
        } else {
            qn_runner_info info = qn_runner_last_run(runner);
            getrusage(RUSAGE_SELF, &usage);
            f.peak_rss = 1024.0 * (double)usage.ru_maxrss;
            f.bytes = (double)qn_model_source(model).file_bytes;
            f.buffer_bytes = (double)info.buffer_bytes;
            f.live_bytes = (double)info.live_bytes;
            f.expanded_bytes = (double)info.expanded_bytes;
            *out = to_json(path, &f, model, &inputs);
            if (options.profile)
                status = add_profile(ctx, runner, (int)runs + 1, *out);
        }
    }
    qn_runner_destroy(runner);
    cli_inputs_free(&inputs);
    free(outputs);
    qn_model_destroy(model);
    return status;
}

/* ---- in the parent --------------------------------------------------------------------------------- */

static int in_child(const cli_args *args, const char *path, json_t **out) {
    int ends[2];
    *out = NULL;
    fflush(stdout);
    if (pipe(ends) != 0) {
        fprintf(stderr, "quern: cannot make a pipe: %s\n", strerror(errno));
        return QN_SYSTEM;
    }
    pid_t child = fork();
    if (child < 0) {
        fprintf(stderr, "quern: cannot start a process: %s\n", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return QN_SYSTEM;
    }
    if (child == 0) {
        close(ends[0]);
        qn_context *ctx = cli_context(args);
        json_t *row = NULL;
        int code = ctx ? (int)measure(ctx, args, path, &row) : QN_USAGE;
        if (row && json_dumpfd(row, ends[1], 0) != 0)
            code = QN_SYSTEM;
        json_decref(row);
        qn_context_destroy(ctx);
        close(ends[1]);
        _exit(code);
    }
    close(ends[1]);
    *out = json_loadfd(ends[0], 0, NULL);
    close(ends[0]);
    int state = 0;
    while (waitpid(child, &state, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(state)) {
        fprintf(stderr, "quern: %s: ended by signal %d\n", path, WTERMSIG(state));
        return QN_SYSTEM;
    }
    return WEXITSTATUS(state);
}

static double real(const json_t *row, const char *key) { return json_number_value(json_object_get(row, key)); }

static void print_row(const json_t *row, int width) {
    const json_t *latency = json_object_get(row, "latency_ms");
    char bytes[32], peak[32];
    printf("%-*s %9s %9.1f %10.2f %10.2f %10.2f %9.2f %9s\n", width, json_string_value(json_object_get(row, "file")),
           cli_bytes_text(real(row, "bytes"), bytes), real(row, "load_ms"), real(latency, "median"),
           real(latency, "min"), real(latency, "p95"), real(row, "runs_per_second"),
           cli_bytes_text(real(row, "peak_rss_bytes"), peak));
    if (json_object_get(row, "profile"))
        profile_print(json_object_get(row, "profile"), json_object_get(row, "roofline"));
}

static int run(const cli_args *args) {
    json_t *rows = json_array(), *top = json_object();
    int code = QN_OK, width = 8;
    for (int i = 0; i < cli_n_operands(args); i++)
        width = (int)strlen(cli_operand(args, i)) > width ? (int)strlen(cli_operand(args, i)) : width;
    if (!cli_flag(args, "json"))
        printf("%-*s %9s %9s %10s %10s %10s %9s %9s\n", width, "file", "bytes", "load ms", "median ms", "min ms",
               "p95 ms", "runs/s", "peak");
    for (int i = 0; i < cli_n_operands(args) && code == QN_OK; i++) {
        json_t *row;
        code = in_child(args, cli_operand(args, i), &row);
        if (row && !cli_flag(args, "json"))
            print_row(row, width);
        if (row)
            json_array_append_new(rows, row);
    }
    json_object_set_new(top, "results", rows);
    if (cli_flag(args, "json") && code == QN_OK)
        return cli_print_json(top);
    json_decref(top);
    return code;
}

static const qn_option g_options[] = {
    {"runs", 'n', "N", false, "timed runs after one that is not counted (5)"},
    {"input", 'i', "NAME=FILE", true, "an .npy for input NAME; or one .npz with arrays called NAME or\nin.NAME"},
    {"image", 0, "FILE", true, "a photo (PNG, JPEG), made the input as the model says; several\nbecome a batch or views"},
    {"processor", 0, "FILE", false, "a preprocessor_config.json, for a model that says nothing of photos"},
    {"random", 0, "SEED", false, "seeded random inputs (the default)"},
    {"dim", 0, "NAME=N", true, "size of a dimension of random inputs"},
    {"profile", 0, NULL, false, "time by node: the thirty slowest (all with --json) and sums by op,\nagainst the least time that this machine could take"},
    {NULL, 0, NULL, false, NULL},
};
static const qn_example g_examples[] = {
    {"what does each precision cost here?", "quern bench fp32.quern fp16.quern int8.quern --dim height=518 --dim width=518"},
    {"what is slow?", "quern bench model.quern --profile"},
    {NULL, NULL},
};

const qn_command qn_cmd_bench = {
    .name = "bench", .operands = "SRC...", .summary = "time models: load, latency, throughput, memory, bytes",
    .about = "Each SRC runs in a process of its own, so that the peak memory is that model's. The first run, which plans and\n"
             "maps, is counted apart. Machines are noisy: compare medians from one call.",
    .options = g_options, .examples = g_examples, .min_operands = 1, .max_operands = -1, .run = run};
