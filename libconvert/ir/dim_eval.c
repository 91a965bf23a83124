/* Dimensions with numbers put in: bounds, values, substitution. Depth and size of expressions are limited when they
 * are made, so the recursions here are too. */
#include "ir/dim_expr.h"

#include "base/checked.h"

/* ---- bounds: intervals whose ends INT64_MIN and INT64_MAX are open ---- */

typedef struct interval { int64_t low, high; } interval;

static int64_t add_end(int64_t a, int64_t b, int64_t open) {
    int64_t sum;
    if (a == open || b == open)
        return open;
    return qn_add_i64(a, b, &sum) ? sum : a < 0 ? INT64_MIN : INT64_MAX;
}

static interval add(interval a, interval b) {
    return (interval){add_end(a.low, b.low, INT64_MIN), add_end(a.high, b.high, INT64_MAX)};
}

/* An open end stays open, but 0 times anything is 0. */
static int64_t mul_end(int64_t a, int64_t b) {
    if (a == 0 || b == 0)
        return 0;
    bool open = a == INT64_MIN || a == INT64_MAX || b == INT64_MIN || b == INT64_MAX;
    int64_t product;
    if (!open && qn_mul_i64(a, b, &product))
        return product;
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

static interval mul(interval a, interval b) {
    int64_t corner[4] = {mul_end(a.low, b.low), mul_end(a.low, b.high), mul_end(a.high, b.low),
                         mul_end(a.high, b.high)};
    interval out = {corner[0], corner[0]};
    for (int i = 1; i < 4; i++) {
        out.low = corner[i] < out.low ? corner[i] : out.low;
        out.high = corner[i] > out.high ? corner[i] : out.high;
    }
    return out;
}

/* floor(a / b) for one end, b > 0. */
static int64_t div_end(int64_t a, int64_t b) {
    if (a == INT64_MIN || a == INT64_MAX)
        return b == INT64_MAX ? (a < 0 ? -1 : 0) : a;
    return b == INT64_MAX ? (a < 0 ? -1 : 0) : qn_floordiv_i64(a, b);
}

/* Divisors are positive or unknown here: what is 0 has no quotient. */
static interval floordiv(interval a, interval b) {
    if (b.low < 0)
        return (interval){INT64_MIN, INT64_MAX};
    int64_t least = b.low < 1 ? 1 : b.low, most = b.high < 1 ? 1 : b.high;
    interval out;
    out.low = div_end(a.low, a.low < 0 ? least : most);
    out.high = div_end(a.high, a.high < 0 ? most : least);
    return out;
}

static interval interval_of(const qn_symbols *s, qn_dim d, bool by_ranges);

static interval atom_interval(const qn_symbols *s, const qn_atom *atom, bool by_ranges) {
    if (atom->kind == QN_ATOM_SYMBOL) {
        const qn_dim_range *range = &s->symbols[atom->symbol]->range;
        return by_ranges ? (interval){range->min, range->max} : (interval){0, INT64_MAX};
    }
    interval a = interval_of(s, atom->a, by_ranges), b = interval_of(s, atom->b, by_ranges);
    if (atom->kind == QN_ATOM_FLOORDIV)
        return floordiv(a, b);
    bool min = atom->kind == QN_ATOM_MIN;
    return (interval){(a.low < b.low) == min ? a.low : b.low, (a.high < b.high) == min ? a.high : b.high};
}

static interval interval_of(const qn_symbols *s, qn_dim d, bool by_ranges) {
    if (d == QN_DIM_UNKNOWN)
        return (interval){INT64_MIN, INT64_MAX};
    if (qn_dim_is_const(d))
        return (interval){d, d};
    qn_term own;
    qn_poly p = qn_dim_poly(s, d, &own);
    interval sum = {0, 0};
    for (int32_t i = 0; i < p.n; i++) {
        const qn_term *t = &p.term[i];
        interval product = {t->coef, t->coef};
        for (int32_t k = 0; k < t->n; k++)
            product = mul(product, atom_interval(s, &s->atoms[t->atom[k]], by_ranges));
        sum = add(sum, product);
    }
    return sum;
}

void qn_dim_interval(const qn_symbols *s, qn_dim d, bool by_ranges, int64_t *min, int64_t *max) {
    interval out = interval_of(s, d, by_ranges);
    *min = out.low;
    *max = out.high;
}

void qn_dim_bounds(const qn_symbols *s, qn_dim d, int64_t *min, int64_t *max) { qn_dim_interval(s, d, true, min, max); }

/* ---- values ---- */

static bool eval_atom(const qn_symbols *s, const qn_atom *atom, const int64_t *values, int64_t *out) {
    if (atom->kind == QN_ATOM_SYMBOL) {
        *out = values[atom->symbol];
        return *out != INT64_MIN;
    }
    int64_t a, b;
    if (!qn_dim_eval(s, atom->a, values, &a) || !qn_dim_eval(s, atom->b, values, &b))
        return false;
    if (atom->kind == QN_ATOM_FLOORDIV) {
        if (b == 0 || (a == INT64_MIN && b == -1))
            return false;
        *out = qn_floordiv_i64(a, b);
    } else {
        *out = (a < b) == (atom->kind == QN_ATOM_MIN) ? a : b;
    }
    return true;
}

bool qn_dim_eval(const qn_symbols *s, qn_dim d, const int64_t *values, int64_t *out) {
    *out = 0;
    if (d == QN_DIM_UNKNOWN)
        return false;
    if (qn_dim_is_const(d)) {
        *out = d;
        return true;
    }
    qn_term own;
    qn_poly p = qn_dim_poly(s, d, &own);
    int64_t sum = 0;
    for (int32_t i = 0; i < p.n; i++) {
        int64_t product = p.term[i].coef, factor;
        for (int32_t k = 0; k < p.term[i].n; k++)
            if (!eval_atom(s, &s->atoms[p.term[i].atom[k]], values, &factor) ||
                !qn_mul_i64(product, factor, &product))
                return false;
        if (!qn_add_i64(sum, product, &sum))
            return false;
    }
    *out = sum;
    return true;
}

/* ---- substitution: the expression is made anew, so that what has become simple is simplified ---- */

static qn_dim substitute_atom(qn_symbols *s, uint32_t number, const int64_t *values) {
    qn_atom atom = s->atoms[number]; /* a copy: the table may move */
    if (atom.kind == QN_ATOM_SYMBOL) {
        int64_t v = values[atom.symbol];
        return v == INT64_MIN ? s->symbols[atom.symbol]->dim : qn_dim_is_const(v) ? v : QN_DIM_UNKNOWN;
    }
    static qn_dim (*const make[QN_ATOM_KINDS])(qn_symbols *, qn_dim, qn_dim) = {
        [QN_ATOM_FLOORDIV] = qn_dim_floordiv, [QN_ATOM_MIN] = qn_dim_min, [QN_ATOM_MAX] = qn_dim_max};
    return make[atom.kind](s, qn_dim_substitute(s, atom.a, values), qn_dim_substitute(s, atom.b, values));
}

qn_dim qn_dim_substitute(qn_symbols *s, qn_dim d, const int64_t *values) {
    if (d == QN_DIM_UNKNOWN || qn_dim_is_const(d))
        return d;
    qn_term own;
    qn_poly p = qn_dim_poly(s, d, &own); /* its terms stay where they are */
    qn_dim sum = 0;
    for (int32_t i = 0; i < p.n; i++) {
        const qn_term *t = &p.term[i];
        qn_dim product = qn_dim_is_const(t->coef) ? t->coef : QN_DIM_UNKNOWN;
        for (int32_t k = 0; k < t->n; k++)
            product = qn_dim_mul(s, product, substitute_atom(s, t->atom[k], values));
        sum = qn_dim_add(s, sum, product);
    }
    return sum;
}
