/* Recipes: what is read, and each refusal with its message. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "tests/test.h"

static const char g_int8[] = "recipes/int8-weights.yaml";

/* ---- reading ------------------------------------------------------------------------------------------ */

static const char *write_recipe(const char *text, size_t n) {
    static char path[256];
    snprintf(path, sizeof path, "%s/R.yaml", qn_test_tmp());
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

static qn_status load(qn_context *ctx, const char *text, qn_recipe **out) {
    return qn_recipe_load(ctx, write_recipe(text, strlen(text)), out);
}

QN_TEST(api_recipe_every_key) {
    qn_context *ctx = qn_test_context();
    qn_recipe *r;
    ASSERT_OK(ctx, load(ctx,
                        "# all of it\n"
                        "description: \"1\"\n"
                        "precision: bf16\n"
                        "weights: int8:per_tensor\n"
                        "weight_rules: {head.*: 'none', op:Conv: int4:block=64, 7: palette4}\n"
                        "equalize: 0.75\nbias_correction: True\n"
                        "min_elements: 64\n"
                        "source: a/b\n"
                        "keep_fp32: [Softmax, {pattern: '*head*', why: it needs 1e-3}, \"0\", {pattern: c}]\n"
                        "dims:\n  batch: 1..64\n  height: 14..2072:14\n  seq: 32|128|512\n  7: 1\n  a=b: 2\n"
                        "licence: CC0-1.0\n"
                        "validate: {min_cosine: 0.5, min_sqnr: -3, max_abs: 1e-3, max_rel: .25}\n",
                        &r));
    assert_string_equal(r->description, "1");
    assert_int_equal(r->options.precision, QN_BF16);
    assert_string_equal(r->options.weights, "int8:per_tensor");
    assert_int_equal(r->options.n_weight_rules, 3);
    assert_string_equal(r->options.weight_rules[0].pattern, "head.*");
    assert_string_equal(r->options.weight_rules[0].scheme, "none");
    assert_string_equal(r->options.weight_rules[1].pattern, "op:Conv");
    assert_string_equal(r->options.weight_rules[1].scheme, "int4:block=64");
    assert_string_equal(r->options.weight_rules[2].pattern, "7");
    assert_true(r->options.equalize == 0.75 && r->options.correct_bias);
    assert_int_equal(r->options.min_compress_elems, 64);
    assert_string_equal(r->source, "a/b");
    assert_int_equal(r->options.n_keep_fp32, 4);
    assert_string_equal(r->options.keep_fp32[3], "c");
    assert_string_equal(r->options.keep_why[1], "it needs 1e-3");
    assert_true(!r->options.keep_why[0] && !r->options.keep_why[2] && !r->options.keep_why[3]);
    assert_string_equal(r->options.keep_fp32[0], "Softmax");
    assert_string_equal(r->options.keep_fp32[1], "*head*");
    assert_string_equal(r->options.keep_fp32[2], "0");
    static const char *const dims[] = {"batch=1..64", "height=14..2072:14", "seq=32|128|512", "7=1", "a=b=2"};
    assert_int_equal(r->n_dims, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(r->dims[i], dims[i]);
    assert_string_equal(r->options.licence, "CC0-1.0");
    assert_true(r->bounds.min_cosine == 0.5 && r->bounds.min_sqnr == -3);
    assert_true(r->bounds.max_abs == 1e-3 && r->bounds.max_rel == 0.25);
    assert_null(r->options.recipe);
    assert_null(r->options.stop_after);
    assert_false(r->options.no_passes);
    qn_recipe_destroy(r);
    qn_context_destroy(ctx);
}

QN_TEST(api_recipe_absent_is_empty) {
    qn_context *ctx = qn_test_context();
    static const char *const texts[] = {"{}", "---\n{}\n...\n", "%YAML 1.1\n---\nvalidate: {}\n",
                                        "keep_fp32: []\ndims: {}\n", "\xef\xbb\xbf{}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        qn_recipe *r;
        ASSERT_OK(ctx, load(ctx, texts[i], &r));
        assert_null(r->description);
        assert_int_equal(r->options.precision, QN_NONE);
        assert_null(r->options.weights);
        assert_int_equal(r->options.min_compress_elems, 0);
        assert_int_equal(r->options.n_keep_fp32, 0);
        assert_int_equal(r->n_dims, 0);
        assert_null(r->options.licence);
        assert_true(isnan(r->bounds.min_cosine) && isnan(r->bounds.min_sqnr));
        assert_true(isnan(r->bounds.max_abs) && isnan(r->bounds.max_rel));
        qn_recipe_destroy(r);
    }
    qn_recipe_destroy(NULL);
    qn_context_destroy(ctx);
}

/* Every file in recipes/ is read. Those of depth models name where they come from, their licence and their dimensions. */
static const struct {
    const char *name, *source, *licence;
    int n_dims;
} g_depth[] = {
    {"depth-anything-v2-small.yaml", "depth-anything/Depth-Anything-V2-Small-hf", "Apache-2.0", 3},
    {"depth-anything-v2-base.yaml", "depth-anything/Depth-Anything-V2-Base-hf", "CC-BY-NC-4.0", 3},
    {"depth-anything-v2-large.yaml", "depth-anything/Depth-Anything-V2-Large-hf", "CC-BY-NC-4.0", 3},
    {"depth-anything-3-large.yaml", "depth-anything/DA3-LARGE", "CC-BY-NC-4.0", 4},
    {"depth-pro.yaml", "apple/DepthPro-hf", "apple-amlr", 1},
};
enum { N_DEPTH = sizeof g_depth / sizeof g_depth[0] };

static int check_depth(const char *name, const qn_recipe *r) {
    int found = 0;
    for (int i = 0; i < N_DEPTH; i++) {
        if (strcmp(name, g_depth[i].name) != 0)
            continue;
        assert_string_equal(r->source, g_depth[i].source);
        assert_string_equal(r->options.licence, g_depth[i].licence);
        assert_int_equal(r->n_dims, g_depth[i].n_dims);
        assert_int_equal(r->options.precision, QN_F16);
        assert_true(r->bounds.min_cosine == 0.9999);
        for (int32_t k = 0; k < r->options.n_keep_fp32; k++)
            assert_non_null(r->options.keep_why[k]);
        found++;
    }
    return found;
}

QN_TEST(api_recipe_shipped) {
    qn_context *ctx = qn_test_context();
    DIR *folder = opendir("recipes");
    int n = 0, n_depth = 0;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)); ) {
        char path[300];
        qn_recipe *r;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "recipes/%s", entry->d_name);
        ASSERT_OK(ctx, qn_recipe_load(ctx, path, &r));
        assert_non_null(r->description);
        assert_int_equal(r->options.precision, strcmp(entry->d_name, "bf16.yaml") == 0 ? QN_BF16 : QN_F16);
        assert_true(r->bounds.min_cosine >= 0.9);
        n_depth += check_depth(entry->d_name, r);
        n++;
        qn_recipe_destroy(r);
    }
    closedir(folder);
    assert_int_equal(n_depth, N_DEPTH);
    assert_int_equal(n, N_DEPTH + 3);
    qn_context_destroy(ctx);
}

