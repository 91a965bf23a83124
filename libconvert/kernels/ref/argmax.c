/* ArgMax, ArgMin: index along `axis` of the largest (smallest) element as int64; of several the first, or the last
 * with select_last_index. NaN counts as largest and as smallest (numpy). */
#include "kernels/ref/integers.h"
#include "kernels/ref/iterate.h"

#include "base/pool.h"

typedef struct scan {
    const char *x;
    int64_t *y;
    int64_t axis, inner;  /* x is [outer, axis, inner], y [outer, inner] */
    size_t bytes;
    void (*row)(const void *x, int64_t *y, int64_t axis, int64_t inner);
} scan;

/* One [axis, inner] plane, along its rows: y[j] is the best index so far. */
#define SCAN(NAME, T, BETTER)                                                                \
    static void NAME(const void *x_, int64_t *y, int64_t axis, int64_t inner) {              \
        const T *x = x_;                                                                     \
        for (int64_t j = 0; j < inner; j++)                                                  \
            y[j] = 0;                                                                        \
        for (int64_t i = 1; i < axis; i++)                                                   \
            for (int64_t j = 0; j < inner; j++) {                                            \
                const T best = x[y[j] * inner + j], v = x[i * inner + j];                    \
                if (BETTER)                                                                  \
                    y[j] = i;                                                                \
            }                                                                                \
    }
#define FLOATS(S, T, W)                                                         \
    SCAN(max_first_##S, T, v > best || (v != v && best == best))                \
    SCAN(max_last_##S, T, v != v || v >= best)                                  \
    SCAN(min_first_##S, T, v < best || (v != v && best == best))                \
    SCAN(min_last_##S, T, v != v || v <= best)
#define INTEGERS(S, T, W)                   \
    SCAN(max_first_##S, T, v > best)        \
    SCAN(max_last_##S, T, v >= best)        \
    SCAN(min_first_##S, T, v < best)        \
    SCAN(min_last_##S, T, v <= best)
QN_EACH_FLOAT(FLOATS)
QN_EACH_SIGNED(INTEGERS)
QN_EACH_UNSIGNED(INTEGERS)

typedef void (*scan_table[QN_DTYPE_SLOTS])(const void *, int64_t *, int64_t, int64_t);
static const scan_table g_max_first = {QN_ROWS_NUMERIC(max_first)}, g_max_last = {QN_ROWS_NUMERIC(max_last)};
static const scan_table g_min_first = {QN_ROWS_NUMERIC(min_first)}, g_min_last = {QN_ROWS_NUMERIC(min_last)};

static void scan_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const scan *s = arg;
    for (int64_t o = begin; o < end; o++)
        s->row(s->x + (size_t)(o * s->axis * s->inner) * s->bytes, s->y + o * s->inner, s->axis, s->inner);
}

static qn_status arg_scan(const qn_kernel_args *args, const scan_table first, const scan_table last) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    int32_t axis;
    QN_TRY(qn_ref_axis_attr(args, 0, &axis));
    scan s = {.x = x->data, .y = y->data, .axis = x->dims[axis], .inner = 1, .bytes = qn_dtype_bytes(x->dtype)};
    s.row = (qn_node_int(args->node, "select_last_index", 0) ? last : first)[x->dtype];
    if (!s.row || y->dtype != QN_I64)
        return qn_ref_dtype_fail(args, x->dtype);
    int64_t outer = 1;
    for (int32_t d = 0; d < axis; d++)
        outer *= x->dims[d];
    for (int32_t d = axis + 1; d < x->rank; d++)
        s.inner *= x->dims[d];
    if (outer * s.inner != qn_ref_numel(y))
        return qn_kernel_fail(args, QN_MALFORMED, "the output has another shape");
    if (outer * s.inner == 0)
        return QN_OK;
    if (s.axis == 0)
        return qn_kernel_fail(args, QN_MALFORMED, "axis %d is empty", axis);
    enum { PIECE = 1 << 15 };
    qn_parallel_for(args->ctx, outer, 1 + PIECE / (s.axis * s.inner), scan_piece, &s);
    return QN_OK;
}

qn_status qn_ref_ArgMax(const qn_kernel_args *args) { return arg_scan(args, g_max_first, g_max_last); }
qn_status qn_ref_ArgMin(const qn_kernel_args *args) { return arg_scan(args, g_min_first, g_min_last); }
