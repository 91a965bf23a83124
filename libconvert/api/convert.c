/* Conversion: passes over the graph, then the package. */
#include "api/calibrate.h"
#include "api/model.h"
#include "api/refused.h"

#include "base/clock.h"
#include "base/path.h"
#include "package/shipped.h"
#include "passes/pass.h"
#include "passes/report.h"
#include "quant/observe.h"
#include "quant/quant.h"

#include <string.h>

enum { DEFAULT_MIN_COMPRESS_ELEMS = 1024, MAX_WARNINGS = 1000 };

/* ---- where it comes from --------------------------------------------------------------------- */

qn_status qn_model_record_sources(qn_context *ctx, qn_model *model, qn_provenance *p) {
    const qn_graph *graph = model->graph;
    const char **names, **hashes;
    if (model->format == QN_FORMAT_QUERN || p->n_sources || !graph->n_sources)
        return QN_OK;
    QN_NEW_ARRAY(ctx, model->arena, names, graph->n_sources);
    QN_NEW_ARRAY(ctx, model->arena, hashes, graph->n_sources);
    QN_NEW_ARRAY(ctx, model->arena, p->hashes_made, graph->n_sources);
    for (int32_t i = 0; i < graph->n_sources; i++) {
        names[i] = qn_arena_strdup(model->arena, qn_path_name(graph->sources[i]));
        hashes[i] = p->hashes_made[i];
        if (!names[i])
            return qn_fail_memory(ctx, strlen(graph->sources[i]), "provenance");
    }
    p->source_names = names;
    p->source_hashes = hashes;
    p->source_paths = (const char *const *)graph->sources;
    p->n_sources = graph->n_sources;
    return QN_OK;
}

static qn_status make_provenance(qn_context *ctx, qn_model *model, const qn_convert_options *o) {
    qn_provenance *p = &model->provenance;
    p->quern_version = qn_version();
    if (o->recipe) {
        p->recipe = qn_arena_strdup(model->arena, o->recipe);
        if (!p->recipe)
            return qn_fail_memory(ctx, strlen(o->recipe), "the recipe");
    }
    if (o->licence) {
        p->licence = qn_arena_strdup(model->arena, o->licence);
        if (!p->licence)
            return qn_fail_memory(ctx, strlen(o->licence), "the licence");
    }
    if (!p->producer)
        p->producer = model->graph->producer;
    return qn_model_record_sources(ctx, model, p);
}

/* ---- what is said of it ------------------------------------------------------------------------ */

typedef struct warnings {
    qn_arena *arena;
    const char *list[MAX_WARNINGS];
    int32_t n;
} warnings;

static void keep_warning(void *user, const char *line) {
    warnings *w = user;
    char *copy = w->n < MAX_WARNINGS ? qn_arena_strdup(w->arena, line) : NULL;
    if (copy)
        w->list[w->n++] = copy;
}

static qn_status fill_report(qn_context *ctx, qn_model *model, const qn_pass_options *options,
                             const qn_pass_stat *stats, int32_t n_stats, const warnings *w, qn_convert_report *r) {
    qn_convert_row *rows;
    qn_convert_pass *passes;
    const char **lines;
    QN_TRY(qn_report_constants(ctx, model->arena, model->graph, options, &rows, &r->n_rows, &r->source_bytes));
    r->rows = rows;
    QN_NEW_ARRAY(ctx, model->arena, passes, n_stats + 1);
    for (int32_t i = 0; i < n_stats; i++)
        passes[i] = (qn_convert_pass){stats[i].name, stats[i].rewrites, stats[i].seconds};
    r->passes = passes;
    r->n_passes = n_stats;
    r->dropped = model->dropped;
    r->n_dropped = model->n_dropped;
    QN_NEW_ARRAY(ctx, model->arena, lines, w->n + 1);
    memcpy(lines, w->list, (size_t)w->n * sizeof *lines);
    r->warnings = lines;
    r->n_warnings = w->n;
    return QN_OK;
}

/* ---- the conversion ------------------------------------------------------------------------------ */

