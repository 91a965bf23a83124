/* convert_precision: float16 or bfloat16 storage for values and weights, float32 where ranges demand it.
 *
 * Before (precision=float16, bound=5e-3):
 *     input  %x: float32[3,64]
 *     const  %w: float32[64,64] = random(1)
 *     const  %g: float32[64] = positive(2)
 *     const  %two: float32[] = 2
 *     %a = Linear(%x, %w)
 *     %b = LayerNormalization(%a, %g)
 *     %c = Pow(%b, %two)
 *     %d = Relu(%c)
 *     output %d
 * After:
 *     %x16 = Cast(%x) {to=10, clamp=1}
 *     %a = Linear(%x16, %w16)
 *     %b = LayerNormalization(%a, %g16)
 *     %b32 = Cast(%b) {to=1}
 *     %c = Pow(%b32, %two)
 *     %d = Relu(%c)
 * The square stays in float32 because its range is open (passes/precision.h), and with it what is made of it.
 *
 * Before (precision=bfloat16, bound=2e-2):
 *     input  %x: float32[3,8]
 *     input  %mask: bool[3,8]
 *     const  %w: float32[8,8] = random(1)
 *     %m = Cast(%mask) {to=1}
 *     %a = Linear(%x, %w)
 *     %b = Mul(%a, %m)
 *     output %b
 * After:
 *     %x16 = Cast(%x) {to=16, clamp=1}
 *     %a = Linear(%x16, %w16)
 *     %m = Cast(%mask) {to=16}
 *     %b = Mul(%a, %m)
 *     %out = Cast(%b) {to=1}
 *     output %out
 *
 * Before (precision=float16, keep_fp32=Linear, bound=5e-3):
 *     input  %x: float32[3,8]
 *     const  %w: float32[8,8] = random(1)
 *     %t = Tanh(%x)
 *     %a = Linear(%t, %w)
 *     %b = Tanh(%a)
 *     output %b
 * After:
 *     %x16 = Cast(%x) {to=10, clamp=1}
 *     %t = Tanh(%x16)
 *     %t32 = Cast(%t) {to=1}
 *     %a = Linear(%t32, %w)
 *     %a16 = Cast(%a) {to=10, clamp=1}
 *     %b = Tanh(%a16)
 *     %out = Cast(%b) {to=1}
 *     output %out
 * Unchanged (a keep_fp32 pattern names it):
 *     %b = Linear(%x, %w)
 * Unchanged (positions, whose precision matters):
 *     input  %i: int64[5]
 *     const  %f: float32[] = 0.01
 *     %p = Cast(%i) {to=1}
 *     %q = Mul(%p, %f)
 *     %b = Sin(%q)
 * Unchanged (integers):
 *     input  %i: int64[5]
 *     %b = Add(%i, %i)
 *
 * With calibration inputs (qn_pass_options.samples), float16, and a value whose observed range leaves it (passes/ranges.h),
 * the nodes that make or read that value stay in float32 too.
 *
 * A Cast of this pass to a narrow dtype has clamp=1: finite numbers outside its range become its largest, not infinity.
 * Weights become constant expressions (Cast of the source tensor) that are evaluated when the package is filled; small
 * constants are converted here, and one that had to be clamped is named in a warning.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "passes/precision.h"
#include "passes/rewrite.h"

enum { SMALL = 256 }; /* elements converted at once */

typedef struct converter {
    qn_pass_run *run;
    qn_dtype narrow;
    qn_precision_plan plan;
    qn_value **cast;      /* by id of a value: its other form, when made */
} converter;

/** A use of v by a port of an outermost graph counts as one that demands float32. */
typedef struct tally {
    int32_t any, narrow, wide;
} tally;

static tally tally_uses(const converter *c, const qn_value *v) {
    tally t = {.wide = v->n_outputs};
    for (int32_t i = 0; i < v->n_uses; i++) {
        qn_demand d = qn_precision_demand(&c->plan, v->uses[i].node, v->uses[i].index);
        t.any += d == QN_DEMAND_ANY;
        t.narrow += d == QN_DEMAND_NARROW;
        t.wide += d == QN_DEMAND_WIDE;
    }
    return t;
}

/* ---- constants --------------------------------------------------------------------------------- */

