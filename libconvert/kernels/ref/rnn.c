#include "kernels/ref/rnn.h"

#include "kernels/scalar.h"

#include <string.h>
#include <strings.h>

/* ---- activations ------------------------------------------------------------------------------ */

static double relu(double x, double a, double b) { return (void)a, (void)b, x < 0 ? 0 : x; }
static double hyperbolic(double x, double a, double b) { return (void)a, (void)b, tanh(x); }
static double sigmoid(double x, double a, double b) { return (void)a, (void)b, qn_sigmoid(x); }
static double affine(double x, double a, double b) { return a * x + b; }
static double leaky_relu(double x, double a, double b) { return (void)b, x < 0 ? a * x : x; }
static double thresholded_relu(double x, double a, double b) { return (void)b, x < a ? 0 : x; }
static double scaled_tanh(double x, double a, double b) { return a * tanh(b * x); }
static double hard_sigmoid(double x, double a, double b) { return qn_hard_sigmoid(x, a, b); }
static double elu(double x, double a, double b) { return (void)b, x < 0 ? a * expm1(x) : x; }
static double softsign(double x, double a, double b) { return (void)a, (void)b, x / (1 + fabs(x)); }
static double softplus(double x, double a, double b) { return (void)a, (void)b, qn_softplus(x); }

/* activation_alpha and activation_beta hold numbers only for the functions that take one, in order. */
static const struct act_row {
    const char *name;
    double (*fn)(double, double, double);
    bool has_alpha, has_beta;
    double alpha, beta; /* when the attributes have no number left */
} g_acts[] = {
    {"Relu", relu, false, false, 0, 0},
    {"Tanh", hyperbolic, false, false, 0, 0},
    {"Sigmoid", sigmoid, false, false, 0, 0},
    {"Affine", affine, true, true, 1, 0},
    {"LeakyRelu", leaky_relu, true, false, 0.01, 0},
    {"ThresholdedRelu", thresholded_relu, true, false, 1, 0},
    {"ScaledTanh", scaled_tanh, true, true, 1, 1},
    {"HardSigmoid", hard_sigmoid, true, true, 0.2, 0.5},
    {"Elu", elu, true, false, 1, 0},
    {"Softsign", softsign, false, false, 0, 0},
    {"Softplus", softplus, false, false, 0, 0},
};

static const struct act_row *find_act(const char *name) {
    for (size_t i = 0; i < sizeof g_acts / sizeof g_acts[0]; i++)
        if (strcasecmp(g_acts[i].name, name) == 0)
            return &g_acts[i];
    return NULL;
}

static qn_status read_acts(const qn_kernel_args *args, const char *const *defaults, int32_t n_acts, qn_rnn *r) {
    const qn_attr *names = qn_node_attr(args->node, "activations");
    if (names && (names->kind != QN_ATTR_STRINGS || names->n != (int64_t)n_acts * r->n_dirs))
        return qn_kernel_fail(args, QN_MALFORMED, "activations has not %d names", n_acts * r->n_dirs);
    int64_t n_alpha, n_beta;
    const float *alpha = qn_node_floats(args->node, "activation_alpha", &n_alpha);
    const float *beta = qn_node_floats(args->node, "activation_beta", &n_beta);
    for (int32_t d = 0; d < r->n_dirs; d++)
        for (int32_t i = 0; i < n_acts; i++) {
            const char *name = names ? names->as.strings[d * n_acts + i] : defaults[i];
            const struct act_row *row = find_act(name);
            if (!row)
                return qn_kernel_fail(args, QN_UNSUPPORTED, "activation '%s'", name);
            qn_rnn_act *act = &r->act[d][i];
            *act = (qn_rnn_act){row->fn, row->alpha, row->beta};
            if (row->has_alpha && n_alpha > 0) {
                act->alpha = (double)*alpha++;
                n_alpha--;
            }
            if (row->has_beta && n_beta > 0) {
                act->beta = (double)*beta++;
                n_beta--;
            }
        }
    return QN_OK;
}

/* ---- operands ---------------------------------------------------------------------------------- */

static qn_status read_direction(const qn_kernel_args *args, qn_rnn *r) {
    static const struct { const char *name; int32_t n; bool reverse; } rows[] = {
        {"forward", 1, false}, {"reverse", 1, true}, {"bidirectional", 2, false}};
    const char *name = qn_node_string(args->node, "direction", "forward");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0) {
            r->n_dirs = rows[i].n;
            r->reverse[0] = rows[i].reverse;
            r->reverse[1] = true;
            return QN_OK;
        }
    return qn_kernel_fail(args, QN_MALFORMED, "direction '%s'", name);
}

static qn_status read_lengths(const qn_kernel_args *args, qn_rnn *r) {
    const double *given;
    int64_t *lengths;
    QN_TRY(qn_ref_need_numel(args, 4, r->B));
    QN_TRY(qn_ref_reals(args, 4, &given));
    QN_NEW_ARRAY(args->ctx, args->scratch, lengths, r->B);
    for (int64_t b = 0; b < r->B; b++) {
        if (given && !(given[b] >= 0 && given[b] <= (double)r->T))
            return qn_kernel_fail(args, QN_MALFORMED, "sequence_lens[%lld] is %g of %lld steps", (long long)b, given[b],
                                  (long long)r->T);
        lengths[b] = given ? (int64_t)given[b] : r->T;
    }
    r->lengths = lengths;
    return QN_OK;
}

