/* Every shape function on types, contents, numbers and attributes out of a bad dream: it answers, or refuses, and what
 * it answers holds together. Run under sanitizers this also shows that it computes nothing undefined on the way. */
#include "tests/test.h"

#include "ops/infer.h"

static uint64_t g_state;

static uint64_t next(void) {
    g_state = g_state * 6364136223846793005u + 1442695040888963407u;
    return g_state >> 33;
}

static int64_t pick(int64_t n) { return (int64_t)(next() % (uint64_t)n); }

static int64_t bad_int(void) {
    static const int64_t pool[] = {0, 0, 1, 1, 1, 2, 2, 3, 4, 5, 7, -1, -1, -2, -3, 8, 64, 1024, INT32_MAX, INT32_MIN, INT64_MAX,
                                   INT64_MAX - 1, INT64_MIN, INT64_MIN + 1, INT64_MIN + 2, INT64_MIN + 3, INT64_MIN + 70,
                                   QN_DIM_CONST_MIN, QN_DIM_CONST_MIN - 1, (int64_t)1 << 40, -((int64_t)1 << 40),
                                   (int64_t)1 << 62, -((int64_t)1 << 62)};
    return pool[pick((int64_t)(sizeof pool / sizeof pool[0]))];
}

static qn_dim bad_dim(qn_symbols *s) {
    static const char *const texts[] = {"a", "b", "c", "a+1", "2*a", "a*b", "a//2", "max(a,b)", "min(a,3)", "a-5"};
    switch (pick(10)) {
    case 0: case 1: case 2: return qn_dim_parse(s, texts[pick((int64_t)(sizeof texts / sizeof texts[0]))]);
    case 3: return QN_DIM_UNKNOWN;
    case 4: return qn_dim_is_const(bad_int()) ? 6 : 3;
    default: return 1 + pick(4);
    }
}

static const qn_dtype g_dtypes[] = {QN_F32, QN_F32, QN_F32, QN_F32, QN_I64, QN_I64, QN_I64, QN_I32, QN_BOOL, QN_F16,
                                    QN_F64, QN_U8,  QN_U64, QN_I8,  QN_BF16, QN_NONE};

static qn_type bad_type(qn_symbols *s) {
    qn_type t = {.dtype = g_dtypes[pick((int64_t)(sizeof g_dtypes / sizeof g_dtypes[0]))],
                 .rank = (int32_t)(pick(3) ? pick(5) : pick(10) - 1)};
    t.rank = t.rank > QN_MAX_RANK ? QN_MAX_RANK : t.rank;
    for (int32_t k = 0; k < t.rank; k++) {
        t.dims[k] = bad_dim(s);
        if (pick(12) == 0 && bad_int() >= 0)
            t.dims[k] = pick(2) ? INT64_MAX : (int64_t)1 << 33;
    }
    return t;
}

/* Contents or numbers of a type that is small: sometimes the wrong number of them. */
static void bad_content(qn_arena *arena, qn_symbols *s, const qn_type *t, qn_content *content, qn_tensor *value) {
    int64_t n = 1;
    *content = (qn_content){NULL, 0};
    *value = (qn_tensor){.dtype = QN_NONE};
    for (int32_t k = 0; k < t->rank; k++) {
        if (!qn_dim_is_const(t->dims[k]) || t->dims[k] > 64)
            return;
        n *= t->dims[k];
    }
    if (t->rank < 0 || n > QN_MAX_CONTENT || t->dtype == QN_NONE)
        return;
    if (pick(2)) {
        qn_dim *elems = qn_arena_array(arena, (size_t)n + 2, sizeof *elems);
        for (int64_t i = 0; i < n; i++) {
            int64_t v = bad_int();
            elems[i] = pick(3) ? bad_dim(s) : qn_dim_is_const(v) ? v : QN_DIM_UNKNOWN;
        }
        *content = (qn_content){elems, pick(20) ? n : n + pick(2)};
    }
    if (pick(2)) {
        size_t size = qn_dtype_bytes(t->dtype);
        *value = (qn_tensor){.dtype = t->dtype, .rank = t->rank, .n_bytes = (size_t)n * size};
        for (int32_t k = 0; k < t->rank; k++)
            value->dims[k] = t->dims[k];
        unsigned char *bytes = qn_arena_alloc(arena, (size_t)n * size + 1);
        for (int64_t i = 0; i < n; i++) {
            static const double floats[] = {0, 1, 2, 0.5, -1, 1e30, -1e30, 1e300, 3.5};
            int64_t v = bad_int();
            double d = floats[pick(9)];
            float f = pick(9) ? (float)(d > 1e30 ? 1e30 : d) : (float)(0.0 * d);
            const void *from = t->dtype == QN_F32 ? (const void *)&f : t->dtype == QN_F64 ? (const void *)&d : (const void *)&v;
            memcpy(bytes + (size_t)i * size, from, size);
        }
        value->data = bytes;
    }
}

