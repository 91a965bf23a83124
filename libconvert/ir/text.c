/* The printer; text.h shows what it writes. */
#include "ir/text.h"

#include "ir/number.h"
#include "ir/opdef.h"
#include "ir/quote.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_LITERAL = 16 };

typedef struct printer {
    qn_context *ctx;
    qn_buf *out;
    qn_arena *scratch;
    uint8_t *printed;        /* by value id: the constant stands above */
    const qn_value **stack;  /* constants on the way to being printed */
    size_t n_stack, cap_stack;
    int indent;
} printer;

static void start_line(printer *p) { qn_buf_printf(p->out, "%*s", 2 * p->indent, ""); }

/* The parser takes the name as it is; a colon at its end would be read as the one before a type. */
static bool is_plain_name(const char *name) {
    size_t n = strlen(name);
    return n && name[n - 1] != ':' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:'-") == n;
}

static void print_name(printer *p, const char *name) {
    qn_buf_puts(p->out, "%");
    if (is_plain_name(name))
        qn_buf_puts(p->out, name);
    else
        qn_quote(p->out, name, strlen(name));
}

static void print_value(printer *p, const qn_value *v) {
    if (v)
        print_name(p, v->name);
    else
        qn_buf_puts(p->out, "_");
}

static void print_type(printer *p, const qn_graph *g, const qn_type *type) {
    qn_buf_puts(p->out, qn_type_format(p->scratch, g->symbols, type));
}

/* ---- attributes ---- */

static qn_status print_body(printer *p, const qn_graph *g);

static void print_elements(printer *p, const qn_const *c) {
    int64_t n = qn_const_numel(c);
    for (int64_t i = 0; i < n; i++) {
        qn_buf_puts(p->out, i ? ", " : "");
        qn_print_element(p->out, c, i);
    }
}

static void print_const_type(printer *p, const qn_const *c) {
    qn_buf_printf(p->out, "%s[", qn_dtype_name(c->dtype));
    for (int32_t i = 0; i < c->rank; i++)
        qn_buf_printf(p->out, "%s%" PRId64, i ? "," : "", c->dims[i]);
    qn_buf_puts(p->out, "]");
}

static void print_tensor(printer *p, const qn_const *c) {
    print_const_type(p, c);
    if (qn_const_is_ready(c) && qn_const_numel(c) <= MAX_LITERAL) {
        qn_buf_puts(p->out, "{");
        print_elements(p, c);
        qn_buf_puts(p->out, "}");
    } else {
        qn_buf_puts(p->out, "{...}");
    }
}

static void print_item(printer *p, const qn_attr *a, int64_t i) {
    switch (a->kind) {
    case QN_ATTR_INTS: qn_buf_printf(p->out, "%" PRId64, a->as.ints[i]); break;
    case QN_ATTR_FLOATS: qn_print_f32(p->out, a->as.floats[i]); break;
    case QN_ATTR_STRINGS: qn_quote(p->out, a->as.strings[i], strlen(a->as.strings[i])); break;
    default: break;
    }
}

static qn_status print_attr(printer *p, const qn_attr *a) {
    qn_buf_printf(p->out, "%s=", a->name);
    switch (a->kind) {
    case QN_ATTR_INT: qn_buf_printf(p->out, "%" PRId64, a->as.i); break;
    case QN_ATTR_FLOAT: qn_print_f32(p->out, a->as.f); break;
    case QN_ATTR_STRING: qn_quote(p->out, a->as.s, strlen(a->as.s)); break;
    case QN_ATTR_TENSOR: print_tensor(p, a->as.tensor); break;
    case QN_ATTR_GRAPH:
        qn_buf_puts(p->out, "{\n");
        p->indent++;
        QN_TRY(print_body(p, a->as.graph));
        p->indent--;
        start_line(p);
        qn_buf_puts(p->out, "}");
        break;
    case QN_ATTR_INTS: case QN_ATTR_FLOATS: case QN_ATTR_STRINGS:
        qn_buf_puts(p->out, "[");
        for (int64_t i = 0; i < a->n; i++) {
            qn_buf_puts(p->out, i ? "," : "");
            print_item(p, a, i);
        }
        qn_buf_puts(p->out, "]");
        break;
    }
    return QN_OK;
}

