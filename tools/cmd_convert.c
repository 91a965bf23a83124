#include "tools/convert.h"
#include "tools/inspect.h"

#include <sys/stat.h>

/* ---- the closing table --------------------------------------------------------------------------- */

/* One line, or with -v one a tensor. */
static void print_dropped(const cli_args *args, const qn_convert_report *r) {
    double bytes = 0;
    char text[32];
    for (int32_t i = 0; i < r->n_dropped; i++)
        bytes += (double)r->dropped[i].bytes;
    if (r->n_dropped)
        printf("dropped: %d tensor%s that the graph never reads, %s\n", (int)r->n_dropped, r->n_dropped > 1 ? "s" : "",
               cli_bytes_text(bytes, text));
    for (int32_t i = 0; i < r->n_dropped && cli_count(args, "verbose") > 0; i++)
        printf("  %s, %s\n", r->dropped[i].name, cli_bytes_text((double)r->dropped[i].bytes, text));
}

static void print_report(const cli_args *args, const qn_convert_report *r) {
    char a[32], b[32];
    if (cli_count(args, "verbose") > 0) {
        printf("%-28s %9s %10s\n", "pass", "rewrites", "ms");
        for (int32_t i = 0; i < r->n_passes; i++)
            if (r->passes[i].rewrites || cli_count(args, "verbose") > 1)
                printf("%-28s %9lld %10.2f\n", r->passes[i].name, (long long)r->passes[i].rewrites,
                       1e3 * r->passes[i].seconds);
        printf("\n");
        convert_kept_print(r, cli_count(args, "verbose") > 1);
        inspect_print_weights(r->weights, r->n_weights);
        printf("\n");
    }
    printf("%-22s %8s %12s %12s %7s  %s\n", "weights", "tensors", "source", "package", "share", "why");
    for (int32_t i = 0; i < r->n_rows; i++) {
        const qn_convert_row *row = &r->rows[i];
        printf("%-22s %8lld %12s %12s %6.2f%%  %s\n", row->treatment, (long long)row->tensors,
               cli_bytes_text((double)row->source_bytes, a), cli_bytes_text((double)row->package_bytes, b),
               r->source_bytes ? 100.0 * (double)row->source_bytes / (double)r->source_bytes : 0.0, row->reason);
    }
    print_dropped(args, r);
    if (r->shipped_bytes)
        printf("shipping form: %s for a package of %s, %.1f%%\n", cli_bytes_text((double)r->shipped_bytes, a),
               cli_bytes_text((double)r->package_bytes, b), 100.0 * (double)r->shipped_bytes / (double)r->package_bytes);
    printf("%s: %s of weights became a package of %s in %.2f s\n", cli_string(args, "output", ""),
           cli_bytes_text((double)r->source_bytes, a), cli_bytes_text((double)r->package_bytes, b), r->seconds);
}

