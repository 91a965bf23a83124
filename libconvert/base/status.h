/* Status values: how a failure travels from where it is known to who asked. */
#ifndef QN_BASE_STATUS_H
#define QN_BASE_STATUS_H

#include "quern.h"

/** Pass a failure up. The message was written where the fact was known. */
#define QN_TRY(call)                              \
    do {                                          \
        qn_status qn_try_status_ = (call);        \
        if (qn_try_status_ != QN_OK)              \
            return qn_try_status_;                \
    } while (0)

/** Write the message (cut at 1 KiB, one line: control characters become '?') and return `status`.
 *  Safe from pool workers: the first failure wins until qn_clear. */
QN_MUST_USE QN_PRINTF(3, 4) qn_status qn_fail(qn_context *ctx, qn_status status, const char *fmt, ...);

/** The same cut at 1 MiB, the names of a large model's tensors: for a message that lists what is wrong. */
QN_MUST_USE QN_PRINTF(3, 4) qn_status qn_fail_list(qn_context *ctx, qn_status status, const char *fmt, ...);

/** Put "PREFIX: " before the message held, e.g. the file in which it happened. Returns `status`. */
QN_MUST_USE QN_PRINTF(3, 4) qn_status qn_fail_in(qn_context *ctx, qn_status status, const char *fmt, ...);

/** QN_SYSTEM, "out of memory (N bytes for WHAT)". */
QN_MUST_USE qn_status qn_fail_memory(qn_context *ctx, size_t n_bytes, const char *what);

/** Forget the message: the caller has dealt with the failure. */
void qn_clear(qn_context *ctx);

/** Send a line to the log callback; nothing when there is none. */
QN_PRINTF(3, 4) void qn_log(qn_context *ctx, qn_log_level level, const char *fmt, ...);

/** Also hand every line of QN_LOG_WARN to fn, until a call with NULL. */
typedef void (*qn_warning_fn)(void *user, const char *line);
void qn_listen_warnings(qn_context *ctx, qn_warning_fn fn, void *user);

/** Tell the progress callback. `total` 0: unknown. */
void qn_progress(qn_context *ctx, const char *what, uint64_t done, uint64_t total);

/** QN_CANCELLED when the cancel callback says so, else QN_OK. */
QN_MUST_USE qn_status qn_check_cancel(qn_context *ctx);

#endif
