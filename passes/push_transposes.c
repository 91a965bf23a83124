/* push_transposes: move Transpose through element-wise ops so that pairs meet.
 *
 * Before:
 *     input %x: float32[1,3,8,8]
 *     const %w: float32[4,3,3,3] = random(1)
 *     const %v: float32[5,4,3,3] = random(2)
 *     const %bias: float32[4] = random(3)
 *     %c = Conv(%x, %w)
 *     %t = Transpose(%c) {perm=[0,2,3,1]}
 *     %a = Add(%t, %bias)
 *     %r = Relu(%a)
 *     %u = Transpose(%r) {perm=[0,3,1,2]}
 *     %y = Conv(%u, %v)
 *     output %y
 * After:
 *     %c = Conv(%x, %w)
 *     %a = Add(%c, %moved)
 *     %r = Relu(%a)
 *     %y = Conv(%r, %v)
 * All nodes that Transposes of one permutation reach through such ops are taken together. They are moved to the other
 * side of the Transposes when that leaves fewer Transposes in the graph, counting those that have to be put in: at a
 * result that something else needs, and at an operand that comes from elsewhere.
 *
 * Before:
 *     input %x: float32[1,4,8,8]
 *     input %z: float32[1,4,8,8]
 *     const %first: int64[1] = {0}
 *     const %end: int64[1] = {6}
 *     const %one: int64[1] = {1}
 *     const %axes: int64[2] = {1, 2}
 *     const %pads: int64[8] = {0, 1, 2, 0, 0, 0, 0, 0}
 *     %s = Transpose(%x) {perm=[0,2,3,1]}
 *     %t = Transpose(%z) {perm=[0,2,3,1]}
 *     %a = Add(%s, %t)
 *     %c = Concat(%a, %t) {axis=-1}
 *     %p = Pad(%c, %pads)
 *     %q = Slice(%p, %first, %end, %one)
 *     %l, %r = Split(%q) {axis=3, num_outputs=2}
 *     %m = ReduceMean(%l, %axes)
 *     %d = Sub(%r, %m)
 *     %y = Transpose(%d) {perm=[0,3,1,2]}
 *     %g = ReduceMean(%q, %axes) {keepdims=0}
 *     output %y
 *     output %g
 * After:
 *     const %moved: int64[8] = {0, 0, 1, 2, 0, 0, 0, 0}
 *     const %two: int64[1] = {2}
 *     const %spatial: int64[2] = {2, 3}
 *     const %again: int64[2] = {2, 3}
 *     %a = Add(%x, %z)
 *     %c = Concat(%a, %z) {axis=1}
 *     %p = Pad(%c, %moved)
 *     %q = Slice(%p, %first, %end, %two)
 *     %l, %r = Split(%q) {axis=1, num_outputs=2}
 *     %m = ReduceMean(%l, %spatial)
 *     %y = Sub(%r, %m)
 *     %g = ReduceMean(%q, %again) {keepdims=0}
 *     output %y
 *     output %g
 * Unchanged (nothing would cancel):
 *     %t = Transpose(%x) {perm=[0,2,3,1]}
 *     %y = Relu(%t)
 *     output %y
 * Unchanged (the operand from elsewhere needs a Transpose for the one that goes):
 *     input %e: float32[1,8,8,4]
 *     %t = Transpose(%x) {perm=[0,2,3,1]}
 *     %a = Add(%t, %e)
 *     %y = Neg(%a)
 *     output %y
 * Unchanged (the axes that the reduction leaves are in another order):
 *     %t = Transpose(%x) {perm=[0,2,3,1]}
 *     %y = ReduceMean(%t, %one) {keepdims=0}
 *     output %y
 */
#include "passes/axes.h"
#include "passes/match.h"

#include <string.h>

typedef enum mark { OUTSIDE = 0, ENTRY, INSIDE } mark;

/* The nodes that the Transposes of one permutation reach. */
typedef struct region {
    qn_pass_run *run;
    const qn_perm *p;
    uint8_t *mark;       /* mark of each value, by id: ENTRY the result of such a Transpose, INSIDE of a node reached */
    bool *member;        /* by node id: the node is reached */
    uint32_t *group;     /* by node id: union-find over members and entry Transposes */
    int32_t *score;      /* by group: Transposes saved */
    qn_value **moved;    /* by value id: the same numbers without the Transpose */
} region;

static bool is_perm(const qn_node *node, const int32_t *perm, int32_t rank) {
    int32_t own[QN_MAX_RANK], own_rank;
    return qn_match_perm(node, own, &own_rank) && own_rank == rank &&
           memcmp(own, perm, sizeof(int32_t) * (size_t)rank) == 0;
}

