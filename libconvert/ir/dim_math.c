/* Arithmetic on dimensions. Quotients keep their divisor positive and their dividend reduced, so that equal shapes
 * meet in one expression:
 *
 *   (b*q + r)//b      = q + r//b                 for every term that b divides; exact division when r = 0
 *   (g*x + c)//(g*b)  = (x + c//g)//b            numbers g, b > 0
 *   (x//a + c)//b     = (x + a*c)//(a*b)         numbers a, b > 0
 *   (m*x)//(m*y)      = x//y                     a common monomial m
 *
 * A symbolic divisor is taken to be other than 0: where it is 0 there is no quotient.
 */
#include "ir/dim_expr.h"

#include "base/checked.h"

#include <string.h>

/* ---- terms and sums ---- */

/* > 0 when a comes before b: graded lexicographic. */
static int compare_terms(const qn_term *a, const qn_term *b) {
    if (a->n != b->n)
        return a->n > b->n ? 1 : -1;
    for (int32_t i = 0; i < a->n; i++)
        if (a->atom[i] != b->atom[i])
            return a->atom[i] < b->atom[i] ? 1 : -1;
    return 0;
}

void qn_sum_add(qn_sum *sum, const qn_term *term, int64_t factor) {
    int64_t coef;
    if (sum->failed || !qn_mul_i64(term->coef, factor, &coef) || coef == INT64_MIN) {
        sum->failed = true;
        return;
    }
    int32_t low = 0, high = sum->n;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        int order = compare_terms(&sum->term[middle], term);
        if (order == 0) {
            low = high = middle;
            break;
        }
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    qn_term *at = &sum->term[low];
    size_t after = (size_t)(sum->n - low);
    if (after && compare_terms(at, term) == 0) {
        sum->failed |= !qn_add_i64(at->coef, coef, &at->coef) || at->coef == INT64_MIN;
        if (at->coef == 0) {
            memmove(at, at + 1, (after - 1) * sizeof *at);
            sum->n--;
        }
        return;
    }
    if (coef == 0)
        return;
    if (sum->n == QN_DIM_MAX_TERMS) {
        sum->failed = true;
        return;
    }
    memmove(at + 1, at, after * sizeof *at);
    *at = *term;
    at->coef = coef;
    sum->n++;
}

static void add_poly(qn_sum *sum, qn_poly p, int64_t factor) {
    for (int32_t i = 0; i < p.n; i++)
        qn_sum_add(sum, &p.term[i], factor);
}

static void add_number(qn_sum *sum, int64_t v) {
    qn_term one = {.coef = 1};
    qn_sum_add(sum, &one, v);
}

bool qn_term_mul(const qn_term *a, const qn_term *b, qn_term *out) {
    memset(out, 0, sizeof *out);
    if (a->n + b->n > QN_DIM_MAX_FACTORS || !qn_mul_i64(a->coef, b->coef, &out->coef))
        return false;
    for (int32_t i = 0, k = 0; i < a->n || k < b->n;)
        out->atom[out->n++] = k == b->n || (i < a->n && a->atom[i] <= b->atom[k]) ? a->atom[i++] : b->atom[k++];
    return true;
}

bool qn_term_div(const qn_term *a, const qn_term *b, qn_term *out) {
    memset(out, 0, sizeof *out);
    if (b->coef == 0 || (b->coef == -1 && a->coef == INT64_MIN) || a->coef % b->coef != 0)
        return false;
    out->coef = a->coef / b->coef;
    int32_t k = 0;
    for (int32_t i = 0; i < a->n; i++) {
        if (k < b->n && a->atom[i] == b->atom[k])
            k++;
        else
            out->atom[out->n++] = a->atom[i];
    }
    return k == b->n;
}

/* ---- sums and products ---- */

static qn_dim combine(qn_symbols *s, qn_dim a, qn_dim b, int64_t factor) {
    qn_term own_a, own_b;
    qn_sum sum;
    sum.n = 0;
    sum.failed = false;
    add_poly(&sum, qn_dim_poly(s, a, &own_a), 1);
    add_poly(&sum, qn_dim_poly(s, b, &own_b), factor);
    return qn_dim_of_sum(s, &sum);
}

