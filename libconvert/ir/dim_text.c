/* Dimensions as text, and back.
 *
 *   expr     term (("+" | "-") term)*
 *   term     factor (("*" | "//" | "/" | "%") factor)*       "/" is floor division, as "//"
 *   factor   "-" factor | number | name | "quoted name" | "(" expr ")" | ("min" | "max") "(" expr ("," expr)* ")"
 *   name     [A-Za-z_] then [A-Za-z0-9_.:], and "-" or "/" between such a character and a letter or "_"
 *
 * so "batch-size" and "Slice/decoder/out_dim_0" are names, "seq-1" and "h/14" are not.
 */
#include "ir/dim_expr.h"

#include "base/buf.h"
#include "base/checked.h"
#include "ir/quote.h"

#include <inttypes.h>
#include <string.h>

/* ---- names ---- */

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Bytes of the name at p; 0 when there is none. */
static size_t name_length(const char *p) {
    size_t n = 0;
    if (!is_letter(*p))
        return 0;
    for (;; n++) {
        char c = p[n];
        bool inner = (c == '-' || c == '/') && is_letter(p[n + 1]);
        if (!is_letter(c) && !is_digit(c) && c != '.' && c != ':' && !inner)
            return n;
    }
}

bool qn_dim_name_is_plain(const char *name) { return *name && name_length(name) == strlen(name); }

/* ---- printing ---- */

typedef enum place { IN_SUM, IN_PRODUCT } place;

static void print_dim(qn_buf *out, const qn_symbols *s, qn_dim d);

static void print_name(qn_buf *out, const char *name) {
    if (qn_dim_name_is_plain(name))
        qn_buf_puts(out, name);
    else
        qn_quote(out, name, strlen(name));
}

/* An operand of "//": in parentheses unless it is a symbol, a number >= 0, a minimum or a maximum. */
static void print_operand(qn_buf *out, const qn_symbols *s, qn_dim d) {
    const qn_atom *atom = qn_dim_as_atom(s, d);
    bool bare = atom ? atom->kind != QN_ATOM_FLOORDIV : qn_dim_is_const(d) && d >= 0;
    qn_buf_puts(out, bare ? "" : "(");
    print_dim(out, s, d);
    qn_buf_puts(out, bare ? "" : ")");
}

static void print_atom(qn_buf *out, const qn_symbols *s, const qn_atom *atom, place where) {
    if (atom->kind == QN_ATOM_SYMBOL) {
        print_name(out, s->symbols[atom->symbol]->name);
    } else if (atom->kind == QN_ATOM_FLOORDIV) {
        qn_buf_puts(out, where == IN_PRODUCT ? "(" : "");
        print_operand(out, s, atom->a);
        qn_buf_puts(out, "//");
        print_operand(out, s, atom->b);
        qn_buf_puts(out, where == IN_PRODUCT ? ")" : "");
    } else {
        qn_buf_puts(out, atom->kind == QN_ATOM_MIN ? "min(" : "max(");
        print_dim(out, s, atom->a);
        qn_buf_puts(out, ",");
        print_dim(out, s, atom->b);
        qn_buf_puts(out, ")");
    }
}

static void print_term(qn_buf *out, const qn_symbols *s, const qn_term *t, bool first) {
    uint64_t size = t->coef < 0 ? 0 - (uint64_t)t->coef : (uint64_t)t->coef;
    bool numbered = size != 1 || t->n == 0;
    place where = t->n > 1 || numbered || t->coef < 0 ? IN_PRODUCT : IN_SUM;
    /* a minus before a letter stands free, or it would join two names */
    bool quotient = t->n && s->atoms[t->atom[0]].kind == QN_ATOM_FLOORDIV;
    bool spaced = t->coef < 0 && !first && !numbered && !quotient;
    qn_buf_puts(out, t->coef >= 0 ? (first ? "" : "+") : spaced ? " - " : "-");
    if (numbered)
        qn_buf_printf(out, "%" PRIu64, size);
    for (int32_t k = 0; k < t->n; k++) {
        qn_buf_puts(out, k || numbered ? "*" : "");
        print_atom(out, s, &s->atoms[t->atom[k]], where);
    }
}

static void print_dim(qn_buf *out, const qn_symbols *s, qn_dim d) {
    if (d == QN_DIM_UNKNOWN) {
        qn_buf_puts(out, "?");
        return;
    }
    if (qn_dim_is_const(d)) {
        qn_buf_printf(out, "%" PRId64, d);
        return;
    }
    qn_term own;
    qn_poly p = qn_dim_poly(s, d, &own);
    for (int32_t i = 0; i < p.n; i++)
        print_term(out, s, &p.term[i], i == 0);
}

const char *qn_dim_format(qn_arena *arena, const qn_symbols *s, qn_dim d) {
    qn_buf text = QN_BUF_INIT;
    print_dim(&text, s, d);
    const char *copy = text.failed ? NULL : qn_arena_strndup(arena, text.data, text.n);
    qn_buf_free(&text);
    return copy ? copy : "?";
}

