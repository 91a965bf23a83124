/* --save: a depth map of a run as a picture or an array. */
#include "tools/cli.h"

#include <string.h>

enum { ROOM = 4096 };

static const struct {
    const char *name;
    qn_depth_format format;
} g_formats[] = {{"colour", QN_DEPTH_COLOUR}, {"grey16", QN_DEPTH_GREY16}};

static const char *ending_of(const char *path) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    return dot && (!slash || dot > slash) ? dot : path + strlen(path);
}

/* False for a name that is none. */
static bool format_of(const char *name, qn_depth_format *out) {
    for (size_t i = 0; i < sizeof g_formats / sizeof g_formats[0]; i++)
        if (strcmp(g_formats[i].name, name) == 0) {
            *out = g_formats[i].format;
            return true;
        }
    return false;
}

bool cli_save_check(const cli_args *args) {
    const char *path = cli_string(args, "save", NULL), *as = cli_string(args, "save-as", NULL);
    qn_depth_format format;
    if (!path && (as || cli_string(args, "save-output", NULL))) {
        cli_usage("run: --save-as and --save-output go with --save");
        return false;
    }
    if (!path)
        return true;
    const bool npy = strcmp(ending_of(path), ".npy") == 0;
    if (!npy && strcmp(ending_of(path), ".png") != 0) {
        cli_usage("run: --save %s: the name ends in .png or .npy", path);
        return false;
    }
    if (as && (npy || !format_of(as, &format))) {
        cli_usage(npy ? "run: --save-as %s: an .npy holds the numbers themselves" : "run: --save-as takes colour or grey16, not '%s'",
                  as);
        return false;
    }
    return true;
}

bool cli_save_check_output(const cli_args *args, const qn_model *model) {
    const char *name = cli_string(args, "save-output", NULL);
    for (int i = 0; name && i < qn_model_n_outputs(model); i++)
        if (strcmp(qn_model_output(model, i).name, name) == 0)
            return true;
    if (name)
        cli_usage("run: --save-output %s: the model has no output of that name", name);
    return !name;
}

static bool photo_sized(const qn_tensor *t, const qn_tensor *photo) {
    return photo->rank >= 2 && t->rank >= 2 && t->dims[t->rank - 2] == photo->dims[photo->rank - 2] &&
           t->dims[t->rank - 1] == photo->dims[photo->rank - 1];
}

/* The output of that name; else the first floating one whose last two dimensions are the photo's, else the first that has
 * two. -1 after a message. */
static int output_index(const cli_args *args, const qn_model *model, const qn_tensor *photo, const qn_tensor *outputs) {
    const char *name = cli_string(args, "save-output", NULL);
    int any = -1;
    for (int i = 0; i < qn_model_n_outputs(model); i++) {
        const qn_tensor *t = &outputs[i];
        if (name && strcmp(qn_model_output(model, i).name, name) == 0)
            return i;
        const bool real = t->dtype == QN_F32 || t->dtype == QN_F16 || t->dtype == QN_BF16 || t->dtype == QN_F64;
        if (name || !real || qn_depth_count(t) < 1)
            continue;
        if (photo_sized(t, photo))
            return i;
        any = any < 0 ? i : any;
    }
    if (any < 0)
        cli_usage("run: --save: no output is a map of numbers");
    return any;
}

/* "depth.png", or "depth-2.png" for the second of several. */
static void file_of(const char *path, int64_t index, int64_t n, char out[ROOM]) {
    const char *ending = ending_of(path);
    if (n == 1)
        snprintf(out, ROOM, "%s", path);
    else
        snprintf(out, ROOM, "%.*s-%lld%s", (int)(ending - path), path, (long long)index + 1, ending);
}

qn_status cli_save(qn_context *ctx, const cli_args *args, const qn_model *model, const cli_inputs *inputs,
                   const qn_tensor *outputs, json_t *rows) {
    const char *path = cli_string(args, "save", NULL);
    if (!path)
        return QN_OK;
    const int at = output_index(args, model, &inputs->photo, outputs);
    if (at < 0)
        return QN_USAGE;
    const char *name = qn_model_output(model, at).name;
    const int64_t n = qn_depth_count(&outputs[at]);
    qn_depth_options options = {.format = QN_DEPTH_COLOUR};
    const bool several = inputs->n_pictures && n != inputs->n_pictures && !photo_sized(&outputs[at], &inputs->photo);
    if (n < 1 || several) { /* rays, say, have six numbers a place: hundreds of pictures six pixels wide */
        cli_usage("run: --save: output '%s' is no map of a photo", name);
        return QN_USAGE;
    }
    (void)format_of(cli_string(args, "save-as", "colour"), &options.format);
    if (strcmp(ending_of(path), ".npy") == 0)
        options.format = QN_DEPTH_NPY;
    for (int64_t i = 0; i < n; i++) {
        char file[ROOM];
        if (n == inputs->n_pictures) {
            options.height = inputs->pictures[i]->height;
            options.width = inputs->pictures[i]->width;
        }
        file_of(path, i, n, file);
        qn_status status = qn_depth_save(ctx, file, &outputs[at], i, &options);
        if (status != QN_OK)
            return (qn_status)cli_fail(ctx, status);
        json_array_append_new(rows, json_pack("{s:s, s:I, s:s}", "output", name, "map", (json_int_t)i, "file", file));
        if (!cli_flag(args, "json"))
            printf("saved %s  -> %s\n", name, file);
    }
    return QN_OK;
}
