/* The table of symbols, atoms and expressions. */
#include "ir/dim_expr.h"

#include <string.h>

qn_symbols *qn_symbols_create(qn_arena *arena) {
    qn_symbols *s = qn_arena_alloc(arena, sizeof *s);
    if (!s)
        return NULL;
    s->arena = arena;
    s->names = qn_table_create(arena);
    s->stems = qn_table_create(arena);
    return s->names && s->stems ? s : NULL;
}

/* ---- hash-consing ---- */

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
}

static uint64_t hash_atom(const qn_atom *a) {
    return mix(mix(mix((uint64_t)a->kind, (uint64_t)a->symbol), (uint64_t)a->a), (uint64_t)a->b);
}

static bool equal_atom(const qn_atom *x, const qn_atom *y) {
    return x->kind == y->kind && x->symbol == y->symbol && x->a == y->a && x->b == y->b;
}

static uint64_t hash_poly(const qn_poly *p) {
    uint64_t h = (uint64_t)p->n;
    for (int32_t i = 0; i < p->n; i++) {
        h = mix(mix(h, (uint64_t)p->term[i].coef), (uint64_t)p->term[i].n);
        for (int32_t k = 0; k < p->term[i].n; k++)
            h = mix(h, p->term[i].atom[k]);
    }
    return h;
}

static bool equal_term(const qn_term *a, const qn_term *b) {
    return a->coef == b->coef && a->n == b->n && memcmp(a->atom, b->atom, (size_t)a->n * sizeof a->atom[0]) == 0;
}

static bool equal_poly(const qn_poly *a, const qn_poly *b) {
    if (a->n != b->n)
        return false;
    for (int32_t i = 0; i < a->n; i++)
        if (!equal_term(&a->term[i], &b->term[i]))
            return false;
    return true;
}

/* Room for one more at half load; `rehash` gives the hash of number i. */
static bool index_grow(qn_symbols *s, qn_index *index, uint64_t (*rehash)(const qn_symbols *, uint32_t)) {
    if (index->count * 2 < index->cap)
        return true;
    uint32_t cap = index->cap ? 2 * index->cap : 64;
    uint32_t *slot = qn_arena_array(s->arena, cap, sizeof *slot);
    if (!slot)
        return false;
    for (uint32_t i = 0; i < index->count; i++) {
        uint32_t at = (uint32_t)rehash(s, i) & (cap - 1);
        while (slot[at])
            at = (at + 1) & (cap - 1);
        slot[at] = i + 1;
    }
    index->slot = slot;
    index->cap = cap;
    return true;
}

static uint64_t rehash_atom(const qn_symbols *s, uint32_t i) { return hash_atom(&s->atoms[i]); }
static uint64_t rehash_expr(const qn_symbols *s, uint32_t i) { return hash_poly(&s->exprs[i].poly); }

static bool grow(qn_arena *arena, void **items, uint32_t n, uint32_t *cap, size_t size) {
    if (n < *cap)
        return true;
    uint32_t more = *cap ? 2 * *cap : 16;
    void *grown = qn_arena_grow(arena, *items, n, more, size);
    if (!grown)
        return false;
    *items = grown;
    *cap = more;
    return true;
}

/* Number of the atom, made when new; UINT32_MAX on failure. */
static uint32_t intern_atom(qn_symbols *s, const qn_atom *atom) {
    if (!index_grow(s, &s->atom_index, rehash_atom))
        return UINT32_MAX;
    uint32_t mask = s->atom_index.cap - 1, at = (uint32_t)hash_atom(atom) & mask;
    for (; s->atom_index.slot[at]; at = (at + 1) & mask)
        if (equal_atom(&s->atoms[s->atom_index.slot[at] - 1], atom))
            return s->atom_index.slot[at] - 1;
    void *atoms = s->atoms;
    if (s->n_atoms >= QN_DIM_MAX_EXPRS || !grow(s->arena, &atoms, s->n_atoms, &s->cap_atoms, sizeof *atom))
        return UINT32_MAX;
    s->atoms = atoms;
    s->atoms[s->n_atoms++] = *atom;
    s->atom_index.slot[at] = s->n_atoms;
    s->atom_index.count++;
    return s->n_atoms - 1;
}

static qn_dim handle(uint32_t index) { return INT64_MIN + 1 + (int64_t)index; }

