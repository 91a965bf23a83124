/* convert_precision: which values go narrow, where the casts are, what is clamped. */
#include "tests/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "ir/text.h"
#include "kernels/eval.h"
#include "passes/pass.h"

typedef struct logged {
    char text[2000];
    int n;
} logged;

static void keep_line(void *user, qn_log_level level, const char *line) {
    logged *l = user;
    if (level != QN_LOG_WARN)
        return;
    l->n++;
    size_t at = strlen(l->text);
    snprintf(l->text + at, sizeof l->text - at, "%s\n", line);
}

static int count_casts(const qn_graph *graph) {
    int n = 0;
    for (const qn_node *node = graph->first; node; node = node->next) {
        n += node->op == QN_OP_Cast;
        for (int32_t i = 0; i < node->n_attrs; i++)
            if (node->attrs[i].kind == QN_ATTR_GRAPH)
                n += count_casts(node->attrs[i].as.graph);
    }
    return n;
}

/* No Cast of a float reads a Cast of a float. */
static void check_no_pairs(const qn_graph *graph) {
    for (const qn_node *node = graph->first; node; node = node->next) {
        const qn_node *before = node->op == QN_OP_Cast ? node->in[0]->producer : NULL;
        if (before && before->op == QN_OP_Cast && qn_dtype_is_float(before->in[0]->type.dtype))
            fail_msg("%s reads %s", qn_node_label(node), qn_node_label(before));
    }
}

typedef struct row {
    const char *name;
    const char *text;
    qn_dtype precision;
    const char *keep;     /* one pattern, or NULL */
    const char *narrow;   /* values that must be narrow, each with a space behind it */
    const char *wide;     /* values that must be float32 */
    int casts;
    const char *warning;  /* or NULL: none at all */
} row;

