/* Recipes: a YAML mapping, read event by event against the rows of schemas/recipe.def.
 *
 * What a recipe may be is a small part of YAML: one document, no anchors, aliases or tags, each key once. Plain scalars are
 * what YAML 1.2's core schema says, so that a number is no text and `licence: no` is. Nothing nests deeper than the table,
 * so what is nested where it should not be is refused at its first event, before its content is read. */
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/map.h"
#include "ir/dim.h"
#include "quant/quant.h"

enum { MAX_BYTES = 1 << 20, MAX_ENTRIES = 1000, MAX_SHOWN = 60 };

/* ---- the table -------------------------------------------------------------------------------------- */

typedef enum section { SECTION_TOP, SECTION_VALIDATE } section;

typedef enum kind {
#define QN_RECIPE_KIND(KIND, NODE, JSON, MIN, MAX, TAKES) KIND_##KIND,
#include "recipe.def"
} kind;

typedef struct kind_row {
    yaml_event_type_t event;
    double min, max;
    const char *takes;
} kind_row;
static const kind_row g_kinds[] = {
#define NODE_SCALAR YAML_SCALAR_EVENT
#define NODE_SEQUENCE YAML_SEQUENCE_START_EVENT
#define NODE_MAPPING YAML_MAPPING_START_EVENT
#define QN_RECIPE_KIND(KIND, NODE, JSON, MIN, MAX, TAKES) {NODE_##NODE, MIN, MAX, TAKES},
#include "recipe.def"
};

static const struct {
    const char *name;
    qn_dtype dtype;
} g_precisions[] = {
#define QN_RECIPE_PRECISION(NAME, DTYPE) {NAME, DTYPE},
#include "recipe.def"
};

typedef struct list {
    const char **items;
    int32_t n, room;
} list;

/* What was read: a field a key, of the type of its kind. */
typedef const char *type_TEXT;
typedef qn_dtype type_PRECISION;
typedef const char *type_SCHEME;
typedef const char *type_ACTIVATIONS;
typedef int64_t type_COUNT;
typedef list type_PATTERNS;
typedef list type_RANGES;
typedef bool type_BOUNDS;
typedef double type_COSINE;
typedef double type_DECIBEL;
typedef double type_ERROR;
typedef struct fields {
#define QN_RECIPE_KEY(SECTION, KEY, KIND, OPTION, HELP) type_##KIND KEY;
#include "recipe.def"
} fields;

typedef struct key_row {
    section section;
    const char *name;
    kind kind;
    size_t offset;
} key_row;
static const key_row g_keys[] = {
#define QN_RECIPE_KEY(SECTION, KEY, KIND, OPTION, HELP) {SECTION_##SECTION, #KEY, KIND_##KIND, offsetof(fields, KEY)},
#include "recipe.def"
};
enum { N_KEYS = sizeof g_keys / sizeof g_keys[0] };

typedef struct reader {
    qn_context *ctx;
    const char *path, *data;
    qn_arena *arena;
    yaml_parser_t parser;
    yaml_event_t event; /* the newest; owned */
    fields fields;
} reader;

/* ---- refusals ------------------------------------------------------------------------------------------ */

/* QN_MALFORMED at the newest event: "FILE:LINE:COLUMN: ...", counted from 1. */
QN_MUST_USE QN_PRINTF(2, 3) static qn_status refuse(reader *r, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return qn_fail(r->ctx, QN_MALFORMED, "%s:%zu:%zu: %s", r->path, r->event.start_mark.line + 1,
                   r->event.start_mark.column + 1, text);
}

/* A failure that the library already explained gets its place; a wrong argument is here a malformed file. */
static qn_status locate(reader *r, qn_status status) {
    if (status != QN_USAGE && status != QN_UNSUPPORTED)
        return status;
    return qn_fail_in(r->ctx, status == QN_USAGE ? QN_MALFORMED : status, "%s:%zu:%zu", r->path,
                      r->event.start_mark.line + 1, r->event.start_mark.column + 1);
}