static qn_dim number(int64_t v) { return qn_dim_is_const(v) ? v : QN_DIM_UNKNOWN; }

qn_dim qn_dim_add(qn_symbols *s, qn_dim a, qn_dim b) {
    int64_t v;
    if (a == QN_DIM_UNKNOWN || b == QN_DIM_UNKNOWN)
        return QN_DIM_UNKNOWN;
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return qn_add_i64(a, b, &v) ? number(v) : QN_DIM_UNKNOWN;
    return a == 0 ? b : b == 0 ? a : combine(s, a, b, 1);
}

qn_dim qn_dim_sub(qn_symbols *s, qn_dim a, qn_dim b) {
    int64_t v;
    if (a == QN_DIM_UNKNOWN || b == QN_DIM_UNKNOWN)
        return QN_DIM_UNKNOWN;
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return qn_sub_i64(a, b, &v) ? number(v) : QN_DIM_UNKNOWN;
    return b == 0 ? a : a == b ? 0 : combine(s, a, b, -1);
}

qn_dim qn_dim_mul(qn_symbols *s, qn_dim a, qn_dim b) {
    int64_t v;
    if (a == QN_DIM_UNKNOWN || b == QN_DIM_UNKNOWN)
        return QN_DIM_UNKNOWN;
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return qn_mul_i64(a, b, &v) ? number(v) : QN_DIM_UNKNOWN;
    if (a == 0 || b == 0)
        return 0;
    if (a == 1 || b == 1)
        return a == 1 ? b : a;
    qn_term own_a, own_b, product;
    qn_poly p = qn_dim_poly(s, a, &own_a), q = qn_dim_poly(s, b, &own_b);
    qn_sum sum;
    sum.n = 0;
    sum.failed = false;
    for (int32_t i = 0; i < p.n; i++)
        for (int32_t k = 0; k < q.n && !sum.failed; k++) {
            if (qn_term_mul(&p.term[i], &q.term[k], &product))
                qn_sum_add(&sum, &product, 1);
            else
                sum.failed = true;
        }
    return qn_dim_of_sum(s, &sum);
}

/* ---- quotients ---- */

static int64_t magnitude(int64_t v) { return v == INT64_MIN ? INT64_MAX : v < 0 ? -v : v; }

