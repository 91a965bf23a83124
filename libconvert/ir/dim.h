/* Dimensions: integers, or expressions over named symbols.
 *
 * A qn_dim is one int64. Small magnitudes are the number itself (also negative: shape arithmetic needs it);
 * values near INT64_MIN are handles of expressions in a qn_symbols table. Expressions are kept canonical
 * (sorted sums of products; exact quotients cancelled) and hash-consed, so two equal expressions are the same
 * handle and a == b decides. Arithmetic never fails loudly: overflow, an expression too large or lack of memory gives
 * QN_DIM_UNKNOWN, and anything with QN_DIM_UNKNOWN is QN_DIM_UNKNOWN. Simplification takes every symbol to be >= 0 and
 * divisors to be other than 0; it does not look at ranges, so that they may be set later. Numbers need no table: for
 * them `s` may be NULL.
 */
#ifndef QN_IR_DIM_H
#define QN_IR_DIM_H

#include "base/arena.h"

typedef int64_t qn_dim;
typedef struct qn_symbols qn_symbols;

#define QN_DIM_UNKNOWN INT64_MIN
#define QN_DIM_CONST_MIN (INT64_MIN + ((int64_t)1 << 32))

static inline bool qn_dim_is_const(qn_dim d) { return d >= QN_DIM_CONST_MIN; }

/** What a symbol may be: min..max in steps of `multiple`, or one of `list` (then the rest is derived from it). */
typedef struct qn_dim_range {
    int64_t min, max;      /**< max INT64_MAX: open */
    int64_t multiple;      /**< >= 1 */
    const int64_t *list;   /**< ascending, or NULL */
    int32_t n_list;
} qn_dim_range;

qn_symbols *qn_symbols_create(qn_arena *arena);
/** The symbol called `name`, made when new (range 0..open). A name is any text of at most 1024 bytes (QN_DIM_UNKNOWN
 *  when longer). */
qn_dim qn_dim_symbol(qn_symbols *symbols, const char *name);
/** A new symbol named after `stem` ("x", else "x.1", "x.2" ...), distinct from every other. */
qn_dim qn_dim_fresh(qn_symbols *symbols, const char *stem);
/** Parse what qn_dim_format prints (and ONNX dim_params such as "past + seq"; the grammar is in dim_text.c); text that is
 *  no expression becomes a symbol of that name, "?" is QN_DIM_UNKNOWN. */
qn_dim qn_dim_parse(qn_symbols *symbols, const char *text);

int32_t qn_symbols_count(const qn_symbols *symbols);
const char *qn_symbol_name(const qn_symbols *symbols, int32_t index);
qn_dim qn_symbol_dim(qn_symbols *symbols, int32_t index);
/** Index of the symbol that `d` is, or -1 when it is a number or a larger expression. */
int32_t qn_dim_symbol_index(const qn_symbols *symbols, qn_dim d);
const qn_dim_range *qn_symbol_range(const qn_symbols *symbols, int32_t index);
void qn_symbol_set_range(qn_symbols *symbols, int32_t index, qn_dim_range range);
/** Give the symbol another name (used for readable ones); when another symbol has it, "NAME.1" ... */
void qn_symbol_rename(qn_symbols *symbols, int32_t index, const char *name);
/** Parse "1..64", "1..", "14..2072:14", "32|128|512", "7" into *out (list in the arena). QN_USAGE names what is wrong. */
QN_MUST_USE qn_status qn_dim_range_parse(qn_context *ctx, qn_arena *arena, const char *text, qn_dim_range *out);
bool qn_dim_range_has(const qn_dim_range *range, int64_t n);
/** True when every number of `inner` is one of `outer`; of a list, `outer` holds lists and numbers alone. */
bool qn_dim_range_within(const qn_dim_range *inner, const qn_dim_range *outer);
/** "1..64", as qn_dim_range_parse reads it. */
const char *qn_dim_range_format(qn_arena *arena, const qn_dim_range *range);

qn_dim qn_dim_add(qn_symbols *s, qn_dim a, qn_dim b);
qn_dim qn_dim_sub(qn_symbols *s, qn_dim a, qn_dim b);
qn_dim qn_dim_mul(qn_symbols *s, qn_dim a, qn_dim b);
/** floor(a / b); b == 0 gives QN_DIM_UNKNOWN. */
qn_dim qn_dim_floordiv(qn_symbols *s, qn_dim a, qn_dim b);
qn_dim qn_dim_ceildiv(qn_symbols *s, qn_dim a, qn_dim b);
/** a - b * floor(a / b) */
qn_dim qn_dim_mod(qn_symbols *s, qn_dim a, qn_dim b);
qn_dim qn_dim_min(qn_symbols *s, qn_dim a, qn_dim b);
qn_dim qn_dim_max(qn_symbols *s, qn_dim a, qn_dim b);

/** Bounds of d over the ranges of its symbols; INT64_MIN/MAX where open. */
void qn_dim_bounds(const qn_symbols *s, qn_dim d, int64_t *min, int64_t *max);
/** values[i] is the number bound to symbol i (INT64_MIN: unbound). False when a needed symbol is unbound or
 *  the arithmetic overflows. */
bool qn_dim_eval(const qn_symbols *s, qn_dim d, const int64_t *values, int64_t *out);
/** Replace symbols by numbers where bound (INT64_MIN: left as it is). */
qn_dim qn_dim_substitute(qn_symbols *s, qn_dim d, const int64_t *values);
/** "1370", "batch", "(height//14)*(width//14)+1", "?" for QN_DIM_UNKNOWN. In the arena. */
const char *qn_dim_format(qn_arena *arena, const qn_symbols *s, qn_dim d);

#endif
