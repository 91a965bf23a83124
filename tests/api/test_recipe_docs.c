/* The table of a recipe's keys, schemas/recipe.def, against what is made from it: the schema and the documentation. */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "tests/api/small_model.h"
#include "tests/test.h"

typedef struct key {
    const char *section, *name, *kind, *option, *help;
} key;
static const key g_keys[] = {
#define QN_RECIPE_KEY(SECTION, KEY, KIND, OPTION, HELP) {#SECTION, #KEY, #KIND, OPTION, HELP},
#include "recipe.def"
};
enum { N_KEYS = sizeof g_keys / sizeof g_keys[0] };

typedef struct kind {
    const char *name, *json;
    double min, max;
    const char *takes;
} kind;
static const kind g_kinds[] = {
#define QN_RECIPE_KIND(KIND, NODE, JSON, MIN, MAX, TAKES) {#KIND, JSON, MIN, MAX, TAKES},
#include "recipe.def"
};

static const char *const g_precisions[] = {
#define QN_RECIPE_PRECISION(NAME, DTYPE) NAME,
#include "recipe.def"
};

static const kind *kind_of(const key *k) {
    for (size_t i = 0; i < sizeof g_kinds / sizeof g_kinds[0]; i++)
        if (strcmp(g_kinds[i].name, k->kind) == 0)
            return &g_kinds[i];
    fail_msg("kind %s has no row", k->kind);
    return NULL;
}

static bool is(const key *k, const char *name) { return strcmp(k->kind, name) == 0; }

static void put_properties(qn_buf *out, const char *section, const char *indent);

/* What the schema says of one key beside its type. */
static void put_constraints(qn_buf *out, const key *k) {
    const kind *row = kind_of(k);
    if (is(k, "PRECISION")) {
        qn_buf_puts(out, ", \"enum\": [");
        for (size_t i = 0; i < sizeof g_precisions / sizeof g_precisions[0]; i++)
            qn_buf_printf(out, "%s\"%s\"", i ? ", " : "", g_precisions[i]);
        qn_buf_puts(out, "]");
    } else if (is(k, "PATTERNS")) {
        qn_buf_puts(out, ", \"maxItems\": 1000, \"items\": {\"anyOf\": [{\"type\": \"string\", \"minLength\": 1},\n"
                         "     {\"type\": \"object\", \"required\": [\"pattern\"], \"additionalProperties\": false,\n"
                         "     \"properties\": {\n");
        put_properties(out, "KEEP", "      ");
        qn_buf_puts(out, "     }}]}");
    } else if (is(k, "RULES")) {
        qn_buf_puts(out, ", \"maxProperties\": 1000, \"propertyNames\": {\"minLength\": 1},\n     "
                         "\"additionalProperties\": {\"type\": \"string\", \"minLength\": 1}");
    } else if (is(k, "RANGES")) {
        qn_buf_puts(out, ", \"maxProperties\": 1000, \"propertyNames\": {\"minLength\": 1},\n     \"additionalProperties\": "
                         "{\"type\": [\"string\", \"integer\"], \"minLength\": 1}");
    } else if (is(k, "BOUNDS")) {
        qn_buf_puts(out, ", \"additionalProperties\": false,\n     \"properties\": {\n");
        put_properties(out, "VALIDATE", "      ");
        qn_buf_puts(out, "     }");
    } else if (is(k, "FLAG")) {
        ;
    } else if (strcmp(row->json, "string") == 0) {
        qn_buf_puts(out, ", \"minLength\": 1");
    } else {
        qn_buf_printf(out, ", \"minimum\": %.10g, \"maximum\": %.10g", row->min, row->max);
    }
}

