#include "passes/statistics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/pool.h"
#include "kernels/gemm/gemm.h"
#include "kernels/ref/convert.h"
#include "run/session.h"
#include "run/step.h"

/** Elements a piece of a parallel loop looks at; channels of one; rows of the Gram matrix made at once. */
enum { PIECE = 1 << 15, CHANNELS = 16, GRAM_ROWS = 256 };

typedef struct extremes {
    float least, largest;
    bool finite;
} extremes;

typedef struct collector {
    qn_context *ctx;
    qn_arena *arena;
    qn_stat *stats;
    int32_t n;
    int32_t *first;        /* by value id: 1 + the first request that its bytes serve, 0: none */
    int32_t *next;         /* [n]: the same for the request after, of the same bytes */
    uint32_t n_values;
    int64_t *counts;       /* [threads][QN_HISTOGRAM_BINS], when there is a histogram */
    int n_threads;
    const qn_value *bad;   /* that has a number that is not finite, in the sample under way */
    qn_status status;
} collector;

/** The tensor as rows of one request: element (o, c, i) at (o C + c) inner + i. */
typedef struct view {
    const float *x;
    int64_t n, outer, channels, inner;
} view;

/* ---- all elements ------------------------------------------------------------------------------------- */

typedef struct scan {
    const float *x;
    int64_t n;
    extremes *pieces;
    const qn_histogram *h;
    int64_t *counts;
} scan;

static void scan_extremes(void *arg, int64_t begin, int64_t end, int worker) {
    const scan *s = arg;
    (void)worker;
    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t from = piece * PIECE, to = from + PIECE < s->n ? from + PIECE : s->n;
        extremes e = {s->x[from], s->x[from], true};
        float zero = 0; /* stays 0 but for a number that is not finite */
        for (int64_t i = from; i < to; i++) {
            const float x = s->x[i];
            e.least = x < e.least ? x : e.least;
            e.largest = x > e.largest ? x : e.largest;
            zero += x * 0.0f;
        }
        e.finite = zero == 0.0f;
        s->pieces[piece] = e;
    }
}

static void scan_counts(void *arg, int64_t begin, int64_t end, int worker) {
    const scan *s = arg;
    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t from = piece * PIECE, n = from + PIECE < s->n ? PIECE : s->n - from;
        qn_histogram_count(s->h, s->x + from, n, s->counts + (int64_t)worker * QN_HISTOGRAM_BINS);
    }
}

static qn_status find_extremes(collector *c, const float *x, int64_t n, extremes *out) {
    const int64_t n_pieces = (n + PIECE - 1) / PIECE;
    extremes *pieces = qn_scratch_take(c->ctx, (size_t)n_pieces * sizeof *pieces);
    if (!pieces)
        return qn_fail_memory(c->ctx, (size_t)n_pieces * sizeof *pieces, "a range");
    scan s = {.x = x, .n = n, .pieces = pieces};
    qn_parallel_for(c->ctx, n_pieces, 1, scan_extremes, &s);
    *out = pieces[0];
    for (int64_t i = 1; i < n_pieces; i++) {
        out->least = pieces[i].least < out->least ? pieces[i].least : out->least;
        out->largest = pieces[i].largest > out->largest ? pieces[i].largest : out->largest;
        out->finite = out->finite && pieces[i].finite;
    }
    qn_scratch_give(c->ctx, pieces);
    return QN_OK;
}

static void add_range(qn_stat *s, const extremes *e) {
    const float keep = QN_STAT_MOMENTUM, take = 1.0f - QN_STAT_MOMENTUM;
    const bool is_first = s->n_samples == 0;
    s->moving_least = is_first ? e->least : keep * s->moving_least + take * e->least;
    s->moving_largest = is_first ? e->largest : keep * s->moving_largest + take * e->largest;
    s->least = is_first || e->least < s->least ? e->least : s->least;
    s->largest = is_first || e->largest > s->largest ? e->largest : s->largest;
}

