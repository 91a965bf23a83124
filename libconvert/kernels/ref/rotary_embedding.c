/* RotaryEmbedding (ONNX operator page): pairs of a head's elements are turned by the angle of their position.
 *
 *   x1, x2   the first and the second half of the 2 half elements (interleaved: those of even and of odd index)
 *   y1 = cos x1 - sin x2        y2 = sin x1 + cos x2         in the places of x1 and x2; the rest of the head stays
 *
 * cos and sin of a token are row position_ids[b, s] of the caches [P, half], or row [b, s] of caches [B, S, half].
 */
#include "kernels/ref/rotary_embedding.h"

#include "kernels/ref/real.h"

qn_status qn_rotary_read(const qn_kernel_args *args, qn_rotary *r) {
    const qn_tensor *x = &args->in[0], *c = &args->in[1];
    *r = (qn_rotary){.B = x->dims[0], .interleaved = qn_node_int(args->node, "interleaved", 0) != 0};
    if (x->rank == 4) {
        r->H = x->dims[1], r->S = x->dims[2], r->D = x->dims[3];
        r->token = r->D, r->head = r->S * r->D, r->batch = r->H * r->head;
    } else if (x->rank == 3) {
        r->H = qn_node_int(args->node, "num_heads", 0), r->S = x->dims[1];
        if (r->H < 1 || x->dims[2] % r->H != 0)
            return qn_kernel_fail(args, QN_MALFORMED, "%lld heads in rows of %lld", (long long)r->H,
                                  (long long)x->dims[2]);
        r->D = r->head = x->dims[2] / r->H;
        r->token = x->dims[2], r->batch = r->S * r->token;
    } else {
        return qn_kernel_fail(args, QN_MALFORMED, "an input of %d dimensions, not 3 or 4", x->rank);
    }
    const int64_t width = qn_node_int(args->node, "rotary_embedding_dim", 0);
    if (width < 0 || width > r->D || (width ? width : r->D) % 2 != 0)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld of %lld elements turned in pairs", (long long)width,
                              (long long)r->D);
    r->half = (width ? width : r->D) / 2;
    if (qn_ref_has(args, 3))
        r->positions = args->in[3];
    const bool by_position = qn_ref_has(args, 3);
    for (int32_t i = 1; i <= 2; i++) {
        const qn_tensor *t = &args->in[i];
        if (t->rank != (by_position ? 2 : 3) || t->dims[t->rank - 1] != r->half || t->dims[0] != c->dims[0] ||
            (!by_position && (t->dims[0] != r->B || t->dims[1] != r->S)))
            return qn_kernel_fail(args, QN_MALFORMED, "input %d does not fit: rows of %lld numbers are needed", i,
                                  (long long)r->half);
    }
    if (by_position && (args->in[3].rank != 2 || args->in[3].dims[0] != r->B || args->in[3].dims[1] != r->S))
        return qn_kernel_fail(args, QN_MALFORMED, "position_ids is not [%lld, %lld]", (long long)r->B, (long long)r->S);
    r->n_rows = by_position ? c->dims[0] : r->B * r->S;
    return QN_OK;
}

int64_t qn_rotary_row(const qn_rotary *r, int64_t b, int64_t s) {
    const int64_t at = b * r->S + s;
    return r->positions.dtype == QN_NONE  ? at
           : r->positions.dtype == QN_I64 ? ((const int64_t *)r->positions.data)[at]
                                          : ((const int32_t *)r->positions.data)[at];
}

qn_status qn_rotary_check(const qn_kernel_args *args, const qn_rotary *r) {
    for (int64_t b = 0; b < r->B; b++)
        for (int64_t s = 0; s < r->S; s++) {
            const int64_t row = qn_rotary_row(r, b, s);
            if (row < 0 || row >= r->n_rows)
                return qn_kernel_fail(args, QN_MALFORMED, "position %lld of token %lld: there are %lld", (long long)row,
                                      (long long)s, (long long)r->n_rows);
        }
    return QN_OK;
}

static void turn(const qn_rotary *r, const double *x, const double *c, const double *s, qn_tensor *y, int64_t at) {
    for (int64_t i = 0; i < r->half; i++) {
        const int64_t i1 = r->interleaved ? 2 * i : i, i2 = r->interleaved ? 2 * i + 1 : r->half + i;
        qn_ref_put(y, at + i1, c[i] * x[at + i1] - s[i] * x[at + i2]);
        qn_ref_put(y, at + i2, s[i] * x[at + i1] + c[i] * x[at + i2]);
    }
    for (int64_t i = 2 * r->half; i < r->D; i++)
        qn_ref_put(y, at + i, x[at + i]);
}

qn_status qn_ref_RotaryEmbedding(const qn_kernel_args *args) {
    qn_rotary r;
    const double *x, *c, *s;
    QN_TRY(qn_rotary_read(args, &r));
    QN_TRY(qn_rotary_check(args, &r));
    QN_TRY(qn_ref_reals(args, 0, &x));
    QN_TRY(qn_ref_reals(args, 1, &c));
    QN_TRY(qn_ref_reals(args, 2, &s));
    for (int64_t b = 0; b < r.B; b++)
        for (int64_t t = 0; t < r.S; t++)
            for (int64_t h = 0; h < r.H; h++) {
                const int64_t row = qn_rotary_row(&r, b, t) * r.half;
                turn(&r, x, c + row, s + row, &args->out[0], b * r.batch + h * r.head + t * r.token);
            }
    return QN_OK;
}
