#include "ops/program.h"

static const struct {
    qn_op op;
    int32_t n_operands;
} g_steps[] = {
    {QN_OP_Abs, 1},       {QN_OP_Ceil, 1},  {QN_OP_Clip, 1},    {QN_OP_Elu, 1},         {QN_OP_Erf, 1},
    {QN_OP_Exp, 1},       {QN_OP_Floor, 1}, {QN_OP_Gelu, 1},    {QN_OP_HardSigmoid, 1}, {QN_OP_HardSwish, 1},
    {QN_OP_LeakyRelu, 1}, {QN_OP_Log, 1},   {QN_OP_Neg, 1},     {QN_OP_Pow, 1},         {QN_OP_Reciprocal, 1},
    {QN_OP_Relu, 1},      {QN_OP_Round, 1}, {QN_OP_Sigmoid, 1}, {QN_OP_Sign, 1},        {QN_OP_Softplus, 1},
    {QN_OP_Sqrt, 1},      {QN_OP_Swish, 1}, {QN_OP_Tanh, 1},    {QN_OP_Add, 2},         {QN_OP_Div, 2},
    {QN_OP_Max, 2},       {QN_OP_Min, 2},   {QN_OP_Mul, 2},     {QN_OP_PRelu, 2},       {QN_OP_Sub, 2},
};

int32_t qn_program_operands(qn_op op) {
    for (size_t i = 0; i < sizeof g_steps / sizeof g_steps[0]; i++)
        if (g_steps[i].op == op)
            return g_steps[i].n_operands;
    return 0;
}

const char *qn_program_read(const qn_node *node, qn_program *out) {
    const qn_attr *ops = qn_node_attr(node, "ops");
    int64_t n_operands, n_params;
    const int64_t *operands = qn_node_ints(node, "operands", &n_operands);
    const float *params = qn_node_floats(node, "params", &n_params);
    if (!ops || ops->kind != QN_ATTR_STRINGS || ops->n < 1 || ops->n > QN_PROGRAM_STEPS)
        return "ops are not 1 to 24 names";
    if (node->n_in < 1 || node->n_in > QN_PROGRAM_INPUTS)
        return "more than 8 inputs";
    if (n_operands != 2 * ops->n || n_params != 2 * ops->n)
        return "operands and params are not two for each of ops";
    out->n_in = node->n_in;
    out->n_steps = (int32_t)ops->n;
    for (int32_t k = 0; k < out->n_steps; k++) {
        const qn_op op = qn_op_from_name(ops->as.strings[k]);
        const int32_t n = qn_program_operands(op);
        const int64_t a = operands[2 * k], b = operands[2 * k + 1], end = node->n_in + k;
        if (n == 0)
            return "ops has a name that is no step";
        if (a < 0 || a >= end || (n == 2 ? b < 0 || b >= end : b != -1))
            return "operands has an index that is not there";
        out->step[k] = (qn_program_step){op, (int32_t)a, (int32_t)b, params[2 * k], params[2 * k + 1]};
    }
    return NULL;
}

void qn_program_last_readers(const qn_program *program, int32_t *last) {
    for (int32_t k = 0; k < program->n_steps; k++) {
        const qn_program_step *s = &program->step[k];
        last[k] = k;
        if (s->a >= program->n_in)
            last[s->a - program->n_in] = k;
        if (s->b >= program->n_in)
            last[s->b - program->n_in] = k;
    }
}

int32_t qn_program_live(const qn_program *program) {
    int32_t last[QN_PROGRAM_STEPS], most = 0;
    qn_program_last_readers(program, last);
    for (int32_t k = 0; k < program->n_steps; k++) {
        int32_t live = 0;
        for (int32_t j = 0; j <= k; j++)
            live += last[j] >= k;
        most = live > most ? live : most;
    }
    return most;
}

qn_status qn_program_write(qn_context *ctx, qn_node *node, const qn_program *program) {
    const char *ops[QN_PROGRAM_STEPS];
    int64_t operands[2 * QN_PROGRAM_STEPS];
    float params[2 * QN_PROGRAM_STEPS];
    for (int32_t k = 0; k < program->n_steps; k++) {
        const qn_program_step *s = &program->step[k];
        ops[k] = qn_op_row(s->op)->name;
        operands[2 * k] = s->a;
        operands[2 * k + 1] = s->b;
        params[2 * k] = s->alpha;
        params[2 * k + 1] = s->beta;
    }
    const qn_attr names = {.name = "ops", .kind = QN_ATTR_STRINGS, .n = program->n_steps, .as.strings = ops};
    const qn_attr numbers = {.name = "params", .kind = QN_ATTR_FLOATS, .n = 2 * program->n_steps, .as.floats = params};
    QN_TRY(qn_node_set_attr(ctx, node, &names));
    QN_TRY(qn_node_set_ints(ctx, node, "operands", operands, 2 * program->n_steps));
    return qn_node_set_attr(ctx, node, &numbers);
}
