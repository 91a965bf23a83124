/* The search: passes, the weights to choose for, their costs, the best choice under the bounds, and the whole of it measured. */
#include "api/tune.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "quant/quant.h"

/* From 8 bits to 2, each the best of its size on real weights (docs/compression.md). */
static const char *const g_schemes[] = {"int8:block=16:scale=uint6:super=bf16/32:mse", "palette6:block=16:scale=int6:super=bf16/32",
                                        "palette5:block=16:scale=int6:super=bf16/32", "palette4:block=16:scale=int6:super=bf16/32",
                                        "palette4:block=64:scale=int6:super=bf16/32", "palette3:block=16:scale=int6:super=bf16/32",
                                        "palette5:vector=2:block=64:scale=uint6:super=bf16/32"};
enum { N_DEFAULT = sizeof g_schemes / sizeof *g_schemes, MAX_TRIES = 12, N_CURVE = 24 };
/* A package's records beside the bytes of its weights: model.pb, headers and alignment of each entry. */
enum { ENTRY_BYTES = 64 + 128, NODE_BYTES = 256 };

/* ---- what is asked --------------------------------------------------------------------------------------------- */

static qn_status check_options(qn_context *ctx, const qn_tune_options *o) {
    if (!o->calibrate)
        return qn_fail(ctx, QN_USAGE, "a search needs calibration inputs");
    if (!(o->max_bytes > 0) && isnan(o->max_kl) && isnan(o->min_cosine) && isnan(o->min_sqnr))
        return qn_fail(ctx, QN_USAGE, "a search needs a bound: a size, a divergence, a cosine or an SQNR");
    if (o->max_kl < 0 || o->min_cosine > 1)
        return qn_fail(ctx, QN_USAGE, "no package can have a divergence under 0 or a cosine over 1");
    return QN_OK;
}

