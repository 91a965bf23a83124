/* What a MultiHeadAttention node asks for: operands, mask and numbers, checked against each other. */
#include "kernels/attention/attention.h"
#include "kernels/gemm/gemm.h"

#include <math.h>

static bool may_read(const qn_kernel_args *args, int32_t i) {
    return qn_is_real(args->in[i].dtype) && !qn_encoded(args, i);
}

bool qn_attention_accepts(const qn_kernel_args *args) {
    for (int32_t i = 0; i < 3; i++)
        if (!may_read(args, i) || (args->in[i].rank != 3 && args->in[i].rank != 4))
            return false;
    for (int32_t i = 3; i < args->n_in; i++)
        if (qn_has(args, i) && (!may_read(args, i) || args->in[i].rank > 4))
            return false;
    return qn_is_real(args->out[0].dtype);
}

static qn_status read_heads(const qn_kernel_args *args, int32_t i, int64_t H, int64_t D, const char *offset_name,
                            qn_heads *out) {
    const qn_tensor *t = &args->in[i];
    const int64_t offset = qn_node_int(args->node, offset_name, 0);
    *out = (qn_heads){.dtype = t->dtype, .B = t->dims[0], .H = H, .D = D};
    if (t->rank == 3) {
        const int64_t C = t->dims[2];
        if (D < 0 || offset < 0 || offset > C || (D > 0 && H > (C - offset) / D))
            return qn_kernel_fail(args, QN_MALFORMED, "input %d: %lld heads of %lld elements from %lld in rows of %lld",
                                  i, (long long)H, (long long)D, (long long)offset, (long long)C);
        out->N = t->dims[1];
        out->row = C;
        out->head = D;
        out->batch = out->N * C;
    } else {
        if (H != t->dims[1] || D != t->dims[3] || offset != 0)
            return qn_kernel_fail(args, QN_MALFORMED, "input %d: %lld heads of %lld elements, not %lld of %lld", i,
                                  (long long)t->dims[1], (long long)t->dims[3], (long long)H, (long long)D);
        out->N = t->dims[2];
        out->row = D;
        out->head = out->N * D;
        out->batch = H * out->head;
    }
    out->data = qn_elem(t->data, t->dtype, offset);
    return QN_OK;
}

/* Rows of input i [B, H, P, D] before those of h. */
static qn_status read_past(const qn_kernel_args *args, int32_t i, qn_heads *h) {
    if (!qn_has(args, i))
        return QN_OK;
    const qn_tensor *t = &args->in[i];
    if (t->rank != 4 || t->dims[0] != h->B || t->dims[1] != h->H || t->dims[3] != h->D)
        return qn_kernel_fail(args, QN_MALFORMED, "input %d is not [%lld, %lld, past, %lld]", i, (long long)h->B,
                              (long long)h->H, (long long)h->D);
    h->past = t->data;
    h->past_dtype = t->dtype;
    h->n_past = t->dims[2];
    h->N += h->n_past; /* both are tokens of tensors in memory */
    return QN_OK;
}

/* The mask's steps over [B, H, Nq, Nk], 0 where it is repeated. */
static qn_status read_mask(const qn_kernel_args *args, qn_attention *a) {
    if (!qn_has(args, 3))
        return QN_OK;
    const qn_tensor *t = &args->in[3];
    const int64_t full[4] = {a->q.B, a->q.H, a->q.N, a->k.N};
    int64_t steps[4] = {0}, step = 1;
    for (int32_t i = 0; i < t->rank; i++) {
        int32_t from = t->rank - 1 - i, to = 3 - i;
        if (t->dims[from] != 1 && t->dims[from] != full[to])
            return qn_kernel_fail(args, QN_MALFORMED, "the mask does not broadcast to [%lld, %lld, %lld, %lld]",
                                  (long long)full[0], (long long)full[1], (long long)full[2], (long long)full[3]);
        steps[to] = t->dims[from] == 1 ? 0 : step;
        step *= t->dims[from];
    }
    a->mask = (qn_attention_mask){t->data, t->dtype, steps[0], steps[1], steps[2], steps[3]};
    return QN_OK;
}

qn_status qn_attention_read(const qn_kernel_args *args, qn_attention *a) {
    const qn_node *node = args->node;
    const qn_tensor *in = args->in;
    const int64_t H = qn_node_int(node, "num_heads", in[0].rank == 4 ? in[0].dims[1] : 0);
    const int64_t Hk = qn_node_int(node, "kv_num_heads", in[1].rank == 4 ? in[1].dims[1] : H);
    if (H < 1 || Hk < 1 || H % Hk != 0)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld query heads and %lld key heads", (long long)H, (long long)Hk);
    const int64_t D = qn_node_int(node, "head_dim", in[0].rank == 4 ? in[0].dims[3] : in[0].dims[2] / H);
    const int64_t E = qn_node_int(node, "v_head_dim", in[2].rank == 4 ? in[2].dims[3] : D);
    *a = (qn_attention){.causal = qn_node_int(node, "causal", 0) != 0,
                        .dtype = args->out[0].dtype,
                        .y = args->out[0].data,
                        .group = H / Hk};
    QN_TRY(read_heads(args, 0, H, D, "q_offset", &a->q));
    QN_TRY(read_heads(args, 1, Hk, D, "k_offset", &a->k));
    QN_TRY(read_heads(args, 2, Hk, E, "v_offset", &a->v));
    QN_TRY(read_past(args, 4, &a->k));
    QN_TRY(read_past(args, 5, &a->v));
    if (a->k.B != a->q.B || a->v.B != a->q.B || a->v.N != a->k.N)
        return qn_kernel_fail(args, QN_MALFORMED, "batches of %lld, %lld and %lld; %lld keys and %lld values",
                              (long long)a->q.B, (long long)a->k.B, (long long)a->v.B, (long long)a->k.N,
                              (long long)a->v.N);
    a->scale = qn_node_attr(node, "scale") ? qn_node_float(node, "scale", 1) : (float)(1 / sqrt((double)D));
    return read_mask(args, a);
}
