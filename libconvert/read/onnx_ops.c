/* The rows of schemas/onnx_ops.def. */
#include <string.h>

#include "read/upgrade.h"

#define COUNT(A) ((int32_t)(sizeof(A) / sizeof(A)[0]))

static const qn_onnx_op ops[] = {
#define QN_ONNX_OP(NAME, SINCE, UNTIL, MIN_IN, MAX_IN, MAX_OUT, BECOMES, UPGRADE, ATTRS) {#NAME, SINCE, UNTIL, BECOMES},
#include "onnx_ops.def"
#undef QN_ONNX_OP
};

enum {
#define QN_ONNX_OP(NAME, SINCE, UNTIL, MIN_IN, MAX_IN, MAX_OUT, BECOMES, UPGRADE, ATTRS) AT_##NAME##_##SINCE,
#include "onnx_ops.def"
#undef QN_ONNX_OP
};

static const qn_onnx_row rows[] = {
#define QN_ONNX_OP(NAME, SINCE, UNTIL, MIN_IN, MAX_IN, MAX_OUT, BECOMES, UPGRADE, ATTRS) \
    {&ops[AT_##NAME##_##SINCE], MIN_IN, MAX_IN, MAX_OUT, qn_up_##UPGRADE, ATTRS},
#include "onnx_ops.def"
#undef QN_ONNX_OP
};

const qn_onnx_op *qn_onnx_ops(int32_t *n) {
    *n = COUNT(ops);
    return ops;
}

const qn_onnx_row *qn_onnx_find_row(const char *name, int32_t opset) {
    for (int32_t i = 0; i < COUNT(rows); i++)
        if (opset >= ops[i].since && opset <= ops[i].until && strcmp(ops[i].name, name) == 0)
            return &rows[i];
    return NULL;
}
