/* fuse_elementwise: element-wise nodes whose results only the next ones read to one Elementwise, one walk over memory.
 *
 * Before:
 *     input %x: float32[b,5,8]
 *     input %z: float32[b,5,8]
 *     const %s: float32[8] = random(1)
 *     const %h: float32[] = 0.5
 *     %a = Mul(%x, %s)
 *     %t = Tanh(%a)
 *     %u = Mul(%a, %t)
 *     %v = Add(%u, %z) {activation="RELU"}
 *     %y = Mul(%h, %v)
 *     output %y
 * After:
 *     %y = Elementwise(%h, %x, %s, %z) {ops=["Mul","Tanh","Mul","Add","Relu","Mul"]}
 *
 * Before:
 *     input %x: float32[3,7]
 *     const %low: float32[] = -0.5
 *     const %two: float32[] = 2
 *     %c = Clip(%x, %low)
 *     %p = Pow(%c, %two)
 *     %y = LeakyRelu(%p) {alpha=0.25}
 *     output %y
 * After:
 *     %y = Elementwise(%x) {ops=["Clip","Pow","LeakyRelu"], operands=[0,-1,1,-1,2,-1]}
 * ops/program.h and docs/ops.md say what the attributes mean. Inputs of the new node keep their shapes: what is
 * broadcast stays small.
 *
 * Unchanged (somebody else reads the result between):
 *     %p = Relu(%x)
 *     %y = Neg(%p)
 *     output %y
 *     output %p
 * Unchanged (the result between is smaller than the output):
 *     input %z: float32[4,3,7]
 *     %p = Relu(%x)
 *     %y = Add(%p, %z)
 * Unchanged (an exponent for each element):
 *     const %e: float32[7] = random(1)
 *     %p = Pow(%x, %e)
 *     %y = ReduceSum(%p)
 * Unchanged (what lies between has another dtype):
 *     %n = Neg(%x)
 *     %p = Cast(%n) {to=11}
 *     %y = Abs(%p)
 * Unchanged (sizes that later shapes are computed from):
 *     input %x: float32[n,7]
 *     const %half: float32[] = 0.5
 *     %s = Shape(%x)
 *     %f = Cast(%s) {to=1}
 *     %g = Mul(%f, %half)
 *     %y = Floor(%g)
 */
#include <math.h>

#include "kernels/activation.h"
#include "ops/program.h"
#include "passes/match.h"
#include "passes/rewrite.h"

/* Nodes that become one, their results last to first: group[0] makes the output. */
typedef struct group {
    qn_node *node[QN_PROGRAM_STEPS];
    int32_t n;
} group;

static bool is_half_or_single(const qn_value *v) {
    return v->type.dtype == QN_F32 || v->type.dtype == QN_F16 || v->type.dtype == QN_BF16;
}

/* ---- one node as steps ------------------------------------------------------------------------------- */

/* The step that a fused activation is. */
static qn_program_step activation_step(const qn_activation *act) {
    switch (act->kind) {
    case QN_ACT_RELU: return (qn_program_step){QN_OP_Relu, -1, -1, 0, 0};
    case QN_ACT_CLIP: return (qn_program_step){QN_OP_Clip, -1, -1, act->min, act->max};
    case QN_ACT_GELU: return (qn_program_step){QN_OP_Gelu, -1, -1, 0, 0};
    case QN_ACT_GELU_TANH: return (qn_program_step){QN_OP_Gelu, -1, -1, 1, 0};
    case QN_ACT_SILU: return (qn_program_step){QN_OP_Swish, -1, -1, 1, 0};
    case QN_ACT_SIGMOID: return (qn_program_step){QN_OP_Sigmoid, -1, -1, 0, 0};
    case QN_ACT_TANH: return (qn_program_step){QN_OP_Tanh, -1, -1, 0, 0};
    case QN_ACT_HARDSIGMOID: return (qn_program_step){QN_OP_HardSigmoid, -1, -1, act->alpha, act->beta};
    case QN_ACT_HARDSWISH: return (qn_program_step){QN_OP_HardSwish, -1, -1, 0, 0};
    case QN_ACT_NONE:
    case QN_ACT_COUNT: break;
    }
    return (qn_program_step){QN_OP_NONE, -1, -1, 0, 0};
}

