/* Layers of the recurrence: the best column does not fall as the row rises, so that each row halves the columns of those
 * before and after it. */
#include "quant/layers.h"

#include <math.h>
#include <string.h>

typedef double pair __attribute__((vector_size(16)));
typedef int64_t ints __attribute__((vector_size(16)));

static inline pair load(const double *p) {
    pair v;
    memcpy(&v, p, sizeof v);
    return v;
}

typedef struct layer {
    const qn_side *rows, *columns;
    bool strict, after;
} layer;

/** The first of columns a..b-1 at a point >= p. */
static int64_t first_from(const qn_side *c, int64_t a, int64_t b, uint32_t p) {
    while (a < b) {
        const int64_t mid = a + (b - a) / 2;
        if (c->pos[mid] < p)
            a = mid + 1;
        else
            b = mid;
    }
    return a;
}

/** rows->best[e] over columns a..b; the column that has it. */
static int64_t best_column(const layer *l, int64_t e, int64_t a, int64_t b) {
    const qn_side *c = l->columns;
    const uint32_t p = l->rows->pos[e];
    double best = -INFINITY;
    int64_t arg = a, none = -1; /* none: the column at the row's own point */
    if (l->after) {
        if (c->pos[a] <= p)
            a = first_from(c, a, b + 1, p);
        if (a <= b && c->pos[a] == p)
            none = a++;
        arg = none >= 0 ? none : a <= b ? a : b;
        if (none >= 0 && !l->strict)
            best = c->best[none];
    } else if (c->pos[b] >= p) {
        b = first_from(c, a, b + 1, p);
        if (b < l->columns->n && c->pos[b] == p)
            none = b;
        b--;
    }
    const double s = l->rows->s[e], w = l->rows->w[e], sign = l->after ? 1 : -1;
    int64_t i = a;
    if (b - a >= 7) {
        pair top[2] = {{best, best}, {best, best}};
        ints where[2] = {{arg, arg}, {arg, arg}}, at = {a, a + 1};
        for (; i + 3 <= b; i += 4)
            for (int h = 0; h < 2; h++) {
                const int64_t two = i + 2 * h;
                const pair d = load(c->s + two) - s, v = load(c->best + two) + d * d / (load(c->w + two) - w) * sign;
                const ints more = v > top[h];
                top[h] = (pair)(((ints)v & more) | ((ints)top[h] & ~more));
                where[h] = (at & more) | (where[h] & ~more);
                at += 2;
            }
        for (int h = 0; h < 4; h++) {
            const double v = top[h / 2][h % 2];
            const int64_t index = where[h / 2][h % 2];
            if (v > best || (v == best && index < arg)) {
                best = v;
                arg = index;
            }
        }
    }
    for (; i <= b; i++) {
        const double d = c->s[i] - s, v = c->best[i] + d * d / (c->w[i] - w) * sign;
        const bool more = v > best;
        best = more ? v : best;
        arg = more ? i : arg;
    }
    if (none >= 0 && !l->after && !l->strict && c->best[none] > best) {
        best = c->best[none];
        arg = none;
    }
    l->rows->best[e] = best;
    return arg;
}

/** Rows r0..r1-1, whose best columns are among a..b. */
static void halve_rows(const layer *l, int64_t r0, int64_t r1, int64_t a, int64_t b) {
    while (r0 < r1) {
        const int64_t mid = r0 + (r1 - r0) / 2, arg = best_column(l, mid, a, b);
        halve_rows(l, r0, mid, a, arg);
        r0 = mid + 1;
        a = arg;
    }
}

static void run(const layer *l) {
    if (l->columns->n > 0)
        halve_rows(l, 0, l->rows->n, 0, l->columns->n - 1);
    else
        for (int64_t e = 0; e < l->rows->n; e++)
            l->rows->best[e] = -INFINITY;
}

void qn_layer_before(qn_side *rows, const qn_side *columns, bool strict) {
    run(&(layer){rows, columns, strict, false});
}

void qn_layer_after(qn_side *rows, const qn_side *columns, bool strict) {
    run(&(layer){rows, columns, strict, true});
}