/* The first scheme that asks for calibration inputs, "" when none does. */
static qn_status find_compensated(qn_context *ctx, const qn_convert_options *o, const char **out) {
    *out = "";
    for (int32_t i = -1; i < o->n_weight_rules && !(*out)[0]; i++) {
        const char *text = i < 0 ? o->weights : o->weight_rules[i].scheme;
        qn_scheme scheme = {.compensation = QN_COMPENSATE_NONE};
        if (text)
            QN_TRY(qn_scheme_parse(ctx, text, &scheme));
        if (scheme.compensation != QN_COMPENSATE_NONE)
            *out = text;
    }
    return QN_OK;
}

static qn_status check_options(qn_context *ctx, const qn_convert_options *o) {
    const char *compensated;
    if (o->precision != QN_NONE && o->precision != QN_F32 && o->precision != QN_F16 && o->precision != QN_BF16)
        return qn_fail(ctx, QN_USAGE, "precision %s: a conversion is to float32, float16 or bfloat16",
                       qn_dtype_name(o->precision));
    const bool encodes = o->weights || o->n_weight_rules;
    qn_scheme scheme = {.encoding = QN_ENC_DENSE};
    qn_activation_scheme activations;
    for (int32_t i = 0; i < o->n_weight_rules; i++) {
        qn_scheme ruled;
        if (!o->weight_rules[i].pattern || !o->weight_rules[i].pattern[0])
            return qn_fail(ctx, QN_USAGE, "weight rule '=%s' has no pattern: NAME=SCHEME", o->weight_rules[i].scheme);
        QN_TRY(qn_scheme_parse(ctx, o->weight_rules[i].scheme, &ruled));
    }
    if (o->weights)
        QN_TRY(qn_scheme_parse(ctx, o->weights, &scheme));
    QN_TRY(find_compensated(ctx, o, &compensated));
    if (compensated[0] && !o->calibrate && !o->samples)
        return qn_fail(ctx, QN_USAGE, "weights %s need calibration inputs (--calibrate)", compensated);
    const bool adjusts = o->equalize != 0 || o->correct_bias;
    if (!(o->equalize >= 0 && o->equalize <= 1))
        return qn_fail(ctx, QN_USAGE, "equalize %g: a number from 0 to 1", o->equalize);
    if (adjusts && (!encodes || (!o->calibrate && !o->samples)))
        return qn_fail(ctx, QN_USAGE, "%s needs %s", o->equalize != 0 ? "equalize" : "bias correction",
                       encodes ? "calibration inputs (--calibrate)" : "weights that are encoded (--weights)");
    if (!o->activations)
        return QN_OK;
    QN_TRY(qn_activation_scheme_parse(ctx, o->activations, &activations));
    if (activations.is_static && !o->calibrate && !o->samples)
        return qn_fail(ctx, QN_USAGE, "activations %s need calibration inputs (--calibrate)", o->activations);
    if (!encodes || (o->n_weight_rules == 0 && (scheme.encoding != QN_ENC_AFFINE || scheme.code_dtype != QN_I8 || !scheme.symmetric ||
                                                scheme.block)))
        return qn_fail(ctx, QN_USAGE, "activations int8 need weights int8, int8:per_channel or int8:per_tensor, not %s",
                       o->weights ? o->weights : "weights in floating point");
    return QN_OK;
}

/* Samples have a say where a dtype has less range than float32, in static codes and in what weights are made to fit. */
static void tell_calibration(qn_context *ctx, const qn_convert_options *o) {
    const char *compensated;
    const bool is_static = o->activations && strncmp(o->activations, "int8:static", strlen("int8:static")) == 0;
    if (find_compensated(ctx, o, &compensated) != QN_OK || compensated[0])
        return;
    if ((is_static || o->equalize > 0 || o->correct_bias) && !o->no_passes)
        return;
    if (o->no_passes)
        qn_log(ctx, QN_LOG_INFO, "calibration: no passes run, nothing is decided by ranges");
    else if (o->precision == QN_BF16)
        qn_log(ctx, QN_LOG_INFO, "calibration: ranges decide nothing in bfloat16, whose range is that of float32");
    else if (o->precision != QN_F16)
        qn_log(ctx, QN_LOG_INFO, "calibration: ranges decide nothing in float32");
}

