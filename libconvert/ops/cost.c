#include "ops/cost.h"

#include "ops/program.h"

#include <string.h>

typedef struct args {
    const qn_node *node;
    const qn_tensor *in, *out;
} args;

static double numel(const qn_tensor *t) {
    double n = t->dtype == QN_NONE ? 0 : 1;
    for (int32_t i = 0; i < t->rank; i++)
        n *= (double)t->dims[i];
    return n;
}

/* dims[axis], counted from the end when negative; 1 where there is none. */
static double dim(const qn_tensor *t, int32_t axis) {
    axis += axis < 0 ? t->rank : 0;
    return axis >= 0 && axis < t->rank ? (double)t->dims[axis] : 1;
}

static bool has(const args *a, int32_t i) { return i < a->node->n_in && a->in[i].dtype != QN_NONE; }

/* ---- products ---------------------------------------------------------------------------------- */

/* Depth: the last dimension of the left side, or the last but one where an attribute says that it is turned. */
static double product(const args *a, const char *turned) {
    const bool trans = turned && a->in[0].rank >= 2 && qn_node_int(a->node, turned, 0) != 0;
    return 2 * numel(&a->out[0]) * dim(&a->in[0], trans ? -2 : -1);
}
static double flops_MatMul(const args *a) { return product(a, NULL); }
static double flops_Gemm(const args *a) { return product(a, "transA"); }
static double flops_BatchMatMul(const args *a) { return product(a, "trans_a"); }

/* Elements of the weight for each index of its first dimension. */
static double row_elems(const qn_tensor *w) { return dim(w, 0) > 0 ? numel(w) / dim(w, 0) : 0; }
/* w [M, C/g, taps]: each output element is a sum over C/g and taps. */
static double flops_Conv(const args *a) { return 2 * numel(&a->out[0]) * row_elems(&a->in[1]); }
/* w [C, M/g, taps]: each input element goes to M/g and taps. */
static double flops_ConvTranspose(const args *a) { return 2 * numel(&a->in[0]) * row_elems(&a->in[1]); }

/* Pairs of a query and a key that it sees, for one head. */
static double pairs(double nq, double nk, bool causal) {
    if (!causal)
        return nq * nk;
    /* the last query sees all keys, the one before it one fewer ...; queries before the first key see none */
    return nq <= nk ? nq * nk - nq * (nq - 1) / 2 : nk * (nk + 1) / 2;
}

static double flops_MultiHeadAttention(const args *a) {
    const double heads = (double)qn_node_int(a->node, "num_heads", 1), d = (double)qn_node_int(a->node, "head_dim", 0);
    const double dv = (double)qn_node_int(a->node, "v_head_dim", (int64_t)d);
    return 2 * dim(&a->in[0], 0) * heads * (d + dv) *
           pairs(dim(&a->in[0], -2), dim(&a->in[1], -2), qn_node_int(a->node, "causal", 0) != 0);
}

/* x [S, B, I] (layout 1: [B, S, I]), w [dirs, gates H, I], r [dirs, gates H, H]: both for each step and row. */
static double flops_recurrent(const args *a) {
    return 2 * dim(&a->in[0], 0) * dim(&a->in[0], 1) * (numel(&a->in[1]) + numel(&a->in[2]));
}

/* ---- windows ------------------------------------------------------------------------------------- */

static double flops_pool(const args *a) {
    int64_t n;
    double taps = 1;
    const int64_t *kernel = qn_node_ints(a->node, "kernel_shape", &n);
    for (int64_t i = 0; i < n; i++)
        taps *= (double)kernel[i];
    return taps * numel(&a->out[0]);
}

/* Over an image: a multiply-add for each of four or sixteen taps. */
static double flops_Resize(const args *a) {
    const char *mode = qn_node_string(a->node, "mode", "nearest");
    return numel(&a->out[0]) * (strcmp(mode, "linear") == 0 ? 8 : strcmp(mode, "cubic") == 0 ? 32 : 0);
}

static double flops_Elementwise(const args *a);

/* ---- the table -------------------------------------------------------------------------------------- */

typedef struct row {
    double (*flops)(const args *); /* or NULL: */
    double each_out, each_in;      /* operations for each element of output 0 and of input 0 */
    bool product;                  /* multiplies inputs 0 and 1: may be done in narrower arithmetic */
} row;

/* What an op costs by its kind; rows below say otherwise. */
static const row g_kinds[] = {
    [QN_KIND_UNARY] = {.each_out = 1},   [QN_KIND_BINARY] = {.each_out = 1},    [QN_KIND_LOGIC] = {.each_out = 1},
    [QN_KIND_REDUCE] = {.each_in = 1},   [QN_KIND_MOVE] = {.each_out = 0},      [QN_KIND_SHAPE] = {.each_out = 0},
    [QN_KIND_PRODUCT] = {.each_out = 1}, [QN_KIND_CONV] = {.each_out = 1},      [QN_KIND_POOL] = {.each_in = 1},
    [QN_KIND_NORM] = {.each_out = 8},    [QN_KIND_RECURRENT] = {.each_out = 1}, [QN_KIND_CONTROL] = {.each_out = 0},
    [QN_KIND_FUSED] = {.each_out = 1},
};

