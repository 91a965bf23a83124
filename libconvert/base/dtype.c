#include "base/dtype.h"

#include <string.h>

static const qn_dtype_info g_rows[] = {
#define QN_DTYPE(ID, name, onnx, kind, bits, npy) [onnx] = {name, #kind[0], bits, npy},
#include "dtypes.def"
#undef QN_DTYPE
};

/* The public enum has the codes of the table. */
#define QN_DTYPE(ID, name, onnx, kind, bits, npy) _Static_assert(QN_##ID == onnx, name);
#include "dtypes.def"
#undef QN_DTYPE

const qn_dtype_info *qn_dtype_row(qn_dtype dtype) {
    size_t i = (size_t)dtype;
    return i < sizeof g_rows / sizeof g_rows[0] && g_rows[i].name ? &g_rows[i] : NULL;
}

qn_dtype qn_dtype_from_name(const char *name) {
    for (size_t i = 0; i < sizeof g_rows / sizeof g_rows[0]; i++)
        if (g_rows[i].name && strcmp(g_rows[i].name, name) == 0)
            return (qn_dtype)i;
    return QN_NONE;
}

const char *qn_dtype_name(qn_dtype dtype) {
    const qn_dtype_info *row = qn_dtype_row(dtype);
    return row ? row->name : "none";
}

size_t qn_dtype_bytes(qn_dtype dtype) {
    const qn_dtype_info *row = qn_dtype_row(dtype);
    return row ? (size_t)row->bits / 8 : 0;
}
