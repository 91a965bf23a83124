/* If: the outputs of the branch that is taken, or what both have in common. */
#include "ops/shape.h"

static qn_status branch(const qn_infer *inf, const char *name, const qn_graph **out) {
    *out = qn_node_graph(inf->node, name);
    if (!*out)
        return qn_infer_fail(inf, "lacks the attribute %s", name);
    if ((*out)->n_outputs != inf->n_out)
        return qn_infer_fail(inf, "%s has %d outputs, the node %d", name, (*out)->n_outputs, inf->n_out);
    return QN_OK;
}

qn_status qn_shape_If(qn_infer *inf) {
    const qn_graph *then_branch, *else_branch;
    QN_TRY(qn_infer_dtype(inf, 0, QN_SET_BOOL));
    QN_TRY(branch(inf, "then_branch", &then_branch));
    QN_TRY(branch(inf, "else_branch", &else_branch));
    for (int32_t k = 0; k < inf->in[0].rank; k++)
        if (qn_dim_is_const(inf->in[0].dims[k]) && inf->in[0].dims[k] != 1)
            return qn_infer_fail(inf, "has a condition with dimension %d of %lld", k, (long long)inf->in[0].dims[k]);
    const qn_dim condition = qn_infer_scalar(inf, 0);
    if (inf->symbols != inf->node->graph->symbols) /* the branches' types are in the graph's own */
        return QN_OK;
    for (int32_t o = 0; o < inf->n_out; o++) {
        const qn_value *a = then_branch->outputs[o].value, *b = else_branch->outputs[o].value;
        if (qn_dim_is_const(condition)) {
            const qn_value *taken = condition ? a : b;
            inf->out[o] = taken->type;
            inf->out_content[o] = (qn_content){taken->content, taken->content ? taken->n_content : 0};
            continue;
        }
        if (a->type.dtype != QN_NONE && b->type.dtype != QN_NONE && a->type.dtype != b->type.dtype)
            return qn_infer_fail(inf, "output %d is %s in one branch and %s in the other", o,
                                 qn_dtype_name(a->type.dtype), qn_dtype_name(b->type.dtype));
        bool same_rank = a->type.rank == b->type.rank;
        QN_TRY(qn_infer_set(inf, o, a->type.dtype == QN_NONE ? b->type.dtype : a->type.dtype,
                            same_rank ? a->type.rank : -1));
        for (int32_t k = 0; same_rank && k < a->type.rank; k++)
            inf->out[o].dims[k] = a->type.dims[k] == b->type.dims[k] ? a->type.dims[k] : QN_DIM_UNKNOWN;
        if (!a->content || !b->content || a->n_content != b->n_content)
            continue;
        qn_dim *elems;
        QN_NEW_ARRAY(inf->ctx, inf->arena, elems, a->n_content);
        for (int64_t i = 0; i < a->n_content; i++)
            elems[i] = a->content[i] == b->content[i] ? a->content[i] : QN_DIM_UNKNOWN;
        inf->out_content[o] = (qn_content){elems, a->n_content};
    }
    return QN_OK;
}
