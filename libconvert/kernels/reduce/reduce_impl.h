/* Pieces of a reduction for one instruction set. */
#include "kernels/reduce/reduce.h"
#include "kernels/simd/simd.h"

#include <math.h>

VF_INLINE float nothing(const qn_reduce_kind kind) {
    return kind == QN_REDUCE_MAX ? -INFINITY : kind == QN_REDUCE_MIN ? INFINITY : kind == QN_REDUCE_PROD ? 1.0f : 0.0f;
}

/* What is reduced so far, and one element. NaN wins. */
VF_INLINE vf take(const qn_reduce_kind kind, vf a, vf x) {
    switch (kind) {
    case QN_REDUCE_SQUARES: return vf_fma(x, x, a);
    case QN_REDUCE_PROD: return vf_mul(a, x);
    case QN_REDUCE_MAX: return vf_or_nan(a, vf_max(a, x));
    case QN_REDUCE_MIN: return vf_or_nan(a, vf_min(a, x));
    case QN_REDUCE_SUM: break;
    }
    return vf_add(a, x);
}

/* Two parts of what is reduced. */
VF_INLINE vf join(const qn_reduce_kind kind, vf a, vf b) {
    return take(kind == QN_REDUCE_SQUARES ? QN_REDUCE_SUM : kind, a, b);
}

VF_INLINE float join_lanes(const qn_reduce_kind kind, vf a) {
    float v[VF_LANES];
    vf_store(v, a);
    for (int half = VF_LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) {
            const float p = v[i], q = v[i + half];
            v[i] = kind == QN_REDUCE_MAX    ? (p > q || p != p ? p : q)
                   : kind == QN_REDUCE_MIN  ? (p < q || p != p ? p : q)
                   : kind == QN_REDUCE_PROD ? p * q
                                            : p + q;
        }
    return v[0];
}

/* The last n < VF_LANES elements, what changes nothing behind them. */
VF_INLINE vf read_tail(const qn_reduce_kind kind, const qn_dtype dtype, const void *x, int64_t at, int64_t n) {
    float v[VF_LANES];
    for (int64_t i = 0; i < VF_LANES; i++)
        v[i] = i < n ? qn_read_float(dtype, x, at + i) : nothing(kind);
    return vf_load(v);
}

/* n elements side by side: four accumulators, so that additions need not wait for each other. */
VF_INLINE float reduce_run(const qn_reduce_kind kind, const qn_dtype dtype, const void *x, int64_t at, int64_t n) {
    const vf none = vf_set1(nothing(kind));
    const int64_t step = 4 * VF_LANES, end = at + n;
    vf total = none;
    for (; at + step <= end;) {
        const int64_t stop = end - at < QN_REDUCE_BLOCK * step ? end : at + QN_REDUCE_BLOCK * step;
        vf a = none, b = none, c = none, d = none;
        for (; at + step <= stop; at += step) {
            a = take(kind, a, vf_read_n(dtype, x, at, VF_LANES));
            b = take(kind, b, vf_read_n(dtype, x, at + VF_LANES, VF_LANES));
            c = take(kind, c, vf_read_n(dtype, x, at + 2 * VF_LANES, VF_LANES));
            d = take(kind, d, vf_read_n(dtype, x, at + 3 * VF_LANES, VF_LANES));
        }
        total = join(kind, total, join(kind, join(kind, a, b), join(kind, c, d)));
    }
    for (; at < end; at += VF_LANES)
        total = take(kind, total,
                     end - at < VF_LANES ? read_tail(kind, dtype, x, at, end - at) : vf_read_n(dtype, x, at, VF_LANES));
    return join_lanes(kind, total);
}

/* Up to QN_REDUCE_COLUMNS columns from element `at` on, r->inner from one row to the next. */
VF_INLINE void reduce_columns(const qn_reduce_kind kind, const qn_dtype dtype, const qn_reduction *r, int64_t at,
                              int64_t n, float *y) {
    enum { N = QN_REDUCE_COLUMNS / VF_LANES };
    const vf none = vf_set1(nothing(kind));
    vf total[N];
    for (int v = 0; v < N; v++)
        total[v] = none;
    for (int64_t row = 0; row < r->size;) {
        const int64_t stop = r->size - row < QN_REDUCE_BLOCK ? r->size : row + QN_REDUCE_BLOCK;
        vf part[N];
        for (int v = 0; v < N; v++)
            part[v] = none;
        for (; row < stop; row++) {
            const int64_t from = at + row * r->inner;
            if (n == QN_REDUCE_COLUMNS) {
                VF_UNROLL
                for (int v = 0; v < N; v++)
                    part[v] = take(kind, part[v], vf_read_n(dtype, r->x, from + v * VF_LANES, VF_LANES));
            } else {
                for (int v = 0; v * VF_LANES < n; v++)
                    part[v] = take(kind, part[v], vf_read_n(dtype, r->x, from + v * VF_LANES, n - v * VF_LANES));
            }
        }
        for (int v = 0; v < N; v++)
            total[v] = join(kind, total[v], part[v]);
    }
    for (int v = 0; v * VF_LANES < n; v++)
        vf_store_n(y + v * VF_LANES, total[v], n - v * VF_LANES);
}

VF_INLINE void reduce_piece(const qn_reduce_kind kind, const qn_dtype dtype, const qn_reduction *r, int64_t item) {
    if (r->inner == 1) {
        const int64_t parts = (r->size - 1) / QN_REDUCE_PART + 1, from = item % parts * QN_REDUCE_PART;
        const int64_t n = r->size - from < QN_REDUCE_PART ? r->size - from : QN_REDUCE_PART;
        r->y[item] = reduce_run(kind, dtype, r->x, item / parts * r->size + from, n);
        return;
    }
    const int64_t groups = (r->inner - 1) / QN_REDUCE_COLUMNS + 1, row = item / groups;
    const int64_t column = item % groups * QN_REDUCE_COLUMNS, left = r->inner - column;
    reduce_columns(kind, dtype, r, row * r->size * r->inner + column,
                   left < QN_REDUCE_COLUMNS ? left : QN_REDUCE_COLUMNS, r->y + row * r->inner + column);
}

void VF_NAME(qn_reduce_pieces)(void *reduction, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_reduction *r = reduction;
#define PIECES(KIND)                                                                                                   \
    case KIND:                                                                                                         \
        for (int64_t i = begin; i < end; i++)                                                                          \
            if (r->dtype == QN_F32)                                                                                    \
                reduce_piece(KIND, QN_F32, r, i);                                                                      \
            else                                                                                                       \
                reduce_piece(KIND, r->dtype, r, i);                                                                    \
        break
    switch (r->kind) {
        PIECES(QN_REDUCE_SUM);
        PIECES(QN_REDUCE_SQUARES);
        PIECES(QN_REDUCE_PROD);
        PIECES(QN_REDUCE_MAX);
        PIECES(QN_REDUCE_MIN);
    }
}