static const row g_rows[] = {
    {"a block of layers",
     "input %x: float32[n,64]\nconst %w: float32[64,64] = random(1)\nconst %g: float32[64] = positive(2)\n"
     "%a = Linear(%x, %w)\n%b = Gelu(%a)\n%c = Add(%b, %a)\n%d = RMSNormalization(%c, %g)\n%e = Softmax(%d)\noutput %e\n",
     QN_F16, NULL, "a b c d e w g ", "x ", 2, NULL},
    {"a decomposed norm stays wide from its square to its quotient",
     "input %x: float32[n,64]\nconst %w: float32[64,64] = random(1)\nconst %two: float32[] = 2\n"
     "const %eps: float32[] = 1e-12\nconst %axes: int64[1] = {-1}\n"
     "%a = MatMul(%x, %w)\n%m = ReduceMean(%a, %axes)\n%d = Sub(%a, %m)\n%p = Pow(%d, %two)\n%v = ReduceMean(%p, %axes)\n"
     "%e = Add(%v, %eps)\n%s = Sqrt(%e)\n%q = Div(%d, %s)\n%y = MatMul(%q, %w)\noutput %y\n",
     QN_F16, NULL, "a m d y w ", "p v e s q two eps ", 4, NULL},
    {"a reciprocal root, and a square as a product",
     "input %x: float32[n,64]\nconst %w: float32[64,64] = random(1)\nconst %one: float32[] = 1\n"
     "const %eps: float32[] = 1e-6\nconst %axes: int64[1] = {-1}\n"
     "%a = MatMul(%x, %w)\n%p = Mul(%a, %a)\n%v = ReduceMean(%p, %axes)\n%e = Add(%v, %eps)\n%s = Sqrt(%e)\n"
     "%r = Div(%one, %s)\n%q = Mul(%a, %r)\n%y = MatMul(%q, %w)\noutput %y\n",
     QN_BF16, NULL, "a y w ", "p v e s r q ", 4, NULL},
    {"a softmax in pieces",
     "input %x: float32[n,64]\nconst %w: float32[64,64] = random(1)\nconst %axes: int64[1] = {-1}\n"
     "%a = MatMul(%x, %w)\n%m = ReduceMax(%a, %axes)\n%d = Sub(%a, %m)\n%e = Exp(%d)\n%s = ReduceSum(%e, %axes)\n"
     "%q = Div(%e, %s)\n%y = MatMul(%q, %w)\noutput %y\n",
     QN_F16, NULL, "a m d y ", "e s q ", 4, NULL},
    {"a bounded function brings the range back",
     "input %x: float32[n,64]\nconst %w: float32[64,64] = random(1)\nconst %three: float32[] = 3\n"
     "const %k: float32[] = 0.044715\nconst %one: float32[] = 1\n"
     "%a = MatMul(%x, %w)\n%p = Pow(%a, %three)\n%b = Mul(%p, %k)\n%c = Add(%a, %b)\n%t = Tanh(%c)\n%d = Add(%t, %one)\n"
     "%y = MatMul(%d, %w)\noutput %y\n",
     QN_F16, NULL, "a d y one ", "p b c t k three ", 4, NULL},
    {"a rotary table of positions is exact, its use is not",
     "input %p: int64[1,9]\ninput %x: float32[1,9,64]\nconst %f: float32[1,64] = positive(1)\n"
     "const %axes: int64[1] = {2}\n"
     "%i = Cast(%p) {to=1}\n%u = Unsqueeze(%i, %axes)\n%a = MatMul(%u, %f)\n%s = Sin(%a)\n%r = Relu(%x)\n%y = Mul(%r, %s)\n"
     "output %y\n",
     QN_F16, NULL, "r y ", "i u a s f ", 4, NULL},
    {"a mask made from integers",
     "input %m: int64[1,9]\ninput %x: float32[4,9]\nconst %w: float32[9,9] = random(1)\nconst %one: float32[] = 1\n"
     "const %low: float32[] = -3.4028235e38\n"
     "%s = MatMul(%x, %w)\n%f = Cast(%m) {to=1}\n%i = Sub(%one, %f)\n%b = Mul(%i, %low)\n%a = Add(%s, %b)\n%y = Softmax(%a)\n"
     "output %y\n",
     QN_F16, NULL, "s a y ", "f i b low ", 4, NULL},
    {"a mask of integers used at once is cast once",
     "input %m: int64[4,9]\ninput %x: float32[4,9]\nconst %w: float32[9,9] = random(1)\n"
     "%s = MatMul(%x, %w)\n%f = Cast(%m) {to=1}\n%y = Mul(%s, %f)\noutput %y\n",
     QN_F16, NULL, "s f y ", "", 3, NULL},
    {"booleans are narrow at once",
     "input %m: bool[4,9]\ninput %x: float32[4,9]\nconst %w: float32[9,9] = random(1)\nconst %one: float32[] = 1\n"
     "%s = MatMul(%x, %w)\n%f = Cast(%m) {to=1}\n%i = Sub(%one, %f)\n%y = Mul(%s, %i)\noutput %y\n",
     QN_F16, NULL, "s f i y ", "", 3, NULL},
    {"constants beyond the range",
     "input %x: float32[2,4]\nconst %m: float32[2,4] = {0, -3.4028235e38, 0, 70000, -inf, 1, 2, -65504}\n"
     "%a = Add(%x, %m)\n%y = Softmax(%a)\noutput %y\n",
     QN_F16, NULL, "a y m ", "", 2, "constant 'm': 2 of 8 elements clamped to the range of float16"},
    {"a fill value beyond the range",
     "input %n: int64[1]\ninput %x: float32[m]\n%f = ConstantOfShape(%n) {value=float32[1]{-1e9}}\n%t = Tanh(%x)\n"
     "%y = Add(%t, %f)\noutput %y\n",
     QN_F16, NULL, "f t y ", "", 2, "constant 'f': 1 of 1 elements clamped to the range of float16"},
    {"a guard that float16 cannot hold",
     "input %x: float32[2,4]\nconst %m: float32[] = 1e-9\n%t = Tanh(%x)\n%a = Add(%t, %m)\n%l = Log(%a)\n%y = Tanh(%l)\noutput %y\n",
     QN_F16, NULL, "t y ", "a l m ", 4, NULL},
    {"scales of Resize",
     "input %x: float32[1,2,3,3]\nconst %s: float32[4] = {1, 1, 2, 2}\n%r = Relu(%x)\n%y = Resize(%r, _, %s)\noutput %y\n",
     QN_F16, NULL, "r y ", "s ", 2, NULL},
    {"scales of Resize computed from a shape",
     "input %x: float32[1,2,h,3]\ninput %z: int64[4]\n%i = Cast(%z) {to=1}\nconst %two: float32[] = 2\n%s = Div(%i, %two)\n"
     "%r = Relu(%x)\n%y = Resize(%r, _, %s)\noutput %y\n",
     QN_F16, NULL, "r y ", "s i two ", 3, NULL},
    {"a range",
     "input %n: float32[]\nconst %zero: float32[] = 0\nconst %one: float32[] = 1\n%r = Range(%zero, %n, %one)\n%y = Cos(%r)\n"
     "output %y\n",
     QN_F16, NULL, "", "r y zero one ", 0, NULL},
    {"a fill value",
     "input %n: int64[1]\ninput %x: float32[m]\n%f = ConstantOfShape(%n)\n%t = Tanh(%x)\n%y = Add(%t, %f)\noutput %y\n",
     QN_F16, NULL, "f t y ", "", 2, NULL},
    {"statistics of a norm",
     "input %x: float32[1,4,2]\nconst %s: float32[4] = positive(1)\nconst %b: float32[4] = random(2)\n"
     "const %m: float32[4] = random(3)\nconst %v: float32[4] = positive(4)\n%r = Relu(%x)\n"
     "%y = BatchNormalization(%r, %s, %b, %m, %v)\noutput %y\n",
     QN_F16, NULL, "r y ", "s b m v ", 2, NULL},
    {"a constant with two kinds of readers",
     "input %x: float32[4]\nconst %c: float32[4] = random(1)\nconst %two: float32[] = 2\n%a = Add(%x, %c)\n%p = Pow(%a, %two)\n"
     "%b = Add(%p, %c)\noutput %b\n",
     QN_F16, NULL, "a ", "c p b ", 2, NULL},
    {"kept by its name's pattern, twice of the three",
     "input %x: float32[4,4]\nconst %w: float32[4,4] = random(1)\n%head.a = MatMul(%x, %w)\n%head.b = MatMul(%head.a, %w)\n"
     "%c = MatMul(%head.b, %w)\noutput %c\n",
     QN_F16, "head.*", "c ", "head.a head.b w ", 2, NULL},
    {"a branch",
     "input %f: bool[]\ninput %x: float32[4,4]\nconst %w: float32[4,4] = random(1)\nconst %two: float32[] = 2\n"
     "%a = MatMul(%x, %w)\n"
     "%b = If(%f) {then_branch={\n%t = MatMul(%a, %w)\noutput %t\n}, else_branch={\n%p = Pow(%a, %two)\n%u = Tanh(%p)\noutput %u\n}}\n"
     "%y = MatMul(%b, %w)\noutput %y\n",
     QN_F16, NULL, "a t b y w ", "p u two ", 4, NULL},
    {"a branch that gives a range",
     "input %f: bool[]\ninput %x: float32[4,4]\nconst %w: float32[4,4] = random(1)\n"
     "%a = MatMul(%x, %w)\n"
     "%b = If(%f) {then_branch={\noutput %a\n}, else_branch={\n%u = Exp(%a)\noutput %u\n}}\n"
     "%y = MatMul(%b, %w)\noutput %y\n",
     QN_F16, NULL, "a y w ", "u b ", 4, NULL},
    {"a source of mixed precision",
     "input %x: float32[4,4]\nconst %w: float16[4,4] = random(1)\n%h = Cast(%x) {to=10}\n%a = MatMul(%h, %w)\n"
     "%f = Cast(%a) {to=1}\n%t = Tanh(%f)\n%i = Cast(%t) {to=10}\n%b = MatMul(%i, %w)\n%o = Cast(%b) {to=1}\n"
     "output %o\n",
     QN_F16, NULL, "h a t b ", "x o ", 2, NULL},
    {"gates that read magnitudes through products alone",
     "input %x: float32[3,2,8]\nconst %k: float32[8,6] = random(1)\nconst %w: float32[1,16,6] = random(2)\n"
     "const %r: float32[1,16,4] = random(3)\n"
     "%p = Mul(%x, %x)\n%m = Sqrt(%p)\n%e = MatMul(%m, %k)\n%l = Relu(%e)\n%y, %h = LSTM(%l, %w, %r) {hidden_size=4}\n"
     "%z = Relu(%h)\noutput %y\noutput %z\n",
     QN_F16, NULL, "e l k z ", "p m w r y h ", 4, NULL},
    {"gates that read magnitudes by way of a branch",
     "input %f: bool[]\ninput %x: float32[3,2,6]\nconst %w: float32[1,12,6] = random(2)\nconst %r: float32[1,12,4] = random(3)\n"
     "%p = Mul(%x, %x)\n%m = Sqrt(%p)\n%e = Sigmoid(%m)\n"
     "%b = If(%f) {then_branch={\noutput %m\n}, else_branch={\noutput %e\n}}\n"
     "%y = GRU(%b, %w, %r) {hidden_size=4}\noutput %y\n",
     QN_F16, NULL, "", "w r y ", 0, NULL},
    {"gates behind a bounded function",
     "input %x: float32[3,2,8]\nconst %k: float32[8,6] = random(1)\nconst %w: float32[1,16,6] = random(2)\n"
     "const %r: float32[1,16,4] = random(3)\n"
     "%p = Mul(%x, %x)\n%m = Sqrt(%p)\n%e = MatMul(%m, %k)\n%l = Tanh(%e)\n%y = LSTM(%l, %w, %r) {hidden_size=4}\noutput %y\n",
     QN_F16, NULL, "e l k w r y ", "p m ", 2, NULL},
    {"gates of bfloat16, whose input is off by more than their weights",
     "input %x: float32[3,2,8]\nconst %k: float32[8,6] = random(1)\nconst %w: float32[1,16,6] = random(2)\n"
     "const %r: float32[1,16,4] = random(3)\n"
     "%p = Mul(%x, %x)\n%m = Sqrt(%p)\n%e = MatMul(%m, %k)\n%y = LSTM(%e, %w, %r) {hidden_size=4}\noutput %y\n",
     QN_BF16, NULL, "e k w r y ", "p m ", 2, NULL},
    {"an output that is a constant, and an input that is an output",
     "input %x: float32[4]\nconst %c: float32[4] = random(1)\n%y = Add(%x, %c)\noutput %y\noutput %c\noutput %x\n",
     QN_F16, NULL, "y ", "c x ", 2, NULL},
    {"integers and doubles",
     "input %x: float64[4]\ninput %i: int64[4]\n%a = Add(%i, %i)\n%b = Exp(%x)\noutput %a\noutput %b\n",
     QN_F16, NULL, "", "", 0, NULL},
};