/* A number that is read from input i; `absent` when there is none. */
static bool read_number(const qn_node *node, int32_t i, float absent, float *out) {
    double x;
    *out = absent;
    if (i >= node->n_in || !node->in[i])
        return true;
    if (!qn_match_scalar(node->in[i], &x))
        return false;
    *out = (float)x;
    return isnan(x) || (double)*out == x;
}

/* The op and numbers of a node's step. */
static bool read_step(const qn_node *node, qn_program_step *s) {
    *s = (qn_program_step){.op = node->op, .a = -1, .b = -1};
    switch (node->op) {
    case QN_OP_Clip: return read_number(node, 1, -INFINITY, &s->alpha) && read_number(node, 2, INFINITY, &s->beta);
    case QN_OP_Pow: return read_number(node, 1, 1, &s->alpha);
    case QN_OP_Elu: s->alpha = qn_node_float(node, "alpha", 1.0f); return true;
    case QN_OP_LeakyRelu: s->alpha = qn_node_float(node, "alpha", 0.01f); return true;
    case QN_OP_Swish: s->alpha = qn_node_float(node, "alpha", 1.0f); return true;
    case QN_OP_Gelu: s->alpha = qn_node_string(node, "approximate", "none")[0] == 't' ? 1.0f : 0.0f; return true;
    case QN_OP_HardSigmoid:
        s->alpha = qn_node_float(node, "alpha", 0.2f);
        s->beta = qn_node_float(node, "beta", 0.5f);
        return true;
    default: return true;
    }
}

/* The node is one step or, with an activation, two; it reads `operands` values and has the shape of its output. */
static bool is_fusable(const qn_node *node) {
    qn_program_step s;
    qn_activation act;
    const int32_t n = qn_program_operands(node->op);
    if (n == 0 || !node->out[0] || node->out[0]->content || !is_half_or_single(node->out[0]) || node->n_in < n ||
        (n == 2 && node->n_in != 2))
        return false;
    for (int32_t i = 0; i < n; i++)
        if (!node->in[i] || node->in[i]->type.dtype != node->out[0]->type.dtype || node->in[i]->content)
            return false;
    return (n == 2 || qn_match_same_shape(node->in[0], node->out[0])) && read_step(node, &s) &&
           qn_activation_of(node, &act);
}

/* ---- which nodes ----------------------------------------------------------------------------------------- */

static bool has(const group *g, const qn_node *node) {
    for (int32_t i = 0; i < g->n; i++)
        if (g->node[i] == node)
            return true;
    return false;
}

/* Only nodes of the group read what `node` makes, which is like the output but in value. */
static bool may_join(const group *g, const qn_node *node) {
    const qn_node *top = g->node[0];
    if (!node || node->graph != top->graph || has(g, node) || !is_fusable(node) || node->compute != top->compute ||
        node->out[0]->n_outputs > 0 || !qn_match_same_type(node->out[0], top->out[0]))
        return false;
    for (int32_t i = 0; i < node->out[0]->n_uses; i++)
        if (!has(g, node->out[0]->uses[i].node))
            return false;
    return true;
}

/* ---- the program ----------------------------------------------------------------------------------------- */

typedef struct writer {
    const group *g;
    qn_program program; /* operands are values while they are collected: see below */
    qn_value *in[QN_PROGRAM_INPUTS];
    const qn_node *done[QN_PROGRAM_STEPS];    /* nodes written so far */
    int32_t result[QN_PROGRAM_STEPS], n_done; /* and the step that makes their result */
    bool fits;
} writer;

