/* Types of values: dtype and shape. */
#ifndef QN_IR_TYPE_H
#define QN_IR_TYPE_H

#include "base/dtype.h"
#include "ir/dim.h"

typedef struct qn_type {
    qn_dtype dtype;             /**< QN_NONE: not known (or an absent optional input) */
    int32_t rank;               /**< -1: not known */
    qn_dim dims[QN_MAX_RANK];   /**< [0..rank) */
} qn_type;

/** True when the rank and every dimension are numbers. */
bool qn_type_is_static(const qn_type *type);
/** Elements, symbolic; QN_DIM_UNKNOWN when the rank is not known. */
qn_dim qn_type_numel(qn_symbols *symbols, const qn_type *type);
bool qn_type_equal(const qn_type *a, const qn_type *b);
/** "float32[batch,3,224,224]"; "float32[...]" for an unknown rank. In the arena. */
const char *qn_type_format(qn_arena *arena, const qn_symbols *symbols, const qn_type *type);

#endif
