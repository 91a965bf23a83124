#include "passes/equalize.h"

#include <string.h>

#include "passes/match.h"
#include "passes/rewrite.h"

static bool is_vector(const qn_value *v, int64_t n) {
    return v && v->constant && v->constant->rank == 1 && v->constant->dims[0] == n && v->type.dtype == QN_F32;
}

/** A dense float32 matrix that one node reads. */
static bool is_own_matrix(const qn_value *w) {
    return w->constant->encoding == QN_ENC_DENSE && w->type.dtype == QN_F32 && w->n_uses == 1 && w->n_outputs == 0;
}

/* ---- who reads it ------------------------------------------------------------------------------------- */

/** A product of x by a constant matrix: Linear, or MatMul. */
static bool reads(const qn_use *use, const qn_graph *graph, qn_linear *out) {
    qn_node *node = use->node;
    if (use->index != 0 || node->graph != graph)
        return false;
    if (node->op == QN_OP_MatMul && node->in[1]->constant && node->in[1]->constant->rank == 2)
        *out = (qn_linear){.node = node, .x = node->in[0], .w = node->in[1], .k = node->in[1]->constant->dims[0],
                           .n = node->in[1]->constant->dims[1]};
    else if (!qn_linear_of(node, out))
        return false;
    return is_own_matrix(out->w);
}

static qn_status find_readers(qn_pass_run *run, qn_equal_site *site, const char **reason) {
    const qn_value *v = site->value;
    QN_NEW_ARRAY(run->ctx, run->scratch, site->readers, v->n_uses + 1);
    if (v->n_outputs || v->n_uses == 0)
        *reason = "it is an output";
    for (int32_t i = 0; i < v->n_uses && !(*reason)[0]; i++) {
        qn_linear *l = &site->readers[site->n_readers++];
        if (!reads(&v->uses[i], v->graph, l))
            *reason = "something else than products by weights of their own reads it";
        else if (i > 0 && l->k != site->n)
            *reason = "its readers differ in size";
        else
            site->n = l->k;
    }
    return QN_OK;
}

/* ---- who makes it --------------------------------------------------------------------------------------- */

static bool find_norm(qn_equal_site *site) {
    qn_node *node = site->value->producer;
    if ((node->op != QN_OP_LayerNormalization && node->op != QN_OP_RMSNormalization) || node->n_out != 1)
        return false;
    const qn_value *shift = node->n_in > 2 ? node->in[2] : NULL;
    if (!is_vector(node->in[1], site->n) || (shift && !is_vector(shift, site->n)))
        return false;
    site->norm = node;
    return true;
}

/** A Linear whose outputs may be scaled one by one. */
static bool scales_outputs(qn_node *node, qn_linear *l) {
    if (!qn_linear_of(node, l) || l->residual || !is_own_matrix(l->w) || (l->bias && !is_vector(l->bias, l->n)))
        return false;
    return qn_match_no_activation(node) || strcmp(qn_node_string(node, "activation", "NONE"), "RELU") == 0;
}

static bool overlaps(int64_t a, int64_t n_a, int64_t b, int64_t n_b) { return a < b + n_b && b < a + n_a; }

/** Rows of attention are weighted sums of rows of v, head by head: with a head of v for each of q, channel j of the result is
 *  made of channel v_offset + j alone. */
static bool find_attention(qn_equal_site *site) {
    const qn_node *node = site->value->producer;
    if (node->op != QN_OP_MultiHeadAttention || !node->in[2] || (node->n_in > 5 && node->in[5]))
        return false;
    qn_value *v = node->in[2];
    const int64_t heads = qn_node_int(node, "num_heads", 0), head = qn_node_int(node, "head_dim", 0);
    const int64_t first = qn_node_int(node, "v_offset", 0), n = site->n;
    if (qn_node_int(node, "kv_num_heads", heads) != heads || heads * qn_node_int(node, "v_head_dim", head) != n ||
        qn_match_rank(v) != 3 || v->n_outputs || v->graph != node->graph || !scales_outputs(v->producer, &site->source) ||
        first + n > site->source.n)
        return false;
    for (int32_t i = 0; i < v->n_uses; i++) {
        const qn_use *use = &v->uses[i];
        const int64_t at = qn_node_int(node, use->index ? "k_offset" : "q_offset", 0);
        if (use->node != node || use->index > 2 || (use->index < 2 && overlaps(at, heads * head, first, n)))
            return false;
    }
    site->first = first;
    return true;
}

