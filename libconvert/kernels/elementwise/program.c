/* Elementwise: a program of element-wise steps, a block of elements at a time, so that what one step leaves the next
 * one finds in the first-level cache. Each step is the span function of its op; between steps numbers are float32. */
#include "ops/program.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/gemm/gemm.h"

enum { BLOCK = 1024, SLOTS = QN_PROGRAM_LIVE };

typedef struct plan {
    qn_program program;
    qn_elementwise step[QN_PROGRAM_STEPS];
    int32_t slot[QN_PROGRAM_STEPS]; /* the block that holds the step's result; the last step's is the output */
    qn_span_fn unary, binary;
} plan;

/* A result's block is free again after its last reader. False when there are not enough. */
static bool assign_slots(plan *p) {
    int32_t last[QN_PROGRAM_STEPS], holder[SLOTS];
    qn_program_last_readers(&p->program, last);
    for (int32_t i = 0; i < SLOTS; i++)
        holder[i] = -1;
    for (int32_t k = 0; k + 1 < p->program.n_steps; k++) {
        int32_t i = 0;
        while (i < SLOTS && holder[i] >= 0 && last[holder[i]] >= k)
            i++;
        if (i == SLOTS)
            return false;
        holder[i] = k;
        p->slot[k] = i;
    }
    return true;
}

static bool make_plan(const qn_kernel_args *args, plan *p) {
    if (qn_program_read(args->node, &p->program))
        return false;
    const qn_program *program = &p->program;
    const qn_tensor *y = &args->out[0];
    qn_dtype dtype[QN_PROGRAM_INPUTS + QN_PROGRAM_STEPS];
    for (int32_t i = 0; i < program->n_in; i++)
        dtype[i] = args->in[i].dtype;
    for (int32_t k = 0; k < program->n_steps; k++) {
        const qn_program_step *s = &program->step[k];
        dtype[program->n_in + k] = k + 1 < program->n_steps ? QN_F32 : y->dtype;
        p->step[k] = (qn_elementwise){.op = s->op,
                                      .a = dtype[s->a],
                                      .b = s->b < 0 ? QN_NONE : dtype[s->b],
                                      .y = dtype[program->n_in + k],
                                      .alpha = s->alpha,
                                      .beta = s->beta,
                                      .tanh_form = s->alpha > 0,
                                      .act.kind = QN_ACT_NONE};
        /* spans of one operand read it element by element */
        if (s->b < 0 && s->a < program->n_in && qn_ref_numel(&args->in[s->a]) != qn_ref_numel(y))
            return false;
    }
    return assign_slots(p);
}

bool qn_elementwise_accepts_program(const qn_kernel_args *args) {
    plan p;
    for (int32_t i = 0; i < args->n_in; i++)
        if (!qn_is_real(args->in[i].dtype) || args->in[i].dtype != args->out[0].dtype)
            return false;
    return make_plan(args, &p);
}

static void run_span(const qn_span *whole) {
    const plan *p = whole->user;
    const qn_program *program = &p->program;
    const int32_t n_in = program->n_in;
    _Alignas(64) float block[SLOTS][BLOCK];
    const size_t y_bytes = p->step[program->n_steps - 1].y == QN_F32 ? 4 : 2;
    for (int64_t at = 0; at < whole->n; at += BLOCK) {
        const int64_t n = whole->n - at < BLOCK ? whole->n - at : BLOCK;
        for (int32_t k = 0; k < program->n_steps; k++) {
            const int32_t operand[] = {program->step[k].a, program->step[k].b};
            qn_span s = {.n = n, .user = &p->step[k]};
            for (int i = 0; i < 2 && operand[i] >= 0; i++) {
                const bool input = operand[i] < n_in;
                const size_t bytes = (i ? p->step[k].b : p->step[k].a) == QN_F32 ? 4 : 2;
                s.step[i] = input ? whole->step[operand[i]] : 1;
                s.x[i] = input ? (const char *)whole->x[operand[i]] + (size_t)(at * s.step[i]) * bytes
                               : (const char *)block[p->slot[operand[i] - n_in]];
            }
            s.y = k + 1 < program->n_steps ? (void *)block[p->slot[k]] : (char *)whole->y + (size_t)at * y_bytes;
            (operand[1] < 0 ? p->unary : p->binary)(&s);
        }
    }
}

qn_status qn_elementwise_program(const qn_kernel_args *args) {
    plan p;
    if (!make_plan(args, &p))
        return qn_kernel_fail(args, QN_MALFORMED, "not the program that was accepted");
    p.unary = qn_unary_span_of(args);
    p.binary = qn_binary_span_of(args);
    const qn_tensor *x[QN_PROGRAM_INPUTS];
    for (int32_t i = 0; i < args->n_in; i++)
        x[i] = &args->in[i];
    return qn_ref_broadcast(args, &args->out[0], x, args->n_in, run_span, &p);
}
