/* merge_common_subexpressions: compute equal nodes once; small equal constants, and constant expressions of the same
 * constants, are one value; so is shape arithmetic that comes to the same expressions.
 *
 * Before:
 *     input %x: float32[2,3]
 *     const %k: float32[3] = {1, 2, 3}
 *     const %l: float32[3] = {1, 2, 3}
 *     %a = Mul(%x, %k)
 *     %b = Mul(%x, %l)
 *     %c = LeakyRelu(%a) {alpha=0.25}
 *     %d = LeakyRelu(%b) {alpha=0.25}
 *     %y = Add(%c, %d)
 *     output %y
 * After:
 *     %a = Mul(%x, %k)
 *     %c = LeakyRelu(%a) {alpha=0.25}
 *     %y = Add(%c, %c)
 *
 * Before:
 *     input %a: float32[batch,seq,8]
 *     input %b: float32[seq,4]
 *     const %at: int64[1] = {1}
 *     const %first: int64[1] = {0}
 *     %s = Shape(%a)
 *     %m = Gather(%s, %at) {axis=0}
 *     %t = Shape(%b)
 *     %n = Gather(%t, %first) {axis=0}
 *     %y = Concat(%m, %n) {axis=0}
 *     output %y
 * After:
 *     %s = Shape(%a)
 *     %m = Gather(%s, %at) {axis=0}
 *     %y = Concat(%m, %m) {axis=0}
 *
 * Before:
 *     input %x: float32[2,3]
 *     const %k: float32[3] = {1, 2, 3}
 *     const %l: float32[3] = {1, 2, 3}
 *     %a = Neg(%k)
 *     %b = Neg(%l)
 *     %c = Mul(%x, %a)
 *     %y = Mul(%c, %b)
 *     output %y
 * After:
 *     %a = Neg(%k)
 *     %c = Mul(%x, %a)
 *     %y = Mul(%c, %a)
 * Unchanged (an attribute differs):
 *     %c = LeakyRelu(%x) {alpha=0.25}
 *     %d = LeakyRelu(%x) {alpha=0.5}
 *     %y = Add(%c, %d)
 * Unchanged (the constants differ in shape):
 *     const %m: float32[1,3] = {1, 2, 3}
 *     %a = Mul(%x, %k)
 *     %b = Mul(%x, %m)
 *     %y = Add(%a, %b)
 * Unchanged (the order of the operands differs):
 *     %a = Sub(%x, %k)
 *     %b = Sub(%k, %x)
 *     %y = Add(%a, %b)
 */
#include "passes/rewrite.h"

#include <string.h>

#include "base/hash.h"

/* Constants up to this size are compared by their bytes; larger ones are equal when they are the same bytes. */
enum { CONTENT_BYTES = 4096 };

/* ---- equality ------------------------------------------------------------------------------- */

static bool same_shape(const qn_const *a, const qn_const *b) {
    return a->dtype == b->dtype && a->rank == b->rank && a->encoding == b->encoding && !a->expr == !b->expr &&
           memcmp(a->dims, b->dims, sizeof(int64_t) * (size_t)a->rank) == 0;
}

static bool same_bytes(const qn_const *a, const qn_const *b) {
    if (!qn_const_is_ready(a) || !qn_const_is_ready(b) || !same_shape(a, b))
        return false;
    const size_t n = qn_const_bytes(a);
    const void *pa = a->part[QN_PART_VALUES].data, *pb = b->part[QN_PART_VALUES].data;
    return n == 0 || pa == pb || (n <= CONTENT_BYTES && memcmp(pa, pb, n) == 0);
}

/* As operands: the same value, or constants of the same numbers. */
static bool same_operand(const qn_value *a, const qn_value *b) {
    return a == b || (a && b && a->constant && b->constant && same_bytes(a->constant, b->constant));
}

