/* compensate_weights: codes of weights that make up for each other on calibration inputs.
 *
 * Before (weights=int8:gptq, first=compress_weights, samples=3, bound=3e-2):
 *     input  %x: float32[3,64]
 *     const  %w: float32[64,32] = random(1)
 *     const  %b: float32[32] = random(2)
 *     %y = Linear(%x, %w, %b)
 *     output %y
 * After:
 *     %y = Linear(%x, %codes, %b)
 * where %codes is %w as compress_weights said, its codes made (quant/gptq.h).
 *
 * Unchanged (nothing asks for it):
 *     input  %x: float32[3,64]
 *     const  %w: float32[64,8] = random(1)
 *     %y = Linear(%x, %w)
 *     output %y
 *
 * Of weights whose scheme says importance (or awq: passes/scale_salient_channels.c), the mean squares of the inputs they meet go into qn_encode_how.importance, and bytes are
 * made when the package is filled. Of those that say gptq, the products of the inputs with each other are collected, and the constant is
 * ready afterwards.
 *
 * Weights go in stages, in the order of the graph, of as many as their products take MOST_BYTES; the samples are run once for each, through
 * the weights as the stages before have stored them. A stage for each step that depends on the one before it, so that layers see what
 * all quantised layers before make, was measured too: the divergence of a language model of four blocks in 2, 3 and 4 bits came out within
 * 4 % of one stage for all, either way.
 *
 * Where gptq cannot be (a convolution over several places, pruned weights, palettes of vectors, a branch of If) a weight gets importance
 * or nothing, and the reason is recorded.
 */
#include "passes/compensate.h"

#include <string.h>

#include "passes/weights.h"
#include "quant/grid.h"

/* Room for the products of a stage: those of 3072 channels are 38 MB, so one stage serves many layers. Each costs a run over the samples. */
static const size_t MOST_BYTES = (size_t)512 << 20;

typedef struct compensator {
    qn_pass_run *run;
    qn_compensated *weights;
    int32_t n_weights, room;
    bool *seen;              /* by value id */
    qn_stat *stats;          /* of the stage */
    int32_t n_stats, stat_room;
} compensator;

/* ---- which -------------------------------------------------------------------------------------------------------- */

/* Does this use sum over `axis` of c, which all channels of what it meets index? */
static bool sums_over(const qn_use *use, const qn_const *c, int32_t axis, const qn_meets *m) {
    int32_t outputs;
    return m->input && qn_weight_axis(use->node, use->index, &outputs) && outputs != axis && m->n_channels / m->groups == c->dims[axis];
}

/* Downgrade what the weight gets. */
static void settle(qn_compensated *w, qn_compensation how, const char *reason) {
    if (how < w->how) {
        w->how = how;
        w->reason = reason;
    }
}

static void look_at_uses(const compensator *c, qn_compensated *w) {
    const qn_const *constant = w->value->constant;
    const int32_t axis = constant->how->importance_axis;
    const char *reason = "no reader multiplies it";
    int32_t n = 0;
    for (int32_t i = 0; i < w->value->n_uses; i++) {
        const qn_use *use = &w->value->uses[i];
        const qn_meets m = qn_weight_meets(use, constant);
        if (use->node->graph != c->run->graph) {
            reason = "in a branch: calibration does not see its inputs";
            continue;
        }
        if (!sums_over(use, constant, axis, &m)) {
            reason = m.reason[0] ? m.reason : "its readers sum over different axes";
            continue;
        }
        n++;
        if (!m.rows)
            settle(w, QN_COMPENSATE_IMPORTANCE, "importance only: its elements meet inputs of several places");
    }
    if (n == 0)
        settle(w, QN_COMPENSATE_NONE, reason);
}

static qn_status add_weight(compensator *c, qn_value *v) {
    if (!v || !v->constant || v->id >= qn_graph_value_bound(c->run->graph) || c->seen[v->id])
        return QN_OK;
    const qn_const *constant = v->constant;
    c->seen[v->id] = true;
    if (!constant->expr || constant->encoding == QN_ENC_DENSE || !constant->how ||
        constant->how->scheme.compensation == QN_COMPENSATE_NONE || constant->how->importance)
        return QN_OK;
    if (!c->run->options->samples)
        return qn_fail(c->run->ctx, QN_USAGE, "tensor '%s': %s needs calibration inputs (--calibrate)", constant->name,
                       constant->record ? constant->record->scheme : "its scheme");
    if (c->n_weights == c->room) {
        const int32_t room = c->room ? 2 * c->room : 64;
        c->weights = qn_arena_grow(c->run->scratch, c->weights, (size_t)c->n_weights, (size_t)room, sizeof *c->weights);
        if (!c->weights)
            return qn_fail_memory(c->run->ctx, 0, "weights");
        c->room = room;
    }
    qn_compensated *w = &c->weights[c->n_weights++];
    *w = (qn_compensated){.value = v, .how = constant->how->scheme.compensation, .reason = ""};
    if (w->how == QN_COMPENSATE_AWQ)
        w->how = QN_COMPENSATE_IMPORTANCE; /* factors have been moved before: scale_salient_channels */
    const char *fault = qn_grid_fault(constant);
    if (w->how == QN_COMPENSATE_GPTQ && fault)
        settle(w, QN_COMPENSATE_IMPORTANCE, qn_arena_printf(c->run->scratch, "importance only: %s", fault));
    if (w->how == QN_COMPENSATE_AWQ)
        settle(w, QN_COMPENSATE_IMPORTANCE, "importance only: awq is not in this version");
    look_at_uses(c, w);
    return w->reason ? QN_OK : qn_fail_memory(c->run->ctx, 0, "a reason");
}

