/* MultiHeadAttention (docs/ops.md).
 *
 * q, k, v: [B, N, C], head h at elements X_offset + h D of a row; or [B, H, N, D]. For head h, with key head
 * g = h / (num_heads / kv_num_heads):
 *   s[i, j] = scale * sum over d of q[b, h, i, d] k[b, g, j, d] + mask[b, h, i, j]
 *             -infinity where causal and j > i + (Nk - Nq)
 *   y[b, i, h Dv + e] = sum over j of exp(s[i, j] - max_i) v[b, g, j, e] / sum over j of exp(s[i, j] - max_i)
 * Keys and values of the past [B, Hk, P, D], where there are any, come before those of k and v.
 * With a compute dtype of bfloat16, q, k and v are rounded to it before both products, and exp(s - max_i) for the product
 * with v; its sum below is of the unrounded numbers.
 * A row in which every key is masked by -infinity is NaN, as it is where the operators are written out; with no key at
 * all it is 0.
 */
#include "base/checked.h"
#include "base/half.h"
#include "kernels/ref/product.h"

#include <string.h>

/* An operand: element (b, h, n, d) is at data[b batch + h head + n row + d]. */
typedef struct heads {
    const double *data;
    int64_t B, H, N, D;
    int64_t batch, head, row;
} heads;

static double to_bf16(double x) { return (double)qn_bf16_to_f32(qn_f32_to_bf16((float)x)); }

/* Input i of a node that computes in bfloat16, rounded to it. */
static qn_status narrow(const qn_kernel_args *args, int32_t i, const double **x) {
    const int64_t n = qn_ref_numel(&args->in[i]);
    double *out;
    if (args->node->compute != QN_BF16)
        return QN_OK;
    QN_TRY(qn_ref_scratch(args, n, &out));
    for (int64_t k = 0; k < n; k++)
        out[k] = to_bf16((*x)[k]);
    *x = out;
    return QN_OK;
}

static qn_status read_heads(const qn_kernel_args *args, int32_t i, int64_t H, int64_t D, const char *offset_name,
                            heads *out) {
    const qn_tensor *t = &args->in[i];
    *out = (heads){.B = t->dims[0], .H = H, .D = D};
    int64_t offset = qn_node_int(args->node, offset_name, 0);
    if (t->rank == 3) {
        int64_t C = t->dims[2];
        if (H < 1 || D < 0 || offset < 0 || offset > C || (D > 0 && H > (C - offset) / D))
            return qn_kernel_fail(args, QN_MALFORMED, "input %d: %lld heads of %lld elements from %lld in rows of %lld",
                                  i, (long long)H, (long long)D, (long long)offset, (long long)C);
        out->N = t->dims[1];
        out->row = C;
        out->head = D;
        out->batch = out->N * C;
    } else if (t->rank == 4) {
        if (H != t->dims[1] || D != t->dims[3] || offset != 0)
            return qn_kernel_fail(args, QN_MALFORMED, "input %d: %lld heads of %lld elements, not %lld of %lld", i,
                                  (long long)t->dims[1], (long long)t->dims[3], (long long)H, (long long)D);
        out->N = t->dims[2];
        out->row = D;
        out->head = out->N * D;
        out->batch = H * out->head;
    } else {
        return qn_kernel_fail(args, QN_MALFORMED, "input %d has %d dimensions, not 3 or 4", i, t->rank);
    }
    QN_TRY(qn_ref_reals(args, i, &out->data));
    QN_TRY(narrow(args, i, &out->data));
    out->data += t->rank == 3 ? offset : 0;
    return QN_OK;
}

/* h and before it the rows of input i [B, H, P, D], when there is one, as one array [B, H, P + N, D]. */
static qn_status join_past(const qn_kernel_args *args, int32_t i, heads *h) {
    if (!qn_ref_has(args, i))
        return QN_OK;
    const qn_tensor *t = &args->in[i];
    if (t->rank != 4 || t->dims[0] != h->B || t->dims[1] != h->H || t->dims[3] != h->D)
        return qn_kernel_fail(args, QN_MALFORMED, "input %d is not [%lld, %lld, past, %lld]", i, (long long)h->B,
                              (long long)h->H, (long long)h->D);
    const int64_t P = t->dims[2], D = h->D;
    heads all = {.B = h->B, .H = h->H, .N = P + h->N, .D = D, .row = D};
    int64_t n;
    if (!qn_mul_i64(all.N, D, &all.head) || !qn_mul_i64(all.head, h->H, &all.batch) || !qn_mul_i64(all.batch, h->B, &n))
        return qn_fail_memory(args->ctx, SIZE_MAX, "attention");
    const double *past;
    double *joined;
    QN_TRY(qn_ref_reals(args, i, &past));
    QN_TRY(narrow(args, i, &past));
    QN_TRY(qn_ref_scratch(args, n, &joined));
    for (int64_t r = 0; r < h->B * h->H * all.N && D > 0; r++) {
        const int64_t head = r / all.N, row = r % all.N;
        const double *from = row < P ? past + (head * P + row) * D
                                     : h->data + head / h->H * h->batch + head % h->H * h->head + (row - P) * h->row;
        memcpy(joined + r * D, from, (size_t)D * sizeof *joined);
    }
    all.data = joined;
    *h = all;
    return QN_OK;
}