static qn_status bad_attr(qn_context *ctx, qn_node *node, const char *name, char kind) {
    static const char *const strings[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "constant", "reflect", "edge", "nearest",
                                          "bidirectional", "forward", "not_larger", "not_smaller", "", "tf_crop_and_resize"};
    int64_t ints[16], n = pick(4) ? pick(6) : pick(16);
    switch (kind) {
    case 'i': return qn_node_set_int(ctx, node, name, pick(2) ? pick(4) - 1 : bad_int());
    case 'f': return qn_node_set_float(ctx, node, name, (float)pick(10));
    case 's': return qn_node_set_string(ctx, node, name, strings[pick((int64_t)(sizeof strings / sizeof strings[0]))]);
    case 'I':
        for (int64_t i = 0; i < n; i++)
            ints[i] = pick(3) ? 1 + pick(3) : bad_int();
        return qn_node_set_ints(ctx, node, name, ints, n);
    default: return QN_OK;
    }
}

static void bad_attrs(qn_context *ctx, qn_node *node) {
    for (const char *at = qn_op_row(node->op)->attrs; *at;) {
        char name[64];
        size_t n = strcspn(at, "=");
        memcpy(name, at, n);
        name[n] = 0;
        if (pick(3) == 0)
            ASSERT_OK(ctx, bad_attr(ctx, node, name, at[n + 1]));
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
}

static void holds_together(const qn_infer *inf) {
    for (int32_t o = 0; o < inf->n_out; o++) {
        const qn_type *t = &inf->out[o];
        int64_t n = 1;
        bool numbers = t->rank >= 0;
        assert_in_range(t->rank + 1, 0, QN_MAX_RANK + 1);
        assert_true(t->dtype == QN_NONE || qn_dtype_row(t->dtype));
        for (int32_t k = 0; k < t->rank; k++) {
            numbers = numbers && qn_dim_is_const(t->dims[k]);
            assert_true(!qn_dim_is_const(t->dims[k]) || t->dims[k] >= 0);
        }
        for (int32_t k = 0; numbers && k < t->rank; k++)
            n = n > QN_MAX_CONTENT ? n : n * (t->dims[k] > QN_MAX_CONTENT ? QN_MAX_CONTENT + 1 : t->dims[k]);
        if (inf->out_content[o].elems) {
            assert_true(numbers);
            for (int64_t i = 0; i < inf->out_content[o].n; i++)
                assert_true(qn_dim_is_const(inf->out_content[o].elems[i]) || inf->out_content[o].elems[i] < QN_DIM_CONST_MIN);
            assert_true(inf->out_content[o].n <= QN_MAX_CONTENT);
        }
    }
}

static void one(qn_context *ctx, qn_op op, int *answered) {
    const qn_op_info *row = qn_op_row(op);
    qn_graph *graph;
    ASSERT_OK(ctx, qn_graph_create(ctx, "hostile", &graph));
    qn_value *in[10];
    qn_type type[10];
    qn_content content[10], out_content[10];
    qn_tensor value[10];
    qn_type out[10];
    int32_t max_in = row->max_in < 0 ? 4 : row->max_in, n_in = row->min_in + (int32_t)pick(max_in - row->min_in + 1);
    int32_t max_out = row->max_out < 0 ? 4 : row->max_out, n_out = row->min_out + (int32_t)pick(max_out - row->min_out + 1);
    n_in += pick(40) == 0;
    for (int32_t i = 0; i < n_in; i++) {
        ASSERT_OK(ctx, qn_value_create(ctx, graph, NULL, &in[i]));
        /* the operands of most ops are alike: let them be, most of the time */
        type[i] = i > 0 && pick(2) ? type[0] : bad_type(graph->symbols);
        if (i > 0 && pick(2))
            type[i].dtype = type[0].dtype;
        bad_content(graph->arena, graph->symbols, &type[i], &content[i], &value[i]);
        if (pick(12) == 0) {
            in[i] = NULL;
            type[i] = (qn_type){.dtype = QN_NONE, .rank = -1};
            content[i] = (qn_content){NULL, 0};
            value[i] = (qn_tensor){.dtype = QN_NONE};
        }
    }
    qn_node *node;
    ASSERT_OK(ctx, qn_node_create(ctx, graph, NULL, op, "n", in, n_in, n_out, &node));
    bad_attrs(ctx, node);
    qn_infer inf = {.ctx = ctx, .symbols = graph->symbols, .node = node, .arena = graph->arena, .n_in = n_in, .n_out = n_out,
                    .in = type, .in_content = content, .in_value = value, .out = out, .out_content = out_content};
    qn_status status = qn_infer_node(&inf);
    if (status == QN_OK) {
        holds_together(&inf);
        ++*answered;
    } else {
        assert_true(status == QN_MALFORMED || status == QN_UNSUPPORTED);
        assert_true(strlen(qn_context_message(ctx)) > 0);
    }
    qn_clear(ctx);
    qn_graph_destroy(graph);
}

QN_TEST(ops_hostile_every_op) {
    qn_context *ctx = qn_test_context();
    int rows = 0, answered = 0;
    g_state = 20240229;
    for (int op = QN_OP_NONE + 1; op < QN_OP_COUNT; op++, rows++)
        for (int i = 0; i < 400; i++)
            one(ctx, (qn_op)op, &answered);
    print_message("           %d ops, %d of %d answered\n", rows, answered, rows * 400);
    assert_true(answered > rows * 40);
    qn_context_destroy(ctx);
}
