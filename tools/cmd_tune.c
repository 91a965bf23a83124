/* tune: the smallest package that keeps a quality, or the best of a size. */
#include "tools/tune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* "40MB", "1.5GiB", "123456": bytes; powers of 1000, or of 1024 with an i. */
static bool read_bytes(const char *text, double *out) {
    static const char units[] = "kMGT";
    char *end;
    *out = strtod(text, &end);
    if (end == text || !(*out > 0) || isinf(*out))
        return false;
    const char *unit = *end ? strchr(units, *end == 'K' ? 'k' : *end) : NULL;
    if (unit && *unit) {
        const double base = end[1] == 'i' ? 1024 : 1000;
        for (const char *u = units; u <= unit; u++)
            *out *= base;
        end += end[1] == 'i' ? 2 : 1;
    }
    return !*end || strcmp(end, "B") == 0;
}

static bool read_options(const cli_args *args, qn_tune_options *o) {
    const char *budget = cli_string(args, "budget", NULL), *precision = cli_string(args, "precision", "fp32");
    long least = 0;
    *o = (qn_tune_options){.max_kl = NAN, .min_cosine = NAN, .min_sqnr = NAN};
    if (budget && !read_bytes(budget, &o->max_bytes))
        return cli_usage("tune: --budget takes bytes, 40MB or 1.5GiB, not '%s'", budget) == 0;
    if (!cli_double(args, "max-kl", &o->max_kl) || !cli_double(args, "min-cosine", &o->min_cosine) ||
        !cli_double(args, "min-sqnr", &o->min_sqnr) || !cli_int(args, "min-elements", 1, 0x7fffffffL, &least))
        return false;
    o->precision = strcmp(precision, "fp16") == 0 ? QN_F16 : strcmp(precision, "bf16") == 0 ? QN_BF16 : QN_F32;
    if (o->precision == QN_F32 && strcmp(precision, "fp32") != 0)
        return cli_usage("tune: --precision takes fp32, fp16 or bf16, not '%s'", precision) == 0;
    o->min_compress_elems = least;
    o->calibrate = cli_string(args, "calibrate", NULL);
    o->licence = cli_string(args, "licence", NULL);
    o->logits = cli_string(args, "logits", NULL);
    o->state = cli_string(args, "state", NULL);
    o->keep_fp32 = cli_list(args, "keep-fp32", &o->n_keep_fp32);
    o->schemes = cli_list(args, "scheme", &o->n_schemes);
    if (!o->calibrate)
        return cli_usage("tune: --calibrate DIR is missing: quality is measured on its inputs") == 0;
    if (!budget && isnan(o->max_kl) && isnan(o->min_cosine) && isnan(o->min_sqnr))
        return cli_usage("tune: give a bound: --budget, --max-kl, --min-cosine or --min-sqnr") == 0;
    if (!cli_string(args, "output", NULL) && !cli_string(args, "recipe", NULL) && !cli_string(args, "curve", NULL) && !cli_flag(args, "json"))
        return cli_usage("tune: nothing to write: give -o, --recipe, --curve or --json") == 0;
    return true;
}

/* What was asked and found, in a line. */
static void describe(const cli_args *args, const qn_tune_report *r, qn_buf *out) {
    static const char *const bounds[] = {"budget", "max-kl", "min-cosine", "min-sqnr"};
    qn_buf_printf(out, "tuned:");
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (cli_string(args, bounds[i], NULL))
            qn_buf_printf(out, " --%s %s", bounds[i], cli_string(args, bounds[i], ""));
    qn_buf_printf(out, "; cosine %.7f, SQNR %.2f dB", r->cosine, r->sqnr_db);
    if (!isnan(r->kl))
        qn_buf_printf(out, ", KL %.6g", r->kl);
    qn_buf_puts(out, " on its calibration inputs");
}

static int print_json(const cli_args *args, const qn_tune_report *r) {
    json_t *top = json_object(), *choices = json_array(), *points = json_array();
    for (int32_t i = 0; i < r->n_choices; i++) {
        json_t *row = json_object();
        json_object_set_new(row, "tensor", json_string(r->choices[i].tensor));
        json_object_set_new(row, "scheme", json_string(r->choices[i].scheme));
        json_object_set_new(row, "bytes", json_real(r->choices[i].bytes));
        json_object_set_new(row, "cost", cli_json_real(r->choices[i].cost));
        json_array_append_new(choices, row);
    }
    for (int32_t i = 0; i < r->n_points; i++) {
        json_t *row = json_object();
        json_object_set_new(row, "label", json_string(r->points[i].label));
        json_object_set_new(row, "bytes", json_real(r->points[i].bytes));
        json_object_set_new(row, "cost", cli_json_real(r->points[i].cost));
        json_array_append_new(points, row);
    }
    json_object_set_new(top, "source", json_string(cli_operand(args, 0)));
    json_object_set_new(top, "file", cli_string(args, "output", NULL) ? json_string(cli_string(args, "output", "")) : json_null());
    json_object_set_new(top, "bytes", r->package_bytes ? json_integer((json_int_t)r->package_bytes) : json_null());
    json_object_set_new(top, "metric", json_string(r->metric));
    json_object_set_new(top, "kl", cli_json_real(r->kl));
    json_object_set_new(top, "cosine", cli_json_real(r->cosine));
    json_object_set_new(top, "sqnr_db", cli_json_real(r->sqnr_db));
    json_object_set_new(top, "measured", json_integer(r->measured));
    json_object_set_new(top, "resumed", json_integer(r->resumed));
    json_object_set_new(top, "choices", choices);
    json_object_set_new(top, "points", points);
    return cli_print_json(top);
}

