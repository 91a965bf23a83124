#include "tests/passes/random_graph.h"

#include <string.h>

enum { MAX_VALUES = 128, MAX_RANK = 6, MAX_ELEMS = 4096 };

typedef struct shape {
    int rank;
    int dims[MAX_RANK];
} shape;

typedef struct maker {
    qn_buf *out;
    uint64_t state;
    int n_values, n_constants;
    shape values[MAX_VALUES]; /* value i is called %vI */
} maker;

static int below(maker *m, int n) {
    uint64_t z = m->state += 0x9E3779B97F4A7C15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (int)((z ^ z >> 31) % (uint64_t)n);
}

static int elems(const shape *s) {
    int n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dims[i];
    return n;
}

/* ---- constants: each writes a declaration and returns K of its name %kK ------------------------- */

static int floats(maker *m, const shape *s, const char *kind) {
    qn_buf_printf(m->out, "const %%k%d: float32[", m->n_constants);
    for (int i = 0; i < s->rank; i++)
        qn_buf_printf(m->out, "%s%d", i ? "," : "", s->dims[i]);
    qn_buf_printf(m->out, "] = %s(%d)\n", kind, 1 + below(m, 9));
    return m->n_constants++;
}

static int ints(maker *m, const int *v, int n) {
    qn_buf_printf(m->out, "const %%k%d: int64[%d] = {", m->n_constants, n);
    for (int i = 0; i < n; i++)
        qn_buf_printf(m->out, "%s%d", i ? ", " : "", v[i]);
    qn_buf_puts(m->out, "}\n");
    return m->n_constants++;
}

static int number(maker *m, const char *text) {
    qn_buf_printf(m->out, "const %%k%d: float32[] = %s\n", m->n_constants, text);
    return m->n_constants++;
}

/* ---- nodes: each writes one that reads %vV, when v suits ------------------------------------------ */

/* Where the name of a node's result is written; the caller writes what follows "= ". */
static void result(maker *m, const shape *s) {
    qn_buf_printf(m->out, "%%v%d = ", m->n_values);
    m->values[m->n_values++] = *s;
}

static void list(maker *m, const int *v, int n) {
    for (int i = 0; i < n; i++)
        qn_buf_printf(m->out, "%s%d", i ? "," : "", v[i]);
}

/* Another value (or v itself) of the same shape but, when axis >= 0, for that dimension. */
static int partner(maker *m, int v, int axis) {
    const shape *s = &m->values[v];
    int found = v, n = 0;
    for (int w = 0; w < m->n_values; w++) {
        bool fits = m->values[w].rank == s->rank;
        for (int i = 0; fits && i < s->rank; i++)
            fits = i == axis || m->values[w].dims[i] == s->dims[i];
        if (fits && below(m, ++n) == 0)
            found = w;
    }
    return found;
}

static void transpose(maker *m, int v) {
    static const int usual[][4] = {{0, 2, 3, 1}, {0, 3, 1, 2}, {0, 2, 1, 3}, {0, 1, 3, 2}};
    shape s = m->values[v];
    int perm[MAX_RANK];
    for (int i = 0; i < s.rank; i++)
        perm[i] = i;
    for (int i = s.rank - 1; i > 0; i--) {
        const int j = below(m, i + 1), t = perm[i];
        perm[i] = perm[j];
        perm[j] = t;
    }
    if (s.rank == 4 && below(m, 3) > 0)
        memcpy(perm, usual[below(m, 4)], sizeof usual[0]);
    for (int i = 0; i < s.rank; i++)
        s.dims[i] = m->values[v].dims[perm[i]];
    result(m, &s);
    qn_buf_printf(m->out, "Transpose(%%v%d) {perm=[", v);
    list(m, perm, s.rank);
    qn_buf_puts(m->out, "]}\n");
}

static void unary(maker *m, int v) {
    static const char *const ops[] = {"Relu", "Sigmoid", "Tanh", "Neg", "Identity", "Softplus"};
    result(m, &m->values[v]);
    qn_buf_printf(m->out, "%s(%%v%d)\n", ops[below(m, 6)], v);
}

static void with_constant(maker *m, int v) {
    static const char *const ops[] = {"Add", "Mul", "Sub", "Div"};
    shape s = m->values[v], c = {0};
    c.rank = below(m, s.rank + 1);
    for (int i = 0; i < c.rank; i++)
        c.dims[i] = below(m, 2) ? s.dims[s.rank - c.rank + i] : 1;
    const int k = below(m, 3) ? floats(m, &c, "positive") : number(m, below(m, 2) ? "1" : "0.5");
    const int op = below(m, 4);
    const bool swap = op < 2 && below(m, 2);
    result(m, &s);
    if (swap)
        qn_buf_printf(m->out, "%s(%%k%d, %%v%d)\n", ops[op], k, v);
    else
        qn_buf_printf(m->out, "%s(%%v%d, %%k%d)\n", ops[op], v, k);
}

