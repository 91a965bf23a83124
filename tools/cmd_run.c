#include "tools/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- figures of a tensor ----------------------------------------------------------------------- */

typedef struct figures {
    double min, max, mean;
    long long n_bad; /* NaN or infinite */
} figures;

static figures figures_of(qn_context *ctx, const qn_tensor *t) {
    /* Comparing with zeros of its own shape would say less; read the elements through float64 copies. */
    figures f = {INFINITY, -INFINITY, 0, 0};
    size_t element = qn_dtype_bytes(t->dtype), n = element ? t->n_bytes / element : 0, good = 0;
    double *values = malloc((n + 1) * sizeof *values);
    if (!values || qn_tensor_to_f64(ctx, t, values) != QN_OK)
        n = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            f.n_bad++;
            continue;
        }
        f.min = fmin(f.min, values[i]);
        f.max = fmax(f.max, values[i]);
        f.mean += values[i];
        good++;
    }
    f.mean = good ? f.mean / (double)good : 0;
    free(values);
    return f;
}

/* ---- results --------------------------------------------------------------------------------------- */

/* A file name for a tensor name: letters, digits, '.', '-' and '_' stay, the rest becomes '_'. */
static void file_name(const char *folder, const char *name, char *path, size_t room) {
    int at = snprintf(path, room, "%s/", folder);
    for (const char *s = name; *s && (size_t)at + 6 < room; s++)
        path[at++] = (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                             strchr("._-", *s)
                         ? *s
                         : '_';
    if (path[strlen(folder) + 1] == '.')
        path[strlen(folder) + 1] = '_';
    snprintf(path + at, room - (size_t)at, ".npy");
}

static qn_status report(qn_context *ctx, const cli_args *args, const char *kind, const char *name, const qn_tensor *t,
                        json_t *rows) {
    const char *folder = cli_string(args, "output", NULL);
    char path[4096] = "";
    if (folder) {
        file_name(folder, name, path, sizeof path);
        qn_status status = qn_tensor_save(ctx, path, t);
        if (status != QN_OK)
            return status;
    }
    figures f = figures_of(ctx, t);
    json_t *row = json_object();
    json_object_set_new(row, "name", json_string(name));
    json_object_set_new(row, "dtype", json_string(qn_dtype_name(t->dtype)));
    json_object_set_new(row, "shape", cli_json_shape(t));
    json_object_set_new(row, "min", cli_json_real(f.min));
    json_object_set_new(row, "max", cli_json_real(f.max));
    json_object_set_new(row, "mean", cli_json_real(f.mean));
    json_object_set_new(row, "not_finite", json_integer(f.n_bad));
    if (folder)
        json_object_set_new(row, "file", json_string(path));
    json_array_append_new(rows, row);
    if (!cli_flag(args, "json")) {
        printf("%s %s: %s[", kind, name, qn_dtype_name(t->dtype));
        for (int32_t i = 0; i < t->rank; i++)
            printf("%s%lld", i ? "," : "", (long long)t->dims[i]);
        printf("]  min %.6g  max %.6g  mean %.6g", f.min, f.max, f.mean);
        if (f.n_bad)
            printf("  NOT FINITE: %lld", f.n_bad);
        printf("%s%s\n", folder ? "  -> " : "", path);
    }
    return QN_OK;
}

static int run_model(qn_context *ctx, const cli_args *args, qn_model *model, const cli_inputs *inputs) {
    int n_probes, n_out = qn_model_n_outputs(model);
    qn_runner_options options = {.probes = cli_list(args, "probe", &n_probes), .reference = cli_flag(args, "reference")};
    options.n_probes = n_probes;
    qn_tensor *outputs = calloc((size_t)n_out + 1, sizeof *outputs);
    qn_runner *runner = NULL;
    json_t *top = json_object(), *rows = json_array(), *probes = json_array(), *saved = json_array();
    double start = cli_now();
    qn_status status = outputs ? qn_runner_create(ctx, model, &options, &runner) : QN_SYSTEM;
    if (status == QN_OK)
        status = qn_runner_run(runner, inputs->tensors, inputs->n, outputs, n_out);
    double seconds = cli_now() - start;
    for (int i = 0; i < n_out && status == QN_OK; i++)
        status = report(ctx, args, "output", qn_model_output(model, i).name, &outputs[i], rows);
    for (int i = 0; status == QN_OK && i < qn_runner_n_probes(runner); i++) {
        qn_probe_info probe = qn_runner_probe(runner, i);
        status = report(ctx, args, "probe", probe.name, &probe.tensor, probes);
    }
    int code = status == QN_OK ? (int)cli_save(ctx, args, model, inputs, outputs, saved) : cli_fail(ctx, status);
    json_object_set_new(top, "file", json_string(cli_operand(args, 0)));
    json_object_set_new(top, "seconds", json_real(seconds));
    json_object_set_new(top, "outputs", rows);
    json_object_set_new(top, "probes", probes);
    json_object_set_new(top, "saved", saved);
    if (code == QN_OK && cli_flag(args, "json"))
        code = cli_print_json(top);
    else
        json_decref(top);
    if (code == QN_OK && !cli_flag(args, "json") && !cli_flag(args, "quiet"))
        fprintf(stderr, "ran in %.1f ms (planning included)\n", 1e3 * seconds);
    qn_runner_destroy(runner);
    free(outputs);
    return code;
}

static int run(const cli_args *args) {
    const char *folder = cli_string(args, "output", NULL);
    qn_context *ctx = cli_save_check(args) ? cli_context(args) : NULL;
    if (!ctx)
        return QN_USAGE;
    qn_model *model = NULL;
    cli_inputs inputs = {0};
    int code;
    qn_status status = qn_model_load(ctx, cli_operand(args, 0), NULL, &model);
    if (status != QN_OK) {
        code = cli_fail(ctx, status);
    } else if (!cli_save_check_output(args, model)) {
        code = QN_USAGE;
    } else if (folder && mkdir(folder, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "quern: %s: cannot make the folder: %s\n", folder, strerror(errno));
        code = QN_SYSTEM;
    } else {
        code = (int)cli_inputs_load(ctx, args, model, NULL, &inputs);
        if (code == QN_OK)
            code = run_model(ctx, args, model, &inputs);
        cli_inputs_free(&inputs);
    }
    qn_model_destroy(model);
    qn_context_destroy(ctx);
    return code;
}

static const qn_option g_options[] = {
    {"input", 'i', "NAME=FILE", true, "an .npy (or .pb) for input NAME; or one .npz with arrays\ncalled NAME or in.NAME"},
    {"image", 0, "FILE", true, "a photo (PNG, JPEG), made the input as the model says; several\nbecome a batch or views"},
    {"processor", 0, "FILE", false, "a preprocessor_config.json, for a model that says nothing of photos"},
    {"random", 0, "SEED", false, "seeded random numbers for inputs not given (seed 0 when no\ninput is given at all)"},
    {"dim", 0, "NAME=N", true, "size of a dimension of random inputs"},
    {"output", 'o', "DIR", false, "write each output to DIR/NAME.npy"},
    {"save", 0, "FILE", false, "write a depth map at the photo's size: FILE.png in colours,\nor FILE.npy"},
    {"save-as", 0, "KIND", false, "of a PNG: colour (default), or grey16, from whose 16 bits the\nnumbers can be had again"},
    {"save-output", 0, "NAME", false, "which output is the map (the first of the photo's shape)"},
    {"probe", 0, "PATTERN", true, "also show (and write) intermediate values by name or source\nname: '*' all"},
    {"reference", 0, NULL, false, "the plain kernels that define each op, in place of the fast\nones"},
    {NULL, 0, NULL, false, NULL},
};
static const qn_example g_examples[] = {
    {"does it run at all?", "quern run model.onnx --random 1"},
    {"a depth map of a photo", "quern run depth.quern --image photo.jpg --save depth.png"},
    {"outputs as .npy", "quern run model.quern --input pixel_values=x.npy -o out/"},
    {"where does a NaN begin?", "quern run model-fp16.quern --random 1 --probe '*' | grep 'NOT FINITE' | head -1"},
    {NULL, NULL},
};

const qn_command qn_cmd_run = {
    .name = "run", .operands = "SRC", .summary = "run a model or package",
    .about = "Runs SRC once on the inputs given, checked against the model's own shapes and ranges, and prints the range of\n"
             "each output. Everything runs here: no other runtime is needed.",
    .options = g_options, .examples = g_examples, .min_operands = 1, .max_operands = 1, .run = run};