static json_t *json_report(const cli_args *args, const qn_convert_report *r) {
    json_t *top = json_object(), *rows = json_array(), *passes = json_array(), *warnings = json_array(), *dropped = json_array();
    json_object_set_new(top, "file", json_string(cli_string(args, "output", "")));
    json_object_set_new(top, "source", json_string(cli_operand(args, 0)));
    json_object_set_new(top, "source_bytes", json_integer((json_int_t)r->source_bytes));
    json_object_set_new(top, "bytes", json_integer((json_int_t)r->package_bytes));
    json_object_set_new(top, "shipped", r->shipped_bytes ? json_integer((json_int_t)r->shipped_bytes) : json_null());
    json_object_set_new(top, "seconds", json_real(r->seconds));
    for (int32_t i = 0; i < r->n_rows; i++)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:I, s:I}", "treatment", r->rows[i].treatment, "reason",
                                              r->rows[i].reason, "tensors", (json_int_t)r->rows[i].tensors,
                                              "source_bytes", (json_int_t)r->rows[i].source_bytes, "package_bytes",
                                              (json_int_t)r->rows[i].package_bytes));
    json_object_set_new(top, "weights", rows);
    json_object_set_new(top, "tensors", inspect_json_weights(r->weights, r->n_weights));
    for (int32_t i = 0; i < r->n_passes; i++)
        json_array_append_new(passes, json_pack("{s:s, s:I, s:f}", "name", r->passes[i].name, "rewrites",
                                                (json_int_t)r->passes[i].rewrites, "seconds", r->passes[i].seconds));
    json_object_set_new(top, "passes", passes);
    for (int32_t i = 0; i < r->n_dropped; i++)
        json_array_append_new(dropped, json_pack("{s:s, s:I}", "name", r->dropped[i].name, "bytes",
                                                 (json_int_t)r->dropped[i].bytes));
    json_object_set_new(top, "dropped", dropped);
    for (int32_t i = 0; i < r->n_warnings; i++)
        json_array_append_new(warnings, json_string(r->warnings[i]));
    json_object_set_new(top, "warnings", warnings);
    json_object_set_new(top, "kept_fp32", convert_kept_json(r));
    return top;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int convert(qn_context *ctx, const cli_args *args, const convert_plan *plan) {
    const char *output = cli_string(args, "output", NULL);
    qn_model *model = NULL;
    const qn_convert_report *report;
    const qn_load_options load = {.dims = plan->dims, .n_dims = plan->n_dims};
    const char *processor = cli_string(args, "processor", NULL);
    qn_status status = qn_model_load(ctx, cli_operand(args, 0), &load, &model);
    if (status == QN_OK && processor)
        status = qn_model_set_processor(ctx, model, processor);
    if (status == QN_OK)
        status = qn_model_convert(ctx, model, &plan->options, output, &report);
    cli_progress_end();
    if (status != QN_OK) {
        qn_model_destroy(model);
        return cli_fail(ctx, status);
    }
    json_t *json = cli_flag(args, "json") ? json_report(args, report) : NULL;
    if (!json && !cli_flag(args, "quiet"))
        print_report(args, report);
    qn_model_destroy(model);
    int code = cli_flag(args, "validate") ? (int)convert_validate(ctx, args, plan, json) : QN_OK;
    if (json) {
        int printed = cli_print_json(json);
        code = code ? code : printed;
    }
    return code;
}

/* The package would take the source's place, and nothing would be left to validate against. */
static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int run(const cli_args *args) {
    const char *output = cli_string(args, "output", NULL);
    if (!output)
        return cli_usage("convert: -o OUT.quern is missing");
    if (same_file(cli_operand(args, 0), output))
        return cli_usage("convert: -o %s would replace the source", output);
    qn_context *ctx = cli_context(args);
    if (!ctx)
        return QN_USAGE;
    convert_plan plan;
    int code = (int)convert_plan_make(ctx, args, &plan);
    if (code == QN_OK)
        code = convert(ctx, args, &plan);
    convert_plan_free(&plan);
    qn_context_destroy(ctx);
    return code;
}

