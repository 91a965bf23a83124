/* Inputs of a run: --input NAME=FILE or --input FILE.npz, photos, else a golden's, else seeded random numbers. */
#include "tools/cli.h"

#include <stdlib.h>
#include <string.h>

static int input_index(const qn_model *model, const char *name, size_t n) {
    for (int i = 0; i < qn_model_n_inputs(model); i++) {
        const char *have = qn_model_input(model, i).name;
        if (strlen(have) == n && memcmp(have, name, n) == 0)
            return i;
    }
    return -1;
}

static const char *input_names(const qn_model *model, char *text, size_t room) {
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; i < qn_model_n_inputs(model) && at + 2 < room; i++)
        at += (size_t)snprintf(text + at, room - at, "%s%s", i ? ", " : "", qn_model_input(model, i).name);
    return text;
}

static void take_arrays(const qn_model *model, const qn_arrays *arrays, qn_tensor *tensors, bool *given) {
    for (int i = 0; i < qn_model_n_inputs(model); i++) {
        const qn_tensor *t = qn_arrays_input(arrays, qn_model_input(model, i).name, i);
        if (t) {
            tensors[i] = *t;
            given[i] = true;
        }
    }
}

static qn_status load_option(qn_context *ctx, const cli_args *args, const qn_model *model, const char *text,
                             cli_inputs *out, bool *given) {
    const char *eq = strchr(text, '=');
    char names[512];
    int index = eq ? input_index(model, text, (size_t)(eq - text)) : -1;
    if (eq && index < 0) {
        cli_usage("%s: --input %s: the model has no input of that name (it has %s)", cli_command(args)->name, text,
                  input_names(model, names, sizeof names));
        return QN_USAGE;
    }
    qn_arrays **slot = &out->arrays[out->n_arrays];
    qn_status status = qn_arrays_load(ctx, eq ? eq + 1 : text, slot);
    if (status != QN_OK)
        return (qn_status)cli_fail(ctx, status);
    out->n_arrays++;
    if (!eq) {
        take_arrays(model, *slot, out->tensors, given);
    } else if (qn_arrays_count(*slot) != 1) {
        cli_usage("%s: --input %s: holds %d arrays, not one", cli_command(args)->name, text, qn_arrays_count(*slot));
        return QN_USAGE;
    } else {
        out->tensors[index] = *qn_arrays_tensor(*slot, 0);
        given[index] = true;
    }
    return QN_OK;
}

/* The photos of --image, by the model's own preprocessing. */
static qn_status load_images(qn_context *ctx, const cli_args *args, qn_model *model, cli_inputs *out, bool *given) {
    int n, index = 0;
    const char *const *paths = cli_list(args, "image", &n), *processor = cli_string(args, "processor", NULL);
    qn_preprocess_info info;
    if (processor) {
        const qn_status set = qn_model_set_processor(ctx, model, processor);
        if (set != QN_OK)
            return (qn_status)cli_fail(ctx, set);
    }
    if (n == 0)
        return QN_OK;
    if (!qn_model_preprocess(model, &info)) {
        cli_usage("%s: --image: %s does not say how a photo becomes its input (give --processor preprocessor_config.json)",
                  cli_command(args)->name, cli_operand(args, 0));
        return QN_USAGE;
    }
    out->pictures = calloc((size_t)n, sizeof *out->pictures);
    if (!out->pictures) {
        cli_usage("out of memory");
        return QN_SYSTEM;
    }
    qn_status status = QN_OK;
    for (int i = 0; i < n && status == QN_OK; i++) {
        status = qn_picture_load(ctx, paths[i], &out->pictures[i]);
        out->n_pictures += status == QN_OK;
    }
    if (status == QN_OK)
        status = qn_model_picture_input(ctx, model, (const qn_picture *const *)out->pictures, n, &index, &out->photo);
    if (status != QN_OK)
        return (qn_status)cli_fail(ctx, status);
    if (given[index]) {
        cli_usage("%s: --image and --input both give input '%s'", cli_command(args)->name, info.input);
        return QN_USAGE;
    }
    out->tensors[index] = out->photo;
    given[index] = true;
    return QN_OK;
}

static qn_status fill_missing(qn_context *ctx, const cli_args *args, qn_model *model, bool must_be_given,
                              cli_inputs *out, const bool *given) {
    int missing = -1, n_dims;
    for (int i = out->n - 1; i >= 0; i--)
        if (!given[i])
            missing = i;
    if (missing < 0)
        return QN_OK;
    if (must_be_given && !cli_string(args, "random", NULL)) {
        cli_usage("%s: no tensor for input '%s' (give it with --input, or --random SEED)", cli_command(args)->name,
                  qn_model_input(model, missing).name);
        return QN_USAGE;
    }
    long seed = 0;
    if (!cli_int(args, "random", 0, 0x7fffffffL, &seed))
        return QN_USAGE;
    const char *const *dims = cli_list(args, "dim", &n_dims);
    qn_tensor *random = calloc((size_t)out->n + 1, sizeof *random);
    if (!random) {
        cli_usage("out of memory");
        return QN_SYSTEM;
    }
    qn_status status = qn_model_random_inputs(ctx, model, (uint64_t)seed, dims, n_dims, random);
    for (int i = 0; i < out->n && status == QN_OK; i++)
        if (!given[i])
            out->tensors[i] = random[i];
    free(random);
    return status == QN_OK ? QN_OK : (qn_status)cli_fail(ctx, status);
}

qn_status cli_inputs_load(qn_context *ctx, const cli_args *args, qn_model *model, const qn_arrays *golden,
                          cli_inputs *out) {
    int n_options;
    const char *const *options = cli_list(args, "input", &n_options);
    *out = (cli_inputs){.n = qn_model_n_inputs(model)};
    out->tensors = calloc((size_t)out->n + 1, sizeof *out->tensors);
    out->arrays = calloc((size_t)n_options + 1, sizeof(qn_arrays *));
    bool *given = calloc((size_t)out->n + 1, sizeof *given);
    qn_status status = QN_OK;
    if (!out->tensors || !out->arrays || !given) {
        cli_usage("out of memory");
        status = QN_SYSTEM;
    }
    if (status == QN_OK && golden)
        take_arrays(model, golden, out->tensors, given);
    for (int i = 0; i < n_options && status == QN_OK; i++)
        status = load_option(ctx, args, model, options[i], out, given);
    if (status == QN_OK)
        status = load_images(ctx, args, model, out, given);
    if (status == QN_OK)
        status = fill_missing(ctx, args, model, n_options > 0 || out->n_pictures > 0 || golden, out, given);
    free(given);
    return status;
}

void cli_inputs_free(cli_inputs *inputs) {
    for (int i = 0; i < inputs->n_arrays; i++)
        qn_arrays_destroy(inputs->arrays[i]);
    for (int i = 0; i < inputs->n_pictures; i++)
        qn_picture_destroy(inputs->pictures[i]);
    free(inputs->pictures);
    free(inputs->photo.data);
    free(inputs->arrays);
    free(inputs->tensors);
    *inputs = (cli_inputs){0};
}