/* ---- refusals -------------------------------------------------------------------------------------------- */

static const struct {
    const char *text, *message; /* after the file's name */
} g_refused[] = {
    /* no recipe */
    {"", ":1:1: no recipe in it: a recipe is a mapping of keys"},
    {"# only words\n", ": no recipe in it"},
    {"- precision\n", ":1:1: a recipe is a mapping of keys"},
    {"fp16\n", ":1:1: a recipe is a mapping of keys"},
    {"{}\n---\n{}\n", ":2:1: a second document"},
    /* keys */
    {"precison: fp16\n", ":1:1: unknown key 'precison'; there are: description, source, precision, weights, "
                         "weight_rules, activations, equalize, bias_correction, min_elements, keep_fp32, dims, licence, validate"},
    {"min_cosine: 0.9\n", ":1:1: unknown key 'min_cosine'; there are: description"},
    {"validate:\n  precision: fp16\n", ":2:3: unknown key 'precision' in 'validate'; there are: min_cosine, min_sqnr, "
                                       "max_abs, max_rel"},
    {"<<: {precision: fp16}\n", ":1:1: unknown key '<<'"},
    {"? [precision]\n: fp16\n", ":1:3: a key is text"},
    {"precision: fp16\nprecision: fp16\n", ":2:1: key 'precision' is given twice"},
    {"validate: {max_abs: 1, max_abs: 2}\n", ":1:24: key 'max_abs' is given twice"},
    {"dims:\n  b: 1\n  c: 2\n  'b': 3\n", ":4:3: dimension 'b' is given twice"},
    /* kinds */
    {"precision: [fp16]\n", ":1:12: 'precision' takes fp32, fp16 or bf16, not a list"},
    {"precision: fp8\n", ":1:12: 'precision' takes fp32, fp16 or bf16, not 'fp8'"},
    {"precision: {}\n", ":1:12: 'precision' takes fp32, fp16 or bf16, not a mapping"},
    {"precision: 16\n", ":1:12: 'precision' takes fp32, fp16 or bf16, not the number '16'"},
    {"precision:\n", ": 'precision' takes fp32, fp16 or bf16, not nothing"},
    {"description: {}\n", ":1:14: 'description' takes text, not a mapping"},
    {"licence: 2.0\n", ":1:10: 'licence' takes text, not the number '2.0'"},
    {"licence: true\n", ":1:10: 'licence' takes text, not the truth value 'true'"},
    {"licence: ''\n", ":1:10: 'licence' takes text, not empty text"},
    {"licence: ~\n", ":1:10: 'licence' takes text, not nothing"},
    {"weights: 8\n", ":1:10: 'weights' takes a weight scheme, not the number '8'"},
    {"weights: int9\n", ":1:10: 'int9' is no weight scheme"},
    {"weights: int8:per_row\n", ":1:10: weight scheme 'int8:per_row' has an unknown option 'per_row'"},
    {"weight_rules: int8\n", ":1:15: 'weight_rules' takes a mapping PATTERN: SCHEME, not 'int8'"},
    {"weight_rules: [a=int8]\n", ":1:15: 'weight_rules' takes a mapping PATTERN: SCHEME, not a list"},
    {"weight_rules: {a: int9}\n", ":1:19: 'int9' is no weight scheme"},
    {"weight_rules: {a: 8}\n", ":1:19: 'a' takes a weight scheme, not the number '8'"},
    {"weight_rules: {a: int8, a: int4}\n", ":1:25: pattern 'a' is given twice"},
    {"weight_rules: {'': int8}\n", ":1:16: 'weight_rules' takes patterns as keys, not empty text"},
    {"weight_rules: {a: [int8]}\n", ":1:19: 'a' takes a weight scheme, not a list"},
    {"equalize: 1.5\n", ":1:11: 'equalize' takes a number from 0 to 1, not the number '1.5'"},
    {"bias_correction: yes\n", ":1:18: 'bias_correction' takes true or false, not 'yes'"},
    {"bias_correction: []\n", "'bias_correction' takes true or false, not a list"},
    {"activations: int4\n", ":1:14: activations 'int4': there is int8, int8:dynamic or int8:static"},
    {"activations: 8\n", ":1:14: 'activations' takes an activation scheme, not the number '8'"},
    {"min_elements: many\n", ":1:15: 'min_elements' takes a whole number from 1 to 2147483647, not 'many'"},
    {"min_elements: '64'\n", ":1:15: 'min_elements' takes a whole number"},
    {"min_elements: 1.5\n", ":1:15: 'min_elements' takes a whole number from 1 to 2147483647, not the number '1.5'"},
    {"min_elements: 0\n", ":1:15: 'min_elements' takes a whole number from 1"},
    {"min_elements: 2147483648\n", ":1:15: 'min_elements' takes a whole number from 1"},
    {"min_elements: 0x10\n", ":1:15: 'min_elements' takes a whole number from 1 to 2147483647, not the number '0x10'"},
    {"min_elements: 1_000\n", ":1:15: 'min_elements' takes a whole number from 1 to 2147483647, not '1_000'"},
    {"keep_fp32: Softmax\n", ":1:12: 'keep_fp32' takes a list of patterns, not 'Softmax'"},
    {"keep_fp32: [Softmax, 3]\n", ":1:22: 'keep_fp32' takes a list of text, not the number '3'"},
    {"keep_fp32:\n  - {pattern: a, what: b}\n", ":2:18: unknown key 'what' in an entry of 'keep_fp32'; there are: pattern, why"},
    {"keep_fp32:\n  - a\n  - why: b\n", ":3:5: an entry of 'keep_fp32' without a pattern"},
    {"keep_fp32: [{}]\n", ":1:13: an entry of 'keep_fp32' without a pattern"},
    {"keep_fp32: [{pattern: a, pattern: b}]\n", ":1:26: key 'pattern' is given twice"},
    {"keep_fp32: [{pattern: 3}]\n", ":1:23: 'pattern' takes text, not the number '3'"},
    {"keep_fp32: [{pattern: a, why: [b]}]\n", ":1:31: 'why' takes text, not a list"},
    {"keep_fp32: [{pattern: a, why: ''}]\n", ":1:31: 'why' takes text, not empty text"},
    {"calibrate: inputs\n", ":1:1: unknown key 'calibrate'"},
    {"source: 7\n", ":1:9: 'source' takes text, not the number '7'"},
    {"keep_fp32: [[a]]\n", ":1:13: 'keep_fp32' takes a list of text, not a list"},
    {"dims: batch=1\n", ":1:7: 'dims' takes a mapping NAME: RANGE, not 'batch=1'"},
    {"dims: [batch]\n", ":1:7: 'dims' takes a mapping NAME: RANGE, not a list"},
    {"dims: {batch: [1, 2]}\n", ":1:15: 'batch' takes a range, not a list"},
    {"dims: {batch: 1.5}\n", ":1:15: 'batch' takes a range, not the number '1.5'"},
    {"dims: {[a]: 1}\n", ":1:8: 'dims' takes names of dimensions as keys, not a list"},
    {"dims: {'': 1}\n", ":1:8: 'dims' takes names of dimensions as keys, not empty text"},
    {"dims: {batch: 9..3}\n", ":1:15: range '9..3' is empty"},
    {"validate: true\n", ":1:11: 'validate' takes a mapping of bounds, not the truth value 'true'"},
    {"validate: {min_cosine: high}\n", ":1:24: 'min_cosine' takes a number from -1 to 1, not 'high'"},
    {"validate: {min_cosine: 2}\n", ":1:24: 'min_cosine' takes a number from -1 to 1, not the number '2'"},
    {"validate: {min_cosine: .nan}\n", ":1:24: 'min_cosine' takes a number from -1 to 1, not the number '.nan'"},
    {"validate: {max_abs: -1}\n", ":1:21: 'max_abs' takes a number from 0"},
    {"validate: {max_rel: .inf}\n", ":1:21: 'max_rel' takes a number from 0"},
    {"validate: {min_sqnr: [40]}\n", ":1:22: 'min_sqnr' takes a number from -1000 to 1000, not a list"},
    /* what of YAML no recipe has */
    {"precision: &p fp16\n", ":1:12: anchors ('&p') are not taken"},
    {"validate: &v {}\n", ":1:11: anchors ('&v') are not taken"},
    {"keep_fp32: &k []\n", ":1:12: anchors ('&k') are not taken"},
    {"precision: *p\n", ":1:12: aliases ('*p') are not taken"},
    {"precision: !!str fp16\n", ":1:12: tags ('tag:yaml.org,2002:str') are not taken"},
    {"precision: ! fp16\n", ":1:12: tags ('!') are not taken"},
    {"!recipe {}\n", ":1:1: tags ('!recipe') are not taken"},
    {"keep_fp32: !!seq []\n", ":1:12: tags ("},
    {"licence: \"a\\0b\"\n", ":1:10: text with a NUL character"},
    /* no YAML */
    {"keep_fp32: [fp16\n", ":2:1: did not find expected ',' or ']'"},
    {"licence: b: c\n", ":1:11: mapping values are not allowed in this context"},
    {"precision:\tfp16\n\tx: y\n", ":2:1: found a tab character"},
    {"description: ok\nlicence: \xff\n", ":2:10: invalid leading UTF-8 octet"},
    {"licence: \"a\n", ": found unexpected end of stream while scanning a quoted scalar"},
};

