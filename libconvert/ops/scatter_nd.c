/* ScatterND: slices of a tensor overwritten at given places. */
#include <string.h>

#include "ops/shape.h"

qn_status qn_shape_ScatterND(qn_infer *inf) {
    const qn_type *data = &inf->in[0], *index = &inf->in[1], *update = &inf->in[2];
    const char *reduction = qn_node_string(inf->node, "reduction", "none");
    static const char *const known[] = {"none", "add", "mul", "max", "min"};
    bool found = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        found = found || strcmp(reduction, known[i]) == 0;
    if (!found)
        return qn_infer_fail(inf, "reduction '%s' is not none, add, mul, max or min", reduction);
    if (index->dtype != QN_NONE && index->dtype != QN_I64)
        return qn_infer_fail(inf, "indices are %s, must be int64", qn_dtype_name(index->dtype));
    QN_TRY(qn_infer_same_dtype(inf, 0, 2));
    QN_TRY(qn_infer_rank(inf, 0, 1, QN_MAX_RANK));
    QN_TRY(qn_infer_rank(inf, 1, 1, QN_MAX_RANK));
    qn_infer_copy(inf, 0, 0);
    if (data->rank < 0 || index->rank < 0 || !qn_dim_is_const(index->dims[index->rank - 1]))
        return QN_OK;
    qn_dim depth = index->dims[index->rank - 1];
    if (depth > data->rank)
        return qn_infer_fail(inf, "indices of length %lld into rank %d", (long long)depth, data->rank);
    int32_t k = (int32_t)depth, rank = index->rank - 1 + data->rank - k;
    if (update->rank < 0)
        return QN_OK;
    QN_TRY(qn_infer_rank(inf, 2, rank, rank));
    for (int32_t i = 0; i < rank; i++) {
        qn_dim same, want = i < index->rank - 1 ? index->dims[i] : data->dims[k + i - (index->rank - 1)];
        QN_TRY(qn_infer_unify(inf, update->dims[i], want, "updates do not fit the indices", &same));
    }
    return QN_OK;
}