static void print_text(const cli_args *args, const qn_tune_report *r) {
    char bytes[32];
    printf("%-44s %12s %12s  %s\n", "scheme", "bytes", "alone costs", "tensor");
    for (int32_t i = 0; i < r->n_choices; i++)
        printf("%-44s %12.0f %12.4g  %s\n", r->choices[i].scheme, r->choices[i].bytes, r->choices[i].cost, r->choices[i].tensor);
    printf("\n%-44s %12s %12s\n", "all weights as", "bytes", r->metric);
    for (int32_t i = 0; i < r->n_points; i++)
        if (r->points[i].label[0])
            printf("%-44s %12.0f %12.4g\n", r->points[i].label, r->points[i].bytes, r->points[i].cost);
    if (r->package_bytes)
        printf("%s: %s", cli_string(args, "output", ""), cli_bytes_text((double)r->package_bytes, bytes));
    printf("%scosine %.8f, SQNR %.2f dB", r->package_bytes ? ", " : "", r->cosine, r->sqnr_db);
    if (!isnan(r->kl))
        printf(", KL %.6g nats", r->kl);
    printf("; %d costs measured, %d taken from before\n", (int)r->measured, (int)r->resumed);
}

static qn_status write_files(qn_context *ctx, const cli_args *args, const qn_tune_options *o, const qn_tune_report *r) {
    const char *recipe = cli_string(args, "recipe", NULL), *curve = cli_string(args, "curve", NULL);
    qn_buf about = QN_BUF_INIT;
    describe(args, r, &about);
    qn_status status = qn_buf_check(ctx, &about);
    if (status == QN_OK && recipe)
        status = tune_write_recipe(ctx, recipe, r, o, about.data);
    if (status == QN_OK && curve)
        status = tune_write_curve(ctx, curve, r, about.data);
    qn_buf_free(&about);
    return status;
}

static qn_status tune(qn_context *ctx, const cli_args *args, const qn_tune_options *o) {
    int n_dims;
    const char *const *dims = cli_list(args, "dim", &n_dims);
    const qn_load_options load = {.dims = dims, .n_dims = n_dims};
    const qn_tune_report *report;
    qn_model *model;
    qn_status status = qn_model_load(ctx, cli_operand(args, 0), &load, &model);
    if (status != QN_OK)
        return (qn_status)cli_fail(ctx, status);
    status = qn_model_tune(ctx, model, o, cli_string(args, "output", NULL), &report);
    if (status == QN_OK)
        status = write_files(ctx, args, o, report);
    cli_progress_end();
    if (status != QN_OK)
        (void)cli_fail(ctx, status);
    else if (cli_flag(args, "json"))
        status = (qn_status)print_json(args, report);
    else if (!cli_flag(args, "quiet"))
        print_text(args, report);
    qn_model_destroy(model);
    return status;
}

static int run(const cli_args *args) {
    qn_tune_options options;
    if (!read_options(args, &options))
        return QN_USAGE;
    qn_context *ctx = cli_context(args);
    if (!ctx)
        return QN_USAGE;
    const int code = (int)tune(ctx, args, &options);
    qn_context_destroy(ctx);
    return code;
}

static const qn_option g_options[] = {
    {"calibrate", 0, "DIR", false, "inputs to measure quality on: .npz, .npy, .png, .jpg (as of convert)"},
    {"budget", 0, "BYTES", false, "the package has at most so many: 40MB, 1.5GiB; the best of that size"},
    {"max-kl", 0, "X", false, "mean KL divergence of --logits at most X nats; the smallest package"},
    {"min-cosine", 0, "X", false, "cosine of each output at least X"},
    {"min-sqnr", 0, "DB", false, "SQNR of each output at least DB"},
    {"output", 'o', "OUT.quern", false, "write the package"},
    {"recipe", 0, "OUT.yaml", false, "write what was found as a recipe of convert"},
    {"curve", 0, "OUT.svg", false, "draw size against quality"},
    {"scheme", 's', "SCHEME", true, "a weight scheme to choose from, in place of the usual list of seven from\n8 bits to 2.6; weights may also stay as they are"},
    {"state", 0, "FILE.json", false, "keep what is measured there, and go on from it"},
    {"logits", 0, "OUTPUT", false, "the output of --max-kl (the first with two dimensions)"},
    {"precision", 'p', "P", false, "fp32 (default), fp16 or bf16: of all else, and of arithmetic"},
    {"min-elements", 0, "N", false, "leave smaller weights as they are (1024)"},
    {"keep-fp32", 0, "PATTERN", true, "nodes to leave, as of convert"},
    {"dim", 0, "NAME=RANGE", true, "what a dimension may be, as of convert"},
    {"licence", 0, "TEXT", false, "licence of the weights, kept in the package"},
    {NULL, 0, NULL, false, NULL},
};
static const qn_example g_examples[] = {
    {"the best package of 40 MB", "quern tune depth.onnx --calibrate photos --budget 40MB -o depth-40.quern --curve depth.svg"},
    {"the smallest that keeps a language model", "quern tune gpt2.onnx --calibrate ids --max-kl 0.01 -o gpt2.quern --recipe gpt2.yaml"},
    {"only the recipe; an interrupted search goes on", "quern tune model.onnx --calibrate inputs --min-cosine 0.999 --recipe r.yaml --state costs.json"},
    {NULL, NULL},
};

const qn_command qn_cmd_tune = {
    .name = "tune", .operands = "SRC", .summary = "find the smallest package that keeps a quality, or the best of a size",
    .about = "Measures what each weight costs in quality, alone, under each of several schemes, on all calibration inputs;\n"
             "works out the best choice for all of them together; measures the whole. A package that misses a bound is\n"
             "never written: if the bounds cannot be met, the message says how near it came, and the exit code is 1.",
    .options = g_options, .examples = g_examples, .min_operands = 1, .max_operands = 1, .run = run};