static bool same_attr(const qn_attr *a, const qn_attr *b) {
    if (a->kind != b->kind || a->n != b->n)
        return false;
    switch (a->kind) {
    case QN_ATTR_INT: return a->as.i == b->as.i;
    case QN_ATTR_FLOAT: return memcmp(&a->as.f, &b->as.f, sizeof(float)) == 0;
    case QN_ATTR_STRING: return strcmp(a->as.s, b->as.s) == 0;
    case QN_ATTR_INTS: return memcmp(a->as.ints, b->as.ints, sizeof(int64_t) * (size_t)a->n) == 0;
    case QN_ATTR_FLOATS: return memcmp(a->as.floats, b->as.floats, sizeof(float) * (size_t)a->n) == 0;
    case QN_ATTR_TENSOR: return same_bytes(a->as.tensor, b->as.tensor);
    case QN_ATTR_STRINGS:
        for (int64_t i = 0; i < a->n; i++)
            if (strcmp(a->as.strings[i], b->as.strings[i]) != 0)
                return false;
        return true;
    case QN_ATTR_GRAPH: return false;
    }
    return false;
}

static bool same_node(const qn_node *a, const qn_node *b) {
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out || a->n_attrs != b->n_attrs ||
        a->compute != b->compute)
        return false;
    for (int32_t i = 0; i < a->n_in; i++)
        if (!same_operand(a->in[i], b->in[i]))
            return false;
    for (int32_t i = 0; i < a->n_out; i++)
        if (!a->out[i] != !b->out[i])
            return false;
    for (int32_t i = 0; i < a->n_attrs; i++) {
        const qn_attr *other = qn_node_attr(b, a->attrs[i].name);
        if (!other || !same_attr(&a->attrs[i], other))
            return false;
    }
    return true;
}

static bool same_constant(const qn_const *a, const qn_const *b) {
    if (a->expr && b->expr)
        return same_shape(a, b) && a->encoding == QN_ENC_DENSE && same_node(a->expr, b->expr);
    return same_bytes(a, b);
}

/* ---- hashing: equal things hash alike; op, shapes and identities are enough ------------------- */

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static uint64_t hash_constant(const qn_const *c) {
    uint64_t h = mix(7, (uint64_t)c->dtype);
    for (int32_t i = 0; i < c->rank; i++)
        h = mix(h, (uint64_t)c->dims[i]);
    if (qn_const_is_ready(c) && qn_const_bytes(c) <= CONTENT_BYTES && qn_const_bytes(c) > 0)
        h = mix(h, qn_hash_bytes(c->part[QN_PART_VALUES].data, qn_const_bytes(c)).low);
    return h;
}

static uint64_t hash_node(const qn_node *node) {
    uint64_t h = mix(3, (uint64_t)node->op);
    for (int32_t i = 0; i < node->n_in; i++) {
        const qn_value *v = node->in[i];
        h = mix(h, !v ? 0 : v->constant ? hash_constant(v->constant) : v->id + 1u);
    }
    return h;
}

/* ---- a table from hashes to what was seen first ------------------------------------------------ */

typedef struct seen {
    uint64_t hash;
    qn_node *node;   /* or */
    qn_value *value; /* a constant, or sizes */
    struct seen *next;
} seen;

typedef struct seen_table {
    seen **slots;
    size_t n_slots; /* power of two */
} seen_table;

static qn_status remember(qn_pass_run *run, seen_table *t, uint64_t hash, qn_node *node, qn_value *value) {
    seen *s;
    QN_NEW(run->ctx, run->scratch, s);
    seen **slot = &t->slots[hash & (t->n_slots - 1)];
    *s = (seen){hash, node, value, *slot};
    *slot = s;
    return QN_OK;
}

static qn_status merge_constant(qn_pass_run *run, seen_table *t, qn_node *node, int32_t index) {
    qn_value *v = node->in[index];
    const uint64_t hash = hash_constant(v->constant);
    for (const seen *s = t->slots[hash & (t->n_slots - 1)]; s; s = s->next) {
        if (s->value == v)
            return QN_OK;
        if (s->hash != hash || !s->value || !s->value->constant || !same_constant(s->value->constant, v->constant))
            continue;
        if (!qn_rewrite(run, "an equal constant", node))
            return QN_OK;
        return qn_node_set_input(run->ctx, node, index, s->value);
    }
    return remember(run, t, hash, NULL, v);
}

