#include "tools/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool read_bounds(const cli_args *args, compare_bounds *b) {
    *b = (compare_bounds){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    return cli_double(args, "min-cosine", &b->min_cosine) && cli_double(args, "min-sqnr", &b->min_sqnr) &&
           cli_double(args, "max-abs", &b->max_abs) && cli_double(args, "max-rel", &b->max_rel) &&
           cli_double(args, "rtol", &b->rtol) && cli_double(args, "atol", &b->atol) &&
           cli_double(args, "max-kl", &b->max_kl) && cli_double(args, "min-top1", &b->min_top1) &&
           cli_double(args, "max-loss-increase", &b->max_loss_increase);
}

static qn_status find_mask(const cli_args *args, const qn_arrays *golden, const qn_tensor **mask) {
    const char *name = cli_string(args, "mask", NULL);
    char key[1024];
    *mask = NULL;
    if (!name)
        return QN_OK;
    snprintf(key, sizeof key, "in.%s", name);
    *mask = golden ? qn_arrays_find(golden, key) : NULL;
    return *mask ? QN_OK : (qn_status)cli_usage("compare: --mask %s: the golden has no 'in.%s'", name, name);
}

static qn_status compare_all(qn_context *ctx, const cli_args *args, const qn_arrays *golden, const compare_logits *logits,
                             compare_result *result) {
    bool layers = cli_flag(args, "layers");
    compare_run *reference = NULL;
    const qn_tensor *mask;
    qn_status status = find_mask(args, golden, &mask);
    if (status == QN_OK)
        status = golden ? compare_run_golden(golden, &reference)
                        : compare_run_model(ctx, args, cli_operand(args, 0), NULL, NULL, layers, &reference);
    result->reference = golden ? cli_string(args, "golden", "") : cli_operand(args, 0);
    result->reference_bytes = reference ? compare_bytes(reference) : 0;
    result->reference_load_ms = reference ? compare_load_ms(reference) : 0;
    result->reference_ms = reference ? compare_run_ms(reference) : 0;
    result->pass = true;
    for (int i = 0; i < result->n_variants && status == QN_OK; i++) {
        compare_variant *variant = &result->variants[i];
        compare_run *run = NULL;
        variant->file = cli_operand(args, golden ? i : i + 1);
        status = compare_run_model(ctx, args, variant->file, golden, golden ? NULL : reference, layers, &run);
        variant->bytes = run ? compare_bytes(run) : 0;
        if (status == QN_OK)
            status = compare_runs(ctx, args, reference, run, mask, &result->bounds, logits, variant);
        /* Names of layers and outputs belong to the run: results are copied out before it goes. */
        if (status == QN_OK)
            status = compare_keep_names(variant);
        compare_run_free(run);
        result->pass = result->pass && variant->pass;
    }
    compare_run_free(reference);
    return status;
}

static int finish(qn_context *ctx, const cli_args *args, const compare_result *result) {
    int code = QN_OK;
    const char *html = cli_string(args, "report", NULL);
    if (html) {
        qn_status status = compare_write_html(ctx, html, result);
        if (status != QN_OK)
            return cli_fail(ctx, status);
    }
    if (cli_flag(args, "json"))
        code = compare_print_json(result);
    else if (!cli_flag(args, "quiet"))
        compare_print(result, !cli_flag(args, "summary"));
    return code != QN_OK ? code : result->pass ? QN_OK : QN_BOUND;
}

static int run(const cli_args *args) {
    const char *golden_path = cli_string(args, "golden", NULL);
    compare_result result = {.n_variants = cli_n_operands(args) - (golden_path ? 0 : 1)};
    if (result.n_variants < 1)
        return cli_usage("compare: a reference and at least one variant (or --golden and one variant)");
    if (!read_bounds(args, &result.bounds))
        return QN_USAGE;
    qn_context *ctx = cli_context(args);
    if (!ctx)
        return QN_USAGE;
    qn_arrays *golden = NULL;
    compare_logits logits = {0};
    result.variants = calloc((size_t)result.n_variants, sizeof *result.variants);
    int code = result.variants ? QN_OK : cli_usage("out of memory");
    if (code == QN_OK && golden_path) {
        qn_status status = qn_arrays_load(ctx, golden_path, &golden);
        if (status != QN_OK)
            code = cli_fail(ctx, status);
    }
    if (code == QN_OK)
        code = (int)compare_logits_read(ctx, args, &logits);
    result.top_k = logits.options.top_k;
    if (code == QN_OK)
        code = (int)compare_all(ctx, args, golden, &logits, &result);
    if (code == QN_OK)
        code = finish(ctx, args, &result);
    for (int i = 0; result.variants && i < result.n_variants; i++)
        compare_variant_free(&result.variants[i]);
    free(result.variants);
    compare_logits_free(&logits);
    qn_arrays_destroy(golden);
    qn_context_destroy(ctx);
    return code;
}

