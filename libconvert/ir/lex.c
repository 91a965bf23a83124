#include "ir/lex.h"

#include "base/buf.h"
#include "ir/quote.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char g_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
static const char g_word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
static const char g_name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:'-";

static void position(const qn_lexer *lx, int *line, int *column) {
    *line = *column = 1;
    for (const char *p = lx->text; p < lx->at; p++) {
        *line += *p == '\n';
        *column = *p == '\n' ? 1 : *column + 1;
    }
}

qn_status qn_lex_fail(const qn_lexer *lx, const char *fmt, ...) {
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    int line, column;
    position(lx, &line, &column);
    return qn_fail(lx->ctx, QN_MALFORMED, "line %d, column %d: %s", line, column, what);
}

qn_status qn_lex_fail_in(const qn_lexer *lx, qn_status status) {
    int line, column;
    position(lx, &line, &column);
    return qn_fail_in(lx->ctx, status, "line %d, column %d", line, column);
}

void qn_lex_skip(qn_lexer *lx) {
    for (;;) {
        lx->at += strspn(lx->at, " \t\r\n");
        if (*lx->at != '#')
            return;
        lx->at += strcspn(lx->at, "\n");
    }
}

bool qn_lex_take(qn_lexer *lx, const char *token) {
    qn_lex_skip(lx);
    size_t n = strlen(token);
    if (strncmp(lx->at, token, n) != 0)
        return false;
    lx->at += n;
    return true;
}

qn_status qn_lex_expect(qn_lexer *lx, const char *token) {
    if (qn_lex_take(lx, token))
        return QN_OK;
    int n = (int)strcspn(lx->at, " \t\r\n");
    return *lx->at ? qn_lex_fail(lx, "expected '%s', not '%.*s'", token, n > 24 ? 24 : n, lx->at)
                   : qn_lex_fail(lx, "expected '%s', not the end", token);
}

const char *qn_lex_word(qn_lexer *lx, size_t *n) {
    qn_lex_skip(lx);
    *n = *lx->at && strchr(g_letters, *lx->at) ? strspn(lx->at, g_word) : 0;
    return lx->at;
}

bool qn_lex_take_word(qn_lexer *lx, const char *word) {
    size_t n;
    const char *at = qn_lex_word(lx, &n);
    if (n != strlen(word) || memcmp(at, word, n) != 0)
        return false;
    lx->at += n;
    return true;
}

qn_status qn_lex_string(qn_lexer *lx, const char **out) {
    qn_lex_skip(lx);
    qn_buf text = QN_BUF_INIT;
    if (!qn_unquote(&lx->at, &text)) {
        qn_buf_free(&text);
        return qn_lex_fail(lx, "expected a quoted text");
    }
    bool failed = text.failed;
    *out = failed ? NULL : qn_arena_strndup(lx->scratch, text.data ? text.data : "", text.n);
    qn_buf_free(&text);
    return *out ? QN_OK : qn_fail_memory(lx->ctx, 1, "text");
}

qn_status qn_lex_name(qn_lexer *lx, const char **out) {
    QN_TRY(qn_lex_expect(lx, "%"));
    if (*lx->at == '"') {
        QN_TRY(qn_lex_string(lx, out));
        return **out ? QN_OK : qn_lex_fail(lx, "an empty name");
    }
    size_t n = strspn(lx->at, g_name);
    /* "%x: type": the colon at the end is not the name's */
    while (n && lx->at[n - 1] == ':')
        n--;
    if (!n)
        return qn_lex_fail(lx, "expected a name after %%");
    *out = qn_arena_strndup(lx->scratch, lx->at, n);
    lx->at += n;
    return *out ? QN_OK : qn_fail_memory(lx->ctx, n, "text");
}