static bool find_linear(qn_equal_site *site) {
    return scales_outputs(site->value->producer, &site->source) && site->source.n == site->n;
}

qn_status qn_equal_find(qn_pass_run *run, qn_value *value, qn_equal_site *site, const char **reason) {
    *site = (qn_equal_site){.value = value};
    *reason = "";
    if (!value->producer || value->type.dtype != QN_F32)
        *reason = value->producer ? "it is not float32" : "it is an input";
    else
        QN_TRY(find_readers(run, site, reason));
    if (!(*reason)[0] && !find_norm(site) && !find_attention(site) && !find_linear(site))
        *reason = "what makes it cannot take factors of channels";
    return QN_OK;
}

/* ---- moving factors ---------------------------------------------------------------------------------------- */

/** `vector` [n_all] is factors[0..n) from `first` on, 1 elsewhere. */
static qn_status make_vector(qn_pass_run *run, const double *factors, int64_t n, int64_t first, int64_t n_all, qn_value **out) {
    double *x;
    QN_NEW_ARRAY(run->ctx, run->scratch, x, n_all);
    for (int64_t i = 0; i < n_all; i++)
        x[i] = i >= first && i < first + n ? factors[i - first] : 1;
    return qn_fold_vector(run, "equalise", QN_F32, &n_all, 1, x, out);
}

/** node->in[index] times a vector along its last axis. */
static qn_status plan_vector(qn_pass_run *run, qn_value *old, qn_value *factors, qn_value **out) {
    qn_value *in[] = {old, factors};
    return qn_fold_op(run, QN_OP_Mul, old->name, in, 2, NULL, 0, out);
}

typedef struct change {
    qn_node *node;
    int32_t index;
    qn_value *to;
} change;

static qn_status plan_producer(qn_pass_run *run, const qn_equal_site *site, const double *inverse, change *changes, int32_t *n) {
    const qn_linear *l = &site->source;
    qn_node *node = site->norm ? site->norm : l->node;
    qn_value *factors;
    QN_TRY(make_vector(run, inverse, site->n, site->first, site->norm ? site->n : l->n, &factors));
    changes[*n] = (change){node, 1, NULL};
    QN_TRY(site->norm ? plan_vector(run, node->in[1], factors, &changes[*n].to)
                      : qn_linear_scaled(run, l, factors, false, &changes[*n].to));
    ++*n;
    if (node->n_in > 2 && node->in[2]) {
        changes[*n] = (change){node, 2, NULL};
        QN_TRY(plan_vector(run, node->in[2], factors, &changes[*n].to));
        ++*n;
    }
    return QN_OK;
}

qn_status qn_equal_apply(qn_pass_run *run, const qn_equal_site *site, const double *s) {
    change *changes;
    double *inverse;
    qn_value *factors;
    int32_t n = 0;
    QN_NEW_ARRAY(run->ctx, run->scratch, changes, site->n_readers + 2);
    QN_NEW_ARRAY(run->ctx, run->scratch, inverse, site->n);
    for (int64_t i = 0; i < site->n; i++)
        inverse[i] = 1 / s[i];
    QN_TRY(plan_producer(run, site, inverse, changes, &n));
    QN_TRY(make_vector(run, s, site->n, 0, site->n, &factors));
    for (int32_t i = 0; i < site->n_readers; i++) {
        changes[n] = (change){site->readers[i].node, 1, NULL};
        QN_TRY(qn_linear_scaled(run, &site->readers[i], factors, true, &changes[n++].to));
    }
    for (int32_t i = 0; i < n; i++)
        if (!changes[i].to)
            return QN_OK;
    if (!qn_rewrite(run, "factors of channels into weights", site->value->producer))
        return QN_OK;
    for (int32_t i = 0; i < n; i++)
        QN_TRY(qn_node_set_input(run->ctx, changes[i].node, changes[i].index, changes[i].to));
    /* These have not the numbers that the source had under their names. */
    site->value->origin = NULL;
    if (!site->norm)
        site->source.node->out[0]->origin = NULL;
    return QN_OK;
}
