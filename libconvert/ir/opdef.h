/* The columns of schemas/ops.def that the graph itself needs: names, arity, attributes. */
#ifndef QN_IR_OPDEF_H
#define QN_IR_OPDEF_H

#include "ir/graph.h"

typedef struct qn_opdef {
    const char *name;
    int32_t min_in, max_in, min_out, max_out; /**< max -1: any number */
    const char *attrs;                        /**< "name=kind[:default] ..." */
} qn_opdef;

/** The row of op; NULL for QN_OP_NONE and out of range. */
const qn_opdef *qn_opdef_row(qn_op op);
/** "?" for what is no op. */
const char *qn_opdef_name(qn_op op);
/** The op called name[0..n); QN_OP_NONE when there is none. */
qn_op qn_opdef_find(const char *name, size_t n);
/** The kind letter of attribute name[0..n) of op; 0 when it has none of that name. */
char qn_opdef_attr_kind(qn_op op, const char *name, size_t n);

#endif