qn_status qn_lex_number(qn_lexer *lx, char token[64]) {
    qn_lex_skip(lx);
    size_t n = 0;
    /* a sign belongs at the front and behind an exponent */
    for (const char *p = lx->at; n < 63; n++) {
        bool sign = (p[n] == '-' || p[n] == '+') && (n == 0 || p[n - 1] == 'e' || p[n - 1] == 'E');
        if (!sign && p[n] != '.' && !(p[n] && strchr(g_word, p[n])))
            break;
    }
    if (n == 0 || n == 63)
        return qn_lex_fail(lx, "expected a number");
    memcpy(token, lx->at, n);
    token[n] = 0;
    lx->at += n;
    return QN_OK;
}

bool qn_lex_int(const char *token, bool *negative, uint64_t *magnitude) {
    *negative = *token == '-';
    token += *negative || *token == '+';
    if (!*token)
        return false;
    for (*magnitude = 0; *token >= '0' && *token <= '9'; token++)
        if (__builtin_mul_overflow(*magnitude, 10u, magnitude) ||
            __builtin_add_overflow(*magnitude, (uint64_t)(*token - '0'), magnitude))
            return false;
    return *token == 0;
}

bool qn_lex_i64(const char *token, int64_t *out) {
    bool negative;
    uint64_t magnitude;
    if (!qn_lex_int(token, &negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool qn_lex_f64(const char *token, double *out) {
    static const struct { const char *name; double v; } words[] = {
        {"inf", INFINITY}, {"-inf", -INFINITY}, {"nan", NAN}, {"-nan", NAN}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(token, words[i].name) == 0) {
            *out = words[i].v;
            return true;
        }
    if (!*token || token[strspn(token, "0123456789.eE+-")])
        return false;
    char *end;
    *out = strtod(token, &end);
    return *end == 0;
}

/* One dimension of a type: up to the "," or "]" that is in no parentheses and no quotes. */
static qn_status lex_dim(qn_lexer *lx, qn_dim *out) {
    qn_lex_skip(lx);
    const char *start = lx->at;
    int depth = 0;
    for (; *lx->at && (depth > 0 || (*lx->at != ',' && *lx->at != ']')); lx->at++) {
        depth += (*lx->at == '(') - (*lx->at == ')');
        if (*lx->at == '"') {
            if (!qn_unquote(&lx->at, NULL))
                return qn_lex_fail(lx, "a quoted name without an end");
            lx->at--;
        }
    }
    size_t n = (size_t)(lx->at - start);
    while (n && strchr(" \t\r\n", start[n - 1]))
        n--;
    if (!n || !*lx->at)
        return qn_lex_fail(lx, "expected a dimension");
    const char *text = qn_arena_strndup(lx->scratch, start, n);
    if (!text)
        return qn_fail_memory(lx->ctx, n, "text");
    *out = qn_dim_parse(lx->graph->symbols, text);
    if (*out == QN_DIM_UNKNOWN && strcmp(text, "?") != 0)
        return qn_lex_fail(lx, "dimension '%.40s' is too large an expression", text);
    if (qn_dim_is_const(*out) && *out < 0)
        return qn_lex_fail(lx, "dimension '%.40s' is negative", text);
    return QN_OK;
}

qn_status qn_lex_type(qn_lexer *lx, qn_type *out) {
    *out = (qn_type){.rank = -1};
    size_t n;
    char name[32] = "";
    const char *word = qn_lex_word(lx, &n);
    if (n && n < sizeof name)
        memcpy(name, word, n);
    out->dtype = qn_dtype_from_name(name);
    if (out->dtype == QN_NONE && strcmp(name, "none") != 0)
        return qn_lex_fail(lx, "'%.*s' is no dtype", (int)(n > 24 ? 24 : n), word);
    lx->at += n;
    QN_TRY(qn_lex_expect(lx, "["));
    if (qn_lex_take(lx, "..."))
        return qn_lex_expect(lx, "]");
    out->rank = 0;
    if (qn_lex_take(lx, "]"))
        return QN_OK;
    do {
        if (out->rank == QN_MAX_RANK)
            return qn_lex_fail(lx, "more than %d dimensions", QN_MAX_RANK);
        QN_TRY(lex_dim(lx, &out->dims[out->rank]));
        out->rank++;
    } while (qn_lex_take(lx, ","));
    return qn_lex_expect(lx, "]");
}
