/* The parser; text.h shows what it reads. */
#include "ir/text.h"

#include "ir/lex.h"
#include "ir/opdef.h"

#include <stdio.h>
#include <string.h>

/* A growing list in scratch. */
typedef struct list {
    void *items;
    size_t n, cap;
} list;

static qn_status grow(const qn_lexer *lx, list *l, size_t size, void **slot) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 8;
        void *grown = qn_arena_grow(lx->scratch, l->items, l->n, cap, size);
        if (!grown)
            return qn_fail_memory(lx->ctx, cap * size, "text");
        l->items = grown;
        l->cap = cap;
    }
    *slot = (char *)l->items + l->n++ * size;
    return QN_OK;
}

static qn_status parse_body(qn_lexer *lx, qn_graph *g, const char *end);

/* ---- names ---- */

/* A value that is defined and visible in `g`. */
static qn_status parse_use(qn_lexer *lx, const qn_graph *g, qn_value **out) {
    const char *name;
    QN_TRY(qn_lex_name(lx, &name));
    *out = qn_graph_find(g, name);
    const qn_graph *around = g;
    while (*out && around && around != (*out)->graph)
        around = around->parent;
    return *out && around ? QN_OK : qn_lex_fail(lx, "%%%s is not defined", name);
}

static qn_status parse_new_name(qn_lexer *lx, const qn_graph *g, const char **out) {
    QN_TRY(qn_lex_name(lx, out));
    return qn_graph_find(g, *out) ? qn_lex_fail(lx, "%%%s is defined twice", *out) : QN_OK;
}

/* ---- attributes ---- */

static bool is_real(const char *token) { return token[strspn(token, "+-0123456789")] != 0; }

static qn_status token_int(qn_lexer *lx, const char *token, int64_t *out) {
    if (qn_lex_i64(token, out))
        return QN_OK;
    *out = qn_dtype_from_name(token);
    return *out != QN_NONE ? QN_OK : qn_lex_fail(lx, "'%s' is no integer", token);
}

static qn_status token_float(qn_lexer *lx, const char *token, float *out) {
    double v;
    if (!qn_lex_f64(token, &v))
        return qn_lex_fail(lx, "'%s' is no number", token);
    *out = (float)v;
    return QN_OK;
}

static qn_status parse_number_attr(qn_lexer *lx, qn_attr *attr) {
    char token[64];
    QN_TRY(qn_lex_number(lx, token));
    if (!attr->kind)
        attr->kind = is_real(token) && qn_dtype_from_name(token) == QN_NONE ? QN_ATTR_FLOAT : QN_ATTR_INT;
    return attr->kind == QN_ATTR_FLOAT ? token_float(lx, token, &attr->as.f) : token_int(lx, token, &attr->as.i);
}

/* The items of [ ... ], the bracket taken: numbers as texts, or strings. */
static qn_status parse_items(qn_lexer *lx, list *items, bool *strings, bool *reals) {
    *strings = *reals = false;
    if (qn_lex_take(lx, "]"))
        return QN_OK;
    do {
        void *slot;
        char token[64];
        QN_TRY(grow(lx, items, sizeof(const char *), &slot));
        const char **text = slot;
        qn_lex_skip(lx);
        if (*lx->at == '"') {
            QN_TRY(qn_lex_string(lx, text));
            *strings = true;
            continue;
        }
        QN_TRY(qn_lex_number(lx, token));
        *text = qn_arena_strdup(lx->scratch, token);
        if (!*text)
            return qn_fail_memory(lx->ctx, sizeof token, "text");
        *reals |= is_real(token);
    } while (qn_lex_take(lx, ","));
    return qn_lex_expect(lx, "]");
}

static qn_status parse_list_attr(qn_lexer *lx, qn_attr *attr) {
    list items = {0};
    bool strings, reals;
    QN_TRY(parse_items(lx, &items, &strings, &reals));
    const char *const *texts = items.items;
    if (!attr->kind)
        attr->kind = strings ? QN_ATTR_STRINGS : reals ? QN_ATTR_FLOATS : QN_ATTR_INTS;
    attr->n = (int64_t)items.n;
    attr->as.strings = texts;
    if (attr->kind == QN_ATTR_STRINGS)
        return QN_OK;
    if (attr->kind == QN_ATTR_FLOATS) {
        float *v;
        QN_NEW_ARRAY(lx->ctx, lx->scratch, v, items.n);
        for (size_t i = 0; i < items.n; i++)
            QN_TRY(token_float(lx, texts[i], &v[i]));
        attr->as.floats = v;
        return QN_OK;
    }
    int64_t *v;
    QN_NEW_ARRAY(lx->ctx, lx->scratch, v, items.n);
    for (size_t i = 0; i < items.n; i++)
        QN_TRY(token_int(lx, texts[i], &v[i]));
    attr->as.ints = v;
    return QN_OK;
}

/* True when a tensor is next: a word and "[". */
static bool at_tensor(qn_lexer *lx) {
    size_t n;
    const char *word = qn_lex_word(lx, &n);
    return n && word[n] == '[';
}