static qn_status parse_schemes(qn_tuner *t) {
    const qn_tune_options *o = t->options;
    const char *const *texts = o->n_schemes ? o->schemes : g_schemes;
    const int32_t n = o->n_schemes ? o->n_schemes : N_DEFAULT;
    QN_NEW_ARRAY(t->ctx, t->model->arena, t->schemes, n + 1);
    t->schemes[0].text = "none";
    QN_TRY(qn_scheme_parse(t->ctx, "none", &t->schemes[0].scheme));
    t->n_schemes = 1;
    for (int32_t i = 0; i < n; i++) {
        qn_tune_scheme *s = &t->schemes[t->n_schemes];
        QN_TRY(qn_scheme_parse(t->ctx, texts[i], &s->scheme));
        if (s->scheme.compensation != QN_COMPENSATE_NONE)
            return qn_fail(t->ctx, QN_USAGE, "weight scheme '%s': a search measures schemes without compensation", texts[i]);
        s->text = qn_scheme_text(t->model->arena, &s->scheme);
        if (!s->text)
            return qn_fail_memory(t->ctx, 0, "a scheme");
        t->n_schemes += s->scheme.encoding != QN_ENC_DENSE;
    }
    return QN_OK;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

static qn_status gather(qn_tuner *t) {
    const qn_value **list;
    int32_t n;
    QN_TRY(qn_graph_constants(t->ctx, t->model->arena, t->model->graph, &list, &n));
    QN_NEW_ARRAY(t->ctx, t->model->arena, t->weights, n + 1);
    for (int32_t i = 0; i < n; i++) {
        qn_tune_weight w = {.value = (qn_value *)(uintptr_t)list[i], .dense = list[i]->constant};
        QN_TRY(qn_weight_look(t->ctx, t->model->arena, &t->passes, list[i], &w.weight));
        t->other_bytes += ENTRY_BYTES;
        if (w.weight.is_weight && w.dense->encoding == QN_ENC_DENSE)
            t->weights[t->n_weights++] = w;
        else
            t->other_bytes += (double)qn_const_bytes(w.dense);
    }
    for (const qn_node *node = t->model->graph->first; node; node = node->next)
        t->other_bytes += NODE_BYTES;
    QN_NEW_ARRAY(t->ctx, t->model->arena, t->cells, (size_t)t->n_weights * (size_t)t->n_schemes + 1);
    return t->n_weights ? QN_OK : qn_fail(t->ctx, QN_UNSUPPORTED, "%s has no weights to choose for", t->model->path);
}

static void add_hash(qn_hash *all, qn_hash more) {
    const uint64_t both[] = {all->low, all->high, more.low, more.high};
    *all = qn_hash_bytes(both, sizeof both);
}
static void add_text(qn_hash *all, const char *text) { add_hash(all, qn_hash_bytes(text, strlen(text))); }

/* Says of what costs are: other weights, inputs, outputs or bounds have others. */
static qn_status state_key(const qn_tuner *t, char key[160]) {
    static const char *const metrics[] = {"kl", "cosine", "noise"};
    qn_hash all = qn_hash_bytes(t->options->calibrate, strlen(t->options->calibrate));
    const qn_graph *graph = t->model->graph;
    char text[64];
    add_text(&all, t->options->logits ? t->options->logits : "");
    for (int32_t i = 0; i < t->options->n_keep_fp32; i++)
        add_text(&all, t->options->keep_fp32[i]);
    for (int32_t i = 0; i < graph->n_sources; i++) {
        qn_hash one;
        QN_TRY(qn_hash_file(t->ctx, graph->sources[i], &one));
        add_hash(&all, one);
    }
    qn_hash_format(all, text);
    snprintf(key, 160, "%s %s %s %" PRId32, text, metrics[t->metric], qn_dtype_name(t->passes.precision), qn_judge_samples(t->judge));
    return QN_OK;
}

/* ---- a choice for all ------------------------------------------------------------------------------------------- */

/* The graph as `chosen` says; parts in `arena`. */
static qn_status apply(qn_tuner *t, qn_arena *arena, const int32_t *chosen) {
    for (int32_t i = 0; i < t->n_weights; i++) {
        qn_tune_weight *w = &t->weights[i];
        qn_const *encoded = w->dense;
        if (chosen[i] > 0)
            QN_TRY(qn_tune_encode(t, arena, w, &t->schemes[chosen[i]], &encoded));
        if (!encoded)
            return qn_fail(t->ctx, QN_UNSUPPORTED, "tensor '%s' cannot be %s", w->dense->name, t->schemes[chosen[i]].text);
        w->value->constant = encoded;
    }
    return QN_OK;
}

static void restore(qn_tuner *t) {
    for (int32_t i = 0; i < t->n_weights; i++)
        t->weights[i].value->constant = t->weights[i].dense;
}

/* The whole of a choice on all samples. */
static qn_status judge_choice(qn_tuner *t, const int32_t *chosen, qn_quality *out) {
    qn_arena *arena = qn_arena_create();
    qn_status status = arena ? apply(t, arena, chosen) : qn_fail_memory(t->ctx, 0, "an arena");
    if (status == QN_OK)
        status = qn_judge_run(t->ctx, t->judge, out);
    restore(t);
    qn_arena_destroy(arena);
    return status;
}

static double bytes_of(const qn_tuner *t, const int32_t *chosen) {
    double sum = t->other_bytes;
    for (int32_t i = 0; i < t->n_weights; i++)
        sum += t->cells[(size_t)i * (size_t)t->n_schemes + (size_t)chosen[i]].bytes;
    return sum;
}

/* Are the bounds of quality kept? */
static bool is_kept(const qn_tune_options *o, const qn_quality *q) {
    return !(!isnan(o->max_kl) && !(q->kl <= o->max_kl)) && !(!isnan(o->min_cosine) && !(q->cosine >= o->min_cosine)) &&
           !(!isnan(o->min_sqnr) && !(q->noise <= pow(10, -o->min_sqnr / 10)));
}

static bool bounds_quality(const qn_tune_options *o) { return !isnan(o->max_kl) || !isnan(o->min_cosine) || !isnan(o->min_sqnr); }

/* The bound in the metric of costs; INFINITY: that metric has none. */
static double cost_bound(const qn_tuner *t) {
    const qn_tune_options *o = t->options;
    const double bounds[] = {[QN_TUNE_KL] = o->max_kl, [QN_TUNE_COSINE] = 1 - o->min_cosine, [QN_TUNE_NOISE] = pow(10, -o->min_sqnr / 10)};
    return isnan(bounds[t->metric]) ? (double)INFINITY : bounds[t->metric];
}

static qn_status assign(qn_tuner *t, double max_bytes, double max_cost, int32_t *chosen, bool *fits) {
    bool memory;
    *fits = qn_assign(t->cells, t->n_weights, t->n_schemes, max_bytes, max_cost, chosen, NULL, &memory);
    return memory ? qn_fail_memory(t->ctx, 0, "a choice") : QN_OK;
}

/* The smallest choice whose whole keeps the bounds. Single costs do not quite add up, so the bound that choices are worked out with is
 * moved, by the ratio of the two, until the whole fits closely. */
static qn_status search_quality(qn_tuner *t, int32_t *best, qn_quality *quality, bool *found) {
    const double bound = cost_bound(t);
    double target = bound, below = 0, above = (double)INFINITY, size = (double)INFINITY;
    int32_t *chosen;
    QN_NEW_ARRAY(t->ctx, t->model->arena, chosen, t->n_weights + 1);
    for (int32_t i = 0; i < t->n_weights; i++)
        best[i] = 0; /* all as they are */
    *found = false;
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        qn_quality q;
        bool fits;
        QN_TRY(assign(t, -1, target, chosen, &fits));
        QN_TRY(judge_choice(t, chosen, &q));
        const double cost = qn_tune_cost(t, &q);
        const bool kept = is_kept(t->options, &q);
        qn_log(t->ctx, QN_LOG_INFO, "tune: %.0f bytes cost %.6g, sum of single costs at most %.6g", bytes_of(t, chosen), cost, target);
        if (kept && bytes_of(t, chosen) < size) {
            size = bytes_of(t, chosen);
            memcpy(best, chosen, (size_t)t->n_weights * sizeof *best);
            *quality = q;
            *found = true;
        }
        if (kept)
            below = target;
        else
            above = target;
        if ((kept && cost > 0.9 * bound) || !(bound > 0) || (isfinite(above) && above - below < 0.03 * above))
            break;
        const double guess = cost > 0 && isfinite(cost) ? target * 0.97 * bound / cost : 2 * target;
        target = guess > below && guess < above ? guess : isfinite(above) ? 0.5 * (below + above) : 4 * target;
    }
    if (!*found) { /* even the least change is too much: nothing at all is changed */
        memset(chosen, 0, (size_t)t->n_weights * sizeof *chosen);
        QN_TRY(judge_choice(t, chosen, quality));
        *found = is_kept(t->options, quality);
    }
    return QN_OK;
}