static bool is_entry(const region *r, const qn_node *node) {
    return node->op == QN_OP_Transpose && r->mark[node->out[0]->id] == ENTRY;
}

static bool is_undone_by(const region *r, const qn_node *reader) {
    return reader->op == QN_OP_Transpose && reader->graph == r->run->graph && is_perm(reader, r->p->back, r->p->rank);
}

/* ---- finding the region ------------------------------------------------------------------------- */

static void grow(region *r) {
    for (const qn_node *node = r->run->graph->first; node; node = node->next) {
        if (node->op == QN_OP_Transpose) {
            /* one that undoes itself ends the region it follows */
            if (is_perm(node, r->p->to, r->p->rank) && r->mark[node->in[0]->id] == OUTSIDE)
                r->mark[node->out[0]->id] = ENTRY;
            continue;
        }
        bool reached = false;
        for (int32_t i = 0; i < node->n_in && !reached; i++)
            reached = node->in[i] && r->mark[node->in[i]->id] != OUTSIDE && qn_axes_carried(node, i);
        if (!reached || !qn_axes_movable(node, r->p))
            continue;
        r->member[node->id] = true;
        for (int32_t i = 0; i < node->n_out; i++)
            if (node->out[i])
                r->mark[node->out[i]->id] = INSIDE;
    }
}

/* How the uses of a marked value would fare: `good` ones gain from the move or go along, `bad` ones need a Transpose. */
static void count_uses(const region *r, const qn_value *v, int32_t *good, int32_t *bad) {
    *good = 0;
    *bad = v->n_outputs > 0;
    for (int32_t i = 0; i < v->n_uses; i++) {
        const qn_node *reader = v->uses[i].node;
        const bool same_graph = reader->graph == r->run->graph;
        if (same_graph && ((r->member[reader->id] && qn_axes_carried(reader, v->uses[i].index)) ||
                           reader->op == QN_OP_Transpose || (v->uses[i].index == 0 && qn_axes_absorbs(reader, r->p))))
            ++*good;
        else
            ++*bad;
    }
}

/* Operands that would have to be transposed for the node. */
static int32_t foreign_operands(const region *r, const qn_node *node) {
    int32_t n = 0;
    for (int32_t i = 0; i < node->n_in; i++)
        n += node->in[i] && !node->in[i]->constant && qn_axes_carried(node, i) && r->mark[node->in[i]->id] == OUTSIDE;
    return n;
}

/* Leaving out a member at the edge costs no Transposes. */
static bool better_outside(const region *r, const qn_node *node) {
    int32_t saved = foreign_operands(r, node), cost = 0, good, bad;
    for (int32_t i = 0; i < node->n_out; i++) {
        if (!node->out[i])
            continue;
        count_uses(r, node->out[i], &good, &bad);
        if (good > 0)
            return false;
        saved += bad > 0;
    }
    for (int32_t i = 0; i < node->n_in; i++) {
        if (!node->in[i] || r->mark[node->in[i]->id] == OUTSIDE)
            continue;
        count_uses(r, node->in[i], &good, &bad);
        cost += bad == 0; /* an entry would have to stay, another value to be transposed back */
    }
    return cost <= saved;
}

static void prune(region *r) {
    for (bool changed = true; changed;) {
        changed = false;
        for (const qn_node *node = r->run->graph->last; node; node = node->prev) {
            if (!r->member[node->id] || !better_outside(r, node))
                continue;
            r->member[node->id] = false;
            for (int32_t i = 0; i < node->n_out; i++)
                if (node->out[i])
                    r->mark[node->out[i]->id] = OUTSIDE;
            changed = true;
        }
    }
}

/* ---- groups and their worth ------------------------------------------------------------------------ */

static uint32_t find(region *r, uint32_t id) {
    while (r->group[id] != id)
        id = r->group[id] = r->group[r->group[id]];
    return id;
}

static void join(region *r) {
    for (const qn_node *node = r->run->graph->first; node; node = node->next)
        r->group[node->id] = node->id;
    for (const qn_node *node = r->run->graph->first; node; node = node->next)
        for (int32_t i = 0; r->member[node->id] && i < node->n_in; i++)
            if (node->in[i] && r->mark[node->in[i]->id] != OUTSIDE && qn_axes_carried(node, i))
                r->group[find(r, node->id)] = find(r, node->in[i]->producer->id);
}