static qn_dim intern_expr(qn_symbols *s, const qn_expr *expr) {
    if (!index_grow(s, &s->expr_index, rehash_expr))
        return QN_DIM_UNKNOWN;
    uint32_t mask = s->expr_index.cap - 1, at = (uint32_t)hash_poly(&expr->poly) & mask;
    for (; s->expr_index.slot[at]; at = (at + 1) & mask)
        if (equal_poly(&s->exprs[s->expr_index.slot[at] - 1].poly, &expr->poly))
            return handle(s->expr_index.slot[at] - 1);
    void *exprs = s->exprs;
    if (s->n_exprs >= QN_DIM_MAX_EXPRS || !grow(s->arena, &exprs, s->n_exprs, &s->cap_exprs, sizeof *expr))
        return QN_DIM_UNKNOWN;
    s->exprs = exprs;
    qn_term *terms = qn_arena_grow(s->arena, expr->poly.term, (size_t)expr->poly.n, (size_t)expr->poly.n,
                                   sizeof *terms);
    if (!terms)
        return QN_DIM_UNKNOWN;
    s->exprs[s->n_exprs] = *expr;
    s->exprs[s->n_exprs].poly.term = terms;
    s->expr_index.slot[at] = ++s->n_exprs;
    s->expr_index.count++;
    return handle(s->n_exprs - 1);
}

qn_poly qn_dim_poly(const qn_symbols *s, qn_dim d, qn_term *own) {
    if (!qn_dim_is_const(d))
        return s->exprs[qn_dim_expr_index(d)].poly;
    memset(own, 0, sizeof *own);
    own->coef = d;
    return (qn_poly){d != 0, own};
}

qn_dim qn_dim_of_sum(qn_symbols *s, const qn_sum *sum) {
    if (sum->failed)
        return QN_DIM_UNKNOWN;
    if (sum->n == 0)
        return 0;
    if (sum->n == 1 && sum->term[0].n == 0)
        return qn_dim_is_const(sum->term[0].coef) ? sum->term[0].coef : QN_DIM_UNKNOWN;
    qn_expr expr = {.poly = {sum->n, sum->term}, .depth = 0, .size = 1};
    for (int32_t i = 0; i < sum->n; i++) {
        const qn_term *t = &sum->term[i];
        expr.size++;
        for (int32_t k = 0; k < t->n && expr.size <= QN_DIM_MAX_SIZE; k++) {
            const qn_atom *a = &s->atoms[t->atom[k]];
            expr.size += a->size;
            expr.depth = a->depth > expr.depth ? a->depth : expr.depth;
        }
        if (expr.size > QN_DIM_MAX_SIZE)
            return QN_DIM_UNKNOWN;
    }
    return intern_expr(s, &expr);
}

qn_dim qn_dim_of_atom(qn_symbols *s, qn_atom_kind kind, int32_t symbol, qn_dim a, qn_dim b) {
    qn_atom atom = {.kind = kind, .symbol = symbol, .depth = 0, .size = 1, .a = a, .b = b};
    qn_dim side[2] = {a, b};
    for (int i = 0; i < 2 && kind != QN_ATOM_SYMBOL; i++) {
        if (qn_dim_is_const(side[i])) {
            atom.size++;
            continue;
        }
        const qn_expr *e = &s->exprs[qn_dim_expr_index(side[i])];
        atom.size += e->size;
        atom.depth = e->depth + 1 > atom.depth ? e->depth + 1 : atom.depth;
    }
    if (atom.depth > QN_DIM_MAX_DEPTH || atom.size > QN_DIM_MAX_SIZE)
        return QN_DIM_UNKNOWN;
    uint32_t number = intern_atom(s, &atom);
    if (number == UINT32_MAX)
        return QN_DIM_UNKNOWN;
    qn_term term = {.coef = 1, .n = 1, .atom = {number}};
    qn_expr expr = {.poly = {1, &term}, .depth = atom.depth, .size = atom.size + 2};
    return expr.size > QN_DIM_MAX_SIZE ? QN_DIM_UNKNOWN : intern_expr(s, &expr);
}

const qn_atom *qn_dim_as_atom(const qn_symbols *s, qn_dim d) {
    if (d == QN_DIM_UNKNOWN || qn_dim_is_const(d))
        return NULL;
    qn_poly p = s->exprs[qn_dim_expr_index(d)].poly;
    return p.n == 1 && p.term[0].coef == 1 && p.term[0].n == 1 ? &s->atoms[p.term[0].atom[0]] : NULL;
}

