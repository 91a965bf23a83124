#include "kernels/recurrent/recurrent.h"

#include "base/checked.h"
#include "base/pool.h"

#include <string.h>
#include <strings.h>

/* Floats of input projections at a time; multiply-adds of a step that are worth sharing among threads. */
enum { PROJECTION = 1 << 20, SHARED_STEP = 1 << 19 };

/* ---- what is taken ------------------------------------------------------------------------------------ */

static bool accepts(const qn_kernel_args *args, int32_t n_acts, const char *const *acts, int32_t last_in) {
    const qn_node *node = args->node;
    if (qn_node_attr(node, "clip") || qn_node_int(node, "input_forget", 0) != 0 || args->in[1].rank != 3)
        return false;
    const qn_attr *names = qn_node_attr(node, "activations");
    for (int64_t i = 0; names && i < names->n; i++)
        if (names->kind != QN_ATTR_STRINGS || strcasecmp(names->as.strings[i], acts[i % n_acts]) != 0)
            return false;
    if (names && names->n != n_acts * args->in[1].dims[0])
        return false;
    for (int32_t i = 0; i < args->n_in; i++)
        if (qn_has(args, i) && (i == 4 || i > last_in || args->in[i].dtype != QN_F32 || (i != 1 && i != 2 && qn_encoded(args, i))))
            return false; /* lengths and peepholes: the reference's */
    for (int32_t i = 0; i < args->n_out; i++)
        if (args->out[i].dtype != QN_NONE && args->out[i].dtype != QN_F32)
            return false;
    return args->in[0].rank == 3 && args->in[2].rank == 3;
}

bool qn_recurrent_accepts_LSTM(const qn_kernel_args *args) {
    static const char *const acts[] = {"Sigmoid", "Tanh", "Tanh"};
    return accepts(args, 3, acts, 6);
}
bool qn_recurrent_accepts_GRU(const qn_kernel_args *args) {
    static const char *const acts[] = {"Sigmoid", "Tanh"};
    return accepts(args, 2, acts, 5);
}

/* ---- the walk ------------------------------------------------------------------------------------------- */

typedef struct weights { /* [n, H] packed as panels of B */
    const float *packed;
    int64_t n, panels;
} weights;

typedef struct recurrent {
    const qn_kernel_args *args;
    const qn_gemm_isa *isa;
    const qn_cells *cells;
    bool lstm, batch_first, linear_first;
    int64_t T, B, I, H, G, dirs; /* G: gate rows, gates * H */
    int64_t steps;               /* projected at a time */
    float *bias;                 /* [G] of the projection */
    float *projection;           /* [steps * B, G] */
    float *h, *c, *rh;           /* [B, H] */
    float *gates;                /* [B, G] */
    float *rows;                 /* h as panels of A */
    float *state_weights;        /* packed */
    qn_operand W, R;             /* of the first direction */
} recurrent;

typedef struct product {
    const recurrent *r;
    const weights *w;
    qn_gemm_out out;
} product;

static int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

static void multiply(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const product *p = arg;
    const recurrent *r = p->r;
    const qn_gemm_isa *isa = r->isa;
    float tile[QN_GEMM_MAX_MR * 64] __attribute__((aligned(64)));
    for (int64_t j = begin; j < end; j++)
        for (int64_t b = 0; b < r->B; b += isa->mr) {
            int64_t rows = r->B - b < isa->mr ? r->B - b : isa->mr, left = p->w->n - j * isa->nr;
            int64_t cols = left < isa->nr ? left : isa->nr;
            isa->micro[rows][ceil_div(cols, isa->nr / isa->nv)](r->H, r->rows + b * r->H, isa->mr,
                                                                p->w->packed + j * r->H * isa->nr, tile, false);
            isa->finish(&p->out, tile, b, j * isa->nr, (int)rows, cols, NULL, NULL);
        }
}