/* Each name of a list "a b c ". */
static void check_dtypes(const row *r, const qn_graph *graph, const char *names, qn_dtype dtype) {
    char name[32];
    for (const char *p = names; *p; p++) {
        size_t n = strcspn(p, " ");
        memcpy(name, p, n);
        name[n] = 0;
        const qn_value *v = qn_graph_find(graph, name);
        if (!v || v->type.dtype != dtype)
            fail_msg("%s: '%s' is %s, not %s", r->name, name, v ? qn_dtype_name(v->type.dtype) : "gone", qn_dtype_name(dtype));
        p += n;
    }
}

static void check_row(const row *r) {
    logged log = {0};
    qn_context *ctx;
    qn_graph *graph;
    int64_t rewrites;
    qn_context_options co = {.threads = 1, .user = &log, .log = keep_line};
    qn_pass_options options = {.precision = r->precision, .keep_fp32 = &r->keep, .n_keep_fp32 = r->keep ? 1 : 0};
    assert_int_equal(qn_context_create(&co, &ctx), QN_OK);
    qn_status status = qn_graph_parse(ctx, r->text, &graph);
    if (status == QN_OK)
        status = qn_pass_run_one(ctx, graph, "convert_precision", &options, &rewrites);
    if (status != QN_OK)
        fail_msg("%s: %s", r->name, qn_context_message(ctx));
    check_dtypes(r, graph, r->narrow, r->precision);
    check_dtypes(r, graph, r->wide, QN_F32);
    check_no_pairs(graph);
    if (count_casts(graph) != r->casts) {
        qn_buf text = QN_BUF_INIT;
        (void)!qn_graph_print(ctx, graph, &text);
        fail_msg("%s: %d casts, not %d\n%s", r->name, count_casts(graph), r->casts, text.data);
    }
    for (int32_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i].value->type.dtype == r->precision)
            fail_msg("%s: output %d is narrow", r->name, (int)i);
    if (r->warning ? !strstr(log.text, r->warning) : log.n > 0)
        fail_msg("%s: warned '%s'", r->name, log.text);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