static void rate(region *r) {
    int32_t good, bad;
    for (const qn_node *node = r->run->graph->first; node; node = node->next) {
        const bool entry = is_entry(r, node);
        if (!entry && !r->member[node->id])
            continue;
        int32_t *score = &r->score[find(r, node->id)];
        if (entry) {
            count_uses(r, node->out[0], &good, &bad);
            *score += bad == 0;
            continue;
        }
        *score -= foreign_operands(r, node);
        for (int32_t i = 0; i < node->n_out; i++) {
            const qn_value *v = node->out[i];
            if (!v)
                continue;
            count_uses(r, v, &good, &bad);
            *score -= bad > 0;
            for (int32_t k = 0; k < v->n_uses; k++)
                *score += is_undone_by(r, v->uses[k].node);
        }
    }
}

/* ---- moving --------------------------------------------------------------------------------------- */

static qn_attr perm_attr(const int32_t *perm, int32_t rank, int64_t *room) {
    for (int32_t i = 0; i < rank; i++)
        room[i] = perm[i];
    return (qn_attr){.name = "perm", .kind = QN_ATTR_INTS, .n = rank, .as.ints = room};
}

/* op(v, second?) as a constant when v is one, else as a node. */
static qn_status apply(region *r, qn_op op, qn_value *v, qn_value *second, const qn_attr *attr, qn_node *before,
                       qn_value **out) {
    qn_value *in[2] = {v, second};
    const int32_t n_in = second ? 2 : 1;
    *out = NULL;
    if (v->constant)
        QN_TRY(qn_fold_op(r->run, op, v->name, in, n_in, attr, attr ? 1 : 0, out));
    if (*out)
        return QN_OK;
    qn_node *node;
    QN_TRY(qn_rewrite_insert(r->run, before, op, v->name, in, n_in, &node));
    if (attr)
        QN_TRY(qn_node_set_attr(r->run->ctx, node, attr));
    *out = node->out[0];
    return qn_infer_one(r->run->ctx, node);
}

/* A carried operand from outside, transposed back; a constant is given its full rank first. */
static qn_status bring(region *r, qn_value *v, qn_node *before, qn_value **out) {
    const int32_t rank = r->p->rank, lacking = rank - qn_match_rank(v);
    int64_t room[QN_MAX_RANK];
    if (lacking > 0) {
        qn_value *shape;
        for (int32_t i = 0; i < rank; i++)
            room[i] = i < lacking ? 1 : v->constant->dims[i - lacking];
        QN_TRY(qn_value_ints(r->run->ctx, before->graph, NULL, room, rank, &shape));
        QN_TRY(apply(r, QN_OP_Reshape, v, shape, NULL, before, &v));
    }
    const qn_attr perm = perm_attr(r->p->back, rank, room);
    return apply(r, QN_OP_Transpose, v, NULL, &perm, before, out);
}

/* Transposes that undo the one on v read the moved value instead; reductions that can, too. */
static qn_status settle_readers(region *r, qn_value *v) {
    qn_value *moved = r->moved[v->id];
    for (int32_t i = v->n_uses - 1; i >= 0; i--) {
        const qn_use use = v->uses[i];
        if (use.node->graph != r->run->graph || use.index != 0)
            continue;
        if (is_undone_by(r, use.node))
            QN_TRY(qn_value_replace(r->run->ctx, use.node->out[0], moved));
        else if (qn_axes_absorbs(use.node, r->p))
            QN_TRY(qn_axes_absorb(r->run, use.node, r->p, moved));
    }
    for (int32_t i = v->n_uses - 1; i >= 0; i--)
        if (i < v->n_uses && is_undone_by(r, v->uses[i].node) && qn_rewrite_is_dead(v->uses[i].node))
            qn_node_remove(v->uses[i].node);
    return QN_OK;
}

/* The node on the other side of the Transpose, and Transposes of its results in its place. */
static qn_status move_node(region *r, qn_node *node) {
    qn_context *ctx = r->run->ctx;
    qn_value **in;
    qn_node *made, *after = node->next;
    int64_t room[QN_MAX_RANK];
    const qn_attr perm = perm_attr(r->p->to, r->p->rank, room);
    QN_NEW_ARRAY(ctx, r->run->scratch, in, node->n_in + 1);
    for (int32_t i = 0; i < node->n_in; i++) {
        in[i] = node->in[i];
        if (!in[i] || !qn_axes_carried(node, i))
            continue;
        if (r->mark[in[i]->id] != OUTSIDE)
            in[i] = r->moved[in[i]->id];
        else
            QN_TRY(bring(r, in[i], node, &in[i]));
    }
    QN_TRY(qn_node_create(ctx, node->graph, node, node->op, node->name, in, node->n_in, node->n_out, &made));
    QN_TRY(qn_node_copy_attrs(ctx, made, node));
    QN_TRY(qn_axes_move(r->run, made, r->p));
    QN_TRY(qn_infer_one(ctx, made));
    qn_node_detach(node);
    for (int32_t i = 0; i < node->n_out; i++) {
        qn_node *back;
        if (!node->out[i])
            continue;
        r->moved[node->out[i]->id] = made->out[i];
        QN_TRY(qn_node_create_with(ctx, made->graph, after, QN_OP_Transpose, node->name, &made->out[i], 1,
                                   &node->out[i], 1, &back));
        back->origin = node->origin;
        QN_TRY(qn_node_set_attr(ctx, back, &perm));
    }
    return QN_OK;
}