static qn_status read_operands(const qn_kernel_args *args, heads *q, heads *k, heads *v) {
    const qn_node *node = args->node;
    const qn_tensor *in = args->in;
    int64_t H = qn_node_int(node, "num_heads", in[0].rank == 4 ? in[0].dims[1] : 0);
    int64_t Hk = qn_node_int(node, "kv_num_heads", in[1].rank == 4 ? in[1].dims[1] : H);
    if (H < 1 || Hk < 1 || H % Hk != 0)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld query heads and %lld key heads", (long long)H, (long long)Hk);
    int64_t D = qn_node_int(node, "head_dim", in[0].rank == 4 ? in[0].dims[3] : in[0].dims[in[0].rank - 1] / H);
    int64_t Dv = qn_node_int(node, "v_head_dim", in[2].rank == 4 ? in[2].dims[3] : D);
    QN_TRY(read_heads(args, 0, H, D, "q_offset", q));
    QN_TRY(read_heads(args, 1, Hk, D, "k_offset", k));
    QN_TRY(read_heads(args, 2, Hk, Dv, "v_offset", v));
    QN_TRY(join_past(args, 4, k));
    QN_TRY(join_past(args, 5, v));
    if (k->B != q->B || v->B != q->B || v->N != k->N)
        return qn_kernel_fail(args, QN_MALFORMED, "batches of %lld, %lld and %lld; %lld keys and %lld values",
                              (long long)q->B, (long long)k->B, (long long)v->B, (long long)k->N, (long long)v->N);
    return QN_OK;
}

/* s[0..n) to exp(s - max), rounded to bfloat16 when `narrowed`; the sum of the unrounded. */
static double exponentials(double *s, int64_t n, bool narrowed) {
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++)
        if (s[j] > max)
            max = s[j];
    for (int64_t j = 0; j < n; j++) {
        sum += s[j] = exp(s[j] - max);
        s[j] = narrowed ? to_bf16(s[j]) : s[j];
    }
    return sum;
}

qn_status qn_ref_MultiHeadAttention(const qn_kernel_args *args) {
    qn_tensor *y = &args->out[0];
    for (int32_t i = 0; i < 3; i++)
        if (args->in[i].rank != 3 && args->in[i].rank != 4)
            return qn_kernel_fail(args, QN_MALFORMED, "input %d has %d dimensions, not 3 or 4", i, args->in[i].rank);
    heads q, k, v;
    QN_TRY(read_operands(args, &q, &k, &v));
    if (qn_ref_numel(y) != q.B * q.N * q.H * v.D)
        return qn_kernel_fail(args, QN_MALFORMED, "an output of %lld elements", (long long)qn_ref_numel(y));
    if (qn_ref_numel(y) == 0)
        return QN_OK;
    int64_t full[4] = {q.B, q.H, q.N, k.N}, m[4] = {0};
    const double *mask;
    double *s, *row;
    if (qn_ref_has(args, 3) && !qn_ref_spread(&args->in[3], 4, full, m))
        return qn_kernel_fail(args, QN_MALFORMED, "the mask does not broadcast to [%lld, %lld, %lld, %lld]",
                              (long long)q.B, (long long)q.H, (long long)q.N, (long long)k.N);
    QN_TRY(qn_ref_reals(args, 3, &mask));
    QN_TRY(qn_ref_scratch(args, k.N, &s));
    QN_TRY(qn_ref_scratch(args, v.D, &row));
    double scale =
        qn_node_attr(args->node, "scale") ? (double)qn_node_float(args->node, "scale", 1) : 1 / sqrt((double)q.D);
    bool causal = qn_node_int(args->node, "causal", 0) != 0;
    for (int64_t b = 0; b < q.B; b++)
        for (int64_t h = 0; h < q.H; h++)
            for (int64_t i = 0; i < q.N; i++) {
                int64_t g = h / (q.H / k.H);
                qn_ref_product_row(q.data + b * q.batch + h * q.head + i * q.row, 1, k.data + b * k.batch + g * k.head,
                                   (qn_ref_steps){1, k.row}, q.D, k.N, s);
                for (int64_t j = 0; j < k.N; j++) {
                    s[j] *= scale;
                    if (mask)
                        s[j] += mask[b * m[0] + h * m[1] + i * m[2] + j * m[3]];
                    if (causal && j > i + k.N - q.N)
                        s[j] = -INFINITY;
                }
                double sum = exponentials(s, k.N, args->node->compute == QN_BF16);
                qn_ref_product_row(s, 1, v.data + b * v.batch + g * v.head, (qn_ref_steps){v.row, 1}, k.N, v.D, row);
                for (int64_t e = 0; e < v.D && k.N > 0; e++)
                    row[e] /= sum;
                qn_ref_put_n(y, ((b * q.N + i) * q.H + h) * v.D, row, v.D);
            }
    return QN_OK;
}
