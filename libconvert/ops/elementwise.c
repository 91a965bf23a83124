/* Elementwise: inputs of one float dtype, broadcast together. */
#include "ops/program.h"
#include "ops/shape.h"

qn_status qn_shape_Elementwise(qn_infer *inf) {
    qn_program program;
    const char *problem = qn_program_read(inf->node, &program);
    if (problem)
        return qn_infer_fail(inf, "%s", problem);
    for (int32_t i = 0; i < inf->n_in; i++) {
        if (!qn_infer_has(inf, i))
            return qn_infer_fail(inf, "input %d is missing", i);
        QN_TRY(qn_infer_dtype(inf, i, QN_SET_FLOAT));
        QN_TRY(qn_infer_same_dtype(inf, 0, i));
    }
    qn_infer_copy(inf, 0, 0);
    for (int32_t i = 1; i < inf->n_in; i++) {
        if (inf->out[0].dtype == QN_NONE)
            inf->out[0].dtype = inf->in[i].dtype;
        QN_TRY(qn_infer_broadcast(inf, &inf->out[0], &inf->in[i], &inf->out[0]));
    }
    return QN_OK;
}
