/* Add, Sub, Mul: in the dtype itself; integers wrap. Add then applies the activation that fusion gave it. */
#include "kernels/activation.h"
#include "kernels/ref/iterate.h"

#include "base/pool.h"

#define ARITHMETIC(S, T, W)                                         \
    QN_BINARY_SPAN(add_##S, T, T, T, (T)((W)a + (W)b))              \
    QN_BINARY_SPAN(sub_##S, T, T, T, (T)((W)a - (W)b))              \
    QN_BINARY_SPAN(mul_##S, T, T, T, (T)((W)a * (W)b))
QN_EACH_FLOAT(ARITHMETIC)
QN_EACH_SIGNED(ARITHMETIC)
QN_EACH_UNSIGNED(ARITHMETIC)

static const qn_span_table g_add = {QN_ROWS_NUMERIC(add)};
static const qn_span_table g_sub = {QN_ROWS_NUMERIC(sub)};
static const qn_span_table g_mul = {QN_ROWS_NUMERIC(mul)};

typedef struct activation_job {
    qn_activation act;
    const qn_tensor *y;
} activation_job;

static void activate_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const activation_job *job = arg;
    if (job->y->dtype == QN_F32)
        qn_activation_f32(&job->act, (float *)job->y->data + begin, end - begin);
    else
        qn_activation_f64(&job->act, (double *)job->y->data + begin, end - begin);
}

qn_status qn_ref_Add(const qn_kernel_args *args) {
    activation_job job = {.y = &args->out[0]};
    QN_TRY(qn_activation_read(args, &job.act));
    QN_TRY(qn_ref_binary(args, g_add, NULL));
    if (job.act.kind == QN_ACT_NONE)
        return QN_OK;
    if (!qn_dtype_is_float(job.y->dtype))
        return qn_ref_dtype_fail(args, job.y->dtype);
    enum { GRAIN = 1 << 13 };
    qn_parallel_for(args->ctx, qn_ref_numel(job.y), GRAIN, activate_piece, &job);
    return QN_OK;
}

qn_status qn_ref_Sub(const qn_kernel_args *args) { return qn_ref_binary(args, g_sub, NULL); }
qn_status qn_ref_Mul(const qn_kernel_args *args) { return qn_ref_binary(args, g_mul, NULL); }