enum { RESULT = QN_PROGRAM_INPUTS }; /* while inputs are counted, the result of step j is operand RESULT + j */

static void add_step(writer *w, qn_program_step s) {
    if (w->program.n_steps == QN_PROGRAM_STEPS)
        w->fits = false;
    else
        w->program.step[w->program.n_steps++] = s;
}

static int32_t add_input(writer *w, qn_value *v) {
    for (int32_t i = 0; i < w->program.n_in; i++)
        if (w->in[i] == v)
            return i;
    if (w->program.n_in == QN_PROGRAM_INPUTS) {
        w->fits = false;
        return 0;
    }
    w->in[w->program.n_in] = v;
    return w->program.n_in++;
}

/* The steps of the node that makes v, after those of what it reads; where its result is. A group is no deeper than
 * QN_PROGRAM_STEPS. */
static int32_t write_value(writer *w, qn_value *v) {
    const qn_node *node = v->producer;
    if (!node || !has(w->g, node))
        return add_input(w, v);
    for (int32_t i = 0; i < w->n_done; i++)
        if (w->done[i] == node)
            return RESULT + w->result[i];
    qn_program_step s;
    qn_activation act;
    w->fits = read_step(node, &s) && qn_activation_of(node, &act) && w->fits;
    s.a = write_value(w, node->in[0]);
    if (qn_program_operands(node->op) == 2)
        s.b = write_value(w, node->in[1]);
    add_step(w, s);
    if (act.kind != QN_ACT_NONE) {
        s = activation_step(&act);
        s.a = RESULT + w->program.n_steps - 1;
        add_step(w, s);
    }
    w->done[w->n_done] = node;
    w->result[w->n_done++] = w->program.n_steps - 1;
    return RESULT + w->program.n_steps - 1;
}

/* False when the group is too much for one program. */
static bool write_program(const group *g, writer *w) {
    *w = (writer){.g = g, .fits = true};
    write_value(w, g->node[0]->out[0]);
    for (int32_t k = 0; k < w->program.n_steps; k++) {
        qn_program_step *s = &w->program.step[k];
        s->a += s->a >= RESULT ? w->program.n_in - RESULT : 0;
        s->b += s->b >= RESULT ? w->program.n_in - RESULT : 0;
    }
    return w->fits && qn_program_live(&w->program) <= QN_PROGRAM_LIVE;
}

/* ---- the pass ------------------------------------------------------------------------------------------------ */

/* Take in what makes the operands, as long as it fits. */
static void grow(group *g) {
    writer w;
    for (bool again = true; again;) {
        again = false;
        for (int32_t i = 0; i < g->n; i++)
            for (int32_t k = 0; k < qn_program_operands(g->node[i]->op); k++) {
                qn_node *behind = g->node[i]->in[k]->producer;
                if (g->n == QN_PROGRAM_STEPS || !may_join(g, behind))
                    continue;
                g->node[g->n++] = behind;
                if (write_program(g, &w))
                    again = true;
                else
                    g->n--;
            }
    }
}

static qn_status fuse(qn_pass_run *run, const group *g, qn_node **out) {
    writer w;
    const qn_dtype compute = g->node[0]->compute;
    if (!write_program(g, &w) || !qn_rewrite(run, "element-wise nodes", g->node[0]))
        return QN_OK;
    QN_TRY(qn_rewrite_node(run, g->node[0], QN_OP_Elementwise, w.in, w.program.n_in, out));
    (*out)->compute = compute;
    return qn_program_write(run->ctx, *out, &w.program);
}

/* From the end, so that a node that another takes in is not a beginning of its own. */
qn_status qn_pass_fuse_elementwise(qn_pass_run *run) {
    for (qn_node *node = run->graph->last; node; node = node->prev) {
        group g = {.node = {node}, .n = 1};
        if (!is_fusable(node))
            continue;
        grow(&g);
        if (g.n > 1)
            QN_TRY(fuse(run, &g, &node));
    }
    return QN_OK;
}