static int64_t gcd(int64_t a, int64_t b) {
    a = magnitude(a);
    b = magnitude(b);
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* a / b when b divides a as a polynomial: division by leading terms, which the order of terms allows. */
static bool divide_exactly(qn_symbols *s, qn_poly a, qn_poly b, qn_dim *out) {
    qn_sum rest, quotient;
    rest.n = quotient.n = 0;
    rest.failed = quotient.failed = false;
    add_poly(&rest, a, 1);
    qn_term q, product;
    for (int step = 0; rest.n > 0; step++) {
        if (step == QN_DIM_MAX_TERMS || !qn_term_div(&rest.term[0], &b.term[0], &q))
            return false;
        qn_sum_add(&quotient, &q, 1);
        for (int32_t i = 0; i < b.n; i++) {
            if (!qn_term_mul(&q, &b.term[i], &product))
                return false;
            qn_sum_add(&rest, &product, -1);
        }
        if (rest.failed || quotient.failed)
            return false;
    }
    *out = qn_dim_of_sum(s, &quotient);
    return *out != QN_DIM_UNKNOWN;
}

/* a = b * whole + rest, term by term; by a number > 0 the number in rest is in [0, b). */
static void split(qn_poly a, const qn_term *b, qn_sum *whole, qn_sum *rest) {
    whole->n = rest->n = 0;
    whole->failed = rest->failed = false;
    for (int32_t i = 0; i < a.n; i++) {
        const qn_term *t = &a.term[i];
        qn_term q;
        if (qn_term_div(t, b, &q)) {
            qn_sum_add(whole, &q, 1);
        } else if (t->n == 0 && b->n == 0) {
            int64_t floor = qn_floordiv_i64(t->coef, b->coef);
            add_number(whole, floor);
            add_number(rest, t->coef - floor * b->coef);
        } else {
            qn_sum_add(rest, t, 1);
        }
    }
}

/* The largest monomial that divides every term of p and b itself (by a number > 0, p's number need not be divided:
 * it is floored). */
static void common_factor(qn_poly p, const qn_term *b, qn_term *out) {
    *out = *b;
    for (int32_t i = 0; i < p.n; i++) {
        const qn_term *t = &p.term[i];
        if (t->n == 0 && b->n == 0)
            continue;
        out->coef = gcd(out->coef, t->coef);
        int32_t n = 0, at = 0;
        for (int32_t k = 0; k < out->n; k++) {
            while (at < t->n && t->atom[at] < out->atom[k])
                at++;
            if (at < t->n && t->atom[at] == out->atom[k]) {
                out->atom[n++] = out->atom[k];
                at++;
            }
        }
        memset(&out->atom[n], 0, (size_t)(out->n - n) * sizeof out->atom[0]);
        out->n = n;
    }
}

static qn_dim divide_by_factor(qn_symbols *s, qn_poly p, const qn_term *m) {
    qn_sum whole, rest;
    split(p, m, &whole, &rest);
    return qn_dim_of_sum(s, &whole);
}

/* x//a + c with numbers a > 0 and c: the parts. */
static bool is_floored(const qn_symbols *s, qn_poly p, qn_dim *x, int64_t *a, int64_t *c) {
    if (p.n < 1 || p.n > 2 || p.term[0].coef != 1 || p.term[0].n != 1 || (p.n == 2 && p.term[1].n != 0))
        return false;
    const qn_atom *atom = &s->atoms[p.term[0].atom[0]];
    if (atom->kind != QN_ATOM_FLOORDIV || !qn_dim_is_const(atom->b) || atom->b <= 0)
        return false;
    *x = atom->a;
    *a = atom->b;
    *c = p.n == 2 ? p.term[1].coef : 0;
    return true;
}

static qn_dim floordiv_rest(qn_symbols *s, qn_dim rest, qn_dim b, int depth);

static qn_dim floordiv(qn_symbols *s, qn_dim a, qn_dim b, int depth) {
    if (a == QN_DIM_UNKNOWN || b == QN_DIM_UNKNOWN || b == 0 || depth > QN_DIM_MAX_DEPTH)
        return QN_DIM_UNKNOWN;
    if (qn_dim_is_const(b) && b < 0) {
        a = qn_dim_sub(s, 0, a);
        b = -b;
    }
    if (a == QN_DIM_UNKNOWN)
        return QN_DIM_UNKNOWN;
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return number(qn_floordiv_i64(a, b));
    if (a == 0 || b == 1)
        return a;
    qn_term own_a, own_b;
    qn_poly p = qn_dim_poly(s, a, &own_a), q = qn_dim_poly(s, b, &own_b);
    qn_dim exact;
    if (q.n > 1) {
        if (divide_exactly(s, p, q, &exact))
            return exact;
        return qn_dim_of_atom(s, QN_ATOM_FLOORDIV, 0, a, b);
    }
    qn_sum whole, rest;
    split(p, &q.term[0], &whole, &rest);
    qn_dim whole_dim = qn_dim_of_sum(s, &whole), rest_dim = qn_dim_of_sum(s, &rest);
    return qn_dim_add(s, whole_dim, floordiv_rest(s, rest_dim, b, depth));
}

/* rest // b, b a monomial that divides no term of rest. */
static qn_dim floordiv_rest(qn_symbols *s, qn_dim rest, qn_dim b, int depth) {
    if (rest == QN_DIM_UNKNOWN || rest == 0)
        return rest;
    if (qn_dim_is_const(rest) && qn_dim_is_const(b))
        return number(qn_floordiv_i64(rest, b));
    qn_term own_p, own_q, m;
    qn_poly p = qn_dim_poly(s, rest, &own_p), q = qn_dim_poly(s, b, &own_q);
    common_factor(p, &q.term[0], &m);
    if (m.coef > 1 || m.n > 0)
        return floordiv(s, divide_by_factor(s, p, &m), divide_by_factor(s, q, &m), depth + 1);
    qn_dim x, scaled;
    int64_t inner, c;
    if (qn_dim_is_const(b) && is_floored(s, p, &x, &inner, &c)) {
        qn_dim divisor = qn_dim_mul(s, inner, b);
        scaled = qn_dim_add(s, x, qn_dim_mul(s, inner, c));
        if (divisor != QN_DIM_UNKNOWN && scaled != QN_DIM_UNKNOWN)
            return floordiv(s, scaled, divisor, depth + 1);
    }
    return qn_dim_of_atom(s, QN_ATOM_FLOORDIV, 0, rest, b);
}

qn_dim qn_dim_floordiv(qn_symbols *s, qn_dim a, qn_dim b) { return floordiv(s, a, b, 0); }

qn_dim qn_dim_ceildiv(qn_symbols *s, qn_dim a, qn_dim b) {
    if (b == QN_DIM_UNKNOWN || !qn_dim_is_const(b))
        return qn_dim_sub(s, 0, qn_dim_floordiv(s, qn_dim_sub(s, 0, a), b));
    if (b < 0)
        return qn_dim_ceildiv(s, qn_dim_sub(s, 0, a), -b);
    /* ceil(a / b) = floor((a + b - 1) / b) for numbers b > 0 */
    qn_dim raised = b == 0 ? QN_DIM_UNKNOWN : qn_dim_add(s, a, b - 1);
    if (raised == QN_DIM_UNKNOWN && b != 0 && qn_dim_is_const(a))
        return qn_floordiv_i64(a, b) + (a % b != 0);
    return qn_dim_floordiv(s, raised, b);
}

qn_dim qn_dim_mod(qn_symbols *s, qn_dim a, qn_dim b) {
    return qn_dim_sub(s, a, qn_dim_mul(s, b, qn_dim_floordiv(s, a, b)));
}

/* ---- minimum and maximum ---- */

/* a <= b, since a is a minimum that has b in it, or b a maximum that has a. */
static bool is_below(const qn_symbols *s, qn_dim a, qn_dim b) {
    const qn_atom *low = qn_dim_as_atom(s, a), *high = qn_dim_as_atom(s, b);
    return (low && low->kind == QN_ATOM_MIN && (low->a == b || low->b == b)) ||
           (high && high->kind == QN_ATOM_MAX && (high->a == a || high->b == a));
}

/* -1: a <= b whatever the symbols (all >= 0); 1: a >= b; 0: it depends. */
static int order(qn_symbols *s, qn_dim a, qn_dim b) {
    if (a == b)
        return -1;
    if (qn_dim_is_const(a) && qn_dim_is_const(b))
        return a < b ? -1 : 1;
    if (a == INT64_MAX || b == INT64_MAX) /* nothing is larger */
        return b == INT64_MAX ? -1 : 1;
    if (is_below(s, a, b))
        return -1;
    if (is_below(s, b, a))
        return 1;
    qn_dim difference = qn_dim_sub(s, a, b);
    if (difference == QN_DIM_UNKNOWN)
        return 0;
    int64_t low, high;
    qn_dim_interval(s, difference, false, &low, &high);
    return high <= 0 ? -1 : low >= 0 ? 1 : 0;
}

static qn_dim extremum(qn_symbols *s, qn_atom_kind kind, qn_dim a, qn_dim b) {
    if (a == QN_DIM_UNKNOWN || b == QN_DIM_UNKNOWN)
        return QN_DIM_UNKNOWN;
    int known = order(s, a, b);
    if (known)
        return (known < 0) == (kind == QN_ATOM_MIN) ? a : b;
    return a < b ? qn_dim_of_atom(s, kind, 0, a, b) : qn_dim_of_atom(s, kind, 0, b, a);
}

qn_dim qn_dim_min(qn_symbols *s, qn_dim a, qn_dim b) { return extremum(s, QN_ATOM_MIN, a, b); }
qn_dim qn_dim_max(qn_symbols *s, qn_dim a, qn_dim b) { return extremum(s, QN_ATOM_MAX, a, b); }
