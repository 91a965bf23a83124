#include "passes/rewrite.h"

bool qn_rewrite_is_dead(const qn_node *node) {
    for (int32_t i = 0; i < node->n_out; i++)
        if (node->out[i] && (node->out[i]->n_uses > 0 || node->out[i]->n_outputs > 0))
            return false;
    return true;
}

/* ---- dropping ------------------------------------------------------------------------------- */

typedef struct pending {
    qn_node *node;
    struct pending *next;
} pending;

/* Drop the dead `node`; the nodes that it alone kept alive are put on the list. */
static qn_status drop_one(qn_pass_run *run, qn_node *node, pending **list) {
    qn_node_remove(node);
    for (int32_t i = 0; i < node->n_in; i++) {
        qn_node *behind = node->in[i] ? node->in[i]->producer : NULL;
        if (!behind || !qn_rewrite_is_dead(behind))
            continue;
        bool seen = false;
        for (int32_t j = 0; j < i && !seen; j++)
            seen = node->in[j] && node->in[j]->producer == behind;
        if (seen)
            continue;
        pending *p;
        QN_NEW(run->ctx, run->scratch, p);
        *p = (pending){behind, *list};
        *list = p;
    }
    return QN_OK;
}

/* Drop what stands behind `node` too; origins of what is dropped join `heir` (or NULL). */
static qn_status drop_dead(qn_pass_run *run, qn_node *node, qn_node *heir) {
    pending *list = NULL;
    for (qn_node *next = node; next;) {
        if (heir)
            QN_TRY(qn_node_add_origin(run->ctx, heir, next));
        QN_TRY(drop_one(run, next, &list));
        next = list ? list->node : NULL;
        list = list ? list->next : NULL;
    }
    return QN_OK;
}

qn_status qn_rewrite_drop(qn_pass_run *run, qn_node *node) {
    return qn_rewrite_is_dead(node) ? drop_dead(run, node, NULL) : QN_OK;
}

/* ---- replacing ------------------------------------------------------------------------------ */

qn_status qn_rewrite_node(qn_pass_run *run, qn_node *old, qn_op op, qn_value *const *in, int32_t n_in, qn_node **out) {
    qn_graph *graph = old->graph;
    qn_node *after = old->next;
    qn_node_detach(old);
    QN_TRY(qn_node_create_with(run->ctx, graph, after, op, old->name, in, n_in, old->out, old->n_out, out));
    (*out)->origin = old->origin;
    (*out)->compute = old->compute == QN_F32 ? QN_F32 : QN_NONE;
    for (int32_t i = 0; i < old->n_in; i++) {
        qn_node *behind = old->in[i] ? old->in[i]->producer : NULL;
        if (behind && behind->graph == graph && qn_rewrite_is_dead(behind))
            QN_TRY(drop_dead(run, behind, *out));
    }
    return QN_OK;
}

qn_status qn_rewrite_as(qn_pass_run *run, qn_node *old, const qn_node *like, qn_value *const *in, int32_t n_in,
                        qn_node **out) {
    QN_TRY(qn_rewrite_node(run, old, like->op, in, n_in, out));
    const qn_dtype compute = (*out)->compute;
    QN_TRY(qn_node_copy_attrs(run->ctx, *out, like));
    if (compute == QN_F32)
        (*out)->compute = compute;
    return qn_node_add_origin(run->ctx, *out, old);
}

qn_status qn_rewrite_insert(qn_pass_run *run, qn_node *before, qn_op op, const char *name, qn_value *const *in,
                            int32_t n_in, qn_node **out) {
    return qn_node_create(run->ctx, before ? before->graph : run->graph, before, op, name, in, n_in, 1, out);
}

qn_status qn_rewrite_value(qn_pass_run *run, qn_value *old, qn_value *with) {
    QN_TRY(qn_value_replace(run->ctx, old, with));
    return old->producer ? qn_rewrite_drop(run, old->producer) : QN_OK;
}

qn_status qn_rewrite_input(qn_pass_run *run, qn_node *node, int32_t index, qn_value *value) {
    qn_node *behind = index < node->n_in && node->in[index] ? node->in[index]->producer : NULL;
    QN_TRY(qn_node_set_input(run->ctx, node, index, value));
    return behind ? qn_rewrite_drop(run, behind) : QN_OK;
}