QN_TEST(passes_convert_precision_cases) {
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++)
        check_row(&g_rows[i]);
}

QN_TEST(passes_convert_precision_computes_norms_in_float32) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    qn_pass_options options = {.precision = QN_F16};
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[2,4]\nconst %axes: int64[1] = {-1}\nconst %w: float32[4,4] = random(1)\n"
                                       "%a = MatMul(%x, %w)\n%b = Softmax(%a)\n%c = ReduceMean(%b, %axes)\n%d = LogSoftmax(%a)\n"
                                       "output %c\noutput %d\n", &graph));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "convert_precision", &options, NULL));
    assert_int_equal(qn_graph_find(graph, "a")->producer->compute, QN_NONE);
    assert_int_equal(qn_graph_find(graph, "b")->producer->compute, QN_F32);
    assert_int_equal(qn_graph_find(graph, "c")->producer->compute, QN_F32);
    assert_int_equal(qn_graph_find(graph, "d")->producer->compute, QN_F32);
    assert_string_equal(graph->outputs[0].name, "c");
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}

/* A weight is not read: it becomes an expression, and its value is what a cast of it is. */
QN_TEST(passes_convert_precision_leaves_weights_to_the_fill) {
    qn_context *ctx = qn_test_context();
    qn_graph *graph, *source;
    qn_pass_options options = {.precision = QN_F16};
    static const char text[] = "input %x: float32[2,64]\nconst %w: float32[64,64] = random(1)\n%a = MatMul(%x, %w)\noutput %a\n";
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &source));
    ASSERT_OK(ctx, qn_graph_parse(ctx, text, &graph));
    ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "convert_precision", &options, NULL));
    const qn_const *c = qn_graph_find(graph, "w")->constant;
    assert_non_null(c->expr);
    assert_int_equal(c->expr->op, QN_OP_Cast);
    assert_int_equal(qn_const_bytes(c), 64 * 64 * 2);
    qn_arena *arena = qn_arena_create();
    qn_tensor t;
    ASSERT_OK(ctx, qn_const_eval(ctx, arena, c, &t));
    for (int64_t i = 0; i < 64 * 64; i++)
        assert_int_equal(((const uint16_t *)t.data)[i],
                         qn_f32_to_f16((float)qn_const_f64(qn_graph_find(source, "w")->constant, i)));
    qn_arena_destroy(arena);
    qn_graph_destroy(graph);
    qn_graph_destroy(source);
    qn_context_destroy(ctx);
}