/** x in the narrow dtype, finite numbers kept finite; *clamped counts those that were not. */
static uint16_t narrow_bits(qn_dtype narrow, float x, int64_t *clamped) {
    uint16_t bits = narrow == QN_F16 ? qn_f32_to_f16(x) : qn_f32_to_bf16(x);
    const uint16_t infinite = narrow == QN_F16 ? 0x7c00 : 0x7f80;
    if (isfinite(x) && (bits & 0x7fff) == infinite) {
        bits--; /* the largest finite number */
        ++*clamped;
    }
    return bits;
}

static void warn_clamped(qn_context *ctx, qn_dtype narrow, const char *name, int64_t clamped, int64_t n) {
    if (clamped)
        qn_log(ctx, QN_LOG_WARN, "constant '%s': %" PRId64 " of %" PRId64 " elements clamped to the range of %s", name,
               clamped, n, qn_dtype_name(narrow));
}

/** A ready float32 constant of a few elements, converted. `name` when it has none of its own (a tensor of an attribute). */
static qn_status convert_small(converter *c, const char *name, const qn_const *old, qn_const **out) {
    qn_context *ctx = c->run->ctx;
    int64_t n = qn_const_numel(old), clamped = 0;
    uint16_t *data;
    const qn_const **source;
    QN_NEW_ARRAY(ctx, c->run->graph->arena, data, n);
    QN_NEW(ctx, c->run->graph->arena, source);
    for (int64_t i = 0; i < n; i++)
        data[i] = narrow_bits(c->narrow, (float)qn_const_f64(old, i), &clamped);
    QN_TRY(qn_const_dense(ctx, c->run->graph->arena, c->narrow, old->rank, old->dims, data, (size_t)n * sizeof *data, out));
    (*out)->name = old->name && old->name[0] ? old->name : name;
    *source = old;
    (*out)->sources = source;
    (*out)->n_sources = 1;
    warn_clamped(ctx, c->narrow, (*out)->name, clamped, n);
    return QN_OK;
}

/** The constant `old` in the narrow dtype; of a large one, a Cast that is evaluated later. */
static qn_status convert_const(converter *c, qn_graph *graph, const char *name, qn_const *old, qn_const **out) {
    qn_context *ctx = c->run->ctx;
    qn_value *source;
    qn_node *cast;
    if (old->encoding != QN_ENC_DENSE) { /* the codes stay; what they decode to is rounded to another dtype */
        QN_NEW(ctx, graph->arena, *out);
        **out = *old;
        (*out)->dtype = c->narrow;
        return QN_OK;
    }
    if (qn_const_is_ready(old) && qn_const_numel(old) <= SMALL)
        return convert_small(c, name, old, out);
    QN_TRY(qn_value_constant(ctx, graph, name, old, &source));
    QN_TRY(qn_node_create(ctx, graph, NULL, QN_OP_Cast, name, &source, 1, 1, &cast));
    QN_TRY(qn_node_set_int(ctx, cast, "to", c->narrow));
    QN_TRY(qn_node_set_int(ctx, cast, "clamp", 1));
    qn_node_detach(cast);
    QN_NEW(ctx, graph->arena, *out);
    (*out)->dtype = c->narrow;
    (*out)->rank = old->rank;
    memcpy((*out)->dims, old->dims, sizeof old->dims);
    (*out)->axis = -1;
    (*out)->expr = cast;
    (*out)->name = old->name;
    return QN_OK;
}

/** The narrow form of a constant value: in its place when every user wants that, else a second value. */
static qn_status narrow_constant(converter *c, qn_value *v, qn_value **out) {
    tally t = tally_uses(c, v);
    qn_const *converted;
    QN_TRY(convert_const(c, v->graph, v->name, v->constant, &converted));
    *out = v;
    if (t.any == 0 && t.wide == 0)
        return qn_fold_set(c->run, v, converted);
    QN_TRY(qn_value_constant(c->run->ctx, v->graph, v->name, converted, out));
    (*out)->origin = v->origin;
    return QN_OK;
}

/* ---- casts --------------------------------------------------------------------------------------- */