static const qn_option g_options[] = {
    {"input", 'i', "NAME=FILE", true, "an .npy (or .pb) for input NAME; or one .npz with arrays\ncalled NAME or in.NAME"},
    {"image", 0, "FILE", true, "a photo (PNG, JPEG), made the input as the model says; several\nbecome a batch or views"},
    {"processor", 0, "FILE", false, "a preprocessor_config.json, for a model that says nothing of photos"},
    {"random", 0, "SEED", false, "seeded random inputs (seed 0 when no --input is given)"},
    {"dim", 0, "NAME=N", true, "size of a dimension of random inputs"},
    {"golden", 0, "G", false, "stored outputs are the reference and every operand is a variant:\nan .npz (in.NAME, out.NAME) or an ONNX test_data_set folder"},
    {"mask", 0, "INPUT", false, "with --golden: leave out positions where this input is 0"},
    {"layers", 0, NULL, false, "also every intermediate value, by its name in the source"},
    {"min-cosine", 0, "X", false, "fail when an output's cosine is below X"},
    {"min-sqnr", 0, "DB", false, "fail when an output's SQNR is below DB"},
    {"max-abs", 0, "X", false, "fail when an element is off by more than X"},
    {"max-rel", 0, "X", false, "fail when an element is off by more than X times the output's\nlargest magnitude"},
    {"rtol", 0, "X", false, "fail when |v - r| > atol + rtol |r| anywhere"},
    {"atol", 0, "X", false, "see --rtol"},
    {"logits", 0, "OUTPUT", false, "compare an output [..., classes] as logits too: KL divergence (nats),\ntop-1 and top-k agreement; '*': the first with two dimensions"},
    {"targets", 0, "FILE", false, "an .npy of class ids, one a position: loss (nats) and perplexity of\nreference and variants; -100 does not count"},
    {"top-k", 0, "K", false, "of how many classes the agreement is (5)"},
    {"max-kl", 0, "X", false, "fail when the mean divergence is above X nats"},
    {"min-top1", 0, "X", false, "fail when the share of positions with the same first class is below X"},
    {"max-loss-increase", 0, "X", false, "fail when the loss is more than X nats above the reference's"},
    {"runs", 'n', "N", false, "time N more runs of each and show the median"},
    {"summary", 0, NULL, false, "only the table with a line a file"},
    {"report", 0, "OUT.html", false, "also write a page with tables and, with --layers, a chart"},
    {NULL, 0, NULL, false, NULL},
};
static const qn_example g_examples[] = {
    {"how far are the variants from the source?", "quern compare model.onnx fp16.quern int8.quern"},
    {"fail the build when fp16 is off", "quern compare model.onnx fp16.quern --min-cosine 0.999 --min-sqnr 40"},
    {"against stored outputs", "quern compare --golden golden0.npz fp32.quern --max-rel 1e-4"},
    {"on a photo of your own", "quern compare depth-fp32.quern depth-int8.quern --image photo.jpg"},
    {"a language model: divergence and perplexity", "quern compare gpt2.onnx gpt2-int4.quern --input ids.npz --targets next.npy --max-kl 0.01"},
    {"which layer is it?", "quern compare model.onnx fp16.quern --layers --report layers.html"},
    {NULL, NULL},
};

const qn_command qn_cmd_compare = {
    .name = "compare", .operands = "REF VARIANT...", .summary = "say how far variants are from a reference",
    .about = "Runs the reference and each variant on the same inputs and prints, for each output: the largest absolute\n"
             "error, the same relative to the reference's largest magnitude, the root mean square error, the signal to\n"
             "quantisation noise ratio 10 log10(sum r^2 / sum (v-r)^2) and the cosine. A bound that breaks gives exit\n"
             "code 1, and so does a NaN or infinity that the reference has not.",
    .options = g_options, .examples = g_examples, .min_operands = 1, .max_operands = -1, .run = run};