static qn_status list_weights(compensator *c) {
    const qn_graph *graph = c->run->graph;
    QN_NEW_ARRAY(c->run->ctx, c->run->scratch, c->seen, qn_graph_value_bound(graph) + 1);
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_in; i++)
            QN_TRY(add_weight(c, node->in[i]));
    return QN_OK;
}

/* ---- stages ----------------------------------------------------------------------------------------------------------- */

/* The request for what a reader meets, shared with others of the same value. */
static qn_status add_stat(compensator *c, const qn_meets *m, unsigned flags) {
    if (c->n_stats == c->stat_room) {
        const int32_t room = c->stat_room ? 2 * c->stat_room : 64;
        c->stats = qn_arena_grow(c->run->scratch, c->stats, (size_t)c->n_stats, (size_t)room, sizeof *c->stats);
        if (!c->stats)
            return qn_fail_memory(c->run->ctx, 0, "statistics");
        c->stat_room = room;
    }
    c->stats[c->n_stats++] = (qn_stat){.value = m->input, .flags = flags, .axis = m->axis, .n_channels = m->n_channels};
    return QN_OK;
}

static bool same_request(const qn_stat *a, const qn_stat *b) {
    return a->value == b->value && a->axis == b->axis && a->n_channels == b->n_channels && a->flags == b->flags;
}

/* Requests of weight w; one that reads what the weight before it reads (as the three of an attention do) shares its results. */
static qn_status ask(compensator *c, qn_compensated *w, const qn_compensated *before) {
    const qn_const *constant = w->value->constant;
    const int32_t first = c->n_stats;
    w->stat = first;
    w->n_stats = 0;
    for (int32_t i = 0; w->how != QN_COMPENSATE_NONE && i < w->value->n_uses; i++) {
        const qn_use *use = &w->value->uses[i];
        const qn_meets m = qn_weight_meets(use, constant);
        if (use->node->graph == c->run->graph && sums_over(use, constant, constant->how->importance_axis, &m)) {
            QN_TRY(add_stat(c, &m, w->how == QN_COMPENSATE_IMPORTANCE ? QN_STAT_CHANNEL : QN_STAT_GRAM));
            w->n_stats++;
        }
    }
    bool same = before && before->n_stats == w->n_stats;
    for (int32_t i = 0; same && i < w->n_stats; i++)
        same = same_request(&c->stats[before->stat + i], &c->stats[first + i]);
    if (same) {
        c->n_stats = first;
        w->stat = before->stat;
    }
    return QN_OK;
}

static qn_status run_stage(compensator *c, int32_t begin, int32_t end) {
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(c->run->ctx, 0, "an arena");
    qn_status status = c->n_stats ? qn_statistics_collect(c->run, arena, c->stats, c->n_stats) : QN_OK;
    for (int32_t i = begin; i < end && status == QN_OK; i++)
        status = qn_compensate_weight(c->run, &c->weights[i], c->stats + c->weights[i].stat);
    qn_arena_destroy(arena);
    return status;
}

static qn_status run_stages(compensator *c) {
    for (int32_t begin = 0, end; begin < c->n_weights; begin = end) {
        c->n_stats = 0;
        for (end = begin; end < c->n_weights; end++) {
            const int32_t before = c->n_stats;
            QN_TRY(ask(c, &c->weights[end], end > begin ? &c->weights[end - 1] : NULL));
            if (end > begin && qn_statistics_bytes(c->stats, c->n_stats) > MOST_BYTES) {
                c->n_stats = before;
                break;
            }
        }
        qn_log(c->run->ctx, QN_LOG_INFO, "%s: weights %d to %d of %d", c->run->pass, begin + 1, end, c->n_weights);
        QN_TRY(run_stage(c, begin, end));
    }
    return QN_OK;
}

qn_status qn_pass_compensate_weights(qn_pass_run *run) {
    compensator c = {.run = run};
    QN_TRY(list_weights(&c));
    return c.n_weights ? run_stages(&c) : QN_OK;
}