static void add_histogram(collector *c, qn_stat *s, const view *v, const extremes *e) {
    qn_histogram *h = s->histogram;
    scan job = {.x = v->x, .n = v->n, .h = h, .counts = c->counts};
    qn_histogram_cover(h, e->least, e->largest);
    memset(c->counts, 0, (size_t)c->n_threads * QN_HISTOGRAM_BINS * sizeof *c->counts);
    qn_parallel_for(c->ctx, (v->n + PIECE - 1) / PIECE, 1, scan_counts, &job);
    for (int64_t t = 0; t < c->n_threads; t++)
        for (int64_t i = 0; i < QN_HISTOGRAM_BINS; i++)
            h->counts[i] += c->counts[t * QN_HISTOGRAM_BINS + i];
    h->n += v->n;
}

/* ---- by channel ---------------------------------------------------------------------------------------- */

typedef struct channel_job {
    const view *v;
    qn_stat *s;
} channel_job;

static void add_run(qn_stat *s, int64_t c, const float *x, int64_t n) {
    float largest = s->channel_max[c];
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        const double value = (double)x[i];
        const float magnitude = fabsf(x[i]);
        largest = magnitude > largest ? magnitude : largest;
        sum += value;
        squares += value * value;
    }
    s->channel_max[c] = largest;
    s->channel_sum[c] += sum;
    s->channel_squares[c] += squares;
}

static void add_channels(void *arg, int64_t begin, int64_t end, int worker) {
    const channel_job *j = arg;
    const view *v = j->v;
    (void)worker;
    for (int64_t o = 0; o < v->outer; o++)
        for (int64_t c = begin; c < end; c++)
            add_run(j->s, c, v->x + (o * v->channels + c) * v->inner, v->inner);
}

/** gram[i, j] += sum over rows of x_i x_j, j >= i but for the corner of a panel. */
static qn_status add_gram(collector *c, qn_stat *s, const view *v) {
    const bool rows = v->inner == 1;
    const int64_t K = v->channels, n_products = rows ? 1 : v->outer, depth = rows ? v->outer : v->inner;
    const int64_t step = rows ? 1 : v->inner, k_step = rows ? K : 1;
    for (int64_t p = 0; p < n_products; p++)
        for (int64_t i = 0; i < K; i += GRAM_ROWS) {
            qn_gemm g = qn_gemm_make(K - i < GRAM_ROWS ? K - i : GRAM_ROWS, K - i, depth);
            const float *x = v->x + p * K * v->inner + i * step;
            g.a = g.b = (qn_operand){.data = x, .dtype = QN_F32, .x_stride = step, .k_stride = k_step};
            g.c.data = s->gram + i * K + i;
            g.c.dtype = QN_F32;
            g.c.row_stride = K;
            g.c.residual = (qn_addend){.data = g.c.data, .dtype = QN_F32, .row_stride = K, .col_stride = 1};
            QN_TRY(qn_gemm_run(c->ctx, &g));
        }
    return QN_OK;
}

static void mirror_gram(qn_stat *s) {
    const int64_t K = s->n_channels;
    for (int64_t i = 0; i < K; i++)
        for (int64_t j = 0; j < i; j++)
            s->gram[i * K + j] = s->gram[j * K + i];
}

/* ---- one value -------------------------------------------------------------------------------------------- */

static int64_t product(const int64_t *dims, int32_t from, int32_t to) {
    int64_t n = 1;
    for (int32_t i = from; i < to; i++)
        n *= dims[i];
    return n;
}

/** Elements of the dimensions [from, to) of a type; -1 when they are not known. */
static int64_t known_product(const qn_type *type, int32_t from, int32_t to) {
    int64_t n = 1;
    for (int32_t i = from; i < to; i++) {
        if (!qn_dim_is_const(type->dims[i]))
            return -1;
        n *= type->dims[i];
    }
    return n;
}

/** How the bytes of `t` lie under the shape of the value asked for, which is t's own unless it is a view of it. */
static bool lay_out(const qn_stat *s, const qn_value *told, const qn_tensor *t, view *v) {
    const int32_t rank = told == s->value ? t->rank : s->value->type.rank;
    const int32_t axis = s->axis < 0 ? s->axis + rank : s->axis;
    v->channels = s->n_channels;
    if (axis < 0 || axis >= rank || s->n_channels <= 0 || v->n % s->n_channels != 0)
        return false;
    if (told == s->value) {
        v->inner = product(t->dims, axis + 1, rank);
        v->outer = product(t->dims, 0, axis);
        return t->dims[axis] == s->n_channels;
    }
    const int64_t inner = known_product(&s->value->type, axis + 1, rank), outer = known_product(&s->value->type, 0, axis);
    v->inner = inner > 0 ? inner : outer > 0 ? v->n / s->n_channels / outer : 0;
    v->outer = v->inner > 0 ? v->n / s->n_channels / v->inner : 0;
    return v->outer * v->inner * v->channels == v->n;
}

