/* Which kernel a node gets, and what stands between a node's storage and what the kernel reads. */
#include "kernels/codec/codec.h"
#include "kernels/eval.h"

#include "base/checked.h"
#include "base/half.h"
#include "base/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tables ------------------------------------------------------------------------------- */

typedef struct fast_row {
    unsigned isa;
    qn_kernel kernel;
} fast_row;

static const fast_row g_fast[] = {
#define QN_KERNEL(OP, NAME, ISA, FLAGS, ACCEPTS, RUN) {ISA, {QN_OP_##OP, NAME, FLAGS, ACCEPTS, RUN}},
#include "kernels/kernels.def"
#undef QN_KERNEL
    {0, {QN_OP_NONE, NULL, 0, NULL, NULL}},
};

/* The reference kernels of a kind share their flags: movement takes any dtype as it is; element-wise kernels read an
 * element before they write it. */
#define ROW(NAME, FLAGS) [QN_OP_##NAME] = {QN_OP_##NAME, "ref", FLAGS, NULL, qn_ref_##NAME},
#define ROW_UNARY(NAME) ROW(NAME, QN_KERNEL_IN_PLACE)
#define ROW_BINARY(NAME) ROW(NAME, QN_KERNEL_IN_PLACE)
#define ROW_LOGIC(NAME) ROW(NAME, QN_KERNEL_IN_PLACE)
#define ROW_REDUCE(NAME) ROW(NAME, 0)
#define ROW_MOVE(NAME) ROW(NAME, QN_KERNEL_HALF)
#define ROW_SHAPE(NAME) ROW(NAME, QN_KERNEL_HALF)
#define ROW_PRODUCT(NAME) ROW(NAME, 0)
#define ROW_CONV(NAME) ROW(NAME, 0)
#define ROW_POOL(NAME) ROW(NAME, 0)
#define ROW_NORM(NAME) ROW(NAME, 0)
#define ROW_RECURRENT(NAME) ROW(NAME, 0)
#define ROW_FUSED(NAME) ROW(NAME, 0)
#define ROW_CONTROL(NAME) /* the session runs it */
static const qn_kernel g_ref[QN_OP_COUNT] = {
#define QN_OP(NAME, min_in, max_in, min_out, max_out, KIND, attrs) ROW_##KIND(NAME)
#include "ops.def"
#undef QN_OP
};

/* Reference kernels that differ from their kind: they move elements of any dtype, or work in place. */
static const qn_kernel g_ref_any_dtype[] = {
    {QN_OP_Cast, "ref", QN_KERNEL_HALF, NULL, qn_ref_Cast},
    {QN_OP_Identity, "ref", QN_KERNEL_HALF | QN_KERNEL_IN_PLACE, NULL, qn_ref_Identity},
    {QN_OP_ScatterND, "ref", QN_KERNEL_HALF | QN_KERNEL_IN_PLACE, NULL, qn_ref_ScatterND},
    {QN_OP_Where, "ref", QN_KERNEL_HALF, NULL, qn_ref_Where},
};

static const qn_kernel *reference_kernel(qn_op op) {
    for (size_t i = 0; i < sizeof g_ref_any_dtype / sizeof g_ref_any_dtype[0]; i++)
        if (g_ref_any_dtype[i].op == op)
            return &g_ref_any_dtype[i];
    return op > QN_OP_NONE && op < QN_OP_COUNT && g_ref[op].run ? &g_ref[op] : NULL;
}

/* ---- the view that a kernel has of a node ------------------------------------------------------ */

static bool is_half(qn_dtype d) { return d == QN_F16 || d == QN_BF16; }

static bool is_encoded(const qn_kernel_args *args, int32_t i) {
    return args->in_const && args->in_const[i] && !args->in[i].data && args->in[i].dtype != QN_NONE;
}

/* True when a kernel with these flags cannot be handed `args` as they are. */
static bool needs_view(const qn_kernel_args *args, unsigned flags) {
    for (int32_t i = 0; i < args->n_in; i++)
        if ((!(flags & QN_KERNEL_HALF) && is_half(args->in[i].dtype)) ||
            (!(flags & QN_KERNEL_ENCODED) && is_encoded(args, i)))
            return true;
    for (int32_t i = 0; i < args->n_out; i++)
        if (!(flags & QN_KERNEL_HALF) && is_half(args->out[i].dtype))
            return true;
    return false;
}

/* t as float32, its bytes elsewhere. */
static qn_status widened(const qn_kernel_args *args, const qn_tensor *t, qn_tensor *out) {
    int64_t n;
    size_t bytes;
    if (!qn_count_elems(t->dims, t->rank, &n) || !qn_mul_size((size_t)n, sizeof(float), &bytes))
        return qn_kernel_fail(args, QN_UNSUPPORTED, "a tensor is too large");
    *out = *t;
    out->dtype = QN_F32;
    out->n_bytes = bytes;
    out->data = NULL;
    return QN_OK;
}

/* The dtypes that a kernel without QN_KERNEL_HALF or QN_KERNEL_ENCODED is shown; no data is touched. */
static qn_status make_view(const qn_kernel_args *args, unsigned flags, qn_tensor *in, qn_tensor *out) {
    for (int32_t i = 0; i < args->n_in; i++) {
        in[i] = args->in[i];
        if (is_half(in[i].dtype) && !(flags & QN_KERNEL_HALF))
            QN_TRY(widened(args, &args->in[i], &in[i]));
    }
    for (int32_t i = 0; i < args->n_out; i++) {
        out[i] = args->out[i];
        if (is_half(out[i].dtype) && !(flags & QN_KERNEL_HALF))
            QN_TRY(widened(args, &args->out[i], &out[i]));
    }
    return QN_OK;
}

