#include "ir/opdef.h"

#include <string.h>

static const qn_opdef g_rows[QN_OP_COUNT] = {
#define QN_OP(NAME, MIN_IN, MAX_IN, MIN_OUT, MAX_OUT, KIND, ATTRS) \
    [QN_OP_##NAME] = {#NAME, MIN_IN, MAX_IN, MIN_OUT, MAX_OUT, ATTRS},
#include "ops.def"
#undef QN_OP
};

const qn_opdef *qn_opdef_row(qn_op op) {
    return op > QN_OP_NONE && op < QN_OP_COUNT ? &g_rows[op] : NULL;
}

const char *qn_opdef_name(qn_op op) {
    const qn_opdef *row = qn_opdef_row(op);
    return row ? row->name : "?";
}

qn_op qn_opdef_find(const char *name, size_t n) {
    for (int op = QN_OP_NONE + 1; op < QN_OP_COUNT; op++)
        if (strncmp(g_rows[op].name, name, n) == 0 && g_rows[op].name[n] == 0)
            return (qn_op)op;
    return QN_OP_NONE;
}

char qn_opdef_attr_kind(qn_op op, const char *name, size_t n) {
    const qn_opdef *row = qn_opdef_row(op);
    for (const char *at = row ? row->attrs : ""; *at; at += strspn(at, " ")) {
        size_t key = strcspn(at, "= ");
        if (at[key] == '=' && key == n && memcmp(at, name, n) == 0)
            return at[key + 1];
        at += strcspn(at, " ");
    }
    return 0;
}
