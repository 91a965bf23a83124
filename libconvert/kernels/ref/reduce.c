/* ReduceSum, ReduceMean, ReduceProd, ReduceSumSquare, ReduceL2, ReduceMax, ReduceMin over the axes of the second input
 * (absent or empty: all, or none with noop_with_empty_axes).
 *
 *   floats     accumulated in double; sums along the innermost axis in eight interleaved parts, which are then added
 *              in order, so that the result depends on the shape alone
 *   integers   Sum, Prod and SumSquare wrap in 64 bits; Mean truncates towards zero; L2 is the root in double, truncated
 *   empty set  Sum, SumSquare, L2: 0; Prod: 1; Mean: NaN (integers 0); Max, Min: the lowest, the highest value
 *   NaN        Max and Min give NaN when there is one
 */
#include "kernels/ref/reduce.h"

#include "kernels/ref/copy.h"
#include "kernels/ref/integers.h"
#include "kernels/ref/iterate.h"

#include "base/pool.h"

#include <math.h>

enum { LANES = 8, TILE = 256 };

/* How one op works on one dtype. Accumulators are 8 bytes each. */
typedef struct reduction {
    void (*init)(void *acc, int64_t n);
    void (*run)(void *acc, const void *x, int64_t n);                       /* acc[0] takes x[0..n) */
    void (*tile)(void *acc, const void *x, int64_t n);                      /* acc[j] takes x[j] */
    void (*finish)(const void *acc, void *y, int64_t n, int64_t count);     /* count: elements in each */
} reduction;

/* A: type of an accumulator; STEP(a, v) takes an element, JOIN(a, b) another accumulator, FINISH(a, count) ends. */
#define REDUCTION(NAME, T, A, INIT, STEP, JOIN, FINISH)                                         \
    static void init_##NAME(void *acc, int64_t n) {                                             \
        for (int64_t j = 0; j < n; j++)                                                         \
            ((A *)acc)[j] = INIT;                                                               \
    }                                                                                           \
    static void run_##NAME(void *acc, const void *x_, int64_t n) {                              \
        const T *x = x_;                                                                        \
        A part[LANES];                                                                          \
        int64_t i = 0;                                                                          \
        for (int k = 0; k < LANES; k++)                                                         \
            part[k] = INIT;                                                                     \
        for (; i + LANES <= n; i += LANES)                                                      \
            for (int k = 0; k < LANES; k++) {                                                   \
                const A a = part[k];                                                            \
                const T v = x[i + k];                                                           \
                part[k] = STEP;                                                                 \
            }                                                                                   \
        A a = ((A *)acc)[0];                                                                    \
        for (int k = 0; k < LANES; k++) {                                                       \
            const A b = part[k];                                                                \
            a = JOIN;                                                                           \
        }                                                                                       \
        for (; i < n; i++) {                                                                    \
            const T v = x[i];                                                                   \
            a = STEP;                                                                           \
        }                                                                                       \
        ((A *)acc)[0] = a;                                                                      \
    }                                                                                           \
    static void tile_##NAME(void *acc_, const void *x_, int64_t n) {                            \
        A *acc = acc_;                                                                          \
        const T *x = x_;                                                                        \
        for (int64_t j = 0; j < n; j++) {                                                       \
            const A a = acc[j];                                                                 \
            const T v = x[j];                                                                   \
            acc[j] = STEP;                                                                      \
        }                                                                                       \
    }                                                                                           \
    static void finish_##NAME(const void *acc, void *y, int64_t n, int64_t count) {             \
        (void)count;                                                                            \
        for (int64_t j = 0; j < n; j++) {                                                       \
            const A a = ((const A *)acc)[j];                                                    \
            ((T *)y)[j] = FINISH;                                                               \
        }                                                                                       \
    }