/* The kinds that may be written as what is next. */
static const char *kinds_next(qn_lexer *lx) {
    qn_lex_skip(lx);
    return *lx->at == '"' ? "s" : *lx->at == '[' ? "IFS" : *lx->at == '{' ? "g" : at_tensor(lx) ? "t" : "if";
}

static qn_status parse_attr_value(qn_lexer *lx, qn_graph *g, qn_attr *attr) {
    const char *kinds = kinds_next(lx);
    if (attr->kind && !strchr(kinds, (int)attr->kind))
        return qn_lex_fail(lx, "attribute '%s' is of kind '%c'", attr->name, (char)attr->kind);
    switch (kinds[0]) {
    case 's':
        attr->kind = QN_ATTR_STRING;
        return qn_lex_string(lx, &attr->as.s);
    case 'I':
        lx->at++;
        return parse_list_attr(lx, attr);
    case 't': {
        qn_const *tensor = NULL;
        attr->kind = QN_ATTR_TENSOR;
        QN_TRY(qn_lex_tensor(lx, &tensor));
        attr->as.tensor = tensor;
        return QN_OK;
    }
    case 'g': {
        attr->kind = QN_ATTR_GRAPH;
        qn_status status = qn_graph_create_sub(lx->ctx, g, attr->name, &attr->as.graph);
        if (status != QN_OK)
            return qn_lex_fail_in(lx, status);
        lx->at++;
        return parse_body(lx, attr->as.graph, "}");
    }
    default: return parse_number_attr(lx, attr);
    }
}

/* {name=value, ...}, the brace taken. */
static qn_status parse_attrs(qn_lexer *lx, qn_graph *g, qn_op op, list *attrs) {
    if (qn_lex_take(lx, "}"))
        return QN_OK;
    do {
        void *slot;
        size_t n;
        const char *word = qn_lex_word(lx, &n);
        if (!n)
            return qn_lex_fail(lx, "expected the name of an attribute");
        QN_TRY(grow(lx, attrs, sizeof(qn_attr), &slot));
        qn_attr *attr = slot;
        *attr = (qn_attr){.name = qn_arena_strndup(lx->scratch, word, n)};
        if (!attr->name)
            return qn_fail_memory(lx->ctx, n, "text");
        attr->kind = (qn_attr_kind)qn_opdef_attr_kind(op, word, n);
        for (size_t i = 0; i + 1 < attrs->n; i++)
            if (strcmp(((qn_attr *)attrs->items)[i].name, attr->name) == 0)
                return qn_lex_fail(lx, "attribute '%s' is given twice", attr->name);
        lx->at += n;
        QN_TRY(qn_lex_expect(lx, "="));
        QN_TRY(parse_attr_value(lx, g, attr));
    } while (qn_lex_take(lx, ","));
    return qn_lex_expect(lx, "}");
}

/* ---- nodes ---- */

typedef struct result {
    const char *name; /* NULL: absent */
    qn_type type;
} result;

typedef struct call {
    qn_op op;
    qn_dtype compute;
    list in;    /* qn_value * */
    list attrs; /* qn_attr */
} call;

static qn_status parse_results(qn_lexer *lx, const qn_graph *g, list *results) {
    do {
        void *slot;
        QN_TRY(grow(lx, results, sizeof(result), &slot));
        result *r = slot;
        *r = (result){.type.rank = -1};
        if (qn_lex_take_word(lx, "_"))
            continue;
        QN_TRY(parse_new_name(lx, g, &r->name));
        for (size_t i = 0; i + 1 < results->n; i++) {
            const char *other = ((result *)results->items)[i].name;
            if (other && strcmp(other, r->name) == 0)
                return qn_lex_fail(lx, "%%%s is defined twice", r->name);
        }
        if (qn_lex_take(lx, ":"))
            QN_TRY(qn_lex_type(lx, &r->type));
    } while (qn_lex_take(lx, ","));
    return QN_OK;
}

/* Op@dtype(inputs) {attributes} */
static qn_status parse_call(qn_lexer *lx, qn_graph *g, call *c) {
    size_t n;
    char name[32] = "";
    const char *word = qn_lex_word(lx, &n);
    c->op = qn_opdef_find(word, n);
    if (!n || c->op == QN_OP_NONE)
        return qn_lex_fail(lx, "'%.*s' is no op", (int)(n > 40 ? 40 : n), word);
    lx->at += n;
    if (qn_lex_take(lx, "@")) {
        word = qn_lex_word(lx, &n);
        memcpy(name, word, n < sizeof name ? n : 0);
        c->compute = qn_dtype_from_name(name);
        if (c->compute == QN_NONE)
            return qn_lex_fail(lx, "'%.*s' is no dtype", (int)(n > 24 ? 24 : n), word);
        lx->at += n;
    }
    QN_TRY(qn_lex_expect(lx, "("));
    if (!qn_lex_take(lx, ")")) {
        do {
            void *slot;
            QN_TRY(grow(lx, &c->in, sizeof(qn_value *), &slot));
            qn_value **v = slot;
            *v = NULL;
            if (!qn_lex_take_word(lx, "_"))
                QN_TRY(parse_use(lx, g, v));
        } while (qn_lex_take(lx, ","));
        QN_TRY(qn_lex_expect(lx, ")"));
    }
    return qn_lex_take(lx, "{") ? parse_attrs(lx, g, c->op, &c->attrs) : QN_OK;
}