/* to[b, ...] (rows of G) = state · wᵀ, plus `add` (rows add_stride apart) unless it is NULL. */
static void state_product(const recurrent *r, const weights *w, const float *state, const float *add,
                          int64_t add_stride, float *to) {
    qn_operand rows = {.data = state, .dtype = QN_F32, .x_stride = r->H, .k_stride = 1, .scale_run = 1};
    for (int64_t b = 0; b < r->B; b += r->isa->mr)
        r->isa->pack(&rows, b, r->B - b < r->isa->mr ? r->B - b : r->isa->mr, 0, r->H, r->isa->mr, r->rows + b * r->H);
    product p = {r, w, {.data = to, .dtype = QN_F32, .row_stride = r->G, .alpha = 1, .beta = 1}};
    p.out.residual = (qn_addend){add, QN_F32, add_stride, 1};
    int64_t work = r->B * r->H * w->n;
    qn_parallel_for(r->args->ctx, w->panels, work < SHARED_STEP ? w->panels : ceil_div(w->panels, 16), multiply, &p);
}

/* Rows [first, first + n) of a direction's R, decoded as they are packed. */
static weights pack_state(const recurrent *r, int64_t dir, int64_t first, int64_t n, float *to) {
    qn_operand op = r->R;
    weights w = {to, n, ceil_div(n, r->isa->nr)};
    qn_operand_advance(&op, (dir * r->G + first) * r->H, first);
    for (int64_t j = 0; j < w.panels; j++) {
        int64_t left = n - j * r->isa->nr;
        r->isa->pack(&op, j * r->isa->nr, left < r->isa->nr ? left : r->isa->nr, 0, r->H, r->isa->nr,
                     to + j * r->H * r->isa->nr);
    }
    return w;
}

static void move(qn_gemm *one, int64_t batch, const void *arg) {
    const recurrent *r = arg;
    one->a.data = (const float *)one->a.data + batch * r->T * r->I;
    one->c.data = (float *)one->c.data + batch * one->m * r->G;
}

/* projection = x Wᵀ + bias for steps [t0, t1): rows (t, b), or (b, t) when batches come first. */
static qn_status project(const recurrent *r, int64_t dir, int64_t t0, int64_t t1) {
    const float *x = r->args->in[0].data;
    qn_gemm g = qn_gemm_make(t1 - t0, r->G, r->I);
    g.a = (qn_operand){.data = x + t0 * r->I, .dtype = QN_F32, .x_stride = r->I, .k_stride = 1, .scale_run = 1};
    g.b = r->W;
    qn_operand_advance(&g.b, dir * r->G * r->I, 0);
    g.c.data = r->projection;
    g.c.dtype = QN_F32;
    g.c.row_stride = r->G;
    g.c.bias = (qn_addend){r->bias, QN_F32, 0, 1};
    if (r->batch_first) {
        g.n_batch = r->B;
        g.at = move;
        g.at_arg = r;
    } else {
        g.m *= r->B;
        g.a.data = x + t0 * r->B * r->I;
    }
    QN_TRY(qn_gemm_run(r->args->ctx, &g));
    int64_t rows = (t1 - t0) * (r->batch_first ? 1 : r->B), n = r->batch_first ? r->B : 1;
    x += t0 * (r->batch_first ? 1 : r->B) * r->I;
    for (int64_t b = 0; b < n; b++)
        qn_recurrent_refine(r->args->ctx, rows, r->I, r->G, x + b * r->T * r->I, &g.b, r->bias,
                            r->projection + b * rows * r->G);
    return QN_OK;
}

/* The bias that a step can add at once: that of the input and that of the state, but for GRU's last gate when its state
 * bias is inside the reset. */
static const float *read_bias(const recurrent *r, int64_t dir) {
    memset(r->bias, 0, (size_t)r->G * sizeof(float));
    if (!qn_has(r->args, 3))
        return NULL;
    const float *input = (const float *)r->args->in[3].data + 2 * dir * r->G, *state = input + r->G;
    for (int64_t j = 0; j < r->G; j++)
        r->bias[j] = input[j] + (r->linear_first && j >= 2 * r->H ? 0.0f : state[j]);
    return state + 2 * r->H;
}