#define FLOATS(S, T, W)                                                                                         \
    REDUCTION(sum_##S, T, double, 0, a + (double)v, a + b, (T)a)                                                \
    REDUCTION(mean_##S, T, double, 0, a + (double)v, a + b, (T)(a / (double)count))                             \
    REDUCTION(prod_##S, T, double, 1, a * (double)v, a * b, (T)a)                                               \
    REDUCTION(sum_square_##S, T, double, 0, a + (double)v * (double)v, a + b, (T)a)                             \
    REDUCTION(l2_##S, T, double, 0, a + (double)v * (double)v, a + b, (T)sqrt(a))                               \
    REDUCTION(max_##S, T, T, -(T)INFINITY, v > a || v != v ? v : a, b > a || b != b ? b : a, a)                 \
    REDUCTION(min_##S, T, T, (T)INFINITY, v < a || v != v ? v : a, b < a || b != b ? b : a, a)
#define INTEGERS(S, T, WIDE, LOW, HIGH)                                                                         \
    REDUCTION(sum_##S, T, uint64_t, 0, a + (uint64_t)v, a + b, (T)a)                                            \
    REDUCTION(mean_##S, T, uint64_t, 0, a + (uint64_t)v, a + b, (T)(count ? (WIDE)a / (WIDE)count : 0))         \
    REDUCTION(prod_##S, T, uint64_t, 1, a * (uint64_t)v, a * b, (T)a)                                           \
    REDUCTION(sum_square_##S, T, uint64_t, 0, a + (uint64_t)v * (uint64_t)v, a + b, (T)a)                       \
    REDUCTION(l2_##S, T, double, 0, a + (double)v * (double)v, a + b,                                           \
              (T)(sqrt(a) >= (double)(HIGH) ? (HIGH) : (T)sqrt(a)))                                             \
    REDUCTION(max_##S, T, T, LOW, v > a ? v : a, b > a ? b : a, a)                                              \
    REDUCTION(min_##S, T, T, HIGH, v < a ? v : a, b < a ? b : a, a)
QN_EACH_FLOAT(FLOATS)
INTEGERS(i8, int8_t, int64_t, INT8_MIN, INT8_MAX)
INTEGERS(i16, int16_t, int64_t, INT16_MIN, INT16_MAX)
INTEGERS(i32, int32_t, int64_t, INT32_MIN, INT32_MAX)
INTEGERS(i64, int64_t, int64_t, INT64_MIN, INT64_MAX)
INTEGERS(u8, uint8_t, uint64_t, 0, UINT8_MAX)
INTEGERS(u16, uint16_t, uint64_t, 0, UINT16_MAX)
INTEGERS(u32, uint32_t, uint64_t, 0, UINT32_MAX)
INTEGERS(u64, uint64_t, uint64_t, 0, UINT64_MAX)
REDUCTION(max_bool, uint8_t, uint8_t, 0, a | (v != 0), a | b, a)
REDUCTION(min_bool, uint8_t, uint8_t, 1, a & (v != 0), a & b, a)

typedef reduction reduction_table[QN_DTYPE_SLOTS];
#define ROW(NAME) {init_##NAME, run_##NAME, tile_##NAME, finish_##NAME}
#define ROWS(OP)                                                                                                 \
    [QN_F32] = ROW(OP##_f32), [QN_F64] = ROW(OP##_f64), [QN_I8] = ROW(OP##_i8), [QN_I16] = ROW(OP##_i16),        \
    [QN_I32] = ROW(OP##_i32), [QN_I64] = ROW(OP##_i64), [QN_U8] = ROW(OP##_u8), [QN_U16] = ROW(OP##_u16),        \
    [QN_U32] = ROW(OP##_u32), [QN_U64] = ROW(OP##_u64)
static const reduction_table g_sum = {ROWS(sum)};
static const reduction_table g_mean = {ROWS(mean)};
static const reduction_table g_prod = {ROWS(prod)};
static const reduction_table g_sum_square = {ROWS(sum_square)};
static const reduction_table g_l2 = {ROWS(l2)};
static const reduction_table g_max = {ROWS(max), [QN_BOOL] = ROW(max_bool)};
static const reduction_table g_min = {ROWS(min), [QN_BOOL] = ROW(min_bool)};

/* ---- the walk ------------------------------------------------------------------------------------------ */

/* Dimensions that are kept, and those that are reduced, neighbours merged. */
typedef struct axes {
    int32_t n;
    int64_t dims[QN_MAX_RANK], stride[QN_MAX_RANK];
} axes;

typedef struct job {
    const reduction *op;
    axes kept, reduced;
    bool inner_reduced;  /* the innermost dimension is a reduced one */
    int64_t count;       /* elements reduced to one */
    int64_t width, tiles; /* inner kept: length of the last kept dimension, and its tiles */
    size_t bytes;
    const char *x;
    char *y;
} job;

static void axes_add(axes *a, int64_t dim, int64_t stride, bool joins) {
    if (joins) {
        a->dims[a->n - 1] *= dim;
    } else {
        a->dims[a->n++] = dim;
    }
    a->stride[a->n - 1] = stride;
}

/* acc over all reduced elements from offset `at`; the innermost `n_inner` of them are n elements at a time. */
static void accumulate(const job *p, int64_t at, int64_t n, void *acc) {
    void (*take)(void *, const void *, int64_t) = p->inner_reduced ? p->op->run : p->op->tile;
    const int32_t outer = p->inner_reduced ? p->reduced.n - 1 : p->reduced.n;
    int64_t index[QN_MAX_RANK] = {0};
    if (p->count == 0)
        return;
    for (;;) {
        take(acc, p->x + (size_t)at * p->bytes, n);
        int32_t d = outer - 1;
        for (; d >= 0; d--) {
            at += p->reduced.stride[d];
            if (++index[d] < p->reduced.dims[d])
                break;
            at -= p->reduced.dims[d] * p->reduced.stride[d];
            index[d] = 0;
        }
        if (d < 0)
            return;
    }
}

/* Where output row r begins in x: r counts the kept dimensions but the last `skip`. */
static int64_t offset_of(const job *p, int64_t r, int32_t skip) {
    int64_t at = 0;
    for (int32_t d = p->kept.n - 1 - skip; d >= 0; d--) {
        at += r % p->kept.dims[d] * p->kept.stride[d];
        r /= p->kept.dims[d];
    }
    return at;
}

static void reduce_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const job *p = arg;
    uint64_t acc[TILE];
    for (int64_t r = begin; r < end; r++) {
        if (p->inner_reduced) {
            p->op->init(acc, 1);
            accumulate(p, offset_of(p, r, 0), p->reduced.n ? p->reduced.dims[p->reduced.n - 1] : 1, acc);
            p->op->finish(acc, p->y + (size_t)r * p->bytes, 1, p->count);
        } else {
            int64_t row = r / p->tiles, from = r % p->tiles * TILE;
            int64_t n = p->width - from < TILE ? p->width - from : TILE;
            p->op->init(acc, n);
            accumulate(p, offset_of(p, row, 1) + from, n, acc);
            p->op->finish(acc, p->y + (size_t)(row * p->width + from) * p->bytes, n, p->count);
        }
    }
}

qn_status qn_ref_reduced_axes(const qn_kernel_args *args, int32_t rank, unsigned *mask) {
    const int64_t *given;
    int64_t n;
    QN_TRY(qn_ref_integers(args, 1, &given, &n));
    *mask = 0;
    if (n == 0) {
        *mask = qn_node_int(args->node, "noop_with_empty_axes", 0) ? 0 : (1u << rank) - 1;
        return QN_OK;
    }
    for (int64_t i = 0; i < n; i++) {
        if (given[i] < -rank || given[i] >= rank)
            return qn_kernel_fail(args, QN_MALFORMED, "axis %lld of a tensor of rank %d", (long long)given[i], rank);
        *mask |= 1u << (given[i] < 0 ? given[i] + rank : given[i]);
    }
    return QN_OK;
}

static qn_status reduce(const qn_kernel_args *args, const reduction_table table) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    unsigned mask;
    QN_TRY(qn_ref_reduced_axes(args, x->rank, &mask));
    job p = {.op = &table[x->dtype], .count = 1, .bytes = qn_dtype_bytes(x->dtype), .x = x->data, .y = y->data};
    if (!p.op->run || x->dtype != y->dtype)
        return qn_ref_dtype_fail(args, x->dtype);
    int64_t stride[QN_MAX_RANK], outputs = 1;
    int before = -1; /* was the dimension before a reduced one? */
    qn_ref_dense_strides(x->rank, x->dims, stride);
    for (int32_t d = 0; d < x->rank; d++) {
        bool reduced = mask >> d & 1;
        int64_t *total = reduced ? &p.count : &outputs;
        *total *= x->dims[d];
        if (x->dims[d] == 1)
            continue;
        axes_add(reduced ? &p.reduced : &p.kept, x->dims[d], stride[d], before == reduced);
        before = reduced;
    }
    if (outputs != qn_ref_numel(y))
        return qn_kernel_fail(args, QN_MALFORMED, "the output has another shape");
    if (outputs == 0)
        return QN_OK;
    p.inner_reduced = before != 0;
    int64_t items = outputs, work = p.count;
    if (!p.inner_reduced) {
        p.width = p.kept.dims[p.kept.n - 1];
        p.tiles = (p.width + TILE - 1) / TILE;
        items = outputs / p.width * p.tiles;
        work *= p.width < TILE ? p.width : TILE;
    }
    enum { PIECE = 1 << 15 };
    qn_parallel_for(args->ctx, items, 1 + PIECE / (work + 1), reduce_piece, &p);
    return QN_OK;
}

qn_status qn_ref_ReduceSum(const qn_kernel_args *args) { return reduce(args, g_sum); }
qn_status qn_ref_ReduceMean(const qn_kernel_args *args) { return reduce(args, g_mean); }
qn_status qn_ref_ReduceProd(const qn_kernel_args *args) { return reduce(args, g_prod); }
qn_status qn_ref_ReduceSumSquare(const qn_kernel_args *args) { return reduce(args, g_sum_square); }
qn_status qn_ref_ReduceL2(const qn_kernel_args *args) { return reduce(args, g_l2); }
qn_status qn_ref_ReduceMax(const qn_kernel_args *args) { return reduce(args, g_max); }
qn_status qn_ref_ReduceMin(const qn_kernel_args *args) { return reduce(args, g_min); }