static qn_status cannot_be(const qn_tuner *t, const qn_quality *q, double bytes) {
    const qn_tune_options *o = t->options;
    return qn_fail(t->ctx, QN_BOUND, "the bounds cannot be met: %.0f bytes (at most %.0f), KL %.6g (%.6g), cosine %.8f (%.8f), SQNR %.2f dB (%.2f)",
                   bytes, o->max_bytes, q->kl, o->max_kl, q->cosine, o->min_cosine, -10 * log10(q->noise), o->min_sqnr);
}

/* The best choice within max_bytes less `spare`; bounds of quality must hold as well. */
static qn_status search_size(qn_tuner *t, double spare, int32_t *best, qn_quality *quality) {
    const double room = t->options->max_bytes - t->other_bytes - spare;
    bool fits;
    QN_TRY(assign(t, room > 0 ? room : 0, 0, best, &fits));
    QN_TRY(judge_choice(t, best, quality));
    if (!fits || !is_kept(t->options, quality))
        return cannot_be(t, quality, bytes_of(t, best));
    return QN_OK;
}

/* ---- what is written ---------------------------------------------------------------------------------------------- */

static qn_status write_package(qn_tuner *t, const char *path, qn_write_stats *written) {
    qn_provenance *p = &t->model->provenance;
    p->quern_version = qn_version();
    p->recipe = t->options->recipe;
    if (t->options->licence)
        p->licence = t->options->licence;
    if (!p->producer)
        p->producer = t->model->graph->producer;
    QN_TRY(qn_model_record_sources(t->ctx, t->model, p));
    return qn_package_write(t->ctx, t->model->graph, p, qn_fill_const, NULL, path, written);
}

