#include "tools/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ------------------------------------------------------------------------------------- */

/* Options of the command that this version knows but cannot do: refused by name. */
static const char *const g_refused[] = {"activations", "calibrate", NULL};

static qn_status read_options(const cli_args *args, qn_convert_options *o, char *recipe, size_t room) {
    const char *precision = cli_string(args, "precision", "fp32");
    static const struct {
        const char *name;
        qn_dtype dtype;
    } precisions[] = {{"fp32", QN_F32}, {"fp16", QN_F16}, {"bf16", QN_BF16}};
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; i++)
        if (strcmp(precisions[i].name, precision) == 0)
            o->precision = precisions[i].dtype;
    if (o->precision == QN_NONE)
        return (qn_status)cli_usage("convert: --precision takes fp32, fp16 or bf16, not '%s'", precision);
    for (int i = 0; g_refused[i]; i++)
        if (cli_string(args, g_refused[i], NULL)) {
            cli_usage("convert: --%s is not supported by this version", g_refused[i]);
            return QN_UNSUPPORTED;
        }
    int n_keep;
    long least = 0;
    if (!cli_int(args, "min-elements", 1, 0x7fffffffL, &least))
        return QN_USAGE;
    o->min_compress_elems = least;
    o->weights = cli_string(args, "weights", NULL);
    o->keep_fp32 = cli_list(args, "keep-fp32", &n_keep);
    o->n_keep_fp32 = n_keep;
    o->stop_after = cli_string(args, "stop-after", NULL);
    o->no_passes = cli_flag(args, "no-passes");
    o->licence = cli_string(args, "licence", NULL);
    size_t at = (size_t)snprintf(recipe, room, "--precision %s", precision);
    if (o->weights && at < room)
        at += (size_t)snprintf(recipe + at, room - at, " --weights %s", o->weights);
    for (int i = 0; i < n_keep && at < room; i++)
        at += (size_t)snprintf(recipe + at, room - at, " --keep-fp32 '%s'", o->keep_fp32[i]);
    if (o->stop_after && at < room)
        at += (size_t)snprintf(recipe + at, room - at, " --stop-after %s", o->stop_after);
    int n_dims;
    const char *const *dims = cli_list(args, "dim", &n_dims);
    for (int i = 0; i < n_dims && at < room; i++)
        at += (size_t)snprintf(recipe + at, room - at, " --dim %s", dims[i]);
    if (o->no_passes && at < room)
        snprintf(recipe + at, room - at, " --no-passes");
    o->recipe = recipe;
    return QN_OK;
}

/* ---- the closing table --------------------------------------------------------------------------- */

static void print_report(const cli_args *args, const qn_convert_report *r) {
    char a[32], b[32];
    if (cli_count(args, "verbose") > 0) {
        printf("%-28s %9s %10s\n", "pass", "rewrites", "ms");
        for (int32_t i = 0; i < r->n_passes; i++)
            if (r->passes[i].rewrites || cli_count(args, "verbose") > 1)
                printf("%-28s %9lld %10.2f\n", r->passes[i].name, (long long)r->passes[i].rewrites,
                       1e3 * r->passes[i].seconds);
        printf("\n");
    }
    printf("%-22s %8s %12s %12s %7s  %s\n", "weights", "tensors", "source", "package", "share", "why");
    for (int32_t i = 0; i < r->n_rows; i++) {
        const qn_convert_row *row = &r->rows[i];
        printf("%-22s %8lld %12s %12s %6.2f%%  %s\n", row->treatment, (long long)row->tensors,
               cli_bytes_text((double)row->source_bytes, a), cli_bytes_text((double)row->package_bytes, b),
               r->source_bytes ? 100.0 * (double)row->source_bytes / (double)r->source_bytes : 0.0, row->reason);
    }
    printf("%s: %s of weights became a package of %s in %.2f s\n", cli_string(args, "output", ""),
           cli_bytes_text((double)r->source_bytes, a), cli_bytes_text((double)r->package_bytes, b), r->seconds);
}