/* "Conv(%x, %w) {pads=[1,1,1,1]}" */
static qn_status print_call(printer *p, const qn_node *node) {
    qn_buf_puts(p->out, qn_opdef_name(node->op));
    if (node->compute != QN_NONE)
        qn_buf_printf(p->out, "@%s", qn_dtype_name(node->compute));
    qn_buf_puts(p->out, "(");
    for (int32_t i = 0; i < node->n_in; i++) {
        qn_buf_puts(p->out, i ? ", " : "");
        print_value(p, node->in[i]);
    }
    qn_buf_puts(p->out, ")");
    for (int32_t i = 0; i < node->n_attrs; i++) {
        qn_buf_puts(p->out, i ? ", " : " {");
        QN_TRY(print_attr(p, &node->attrs[i]));
    }
    qn_buf_puts(p->out, node->n_attrs ? "}" : "");
    return QN_OK;
}

/* ---- constants ---- */

static void print_palette(printer *p, const qn_const *c) {
    qn_buf_printf(p->out, "palette %d %s", c->bits, qn_dtype_name(c->lut_dtype));
    if (c->width > 1)
        qn_buf_printf(p->out, " width=%d", c->width);
    if (c->lut_axis >= 0)
        qn_buf_printf(p->out, " lut_axis=%d lut_group=%" PRId64, (int)c->lut_axis, c->lut_group);
    if (c->scale_dtype != QN_NONE)
        qn_buf_printf(p->out, " scale=%s", qn_stored_name(c->scale_dtype));
}

static void print_encoding(printer *p, const qn_const *c) {
    if (c->encoding == QN_ENC_DENSE)
        qn_buf_puts(p->out, "dense");
    if (c->encoding == QN_ENC_AFFINE)
        qn_buf_printf(p->out, "affine %s %s%s", qn_stored_name(c->code_dtype), qn_stored_name(c->scale_dtype),
                      c->symmetric ? " symmetric" : "");
    if (c->encoding == QN_ENC_PALETTE)
        print_palette(p, c);
    if (c->encoding == QN_ENC_SPARSE)
        qn_buf_puts(p->out, "values");
    if (c->scale_dtype != QN_NONE && c->axis >= 0)
        qn_buf_printf(p->out, " axis=%d", (int)c->axis);
    if (c->block > 0)
        qn_buf_printf(p->out, " block=%" PRId64, c->block);
    if (c->block2 > 0)
        qn_buf_printf(p->out, " axis2=%d block2=%" PRId64, (int)c->axis2, c->block2);
    if (c->super_dtype != QN_NONE)
        qn_buf_printf(p->out, " super=%s,%" PRId64, qn_dtype_name(c->super_dtype), c->super_block);
    if (c->sparse)
        qn_buf_printf(p->out, " kept=%" PRId64 " mask_block=%" PRId64, c->n_kept, c->mask_block);
}

static qn_status print_const_line(printer *p, const qn_value *v) {
    const qn_const *c = v->constant;
    start_line(p);
    qn_buf_puts(p->out, "const ");
    print_name(p, v->name);
    qn_buf_puts(p->out, ": ");
    print_const_type(p, c);
    qn_buf_puts(p->out, " = ");
    if (c->expr) {
        qn_buf_puts(p->out, "expr ");
        QN_TRY(print_call(p, c->expr));
        if (c->encoding != QN_ENC_DENSE) {
            qn_buf_puts(p->out, " as ");
            print_encoding(p, c);
        }
    } else if (qn_const_is_ready(c) && qn_const_numel(c) <= MAX_LITERAL) {
        qn_buf_puts(p->out, c->rank ? "{" : "");
        print_elements(p, c);
        qn_buf_puts(p->out, c->rank ? "}" : "");
    } else {
        qn_buf_puts(p->out, "... ");
        print_encoding(p, c);
    }
    qn_buf_puts(p->out, "\n");
    return QN_OK;
}

static qn_status push(printer *p, const qn_value *v) {
    if (p->n_stack == p->cap_stack) {
        size_t cap = p->cap_stack ? 2 * p->cap_stack : 64;
        const qn_value **grown = qn_arena_grow(p->scratch, p->stack, p->n_stack, cap, sizeof *grown);
        if (!grown)
            return qn_fail_memory(p->ctx, cap * sizeof *grown, "printing");
        p->stack = grown;
        p->cap_stack = cap;
    }
    p->stack[p->n_stack++] = v;
    return QN_OK;
}