#define PRODUCT(OP, FLOPS) [QN_OP_##OP] = {.flops = FLOPS, .product = true}
#define EACH(OP, N)        [QN_OP_##OP] = {.each_out = N}
static const row g_rows[QN_OP_COUNT] = {
    PRODUCT(MatMul, flops_MatMul),
    PRODUCT(Linear, flops_MatMul),
    PRODUCT(Gemm, flops_Gemm),
    PRODUCT(BatchMatMul, flops_BatchMatMul),
    PRODUCT(Conv, flops_Conv),
    PRODUCT(ConvTranspose, flops_ConvTranspose),
    PRODUCT(MultiHeadAttention, flops_MultiHeadAttention),
    PRODUCT(LSTM, flops_recurrent),
    PRODUCT(GRU, flops_recurrent),
    /* a transcendental function and what stands around it */
    EACH(Cos, 10),
    EACH(Elu, 12),
    EACH(Erf, 10),
    EACH(Exp, 10),
    EACH(Gelu, 14),
    EACH(Log, 10),
    EACH(Pow, 10),
    EACH(Sigmoid, 12),
    EACH(Sin, 10),
    EACH(Softplus, 21),
    EACH(Swish, 13),
    EACH(Tan, 10),
    EACH(Tanh, 10),
    EACH(Clip, 2),
    EACH(HardSigmoid, 4),
    EACH(HardSwish, 5),
    EACH(LeakyRelu, 2),
    EACH(PRelu, 2),
    /* mean 1, variance 3, normalise 2, scale and shift 2; maximum 1, difference 1, exponential 10, sum 1, quotient 1 */
    EACH(BatchNormalization, 2),
    EACH(RMSNormalization, 4),
    EACH(RotaryEmbedding, 3),
    EACH(Softmax, 14),
    EACH(LogSoftmax, 14),
    [QN_OP_ReduceL2] = {.each_in = 2},
    [QN_OP_ReduceSumSquare] = {.each_in = 2},
    [QN_OP_AveragePool] = {.flops = flops_pool},
    [QN_OP_MaxPool] = {.flops = flops_pool},
    [QN_OP_Resize] = {.flops = flops_Resize},
    [QN_OP_Elementwise] = {.flops = flops_Elementwise},
};

static const row *row_of(qn_op op) {
    const row *r = &g_rows[op];
    return r->flops || r->each_out > 0 || r->each_in > 0 ? r : &g_kinds[qn_op_row(op)->kind];
}

/* Each step as the op that it stands for. */
static double flops_Elementwise(const args *a) {
    qn_program program;
    double each = 0;
    if (qn_program_read(a->node, &program) == NULL)
        for (int32_t k = 0; k < program.n_steps; k++)
            each += row_of(program.step[k].op)->each_out;
    return each * numel(&a->out[0]);
}

/* ---- bytes -------------------------------------------------------------------------------------------- */

static bool met_before(const qn_node *node, int32_t i) {
    for (int32_t k = 0; k < i; k++)
        if (node->in[k] == node->in[i])
            return true;
    return false;
}

static double bytes_of(const args *a, const qn_const *const *in_const) {
    const bool moves = qn_op_row(a->node->op)->kind == QN_KIND_MOVE;
    double bytes = 0, written = 0;
    for (int32_t i = 0; i < a->node->n_out; i++)
        if (a->out[i].dtype != QN_NONE) {
            bytes += (double)a->out[i].n_bytes;
            written += numel(&a->out[i]);
        }
    for (int32_t i = 0; i < a->node->n_in; i++) {
        if (!has(a, i) || met_before(a->node, i))
            continue;
        const double n = numel(&a->in[i]);
        const double stored = in_const && in_const[i] ? (double)qn_const_bytes(in_const[i]) : (double)a->in[i].n_bytes;
        bytes += moves && n > written ? stored * written / n : stored;
    }
    return bytes;
}

static qn_dtype arithmetic_of(const args *a) {
    if (strcmp(qn_node_string(a->node, "x_quant", "NONE"), "NONE") != 0)
        return QN_I8;
    for (int32_t i = 0; i < 2; i++)
        if (!has(a, i) || a->in[i].dtype != QN_BF16)
            return QN_F32;
    return QN_BF16;
}

qn_cost qn_node_cost(const qn_node *node, const qn_tensor *in, const qn_const *const *in_const, const qn_tensor *out) {
    const args a = {node, in, out};
    const row *r = row_of(node->op);
    return (qn_cost){
        .flops = r->flops
                     ? r->flops(&a)
                     : r->each_out * (node->n_out ? numel(&out[0]) : 0) + r->each_in * (node->n_in ? numel(&in[0]) : 0),
        .bytes = bytes_of(&a, in_const),
        .arithmetic = r->product ? arithmetic_of(&a) : QN_F32,
    };
}