static qn_status bad_yaml(reader *r) {
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "no YAML";
    if (p->error == YAML_MEMORY_ERROR)
        return qn_fail_memory(r->ctx, 0, r->path);
    if (p->error != YAML_READER_ERROR)
        return qn_fail(r->ctx, QN_MALFORMED, "%s:%zu:%zu: %s%s%s", r->path, p->problem_mark.line + 1,
                       p->problem_mark.column + 1, problem, p->context ? " " : "", p->context ? p->context : "");
    size_t line = 1, column = 1; /* the byte reader knows an offset alone */
    for (size_t i = 0; i < p->problem_offset; i++) {
        line += r->data[i] == '\n';
        column = r->data[i] == '\n' ? 1 : column + 1;
    }
    return qn_fail(r->ctx, QN_MALFORMED, "%s:%zu:%zu: %s", r->path, line, column, problem);
}

/* ---- events ---------------------------------------------------------------------------------------------- */

static const char *scalar(const reader *r) { return (const char *)r->event.data.scalar.value; }

/* The scalar for a message: cut at MAX_SHOWN bytes, between characters. */
static int shown(const reader *r) {
    size_t n = strlen(scalar(r));
    if (n > MAX_SHOWN)
        for (n = MAX_SHOWN; n && (scalar(r)[n] & 0xc0) == 0x80;)
            n--;
    return (int)n;
}

