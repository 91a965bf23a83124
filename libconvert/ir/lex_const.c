/* Constants in graph text: literals and seeded numbers. */
#include "ir/lex.h"

#include "base/checked.h"
#include "base/random.h"
#include "ir/number.h"

#include <math.h>
#include <string.h>

enum { MAX_ELEMS = 1 << 26 };

/* Space for a constant of the type, which has no symbols. */
static qn_status make(qn_lexer *lx, const qn_type *type, qn_const **out, uint8_t **data, int64_t *n) {
    *out = NULL;
    if (!qn_type_is_static(type) || type->dtype == QN_NONE)
        return qn_lex_fail(lx, "a constant needs a dtype and numbers as dimensions");
    if (!qn_count_elems(type->dims, type->rank, n) || *n > MAX_ELEMS)
        return qn_lex_fail_in(lx, qn_fail(lx->ctx, QN_UNSUPPORTED, "a constant of more than %d elements", MAX_ELEMS));
    size_t bytes = (size_t)*n * qn_dtype_bytes(type->dtype);
    *data = qn_arena_alloc(lx->graph->arena, bytes);
    if (!*data)
        return qn_fail_memory(lx->ctx, bytes, "constant");
    return qn_const_dense(lx->ctx, lx->graph->arena, type->dtype, type->rank, type->dims, *data, bytes, out);
}

static qn_status lex_element(qn_lexer *lx, qn_dtype dtype, uint8_t *at) {
    char token[64];
    double real;
    bool negative;
    uint64_t magnitude;
    QN_TRY(qn_lex_number(lx, token));
    if (dtype == QN_BOOL && (strcmp(token, "true") == 0 || strcmp(token, "false") == 0)) {
        *at = token[0] == 't';
        return QN_OK;
    }
    if (qn_dtype_is_float(dtype)) {
        if (!qn_lex_f64(token, &real))
            return qn_lex_fail(lx, "'%s' is no number", token);
        return qn_store_f64(dtype, real, at) ? QN_OK : qn_lex_fail(lx, "'%s' is no %s", token, qn_dtype_name(dtype));
    }
    if (!qn_lex_int(token, &negative, &magnitude) || !qn_store_int(dtype, negative, magnitude, at))
        return qn_lex_fail(lx, "'%s' is no %s", token, qn_dtype_name(dtype));
    return QN_OK;
}

/* {1, 2, 3}; the brace is taken. */
static qn_status lex_elements(qn_lexer *lx, qn_dtype dtype, uint8_t *data, int64_t n) {
    size_t size = qn_dtype_bytes(dtype);
    for (int64_t i = 0; i < n; i++) {
        if (i)
            QN_TRY(qn_lex_expect(lx, ","));
        QN_TRY(lex_element(lx, dtype, data + (size_t)i * size));
    }
    return qn_lex_expect(lx, "}");
}

qn_status qn_lex_tensor(qn_lexer *lx, qn_const **out) {
    qn_type type;
    uint8_t *data;
    int64_t n;
    QN_TRY(qn_lex_type(lx, &type));
    QN_TRY(make(lx, &type, out, &data, &n));
    QN_TRY(qn_lex_expect(lx, "{"));
    return lex_elements(lx, type.dtype, data, n);
}

/* ---- seeded numbers: integer arithmetic and exact conversions only, so that every machine has the same ---- */

static double fan_in(const qn_type *type) {
    double n = 1;
    if (type->rank == 2)
        n = (double)type->dims[0];
    for (int32_t i = 1; type->rank > 2 && i < type->rank; i++)
        n *= (double)type->dims[i];
    return n;
}

typedef enum fill_kind { RANDOM, POSITIVE } fill_kind;

static void fill(const qn_type *type, fill_kind kind, uint64_t state, uint8_t *data, int64_t n) {
    size_t size = qn_dtype_bytes(type->dtype);
    double scale = 1 / sqrt(fan_in(type));
    for (int64_t i = 0; i < n; i++) {
        uint8_t *at = data + (size_t)i * size;
        if (qn_dtype_is_float(type->dtype)) {
            (void)qn_store_f64(type->dtype, kind == RANDOM ? qn_random_normal(&state) * scale : 0.5 + qn_random_uniform(&state), at);
        } else if (type->dtype == QN_BOOL) {
            *at = qn_random_next(&state) & 1;
        } else {
            int64_t v = (int64_t)(qn_random_next(&state) % 17) - 8;
            bool positive = kind == POSITIVE || qn_dtype_row(type->dtype)->kind == 'U';
            (void)qn_store_int(type->dtype, v < 0 && !positive, (uint64_t)(v < 0 ? -v : v), at);
        }
    }
}

static qn_status lex_seeded(qn_lexer *lx, const qn_type *type, fill_kind kind, uint8_t *data, int64_t n) {
    char token[64];
    int64_t seed;
    QN_TRY(qn_lex_expect(lx, "("));
    QN_TRY(qn_lex_number(lx, token));
    if (!qn_lex_i64(token, &seed))
        return qn_lex_fail(lx, "'%s' is no seed", token);
    fill(type, kind, (uint64_t)seed, data, n);
    return qn_lex_expect(lx, ")");
}

qn_status qn_lex_const(qn_lexer *lx, const qn_type *type, const char *name, qn_const **out) {
    uint8_t *data;
    int64_t n;
    if (qn_lex_take(lx, "...") || qn_lex_take_word(lx, "expr"))
        return qn_lex_fail(lx, "constant '%s' was printed without its numbers", name);
    QN_TRY(make(lx, type, out, &data, &n));
    if (qn_lex_take_word(lx, "random"))
        return lex_seeded(lx, type, RANDOM, data, n);
    if (qn_lex_take_word(lx, "positive"))
        return lex_seeded(lx, type, POSITIVE, data, n);
    if (qn_lex_take(lx, "{"))
        return lex_elements(lx, type->dtype, data, n);
    if (type->rank != 0)
        return qn_lex_fail(lx, "expected {numbers}, random(SEED) or positive(SEED)");
    return lex_element(lx, type->dtype, data);
}
