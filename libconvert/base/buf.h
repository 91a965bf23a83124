/* A growing byte buffer on the heap; doubles as a string builder (always 0-terminated). */
#ifndef QN_BASE_BUF_H
#define QN_BASE_BUF_H

#include "base/status.h"

typedef struct qn_buf {
    char *data;   /**< n bytes and a 0; NULL while empty */
    size_t n;
    size_t cap;
    bool failed;  /**< memory ran out: later appends do nothing; look once at the end */
} qn_buf;

#define QN_BUF_INIT {NULL, 0, 0, false}

void qn_buf_append(qn_buf *buf, const void *data, size_t n);
void qn_buf_puts(qn_buf *buf, const char *s);
QN_PRINTF(2, 3) void qn_buf_printf(qn_buf *buf, const char *fmt, ...);
/** QN_SYSTEM when an append ran out of memory. */
QN_MUST_USE qn_status qn_buf_check(qn_context *ctx, const qn_buf *buf);
void qn_buf_free(qn_buf *buf);

#endif