QN_TEST(api_recipe_refuses) {
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof g_refused / sizeof g_refused[0]; i++) {
        qn_recipe *r = NULL;
        ASSERT_FAILS(ctx, QN_MALFORMED, "R.yaml:", load(ctx, g_refused[i].text, &r));
        ASSERT_FAILS(ctx, QN_MALFORMED, g_refused[i].message, load(ctx, g_refused[i].text, &r));
        assert_null(r);
    }
    qn_context_destroy(ctx);
}

QN_TEST(api_recipe_names_what_is_no_scheme) {
    qn_context *ctx = qn_test_context();
    qn_recipe *r;
    ASSERT_FAILS(ctx, QN_MALFORMED, "R.yaml:2:10: weight scheme 'palette4:mse': minmax, percentile= and mse choose scales, which this palette has not",
                 load(ctx, "precision: fp16\nweights: palette4:mse\n", &r));
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such.yaml", qn_recipe_load(ctx, "no/such.yaml", &r));
    qn_context_destroy(ctx);
}

/* ---- limits ------------------------------------------------------------------------------------------------ */

static void put_many(qn_buf *text, const char *piece, int n) {
    for (int i = 0; i < n; i++)
        qn_buf_puts(text, piece);
}

QN_TEST(api_recipe_size) {
    qn_context *ctx = qn_test_context();
    qn_buf text = QN_BUF_INIT;
    qn_recipe *r;
    qn_buf_puts(&text, "{}\n");
    put_many(&text, "#\n", ((1 << 20) - 4) / 2);
    qn_buf_puts(&text, "\n");
    assert_int_equal(text.n, 1 << 20);
    ASSERT_OK(ctx, load(ctx, text.data, &r));
    qn_recipe_destroy(r);
    qn_buf_puts(&text, "\n");
    ASSERT_FAILS(ctx, QN_MALFORMED, "R.yaml: 1048577 bytes, more than the 1048576", load(ctx, text.data, &r));
    qn_buf_free(&text);
    qn_context_destroy(ctx);
}