qn_status qn_rnn_read(const qn_kernel_args *args, int64_t gates, const char *const *defaults, int32_t n_acts,
                      qn_rnn *r) {
    const qn_node *node = args->node;
    const qn_tensor *x = &args->in[0], *w = &args->in[1], *rec = &args->in[2];
    for (int32_t i = 0; i < 3; i++)
        QN_TRY(qn_ref_need_rank(args, i, 3));
    *r = (qn_rnn){.gates = gates, .I = x->dims[2], .H = rec->dims[2], .clip = INFINITY};
    r->batch_first = qn_node_int(node, "layout", 0) != 0;
    r->T = x->dims[r->batch_first];
    r->B = x->dims[!r->batch_first];
    if (qn_node_attr(node, "clip"))
        r->clip = (double)qn_node_float(node, "clip", 0);
    QN_TRY(read_direction(args, r));
    QN_TRY(read_acts(args, defaults, n_acts, r));
    if (qn_node_int(node, "hidden_size", r->H) != r->H)
        return qn_kernel_fail(args, QN_MALFORMED, "hidden_size %lld, but weights for %lld",
                              (long long)qn_node_int(node, "hidden_size", 0), (long long)r->H);
    if (w->dims[0] != r->n_dirs || rec->dims[0] != r->n_dirs || w->dims[1] / gates != r->H || w->dims[1] % gates != 0 ||
        rec->dims[1] != w->dims[1] || w->dims[2] != r->I)
        return qn_kernel_fail(args, QN_MALFORMED, "weights [%lld, %lld, %lld] and [%lld, %lld, %lld] for %lld inputs",
                              (long long)w->dims[0], (long long)w->dims[1], (long long)w->dims[2],
                              (long long)rec->dims[0], (long long)rec->dims[1], (long long)rec->dims[2],
                              (long long)r->I);
    QN_TRY(qn_ref_need_numel(args, 3, 2 * r->n_dirs * w->dims[1]));
    QN_TRY(qn_ref_need_numel(args, 5, r->n_dirs * r->B * r->H));
    QN_TRY(read_lengths(args, r));
    QN_TRY(qn_ref_reals(args, 0, &r->X));
    QN_TRY(qn_ref_reals(args, 1, &r->W));
    QN_TRY(qn_ref_reals(args, 2, &r->R));
    QN_TRY(qn_ref_reals(args, 3, &r->bias));
    return qn_ref_reals(args, 5, &r->h0);
}

/* ---- the walk ------------------------------------------------------------------------------------ */

static void rows_by(const double *matrix, int64_t cols, const double *bias, int64_t n, const double *v, double *y) {
    qn_ref_product_row(v, 1, matrix, (qn_ref_steps){1, cols}, cols, n, y);
    for (int64_t j = 0; bias && j < n; j++)
        y[j] += bias[j];
}

void qn_rnn_input(const qn_rnn *r, int32_t dir, int64_t first, int64_t n, const double *x, double *y) {
    int64_t row = (dir * r->gates + first) * r->H;
    const double *bias = r->bias ? r->bias + (2 * dir * r->gates + first) * r->H : NULL;
    rows_by(r->W + row * r->I, r->I, bias, n * r->H, x, y);
}

void qn_rnn_state(const qn_rnn *r, int32_t dir, int64_t first, int64_t n, const double *h, double *y) {
    int64_t row = (dir * r->gates + first) * r->H;
    const double *bias = r->bias ? r->bias + ((2 * dir + 1) * r->gates + first) * r->H : NULL;
    rows_by(r->R + row * r->H, r->H, bias, n * r->H, h, y);
}

static void put_state(const qn_kernel_args *args, const qn_rnn *r, int32_t i, int64_t at, const double *v) {
    if (qn_ref_wants(args, i))
        qn_ref_put_n(&args->out[i], at * r->H, v, r->H);
}

static void walk(const qn_kernel_args *args, const qn_rnn *r, qn_rnn_cell cell, int32_t d, int64_t b, double *scratch) {
    double *h = scratch, *c = h + r->H;
    int64_t state = r->batch_first ? b * r->n_dirs + d : d * r->B + b;
    for (int64_t i = 0; i < r->H; i++) {
        h[i] = r->h0 ? r->h0[state * r->H + i] : 0;
        c[i] = r->c0 ? r->c0[state * r->H + i] : 0;
    }
    for (int64_t step = 0; step < r->lengths[b]; step++) {
        int64_t t = r->reverse[d] ? r->lengths[b] - 1 - step : step;
        const double *x = r->X + (r->batch_first ? b * r->T + t : t * r->B + b) * r->I;
        cell(args, r, d, x, h, c, c + r->H);
        put_state(args, r, 0, r->batch_first ? (b * r->T + t) * r->n_dirs + d : (t * r->n_dirs + d) * r->B + b, h);
    }
    put_state(args, r, 1, state, h);
    put_state(args, r, 2, state, c);
}

qn_status qn_rnn_run(const qn_kernel_args *args, const qn_rnn *r, qn_rnn_cell cell) {
    double *scratch;
    QN_TRY(qn_ref_scratch(args, (2 + 3 * r->gates) * r->H, &scratch));
    if (qn_ref_wants(args, 0)) /* what lies beyond a sequence's length */
        memset(args->out[0].data, 0, args->out[0].n_bytes);
    for (int32_t d = 0; d < r->n_dirs; d++)
        for (int64_t b = 0; b < r->B; b++)
            walk(args, r, cell, d, b, scratch);
    return QN_OK;
}