/* Copies between [B, H] and rows of a tensor: row (d, b) or (b, d). */
static float *state_row(const recurrent *r, void *data, int64_t dir, int64_t b) {
    return (float *)data + (r->batch_first ? b * r->dirs + dir : dir * r->B + b) * r->H;
}
static void load_state(const recurrent *r, int32_t input, int64_t dir, float *to) {
    for (int64_t b = 0; b < r->B; b++)
        if (qn_has(r->args, input))
            memcpy(to + b * r->H, state_row(r, r->args->in[input].data, dir, b), (size_t)r->H * sizeof(float));
        else
            memset(to + b * r->H, 0, (size_t)r->H * sizeof(float));
}
static void store_state(const recurrent *r, int32_t output, int64_t dir, const float *from) {
    if (output >= r->args->n_out || r->args->out[output].dtype == QN_NONE)
        return;
    for (int64_t b = 0; b < r->B; b++)
        memcpy(state_row(r, r->args->out[output].data, dir, b), from + b * r->H, (size_t)r->H * sizeof(float));
}

/* x: the step's rows of the projection, `stride` apart. */
static void step(const recurrent *r, const weights *all, const weights *last, const float *bias, const float *x,
                 int64_t stride) {
    state_product(r, all, r->h, r->lstm ? x : NULL, stride, r->gates);
    if (last) {
        for (int64_t b = 0; b < r->B; b++)
            r->cells->reset(r->H, x + b * stride, r->gates + b * r->G, r->h + b * r->H, r->rh + b * r->H);
        state_product(r, last, r->rh, NULL, 0, r->gates + 2 * r->H);
    }
    for (int64_t b = 0; b < r->B; b++)
        if (r->lstm)
            r->cells->lstm(r->H, r->gates + b * r->G, r->h + b * r->H, r->c + b * r->H);
        else
            r->cells->gru(r->H, x + b * stride, r->gates + b * r->G, bias, r->h + b * r->H);
}

static qn_status direction(const recurrent *r, int64_t dir, bool reverse) {
    const float *state_bias = read_bias(r, dir);
    /* a GRU that resets before its product needs that product in two parts */
    bool split = !r->lstm && !r->linear_first;
    weights all = pack_state(r, dir, 0, split ? 2 * r->H : r->G, r->state_weights), last = {NULL, 0, 0};
    if (split)
        last = pack_state(r, dir, 2 * r->H, r->H, r->state_weights + all.panels * r->H * r->isa->nr);
    float *none = r->rh; /* zeros stand for a bias that is not there */
    const float *bias = r->linear_first ? state_bias : NULL;
    if (r->linear_first && !state_bias) {
        memset(none, 0, (size_t)r->H * sizeof(float));
        bias = none;
    }
    load_state(r, 5, dir, r->h);
    load_state(r, 6, dir, r->c);
    float *y = r->args->out[0].dtype == QN_NONE ? NULL : r->args->out[0].data;
    for (int64_t done = 0; done < r->T; done += r->steps) {
        int64_t n = r->T - done < r->steps ? r->T - done : r->steps, t0 = reverse ? r->T - done - n : done;
        QN_TRY(project(r, dir, t0, t0 + n));
        for (int64_t i = 0; i < n; i++) {
            int64_t t = reverse ? n - 1 - i : i; /* from t0 on */
            const float *x = r->projection + (r->batch_first ? t : t * r->B) * r->G;
            step(r, &all, split ? &last : NULL, bias, x, r->batch_first ? n * r->G : r->G);
            for (int64_t b = 0; y && b < r->B; b++) {
                int64_t row =
                    r->batch_first ? (b * r->T + t0 + t) * r->dirs + dir : ((t0 + t) * r->dirs + dir) * r->B + b;
                memcpy(y + row * r->H, r->h + b * r->H, (size_t)r->H * sizeof(float));
            }
        }
    }
    store_state(r, 1, dir, r->h);
    store_state(r, 2, dir, r->c);
    return QN_OK;
}

/* ---- sizes ------------------------------------------------------------------------------------------------- */

static bool numel_is(const qn_kernel_args *args, int32_t i, int64_t n) {
    int64_t count;
    return !qn_has(args, i) || (qn_count_elems(args->in[i].dims, args->in[i].rank, &count) && count == n);
}