QN_TEST(passes_convert_precision_patterns) {
    qn_context *ctx = qn_test_context();
    static const char *const patterns[] = {"/enc/*", "b", "Sof*", "source.*", "/enc/soft"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        qn_graph *graph;
        qn_pass_options options = {.precision = QN_F16, .keep_fp32 = &patterns[i], .n_keep_fp32 = 1};
        ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[2,4]\n%a = Tanh(%x)\n%b = Softmax(%a)\n%c = Tanh(%b)\noutput %c\n", &graph));
        qn_node *softmax = qn_graph_find(graph, "b")->producer;
        softmax->origin = "/other+/enc/soft+/third";
        softmax->out[0]->origin = "source.b";
        ASSERT_OK(ctx, qn_pass_run_one(ctx, graph, "convert_precision", &options, NULL));
        assert_int_equal(qn_graph_find(graph, "b")->type.dtype, QN_F32);
        assert_int_equal(qn_graph_find(graph, "a")->type.dtype, QN_F16);
        assert_int_equal(count_casts(graph), 4);
        qn_graph_destroy(graph);
    }
    qn_context_destroy(ctx);
}

/* A node that its builder wants in float32 stores in float32 too, and so does what fusions make of it. */
QN_TEST(passes_convert_precision_keeps_what_is_float32_already) {
    static const char *const marked[] = {"b", "c", "d"};
    qn_context *ctx = qn_test_context();
    qn_graph *graph;
    const qn_pass_options options = {.precision = QN_BF16};
    ASSERT_OK(ctx, qn_graph_parse(ctx, "input %x: float32[2,4]\nconst %w: float32[4,4] = random(1)\nconst %k: float32[4] = random(2)\n"
                                       "%a = Tanh(%x)\n%b = MatMul(%a, %w)\n%c = Add(%b, %k)\n%d = Relu(%c)\n%e = Tanh(%d)\n"
                                       "%f = MatMul(%e, %w)\noutput %f\n", &graph));
    for (size_t i = 0; i < sizeof marked / sizeof marked[0]; i++)
        qn_graph_find(graph, marked[i])->producer->compute = QN_F32;
    ASSERT_OK(ctx, qn_passes_run(ctx, graph, &options, NULL, NULL));
    const qn_value *d = qn_graph_find(graph, "d");
    assert_int_equal(d->producer->op, QN_OP_Linear);
    assert_int_equal(d->producer->compute, QN_F32);
    for (int32_t i = 0; i < d->producer->n_in; i++)
        assert_int_equal(d->producer->in[i]->type.dtype, QN_F32);
    assert_int_equal(d->type.dtype, QN_F32);
    assert_int_equal(qn_graph_find(graph, "a")->type.dtype, QN_BF16);
    assert_int_equal(qn_graph_find(graph, "e")->type.dtype, QN_BF16);
    qn_graph_destroy(graph);
    qn_context_destroy(ctx);
}