/* The package; without an encoding for weights that turn out to have none. */
static qn_status write(qn_context *ctx, qn_model *model, const qn_convert_options *o, const qn_pass_options *options, const char *path,
                       qn_write_stats *written) {
    for (;;) {
        qn_refused refused = {0};
        const qn_status status = (o->ship ? qn_package_write_shipped : qn_package_write)(ctx, model->graph, &model->provenance,
                                                                                         qn_refused_fill, &refused, path, written);
        if (status != QN_UNSUPPORTED || atomic_load(&refused.n) == 0)
            return status;
        QN_TRY(qn_refused_leave(ctx, model->arena, model->graph, options, &refused));
    }
}

static qn_status convert(qn_context *ctx, qn_model *model, const qn_convert_options *o, const char *path,
                         const qn_samples *samples, warnings *w, qn_convert_report *report) {
    qn_kept_nodes kept = {.arena = model->arena};
    const qn_pass_options options = {
        .keep_why = o->keep_why, .samples = samples, .kept = &kept,
        .precision = o->precision == QN_NONE ? QN_F32 : o->precision, .keep_fp32 = o->keep_fp32,
        .n_keep_fp32 = o->n_keep_fp32, .weights = o->weights, .weight_rules = o->weight_rules,
        .n_weight_rules = o->n_weight_rules, .activations = o->activations, .equalize = o->equalize, .correct_bias = o->correct_bias, .stop_after = o->stop_after,
        .min_compress_elems = o->min_compress_elems ? o->min_compress_elems : DEFAULT_MIN_COMPRESS_ELEMS};
    qn_pass_stat *stats = NULL;
    int32_t n_stats = 0;
    qn_write_stats written = {0};
    const double start = qn_clock_seconds();
    if (samples)
        tell_calibration(ctx, o);
    if (!o->no_passes)
        QN_TRY(qn_passes_run(ctx, model->graph, &options, &stats, &n_stats));
    QN_TRY(qn_report_patterns(ctx, model->graph, &options));
    QN_TRY(make_provenance(ctx, model, o));
    QN_TRY(write(ctx, model, o, &options, path, &written));
    QN_TRY(qn_model_describe(ctx, model));
    QN_TRY(fill_report(ctx, model, &options, stats, n_stats, w, report));
    QN_TRY(qn_model_weights(ctx, model, &report->weights, &report->n_weights));
    report->kept = kept.rows;
    report->n_kept = kept.n;
    report->package_bytes = written.package_bytes;
    report->shipped_bytes = written.shipped_bytes;
    report->seconds = qn_clock_seconds() - start;
    return QN_OK;
}

static qn_status convert_calibrated(qn_context *ctx, qn_model *model, const qn_convert_options *o, const char *path,
                                    warnings *w, qn_convert_report *report) {
    qn_calibration *calibration;
    QN_TRY(check_options(ctx, o));
    QN_TRY(qn_model_check_target(ctx, model, path));
    QN_TRY(qn_calibration_open(ctx, o, &calibration));
    qn_status status = convert(ctx, model, o, path, qn_calibration_samples(calibration), w, report);
    qn_calibration_destroy(calibration);
    return status;
}

qn_status qn_model_convert(qn_context *ctx, qn_model *model, const qn_convert_options *options, const char *path,
                           const qn_convert_report **report) {
    const qn_convert_options none = {0};
    qn_convert_report *made;
    warnings *w;
    qn_clear(ctx);
    QN_NEW(ctx, model->arena, made);
    QN_NEW(ctx, model->arena, w);
    w->arena = model->arena;
    qn_listen_warnings(ctx, keep_warning, w);
    qn_status status = convert_calibrated(ctx, model, options ? options : &none, path, w, made);
    qn_listen_warnings(ctx, NULL, NULL);
    if (status == QN_OK && report)
        *report = made;
    return status;
}

qn_status qn_package_check(qn_context *ctx, const char *path) {
    qn_clear(ctx);
    return qn_package_verify(ctx, path, NULL, NULL);
}

qn_status qn_package_unpack(qn_context *ctx, const char *source, const char *path, uint64_t *shipped_bytes,
                            uint64_t *package_bytes) {
    qn_clear(ctx);
    return qn_shipped_unpack(ctx, source, path, shipped_bytes, package_bytes);
}