/* Read the next event, refusing what no recipe has. */
static qn_status next(reader *r) {
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event))
        return bad_yaml(r);
    const yaml_char_t *anchor = NULL, *tag = NULL;
    switch ((int)r->event.type) {
    case YAML_ALIAS_EVENT: return refuse(r, "aliases ('*%.60s') are not taken", r->event.data.alias.anchor);
    case YAML_SCALAR_EVENT:
        anchor = r->event.data.scalar.anchor;
        tag = r->event.data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = r->event.data.sequence_start.anchor;
        tag = r->event.data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = r->event.data.mapping_start.anchor;
        tag = r->event.data.mapping_start.tag;
        break;
    }
    if (anchor)
        return refuse(r, "anchors ('&%.60s') are not taken", anchor);
    if (tag)
        return refuse(r, "tags ('%.60s') are not taken", tag);
    if (r->event.type == YAML_SCALAR_EVENT && strlen(scalar(r)) != r->event.data.scalar.length)
        return refuse(r, "text with a NUL character");
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
static scalar_class classify(const reader *r) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const floats[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    const char *s = scalar(r);
    if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
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

/* "KEY takes TAKES, not ..." about the newest event. */
static qn_status wrong_kind(reader *r, const char *key, const char *takes) {
    static const char *const classes[] = {"nothing", "the truth value ", "the number ", "the number ", ""};
    if (r->event.type == YAML_SEQUENCE_START_EVENT)
        return refuse(r, "'%s' takes %s, not a list", key, takes);
    if (r->event.type != YAML_SCALAR_EVENT)
        return refuse(r, "'%s' takes %s, not a mapping", key, takes);
    const scalar_class class = classify(r);
    if (class == IS_NULL)
        return refuse(r, "'%s' takes %s, not nothing", key, takes);
    return refuse(r, "'%s' takes %s, not %s'%.*s'", key, takes, classes[class], shown(r), scalar(r));
}

/* The newest event as text that is not empty, in the arena. `numbers`: whole ones count as text. */
static qn_status read_text(reader *r, const char *key, const char *takes, bool numbers, const char **out) {
    if (r->event.type != YAML_SCALAR_EVENT)
        return wrong_kind(r, key, takes);
    const scalar_class class = classify(r);
    if (class != IS_TEXT && !(numbers && class == IS_INT))
        return wrong_kind(r, key, takes);
    if (!*scalar(r))
        return refuse(r, "'%s' takes %s, not empty text", key, takes);
    *out = qn_arena_strdup(r->arena, scalar(r));
    return *out ? QN_OK : qn_fail_memory(r->ctx, strlen(scalar(r)), key);
}

static qn_status read_number(reader *r, const key_row *row, double *out) {
    const kind_row *k = &g_kinds[row->kind];
    const scalar_class class = classify(r);
    if (class != IS_INT && (class != IS_FLOAT || row->kind == KIND_COUNT))
        return wrong_kind(r, row->name, k->takes);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* the caller's may want a comma */
    if (!plain)
        return qn_fail_memory(r->ctx, 0, row->name);
    char *end = NULL;
    const bool decimal = !(scalar(r)[0] == '0' && strchr("xo", scalar(r)[1]) && scalar(r)[1]);
    const double v = decimal ? strtod_l(scalar(r), &end, plain) : NAN;
    freelocale(plain);
    if (!decimal || *end || !(v >= k->min && v <= k->max))
        return wrong_kind(r, row->name, k->takes);
    *out = v;
    return QN_OK;
}

/* ---- values, by kind -------------------------------------------------------------------------------------------- */

static qn_status read_TEXT(reader *r, const key_row *row, void *field) {
    return read_text(r, row->name, g_kinds[row->kind].takes, false, field);
}

static qn_status read_PRECISION(reader *r, const key_row *row, void *field) {
    for (size_t i = 0; i < sizeof g_precisions / sizeof g_precisions[0]; i++)
        if (strcmp(scalar(r), g_precisions[i].name) == 0) {
            *(qn_dtype *)field = g_precisions[i].dtype;
            return QN_OK;
        }
    return wrong_kind(r, row->name, g_kinds[row->kind].takes);
}

static qn_status read_SCHEME(reader *r, const key_row *row, void *field) {
    qn_scheme scheme;
    QN_TRY(read_TEXT(r, row, field));
    return locate(r, qn_scheme_parse(r->ctx, scalar(r), &scheme));
}

static qn_status read_ACTIVATIONS(reader *r, const key_row *row, void *field) {
    if (strcmp(scalar(r), "int8") != 0)
        return wrong_kind(r, row->name, g_kinds[row->kind].takes);
    return read_TEXT(r, row, field);
}

static qn_status read_COUNT(reader *r, const key_row *row, void *field) {
    double v = 0;
    QN_TRY(read_number(r, row, &v));
    *(int64_t *)field = (int64_t)v;
    return QN_OK;
}

static qn_status read_COSINE(reader *r, const key_row *row, void *field) { return read_number(r, row, field); }
static qn_status read_DECIBEL(reader *r, const key_row *row, void *field) { return read_number(r, row, field); }
static qn_status read_ERROR(reader *r, const key_row *row, void *field) { return read_number(r, row, field); }

static qn_status append(reader *r, const key_row *row, list *l, const char *item) {
    if (l->n == MAX_ENTRIES)
        return refuse(r, "'%s' has more than %d entries", row->name, MAX_ENTRIES);
    if (l->n == l->room) {
        const int32_t room = l->room ? 2 * l->room : 16;
        l->items = qn_arena_grow(r->arena, l->items, (size_t)l->n, (size_t)room, sizeof *l->items);
        if (!l->items)
            return qn_fail_memory(r->ctx, (size_t)room * sizeof *l->items, row->name);
        l->room = room;
    }
    l->items[l->n++] = item;
    return QN_OK;
}

static qn_status read_PATTERNS(reader *r, const key_row *row, void *field) {
    for (;;) {
        const char *item;
        QN_TRY(next(r));
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return QN_OK;
        QN_TRY(read_text(r, row->name, "a list of text", false, &item));
        QN_TRY(append(r, row, field, item));
    }
}

static bool has_dim(const list *l, const char *name) {
    const size_t n = strlen(name);
    for (int32_t i = 0; i < l->n; i++)
        if (strncmp(l->items[i], name, n) == 0 && l->items[i][n] == '=' && !strchr(l->items[i] + n + 1, '='))
            return true;
    return false;
}

static qn_status read_RANGES(reader *r, const key_row *row, void *field) {
    for (;;) {
        const char *name, *range, *both;
        qn_dim_range parsed;
        QN_TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return QN_OK;
        QN_TRY(read_text(r, row->name, "names of dimensions as keys", true, &name));
        if (has_dim(field, name))
            return refuse(r, "dimension '%.*s' is given twice", shown(r), scalar(r));
        QN_TRY(next(r));
        QN_TRY(read_text(r, name, "a range", true, &range));
        QN_TRY(locate(r, qn_dim_range_parse(r->ctx, r->arena, range, &parsed)));
        both = qn_arena_printf(r->arena, "%s=%s", name, range);
        if (!both)
            return qn_fail_memory(r->ctx, strlen(name) + strlen(range), row->name);
        QN_TRY(append(r, row, field, both));
    }
}

/* ---- mappings of keys ------------------------------------------------------------------------------------------------ */

static qn_status read_section(reader *r, section which);

static qn_status read_BOUNDS(reader *r, const key_row *row, void *field) {
    (void)row;
    *(bool *)field = true;
    return read_section(r, SECTION_VALIDATE);
}

typedef qn_status (*read_fn)(reader *, const key_row *, void *);
static const read_fn g_read[] = {
#define QN_RECIPE_KIND(KIND, NODE, JSON, MIN, MAX, TAKES) read_##KIND,
#include "recipe.def"
};

static qn_status unknown_key(reader *r, section which) {
    char known[512] = "";
    for (size_t i = 0, at = 0; i < N_KEYS; i++)
        if (g_keys[i].section == which && at < sizeof known)
            at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", at ? ", " : "", g_keys[i].name);
    return refuse(r, "unknown key '%.*s'%s; there are: %s", shown(r), scalar(r),
                  which == SECTION_VALIDATE ? " in 'validate'" : "", known);
}

/* The rest of a mapping whose start is the newest event. Sections nest once: recursion ends there. */
static qn_status read_section(reader *r, section which) {
    bool seen[N_KEYS] = {false};
    for (;;) {
        size_t k = 0;
        QN_TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return QN_OK;
        if (r->event.type != YAML_SCALAR_EVENT)
            return refuse(r, "a key is text");
        while (k < N_KEYS && (g_keys[k].section != which || strcmp(g_keys[k].name, scalar(r)) != 0))
            k++;
        if (k == N_KEYS)
            return unknown_key(r, which);
        if (seen[k])
            return refuse(r, "key '%s' is given twice", g_keys[k].name);
        seen[k] = true;
        QN_TRY(next(r));
        if (r->event.type != g_kinds[g_keys[k].kind].event)
            return wrong_kind(r, g_keys[k].name, g_kinds[g_keys[k].kind].takes);
        QN_TRY(g_read[g_keys[k].kind](r, &g_keys[k], (char *)&r->fields + g_keys[k].offset));
    }
}

static qn_status read_file(reader *r) {
    QN_TRY(next(r)); /* the stream's start */
    QN_TRY(next(r));
    if (r->event.type == YAML_STREAM_END_EVENT)
        return refuse(r, "no recipe in it: a recipe is a mapping of keys");
    QN_TRY(next(r));
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return refuse(r, "a recipe is a mapping of keys");
    QN_TRY(read_section(r, SECTION_TOP));
    QN_TRY(next(r)); /* the document's end */
    QN_TRY(next(r));
    return r->event.type == YAML_STREAM_END_EVENT ? QN_OK : refuse(r, "a second document");
}

/* ---- the recipe ---------------------------------------------------------------------------------------------------------- */

/* What qn_recipe_load hands out, in its own arena. */
typedef struct held {
    qn_recipe recipe; /* first: what the caller has is this */
    qn_arena *arena;
} held;

static qn_status parse(reader *r, size_t n_bytes) {
    if (!yaml_parser_initialize(&r->parser))
        return qn_fail_memory(r->ctx, sizeof r->parser, r->path);
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)r->data, n_bytes);
    qn_status status = read_file(r);
    yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
    return status;
}

