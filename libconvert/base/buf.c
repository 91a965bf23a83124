#include "base/buf.h"

#include "base/checked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(qn_buf *buf, size_t more) {
    size_t need;
    if (buf->failed)
        return false;
    if (!qn_add_size(buf->n, more, &need) || !qn_add_size(need, 1, &need)) {
        buf->failed = true;
        return false;
    }
    if (need <= buf->cap)
        return true;
    size_t cap = buf->cap ? buf->cap : 256;
    while (cap < need)
        if (!qn_mul_size(cap, 2, &cap)) {
            buf->failed = true;
            return false;
        }
    char *data = realloc(buf->data, cap);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

void qn_buf_append(qn_buf *buf, const void *data, size_t n) {
    if (!reserve(buf, n))
        return;
    if (n)
        memcpy(buf->data + buf->n, data, n);
    buf->n += n;
    buf->data[buf->n] = 0;
}

void qn_buf_puts(qn_buf *buf, const char *s) { qn_buf_append(buf, s, strlen(s)); }

void qn_buf_printf(qn_buf *buf, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        buf->failed = true;
    else if (reserve(buf, (size_t)n)) {
        vsnprintf(buf->data + buf->n, (size_t)n + 1, fmt, again);
        buf->n += (size_t)n;
    }
    va_end(again);
}

qn_status qn_buf_check(qn_context *ctx, const qn_buf *buf) {
    return buf->failed ? qn_fail_memory(ctx, buf->n, "text") : QN_OK;
}

void qn_buf_free(qn_buf *buf) {
    free(buf->data);
    *buf = (qn_buf)QN_BUF_INIT;
}