static qn_status add(collector *c, qn_stat *s, const qn_value *told, const qn_tensor *t, view *v, const extremes *e) {
    const bool by_channel = s->flags & (QN_STAT_CHANNEL | QN_STAT_GRAM);
    if (by_channel && !lay_out(s, told, t, v))
        return QN_OK;
    if (!e->finite) {
        c->bad = s->value;
        return QN_OK;
    }
    add_range(s, e);
    s->n_samples++;
    if (by_channel)
        s->n_rows += v->outer * v->inner;
    if (s->flags & QN_STAT_HISTOGRAM)
        add_histogram(c, s, v, e);
    channel_job job = {v, s};
    if (s->flags & QN_STAT_CHANNEL)
        qn_parallel_for(c->ctx, s->n_channels, CHANNELS, add_channels, &job);
    return s->flags & QN_STAT_GRAM ? add_gram(c, s, v) : QN_OK;
}

static qn_status look(collector *c, const qn_value *value, const qn_tensor *t) {
    extremes e = {0};
    const bool is_wide = t->dtype == QN_F32;
    view v = {.n = (int64_t)(t->n_bytes / qn_dtype_bytes(t->dtype))};
    if (v.n == 0)
        return QN_OK;
    float *wide = is_wide ? NULL : qn_scratch_take(c->ctx, (size_t)v.n * sizeof *wide);
    if (!is_wide && !wide)
        return qn_fail_memory(c->ctx, (size_t)v.n * sizeof *wide, value->name);
    if (!is_wide)
        qn_convert(t->dtype, t->data, QN_F32, wide, v.n);
    v.x = is_wide ? t->data : wide;
    qn_status status = find_extremes(c, v.x, v.n, &e);
    for (int32_t i = c->first[value->id]; i && status == QN_OK; i = c->next[i - 1])
        status = add(c, &c->stats[i - 1], value, t, &v, &e);
    if (wide)
        qn_scratch_give(c->ctx, wide);
    return status;
}

static void observe(void *user, const qn_value *value, const qn_tensor *t) {
    collector *c = user;
    if (value->id < c->n_values && c->first[value->id] && t->data && qn_is_real(t->dtype) && c->status == QN_OK && !c->bad)
        c->status = look(c, value, t);
}

/* ---- samples ---------------------------------------------------------------------------------------------- */

static qn_status run_sample(collector *c, const qn_samples *samples, const qn_graph *graph, qn_session *session, int32_t index,
                            qn_tensor *inputs, qn_tensor *outputs) {
    const char *name = NULL;
    QN_TRY(qn_check_cancel(c->ctx));
    QN_TRY(samples->load(c->ctx, samples->user, index, graph, inputs, &name));
    qn_log(c->ctx, QN_LOG_INFO, "calibration: %s (%" PRId32 " of %" PRId32 ")", name, index + 1, samples->n);
    qn_status status = qn_session_run(session, inputs, graph->n_inputs, outputs, graph->n_outputs);
    if (status != QN_OK)
        return qn_fail_in(c->ctx, status, "calibration input %s", name);
    for (int32_t i = 0; i < graph->n_inputs; i++)
        observe(c, graph->inputs[i].value, &inputs[i]);
    QN_TRY(c->status);
    if (c->bad)
        return qn_fail(c->ctx, QN_USAGE, "calibration input %s makes numbers of '%s' that are not finite", name, c->bad->name);
    return QN_OK;
}

static qn_status run_samples(collector *c, const qn_samples *samples, const qn_graph *graph, qn_session *session) {
    qn_tensor *inputs, *outputs;
    QN_NEW_ARRAY(c->ctx, c->arena, inputs, graph->n_inputs + 1);
    QN_NEW_ARRAY(c->ctx, c->arena, outputs, graph->n_outputs + 1);
    for (int32_t i = 0; i < samples->n; i++)
        QN_TRY(run_sample(c, samples, graph, session, i, inputs, outputs));
    return QN_OK;
}

