/* Pad: y[i] = x[i - before] where that lies inside x; elsewhere, by mode,
 *   constant   the given value, or 0
 *   edge       the nearest element
 *   reflect    mirrored at the first and last element, which are not repeated
 *   wrap       from the other end
 * Negative pads cut. */
#include "kernels/ref/integers.h"
#include "kernels/ref/iterate.h"

#include "base/checked.h"
#include "base/pool.h"

#include <string.h>

enum { OUTSIDE = -1 };

typedef struct pad {
    size_t bytes;
    int32_t rank;
    const qn_tensor *x, *y;
    const int64_t *map[QN_MAX_RANK];  /* for each index of y's dimension: the index in x, or OUTSIDE */
    int64_t x_stride[QN_MAX_RANK];
    int64_t first, end, start;        /* y[first..end) of the last dimension is x[start...] as it is */
    const char *row;                  /* a row of the value */
} pad;

static void pad_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const pad *p = arg;
    const int32_t last = p->rank - 1;
    const int64_t n = p->y->dims[last], *map = p->map[last];
    for (int64_t r = begin; r < end; r++) {
        char *y = (char *)p->y->data + (size_t)(r * n) * p->bytes;
        int64_t rest = r, at = 0;
        for (int32_t d = last - 1; d >= 0 && at != OUTSIDE; d--) {
            int64_t i = p->map[d][rest % p->y->dims[d]];
            rest /= p->y->dims[d];
            at = i == OUTSIDE ? OUTSIDE : at + i * p->x_stride[d];
        }
        if (at == OUTSIDE) {
            memcpy(y, p->row, (size_t)n * p->bytes);
            continue;
        }
        const char *x = (const char *)p->x->data + (size_t)at * p->bytes;
        for (int64_t j = 0; j < n; j++) {
            if (j == p->first && p->end > p->first) {
                memcpy(y + (size_t)j * p->bytes, x + (size_t)p->start * p->bytes, (size_t)(p->end - p->first) * p->bytes);
                j = p->end - 1;
            } else if (map[j] == OUTSIDE) {
                memcpy(y + (size_t)j * p->bytes, p->row, p->bytes);
            } else {
                memcpy(y + (size_t)j * p->bytes, x + (size_t)map[j] * p->bytes, p->bytes);
            }
        }
    }
}

static int64_t positive_mod(int64_t a, int64_t n) {
    int64_t r = a % n;
    return r < 0 ? r + n : r;
}

/* The index in [0, n) that stands at i, n > 0. */
static int64_t constant_at(int64_t i, int64_t n) { return i < 0 || i >= n ? OUTSIDE : i; }
static int64_t edge_at(int64_t i, int64_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }
static int64_t wrap_at(int64_t i, int64_t n) { return positive_mod(i, n); }
static int64_t reflect_at(int64_t i, int64_t n) {
    if (n == 1)
        return 0;
    int64_t m = positive_mod(i, 2 * (n - 1));
    return m < n ? m : 2 * (n - 1) - m;
}

static const struct {
    const char *name;
    int64_t (*at)(int64_t i, int64_t n);
} g_modes[] = {{"constant", constant_at}, {"edge", edge_at}, {"reflect", reflect_at}, {"wrap", wrap_at}};

/* Pads before each dimension; those after it follow from y's shape. */
static qn_status read_pads(const qn_kernel_args *args, int32_t rank, int64_t *before) {
    const int64_t *pads, *axes;
    int64_t n_pads, n_axes;
    QN_TRY(qn_ref_integers(args, 1, &pads, &n_pads));
    QN_TRY(qn_ref_integers(args, 3, &axes, &n_axes));
    int64_t n = axes ? n_axes : rank;
    if (!pads || n > rank || n_pads != 2 * n)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld pads for %lld axes", (long long)n_pads, (long long)n);
    for (int64_t i = 0; i < n; i++) {
        int64_t axis = axes ? axes[i] : i;
        axis += axis < 0 ? rank : 0;
        if (axis < 0 || axis >= rank || before[axis] != 0)
            return qn_kernel_fail(args, QN_MALFORMED, "axis %lld of a tensor of rank %d", (long long)axis, rank);
        before[axis] = pads[i];
        int64_t size = args->in[0].dims[axis], sum;
        if (!qn_add_i64(size, pads[i], &sum) || !qn_add_i64(sum, pads[n + i], &sum) ||
            sum != args->out[0].dims[axis])
            return qn_kernel_fail(args, QN_MALFORMED, "axis %lld: %lld + %lld + %lld is not %lld", (long long)axis,
                                  (long long)pads[i], (long long)size, (long long)pads[n + i],
                                  (long long)args->out[0].dims[axis]);
    }
    return QN_OK;
}

qn_status qn_ref_Pad(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    pad p = {.bytes = qn_dtype_bytes(y->dtype), .rank = y->rank, .x = x, .y = y};
    const char *mode = qn_node_string(args->node, "mode", "constant");
    int64_t (*at)(int64_t, int64_t) = NULL;
    for (size_t i = 0; i < sizeof g_modes / sizeof g_modes[0]; i++)
        if (strcmp(mode, g_modes[i].name) == 0)
            at = g_modes[i].at;
    if (!at)
        return qn_kernel_fail(args, QN_UNSUPPORTED, "mode '%s'", mode);
    int64_t before[QN_MAX_RANK] = {0};
    if (x->rank != y->rank || x->dtype != y->dtype)
        return qn_kernel_fail(args, QN_MALFORMED, "rank %d padded to rank %d", x->rank, y->rank);
    QN_TRY(read_pads(args, x->rank, before));
    if (qn_ref_numel(y) == 0)
        return QN_OK;
    uint64_t value = 0;
    if (args->n_in > 2 && args->in[2].dtype != QN_NONE) {
        if (args->in[2].dtype != x->dtype || qn_ref_numel(&args->in[2]) != 1)
            return qn_kernel_fail(args, QN_MALFORMED, "the value is not one %s", qn_dtype_name(x->dtype));
        memcpy(&value, args->in[2].data, p.bytes);
    }
    if (y->rank == 0) {
        memcpy(y->data, x->data, p.bytes);
        return QN_OK;
    }
    int64_t stride = 1;
    for (int32_t d = y->rank - 1; d >= 0; d--) {
        int64_t *map, size = x->dims[d];
        if (size == 0 && at != constant_at)
            return qn_kernel_fail(args, QN_MALFORMED, "mode '%s' on an empty axis %d", mode, d);
        QN_NEW_ARRAY(args->ctx, args->scratch, map, y->dims[d]);
        for (int64_t i = 0; i < y->dims[d]; i++)
            map[i] = at(i - before[d], size);
        p.map[d] = map;
        p.x_stride[d] = stride;
        stride *= size;
    }
    const int32_t last = y->rank - 1;
    p.first = before[last] > 0 ? before[last] : 0;
    p.start = p.first - before[last];
    p.end = p.first + (x->dims[last] - p.start);
    p.end = p.end > y->dims[last] ? y->dims[last] : p.end;
    char *row;
    QN_NEW_ARRAY(args->ctx, args->scratch, row, (size_t)y->dims[last] * p.bytes);
    for (int64_t i = 0; i < y->dims[last]; i++)
        memcpy(row + (size_t)i * p.bytes, &value, p.bytes);
    p.row = row;
    enum { PIECE = 1 << 14 };
    qn_parallel_for(args->ctx, qn_ref_numel(y) / y->dims[last], 1 + PIECE / y->dims[last], pad_piece, &p);
    return QN_OK;
}
