#include "kernels/pull.h"

#include "base/map.h"
#include "kernels/move/turn.h"
#include "kernels/ref/cast.h"
#include "kernels/ref/convert.h"
#include "kernels/ref/copy.h"

#include <string.h>

/* Expressions deeper than MAX_DEPTH are evaluated whole. An operand of at most SMALL elements is small. Mapped bytes
 * are let go by RELEASE at a time, since that interrupts every thread. */
enum { MAX_DEPTH = 16, SMALL = 1 << 16, RELEASE = 8 << 20, BLOCK = 16, STREAM = 1 << 18 };

typedef qn_status (*read_fn)(qn_pull *p, int64_t first, int64_t n, const void **out);
typedef void (*row_fn)(const float *restrict x, const float *restrict b, int64_t n, float *restrict y);

struct qn_pull {
    qn_context *ctx;
    const qn_const *c;
    read_fn read;
    size_t element; /* bytes */
    char *buffer;   /* `most` elements; NULL where none are made here */
    bool whole;     /* evaluated, here or in an operand */
    qn_pull **in;   /* [n_in] */
    int32_t n_in;
    const char *data;   /* plain and whole: the elements */
    int64_t released;   /* plain: elements let go */
    bool mapped;        /* plain: may be let go */
    bool streamed;      /* plain: read from the file into the buffer, past the mapping */
    int64_t row, inner; /* Concat: elements of the result along the axis and within it; inner to the axis */
    row_fn rows[2];     /* arithmetic: the small operand a number, or a row */
    const float *small; /* its elements */
    int64_t small_stride[QN_MAX_RANK];
};

static const qn_const *operand(const qn_const *c, int32_t i) {
    return c->expr && i < c->expr->n_in && c->expr->in[i] ? c->expr->in[i]->constant : NULL;
}

static qn_status make_buffer(qn_pull *p, qn_arena *arena, int64_t most) {
    p->buffer = qn_arena_array(arena, (size_t)most, p->element);
    return p->buffer ? QN_OK : qn_fail_memory(p->ctx, (size_t)most * p->element, "a piece of a constant");
}

/* ---- leaves ------------------------------------------------------------------------------------------ */

static void let_go(qn_pull *p, int64_t end) {
    if (p->mapped && end > p->released)
        qn_map_release(p->data + (size_t)p->released * p->element, (size_t)(end - p->released) * p->element);
    p->released = end;
}

static qn_status read_plain(qn_pull *p, int64_t first, int64_t n, const void **out) {
    *out = p->buffer;
    if (p->streamed && qn_map_read(p->data + (size_t)first * p->element, (size_t)n * p->element, p->buffer))
        return QN_OK;
    if (first < p->released)
        p->released = first; /* read once more */
    else if ((first - p->released) * (int64_t)p->element >= RELEASE)
        let_go(p, first);
    *out = p->data + (size_t)first * p->element;
    if (!p->buffer)
        return QN_OK;
    memcpy(p->buffer, *out, (size_t)n * p->element); /* bytes at an odd place of a file */
    *out = p->buffer;
    return QN_OK;
}

static qn_status make_plain(qn_pull *p, qn_arena *arena, const void *data, bool mapped, int64_t most) {
    p->read = read_plain;
    p->data = data;
    p->mapped = mapped;
    p->streamed = mapped && qn_const_numel(p->c) >= STREAM;
    return p->streamed || (uintptr_t)data % p->element ? make_buffer(p, arena, most) : QN_OK;
}

static qn_status read_encoded(qn_pull *p, int64_t first, int64_t n, const void **out) {
    float *wide = (float *)(void *)p->buffer;
    QN_TRY(qn_const_decode(p->ctx, p->c, first, n, wide));
    *out = wide;
    if (p->c->dtype == QN_F32)
        return QN_OK;
    char *narrow = p->buffer + (size_t)p->inner * sizeof(float); /* behind the floats */
    qn_convert(QN_F32, wide, p->c->dtype, narrow, n);
    *out = narrow;
    return QN_OK;
}

