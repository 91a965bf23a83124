/* Recipes: a YAML mapping, read event by event (api/yaml.h) against the rows of schemas/recipe.def. Each key comes once.
 * Nothing nests deeper than the table, so what is nested where it should not be is refused at its first event, before its
 * content is read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/yaml.h"
#include "base/map.h"
#include "ir/dim.h"
#include "quant/observe.h"
#include "quant/quant.h"

enum { MAX_BYTES = 1 << 20, MAX_ENTRIES = 1000 };

/* ---- the table -------------------------------------------------------------------------------------- */

typedef enum section { SECTION_TOP, SECTION_KEEP, SECTION_VALIDATE } section;

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

typedef struct patterns {
    list pattern, why; /* as many of both; why: NULL where there is none */
} patterns;

/* What was read: a field a key, of the type of its kind. */
typedef const char *type_TEXT;
typedef qn_dtype type_PRECISION;
typedef const char *type_SCHEME;
typedef const char *type_ACTIVATIONS;
typedef struct rules {
    list pattern, scheme; /* as many of both */
} rules;
typedef rules type_RULES;
typedef int64_t type_COUNT;
typedef patterns type_PATTERNS;
typedef list type_RANGES;
typedef bool type_BOUNDS;
typedef bool type_FLAG;
typedef double type_SHARE;
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
    qn_yaml yaml;
    fields fields;
} reader;

/* ---- values, by kind -------------------------------------------------------------------------------------------- */

static qn_status read_TEXT(reader *r, const key_row *row, void *field) {
    return qn_yaml_text(&r->yaml, row->name, g_kinds[row->kind].takes, false, field);
}

static qn_status read_PRECISION(reader *r, const key_row *row, void *field) {
    for (size_t i = 0; i < sizeof g_precisions / sizeof g_precisions[0]; i++)
        if (strcmp(qn_yaml_scalar(&r->yaml), g_precisions[i].name) == 0) {
            *(qn_dtype *)field = g_precisions[i].dtype;
            return QN_OK;
        }
    return qn_yaml_wrong_kind(&r->yaml, row->name, g_kinds[row->kind].takes);
}

static qn_status read_SCHEME(reader *r, const key_row *row, void *field) {
    qn_scheme scheme;
    QN_TRY(read_TEXT(r, row, field));
    return qn_yaml_locate(&r->yaml, qn_scheme_parse(r->yaml.ctx, qn_yaml_scalar(&r->yaml), &scheme));
}

static qn_status read_ACTIVATIONS(reader *r, const key_row *row, void *field) {
    qn_activation_scheme scheme;
    QN_TRY(read_TEXT(r, row, field));
    return qn_yaml_locate(&r->yaml, qn_activation_scheme_parse(r->yaml.ctx, qn_yaml_scalar(&r->yaml), &scheme));
}

static qn_status read_number(reader *r, const key_row *row, double *out) {
    const kind_row *k = &g_kinds[row->kind];
    return qn_yaml_number(&r->yaml, row->name, k->takes, row->kind == KIND_COUNT, k->min, k->max, out);
}

static qn_status read_COUNT(reader *r, const key_row *row, void *field) {
    double v = 0;
    QN_TRY(read_number(r, row, &v));
    *(int64_t *)field = (int64_t)v;
    return QN_OK;
}

static qn_status read_FLAG(reader *r, const key_row *row, void *field) {
    return qn_yaml_bool(&r->yaml, row->name, g_kinds[row->kind].takes, field);
}
static qn_status read_SHARE(reader *r, const key_row *row, void *field) { return read_number(r, row, field); }
static qn_status read_COSINE(reader *r, const key_row *row, void *field) { return read_number(r, row, field); }
static qn_status read_DECIBEL(reader *r, const key_row *row, void *field) { return read_number(r, row, field); }
static qn_status read_ERROR(reader *r, const key_row *row, void *field) { return read_number(r, row, field); }

static qn_status append(reader *r, const key_row *row, list *l, const char *item) {
    if (l->n == MAX_ENTRIES)
        return qn_yaml_refuse(&r->yaml, "'%s' has more than %d entries", row->name, MAX_ENTRIES);
    if (l->n == l->room) {
        const int32_t room = l->room ? 2 * l->room : 16;
        l->items = qn_arena_grow(r->yaml.arena, l->items, (size_t)l->n, (size_t)room, sizeof *l->items);
        if (!l->items)
            return qn_fail_memory(r->yaml.ctx, (size_t)room * sizeof *l->items, row->name);
        l->room = room;
    }
    l->items[l->n++] = item;
    return QN_OK;
}