static void put_properties(qn_buf *out, const char *section, const char *indent) {
    int n = 0;
    for (int i = 0; i < N_KEYS; i++) {
        if (strcmp(g_keys[i].section, section) != 0)
            continue;
        qn_buf_printf(out, "%s%s\"%s\": {\"description\": \"%s\",\n%s \"type\": \"%s\"", n++ ? ",\n" : "", indent,
                      g_keys[i].name, g_keys[i].help, indent, kind_of(&g_keys[i])->json);
        put_constraints(out, &g_keys[i]);
        qn_buf_puts(out, "}");
    }
    qn_buf_puts(out, "\n");
}

/* recipe.schema.json is what the table says. With QUERN_RECIPE_RECORD in the environment it is written anew. */
QN_TEST(api_recipe_schema) {
    static const char path[] = "schemas/recipe.schema.json";
    qn_context *ctx = qn_test_context();
    qn_buf wanted = QN_BUF_INIT;
    char *got;
    size_t n;
    qn_buf_puts(&wanted, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                         "  \"title\": \"A recipe of quern convert\",\n"
                         "  \"$comment\": \"from recipe.def, by the test api_recipe_schema\",\n"
                         "  \"type\": \"object\",\n  \"additionalProperties\": false,\n  \"properties\": {\n");
    put_properties(&wanted, "TOP", "    ");
    qn_buf_puts(&wanted, "  }\n}\n");
    ASSERT_OK(ctx, qn_buf_check(ctx, &wanted));
    if (getenv("QUERN_RECIPE_RECORD")) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(wanted.data, 1, wanted.n, f), wanted.n);
        assert_int_equal(fclose(f), 0);
    }
    ASSERT_OK(ctx, qn_read_file(ctx, path, 1 << 20, &got, &n));
    assert_string_equal(got, wanted.data);
    free(got);
    qn_buf_free(&wanted);
    qn_context_destroy(ctx);
}

/* In a Markdown table a bar is written "\|". */
static void put_cell(qn_buf *out, const char *text) {
    for (; *text; text++)
        qn_buf_printf(out, "%s%c", *text == '|' ? "\\" : "", *text);
}

static void put_doc_row(qn_buf *out, const key *k) {
    const char *in = strcmp(k->section, "TOP") == 0 ? "" : strcmp(k->section, "KEEP") == 0 ? "keep_fp32[]." : "validate.";
    qn_buf_printf(out, "| `%s%s` | ", in, k->name);
    put_cell(out, kind_of(k)->takes);
    qn_buf_printf(out, " | %s%s%s | ", *k->option ? "`" : "", k->option, *k->option ? "`" : "");
    put_cell(out, k->help);
    qn_buf_puts(out, " |\n");
}

/* docs/recipes.md has the table's rows in order, and each of its examples is a recipe. */
QN_TEST(api_recipe_docs) {
    qn_context *ctx = qn_test_context();
    qn_buf rows = QN_BUF_INIT;
    char *doc, path[256];
    size_t n;
    int n_examples = 0;
    snprintf(path, sizeof path, "%s/example.yaml", qn_test_tmp());
    for (int i = 0; i < N_KEYS; i++)
        put_doc_row(&rows, &g_keys[i]);
    ASSERT_OK(ctx, qn_buf_check(ctx, &rows));
    ASSERT_OK(ctx, qn_read_file(ctx, "docs/recipes.md", 1 << 20, &doc, &n));
    if (!strstr(doc, rows.data)) {
        fputs(rows.data, stderr);
        fail_msg("docs/recipes.md lacks these rows");
    }
    for (char *at = doc; (at = strstr(at, "```yaml\n")); n_examples++) {
        qn_recipe *r;
        at += strlen("```yaml\n");
        const char *end = strstr(at, "```");
        assert_non_null(end);
        small_write(path, at, (size_t)(end - at));
        ASSERT_OK(ctx, qn_recipe_load(ctx, path, &r));
        qn_recipe_destroy(r);
    }
    assert_true(n_examples >= 2);
    free(doc);
    qn_buf_free(&rows);
    qn_context_destroy(ctx);
}