static qn_status make_encoded(qn_pull *p, qn_arena *arena, int64_t most) {
    p->read = read_encoded;
    p->inner = (most + 1) & ~(int64_t)1; /* so that eight-byte elements lie well */
    p->buffer = qn_arena_array(arena, (size_t)p->inner, sizeof(float) + sizeof(double));
    return p->buffer ? QN_OK : qn_fail_memory(p->ctx, (size_t)most * sizeof(float), "a piece of a constant");
}

/* ---- a plain matrix transposed ------------------------------------------------------------------------- */

/* Element (r, k) is data[k * row + r]: rows, and parts of rows at either end. */
static qn_status read_transposed(qn_pull *p, int64_t first, int64_t n, const void **out) {
    const int64_t rows = p->c->dims[0], cols = p->c->dims[1];
    for (int64_t at = 0; at < n;) {
        int64_t r = (first + at) / cols, k = (first + at) % cols, left = n - at;
        int64_t dims[2] = {1, cols - k < left ? cols - k : left};
        if (k == 0 && left >= cols)
            dims[0] = left / cols;
        const int64_t to[2] = {cols, 1}, from[2] = {1, rows};
        /* moved, not computed: the same bytes by any instruction set */
        const qn_turn_fn turn = p->element <= 4 ? QN_ISA_PICK(p->ctx, qn_turn) : NULL;
        qn_ref_copy_by(p->ctx, turn, p->element, 2, dims, p->buffer + (size_t)at * p->element, to,
                       p->data + (size_t)(k * rows + r) * p->element, from);
        at += dims[0] * dims[1];
    }
    *out = p->buffer;
    return QN_OK;
}

/* A piece must have several rows: else columns of the file would be read one by one. */
static bool fits_transposed(const qn_const *c, int64_t most) {
    enum { LEAST_ROWS = 16 };
    const qn_const *x = operand(c, 0);
    int64_t n;
    if (!x || c->expr->op != QN_OP_Transpose || !qn_const_is_ready(x) || x->rank != 2 || c->rank != 2 ||
        x->dims[0] != c->dims[1] || x->dims[1] != c->dims[0] || x->dtype != c->dtype)
        return false;
    const int64_t *perm = qn_node_ints(c->expr, "perm", &n);
    return (!perm || (n == 2 && perm[0] == 1 && perm[1] == 0)) && c->dims[1] <= most / LEAST_ROWS;
}

/* ---- one operand, element for element ------------------------------------------------------------------- */

static qn_status read_same(qn_pull *p, int64_t first, int64_t n, const void **out) {
    return qn_pull_read(p->in[0], first, n, out);
}

static qn_status read_cast(qn_pull *p, int64_t first, int64_t n, const void **out) {
    const void *x;
    QN_TRY(qn_pull_read(p->in[0], first, n, &x));
    qn_ref_cast_elems(p->c->expr, p->in[0]->c->dtype, x, p->c->dtype, p->buffer, n);
    *out = p->buffer;
    return QN_OK;
}

static bool fits_same(const qn_const *c) {
    const qn_const *x = operand(c, 0);
    return x && x->dtype == c->dtype && qn_const_numel(x) == qn_const_numel(c);
}

static bool fits_cast(const qn_const *c) {
    const qn_const *x = operand(c, 0);
    return x && qn_const_numel(x) == qn_const_numel(c) && qn_node_int(c->expr, "to", 0) == (int64_t)c->dtype;
}

/* ---- Concat ------------------------------------------------------------------------------------------------ */

static int64_t block_of(const qn_pull *p, int32_t i, int64_t axis) { return p->in[i]->c->dims[axis] * p->inner; }

static int64_t concat_axis(const qn_const *c) {
    int64_t axis = qn_node_int(c->expr, "axis", 0);
    return axis < 0 ? axis + c->rank : axis;
}

