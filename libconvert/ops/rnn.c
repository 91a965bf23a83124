/* GRU and LSTM. With gates = 3 or 4 and one direction or two:
 *   x [seq, batch, input], w [directions, gates * hidden, input], r [directions, gates * hidden, hidden],
 *   b [directions, 2 * gates * hidden], sequence_lens [batch], initial_h and initial_c [directions, batch, hidden],
 *   p [directions, 3 * hidden]
 *   y [seq, directions, batch, hidden], y_h and y_c [directions, batch, hidden]
 * layout=1 puts the batch first: x [batch, seq, input], y [batch, seq, directions, hidden], states [batch, directions,
 * hidden].
 */
#include <string.h>

#include "ops/shape.h"

/* Input i has these dimensions, as far as they are known. */
static qn_status expect(const qn_infer *inf, int32_t i, const qn_dim *dims, int32_t rank) {
    const qn_type *type = qn_infer_in(inf, i);
    QN_TRY(qn_infer_rank(inf, i, rank, rank));
    for (int32_t k = 0; k < rank && type->rank == rank; k++)
        if (qn_dim_is_const(type->dims[k]) && qn_dim_is_const(dims[k]) && type->dims[k] != dims[k])
            return qn_infer_fail(inf, "dimension %d of input %d is %lld, must be %lld", k, i, (long long)type->dims[k],
                                 (long long)dims[k]);
    return QN_OK;
}

static qn_status hidden_size(const qn_infer *inf, qn_dim *out) {
    const qn_type *r = &inf->in[2];
    *out = r->rank == 3 ? r->dims[2] : QN_DIM_UNKNOWN;
    if (!qn_node_attr(inf->node, "hidden_size"))
        return QN_OK;
    int64_t given = qn_node_int(inf->node, "hidden_size", 0);
    if (given < 1)
        return qn_infer_fail(inf, "hidden_size is %lld", (long long)given);
    return qn_infer_unify(inf, given, *out, "hidden_size and the recurrent weight differ", out);
}

static qn_status recurrent(qn_infer *inf, int64_t gates) {
    const qn_type *x = &inf->in[0];
    const char *direction = qn_node_string(inf->node, "direction", "forward");
    const int64_t layout = qn_node_int(inf->node, "layout", 0);
    const bool both = strcmp(direction, "bidirectional") == 0;
    if (!both && strcmp(direction, "forward") && strcmp(direction, "reverse"))
        return qn_infer_fail(inf, "direction '%s' is not forward, reverse or bidirectional", direction);
    if (layout != 0 && layout != 1)
        return qn_infer_fail(inf, "layout is %lld", (long long)layout);
    for (int32_t i = 0; i < inf->n_in; i++)
        if (i != 4)
            QN_TRY(qn_infer_dtype(inf, i, QN_SET_FLOAT));
    QN_TRY(qn_infer_floats_mix(inf, 0, 3));
    QN_TRY(qn_infer_index_dtype(inf, 4));
    QN_TRY(qn_infer_floats_mix(inf, 5, inf->n_in - 1));
    QN_TRY(qn_infer_rank(inf, 0, 3, 3));
    QN_TRY(qn_infer_rank(inf, 2, 3, 3));

    const qn_dim n_dir = both ? 2 : 1;
    qn_dim seq = QN_DIM_UNKNOWN, batch = QN_DIM_UNKNOWN, input = QN_DIM_UNKNOWN, hidden, rows;
    if (x->rank == 3) {
        seq = x->dims[layout ? 1 : 0];
        batch = x->dims[layout ? 0 : 1];
        input = x->dims[2];
    }
    QN_TRY(hidden_size(inf, &hidden));
    QN_TRY(qn_infer_mul(inf, hidden, gates, &rows));
    qn_dim both_rows, peepholes;
    QN_TRY(qn_infer_mul(inf, rows, 2, &both_rows));
    QN_TRY(qn_infer_mul(inf, hidden, 3, &peepholes));
    const qn_dim state[3] = {layout ? batch : n_dir, layout ? n_dir : batch, hidden};
    QN_TRY(expect(inf, 1, (const qn_dim[]){n_dir, rows, input}, 3));
    QN_TRY(expect(inf, 2, (const qn_dim[]){n_dir, rows, hidden}, 3));
    QN_TRY(expect(inf, 3, (const qn_dim[]){n_dir, both_rows}, 2));
    QN_TRY(expect(inf, 4, (const qn_dim[]){batch}, 1));
    QN_TRY(expect(inf, 5, state, 3));
    QN_TRY(expect(inf, 6, state, 3));
    QN_TRY(expect(inf, 7, (const qn_dim[]){n_dir, peepholes}, 2));

    QN_TRY(qn_infer_set(inf, 0, x->dtype, 4));
    const qn_dim y[4] = {layout ? batch : seq, layout ? seq : n_dir, layout ? n_dir : batch, hidden};
    for (int32_t k = 0; k < 4; k++)
        inf->out[0].dims[k] = y[k];
    for (int32_t o = 1; o < inf->n_out; o++) {
        QN_TRY(qn_infer_set(inf, o, x->dtype, 3));
        for (int32_t k = 0; k < 3; k++)
            inf->out[o].dims[k] = state[k];
    }
    return QN_OK;
}

qn_status qn_shape_GRU(qn_infer *inf) { return recurrent(inf, 3); }
qn_status qn_shape_LSTM(qn_infer *inf) { return recurrent(inf, 4); }