/** A Cast of v to `to`, placed where v is defined. */
static qn_status make_cast(converter *c, qn_value *v, qn_dtype to, qn_value **out) {
    qn_context *ctx = c->run->ctx;
    qn_node *before = v->producer ? v->producer->next : v->graph->first, *cast;
    const char *name = qn_arena_printf(v->graph->arena, "%s.%s", v->name, qn_dtype_name(to));
    if (!name)
        return qn_fail_memory(ctx, strlen(v->name), "a name");
    QN_TRY(qn_node_create(ctx, v->graph, before, QN_OP_Cast, name, &v, 1, 1, &cast));
    QN_TRY(qn_node_set_int(ctx, cast, "to", to));
    if (to != QN_F32)
        QN_TRY(qn_node_set_int(ctx, cast, "clamp", 1));
    *out = cast->out[0];
    (*out)->type = v->type;
    (*out)->type.dtype = to;
    (*out)->origin = v->origin;
    return QN_OK;
}

/** v in the form that is demanded, a Cast made on first use. */
static qn_status in_form(converter *c, qn_value *v, bool narrow, qn_value **out) {
    *out = v;
    if (v->id >= c->plan.n_values || v->type.dtype != (narrow ? QN_F32 : c->narrow))
        return QN_OK;
    qn_value **made = &c->cast[v->id];
    if (!*made) {
        if (v->constant)
            QN_TRY(narrow_constant(c, v, made));
        else
            QN_TRY(make_cast(c, v, narrow ? c->narrow : QN_F32, made));
    }
    *out = *made;
    return QN_OK;
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

/** The fill value of ConstantOfShape is an attribute. */
static qn_status narrow_fill(converter *c, qn_node *node) {
    const qn_attr *a = qn_node_attr(node, "value");
    const float zero = 0;
    const int64_t one = 1;
    qn_const *fill, *converted;
    qn_attr attr = {.name = "value", .kind = QN_ATTR_TENSOR};
    QN_TRY(qn_const_dense(c->run->ctx, node->graph->arena, QN_F32, 1, &one, &zero, sizeof zero, &fill));
    if (a && a->kind == QN_ATTR_TENSOR)
        *fill = *a->as.tensor;
    if (!qn_const_is_ready(fill))
        return qn_fail(c->run->ctx, QN_MALFORMED, "%s: its value has no bytes", qn_node_label(node));
    QN_TRY(convert_small(c, node->out[0]->name, fill, &converted));
    attr.as.tensor = converted;
    return qn_node_set_attr(c->run->ctx, node, &attr);
}

/** Dtypes of what a node makes. A Cast from integers that only narrow users read goes there in one step. */
static qn_status convert_outputs(converter *c, qn_node *node) {
    for (int32_t i = 0; i < node->n_out; i++) {
        qn_value *v = node->out[i];
        if (!v || v->id >= c->plan.n_values || v->type.dtype != QN_F32)
            continue;
        bool narrow = c->plan.narrow[v->id];
        if (node->op == QN_OP_Cast) {
            tally t = tally_uses(c, v);
            narrow = t.narrow > 0 ? narrow || (t.wide == 0 && t.any == 0) : narrow && t.wide == 0;
        }
        if (!narrow)
            continue;
        v->type.dtype = c->narrow;
        if (node->op == QN_OP_Cast) {
            QN_TRY(qn_node_set_int(c->run->ctx, node, "to", c->narrow));
            QN_TRY(qn_node_set_int(c->run->ctx, node, "clamp", 1));
        }
        if (node->op == QN_OP_ConstantOfShape)
            QN_TRY(narrow_fill(c, node));
    }
    if (c->plan.node[node->id] == QN_WIDTH_INSIDE)
        node->compute = QN_F32;
    return QN_OK;
}

static qn_status convert_inputs(converter *c, qn_node *node) {
    for (int32_t i = 0; i < node->n_in; i++) {
        qn_value *v = node->in[i], *form;
        qn_demand demand = qn_precision_demand(&c->plan, node, i);
        if (!v || demand == QN_DEMAND_ANY)
            continue;
        QN_TRY(in_form(c, v, demand == QN_DEMAND_NARROW, &form));
        if (form != v)
            QN_TRY(qn_node_set_input(c->run->ctx, node, i, form));
    }
    return QN_OK;
}

/** Outputs of a graph in the form that is wanted: float32 for the model, that of the If for a branch. */
static qn_status convert_ports(converter *c, qn_graph *graph, const qn_node *owner) {
    for (int32_t i = 0; i < graph->n_outputs; i++) {
        qn_port *port = &graph->outputs[i];
        qn_value *v = port->value, *form;
        bool narrow = owner && i < owner->n_out && owner->out[i] && owner->out[i]->type.dtype == c->narrow;
        bool wide = !owner || (i < owner->n_out && owner->out[i] && owner->out[i]->type.dtype == QN_F32);
        if ((!narrow && !wide) || v->id >= c->plan.n_values)
            continue;
        if (!narrow && !c->plan.narrow[v->id])
            continue; /* a narrow output of the source model stays what it is */
        QN_TRY(in_form(c, v, narrow, &form));
        if (form == v)
            continue;
        v->n_outputs--;
        form->n_outputs++;
        port->value = form;
    }
    return QN_OK;
}

typedef qn_status (*node_fn)(converter *, qn_node *);

/** fn on every node there is now, branches before their If. */
static qn_status each_node(converter *c, qn_graph *graph, node_fn fn) {
    for (qn_node *node = graph->first, *next; node; node = next) {
        next = node->next;
        if (node->id >= c->plan.n_nodes)
            continue; /* a Cast made here */
        for (int32_t i = 0; i < node->n_attrs; i++)
            if (node->attrs[i].kind == QN_ATTR_GRAPH)
                QN_TRY(each_node(c, node->attrs[i].as.graph, fn));
        QN_TRY(fn(c, node));
    }
    return QN_OK;
}

static qn_status convert_branches(converter *c, qn_node *node) {
    for (int32_t i = 0; i < node->n_attrs; i++)
        if (node->attrs[i].kind == QN_ATTR_GRAPH)
            QN_TRY(convert_ports(c, node->attrs[i].as.graph, node));
    return QN_OK;
}

/** A Cast whose operand has the dtype already, as those of a mixed-precision source come to be. */
static qn_status drop_noop_cast(converter *c, qn_node *node) {
    if (node->op != QN_OP_Cast || node->in[0]->type.dtype != node->out[0]->type.dtype ||
        (node->out[0]->n_outputs > 0 && node->in[0]->is_input))
        return QN_OK;
    QN_TRY(qn_value_replace(c->run->ctx, node->out[0], node->in[0]));
    qn_node_remove(node);
    return QN_OK;
}

/** There is a value or an operand that the plan would change. */
static bool changes(const converter *c, const qn_graph *graph, int depth) {
    for (const qn_node *node = graph->first; node && depth < 64; node = node->next) {
        for (int32_t i = 0; i < node->n_attrs; i++)
            if (node->attrs[i].kind == QN_ATTR_GRAPH && changes(c, node->attrs[i].as.graph, depth + 1))
                return true;
        for (int32_t i = 0; i < node->n_in; i++) {
            const qn_value *v = node->in[i];
            if (v && v->type.dtype == QN_F32 && qn_precision_demand(&c->plan, node, i) == QN_DEMAND_NARROW)
                return true;
        }
        for (int32_t i = 0; i < node->n_out; i++) {
            const qn_value *v = node->out[i];
            if (v && v->type.dtype == QN_F32 && c->plan.narrow[v->id] &&
                (node->op != QN_OP_Cast || tally_uses(c, v).narrow > 0))
                return true;
        }
    }
    return false;
}

qn_status qn_pass_convert_precision(qn_pass_run *run) {
    converter c = {.run = run, .narrow = run->options->precision};
    qn_ranges ranges;
    const qn_ranges *observed = NULL;
    if (run->graph->parent || (c.narrow != QN_F16 && c.narrow != QN_BF16))
        return QN_OK; /* the outermost graph takes those inside it along */
    if (c.narrow == QN_F16 && run->options->samples) {
        QN_TRY(qn_ranges_observe(run, &ranges));
        observed = &ranges;
    }
    QN_TRY(qn_precision_analyse(run, observed, &c.plan));
    const bool changing = changes(&c, run->graph, 0);
    if (changing && !qn_rewrite(run, qn_dtype_name(c.narrow), NULL))
        return QN_OK;
    QN_TRY(qn_precision_tell(run, &c.plan));
    if (!changing)
        return QN_OK;
    QN_NEW_ARRAY(run->ctx, run->scratch, c.cast, c.plan.n_values);
    QN_TRY(each_node(&c, run->graph, convert_outputs));
    QN_TRY(each_node(&c, run->graph, convert_inputs));
    QN_TRY(each_node(&c, run->graph, convert_branches));
    QN_TRY(convert_ports(&c, run->graph, NULL));
    return each_node(&c, run->graph, drop_noop_cast);
}