/* m whole rows from row r on: each operand is read once, and its blocks put at their places. */
static qn_status concat_rows(qn_pull *p, int64_t r, int64_t m, char *y) {
    const int64_t axis = concat_axis(p->c);
    int64_t offset = 0;
    for (int32_t i = 0; i < p->n_in; i++) {
        const int64_t block = block_of(p, i, axis);
        const char *x;
        const void *read;
        if (block == 0)
            continue;
        QN_TRY(qn_pull_read(p->in[i], r * block, m * block, &read));
        x = read;
        for (int64_t k = 0; k < m; k++)
            memcpy(y + (size_t)(k * p->row + offset) * p->element, x + (size_t)(k * block) * p->element,
                   (size_t)block * p->element);
        offset += block;
    }
    return QN_OK;
}

/* n elements that lie within row r, from `at` in it on. */
static qn_status concat_part(qn_pull *p, int64_t r, int64_t at, int64_t n, char *y) {
    const int64_t axis = concat_axis(p->c);
    int64_t offset = 0;
    for (int32_t i = 0; i < p->n_in && n > 0; i++) {
        const int64_t block = block_of(p, i, axis), in = at - offset;
        offset += block;
        if (in >= block)
            continue;
        const int64_t run = block - in < n ? block - in : n;
        const void *x;
        QN_TRY(qn_pull_read(p->in[i], r * block + in, run, &x));
        memcpy(y, x, (size_t)run * p->element);
        y += (size_t)run * p->element;
        at += run;
        n -= run;
    }
    return QN_OK;
}

static qn_status read_concat(qn_pull *p, int64_t first, int64_t n, const void **out) {
    for (int64_t done = 0; done < n;) {
        int64_t r = (first + done) / p->row, at = (first + done) % p->row, left = n - done, take = p->row - at;
        char *y = p->buffer + (size_t)done * p->element;
        if (at == 0 && left >= p->row) {
            take = left - left % p->row;
            QN_TRY(concat_rows(p, r, take / p->row, y));
        } else {
            take = take < left ? take : left;
            QN_TRY(concat_part(p, r, at, take, y));
        }
        done += take;
    }
    *out = p->buffer;
    return QN_OK;
}

static bool fits_concat(const qn_const *c) {
    const int64_t axis = concat_axis(c);
    int64_t sum = 0;
    if (axis < 0 || axis >= c->rank)
        return false;
    for (int32_t i = 0; i < c->expr->n_in; i++) {
        const qn_const *x = operand(c, i);
        if (!x || x->dtype != c->dtype || x->rank != c->rank)
            return false;
        for (int32_t d = 0; d < c->rank; d++)
            if (d != axis && x->dims[d] != c->dims[d])
                return false;
        sum += x->dims[axis];
    }
    return sum == c->dims[axis];
}

/* ---- arithmetic with a small operand ------------------------------------------------------------------------ */

/* y = x OP b, b a number or as long as x; the result of a row of float32 operations does not depend on how they are
 * grouped. */
#define ROWS(NAME, EXPR)                                                                                               \
    static void NAME##_row(const float *restrict x, const float *restrict b, int64_t n, float *restrict y) {           \
        int64_t i = 0;                                                                                                 \
        for (; i + BLOCK <= n; i += BLOCK)                                                                             \
            for (int k = 0; k < BLOCK; k++) {                                                                          \
                const float u = x[i + k], v = b[i + k];                                                                \
                y[i + k] = EXPR;                                                                                       \
            }                                                                                                          \
        for (; i < n; i++) {                                                                                           \
            const float u = x[i], v = b[i];                                                                            \
            y[i] = EXPR;                                                                                               \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME##_number(const float *restrict x, const float *restrict b, int64_t n, float *restrict y) {        \
        const float v = *b;                                                                                            \
        int64_t i = 0;                                                                                                 \
        for (; i + BLOCK <= n; i += BLOCK)                                                                             \
            for (int k = 0; k < BLOCK; k++) {                                                                          \
                const float u = x[i + k];                                                                              \
                y[i + k] = EXPR;                                                                                       \
            }                                                                                                          \
        for (; i < n; i++) {                                                                                           \
            const float u = x[i];                                                                                      \
            y[i] = EXPR;                                                                                               \
        }                                                                                                              \
    }
ROWS(add, u + v)
ROWS(mul, u *v)
ROWS(sub, u - v)
ROWS(sub_from, v - u)
ROWS(div, u / v)
ROWS(div_by, v / u)