static qn_status read_section(reader *r, section which);

/* An entry that says why it is there: its start is the newest event. */
static qn_status read_reasoned(reader *r, const key_row *row) {
    const yaml_mark_t start = r->yaml.event.start_mark;
    QN_TRY(read_section(r, SECTION_KEEP));
    r->yaml.event.start_mark = start; /* what is wrong with it as a whole is said of its start */
    return r->fields.pattern ? QN_OK : qn_yaml_refuse(&r->yaml, "an entry of '%s' without a pattern", row->name);
}

static qn_status read_PATTERNS(reader *r, const key_row *row, void *field) {
    patterns *p = field;
    for (;;) {
        QN_TRY(qn_yaml_next(&r->yaml));
        if (r->yaml.event.type == YAML_SEQUENCE_END_EVENT)
            return QN_OK;
        r->fields.pattern = r->fields.why = NULL;
        if (r->yaml.event.type == YAML_MAPPING_START_EVENT)
            QN_TRY(read_reasoned(r, row));
        else
            QN_TRY(qn_yaml_text(&r->yaml, row->name, "a list of text", false, &r->fields.pattern));
        QN_TRY(append(r, row, &p->pattern, r->fields.pattern));
        QN_TRY(append(r, row, &p->why, r->fields.why));
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
        QN_TRY(qn_yaml_next(&r->yaml));
        if (r->yaml.event.type == YAML_MAPPING_END_EVENT)
            return QN_OK;
        QN_TRY(qn_yaml_text(&r->yaml, row->name, "names of dimensions as keys", true, &name));
        if (has_dim(field, name))
            return qn_yaml_refuse(&r->yaml, "dimension '%.*s' is given twice", qn_yaml_shown(&r->yaml), qn_yaml_scalar(&r->yaml));
        QN_TRY(qn_yaml_next(&r->yaml));
        QN_TRY(qn_yaml_text(&r->yaml, name, "a range", true, &range));
        QN_TRY(qn_yaml_locate(&r->yaml, qn_dim_range_parse(r->yaml.ctx, r->yaml.arena, range, &parsed)));
        both = qn_arena_printf(r->yaml.arena, "%s=%s", name, range);
        if (!both)
            return qn_fail_memory(r->yaml.ctx, strlen(name) + strlen(range), row->name);
        QN_TRY(append(r, row, field, both));
    }
}

static qn_status read_RULES(reader *r, const key_row *row, void *field) {
    rules *all = field;
    for (;;) {
        const char *pattern, *scheme;
        qn_scheme parsed;
        QN_TRY(qn_yaml_next(&r->yaml));
        if (r->yaml.event.type == YAML_MAPPING_END_EVENT)
            return QN_OK;
        QN_TRY(qn_yaml_text(&r->yaml, row->name, "patterns as keys", true, &pattern));
        for (int32_t i = 0; i < all->pattern.n; i++)
            if (strcmp(all->pattern.items[i], pattern) == 0)
                return qn_yaml_refuse(&r->yaml, "pattern '%.*s' is given twice", qn_yaml_shown(&r->yaml), qn_yaml_scalar(&r->yaml));
        QN_TRY(qn_yaml_next(&r->yaml));
        QN_TRY(qn_yaml_text(&r->yaml, pattern, "a weight scheme", false, &scheme));
        QN_TRY(qn_yaml_locate(&r->yaml, qn_scheme_parse(r->yaml.ctx, scheme, &parsed)));
        QN_TRY(append(r, row, &all->pattern, pattern));
        QN_TRY(append(r, row, &all->scheme, scheme));
    }
}

/* ---- mappings of keys ------------------------------------------------------------------------------------------------ */

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
    static const char *const in[] = {"", " in an entry of 'keep_fp32'", " in 'validate'"};
    return qn_yaml_refuse(&r->yaml, "unknown key '%.*s'%s; there are: %s", qn_yaml_shown(&r->yaml),
                          qn_yaml_scalar(&r->yaml), in[which], known);
}