static void with_value(maker *m, int v) {
    static const char *const ops[] = {"Add", "Mul", "Sub", "Max"};
    const int w = partner(m, v, -1);
    result(m, &m->values[v]);
    qn_buf_printf(m->out, "%s(%%v%d, %%v%d)\n", ops[below(m, 4)], v, w);
}

static void concat(maker *m, int v) {
    shape s = m->values[v];
    const int axis = below(m, s.rank), w = partner(m, v, axis);
    s.dims[axis] += m->values[w].dims[axis];
    result(m, &s);
    qn_buf_printf(m->out, "Concat(%%v%d, %%v%d) {axis=%d}\n", v, w, below(m, 2) ? axis : axis - s.rank);
}

static void split(maker *m, int v) {
    const int axis = below(m, m->values[v].rank), size = m->values[v].dims[axis];
    if (size < 2)
        return;
    const int sizes[2] = {size / 2, size - size / 2}, k = ints(m, sizes, 2), first = m->n_values;
    for (int i = 0; i < 2; i++) {
        m->values[m->n_values] = m->values[v];
        m->values[m->n_values++].dims[axis] = sizes[i];
    }
    qn_buf_printf(m->out, "%%v%d, %%v%d = Split(%%v%d, %%k%d) {axis=%d}\n", first, first + 1, v, k, axis);
}

static void reshape(maker *m, int v) {
    shape s = m->values[v];
    const int at = below(m, s.rank);
    if (s.rank > 1 && at < s.rank - 1) {
        s.dims[at] *= s.dims[at + 1];
        memmove(&s.dims[at + 1], &s.dims[at + 2], sizeof(int) * (size_t)(s.rank - at - 2));
        s.rank--;
    } else if (s.rank < MAX_RANK && s.dims[at] % 2 == 0) {
        memmove(&s.dims[at + 1], &s.dims[at], sizeof(int) * (size_t)(s.rank - at));
        s.dims[at] = 2;
        s.dims[at + 1] /= 2;
        s.rank++;
    }
    shape t = s;
    t.dims[below(m, t.rank)] = -1;
    const int k = ints(m, below(m, 3) ? t.dims : s.dims, s.rank);
    result(m, &s);
    qn_buf_printf(m->out, "Reshape(%%v%d, %%k%d)\n", v, k);
}

/* Reshape to its own shape, computed. */
static void reshape_to_own(maker *m, int v) {
    const int w = partner(m, v, -1);
    qn_buf_printf(m->out, "%%s%d = Shape(%%v%d)\n", m->n_values, v);
    const int s = m->n_values;
    result(m, &m->values[v]);
    qn_buf_printf(m->out, "Reshape(%%v%d, %%s%d)\n", w, s);
}

static void unsqueeze(maker *m, int v) {
    shape s = m->values[v];
    const int axis = below(m, s.rank + 1), k = ints(m, &axis, 1);
    if (s.rank == MAX_RANK)
        return;
    memmove(&s.dims[axis + 1], &s.dims[axis], sizeof(int) * (size_t)(s.rank - axis));
    s.dims[axis] = 1;
    s.rank++;
    result(m, &s);
    qn_buf_printf(m->out, "Unsqueeze(%%v%d, %%k%d)\n", v, k);
}

static void squeeze(maker *m, int v) {
    shape s = m->values[v];
    int axis = 0;
    while (axis < s.rank && s.dims[axis] != 1)
        axis++;
    if (axis == s.rank || s.rank == 1)
        return;
    const int k = ints(m, &axis, 1);
    memmove(&s.dims[axis], &s.dims[axis + 1], sizeof(int) * (size_t)(s.rank - axis - 1));
    s.rank--;
    result(m, &s);
    qn_buf_printf(m->out, "Squeeze(%%v%d, %%k%d)\n", v, k);
}

static void slice(maker *m, int v) {
    shape s = m->values[v];
    const int axis = below(m, s.rank), start = s.dims[axis] > 1 ? below(m, 2) : 0, end = 1 << 20;
    const int k = ints(m, &start, 1), l = ints(m, &end, 1), a = ints(m, &axis, 1);
    s.dims[axis] -= start;
    result(m, &s);
    qn_buf_printf(m->out, "Slice(%%v%d, %%k%d, %%k%d, %%k%d)\n", v, k, l, a);
}

static void pad(maker *m, int v) {
    shape s = m->values[v];
    int pads[2 * MAX_RANK];
    for (int i = 0; i < 2 * s.rank; i++) {
        pads[i] = below(m, 3) == 0;
        s.dims[i % s.rank] += pads[i];
    }
    const int k = ints(m, pads, 2 * s.rank);
    result(m, &s);
    qn_buf_printf(m->out, "Pad(%%v%d, %%k%d)\n", v, k);
}

