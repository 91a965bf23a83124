/* RotaryEmbedding (ONNX operator page): the output has the type of x. */
#include "ops/shape.h"

qn_status qn_shape_RotaryEmbedding(qn_infer *inf) {
    const qn_type *x = &inf->in[0];
    const int64_t heads = qn_node_int(inf->node, "num_heads", 0),
                  width = qn_node_int(inf->node, "rotary_embedding_dim", 0);
    const bool by_position = qn_infer_has(inf, 3);
    QN_TRY(qn_infer_floats_mix(inf, 0, 2));
    QN_TRY(qn_infer_rank(inf, 0, 3, 4));
    for (int32_t i = 1; i <= 2; i++)
        QN_TRY(qn_infer_rank(inf, i, by_position ? 2 : 3, by_position ? 2 : 3));
    if (by_position) {
        QN_TRY(qn_infer_index_dtype(inf, 3));
        QN_TRY(qn_infer_rank(inf, 3, 2, 2));
    }
    if (heads < 0 || width < 0 || width % 2 != 0)
        return qn_infer_fail(inf, "%lld heads, %lld elements turned", (long long)heads, (long long)width);
    if (x->rank == 3 && heads == 0)
        return qn_infer_fail(inf, "an input of 3 dimensions needs num_heads");
    qn_infer_copy(inf, 0, 0);
    return QN_OK;
}
