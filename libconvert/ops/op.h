/* Columns of schemas/ops.def. */
#ifndef QN_OPS_OP_H
#define QN_OPS_OP_H

#include "ir/graph.h"

typedef enum qn_op_kind {
    QN_KIND_UNARY, QN_KIND_BINARY, QN_KIND_LOGIC, QN_KIND_REDUCE, QN_KIND_MOVE, QN_KIND_SHAPE, QN_KIND_PRODUCT,
    QN_KIND_CONV, QN_KIND_POOL, QN_KIND_NORM, QN_KIND_RECURRENT, QN_KIND_CONTROL, QN_KIND_FUSED
} qn_op_kind;

struct qn_infer;

typedef struct qn_op_info {
    const char *name;
    int32_t min_in, max_in, min_out, max_out; /**< max -1: any */
    qn_op_kind kind;
    const char *attrs;                        /**< see ops.def */
    qn_status (*shape)(struct qn_infer *);
} qn_op_info;

/** The row of op; NULL for QN_OP_NONE and out of range. */
const qn_op_info *qn_op_row(qn_op op);
/** QN_OP_NONE when there is none. */
qn_op qn_op_from_name(const char *name);
/** The kind letter of attribute `name` of op; 0 when it has none of that name. */
char qn_op_attr_kind(qn_op op, const char *name);

#endif
