/* Buffer placement: one buffer after the other, each at the lowest offset where it fits between those already placed
 * that are alive at the same time. Largest first is Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
 * Inference", 2020, section 4.2; no order is best for every graph, so several are tried until one wastes nothing, and
 * the best is kept; from each, the buffer that ends highest is put first a few times. */
#include "run/plan.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

typedef struct item {
    qn_slot *slot;
    size_t bytes;
    uint32_t id;
    int32_t first, last; /* steps, the last one of the stage at most */
    size_t offset;
} item;

typedef int (*order_fn)(const void *, const void *);

static int by_id(const item *x, const item *y) { return x->id < y->id ? -1 : x->id > y->id; }

static int larger_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    return x->bytes != y->bytes ? (x->bytes < y->bytes ? 1 : -1) : by_id(x, y);
}

static int longer_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    const int32_t m = x->last - x->first, n = y->last - y->first;
    return m != n ? (m < n ? 1 : -1) : larger_first(a, b);
}

/* Bytes times steps. */
static int heavier_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    const double m = (double)x->bytes * (x->last - x->first + 1), n = (double)y->bytes * (y->last - y->first + 1);
    return m < n ? 1 : m > n ? -1 : larger_first(a, b);
}

static int earlier_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : larger_first(a, b);
}

static int later_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    return x->last != y->last ? (x->last < y->last ? 1 : -1) : larger_first(a, b);
}

static const order_fn g_orders[] = {larger_first, heavier_first, longer_first, earlier_first, later_first};

static bool alive_together(const item *a, const item *b) { return a->first <= b->last && b->first <= a->last; }

/* Lowest offset for it[n] among it[0..n), which `order` keeps sorted by offset. */
static size_t lowest_offset(const item *items, const int32_t *order, int32_t n_placed, const item *it) {
    size_t at = 0;
    for (int32_t i = 0; i < n_placed; i++) {
        const item *other = &items[order[i]];
        if (!alive_together(other, it))
            continue;
        if (other->offset >= at && other->offset - at >= it->bytes)
            break;
        size_t end = other->offset + other->bytes;
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
        delta[items[i].first] += (int64_t)items[i].bytes;
        delta[items[i].last + 1] -= (int64_t)items[i].bytes;
    }
    int64_t live = 0, peak = 0;
    for (int32_t i = 0; i <= n_steps; i++) {
        live += delta[i];
        peak = live > peak ? live : peak;
    }
    *out = (size_t)peak;
    return QN_OK;
}

/* Offsets for items[0..n) in their order; their end in *total. */
static qn_status place_in_order(qn_planner *p, item *items, int32_t *order, int32_t n, size_t *total) {
    *total = 0;
    for (int32_t i = 0; i < n; i++) {
        size_t at = lowest_offset(items, order, i, &items[i]), end;
        if (!qn_add_size(at, items[i].bytes, &end))
            return qn_fail_memory(p->ctx, at, "activations");
        items[i].offset = at;
        *total = end > *total ? end : *total;
        int32_t k = i;
        for (; k > 0 && items[order[k - 1]].offset > at; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    return QN_OK;
}

/* The item that ends highest becomes the first. */
static void promote_highest(item *items, int32_t n) {
    int32_t top = 0;
    for (int32_t i = 1; i < n; i++)
        if (items[i].offset + items[i].bytes > items[top].offset + items[top].bytes)
            top = i;
    const item first = items[top];
    memmove(items + 1, items, (size_t)top * sizeof *items);
    items[0] = first;
}

/* Offsets of the best placement into the slots, its end into the stage. Promotions are tried as long as all placements
 * together look at some millions of pairs. */
static qn_status try_orders(qn_planner *p, qn_stage *stage, item *items, int32_t *order, int32_t n) {
    enum { ORDERS = sizeof g_orders / sizeof g_orders[0], MAX_PROMOTIONS = 24, PAIRS = 1 << 22 };
    const int64_t pairs = (int64_t)n * n * ORDERS + 1;
    const int64_t promotions = PAIRS / pairs < MAX_PROMOTIONS ? PAIRS / pairs : MAX_PROMOTIONS;
    stage->buffer_bytes = n ? SIZE_MAX : 0;
    for (int k = 0; k < ORDERS; k++) {
        qsort(items, (size_t)n, sizeof *items, g_orders[k]);
        for (int64_t round = 0; round <= promotions && stage->buffer_bytes > stage->live_bytes; round++) {
            size_t total;
            QN_TRY(place_in_order(p, items, order, n, &total));
            if (total < stage->buffer_bytes) {
                stage->buffer_bytes = total;
                for (int32_t i = 0; i < n; i++)
                    items[i].slot->offset = items[i].offset;
            }
            promote_highest(items, n);
        }
    }
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
        const int32_t last = slot->last < stage->n_steps ? slot->last : stage->n_steps;
        items[n++] = (item){slot, bytes, id, slot->first, last, 0};
    }
    QN_TRY(live_peak(p, items, n, stage->n_steps, &stage->live_bytes));
    QN_TRY(try_orders(p, stage, items, order, n));
    if (stage->buffer_bytes) {
        stage->buffer = aligned_alloc(64, stage->buffer_bytes);
        if (!stage->buffer)
            return qn_fail_memory(p->ctx, stage->buffer_bytes, "activations");
    }
    for (int32_t i = 0; i < n; i++)
        items[i].slot->tensor.data = (char *)stage->buffer + items[i].slot->offset;
    return QN_OK;
}
