#include "passes/reshape.h"

bool qn_reshape_target(const qn_type *from, const qn_type *to, int64_t *target) {
    int32_t symbolic = 0, last = -1;
    if (to->rank < 0)
        return false;
    for (int32_t i = 0; i < to->rank; i++) {
        target[i] = to->dims[i];
        if (to->dims[i] == 0 || to->dims[i] == QN_DIM_UNKNOWN)
            return false; /* 0 would mean "copy", and leaves -1 without an answer */
        if (!qn_dim_is_const(to->dims[i])) {
            symbolic++;
            last = i;
        }
    }
    if (symbolic == 1)
        target[last] = -1;
    if (symbolic <= 1)
        return true;
    int32_t left = 0;
    for (int32_t i = 0; i < to->rank; i++) {
        if (qn_dim_is_const(to->dims[i]))
            continue;
        const bool copied = i < from->rank && from->dims[i] == to->dims[i];
        target[i] = copied ? 0 : -1;
        left += !copied;
    }
    return left <= 1;
}

qn_status qn_reshape_instead(qn_pass_run *run, qn_node *old, qn_value *from, const int64_t *target, int32_t rank,
                             qn_node **out) {
    qn_value *in[2] = {from, NULL};
    QN_TRY(qn_value_ints(run->ctx, old->graph, NULL, target, rank, &in[1]));
    return qn_rewrite_node(run, old, QN_OP_Reshape, in, 2, out);
}
