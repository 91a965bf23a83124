#include "tests/kernels/run_node.h"

#include "base/buf.h"
#include "base/checked.h"
#include "base/half.h"
#include "base/random.h"
#include "ir/text.h"
#include "ops/infer.h"

#include <math.h>
#include <stdlib.h>

/* ---- begin and end --------------------------------------------------------------------------- */

node_test node_begin_isa(const char *isa) {
    node_test t = {0};
    qn_context_options options = {.isa = isa};
    assert_int_equal(qn_context_create(&options, &t.ctx), QN_OK);
    t.arena = qn_arena_create();
    assert_non_null(t.arena);
    return t;
}

node_test node_begin(void) { return node_begin_isa(NULL); }

void node_end(node_test *t) {
    qn_arena_destroy(t->arena);
    qn_context_destroy(t->ctx);
}

/* ---- tensors ------------------------------------------------------------------------------------ */

static qn_tensor shaped(qn_dtype dtype, int32_t rank, const int64_t *dims, int64_t *n) {
    qn_tensor t = {.dtype = dtype, .rank = rank};
    assert_true(rank >= 0 && rank <= QN_MAX_RANK);
    for (int32_t i = 0; i < rank; i++)
        t.dims[i] = dims[i];
    assert_true(qn_count_elems(t.dims, rank, n));
    assert_true(qn_mul_size((size_t)*n, qn_dtype_bytes(dtype), &t.n_bytes));
    return t;
}

qn_tensor tensor(qn_dtype dtype, int64_t n, void *values, int32_t rank, const int64_t *dims) {
    int64_t count;
    qn_tensor t = shaped(dtype, rank, dims, &count);
    assert_int_equal(n, count);
    t.data = values;
    return t;
}

qn_tensor empty(qn_dtype dtype, int32_t rank, const int64_t *dims) {
    static int64_t nothing[1];
    int64_t n;
    qn_tensor t = shaped(dtype, rank, dims, &n);
    assert_int_equal(n, 0);
    t.data = nothing;
    return t;
}

static qn_tensor allocated(node_test *t, qn_dtype dtype, int32_t rank, const int64_t *dims, int64_t *n) {
    qn_tensor x = shaped(dtype, rank, dims, n);
    x.data = qn_arena_alloc(t->arena, x.n_bytes);
    assert_non_null(x.data);
    return x;
}

static void put(qn_tensor *t, int64_t i, double v) {
    switch (t->dtype) {
    case QN_F32: ((float *)t->data)[i] = (float)v; break;
    case QN_F64: ((double *)t->data)[i] = v; break;
    case QN_F16: ((uint16_t *)t->data)[i] = qn_f32_to_f16((float)v); break;
    case QN_BF16: ((uint16_t *)t->data)[i] = qn_f32_to_bf16((float)v); break;
    default: fail_msg("no pattern of %s", qn_dtype_name(t->dtype));
    }
}

qn_tensor pattern_as(node_test *t, qn_dtype dtype, int64_t seed, int32_t rank, const int64_t *dims) {
    int64_t n;
    qn_tensor x = allocated(t, dtype, rank, dims, &n);
    for (int64_t i = 0; i < n; i++)
        put(&x, i, (double)((37 * i + 101 * seed + i * i % 53) % 61 - 30) / 16);
    return x;
}

qn_tensor pattern(node_test *t, int64_t seed, int32_t rank, const int64_t *dims) {
    return pattern_as(t, QN_F32, seed, rank, dims);
}

qn_tensor scaled(qn_tensor x, double factor) {
    int64_t n;
    assert_true(qn_count_elems(x.dims, x.rank, &n));
    for (int64_t i = 0; i < n; i++)
        put(&x, i, element(&x, i) * factor);
    return x;
}

qn_tensor normal(node_test *t, uint64_t seed, int32_t rank, const int64_t *dims) {
    int64_t n;
    qn_tensor x = allocated(t, QN_F32, rank, dims, &n);
    for (int64_t i = 0; i < n; i++)
        put(&x, i, qn_random_normal(&seed));
    return x;
}

