/* The table of ops, expanded from schemas/ops.def. */
#include "ops/op.h"

#include <string.h>

#include "ops/shape.h"

static const qn_op_info g_rows[QN_OP_COUNT] = {
#define QN_OP(NAME, MIN_IN, MAX_IN, MIN_OUT, MAX_OUT, KIND, ATTRS) \
    [QN_OP_##NAME] = {#NAME, MIN_IN, MAX_IN, MIN_OUT, MAX_OUT, QN_KIND_##KIND, ATTRS, qn_shape_##NAME},
#include "ops.def"
#undef QN_OP
};

const qn_op_info *qn_op_row(qn_op op) {
    return op > QN_OP_NONE && op < QN_OP_COUNT ? &g_rows[op] : NULL;
}

qn_op qn_op_from_name(const char *name) {
    for (int op = QN_OP_NONE + 1; op < QN_OP_COUNT; op++)
        if (strcmp(g_rows[op].name, name) == 0)
            return (qn_op)op;
    return QN_OP_NONE;
}

char qn_op_attr_kind(qn_op op, const char *name) {
    const qn_op_info *row = qn_op_row(op);
    if (!row)
        return 0;
    size_t n = strlen(name);
    for (const char *at = row->attrs; *at;) {
        size_t word = strcspn(at, " ");
        if (word > n + 1 && at[n] == '=' && memcmp(at, name, n) == 0)
            return at[n + 1];
        at += word;
        at += strspn(at, " ");
    }
    return 0;
}
