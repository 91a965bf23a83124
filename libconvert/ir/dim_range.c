/* Ranges of symbols: "1..64", "1..", "14..2072:14", "32|128|512", "7". */
#include "ir/dim.h"

#include "base/buf.h"
#include "base/checked.h"

#include <inttypes.h>
#include <string.h>

/* A decimal number at *at, which moves behind it. */
static bool scan_number(const char **at, int64_t *out) {
    const char *p = *at;
    if (*p < '0' || *p > '9')
        return false;
    for (*out = 0; *p >= '0' && *p <= '9'; p++)
        if (!qn_mul_i64(*out, 10, out) || !qn_add_i64(*out, *p - '0', out))
            return false;
    *at = p;
    return true;
}

static qn_status parse_list(qn_context *ctx, qn_arena *arena, const char *text, qn_dim_range *out) {
    int32_t n = 1;
    for (const char *p = text; *p; p++)
        n += *p == '|';
    int64_t *list;
    QN_NEW_ARRAY(ctx, arena, list, n);
    const char *at = text;
    for (int32_t i = 0; i < n; i++) {
        if (!scan_number(&at, &list[i]) || *at != (i + 1 < n ? '|' : '\0'))
            return qn_fail(ctx, QN_USAGE, "range '%s': a list is numbers with | between them", text);
        if (i && list[i] <= list[i - 1])
            return qn_fail(ctx, QN_USAGE, "range '%s': %" PRId64 " does not come before %" PRId64, text, list[i - 1],
                           list[i]);
        at++;
    }
    *out = (qn_dim_range){list[0], list[n - 1], 1, list, n};
    return QN_OK;
}

qn_status qn_dim_range_parse(qn_context *ctx, qn_arena *arena, const char *text, qn_dim_range *out) {
    if (strchr(text, '|'))
        return parse_list(ctx, arena, text, out);
    qn_dim_range range = {0, INT64_MAX, 1, NULL, 0};
    const char *at = text;
    if (!scan_number(&at, &range.min))
        return qn_fail(ctx, QN_USAGE, "range '%s' is not N, MIN..MAX, MIN..MAX:MULTIPLE or A|B|C", text);
    if (!*at) {
        range.max = range.min;
        *out = range;
        return QN_OK;
    }
    bool shape = at[0] == '.' && at[1] == '.';
    at += shape ? 2 : 0;
    if (shape && *at && *at != ':')
        shape = scan_number(&at, &range.max);
    if (shape && *at == ':') {
        at++;
        shape = scan_number(&at, &range.multiple);
    }
    if (!shape || *at)
        return qn_fail(ctx, QN_USAGE, "range '%s' is not N, MIN..MAX, MIN..MAX:MULTIPLE or A|B|C", text);
    if (range.max < range.min)
        return qn_fail(ctx, QN_USAGE, "range '%s' is empty", text);
    if (range.multiple == 0 || range.min % range.multiple)
        return qn_fail(ctx, QN_USAGE, "range '%s': %" PRId64 " is not a multiple of %" PRId64, text, range.min,
                       range.multiple);
    *out = range;
    return QN_OK;
}

bool qn_dim_range_has(const qn_dim_range *range, int64_t n) {
    if (n < range->min || n > range->max || (range->multiple > 1 && n % range->multiple))
        return false;
    for (int32_t i = 0; i < range->n_list; i++)
        if (range->list[i] == n)
            return true;
    return range->n_list == 0;
}

bool qn_dim_range_within(const qn_dim_range *inner, const qn_dim_range *outer) {
    for (int32_t i = 0; i < inner->n_list; i++)
        if (!qn_dim_range_has(outer, inner->list[i]))
            return false;
    if (inner->n_list > 0)
        return true;
    if (inner->min == inner->max)
        return qn_dim_range_has(outer, inner->min);
    return outer->n_list == 0 && inner->min >= outer->min && inner->max <= outer->max && inner->multiple % outer->multiple == 0;
}

const char *qn_dim_range_format(qn_arena *arena, const qn_dim_range *range) {
    qn_buf text = QN_BUF_INIT;
    if (range->n_list > 0) {
        for (int32_t i = 0; i < range->n_list; i++)
            qn_buf_printf(&text, "%s%" PRId64, i ? "|" : "", range->list[i]);
    } else {
        qn_buf_printf(&text, "%" PRId64, range->min);
        if (range->max == INT64_MAX)
            qn_buf_puts(&text, "..");
        else if (range->max != range->min)
            qn_buf_printf(&text, "..%" PRId64, range->max);
        if (range->multiple > 1 && range->max != range->min)
            qn_buf_printf(&text, ":%" PRId64, range->multiple);
    }
    const char *copy = text.failed ? NULL : qn_arena_strndup(arena, text.data, text.n);
    qn_buf_free(&text);
    return copy ? copy : "?";
}