/* ---- running ------------------------------------------------------------------------------------- */

/* input %i0: float32[2,3] ... %o0 = OP(%i0, _) {attributes} */
static qn_status make_graph(node_test *t, const char *node, int32_t n_out, const qn_tensor *in, int32_t n_in,
                            qn_graph **out) {
    qn_buf text = QN_BUF_INIT;
    for (int32_t i = 0; i < n_in; i++) {
        if (in[i].dtype == QN_NONE)
            continue;
        qn_buf_printf(&text, "input %%i%d: %s[", i, qn_dtype_name(in[i].dtype));
        for (int32_t d = 0; d < in[i].rank; d++)
            qn_buf_printf(&text, "%s%lld", d ? "," : "", (long long)in[i].dims[d]);
        qn_buf_puts(&text, "]\n");
    }
    for (int32_t i = 0; i < n_out; i++)
        qn_buf_printf(&text, "%s%%o%d", i ? ", " : "", i);
    int op = (int)strcspn(node, " ");
    qn_buf_printf(&text, " = %.*s(", op, node);
    for (int32_t i = 0; i < n_in; i++) {
        if (in[i].dtype == QN_NONE)
            qn_buf_printf(&text, "%s_", i ? ", " : "");
        else
            qn_buf_printf(&text, "%s%%i%d", i ? ", " : "", i);
    }
    qn_buf_printf(&text, ")%s\n", node + op);
    for (int32_t i = 0; i < n_out; i++)
        qn_buf_printf(&text, "output %%o%d\n", i);
    qn_status status = qn_graph_parse(t->ctx, text.data, out);
    qn_buf_free(&text);
    return status;
}

static qn_status shape_outputs(node_test *t, const qn_graph *graph, const qn_tensor *in, int32_t n_in, qn_tensor *out,
                               int32_t n_out) {
    enum { MAX = 32 };
    qn_type in_type[MAX], out_type[MAX];
    qn_content in_content[MAX] = {{0}}, out_content[MAX] = {{0}};
    assert_true(n_in <= MAX && n_out <= MAX);
    for (int32_t i = 0; i < n_in; i++) {
        in_type[i] = (qn_type){.dtype = in[i].dtype, .rank = in[i].rank};
        for (int32_t d = 0; d < in[i].rank; d++)
            in_type[i].dims[d] = in[i].dims[d];
    }
    for (int32_t i = 0; i < n_out; i++)
        out_type[i] = (qn_type){.dtype = QN_NONE, .rank = -1};
    qn_infer inf = {.ctx = t->ctx,
                    .symbols = graph->symbols,
                    .node = graph->first,
                    .arena = t->arena,
                    .n_in = n_in,
                    .n_out = n_out,
                    .in = in_type,
                    .in_content = in_content,
                    .in_value = in,
                    .out = out_type,
                    .out_content = out_content};
    QN_TRY(qn_infer_node(&inf));
    for (int32_t i = 0; i < n_out; i++) {
        if (!qn_type_is_static(&out_type[i]) || out_type[i].dtype == QN_NONE)
            fail_msg("output %d has no shape", i);
        int64_t n;
        out[i] = allocated(t, out_type[i].dtype, out_type[i].rank, out_type[i].dims, &n);
        memset(out[i].data, 0xA5, out[i].n_bytes);
    }
    return QN_OK;
}

