/* Expressions behind qn_dim handles; for the dim_*.c files.
 *
 * An expression is a polynomial: a sum of terms, a term a coefficient times a product of atoms. An atom is a symbol
 * or a quotient, minimum or maximum of two dimensions. Terms are in graded lexicographic order, largest first (more
 * factors first; then by the sorted list of atom numbers, the smaller number first), without a zero coefficient, so
 * that a polynomial is written in one way only. Atoms and expressions are hash-consed: equal is the same number.
 */
#ifndef QN_IR_DIM_EXPR_H
#define QN_IR_DIM_EXPR_H

#include "base/table.h"
#include "ir/dim.h"

enum {
    QN_DIM_MAX_TERMS = 64,
    QN_DIM_MAX_FACTORS = 16,
    QN_DIM_MAX_DEPTH = 64,        /* quotients in quotients; bounds every recursion here */
    QN_DIM_MAX_SIZE = 4096,       /* leaves of the written-out expression; bounds the time of every walk */
    QN_DIM_MAX_EXPRS = 1 << 22,
    QN_DIM_MAX_NAME = 1024        /* bytes of a symbol's name */
};

typedef enum qn_atom_kind { QN_ATOM_SYMBOL, QN_ATOM_FLOORDIV, QN_ATOM_MIN, QN_ATOM_MAX, QN_ATOM_KINDS } qn_atom_kind;

typedef struct qn_atom {
    qn_atom_kind kind;
    int32_t symbol;        /* SYMBOL */
    int32_t depth, size;
    qn_dim a, b;           /* the others */
} qn_atom;

typedef struct qn_term {
    int64_t coef;
    int32_t n;                              /* factors */
    uint32_t atom[QN_DIM_MAX_FACTORS];      /* ascending; a power is written out; the rest 0 */
} qn_term;

/* A polynomial being read. Of a number: one term without factors, or none. */
typedef struct qn_poly {
    int32_t n;
    const qn_term *term;
} qn_poly;

/* A polynomial being made. */
typedef struct qn_sum {
    int32_t n;
    bool failed;           /* overflow or too large: the whole is QN_DIM_UNKNOWN */
    qn_term term[QN_DIM_MAX_TERMS];
} qn_sum;

typedef struct qn_symbol {
    const char *name;
    qn_dim_range range;
    qn_dim dim;
} qn_symbol;

typedef struct qn_expr {
    qn_poly poly;
    int32_t depth, size;
} qn_expr;

/* Hash index: slots hold a number + 1, 0 when empty. */
typedef struct qn_index {
    uint32_t *slot;
    uint32_t cap, count;
} qn_index;

struct qn_symbols {
    qn_arena *arena;
    qn_table *names;       /* name -> qn_symbol */
    qn_table *stems;       /* stem -> uint32_t, the last suffix given */
    qn_symbol **symbols;
    int32_t n_symbols, cap_symbols;
    qn_atom *atoms;
    uint32_t n_atoms, cap_atoms;
    qn_expr *exprs;
    uint32_t n_exprs, cap_exprs;
    qn_index atom_index, expr_index;
};

/* The polynomial of d (not QN_DIM_UNKNOWN); `own` holds it when d is a number. */
qn_poly qn_dim_poly(const qn_symbols *s, qn_dim d, qn_term *own);
/* The handle (or number) of a sum; QN_DIM_UNKNOWN when it failed. */
qn_dim qn_dim_of_sum(qn_symbols *s, const qn_sum *sum);
/* The handle of one atom by itself; QN_DIM_UNKNOWN when it is too large. */
qn_dim qn_dim_of_atom(qn_symbols *s, qn_atom_kind kind, int32_t symbol, qn_dim a, qn_dim b);
static inline uint32_t qn_dim_expr_index(qn_dim d) { return (uint32_t)(d - (INT64_MIN + 1)); }
/* The atom that d is (coefficient 1, nothing else), or NULL. */
const qn_atom *qn_dim_as_atom(const qn_symbols *s, qn_dim d);

/* sum += factor * term */
void qn_sum_add(qn_sum *sum, const qn_term *term, int64_t factor);
/* *out = a * b; false on overflow or too many factors. */
bool qn_term_mul(const qn_term *a, const qn_term *b, qn_term *out);
/* *out = a / b when b divides a. */
bool qn_term_div(const qn_term *a, const qn_term *b, qn_term *out);

/* Bounds of d; by the ranges of the symbols, or for any symbols >= 0. */
void qn_dim_interval(const qn_symbols *s, qn_dim d, bool by_ranges, int64_t *min, int64_t *max);

/* True when `name` is printed as it is: the parser reads it back as one symbol. */
bool qn_dim_name_is_plain(const char *name);

#endif