/* ---- requests -------------------------------------------------------------------------------------------- */

/** Bytes of the results of one request. */
static bool bytes_of(const qn_stat *s, size_t *out) {
    const size_t channels = s->n_channels > 0 ? (size_t)s->n_channels : 0;
    size_t gram = 0, by_channel = 0;
    if ((s->flags & QN_STAT_GRAM) && !(qn_mul_size(channels, channels, &gram) && qn_mul_size(gram, sizeof(float), &gram)))
        return false;
    if ((s->flags & QN_STAT_CHANNEL) && !qn_mul_size(channels, sizeof(float) + 2 * sizeof(double), &by_channel))
        return false;
    return qn_add_size(gram, by_channel, out) && qn_add_size(*out, s->flags & QN_STAT_HISTOGRAM ? sizeof(qn_histogram) : 0, out);
}

size_t qn_statistics_bytes(const qn_stat *stats, int32_t n) {
    size_t sum = 0, one;
    for (int32_t i = 0; i < n; i++)
        if (!bytes_of(&stats[i], &one) || !qn_add_size(sum, one, &sum))
            return SIZE_MAX;
    return sum;
}

static qn_status make_room(collector *c, qn_stat *s) {
    size_t bytes;
    if (!bytes_of(s, &bytes))
        return qn_fail_memory(c->ctx, SIZE_MAX, "statistics");
    s->n_samples = s->n_rows = 0;
    if (s->flags & QN_STAT_HISTOGRAM) {
        QN_NEW(c->ctx, c->arena, s->histogram);
        if (!c->counts)
            QN_NEW_ARRAY(c->ctx, c->arena, c->counts, (size_t)c->n_threads * QN_HISTOGRAM_BINS);
    }
    if (s->flags & QN_STAT_CHANNEL) {
        QN_NEW_ARRAY(c->ctx, c->arena, s->channel_max, s->n_channels);
        QN_NEW_ARRAY(c->ctx, c->arena, s->channel_sum, s->n_channels);
        QN_NEW_ARRAY(c->ctx, c->arena, s->channel_squares, s->n_channels);
    }
    if (s->flags & QN_STAT_GRAM)
        QN_NEW_ARRAY(c->ctx, c->arena, s->gram, s->n_channels * s->n_channels);
    return QN_OK;
}

/** The value whose bytes `v` is. */
static const qn_value *source_of(const qn_value *v) {
    while (v->producer && qn_plan_is_view(v->producer->op) && v->producer->n_in > 0 && v->producer->in[0])
        v = v->producer->in[0];
    return v;
}

static qn_status prepare(collector *c, const qn_graph *graph) {
    c->n_values = qn_graph_value_bound(graph);
    c->n_threads = qn_pool_threads(c->ctx);
    QN_NEW_ARRAY(c->ctx, c->arena, c->first, c->n_values);
    QN_NEW_ARRAY(c->ctx, c->arena, c->next, c->n + 1);
    for (int32_t i = c->n - 1; i >= 0; i--) {
        int32_t *first = &c->first[source_of(c->stats[i].value)->id];
        QN_TRY(make_room(c, &c->stats[i]));
        c->next[i] = *first;
        *first = i + 1;
    }
    return QN_OK;
}

qn_status qn_statistics_collect(qn_pass_run *run, qn_arena *arena, qn_stat *stats, int32_t n) {
    collector c = {.ctx = run->ctx, .arena = arena, .stats = stats, .n = n};
    const qn_graph *graph = run->graph;
    qn_session *session;
    while (graph->parent)
        graph = graph->parent;
    QN_TRY(prepare(&c, graph));
    const qn_session_options options = {.observe = observe, .observe_user = &c};
    QN_TRY(qn_session_create(run->ctx, graph, &options, &session));
    qn_status status = run_samples(&c, run->options->samples, graph, session);
    qn_session_destroy(session);
    QN_TRY(status);
    for (int32_t i = 0; i < n; i++)
        if (stats[i].flags & QN_STAT_GRAM)
            mirror_gram(&stats[i]);
    return QN_OK;
}