static json_t *json_report(const cli_args *args, const qn_convert_report *r) {
    json_t *top = json_object(), *rows = json_array(), *passes = json_array(), *warnings = json_array();
    json_object_set_new(top, "file", json_string(cli_string(args, "output", "")));
    json_object_set_new(top, "source", json_string(cli_operand(args, 0)));
    json_object_set_new(top, "source_bytes", json_integer((json_int_t)r->source_bytes));
    json_object_set_new(top, "bytes", json_integer((json_int_t)r->package_bytes));
    json_object_set_new(top, "seconds", json_real(r->seconds));
    for (int32_t i = 0; i < r->n_rows; i++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:I, s:I}", "treatment", r->rows[i].treatment, "reason",
                                              r->rows[i].reason, "tensors", (json_int_t)r->rows[i].tensors,
                                              "source_bytes", (json_int_t)r->rows[i].source_bytes, "package_bytes",
                                              (json_int_t)r->rows[i].package_bytes));
    json_object_set_new(top, "weights", rows);
    for (int32_t i = 0; i < r->n_passes; i++)
        json_array_append_new(passes, json_pack("{s:s, s:I, s:f}", "name", r->passes[i].name, "rewrites",
                                                (json_int_t)r->passes[i].rewrites, "seconds", r->passes[i].seconds));
    json_object_set_new(top, "passes", passes);
    for (int32_t i = 0; i < r->n_warnings; i++)
        json_array_append_new(warnings, json_string(r->warnings[i]));
    json_object_set_new(top, "warnings", warnings);
    return top;
}

/* ---- validation ------------------------------------------------------------------------------------ */

/* The least cosine that each precision is expected to keep; see docs/numerics.md. */
static double least_cosine(const qn_convert_options *o) {
    if (o->weights || o->precision == QN_BF16)
        return 0.99;
    return o->precision == QN_F16 ? 0.999 : 0.999999;
}

static qn_status run_once(qn_context *ctx, const char *path, const qn_tensor *inputs, int n, qn_model **model,
                          qn_runner **runner, qn_tensor **outputs) {
    qn_status status = qn_model_load(ctx, path, NULL, model);
    if (status == QN_OK)
        status = qn_runner_create(ctx, *model, NULL, runner);
    if (status == QN_OK)
        *outputs = calloc((size_t)qn_model_n_outputs(*model) + 1, sizeof **outputs);
    return status != QN_OK ? status : qn_runner_run(*runner, inputs, n, *outputs, qn_model_n_outputs(*model));
}