static const struct {
    qn_op op;
    row_fn rows[2][2]; /* the small operand: second, first; a number, a row */
} g_arithmetic[] = {
    {QN_OP_Add, {{add_number, add_row}, {add_number, add_row}}},
    {QN_OP_Mul, {{mul_number, mul_row}, {mul_number, mul_row}}},
    {QN_OP_Sub, {{sub_number, sub_row}, {sub_from_number, sub_from_row}}},
    {QN_OP_Div, {{div_number, div_row}, {div_by_number, div_by_row}}},
};

static qn_status read_arithmetic(qn_pull *p, int64_t first, int64_t n, const void **out) {
    const qn_const *c = p->c;
    const int64_t last = c->rank ? c->dims[c->rank - 1] : 1, step = c->rank ? p->small_stride[c->rank - 1] : 0;
    const void *read;
    QN_TRY(qn_pull_read(p->in[0], first, n, &read));
    const float *x = read;
    float *y = (float *)(void *)p->buffer;
    for (int64_t at = 0, run; at < n; at += run) {
        int64_t row = (first + at) / last, k = (first + at) % last, b = k * step;
        run = last - k < n - at ? last - k : n - at;
        for (int32_t d = c->rank - 2; d >= 0; d--) {
            b += row % c->dims[d] * p->small_stride[d];
            row /= c->dims[d];
        }
        p->rows[step != 0](x + at, p->small + b, run, y + at);
    }
    *out = y;
    return QN_OK;
}

/* Strides of `x` as it is broadcast to c; false when that would make c larger, or x is not small. */
static bool small_strides(const qn_const *c, const qn_const *x, int64_t *stride) {
    int64_t step = 1;
    if (x->rank > c->rank || qn_const_numel(x) > SMALL || x->dtype != QN_F32)
        return false;
    for (int32_t d = c->rank - 1; d >= 0; d--) {
        const int32_t own = d - (c->rank - x->rank);
        const int64_t n = own >= 0 ? x->dims[own] : 1;
        if (n != 1 && n != c->dims[d])
            return false;
        stride[d] = n == 1 ? 0 : step;
        step *= n;
    }
    return true;
}

/* Index of the operand that is as large as c, the other being small; -1 when this is no such node. */
static int32_t large_operand(const qn_const *c, int64_t *stride) {
    for (size_t k = 0; k < sizeof g_arithmetic / sizeof *g_arithmetic; k++) {
        if (g_arithmetic[k].op != c->expr->op || c->dtype != QN_F32 || qn_node_attr(c->expr, "activation"))
            continue;
        for (int32_t i = 0; i < 2; i++) {
            const qn_const *x = operand(c, i), *other = operand(c, 1 - i);
            if (x && other && x->dtype == QN_F32 && x->rank == c->rank &&
                memcmp(x->dims, c->dims, sizeof *c->dims * (size_t)c->rank) == 0 && small_strides(c, other, stride))
                return i;
        }
    }
    return -1;
}

static qn_status make_arithmetic(qn_pull *p, qn_arena *arena, int32_t large) {
    qn_tensor small;
    const qn_const *other = operand(p->c, 1 - large);
    float *copy;
    QN_TRY(qn_const_eval(p->ctx, arena, other, &small));
    QN_NEW_ARRAY(p->ctx, arena, copy, qn_const_numel(other));
    memcpy(copy, small.data, small.n_bytes);
    p->small = copy;
    for (size_t k = 0; k < sizeof g_arithmetic / sizeof *g_arithmetic; k++)
        if (g_arithmetic[k].op == p->c->expr->op)
            memcpy(p->rows, g_arithmetic[k].rows[large], sizeof p->rows);
    p->read = read_arithmetic;
    return QN_OK;
}

/* ---- making a source ------------------------------------------------------------------------------------------ */

static qn_status create(qn_context *ctx, qn_arena *arena, const qn_const *c, int64_t most, int depth, qn_pull **out);