/* The rest of a mapping whose start is the newest event. Sections nest once: recursion ends there. */
static qn_status read_section(reader *r, section which) {
    bool seen[N_KEYS] = {false};
    for (;;) {
        size_t k = 0;
        QN_TRY(qn_yaml_next(&r->yaml));
        if (r->yaml.event.type == YAML_MAPPING_END_EVENT)
            return QN_OK;
        if (r->yaml.event.type != YAML_SCALAR_EVENT)
            return qn_yaml_refuse(&r->yaml, "a key is text");
        while (k < N_KEYS && (g_keys[k].section != which || strcmp(g_keys[k].name, qn_yaml_scalar(&r->yaml)) != 0))
            k++;
        if (k == N_KEYS)
            return unknown_key(r, which);
        if (seen[k])
            return qn_yaml_refuse(&r->yaml, "key '%s' is given twice", g_keys[k].name);
        seen[k] = true;
        QN_TRY(qn_yaml_next(&r->yaml));
        if (r->yaml.event.type != g_kinds[g_keys[k].kind].event)
            return qn_yaml_wrong_kind(&r->yaml, g_keys[k].name, g_kinds[g_keys[k].kind].takes);
        QN_TRY(g_read[g_keys[k].kind](r, &g_keys[k], (char *)&r->fields + g_keys[k].offset));
    }
}

static qn_status read_file(reader *r) {
    QN_TRY(qn_yaml_next(&r->yaml)); /* the stream's start */
    QN_TRY(qn_yaml_next(&r->yaml));
    if (r->yaml.event.type == YAML_STREAM_END_EVENT)
        return qn_yaml_refuse(&r->yaml, "no recipe in it: a recipe is a mapping of keys");
    QN_TRY(qn_yaml_next(&r->yaml));
    if (r->yaml.event.type != YAML_MAPPING_START_EVENT)
        return qn_yaml_refuse(&r->yaml, "a recipe is a mapping of keys");
    QN_TRY(read_section(r, SECTION_TOP));
    QN_TRY(qn_yaml_next(&r->yaml)); /* the document's end */
    QN_TRY(qn_yaml_next(&r->yaml));
    return r->yaml.event.type == YAML_STREAM_END_EVENT ? QN_OK : qn_yaml_refuse(&r->yaml, "a second document");
}

/* ---- the recipe ---------------------------------------------------------------------------------------------------------- */

/* What qn_recipe_load hands out, in its own arena. */
typedef struct held {
    qn_recipe recipe; /* first: what the caller has is this */
    qn_arena *arena;
} held;

static qn_status parse(reader *r, size_t n_bytes) {
    QN_TRY(qn_yaml_begin(&r->yaml, n_bytes));
    qn_status status = read_file(r);
    qn_yaml_end(&r->yaml);
    return status;
}

static qn_status load(qn_context *ctx, const char *path, qn_arena *arena, qn_recipe **out) {
    char *data;
    size_t n_bytes;
    held *made;
    QN_NEW(ctx, arena, made);
    QN_TRY(qn_read_file(ctx, path, MAX_BYTES, &data, &n_bytes));
    reader r = {.yaml = {.ctx = ctx, .path = path, .data = data, .arena = arena},
                .fields = {.min_cosine = NAN, .min_sqnr = NAN, .max_abs = NAN, .max_rel = NAN}};
    qn_status status = parse(&r, n_bytes);
    free(data);
    QN_TRY(status);
    const fields *f = &r.fields;
    qn_weight_rule *weight_rules;
    QN_NEW_ARRAY(ctx, arena, weight_rules, f->weight_rules.pattern.n + 1);
    for (int32_t i = 0; i < f->weight_rules.pattern.n; i++)
        weight_rules[i] = (qn_weight_rule){f->weight_rules.pattern.items[i], f->weight_rules.scheme.items[i]};
    made->arena = arena;
    made->recipe = (qn_recipe){
        .description = f->description, .source = f->source,
        .options = {.precision = f->precision, .weights = f->weights, .activations = f->activations,
                    .equalize = f->equalize, .correct_bias = f->bias_correction,
                    .weight_rules = weight_rules, .n_weight_rules = f->weight_rules.pattern.n,
                    .min_compress_elems = f->min_elements, .keep_fp32 = f->keep_fp32.pattern.items,
                    .n_keep_fp32 = f->keep_fp32.pattern.n, .keep_why = f->keep_fp32.why.items, .licence = f->licence},
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
