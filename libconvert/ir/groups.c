/* Groups of a quantised tensor as stretches of elements; the formulas are in groups.h. */
#include "ir/groups.h"

qn_groups qn_const_groups(const qn_const *c) {
    qn_groups g = {1, 1, 0, 0};
    if (c->axis < 0)
        return g;
    g.n_groups = g.size = c->dims[c->axis];
    for (int32_t i = c->axis + 1; i < c->rank; i++)
        g.inner *= c->dims[i];
    if (c->block > 0) {
        g.block = c->block;
        g.n_groups = (g.size / g.block + (g.size % g.block != 0)) * g.inner;
        for (int32_t i = 0; i < c->axis; i++)
            g.n_groups *= c->dims[i];
    }
    return g;
}

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

qn_run qn_run_at(const qn_groups *g, int64_t e, int64_t left) {
    if (g->block > 0) {
        const int64_t along = e / g->inner % g->size, column = e % g->inner,
                      per = g->size / g->block + (g->size % g->block != 0);
        const int64_t group = (e / g->inner / g->size * per + along / g->block) * g->inner + column;
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