/* Sources of the operands [from, to). */
static qn_status make_operands(qn_pull *p, qn_arena *arena, int32_t from, int32_t to, int64_t most, int depth) {
    p->n_in = to - from;
    QN_NEW_ARRAY(p->ctx, arena, p->in, p->n_in);
    for (int32_t i = 0; i < p->n_in; i++) {
        QN_TRY(create(p->ctx, arena, operand(p->c, from + i), most, depth + 1, &p->in[i]));
        p->whole = p->whole || p->in[i]->whole;
    }
    return QN_OK;
}

static qn_status make_concat(qn_pull *p, qn_arena *arena, int64_t most, int depth) {
    const qn_const *c = p->c;
    p->inner = 1;
    for (int64_t d = concat_axis(c) + 1; d < c->rank; d++)
        p->inner *= c->dims[d];
    p->row = c->dims[concat_axis(c)] * p->inner;
    p->read = read_concat;
    QN_TRY(make_operands(p, arena, 0, c->expr->n_in, most, depth));
    return make_buffer(p, arena, most);
}

static qn_status make_expression(qn_pull *p, qn_arena *arena, int64_t most, int depth) {
    const qn_const *c = p->c;
    int32_t large;
    switch (c->expr->op) {
    case QN_OP_Transpose:
        if (!fits_transposed(c, most))
            break;
        p->read = read_transposed;
        p->data = operand(c, 0)->part[QN_PART_VALUES].data;
        return make_buffer(p, arena, most);
    case QN_OP_Identity:
    case QN_OP_Reshape:
    case QN_OP_Flatten:
    case QN_OP_Squeeze:
    case QN_OP_Unsqueeze:
        if (!fits_same(c))
            break;
        p->read = read_same;
        return make_operands(p, arena, 0, 1, most, depth);
    case QN_OP_Cast:
        if (!fits_cast(c))
            break;
        p->read = read_cast;
        QN_TRY(make_operands(p, arena, 0, 1, most, depth));
        return make_buffer(p, arena, most);
    case QN_OP_Concat:
        if (!fits_concat(c))
            break;
        return make_concat(p, arena, most, depth);
    default:
        large = large_operand(c, p->small_stride);
        if (large < 0)
            break;
        QN_TRY(make_operands(p, arena, large, large + 1, most, depth));
        QN_TRY(make_arithmetic(p, arena, large));
        return make_buffer(p, arena, most);
    }
    qn_tensor whole;
    QN_TRY(qn_const_eval(p->ctx, arena, c, &whole));
    p->whole = true;
    return make_plain(p, arena, whole.data, false, most);
}

static qn_status create(qn_context *ctx, qn_arena *arena, const qn_const *c, int64_t most, int depth, qn_pull **out) {
    qn_pull *p;
    QN_NEW(ctx, arena, p);
    p->ctx = ctx;
    p->c = c;
    p->element = qn_dtype_bytes(c->dtype);
    *out = p;
    if (c->expr && depth < MAX_DEPTH)
        return make_expression(p, arena, most, depth);
    if (!c->expr && c->encoding != QN_ENC_DENSE)
        return make_encoded(p, arena, most);
    qn_tensor t;
    QN_TRY(qn_const_eval(ctx, arena, c, &t)); /* a leaf's own bytes, or an expression too deep to follow */
    p->whole = c->expr != NULL;
    return make_plain(p, arena, t.data, !p->whole, most);
}

qn_status qn_pull_create(qn_context *ctx, qn_arena *arena, const qn_const *c, int64_t most, qn_pull **out) {
    return create(ctx, arena, c, most, 0, out);
}

qn_status qn_pull_read(qn_pull *pull, int64_t first, int64_t n, const void **out) {
    return pull->read(pull, first, n, out);
}

void qn_pull_release(qn_pull *p) {
    for (int32_t i = 0; i < p->n_in; i++)
        qn_pull_release(p->in[i]);
    if (p->read == read_plain) {
        let_go(p, qn_const_numel(p->c));
        p->released = 0;
    }
    if (p->read == read_transposed)
        qn_map_release(p->data, (size_t)qn_const_numel(p->c) * p->element);
}

bool qn_pull_is_light(const qn_pull *pull) { return !pull->whole; }