/* Under a size: what a package takes beside its weights is known when it is written, so the room is made smaller by what it was over. The
 * package is written beside its place and takes it when it fits. */
static qn_status write_within(qn_tuner *t, const char *path, int32_t *chosen, qn_quality *quality, uint64_t *bytes) {
    double spare = 0;
    qn_write_stats written = {0};
    char *beside = qn_arena_printf(t->model->arena, "%s.tuning", path);
    if (!beside)
        return qn_fail_memory(t->ctx, strlen(path), "a path");
    for (int tries = 0;; tries++) {
        if (tries > 0)
            QN_TRY(search_size(t, spare, chosen, quality));
        QN_TRY(apply(t, t->model->arena, chosen));
        QN_TRY(write_package(t, beside, &written));
        *bytes = written.package_bytes;
        const double over = t->options->max_bytes > 0 ? (double)written.package_bytes - t->options->max_bytes : 0;
        if (over <= 0)
            return rename(beside, path) == 0 ? QN_OK : (remove(beside), qn_fail(t->ctx, QN_SYSTEM, "%s: %s", path, strerror(errno)));
        remove(beside);
        restore(t);
        if (tries == MAX_TRIES || !(t->options->max_bytes > 0))
            return cannot_be(t, quality, (double)written.package_bytes);
        spare += over + 64;
    }
}

/* ---- the curve ------------------------------------------------------------------------------------------------------ */

static qn_status draw(qn_tuner *t, const int32_t *best, const qn_quality *quality, qn_tune_report *r) {
    qn_tune_point *points;
    int32_t *chosen, n = 0;
    QN_NEW_ARRAY(t->ctx, t->model->arena, points, t->n_schemes + N_CURVE + 1);
    QN_NEW_ARRAY(t->ctx, t->model->arena, chosen, t->n_weights + 1);
    for (int32_t k = 1; k < t->n_schemes; k++) { /* one scheme for all that can have it */
        qn_quality q;
        for (int32_t i = 0; i < t->n_weights; i++)
            chosen[i] = isfinite(t->cells[(size_t)i * (size_t)t->n_schemes + (size_t)k].cost) ? k : 0;
        QN_TRY(judge_choice(t, chosen, &q));
        points[n++] = (qn_tune_point){t->schemes[k].text, bytes_of(t, chosen), qn_tune_cost(t, &q)};
    }
    double least = (double)INFINITY, most = 0;
    for (int32_t k = 0; k < n; k++) {
        least = points[k].bytes < least ? points[k].bytes : least;
        most = points[k].bytes > most ? points[k].bytes : most;
    }
    for (int k = 0; k < N_CURVE; k++) {
        bool fits, memory;
        qn_choice total;
        const double room = least + (most - least) * k / (N_CURVE - 1) - t->other_bytes;
        fits = qn_assign(t->cells, t->n_weights, t->n_schemes, room, 0, chosen, &total, &memory);
        if (memory)
            return qn_fail_memory(t->ctx, 0, "a curve");
        if (fits)
            points[n++] = (qn_tune_point){"", total.bytes + t->other_bytes, total.cost};
    }
    points[n++] = (qn_tune_point){"tuned", bytes_of(t, best), qn_tune_cost(t, quality)};
    r->points = points;
    r->n_points = n;
    return QN_OK;
}