static const qn_option g_options[] = {
    {"output", 'o', "OUT.quern", false, "the package to write; it appears whole or not at all"},
    {"recipe", 'r', "R.yaml", false, "the conversion as a file says it (docs/recipes.md); options given\nhere win, --keep-fp32 and rules of --weights add to it"},
    {"precision", 'p', "P", false, "fp32 (default), fp16 or bf16: storage and arithmetic"},
    {"weights", 'w', "[P=]SCHEME", true, "how weights are stored: int8, int4:block=32, palette4:group=8, nf4, mxfp4,\nint8:prune=0.5, none ... (docs/compression.md); after PATTERN= for weights\nof that name, node or op alone: the most specific wins"},
    {"activations", 0, "SCHEME", false, "products with int8 weights take 8 bit inputs: int8 scales them while the\nmodel runs, int8:static[:OBSERVER] by what --calibrate shows (minmax,\naverage, percentile=P, entropy, mse); -v names products that do not"},
    {"equalize", 0, "ALPHA", false, "with --calibrate: move factors of channels from activations to weights before\nthese are encoded (SmoothQuant); 0.5 shares them evenly"},
    {"bias-correction", 0, NULL, false, "with --calibrate: biases take back what codes of weights move means by"},
    {"min-elements", 0, "N", false, "leave smaller weights as they are (1024)"},
    {"keep-fp32", 0, "PATTERN", true, "keep nodes in fp32 by name, source name or op: 'LayerNorm*'"},
    {"dim", 0, "NAME=RANGE", true, "what a dimension may be: batch=1..64, height=14..2072:14,\nseq=32|128|512, batch=1"},
    {"stop-after", 0, "PASS|N", false, "stop after a pass, or after N rewrites: finds the one that\nmade a number wrong"},
    {"no-passes", 0, NULL, false, "store the graph as it was read"},
    {"validate", 0, NULL, false, "run source and package on seeded inputs and fail (exit 1) when\nan output breaks a bound; the package stays, to be looked at"},
    {"min-cosine", 0, "X", false, "with --validate: least cosine; without it 0.999999 for fp32, 0.999\nfor fp16, 0.99 for bf16 and encoded weights"},
    {"min-sqnr", 0, "DB", false, "with --validate: least SQNR"},
    {"max-abs", 0, "X", false, "with --validate: largest error of an element"},
    {"max-rel", 0, "X", false, "with --validate: the same relative to the output's largest magnitude"},
    {"processor", 0, "FILE", false, "a preprocessor_config.json: how a photo becomes the input, kept in\nthe package for run --image"},
    {"ship", 0, NULL, false, "write the shipping form: the same package, compressed without loss;\nwhat reads packages reads it, quern unpack makes it one again"},
    {"licence", 0, "TEXT", false, "licence of the weights, kept in the package"},
    {"calibrate", 0, "DIR", false, "run each .npz, .npy, .png and .jpg of a folder (or one such file): with\nfp16, keep in fp32 what leaves fp16's range there (-v says what and\nwhy); for static activations, their ranges;\nfor importance, gptq, awq, --equalize and --bias-correction, what weights\nare multiplied by"},
    {NULL, 0, NULL, false, NULL},
};
static const qn_example g_examples[] = {
    {"a package in fp32", "quern convert model.onnx -o model.quern"},
    {"fp16, checked against the source", "quern convert model.onnx -o model-fp16.quern --precision fp16 --validate"},
    {"what a file says, but another precision", "quern convert model.onnx -o model.quern --recipe recipes/fp16.yaml --precision bf16"},
    {"int8 weights; images of any size that is a multiple of 14",
     "quern convert depth.onnx -o depth.quern --weights int8 --dim height=14..2072:14 --dim width=14..2072:14"},
    {"fp16, and fp32 where sample inputs need it",
     "quern convert model.onnx -o model.quern --precision fp16 --calibrate inputs/ -v"},
    {"a checkpoint by its recipe",
     "quern convert Depth-Anything-V2-Small-hf/ -o small.quern --recipe recipes/depth-anything-v2-small.yaml"},
    {"4 bits, 8 for one layer, the head as it is; -v lists every weight",
     "quern convert model.onnx -o model.quern --weights int4:mse --weights 'encoder.layer.0.*=int8' --weights 'head.*=none' -v"},
    {"int8 products: weights and inputs", "quern convert model.onnx -o model.quern --weights int8 --activations int8 -v"},
    {"bf16 weights in two thirds of their bytes, to be sent", "quern convert model.onnx -o model-ship.quern --precision bf16 --ship"},
    {NULL, NULL},
};

const qn_command qn_cmd_convert = {
    .name = "convert", .operands = "SRC", .summary = "turn a model into a package: optimise, change precision, compress",
    .about = "Reads SRC (an .onnx file, a safetensors checkpoint or a .quern package), runs the graph passes (quern passes lists\n"
             "them) and writes one package. Weights are never all in memory. The same source and options give the same bytes. The\n"
             "closing table says what was done to which share of the weights, and why the rest was left alone.",
    .options = g_options, .examples = g_examples, .min_operands = 1, .max_operands = 1, .run = run};