static qn_status load(qn_context *ctx, const char *path, qn_arena *arena, qn_recipe **out) {
    char *data;
    size_t n_bytes;
    held *made;
    QN_NEW(ctx, arena, made);
    QN_TRY(qn_read_file(ctx, path, MAX_BYTES, &data, &n_bytes));
    reader r = {.ctx = ctx, .path = path, .data = data, .arena = arena,
                .fields = {.min_cosine = NAN, .min_sqnr = NAN, .max_abs = NAN, .max_rel = NAN}};
    qn_status status = parse(&r, n_bytes);
    free(data);
    QN_TRY(status);
    const fields *f = &r.fields;
    made->arena = arena;
    made->recipe = (qn_recipe){
        .description = f->description,
        .options = {.precision = f->precision, .weights = f->weights, .activations = f->activations, .min_compress_elems = f->min_elements,
                    .keep_fp32 = f->keep_fp32.items, .n_keep_fp32 = f->keep_fp32.n, .licence = f->licence},
        .dims = f->dims.items, .n_dims = f->dims.n,
        .bounds = {f->min_cosine, f->min_sqnr, f->max_abs, f->max_rel}};
    *out = &made->recipe;
    return QN_OK;
}

qn_status qn_recipe_load(qn_context *ctx, const char *path, qn_recipe **out) {
    qn_clear(ctx);
    *out = NULL;
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(ctx, sizeof(held), "a recipe");
    qn_status status = load(ctx, path, arena, out);
    if (status != QN_OK)
        qn_arena_destroy(arena);
    return status;
}

void qn_recipe_destroy(qn_recipe *recipe) {
    if (recipe)
        qn_arena_destroy(((held *)(void *)recipe)->arena);
}
