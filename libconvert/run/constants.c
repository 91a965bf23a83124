/* Constants as a run needs them: dense, aligned to their element, made once a session. */
#include "run/plan.h"

#include <string.h>

qn_status qn_plan_constant(qn_planner *p, const qn_value *value, qn_tensor *out) {
    qn_tensor *cached = &p->expanded[value->id];
    if (cached->data) {
        *out = *cached;
        return QN_OK;
    }
    qn_tensor dense;
    const qn_const *c = value->constant;
    size_t before = qn_arena_bytes(p->constants);
    qn_status status = qn_const_eval(p->ctx, p->constants, c, &dense);
    if (status != QN_OK)
        return qn_fail_in(p->ctx, status, "constant '%s'", value->name);
    size_t element = qn_dtype_bytes(dense.dtype);
    if (element > 1 && (uintptr_t)dense.data % element != 0) {
        void *copy = qn_arena_alloc(p->constants, dense.n_bytes);
        if (!copy)
            return qn_fail_memory(p->ctx, dense.n_bytes, value->name);
        if (dense.n_bytes)
            memcpy(copy, dense.data, dense.n_bytes);
        dense.data = copy;
    }
    *p->expanded_bytes += qn_arena_bytes(p->constants) - before;
    *cached = *out = dense;
    return QN_OK;
}
