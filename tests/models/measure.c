#include "tests/models/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/test.h"

/* float32 differs from the golden runs by the order of sums and the rounding of fused weights. float16 rounds to 11 bits,
 * bfloat16 to 8, int8 codes to about 7 of each channel's largest weight; over some dozen layers, whose errors are
 * independent, that leaves these cosines. Inputs as uint8 have steps of 1/255 of their range, for normal
 * numbers an error as large as that of the weights: cosines that are above 0.995 with int8 weights stay above 0.99. */
const measure_variant measure_variants[MEASURE_VARIANTS] = {
    {"fp32", QN_F32, NULL, NULL, 0.999999, 1e-4},
    {"fp16", QN_F16, NULL, NULL, 0.999, 0},
    {"bf16", QN_BF16, NULL, NULL, 0.99, 0},
    {"int8", QN_F32, "int8", NULL, 0.99, 0},
    {"int8 x int8", QN_F32, "int8", "int8", 0.99, 0},
};

/* Models that one of them does not serve, and what it comes to; docs/numerics.md has the reasons. */
static const struct {
    const char *model, *variant;
    double min_cosine;
} g_known[] = {
    {"silero-vad-op15", "int8", 0.96},
    {"silero-vad-op15", "int8 x int8", 0.96},
};

qn_status measure_open(qn_context *ctx, const char *source, measure_package *out) {
    *out = (measure_package){0};
    qn_status status = qn_model_load(ctx, source, NULL, &out->model);
    return status == QN_OK ? qn_runner_create(ctx, out->model, NULL, &out->runner) : status;
}

void measure_close(measure_package *package) {
    qn_runner_destroy(package->runner);
    qn_model_destroy(package->model);
    *package = (measure_package){0};
}

qn_status measure_convert(qn_context *ctx, const char *source, const measure_variant *variant, measure_package *out) {
    const qn_convert_options options = {.precision = variant->precision, .weights = variant->weights,
                                        .activations = variant->activations};
    const qn_convert_report *report;
    char path[256];
    qn_model *model = NULL;
    *out = (measure_package){0};
    snprintf(path, sizeof path, "%s/measured.quern", qn_test_tmp());
    qn_status status = qn_model_load(ctx, source, NULL, &model);
    if (status == QN_OK)
        status = qn_model_convert(ctx, model, &options, path, &report);
    uint64_t bytes = status == QN_OK ? report->package_bytes : 0;
    qn_model_destroy(model);
    if (status == QN_OK)
        status = measure_open(ctx, path, out);
    out->bytes = bytes;
    unlink(path); /* what is mapped stays */
    return status;
}

measure_worst measure_begin(void) { return (measure_worst){.cosine = 2, .sqnr_db = INFINITY}; }

/* One byte an element of r. */
static uint8_t *spread(qn_context *ctx, const qn_tensor *r, const qn_tensor *mask) {
    int64_t n_mask = mask->dims[0] * mask->dims[1], n = 1;
    for (int32_t i = 0; i < r->rank; i++)
        n *= r->dims[i];
    double *values = malloc((size_t)n_mask * sizeof *values + 1);
    uint8_t *bytes = malloc((size_t)n + 1);
    if (values && bytes && qn_tensor_to_f64(ctx, mask, values) == QN_OK)
        for (int64_t i = 0; i < n; i++)
            bytes[i] = values[i / (n / n_mask)] != 0;
    free(values);
    return bytes;
}

qn_status measure_output(qn_context *ctx, const qn_tensor *r, const qn_tensor *v, const qn_tensor *mask, const char *output,
                         const char *where, measure_worst *worst) {
    bool masked = mask && mask->rank == 2 && r->rank > 2 && r->dims[0] == mask->dims[0] && r->dims[1] == mask->dims[1];
    uint8_t *bytes = masked ? spread(ctx, r, mask) : NULL;
    const qn_compare_options options = {.mask = bytes};
    qn_comparison c;
    qn_status status = qn_tensor_compare(ctx, r, v, &options, &c);
    free(bytes);
    if (status != QN_OK)
        return status;
    const qn_compare_options all = {0};
    qn_comparison everywhere; /* what is masked may be any number, but a number */
    if ((status = qn_tensor_compare(ctx, r, v, &all, &everywhere)) != QN_OK)
        return status;
    worst->n_outputs++;
    worst->n_nan += everywhere.first_bad >= 0;
    worst->max_rel = fmax(worst->max_rel, c.max_rel);
    worst->sqnr_db = fmin(worst->sqnr_db, c.sqnr_db);
    if (c.cosine < worst->cosine) {
        worst->cosine = c.cosine;
        snprintf(worst->where, sizeof worst->where, "%s %s", where, output);
    }
    return QN_OK;
}

bool measure_end(const char *model, const measure_variant *variant, const measure_package *package, const measure_worst *w) {
    double min_cosine = variant->min_cosine;
    for (size_t i = 0; i < sizeof g_known / sizeof g_known[0]; i++)
        if (strcmp(g_known[i].model, model) == 0 && strcmp(g_known[i].variant, variant->name) == 0)
            min_cosine = g_known[i].min_cosine;
    bool good = w->n_outputs > 0 && w->n_nan == 0 && w->cosine >= min_cosine &&
                (variant->max_rel == 0 || w->max_rel <= variant->max_rel);
    if (!good || getenv("QUERN_TEST_VERBOSE"))
        print_message("| %s | %s | %llu | %.8f | %.1e | %.1f | %s |%s\n", model, variant->name,
                      (unsigned long long)package->bytes, w->cosine, w->max_rel, w->sqnr_db, w->where, good ? "" : " FAILS");
    return good;
}

const qn_tensor *measure_find(const qn_arrays *golden, const char *prefix, const char *name) {
    static const struct {
        const char *prefix, *name, *key;
    } also[] = {
        {"in.", "input_ids", "in.decoder_input_ids"},
        {"in.", "encoder_hidden_states", "out.encoder_last_hidden_state"},
        {"out.", "last_hidden_state", "out.encoder_last_hidden_state"},
    };
    char key[256];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    const qn_tensor *found = qn_arrays_find(golden, key);
    for (size_t i = 0; i < sizeof also / sizeof also[0] && !found; i++)
        if (strcmp(also[i].prefix, prefix) == 0 && strcmp(also[i].name, name) == 0)
            found = qn_arrays_find(golden, also[i].key);
    return found;
}

bool measure_golden_path(char *buf, size_t n, const char *folder, int index) {
    struct stat st;
    snprintf(buf, n, "%s/golden%d.npz", folder, index);
    return stat(buf, &st) == 0;
}
