/* Columns of schemas/dtypes.def. */
#ifndef QN_BASE_DTYPE_H
#define QN_BASE_DTYPE_H

#include "base/status.h"

typedef struct qn_dtype_info {
    const char *name;  /**< "float32" */
    char kind;         /**< 'F', 'I', 'U' or 'B' */
    int bits;
    const char *npy;   /**< "f4"; "" where numpy has none */
} qn_dtype_info;

/** The row of `dtype`; NULL for QN_NONE and unknown codes. */
const qn_dtype_info *qn_dtype_row(qn_dtype dtype);
/** The dtype called `name`; QN_NONE when there is none. */
qn_dtype qn_dtype_from_name(const char *name);
static inline bool qn_dtype_is_float(qn_dtype d) { return d == QN_F32 || d == QN_F16 || d == QN_BF16 || d == QN_F64; }
static inline bool qn_dtype_is_int(qn_dtype d) {
    return d == QN_I64 || d == QN_I32 || d == QN_I16 || d == QN_I8 || d == QN_U64 || d == QN_U32 || d == QN_U16 || d == QN_U8;
}

#endif
