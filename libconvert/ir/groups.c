/* Groups of a quantised tensor as stretches of elements; the formulas are in groups.h. */
#include "ir/groups.h"

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceil_div(int64_t n, int64_t by) { return n / by + (n % by != 0); }

/* Product of the dims from `first` up to `end`. */
static int64_t product(const qn_const *c, int32_t first, int32_t end) {
    int64_t n = 1;
    for (int32_t i = first; i < end; i++)
        n *= c->dims[i];
    return n;
}

qn_groups qn_const_groups(const qn_const *c) {
    qn_groups g = {.n_groups = 1, .inner = 1};
    if (c->axis < 0)
        return g;
    const bool swap = c->block2 > 0 && c->axis2 < c->axis;
    const int32_t axis = swap ? c->axis2 : c->axis;
    g.n_groups = g.size = c->dims[axis];
    g.inner = product(c, axis + 1, c->rank);
    if (c->block > 0) {
        g.block = swap ? c->block2 : c->block;
        g.n_groups = product(c, 0, axis) * ceil_div(g.size, g.block) * g.inner;
    }
    if (c->block2 > 0) {
        const int32_t axis2 = swap ? c->axis : c->axis2;
        g.block2 = swap ? c->block : c->block2;
        g.size2 = c->dims[axis2];
        g.inner2 = product(c, axis2 + 1, c->rank);
        g.n_groups = product(c, 0, axis) * ceil_div(g.size, g.block) * product(c, axis + 1, axis2) *
                     ceil_div(g.size2, g.block2) * g.inner2;
    }
    return g;
}

/* In two-dimensional blocks. */
static qn_run run_at_2(const qn_groups *g, int64_t e, int64_t left) {
    const int64_t column = e % g->inner2, along2 = e / g->inner2 % g->size2, between = g->inner / (g->size2 * g->inner2),
                  middle = e / g->inner2 / g->size2 % between, along = e / g->inner % g->size;
    const int64_t row = e / g->inner / g->size * ceil_div(g->size, g->block) + along / g->block;
    const int64_t group = ((row * between + middle) * ceil_div(g->size2, g->block2) + along2 / g->block2) * g->inner2 + column;
    if (g->inner2 > 1)
        return (qn_run){min64(g->inner2 - column, left), group, 1};
    return (qn_run){min64(min64(g->block2 - along2 % g->block2, g->size2 - along2), left), group, 0};
}

qn_run qn_run_at(const qn_groups *g, int64_t e, int64_t left) {
    if (g->block2 > 0)
        return run_at_2(g, e, left);
    if (g->block > 0) {
        const int64_t along = e / g->inner % g->size, column = e % g->inner;
        const int64_t group = (e / g->inner / g->size * ceil_div(g->size, g->block) + along / g->block) * g->inner + column;
        if (g->inner > 1)
            return (qn_run){min64(g->inner - column, left), group, 1};
        return (qn_run){min64(min64(g->block - along % g->block, g->size - along), left), group, 0};
    }
    if (g->n_groups == 1)
        return (qn_run){left, 0, 0};
    const int64_t group = e / g->inner % g->n_groups;
    const int64_t n = g->inner == 1 ? g->n_groups - group : g->inner - e % g->inner;
    return (qn_run){min64(n, left), group, g->inner == 1};
}
