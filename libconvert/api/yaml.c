#include "api/yaml.h"

#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHOWN = 60 };

/* ---- refusals ------------------------------------------------------------------------------------------ */

qn_status qn_yaml_refuse(qn_yaml *y, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return qn_fail(y->ctx, QN_MALFORMED, "%s:%zu:%zu: %s", y->path, y->event.start_mark.line + 1,
                   y->event.start_mark.column + 1, text);
}

qn_status qn_yaml_locate(qn_yaml *y, qn_status status) {
    if (status != QN_USAGE && status != QN_UNSUPPORTED)
        return status;
    return qn_fail_in(y->ctx, status == QN_USAGE ? QN_MALFORMED : status, "%s:%zu:%zu", y->path,
                      y->event.start_mark.line + 1, y->event.start_mark.column + 1);
}

static qn_status bad_yaml(qn_yaml *y) {
    const yaml_parser_t *p = &y->parser;
    const char *problem = p->problem ? p->problem : "no YAML";
    if (p->error == YAML_MEMORY_ERROR)
        return qn_fail_memory(y->ctx, 0, y->path);
    if (p->error != YAML_READER_ERROR)
        return qn_fail(y->ctx, QN_MALFORMED, "%s:%zu:%zu: %s%s%s", y->path, p->problem_mark.line + 1,
                       p->problem_mark.column + 1, problem, p->context ? " " : "", p->context ? p->context : "");
    size_t line = 1, column = 1; /* the byte reader knows an offset alone */
    for (size_t i = 0; i < p->problem_offset; i++) {
        line += y->data[i] == '\n';
        column = y->data[i] == '\n' ? 1 : column + 1;
    }
    return qn_fail(y->ctx, QN_MALFORMED, "%s:%zu:%zu: %s", y->path, line, column, problem);
}

/* ---- events ---------------------------------------------------------------------------------------------- */

const char *qn_yaml_scalar(const qn_yaml *y) { return (const char *)y->event.data.scalar.value; }

int qn_yaml_shown(const qn_yaml *y) {
    size_t n = strlen(qn_yaml_scalar(y));
    if (n > MAX_SHOWN)
        for (n = MAX_SHOWN; n && (qn_yaml_scalar(y)[n] & 0xc0) == 0x80;)
            n--;
    return (int)n;
}

qn_status qn_yaml_next(qn_yaml *y) {
    yaml_event_delete(&y->event);
    if (!yaml_parser_parse(&y->parser, &y->event))
        return bad_yaml(y);
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch ((int)y->event.type) {
    case YAML_ALIAS_EVENT: return qn_yaml_refuse(y, "aliases ('*%.60s') are not taken", y->event.data.alias.anchor);
    case YAML_SCALAR_EVENT:
        anchor = y->event.data.scalar.anchor;
        tag = y->event.data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = y->event.data.sequence_start.anchor;
        tag = y->event.data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = y->event.data.mapping_start.anchor;
        tag = y->event.data.mapping_start.tag;
        break;
    }
    if (anchor)
        return qn_yaml_refuse(y, "anchors ('&%.60s') are not taken", anchor);
    if (tag)
        return qn_yaml_refuse(y, "tags ('%.60s') are not taken", tag);
    if (y->event.type == YAML_SCALAR_EVENT && strlen(qn_yaml_scalar(y)) != y->event.data.scalar.length)
        return qn_yaml_refuse(y, "text with a NUL character");
    return QN_OK;
}

/* ---- scalars ------------------------------------------------------------------------------------------------ */

typedef enum scalar_class { IS_NULL, IS_BOOL, IS_INT, IS_FLOAT, IS_TEXT } scalar_class;