/* ---- choosing ---------------------------------------------------------------------------------- */

enum { VIEW_ON_STACK = 16 };

static bool row_accepts(const fast_row *row, const qn_kernel_args *args) {
    unsigned flags = row->kernel.flags;
    if (!needs_view(args, flags))
        return row->kernel.accepts(args);
    qn_tensor in[VIEW_ON_STACK], out[VIEW_ON_STACK];
    if (args->n_in > VIEW_ON_STACK || args->n_out > VIEW_ON_STACK)
        return false;
    qn_kernel_args view = *args;
    if (make_view(args, flags, in, out) != QN_OK) {
        qn_clear(args->ctx);
        return false;
    }
    view.in = in;
    view.out = out;
    if (!(flags & QN_KERNEL_ENCODED))
        view.in_const = NULL;
    return row->kernel.accepts(&view);
}

const qn_kernel *qn_kernel_choose(const qn_kernel_args *args, bool reference) {
    qn_op op = args->node->op;
    if (!reference) {
        unsigned isa = qn_context_isa(args->ctx);
        for (const fast_row *row = g_fast; row->kernel.run; row++)
            if (row->kernel.op == op && (row->isa & ~isa) == 0 && row_accepts(row, args))
                return &row->kernel;
    }
    return reference_kernel(op);
}

/* ---- running ------------------------------------------------------------------------------------- */

enum { GRAIN = 1 << 16 };

typedef struct half_job {
    qn_dtype half;
    bool widen;
    const void *src;
    void *dst;
} half_job;

static void convert_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const half_job *job = arg;
    size_t n = (size_t)(end - begin);
    if (job->widen)
        (job->half == QN_F16 ? qn_f16_to_f32_n : qn_bf16_to_f32_n)((const uint16_t *)job->src + begin,
                                                                   (float *)job->dst + begin, n);
    else
        (job->half == QN_F16 ? qn_f32_to_f16_n : qn_f32_to_bf16_n)((const float *)job->src + begin,
                                                                   (uint16_t *)job->dst + begin, n);
}

static void convert(const qn_kernel_args *args, qn_dtype half, bool widen, const void *src, void *dst, int64_t n) {
    half_job job = {half, widen, src, dst};
    qn_parallel_for(args->ctx, n, GRAIN, convert_piece, &job);
}

/* Input i of the view gets its bytes: widened, or decoded (always through float32). */
static qn_status load_input(const qn_kernel_args *args, int32_t i, qn_tensor *in) {
    const qn_tensor *stored = &args->in[i];
    int64_t n;
    if (!qn_count_elems(stored->dims, stored->rank, &n))
        return qn_kernel_fail(args, QN_UNSUPPORTED, "input %d is too large", i);
    if (is_encoded(args, i)) {
        float *values;
        QN_NEW_ARRAY(args->ctx, args->scratch, values, n);
        const qn_coded coded = qn_coded_of(args->ctx, args->in_const[i]);
        QN_TRY(qn_const_decode(args->ctx, coded.c, 0, 0, NULL)); /* its parts are there */
        qn_codec_expand(args->ctx, &coded, 0, n, values);
        in->data = values;
        if (in->dtype == QN_F32)
            return QN_OK;
        if (!is_half(in->dtype))
            return qn_kernel_fail(args, QN_UNSUPPORTED, "input %d is an encoded constant of %s", i,
                                  qn_dtype_name(in->dtype));
        uint16_t *rounded;
        QN_NEW_ARRAY(args->ctx, args->scratch, rounded, n);
        convert(args, in->dtype, false, values, rounded, n);
        in->data = rounded;
        return QN_OK;
    }
    if (in->dtype == stored->dtype)
        return QN_OK;
    float *values;
    QN_NEW_ARRAY(args->ctx, args->scratch, values, n);
    convert(args, stored->dtype, true, stored->data, values, n);
    in->data = values;
    return QN_OK;
}

qn_status qn_kernel_run(const qn_kernel *kernel, const qn_kernel_args *args) {
    unsigned flags = kernel->flags;
    if (!needs_view(args, flags))
        return kernel->run(args);
    qn_tensor *in, *out;
    QN_NEW_ARRAY(args->ctx, args->scratch, in, args->n_in);
    QN_NEW_ARRAY(args->ctx, args->scratch, out, args->n_out);
    QN_TRY(make_view(args, flags, in, out));
    qn_kernel_args view = *args;
    view.in = in;
    view.out = out;
    for (int32_t i = 0; i < args->n_in; i++)
        if (in[i].dtype != QN_NONE && !(is_encoded(args, i) && (flags & QN_KERNEL_ENCODED)))
            QN_TRY(load_input(args, i, &in[i]));
    if (!(flags & QN_KERNEL_ENCODED))
        view.in_const = NULL;
    for (int32_t i = 0; i < args->n_out; i++)
        if (out[i].dtype != args->out[i].dtype) {
            out[i].data = qn_arena_alloc(args->scratch, out[i].n_bytes);
            if (!out[i].data)
                return qn_fail_memory(args->ctx, out[i].n_bytes, "a widened output");
        }
    QN_TRY(kernel->run(&view));
    for (int32_t i = 0; i < args->n_out; i++)
        if (out[i].dtype != args->out[i].dtype)
            convert(args, args->out[i].dtype, false, out[i].data, args->out[i].data,
                    (int64_t)(out[i].n_bytes / sizeof(float)));
    return QN_OK;
}

qn_status qn_kernel_fail(const qn_kernel_args *args, qn_status status, const char *fmt, ...) {
    char text[512];
    va_list list;
    va_start(list, fmt);
    vsnprintf(text, sizeof text, fmt, list);
    va_end(list);
    return qn_fail(args->ctx, status, "%s: %s", qn_node_label(args->node), text);
}