/* The constant, after those that its expression needs; expressions may be nested deep, so no recursion. */
static qn_status print_const(printer *p, const qn_value *value) {
    size_t bottom = p->n_stack;
    QN_TRY(push(p, value));
    while (p->n_stack > bottom) {
        const qn_value *v = p->stack[p->n_stack - 1];
        const qn_node *expr = v->constant->expr;
        size_t before = p->n_stack;
        bool seen = p->printed[v->id] != 0;
        p->printed[v->id] = 1; /* before its inputs: a cycle, which the checker refuses, ends */
        for (int32_t i = 0; !seen && expr && i < expr->n_in; i++)
            if (expr->in[i] && expr->in[i]->constant && !p->printed[expr->in[i]->id])
                QN_TRY(push(p, expr->in[i]));
        if (p->n_stack > before)
            continue;
        p->n_stack--;
        if (p->printed[v->id] == 1)
            QN_TRY(print_const_line(p, v));
        p->printed[v->id] = 2;
    }
    return QN_OK;
}

static qn_status need_const(printer *p, const qn_graph *g, const qn_value *v) {
    return v && v->constant && v->graph == g && !p->printed[v->id] ? print_const(p, v) : QN_OK;
}

/* The constants of `g` that `node`, or a node of a subgraph in it, is the first to use. */
static qn_status need_consts(printer *p, const qn_graph *g, const qn_node *node) {
    for (int32_t i = 0; i < node->n_in; i++)
        QN_TRY(need_const(p, g, node->in[i]));
    for (int32_t i = 0; i < node->n_attrs; i++) {
        if (node->attrs[i].kind != QN_ATTR_GRAPH)
            continue;
        const qn_graph *sub = node->attrs[i].as.graph;
        for (const qn_node *inner = sub->first; inner; inner = inner->next)
            QN_TRY(need_consts(p, g, inner));
        for (int32_t k = 0; k < sub->n_outputs; k++)
            QN_TRY(need_const(p, g, sub->outputs[k].value));
    }
    return QN_OK;
}

/* ---- graphs ---- */

static void print_port_name(printer *p, const qn_port *port) {
    if (strcmp(port->name, port->value->name) != 0) {
        qn_quote(p->out, port->name, strlen(port->name));
        qn_buf_puts(p->out, " = ");
    }
    print_value(p, port->value);
}

static qn_status print_node(printer *p, const qn_graph *g, const qn_node *node) {
    QN_TRY(need_consts(p, g, node));
    start_line(p);
    for (int32_t i = 0; i < node->n_out; i++) {
        const qn_value *v = node->out[i];
        qn_buf_puts(p->out, i ? ", " : "");
        print_value(p, v);
        if (v && (v->type.dtype != QN_NONE || v->type.rank >= 0)) {
            qn_buf_puts(p->out, ": ");
            print_type(p, g, &v->type);
        }
    }
    qn_buf_puts(p->out, " = ");
    QN_TRY(print_call(p, node));
    qn_buf_puts(p->out, "\n");
    return QN_OK;
}

static qn_status print_body(printer *p, const qn_graph *g) {
    for (int32_t i = 0; i < g->n_inputs; i++) {
        start_line(p);
        qn_buf_puts(p->out, "input ");
        print_port_name(p, &g->inputs[i]);
        qn_buf_puts(p->out, ": ");
        print_type(p, g, &g->inputs[i].value->type);
        qn_buf_puts(p->out, "\n");
    }
    for (const qn_node *node = g->first; node; node = node->next)
        QN_TRY(print_node(p, g, node));
    for (int32_t i = 0; i < g->n_outputs; i++)
        QN_TRY(need_const(p, g, g->outputs[i].value));
    for (int32_t i = 0; i < g->n_outputs; i++) {
        start_line(p);
        qn_buf_puts(p->out, "output ");
        print_port_name(p, &g->outputs[i]);
        qn_buf_puts(p->out, "\n");
    }
    return QN_OK;
}

qn_status qn_graph_print(qn_context *ctx, const qn_graph *graph, qn_buf *out) {
    printer p = {.ctx = ctx, .out = out, .scratch = qn_arena_create()};
    if (!p.scratch)
        return qn_fail_memory(ctx, sizeof p, "printing");
    p.printed = qn_arena_alloc(p.scratch, qn_graph_value_bound(graph));
    qn_status status = p.printed ? print_body(&p, graph) : qn_fail_memory(ctx, qn_graph_value_bound(graph), "printing");
    qn_arena_destroy(p.scratch);
    QN_TRY(status);
    return qn_buf_check(ctx, out);
}