static qn_status report(qn_tuner *t, const int32_t *chosen, const qn_quality *quality, qn_tune_report *r) {
    static const char *const metrics[] = {"kl", "cosine", "noise"};
    qn_tune_choice *rows;
    QN_NEW_ARRAY(t->ctx, t->model->arena, rows, t->n_weights + 1);
    for (int32_t i = 0; i < t->n_weights; i++) {
        const qn_choice *cell = &t->cells[(size_t)i * (size_t)t->n_schemes + (size_t)chosen[i]];
        rows[i] = (qn_tune_choice){t->weights[i].value->name, t->schemes[chosen[i]].text, cell->bytes, cell->cost};
    }
    r->metric = metrics[t->metric];
    r->choices = rows;
    r->n_choices = t->n_weights;
    r->measured = t->measured;
    r->resumed = t->resumed;
    r->kl = quality->kl;
    r->cosine = quality->cosine;
    r->sqnr_db = -10 * log10(quality->noise);
    return QN_OK;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

static qn_status search(qn_tuner *t, const char *path, qn_tune_report *r) {
    qn_quality quality;
    int32_t *chosen;
    bool found = false;
    QN_NEW_ARRAY(t->ctx, t->model->arena, chosen, t->n_weights + 1);
    QN_TRY(qn_tune_measure(t));
    if (t->options->max_bytes > 0) {
        QN_TRY(search_size(t, 0, chosen, &quality));
    } else {
        QN_TRY(search_quality(t, chosen, &quality, &found));
        if (!found)
            return cannot_be(t, &quality, bytes_of(t, chosen));
    }
    QN_TRY(draw(t, chosen, &quality, r));
    if (path)
        QN_TRY(write_within(t, path, chosen, &quality, &r->package_bytes));
    QN_TRY(report(t, chosen, &quality, r));
    return qn_model_describe(t->ctx, t->model);
}

static qn_status tune(qn_tuner *t, const qn_samples *samples, const char *path, qn_tune_report *r) {
    const qn_tune_options *o = t->options;
    qn_kept_nodes kept = {.arena = t->model->arena};
    char key[160];
    t->passes = (qn_pass_options){.precision = o->precision == QN_NONE ? QN_F32 : o->precision, .keep_fp32 = o->keep_fp32,
                                  .n_keep_fp32 = o->n_keep_fp32, .samples = samples, .kept = &kept,
                                  .min_compress_elems = o->min_compress_elems};
    t->metric = !isnan(o->max_kl) ? QN_TUNE_KL : !isnan(o->min_cosine) ? QN_TUNE_COSINE : QN_TUNE_NOISE;
    QN_TRY(parse_schemes(t));
    QN_TRY(qn_passes_run(t->ctx, t->model->graph, &t->passes, NULL, NULL));
    QN_TRY(gather(t));
    QN_TRY(qn_judge_create(t->ctx, t->model->graph, samples, o->logits, &t->judge));
    if (!isnan(o->max_kl) && !qn_judge_has_logits(t->judge))
        return qn_fail(t->ctx, QN_USAGE, "the model has no output that could be logits: give cosine or SQNR as bound");
    if (!bounds_quality(o) && qn_judge_has_logits(t->judge) && o->logits)
        t->metric = QN_TUNE_KL;
    QN_TRY(state_key(t, key));
    if (o->state)
        QN_TRY(qn_tune_state_open(t->ctx, o->state, key, &t->state));
    return search(t, path, r);
}

qn_status qn_model_tune(qn_context *ctx, qn_model *model, const qn_tune_options *options, const char *path, const qn_tune_report **out) {
    qn_tuner t = {.ctx = ctx, .model = model, .options = options};
    qn_calibration *calibration = NULL;
    qn_tune_report *made;
    qn_clear(ctx);
    QN_TRY(check_options(ctx, options));
    if (path)
        QN_TRY(qn_model_check_target(ctx, model, path));
    QN_NEW(ctx, model->arena, made);
    const qn_convert_options inputs = {.calibrate = options->calibrate};
    QN_TRY(qn_calibration_open(ctx, &inputs, &calibration));
    qn_status status = tune(&t, qn_calibration_samples(calibration), path, made);
    qn_tune_state_destroy(t.state);
    qn_judge_destroy(t.judge);
    qn_calibration_destroy(calibration);
    if (status == QN_OK && out)
        *out = made;
    return status;
}