qn_status try_node(node_test *t, bool reference, const char *node, qn_tensor *out, int32_t n_out, qn_tensor *in,
                   int32_t n_in) {
    qn_graph *graph;
    QN_TRY(make_graph(t, node, n_out, in, n_in, &graph));
    qn_arena *scratch = qn_arena_create();
    assert_non_null(scratch);
    qn_status status = shape_outputs(t, graph, in, n_in, out, n_out);
    if (status == QN_OK) {
        qn_kernel_args args = {.ctx = t->ctx,
                               .node = graph->first,
                               .n_in = n_in,
                               .n_out = n_out,
                               .in = in,
                               .in_const = t->consts,
                               .out = out,
                               .scratch = scratch};
        t->kernel = qn_kernel_choose(&args, reference);
        assert_non_null(t->kernel);
        status = qn_kernel_run(t->kernel, &args);
        t->scratch_bytes = qn_arena_bytes(scratch);
    }
    qn_arena_destroy(scratch);
    qn_graph_destroy(graph);
    return status;
}

static const qn_tensor *run(node_test *t, bool reference, const char *node, int32_t n_out, qn_tensor *in,
                            int32_t n_in) {
    qn_tensor *out = qn_arena_array(t->arena, (size_t)n_out, sizeof *out);
    assert_non_null(out);
    ASSERT_OK(t->ctx, try_node(t, reference, node, out, n_out, in, n_in));
    return out;
}

const qn_tensor *run_ref(node_test *t, const char *node, int32_t n_out, qn_tensor *in, int32_t n_in) {
    return run(t, true, node, n_out, in, n_in);
}

const qn_tensor *run_best(node_test *t, const char *node, int32_t n_out, qn_tensor *in, int32_t n_in) {
    return run(t, false, node, n_out, in, n_in);
}

/* ---- judging --------------------------------------------------------------------------------------- */

double element(const qn_tensor *t, int64_t i) {
    switch (t->dtype) {
    case QN_F32: return (double)((const float *)t->data)[i];
    case QN_F64: return ((const double *)t->data)[i];
    case QN_F16: return (double)qn_f16_to_f32(((const uint16_t *)t->data)[i]);
    case QN_BF16: return (double)qn_bf16_to_f32(((const uint16_t *)t->data)[i]);
    case QN_I8: return ((const int8_t *)t->data)[i];
    case QN_I16: return ((const int16_t *)t->data)[i];
    case QN_I32: return ((const int32_t *)t->data)[i];
    case QN_I64: return (double)((const int64_t *)t->data)[i];
    case QN_U8:
    case QN_BOOL: return ((const uint8_t *)t->data)[i];
    case QN_U16: return ((const uint16_t *)t->data)[i];
    case QN_U32: return ((const uint32_t *)t->data)[i];
    case QN_U64: return (double)((const uint64_t *)t->data)[i];
    case QN_NONE: break;
    }
    fail_msg("element of an absent tensor");
    return 0;
}

void expect_dims(const qn_tensor *got, int32_t rank, const int64_t *dims) {
    if (got->rank != rank)
        fail_msg("rank %d, wanted %d", got->rank, rank);
    for (int32_t i = 0; i < rank; i++)
        if (got->dims[i] != dims[i])
            fail_msg("dims[%d] is %lld, wanted %lld", i, (long long)got->dims[i], (long long)dims[i]);
}

void expect_tensor(const qn_tensor *got, double tol, const qn_tensor *wanted) {
    if (got->dtype != wanted->dtype)
        fail_msg("%s, wanted %s", qn_dtype_name(got->dtype), qn_dtype_name(wanted->dtype));
    expect_dims(got, wanted->rank, wanted->dims);
    int64_t n;
    assert_true(qn_count_elems(got->dims, got->rank, &n));
    for (int64_t i = 0; i < n; i++) {
        double a = element(got, i), b = element(wanted, i);
        bool same = a == b || (isnan(a) && isnan(b));
        if (!same && (!qn_dtype_is_float(got->dtype) || !(fabs(a - b) <= tol * fmax(1, fabs(b)))))
            fail_msg("element %lld is %.9g, wanted %.9g", (long long)i, a, b);
    }
}

void expect(const qn_tensor *got, double tol, qn_dtype dtype, int64_t n, void *wanted, int32_t rank,
            const int64_t *dims) {
    qn_tensor w = tensor(dtype, n, wanted, rank, dims);
    expect_tensor(got, tol, &w);
}
