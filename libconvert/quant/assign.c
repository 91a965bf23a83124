#include "quant/assign.h"

#include <stdlib.h>

/* One step along the hull of an item: what it takes of what is bounded, and what it saves of what is not. */
typedef struct step {
    int32_t item, to;
    double takes, saves;
} step;

/* The problem with the bound on `takes`. */
typedef struct problem {
    const qn_choice *choices;
    int32_t n_items, n_choices;
    bool bytes_bounded;
    double bound;
} problem;

static double takes(const problem *p, int32_t item, int32_t k) {
    const qn_choice *c = &p->choices[(size_t)item * (size_t)p->n_choices + (size_t)k];
    return p->bytes_bounded ? c->bytes : c->cost;
}
static double costs(const problem *p, int32_t item, int32_t k) {
    const qn_choice *c = &p->choices[(size_t)item * (size_t)p->n_choices + (size_t)k];
    return p->bytes_bounded ? c->cost : c->bytes;
}

/* The choice that takes least; of equals the one that costs least. */
static int32_t leanest(const problem *p, int32_t item) {
    int32_t best = 0;
    for (int32_t k = 1; k < p->n_choices; k++) {
        const double a = takes(p, item, k), b = takes(p, item, best);
        if (a < b || (a == b && costs(p, item, k) < costs(p, item, best)))
            best = k;
    }
    return best;
}

/* From choice `from` of an item along its lower hull: the choice that saves most for what it takes more. -1: none saves. */
static int32_t along_hull(const problem *p, int32_t item, int32_t from) {
    int32_t best = -1;
    double rate = 0;
    for (int32_t k = 0; k < p->n_choices; k++) {
        const double more = takes(p, item, k) - takes(p, item, from), less = costs(p, item, from) - costs(p, item, k);
        if (!(more > 0) || !(less > 0))
            continue;
        if (best < 0 || less / more > rate || (less / more == rate && more > takes(p, item, best) - takes(p, item, from))) {
            best = k;
            rate = less / more;
        }
    }
    return best;
}

static int by_rate(const void *a, const void *b) {
    const step *x = a, *y = b;
    const double rx = x->saves / x->takes, ry = y->saves / y->takes;
    if (rx != ry)
        return rx > ry ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return x->takes < y->takes ? -1 : x->takes > y->takes;
}

static double sum_of(const problem *p, const int32_t *chosen, double (*what)(const problem *, int32_t, int32_t)) {
    double sum = 0;
    for (int32_t i = 0; i < p->n_items; i++)
        sum += what(p, i, chosen[i]);
    return sum;
}

/* Single changes of what is chosen that fit and save, the one that saves most first. */
static void improve(const problem *p, int32_t *chosen) {
    for (int32_t round = 0; round < p->n_items * p->n_choices; round++) {
        const double used = sum_of(p, chosen, takes);
        int32_t item = -1, to = 0;
        double saves = 0;
        for (int32_t i = 0; i < p->n_items; i++)
            for (int32_t k = 0; k < p->n_choices; k++) {
                const double less = costs(p, i, chosen[i]) - costs(p, i, k);
                if (less > saves && used + (takes(p, i, k) - takes(p, i, chosen[i])) <= p->bound) {
                    saves = less;
                    item = i;
                    to = k;
                }
            }
        if (item < 0)
            return;
        const int32_t before = chosen[item];
        chosen[item] = to;
        if (sum_of(p, chosen, takes) > p->bound) { /* by the rounding of the sum */
            chosen[item] = before;
            return;
        }
    }
}

static void walk_hulls(const problem *p, const step *steps, size_t n, bool *stopped, int32_t *chosen) {
    double used = sum_of(p, chosen, takes);
    for (size_t s = 0; s < n; s++) {
        const int32_t i = steps[s].item;
        if (stopped[i])
            continue;
        if (used + steps[s].takes > p->bound) {
            stopped[i] = true;
            continue;
        }
        const int32_t before = chosen[i];
        chosen[i] = steps[s].to;
        used = sum_of(p, chosen, takes);
        if (used > p->bound) {
            chosen[i] = before;
            used = sum_of(p, chosen, takes);
            stopped[i] = true;
        }
    }
}

bool qn_assign(const qn_choice *choices, int32_t n_items, int32_t n_choices, double max_bytes, double max_cost, int32_t *chosen,
               qn_choice *total, bool *memory) {
    const problem p = {choices, n_items, n_choices, max_bytes >= 0, max_bytes >= 0 ? max_bytes : max_cost};
    const size_t room = (size_t)n_items * (size_t)n_choices + 1;
    step *steps = calloc(room, sizeof *steps);
    bool *stopped = calloc((size_t)n_items + 1, sizeof *stopped), fits = false;
    size_t n = 0;
    *memory = !steps || !stopped;
    if (!*memory) {
        for (int32_t i = 0; i < n_items; i++) {
            chosen[i] = leanest(&p, i);
            for (int32_t from = chosen[i], to; (to = along_hull(&p, i, from)) >= 0; from = to)
                steps[n++] = (step){i, to, takes(&p, i, to) - takes(&p, i, from), costs(&p, i, from) - costs(&p, i, to)};
        }
        fits = sum_of(&p, chosen, takes) <= p.bound;
    }
    if (fits) {
        qsort(steps, n, sizeof *steps, by_rate);
        walk_hulls(&p, steps, n, stopped, chosen);
        improve(&p, chosen);
    }
    if (!*memory && total) {
        const double taken = sum_of(&p, chosen, takes), cost = sum_of(&p, chosen, costs);
        *total = p.bytes_bounded ? (qn_choice){taken, cost} : (qn_choice){cost, taken};
    }
    free(steps);
    free(stopped);
    return fits;
}