/* ---- parsing: once to see whether the text is an expression, once to make it ---- */

enum { MAX_NESTING = 64, MAX_TEXT = 1 << 20 };

typedef struct parser {
    const char *at;
    qn_symbols *symbols;   /* NULL: only look */
    int depth;
    bool failed;
} parser;

typedef qn_dim (*dim_op)(qn_symbols *, qn_dim, qn_dim);

static qn_dim apply(const parser *p, dim_op op, qn_dim a, qn_dim b) { return p->symbols ? op(p->symbols, a, b) : 0; }

static qn_dim fail(parser *p) {
    p->failed = true;
    return 0;
}

static void skip_spaces(parser *p) {
    while (*p->at == ' ' || *p->at == '\t')
        p->at++;
}

/* Take `token` when it is next. */
static bool take(parser *p, const char *token) {
    skip_spaces(p);
    size_t n = strlen(token);
    if (strncmp(p->at, token, n) != 0)
        return false;
    p->at += n;
    return true;
}

static qn_dim parse_expr(parser *p);

static qn_dim parse_number(parser *p) {
    int64_t v = 0;
    for (; is_digit(*p->at); p->at++)
        if (!qn_mul_i64(v, 10, &v) || !qn_add_i64(v, *p->at - '0', &v))
            return fail(p);
    return is_letter(*p->at) ? fail(p) : v;
}

static qn_dim symbol_of(const parser *p, const char *name, size_t n) {
    char copy[QN_DIM_MAX_NAME + 1];
    if (!p->symbols)
        return 0;
    if (n > QN_DIM_MAX_NAME)
        return QN_DIM_UNKNOWN;
    memcpy(copy, name, n);
    copy[n] = 0;
    return qn_dim_symbol(p->symbols, copy);
}

static qn_dim parse_quoted(parser *p) {
    qn_buf name = QN_BUF_INIT;
    if (!qn_unquote(&p->at, &name)) {
        qn_buf_free(&name);
        return fail(p);
    }
    qn_dim d = name.failed ? QN_DIM_UNKNOWN : symbol_of(p, name.data ? name.data : "", name.n);
    qn_buf_free(&name);
    return d;
}

static qn_dim parse_call(parser *p, dim_op op) {
    qn_dim d = parse_expr(p);
    while (!p->failed && take(p, ","))
        d = apply(p, op, d, parse_expr(p));
    return take(p, ")") ? d : fail(p);
}

static qn_dim parse_named(parser *p) {
    static const struct { const char *name; dim_op op; } calls[] = {
        {"min", qn_dim_min}, {"max", qn_dim_max}, {"Min", qn_dim_min}, {"Max", qn_dim_max}};
    size_t n = name_length(p->at);
    const char *name = p->at;
    p->at += n;
    if (*p->at == '(') {
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
            if (n == strlen(calls[i].name) && memcmp(name, calls[i].name, n) == 0) {
                p->at++;
                return parse_call(p, calls[i].op);
            }
        return fail(p);
    }
    return symbol_of(p, name, n);
}

static qn_dim parse_factor(parser *p) {
    if (p->failed || p->depth >= MAX_NESTING)
        return fail(p);
    p->depth++;
    qn_dim d;
    if (take(p, "-")) {
        d = apply(p, qn_dim_sub, 0, parse_factor(p));
    } else if (take(p, "(")) {
        d = parse_expr(p);
        if (!take(p, ")"))
            d = fail(p);
    } else if (is_digit(*p->at)) {
        d = parse_number(p);
    } else if (*p->at == '"') {
        d = parse_quoted(p);
    } else if (name_length(p->at)) {
        d = parse_named(p);
    } else {
        d = fail(p);
    }
    p->depth--;
    return d;
}

static qn_dim parse_term(parser *p) {
    qn_dim d = parse_factor(p);
    while (!p->failed) {
        dim_op op = take(p, "*")                  ? qn_dim_mul
                    : take(p, "//") || take(p, "/") ? qn_dim_floordiv
                    : take(p, "%")                ? qn_dim_mod
                                                  : NULL;
        if (!op)
            break;
        d = apply(p, op, d, parse_factor(p));
    }
    return d;
}

static qn_dim parse_expr(parser *p) {
    qn_dim d = parse_term(p);
    while (!p->failed) {
        dim_op op = take(p, "+") ? qn_dim_add : take(p, "-") ? qn_dim_sub : NULL;
        if (!op)
            break;
        d = apply(p, op, d, parse_term(p));
    }
    return d;
}

qn_dim qn_dim_parse(qn_symbols *symbols, const char *text) {
    if (strcmp(text, "?") == 0)
        return QN_DIM_UNKNOWN;
    parser look = {.at = text};
    if (strnlen(text, MAX_TEXT) < MAX_TEXT) {
        parse_expr(&look);
        skip_spaces(&look);
        if (!look.failed && *look.at == 0) {
            parser make = {.at = text, .symbols = symbols};
            return parse_expr(&make);
        }
    }
    return qn_dim_symbol(symbols, text);
}