/* ---- symbols ---- */

/* A new symbol; its name is free and in the arena. */
static qn_dim new_symbol(qn_symbols *s, const char *name) {
    qn_symbol *symbol = qn_arena_alloc(s->arena, sizeof *symbol);
    uint32_t cap = (uint32_t)s->cap_symbols;
    void *symbols = s->symbols;
    if (!symbol || s->n_symbols >= QN_DIM_MAX_EXPRS ||
        !grow(s->arena, &symbols, (uint32_t)s->n_symbols, &cap, sizeof(qn_symbol *)))
        return QN_DIM_UNKNOWN;
    s->symbols = symbols;
    s->cap_symbols = (int32_t)cap;
    symbol->name = name;
    symbol->range = (qn_dim_range){0, INT64_MAX, 1, NULL, 0};
    symbol->dim = qn_dim_of_atom(s, QN_ATOM_SYMBOL, s->n_symbols, 0, 0);
    if (symbol->dim == QN_DIM_UNKNOWN || !qn_table_put(s->names, name, symbol))
        return QN_DIM_UNKNOWN;
    s->symbols[s->n_symbols++] = symbol;
    return symbol->dim;
}

/* `stem`, or stem.1, stem.2 ... when that is taken; in the arena; NULL when out of memory. */
static const char *free_name(qn_symbols *s, const char *stem) {
    const char *name = qn_arena_strndup(s->arena, stem, strnlen(stem, QN_DIM_MAX_NAME - 12));
    if (!name || !qn_table_get(s->names, name))
        return name;
    stem = name;
    uint32_t *last = qn_table_get(s->stems, stem);
    if (!last) {
        last = qn_arena_alloc(s->arena, sizeof *last);
        if (!last || !qn_table_put(s->stems, stem, last))
            return NULL;
    }
    do
        name = qn_arena_printf(s->arena, "%s.%u", stem, ++*last);
    while (name && qn_table_get(s->names, name));
    return name;
}

qn_dim qn_dim_symbol(qn_symbols *s, const char *name) {
    const qn_symbol *known = qn_table_get(s->names, name);
    if (known)
        return known->dim;
    size_t n = strlen(name);
    const char *copy = n > QN_DIM_MAX_NAME ? NULL : qn_arena_strndup(s->arena, name, n);
    return copy ? new_symbol(s, copy) : QN_DIM_UNKNOWN;
}

qn_dim qn_dim_fresh(qn_symbols *s, const char *stem) {
    const char *name = free_name(s, stem);
    return name ? new_symbol(s, name) : QN_DIM_UNKNOWN;
}

int32_t qn_symbols_count(const qn_symbols *s) { return s->n_symbols; }
const char *qn_symbol_name(const qn_symbols *s, int32_t index) { return s->symbols[index]->name; }
qn_dim qn_symbol_dim(qn_symbols *s, int32_t index) { return s->symbols[index]->dim; }
const qn_dim_range *qn_symbol_range(const qn_symbols *s, int32_t index) { return &s->symbols[index]->range; }

int32_t qn_dim_symbol_index(const qn_symbols *s, qn_dim d) {
    const qn_atom *atom = qn_dim_as_atom(s, d);
    return atom && atom->kind == QN_ATOM_SYMBOL ? atom->symbol : -1;
}

void qn_symbol_set_range(qn_symbols *s, int32_t index, qn_dim_range range) {
    if (range.n_list > 0) {
        const int64_t *list = qn_arena_grow(s->arena, range.list, (size_t)range.n_list, (size_t)range.n_list,
                                            sizeof *list);
        range.min = range.list[0];
        range.max = range.list[range.n_list - 1];
        range.list = list;
        range.n_list = list ? range.n_list : 0;
    } else {
        range.list = NULL;
        range.n_list = 0;
    }
    if (range.multiple < 1)
        range.multiple = 1;
    s->symbols[index]->range = range;
}

void qn_symbol_rename(qn_symbols *s, int32_t index, const char *name) {
    qn_symbol *symbol = s->symbols[index];
    if (strcmp(symbol->name, name) == 0)
        return;
    const char *copy = free_name(s, name);
    if (!copy || !qn_table_put(s->names, copy, symbol))
        return;
    qn_table_remove(s->names, symbol->name);
    symbol->name = copy;
}
