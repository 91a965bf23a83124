#include "ir/type.h"

#include "base/buf.h"

bool qn_type_is_static(const qn_type *type) {
    if (type->rank < 0)
        return false;
    for (int32_t i = 0; i < type->rank; i++)
        if (!qn_dim_is_const(type->dims[i]))
            return false;
    return true;
}

qn_dim qn_type_numel(qn_symbols *symbols, const qn_type *type) {
    if (type->rank < 0)
        return QN_DIM_UNKNOWN;
    qn_dim n = 1;
    for (int32_t i = 0; i < type->rank; i++)
        n = qn_dim_mul(symbols, n, type->dims[i]);
    return n;
}

bool qn_type_equal(const qn_type *a, const qn_type *b) {
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

const char *qn_type_format(qn_arena *arena, const qn_symbols *symbols, const qn_type *type) {
    qn_buf text = QN_BUF_INIT;
    qn_buf_printf(&text, "%s[", qn_dtype_name(type->dtype));
    if (type->rank < 0)
        qn_buf_puts(&text, "...");
    for (int32_t i = 0; i < type->rank; i++)
        qn_buf_printf(&text, "%s%s", i ? "," : "", qn_dim_format(arena, symbols, type->dims[i]));
    qn_buf_puts(&text, "]");
    const char *copy = text.failed ? NULL : qn_arena_strndup(arena, text.data, text.n);
    qn_buf_free(&text);
    return copy ? copy : "?";
}