/* Run source and package on the same seeded inputs; QN_BOUND when an output is too far off. */
static qn_status validate(qn_context *ctx, const cli_args *args, const qn_convert_options *o, json_t *report) {
    qn_model *model[2] = {NULL, NULL}, *shaped = NULL;
    qn_runner *runner[2] = {NULL, NULL};
    qn_tensor *outputs[2] = {NULL, NULL};
    const char *paths[2] = {cli_operand(args, 0), cli_string(args, "output", "")};
    int n_dims;
    qn_load_options load = {.dims = cli_list(args, "dim", &n_dims)};
    load.n_dims = n_dims;
    qn_status status = qn_model_load(ctx, paths[0], &load, &shaped);
    int n = status == QN_OK ? qn_model_n_inputs(shaped) : 0;
    qn_tensor *inputs = calloc((size_t)n + 1, sizeof *inputs);
    if (status == QN_OK)
        status = qn_model_random_inputs(ctx, shaped, 1, NULL, 0, inputs);
    for (int i = 0; i < 2 && status == QN_OK; i++)
        status = run_once(ctx, paths[i], inputs, n, &model[i], &runner[i], &outputs[i]);
    json_t *rows = json_array();
    double worst = 1;
    for (int i = 0; status == QN_OK && i < qn_model_n_outputs(model[1]); i++) {
        qn_comparison c;
        status = qn_tensor_compare(ctx, &outputs[0][i], &outputs[1][i], NULL, &c);
        if (status != QN_OK)
            break;
        worst = fmin(worst, c.cosine);
        json_array_append_new(rows, json_pack("{s:s, s:f, s:o, s:f}", "name", qn_model_output(model[1], i).name,
                                              "cosine", c.cosine, "sqnr_db", cli_json_real(c.sqnr_db), "max_rel",
                                              isfinite(c.max_rel) ? c.max_rel : -1.0));
        if (!report)
            printf("validated %s: cosine %.8f, SQNR %.1f dB, max_rel %.3g\n", qn_model_output(model[1], i).name,
                   c.cosine, c.sqnr_db, c.max_rel);
    }
    int code = status == QN_OK ? QN_OK : cli_fail(ctx, status);
    if (report)
        json_object_set(report, "validation", rows);
    json_decref(rows);
    for (int i = 0; i < 2; i++) {
        qn_runner_destroy(runner[i]);
        qn_model_destroy(model[i]);
        free(outputs[i]);
    }
    qn_model_destroy(shaped);
    free(inputs);
    if (code == QN_OK && worst < least_cosine(o)) {
        fprintf(stderr, "quern: %s: cosine %.8f to the source, expected at least %g\n", paths[1], worst,
                least_cosine(o));
        return QN_BOUND;
    }
    return (qn_status)code;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int convert(qn_context *ctx, const cli_args *args, const qn_convert_options *o) {
    const char *output = cli_string(args, "output", NULL);
    qn_model *model = NULL;
    const qn_convert_report *report;
    int n_dims;
    qn_load_options load = {.dims = cli_list(args, "dim", &n_dims)};
    load.n_dims = n_dims;
    qn_status status = qn_model_load(ctx, cli_operand(args, 0), &load, &model);
    if (status == QN_OK)
        status = qn_model_convert(ctx, model, o, output, &report);
    cli_progress_end();
    if (status != QN_OK) {
        qn_model_destroy(model);
        return cli_fail(ctx, status);
    }
    json_t *json = cli_flag(args, "json") ? json_report(args, report) : NULL;
    if (!json && !cli_flag(args, "quiet"))
        print_report(args, report);
    qn_model_destroy(model);
    int code = cli_flag(args, "validate") ? (int)validate(ctx, args, o, json) : QN_OK;
    if (json) {
        int printed = cli_print_json(json);
        code = code ? code : printed;
    }
    return code;
}

static int run(const cli_args *args) {
    qn_convert_options options = {0};
    char recipe[2048];
    if (!cli_string(args, "output", NULL))
        return cli_usage("convert: -o OUT.quern is missing");
    qn_status status = read_options(args, &options, recipe, sizeof recipe);
    if (status != QN_OK)
        return (int)status;
    qn_context *ctx = cli_context(args);
    if (!ctx)
        return QN_USAGE;
    int code = convert(ctx, args, &options);
    qn_context_destroy(ctx);
    return code;
}

static const qn_option g_options[] = {
    {"output", 'o', "OUT.quern", false, "the package to write; it appears whole or not at all"},
    {"precision", 'p', "P", false, "fp32 (default), fp16 or bf16: storage and arithmetic"},
    {"weights", 'w', "SCHEME", false, "encoding of the weights: int8, int8:per_channel, int8:per_tensor"},
    {"min-elements", 0, "N", false, "leave smaller weights as they are (1024)"},
    {"keep-fp32", 0, "PATTERN", true, "keep nodes in fp32 by name, source name or op: 'LayerNorm*'"},
    {"dim", 0, "NAME=RANGE", true, "what a dimension may be: batch=1..64, height=14..2072:14,\nseq=32|128|512, batch=1"},
    {"stop-after", 0, "PASS|N", false, "stop after a pass, or after N rewrites: finds the one that\nmade a number wrong"},
    {"no-passes", 0, NULL, false, "store the graph as it was read"},
    {"validate", 0, NULL, false, "run source and package on seeded inputs and fail (exit 1) when\nthey are too far apart"},
    {"licence", 0, "TEXT", false, "licence of the weights, kept in the package"},
    {"activations", 0, "int8", false, "refused by this version"},
    {"calibrate", 0, "DIR", false, "refused by this version"},
    {NULL, 0, NULL, false, NULL},
};
static const qn_example g_examples[] = {
    {"a package in fp32", "quern convert model.onnx -o model.quern"},
    {"fp16, checked against the source", "quern convert model.onnx -o model-fp16.quern --precision fp16 --validate"},
    {"int8 weights; images of any size that is a multiple of 14",
     "quern convert depth.onnx -o depth.quern --weights int8 --dim height=14..2072:14 --dim width=14..2072:14"},
    {NULL, NULL},
};

const qn_command qn_cmd_convert = {
    .name = "convert", .operands = "SRC", .summary = "turn a model into a package: optimise, change precision, compress",
    .about = "Reads SRC (an .onnx file or a .quern package), runs the graph passes (quern passes lists them) and writes one\n"
             "package. Weights are never all in memory. The same source and options give the same bytes. The closing table\n"
             "says what was done to which share of the weights, and why the rest was left alone.",
    .options = g_options, .examples = g_examples, .min_operands = 1, .max_operands = 1, .run = run};