/* Move the members of one group, in order; what the Transposes then have no readers for goes. */
static qn_status move_group(region *r, uint32_t group) {
    qn_node **nodes, **entries;
    int32_t n = 0, n_entries = 0;
    QN_NEW_ARRAY(r->run->ctx, r->run->scratch, nodes, r->run->graph->n_nodes);
    QN_NEW_ARRAY(r->run->ctx, r->run->scratch, entries, r->run->graph->n_nodes);
    for (qn_node *node = r->run->graph->first; node; node = node->next) {
        if (find(r, node->id) != group)
            continue;
        if (r->member[node->id])
            nodes[n++] = node;
        else if (is_entry(r, node))
            entries[n_entries++] = node;
    }
    for (int32_t i = 0; i < n_entries; i++)
        r->moved[entries[i]->out[0]->id] = entries[i]->in[0];
    for (int32_t i = 0; i < n; i++)
        QN_TRY(move_node(r, nodes[i]));
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < nodes[i]->n_out; k++)
            if (nodes[i]->out[k])
                QN_TRY(settle_readers(r, nodes[i]->out[k]));
    for (int32_t i = 0; i < n_entries; i++)
        QN_TRY(settle_readers(r, entries[i]->out[0]));
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < nodes[i]->n_out; k++)
            if (nodes[i]->out[k] && nodes[i]->out[k]->producer)
                QN_TRY(qn_rewrite_drop(r->run, nodes[i]->out[k]->producer));
    for (int32_t i = 0; i < n_entries; i++)
        QN_TRY(qn_rewrite_drop(r->run, entries[i]));
    return QN_OK;
}

/* Look at the region of one permutation and move the first group that is worth it. */
static qn_status push(qn_pass_run *run, const qn_perm *p, bool *moved) {
    const uint32_t n_values = qn_graph_value_bound(run->graph), n_nodes = qn_graph_node_bound(run->graph);
    region r = {.run = run, .p = p};
    QN_NEW_ARRAY(run->ctx, run->scratch, r.mark, n_values);
    QN_NEW_ARRAY(run->ctx, run->scratch, r.member, n_nodes);
    QN_NEW_ARRAY(run->ctx, run->scratch, r.group, n_nodes);
    QN_NEW_ARRAY(run->ctx, run->scratch, r.score, n_nodes);
    QN_NEW_ARRAY(run->ctx, run->scratch, r.moved, n_values);
    grow(&r);
    prune(&r);
    join(&r);
    rate(&r);
    for (qn_node *node = run->graph->first; node; node = node->next) {
        if (!r.member[node->id] || r.score[find(&r, node->id)] <= 0)
            continue;
        if (!qn_rewrite(run, "moved to the other side of Transposes", node))
            return QN_OK;
        *moved = true;
        return move_group(&r, find(&r, node->id));
    }
    return QN_OK;
}

static bool perm_of(const qn_node *node, qn_perm *p) {
    if (!qn_match_perm(node, p->to, &p->rank))
        return false;
    bool identity = true;
    for (int32_t i = 0; i < p->rank; i++) {
        p->back[p->to[i]] = i;
        identity = identity && p->to[i] == i;
    }
    return !identity;
}

/* Each move leaves fewer Transposes, so it ends. */
qn_status qn_pass_push_transposes(qn_pass_run *run) {
    for (bool moved = true; moved;) {
        qn_perm *seen;
        int32_t n_seen = 0;
        moved = false;
        qn_arena_reset(run->scratch);
        QN_NEW_ARRAY(run->ctx, run->scratch, seen, run->graph->n_nodes + 1);
        for (const qn_node *node = run->graph->first; node && !moved; node = node->next) {
            qn_perm p = {0};
            bool known = false;
            if (node->op != QN_OP_Transpose || !perm_of(node, &p))
                continue;
            for (int32_t i = 0; i < n_seen && !known; i++)
                known = seen[i].rank == p.rank && memcmp(seen[i].to, p.to, sizeof(int32_t) * (size_t)p.rank) == 0;
            if (known)
                continue;
            seen[n_seen++] = p;
            QN_TRY(push(run, &p, &moved));
        }
    }
    return QN_OK;
}