static bool one_of(const char *s, const char *const *words) {
    for (; *words; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

/* What YAML 1.2's core schema (10.3.2) makes of the scalar. */
static scalar_class classify(const qn_yaml *y) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const floats[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    const char *s = qn_yaml_scalar(y);
    if (y->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return IS_TEXT;
    if (one_of(s, nulls) || one_of(s, bools))
        return one_of(s, nulls) ? IS_NULL : IS_BOOL;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'o') && s[2] &&
        !s[2 + strspn(s + 2, s[1] == 'x' ? "0123456789abcdefABCDEF" : "01234567")])
        return IS_INT;
    s += *s == '+' || *s == '-';
    if (one_of(s, floats))
        return IS_FLOAT;
    /* ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
    const char *digits = "0123456789";
    size_t whole = strspn(s, digits), part = 0;
    s += whole;
    if (*s == 0)
        return whole ? IS_INT : IS_TEXT;
    if (*s == '.')
        s += 1 + (part = strspn(s + 1, digits));
    if (whole + part == 0)
        return IS_TEXT;
    if (*s == 'e' || *s == 'E') {
        s += 1 + (s[1] == '+' || s[1] == '-');
        if (!*s)
            return IS_TEXT;
        s += strspn(s, digits);
    }
    return *s ? IS_TEXT : IS_FLOAT;
}

qn_status qn_yaml_wrong_kind(qn_yaml *y, const char *key, const char *takes) {
    static const char *const classes[] = {"nothing", "the truth value ", "the number ", "the number ", ""};
    if (y->event.type == YAML_SEQUENCE_START_EVENT)
        return qn_yaml_refuse(y, "'%s' takes %s, not a list", key, takes);
    if (y->event.type != YAML_SCALAR_EVENT)
        return qn_yaml_refuse(y, "'%s' takes %s, not a mapping", key, takes);
    const scalar_class class = classify(y);
    if (class == IS_NULL)
        return qn_yaml_refuse(y, "'%s' takes %s, not nothing", key, takes);
    return qn_yaml_refuse(y, "'%s' takes %s, not %s'%.*s'", key, takes, classes[class], qn_yaml_shown(y), qn_yaml_scalar(y));
}

qn_status qn_yaml_text(qn_yaml *y, const char *key, const char *takes, bool numbers, const char **out) {
    if (y->event.type != YAML_SCALAR_EVENT)
        return qn_yaml_wrong_kind(y, key, takes);
    const scalar_class class = classify(y);
    if (class != IS_TEXT && !(numbers && class == IS_INT))
        return qn_yaml_wrong_kind(y, key, takes);
    if (!*qn_yaml_scalar(y))
        return qn_yaml_refuse(y, "'%s' takes %s, not empty text", key, takes);
    *out = qn_arena_strdup(y->arena, qn_yaml_scalar(y));
    return *out ? QN_OK : qn_fail_memory(y->ctx, strlen(qn_yaml_scalar(y)), key);
}

qn_status qn_yaml_number(qn_yaml *y, const char *key, const char *takes, bool whole, double min, double max, double *out) {
    const scalar_class class = classify(y);
    if (class != IS_INT && (class != IS_FLOAT || whole))
        return qn_yaml_wrong_kind(y, key, takes);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* the caller's may want a comma */
    if (!plain)
        return qn_fail_memory(y->ctx, 0, key);
    const char *text = qn_yaml_scalar(y);
    char *end = NULL;
    const bool decimal = !(text[0] == '0' && text[1] && strchr("xo", text[1]));
    const double v = decimal ? strtod_l(text, &end, plain) : NAN;
    freelocale(plain);
    if (!decimal || *end || !(v >= min && v <= max))
        return qn_yaml_wrong_kind(y, key, takes);
    *out = v;
    return QN_OK;
}

qn_status qn_yaml_bool(qn_yaml *y, const char *key, const char *takes, bool *out) {
    if (classify(y) != IS_BOOL)
        return qn_yaml_wrong_kind(y, key, takes);
    *out = strchr("tT", qn_yaml_scalar(y)[0]) != NULL;
    return QN_OK;
}

/* ---- begin and end ------------------------------------------------------------------------------------------ */

qn_status qn_yaml_begin(qn_yaml *y, size_t n_bytes) {
    if (!yaml_parser_initialize(&y->parser))
        return qn_fail_memory(y->ctx, sizeof y->parser, y->path);
    yaml_parser_set_encoding(&y->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&y->parser, (const unsigned char *)y->data, n_bytes);
    return QN_OK;
}

void qn_yaml_end(qn_yaml *y) {
    yaml_event_delete(&y->event);
    yaml_parser_delete(&y->parser);
}