static qn_status read(const qn_kernel_args *args, int64_t gates, recurrent *r) {
    const qn_tensor *x = &args->in[0], *w = &args->in[1], *rec = &args->in[2];
    const char *way = qn_node_string(args->node, "direction", "forward");
    *r = (recurrent){.args = args,
                     .isa = qn_gemm_isa_of(args->ctx),
                     .lstm = gates == 4,
                     .I = x->dims[2],
                     .H = rec->dims[2],
                     .dirs = strcmp(way, "bidirectional") == 0 ? 2 : 1};
    r->batch_first = qn_node_int(args->node, "layout", 0) != 0;
    r->linear_first = !r->lstm && qn_node_int(args->node, "linear_before_reset", 0) != 0;
    r->T = x->dims[r->batch_first];
    r->B = x->dims[!r->batch_first];
    r->G = w->dims[1];
    if (w->dims[0] != r->dirs || rec->dims[0] != r->dirs || r->G / gates != r->H || r->G % gates != 0 ||
        rec->dims[1] != r->G || w->dims[2] != r->I || !numel_is(args, 3, 2 * r->dirs * r->G) ||
        !numel_is(args, 5, r->dirs * r->B * r->H) || !numel_is(args, 6, r->dirs * r->B * r->H))
        return qn_kernel_fail(args, QN_MALFORMED, "weights [%lld, %lld, %lld] and [%lld, %lld, %lld] for %lld inputs",
                              (long long)w->dims[0], (long long)w->dims[1], (long long)w->dims[2],
                              (long long)rec->dims[0], (long long)rec->dims[1], (long long)rec->dims[2],
                              (long long)r->I);
    r->cells = QN_ISA_PICK(args->ctx, &qn_cells);
    QN_TRY(qn_operand_of_input(args, 1, r->I, 1, 1, 1, 2, 1, &r->W));
    return qn_operand_of_input(args, 2, r->H, 1, 1, 1, 2, 1, &r->R);
}

/* Take n floats from the front of *p. */
static float *cut(float **p, int64_t n) {
    float *at = *p;
    *p += ceil_div(n, 16) * 16;
    return at;
}

static qn_status run(const qn_kernel_args *args, int64_t gates) {
    recurrent r;
    QN_TRY(read(args, gates, &r));
    int64_t row, step_floats, state, projected, weights_floats, n;
    const int64_t widest = r.isa->mr > r.isa->nr ? r.isa->mr : r.isa->nr;
    /* the tensors exist, so sums of these are far from the end of 64 bits once the products are checked */
    if (!qn_mul_i64(r.B, r.G, &step_floats) || !qn_mul_i64(r.B + widest, r.H, &state) ||
        !qn_mul_i64(r.G + 2 * widest, r.H, &weights_floats))
        return qn_fail_memory(args->ctx, SIZE_MAX, "a recurrent network");
    r.steps = step_floats > 0 ? 1 + PROJECTION / step_floats : r.T;
    r.steps = r.steps > r.T ? r.T : r.steps;
    row = 8 * 16;
    if (!qn_mul_i64(r.steps, step_floats, &projected) || !qn_add_i64(projected, weights_floats, &n) ||
        !qn_add_i64(n, 4 * state + step_floats + r.G + row, &n))
        return qn_fail_memory(args->ctx, SIZE_MAX, "a recurrent network");
    size_t bytes;
    if (!qn_mul_size((size_t)n, sizeof(float), &bytes))
        return qn_fail_memory(args->ctx, SIZE_MAX, "a recurrent network");
    float *scratch = qn_scratch_take(args->ctx, bytes), *p = scratch;
    if (!scratch)
        return qn_fail_memory(args->ctx, bytes, "a recurrent network");
    r.projection = cut(&p, projected);
    r.state_weights = cut(&p, weights_floats);
    r.h = cut(&p, r.B * r.H);
    r.c = cut(&p, r.B * r.H);
    r.rh = cut(&p, r.B * r.H);
    r.rows = cut(&p, state);
    r.gates = cut(&p, step_floats);
    r.bias = cut(&p, r.G);
    qn_status status = QN_OK;
    bool reverse = strcmp(qn_node_string(args->node, "direction", "forward"), "reverse") == 0;
    for (int64_t d = 0; d < r.dirs && status == QN_OK; d++)
        status = direction(&r, d, reverse || d == 1);
    qn_scratch_give(args->ctx, scratch);
    return status;
}

qn_status qn_recurrent_LSTM(const qn_kernel_args *args) { return run(args, 4); }
qn_status qn_recurrent_GRU(const qn_kernel_args *args) { return run(args, 3); }