/* However deep it goes, the first level that has no place is refused. */
QN_TEST(api_recipe_depth) {
    qn_context *ctx = qn_test_context();
    static const struct {
        const char *head, *piece, *message;
    } cases[] = {{"", "[", ":1:1: a recipe is a mapping of keys"},
                 {"", "{", ":1:2: a key is text"},
                 {"", "- ", ":1:1: a recipe is a mapping of keys"},
                 {"keep_fp32: ", "[", ":1:13: 'keep_fp32' takes a list of text, not a list"},
                 {"keep_fp32: [", "{", ":1:14: a key is text"},
                 {"validate: {max_abs: ", "[", ":1:21: 'max_abs' takes a number from 0 to 1e300, not a list"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        qn_buf text = QN_BUF_INIT;
        qn_recipe *r;
        qn_buf_puts(&text, cases[i].head);
        put_many(&text, cases[i].piece, 100000);
        ASSERT_FAILS(ctx, QN_MALFORMED, cases[i].message, load(ctx, text.data, &r));
        qn_buf_free(&text);
    }
    qn_context_destroy(ctx);
}

QN_TEST(api_recipe_entries) {
    qn_context *ctx = qn_test_context();
    qn_buf text = QN_BUF_INIT;
    qn_recipe *r;
    qn_buf_puts(&text, "keep_fp32:\n");
    put_many(&text, "- x\n", 1000);
    ASSERT_OK(ctx, load(ctx, text.data, &r));
    assert_int_equal(r->options.n_keep_fp32, 1000);
    qn_recipe_destroy(r);
    qn_buf_puts(&text, "- x\n");
    ASSERT_FAILS(ctx, QN_MALFORMED, ":1002:3: 'keep_fp32' has more than 1000 entries", load(ctx, text.data, &r));
    qn_buf_free(&text);
    qn_context_destroy(ctx);
}

/* A long key does not push the known ones out of the message, and is cut between characters. */
QN_TEST(api_recipe_long_key) {
    qn_context *ctx = qn_test_context();
    qn_buf text = QN_BUF_INIT;
    qn_recipe *r;
    qn_buf_puts(&text, "a");
    put_many(&text, "\xc3\xa9", 400);
    qn_buf_puts(&text, ": 1\n");
    ASSERT_FAILS(ctx, QN_MALFORMED, "\xc3\xa9'; there are: description", load(ctx, text.data, &r));
    qn_buf_free(&text);
    qn_context_destroy(ctx);
}

/* Any prefix of a recipe is read or refused. */
QN_TEST(api_recipe_prefixes) {
    qn_context *ctx = qn_test_context();
    char *text;
    size_t n;
    ASSERT_OK(ctx, qn_read_file(ctx, g_int8, 1 << 20, &text, &n));
    for (size_t i = 0; i <= n; i++) {
        qn_recipe *r = NULL;
        qn_status status = qn_recipe_load(ctx, write_recipe(text, i), &r);
        assert_int_equal(r != NULL, status == QN_OK);
        if (status != QN_OK) {
            assert_int_equal(status, QN_MALFORMED);
            assert_non_null(strstr(qn_context_message(ctx), "R.yaml:"));
        }
        qn_recipe_destroy(r);
    }
    free(text);
    qn_context_destroy(ctx);
}