static qn_status parse_node(qn_lexer *lx, qn_graph *g) {
    list results = {0};
    call c = {0};
    QN_TRY(parse_results(lx, g, &results));
    QN_TRY(qn_lex_expect(lx, "="));
    QN_TRY(parse_call(lx, g, &c));
    if (c.in.n > INT32_MAX || results.n > INT32_MAX)
        return qn_lex_fail(lx, "too many inputs or outputs");
    qn_value **outs;
    QN_NEW_ARRAY(lx->ctx, lx->scratch, outs, results.n);
    const char *name = "";
    for (size_t i = 0; i < results.n; i++) {
        const result *r = (const result *)results.items + i;
        if (!r->name)
            continue;
        if (qn_graph_find(g, r->name)) /* a subgraph has taken it */
            return qn_lex_fail(lx, "%%%s is defined twice", r->name);
        QN_TRY(qn_value_create(lx->ctx, g, r->name, &outs[i]));
        outs[i]->type = r->type;
        name = *name ? name : r->name;
    }
    qn_node *node;
    QN_TRY(qn_node_create_with(lx->ctx, g, NULL, c.op, name, c.in.items, (int32_t)c.in.n, outs, (int32_t)results.n,
                               &node));
    node->compute = c.compute;
    for (size_t i = 0; i < c.attrs.n; i++)
        QN_TRY(qn_node_set_attr(lx->ctx, node, (const qn_attr *)c.attrs.items + i));
    return QN_OK;
}

/* ---- statements ---- */

/* "name" = before a value, or NULL. */
static qn_status parse_port_name(qn_lexer *lx, const char **out) {
    *out = NULL;
    qn_lex_skip(lx);
    if (*lx->at != '"')
        return QN_OK;
    QN_TRY(qn_lex_string(lx, out));
    return qn_lex_expect(lx, "=");
}

static qn_status parse_input(qn_lexer *lx, qn_graph *g) {
    const char *port, *name;
    qn_type type;
    qn_value *v;
    QN_TRY(parse_port_name(lx, &port));
    QN_TRY(parse_new_name(lx, g, &name));
    QN_TRY(qn_lex_expect(lx, ":"));
    QN_TRY(qn_lex_type(lx, &type));
    QN_TRY(qn_value_create(lx->ctx, g, name, &v));
    v->type = type;
    return qn_graph_add_input(lx->ctx, g, port ? port : v->name, v);
}

static qn_status parse_const(qn_lexer *lx, qn_graph *g) {
    const char *name;
    qn_type type;
    qn_const *c;
    qn_value *v;
    QN_TRY(parse_new_name(lx, g, &name));
    QN_TRY(qn_lex_expect(lx, ":"));
    QN_TRY(qn_lex_type(lx, &type));
    QN_TRY(qn_lex_expect(lx, "="));
    QN_TRY(qn_lex_const(lx, &type, name, &c));
    QN_TRY(qn_value_constant(lx->ctx, g, name, c, &v));
    c->name = v->name;
    return QN_OK;
}

static qn_status parse_output(qn_lexer *lx, qn_graph *g) {
    const char *port;
    qn_value *v;
    QN_TRY(parse_port_name(lx, &port));
    QN_TRY(parse_use(lx, g, &v));
    return qn_graph_add_output(lx->ctx, g, port ? port : v->name, v);
}

static qn_status parse_statement(qn_lexer *lx, qn_graph *g) {
    if (qn_lex_take_word(lx, "input"))
        return parse_input(lx, g);
    if (qn_lex_take_word(lx, "const"))
        return parse_const(lx, g);
    if (qn_lex_take_word(lx, "output"))
        return parse_output(lx, g);
    return parse_node(lx, g);
}

/* Statements up to `end`, which is taken; "" is the end of the text. */
static qn_status parse_body(qn_lexer *lx, qn_graph *g, const char *end) {
    for (;;) {
        qn_lex_skip(lx);
        if (!*lx->at)
            return *end ? qn_lex_fail(lx, "a subgraph without an end") : QN_OK;
        if (*end && qn_lex_take(lx, end))
            return QN_OK;
        QN_TRY(parse_statement(lx, g));
    }
}

qn_status qn_graph_parse(qn_context *ctx, const char *text, qn_graph **out) {
    qn_lexer lx = {.ctx = ctx, .text = text, .at = text};
    *out = NULL;
    QN_TRY(qn_graph_create(ctx, "graph", &lx.graph));
    lx.scratch = qn_arena_create();
    qn_status status = lx.scratch ? parse_body(&lx, lx.graph, "") : qn_fail_memory(ctx, sizeof lx, "text");
    qn_arena_destroy(lx.scratch);
    if (status != QN_OK) {
        qn_graph_destroy(lx.graph);
        return status;
    }
    *out = lx.graph;
    return QN_OK;
}