static bool has_graph(const qn_node *node) {
    for (int32_t i = 0; i < node->n_attrs; i++)
        if (node->attrs[i].kind == QN_ATTR_GRAPH)
            return true;
    return false;
}

static qn_status merge_node(qn_pass_run *run, seen_table *t, qn_node *node) {
    const uint64_t hash = hash_node(node);
    for (const seen *s = t->slots[hash & (t->n_slots - 1)]; s; s = s->next) {
        if (s->hash != hash || !s->node || !same_node(s->node, node))
            continue;
        if (!qn_rewrite(run, "computed before", node))
            return QN_OK;
        QN_TRY(qn_node_add_origin(run->ctx, s->node, node));
        for (int32_t i = 0; i < node->n_out; i++)
            if (node->out[i])
                QN_TRY(qn_value_replace(run->ctx, node->out[i], s->node->out[i]));
        qn_node_remove(node);
        return QN_OK;
    }
    return remember(run, t, hash, node, NULL);
}

/* ---- shape arithmetic ---------------------------------------------------------------------------- */

/* Content known to the last element, as expressions: equal ones are equal handles. */
static bool has_known_content(const qn_value *v) {
    if (!v || v->constant || !v->content || !qn_type_is_static(&v->type) || !qn_dtype_is_int(v->type.dtype))
        return false;
    for (int64_t i = 0; i < v->n_content; i++)
        if (v->content[i] == QN_DIM_UNKNOWN)
            return false;
    return true;
}

static bool same_content(const qn_value *a, const qn_value *b) {
    return has_known_content(a) && qn_type_equal(&a->type, &b->type) && a->n_content == b->n_content &&
           memcmp(a->content, b->content, sizeof(qn_dim) * (size_t)a->n_content) == 0;
}

static qn_status merge_content(qn_pass_run *run, seen_table *t, qn_node *node) {
    qn_value *v = node->out[0];
    uint64_t hash = mix(11, (uint64_t)v->n_content);
    for (int64_t i = 0; i < v->n_content; i++)
        hash = mix(hash, (uint64_t)v->content[i]);
    for (const seen *s = t->slots[hash & (t->n_slots - 1)]; s; s = s->next) {
        if (s->hash != hash || !s->value || s->value->constant || !same_content(s->value, v))
            continue;
        if (!qn_rewrite(run, "the same sizes", node))
            return QN_OK;
        QN_TRY(qn_value_replace(run->ctx, v, s->value));
        qn_node_remove(node);
        return QN_OK;
    }
    return remember(run, t, hash, NULL, v);
}

qn_status qn_pass_merge_common_subexpressions(qn_pass_run *run) {
    seen_table t = {NULL, 64};
    while (t.n_slots < 2 * (size_t)run->graph->n_nodes)
        t.n_slots *= 2;
    QN_NEW_ARRAY(run->ctx, run->scratch, t.slots, t.n_slots);
    for (qn_node *node = run->graph->first, *next; node; node = next) {
        next = node->next;
        for (int32_t i = 0; i < node->n_in; i++)
            if (node->in[i] && node->in[i]->constant)
                QN_TRY(merge_constant(run, &t, node, i));
        if (has_graph(node) || qn_rewrite_is_dead(node))
            continue;
        if (node->n_out == 1 && has_known_content(node->out[0]))
            QN_TRY(merge_content(run, &t, node));
        else
            QN_TRY(merge_node(run, &t, node));
    }
    /* what fed a removed node goes only now, as the table held it */
    for (qn_node *node = run->graph->last, *prev; node && run->rewrites > 0; node = prev) {
        prev = node->prev;
        if (qn_rewrite_is_dead(node))
            qn_node_remove(node);
    }
    return QN_OK;
}
