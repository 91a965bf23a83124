/* Buffer placement: greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
 * 2020, section 4.2): the largest buffers first, each at the lowest offset where it fits between those already placed
 * that are alive at the same time. */
#include "run/plan.h"

#include "base/checked.h"

#include <stdlib.h>

typedef struct item {
    qn_slot *slot;
    size_t bytes;
    uint32_t id;
} item;

static int larger_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static bool alive_together(const qn_slot *a, const qn_slot *b) { return a->first <= b->last && b->first <= a->last; }

/* Lowest offset for it[n] among it[0..n), which `order` keeps sorted by offset. */
static size_t lowest_offset(const item *items, const int32_t *order, int32_t n_placed, const item *it) {
    size_t at = 0;
    for (int32_t i = 0; i < n_placed; i++) {
        const item *other = &items[order[i]];
        if (!alive_together(other->slot, it->slot))
            continue;
        if (other->slot->offset >= at && other->slot->offset - at >= it->bytes)
            break;
        size_t end = other->slot->offset + other->bytes;
        if (end > at)
            at = end;
    }
    return at;
}

/* The largest sum of bytes alive at one step. */
static qn_status live_peak(qn_planner *p, const item *items, int32_t n, int32_t n_steps, size_t *out) {
    int64_t *delta;
    QN_NEW_ARRAY(p->ctx, p->scratch, delta, (size_t)n_steps + 2);
    for (int32_t i = 0; i < n; i++) {
        delta[items[i].slot->first] += (int64_t)items[i].bytes;
        if (items[i].slot->last < n_steps)
            delta[items[i].slot->last + 1] -= (int64_t)items[i].bytes;
    }
    int64_t live = 0, peak = 0;
    for (int32_t i = 0; i <= n_steps; i++) {
        live += delta[i];
        peak = live > peak ? live : peak;
    }
    *out = (size_t)peak;
    return QN_OK;
}

qn_status qn_plan_place(qn_planner *p, qn_stage *stage) {
    uint32_t bound = qn_graph_value_bound(p->graph);
    item *items;
    int32_t *order, n = 0;
    QN_NEW_ARRAY(p->ctx, p->scratch, items, bound);
    QN_NEW_ARRAY(p->ctx, p->scratch, order, bound);
    for (uint32_t id = 0; id < bound; id++) {
        qn_slot *slot = &p->slots[id];
        if (slot->kind != QN_SLOT_PLACED || slot->root != id || slot->tensor.data)
            continue;
        size_t bytes;
        if (!qn_align_size(slot->tensor.n_bytes ? slot->tensor.n_bytes : 1, 64, &bytes))
            return qn_fail_memory(p->ctx, slot->tensor.n_bytes, "an activation");
        items[n++] = (item){slot, bytes, id};
    }
    QN_TRY(live_peak(p, items, n, stage->n_steps, &stage->live_bytes));
    qsort(items, (size_t)n, sizeof *items, larger_first);
    size_t total = 0;
    for (int32_t i = 0; i < n; i++) {
        size_t at = lowest_offset(items, order, i, &items[i]), end;
        if (!qn_add_size(at, items[i].bytes, &end))
            return qn_fail_memory(p->ctx, at, "activations");
        items[i].slot->offset = at;
        total = end > total ? end : total;
        int32_t k = i;
        for (; k > 0 && items[order[k - 1]].slot->offset > at; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    stage->buffer_bytes = total;
    if (total) {
        stage->buffer = aligned_alloc(64, total);
        if (!stage->buffer)
            return qn_fail_memory(p->ctx, total, "activations");
    }
    for (int32_t i = 0; i < n; i++)
        items[i].slot->tensor.data = (char *)stage->buffer + items[i].slot->offset;
    return QN_OK;
}
