/* Elementwise: the reference kernels of its steps one after the other, each over the whole output. A step's result is
 * rounded to the dtype that the kernel sees: float32 for float16 and bfloat16, whose steps are therefore not rounded.
 */
#include "kernels/ref/iterate.h"
#include "ops/program.h"

#include <string.h>

/* One number of the output's dtype. */
static qn_status number(const qn_kernel_args *args, float v, qn_tensor *out) {
    double *room;
    QN_NEW(args->ctx, args->scratch, room);
    *out = (qn_tensor){.dtype = args->out[0].dtype, .n_bytes = qn_dtype_bytes(args->out[0].dtype), .data = room};
    qn_ref_put(out, 0, (double)v);
    return QN_OK;
}

/* The node that the step stands for reads its numbers from attributes, or, as Clip and Pow, from inputs. */
static qn_status run_step(const qn_kernel_args *args, const qn_program_step *s, const qn_tensor *a, const qn_tensor *b,
                          qn_tensor *y) {
    qn_tensor in[3] = {*a, {.dtype = QN_NONE}, {.dtype = QN_NONE}};
    qn_attr attrs[] = {{.name = "alpha", .kind = QN_ATTR_FLOAT, .as.f = s->alpha},
                       {.name = "beta", .kind = QN_ATTR_FLOAT, .as.f = s->beta},
                       {.name = "approximate", .kind = QN_ATTR_STRING, .as.s = s->alpha > 0 ? "tanh" : "none"}};
    qn_node node = *args->node;
    node.op = s->op;
    node.attrs = attrs;
    node.n_attrs = sizeof attrs / sizeof attrs[0];
    qn_kernel_args step = {
        .ctx = args->ctx, .node = &node, .n_in = b ? 2 : 1, .n_out = 1, .in = in, .out = y, .scratch = args->scratch};
    if (b)
        in[1] = *b;
    if (s->op == QN_OP_Clip || s->op == QN_OP_Pow) {
        QN_TRY(number(args, s->alpha, &in[1]));
        step.n_in = 2;
    }
    if (s->op == QN_OP_Clip) {
        QN_TRY(number(args, s->beta, &in[2]));
        step.n_in = 3;
    }
    return qn_kernel_choose(&step, true)->run(&step);
}

qn_status qn_ref_Elementwise(const qn_kernel_args *args) {
    qn_program p;
    const char *problem = qn_program_read(args->node, &p);
    if (problem)
        return qn_kernel_fail(args, QN_MALFORMED, "%s", problem);
    qn_tensor *y = &args->out[0], value[QN_PROGRAM_INPUTS + QN_PROGRAM_STEPS];
    for (int32_t i = 0; i < p.n_in; i++) {
        value[i] = args->in[i];
        if (value[i].dtype != y->dtype || !qn_dtype_is_float(y->dtype))
            return qn_ref_dtype_fail(args, value[i].dtype);
    }
    for (int32_t k = 0; k < p.n_steps; k++) {
        const qn_program_step *s = &p.step[k];
        qn_tensor *result = &value[p.n_in + k];
        *result = *y;
        if (k + 1 < p.n_steps) {
            result->data = qn_arena_alloc(args->scratch, y->n_bytes);
            if (!result->data)
                return qn_fail_memory(args->ctx, y->n_bytes, "a step's result");
        }
        QN_TRY(run_step(args, s, &value[s->a], s->b < 0 ? NULL : &value[s->b], result));
    }
    return QN_OK;
}