static void reduce(maker *m, int v) {
    static const char *const ops[] = {"ReduceMean", "ReduceSum", "ReduceMax"};
    shape s = m->values[v], r = {0};
    int axes[MAX_RANK], n = 0;
    const int keep = below(m, 2);
    for (int i = 0; i < s.rank; i++) {
        const bool gone = below(m, 2) && (keep || n + 1 < s.rank);
        if (gone)
            axes[n++] = i;
        if (!gone || keep)
            r.dims[r.rank++] = gone ? 1 : s.dims[i];
    }
    if (n == 0)
        return;
    const int k = ints(m, axes, n);
    result(m, &r);
    qn_buf_printf(m->out, "%s(%%v%d, %%k%d) {keepdims=%d}\n", ops[below(m, 3)], v, k, keep);
}

static void softmax(maker *m, int v) {
    const int axis = below(m, m->values[v].rank);
    result(m, &m->values[v]);
    qn_buf_printf(m->out, "Softmax(%%v%d) {axis=%d}\n", v, axis);
}

static void matmul(maker *m, int v) {
    shape s = m->values[v];
    if (s.rank < 2)
        return;
    const shape w = {2, {s.dims[s.rank - 1], 5}};
    const int k = floats(m, &w, "random");
    s.dims[s.rank - 1] = 5;
    result(m, &s);
    qn_buf_printf(m->out, "MatMul(%%v%d, %%k%d)\n", v, k);
}

static void gram(maker *m, int v) {
    shape s = m->values[v];
    int perm[MAX_RANK];
    if (s.rank < 2)
        return;
    for (int i = 0; i < s.rank; i++)
        perm[i] = i < s.rank - 2 ? i : 2 * s.rank - 3 - i;
    qn_buf_printf(m->out, "%%t%d = Transpose(%%v%d) {perm=[", m->n_values, v);
    list(m, perm, s.rank);
    qn_buf_puts(m->out, "]}\n");
    s.dims[s.rank - 1] = s.dims[s.rank - 2];
    const int t = m->n_values;
    result(m, &s);
    qn_buf_printf(m->out, "MatMul(%%v%d, %%t%d)\n", v, t);
}

static void conv(maker *m, int v) {
    shape s = m->values[v];
    if (s.rank != 4)
        return;
    const shape w = {4, {4, s.dims[1], 3, 3}};
    const int k = floats(m, &w, "random");
    s.dims[1] = 4;
    result(m, &s);
    qn_buf_printf(m->out, "Conv(%%v%d, %%k%d) {pads=[1,1,1,1]}\n", v, k);
}

static void norm(maker *m, int v) {
    const shape s = m->values[v];
    int k[4];
    if (s.rank < 2)
        return;
    const shape c = {1, {s.dims[1]}};
    for (int i = 0; i < 4; i++)
        k[i] = floats(m, &c, "positive");
    result(m, &s);
    qn_buf_printf(m->out, "BatchNormalization(%%v%d, %%k%d, %%k%d, %%k%d, %%k%d)\n", v, k[0], k[1], k[2], k[3]);
}

static void (*const g_nodes[])(maker *, int) = {
    transpose, transpose, transpose, transpose, unary,   unary,   with_constant, with_constant, with_value, with_value,
    concat,    split,     reshape,   reshape,   reshape_to_own, unsqueeze, squeeze, slice, pad, reduce,
    softmax,   matmul,    gram,      conv,      norm,
};

/* What qn_test_random_inputs gives the first, second and third symbol. */
static const int g_symbol_sizes[] = {2, 3, 5};

static void input(maker *m, int *n_symbols) {
    shape s = {2 + below(m, 3), {0}};
    qn_buf_printf(m->out, "input %%v%d: float32[", m->n_values);
    for (int i = 0; i < s.rank; i++) {
        const bool symbol = *n_symbols < 3 && below(m, 3) == 0;
        s.dims[i] = symbol ? g_symbol_sizes[*n_symbols] : 1 + below(m, 6);
        qn_buf_puts(m->out, i ? "," : "");
        if (symbol)
            qn_buf_printf(m->out, "n%d", (*n_symbols)++);
        else
            qn_buf_printf(m->out, "%d", s.dims[i]);
    }
    qn_buf_puts(m->out, "]\n");
    m->values[m->n_values++] = s;
}

void qn_test_random_graph(qn_buf *out, uint64_t seed, int n_nodes) {
    maker m = {.out = out, .state = seed};
    int n_symbols = 0;
    input(&m, &n_symbols);
    input(&m, &n_symbols);
    for (int i = 0; i < n_nodes && m.n_values + 2 < MAX_VALUES; i++) {
        const int recent = m.n_values < 4 ? m.n_values : 4;
        const int v = below(&m, 5) ? m.n_values - 1 - below(&m, recent) : below(&m, m.n_values);
        if (elems(&m.values[v]) <= MAX_ELEMS && m.values[v].rank > 0)
            g_nodes[below(&m, (int)(sizeof g_nodes / sizeof g_nodes[0]))](&m, v);
    }
    qn_buf_printf(out, "output \"last\" = %%v%d\n", m.n_values - 1);
    qn_buf_printf(out, "output \"other\" = %%v%d\n", below(&m, m.n_values));
}
