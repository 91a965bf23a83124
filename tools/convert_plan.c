/* What a conversion is to do: the recipe, and the options over it. */
#include "tools/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Options that say nothing without --validate. */
static const char *const g_bounds[] = {"min-cosine", "min-sqnr", "max-abs", "max-rel", NULL};

static const struct {
    const char *name;
    qn_dtype dtype;
} g_precisions[] = {
#define QN_RECIPE_PRECISION(NAME, DTYPE) {NAME, DTYPE},
#include "recipe.def"
};
enum { N_PRECISIONS = sizeof g_precisions / sizeof g_precisions[0] };

/* ---- the command line over the recipe --------------------------------------------------------------- */

static qn_status read_precision(const cli_args *args, convert_plan *p) {
    const char *text = cli_string(args, "precision", NULL);
    if (!text) {
        if (p->options.precision == QN_NONE)
            p->options.precision = QN_F32;
        return QN_OK;
    }
    for (int i = 0; i < N_PRECISIONS; i++)
        if (strcmp(g_precisions[i].name, text) == 0) {
            p->options.precision = g_precisions[i].dtype;
            return QN_OK;
        }
    return (qn_status)cli_usage("convert: --precision takes fp32, fp16 or bf16, not '%s'", text);
}

/* "NAME=..." of both name the same dimension. */
static bool same_name(const char *a, const char *b) {
    const char *end = strrchr(a, '='), *other = strrchr(b, '=');
    return end && other && end - a == other - b && memcmp(a, b, (size_t)(end - a)) == 0;
}

/* The recipe's, less those that the command line gives; then the command line's. */
static qn_status merge_dims(const cli_args *args, convert_plan *p) {
    const int n_recipe = p->recipe ? p->recipe->n_dims : 0;
    int n_given;
    const char *const *given = cli_list(args, "dim", &n_given);
    p->dims = calloc((size_t)n_recipe + (size_t)n_given + 1, sizeof *p->dims);
    if (!p->dims)
        return (qn_status)(cli_usage("out of memory"), QN_SYSTEM);
    for (int i = 0; i < n_recipe; i++) {
        bool wins = true;
        for (int k = 0; k < n_given; k++)
            wins = wins && !same_name(p->recipe->dims[i], given[k]);
        if (wins)
            p->dims[p->n_dims++] = p->recipe->dims[i];
    }
    for (int i = 0; i < n_given; i++)
        p->dims[p->n_dims++] = given[i];
    return QN_OK;
}

/* Patterns do not contradict each other: the recipe's, then the command line's. */
static qn_status merge_keep(const cli_args *args, convert_plan *p) {
    const int n_recipe = p->options.n_keep_fp32;
    int n_given;
    const char *const *given = cli_list(args, "keep-fp32", &n_given);
    p->keep_fp32 = calloc((size_t)n_recipe + (size_t)n_given + 1, sizeof *p->keep_fp32);
    p->keep_why = calloc((size_t)n_recipe + (size_t)n_given + 1, sizeof *p->keep_why);
    if (!p->keep_fp32 || !p->keep_why)
        return (qn_status)(cli_usage("out of memory"), QN_SYSTEM);
    for (int i = 0; i < n_recipe; i++) {
        p->keep_fp32[i] = p->options.keep_fp32[i];
        p->keep_why[i] = p->options.keep_why ? p->options.keep_why[i] : NULL;
    }
    for (int i = 0; i < n_given; i++)
        p->keep_fp32[n_recipe + i] = given[i];
    p->options.keep_fp32 = p->keep_fp32;
    p->options.keep_why = p->keep_why;
    p->options.n_keep_fp32 = n_recipe + n_given;
    return QN_OK;
}

/* Where the scheme of "PATTERN=SCHEME" begins: after a sign of equality that a scheme's name follows; NULL: it is a scheme for all,
 * as what begins with the name of one is. */
static const char *scheme_of_rule(qn_context *ctx, const char *text) {
    if (qn_scheme_is_name(ctx, text))
        return NULL;
    for (const char *at = strchr(text, '='); at; at = strchr(at + 1, '='))
        if (qn_scheme_is_name(ctx, at + 1))
            return at + 1;
    return NULL;
}

/* The recipe's rules, then the command line's; of schemes for all the last. */
static qn_status merge_weights(qn_context *ctx, const cli_args *args, convert_plan *p) {
    const int n_recipe = p->options.n_weight_rules;
    int n_given, n = n_recipe;
    const char *const *given = cli_list(args, "weights", &n_given);
    p->rules = calloc((size_t)n_recipe + (size_t)n_given + 1, sizeof *p->rules);
    p->patterns = calloc((size_t)n_given + 1, sizeof *p->patterns);
    if (!p->rules || !p->patterns)
        return (qn_status)(cli_usage("out of memory"), QN_SYSTEM);
    if (n_recipe)
        memcpy(p->rules, p->options.weight_rules, (size_t)n_recipe * sizeof *p->rules);
    for (int i = 0; i < n_given; i++) {
        const char *scheme = scheme_of_rule(ctx, given[i]);
        if (!scheme) {
            p->options.weights = given[i];
            continue;
        }
        char *pattern = p->patterns[i] = strndup(given[i], (size_t)(scheme - given[i]) - 1);
        if (!pattern)
            return (qn_status)(cli_usage("out of memory"), QN_SYSTEM);
        p->rules[n++] = (qn_weight_rule){pattern, scheme};
    }
    p->n_patterns = n_given;
    p->options.weight_rules = p->rules;
    p->options.n_weight_rules = n;
    return QN_OK;
}

/* The least cosine that each precision is expected to keep; see docs/numerics.md. */
static double least_cosine(const qn_convert_options *o) {
    if (o->weights || o->n_weight_rules || o->precision == QN_BF16)
        return 0.99;
    return o->precision == QN_F16 ? 0.999 : 0.999999;
}

static qn_status read_bounds(const cli_args *args, convert_plan *p) {
    const qn_bounds none = {NAN, NAN, NAN, NAN}, *b = p->recipe ? &p->recipe->bounds : &none;
    p->bounds = (compare_bounds){b->min_cosine, b->min_sqnr, b->max_abs, b->max_rel, NAN, NAN, NAN, NAN, NAN};
    for (int i = 0; g_bounds[i]; i++)
        if (cli_flag(args, g_bounds[i]) && !cli_flag(args, "validate"))
            return (qn_status)cli_usage("convert: --%s bounds what --validate measures: give that too", g_bounds[i]);
    if (!cli_double(args, "min-cosine", &p->bounds.min_cosine) || !cli_double(args, "min-sqnr", &p->bounds.min_sqnr) ||
        !cli_double(args, "max-abs", &p->bounds.max_abs) || !cli_double(args, "max-rel", &p->bounds.max_rel))
        return QN_USAGE;
    if (isnan(p->bounds.min_cosine))
        p->bounds.min_cosine = least_cosine(&p->options);
    return QN_OK;
}

/* ---- the line that says it ---------------------------------------------------------------------------- */

/* " --NAME VALUE", quoted as a shell takes it. */
static void put_option(qn_buf *line, const char *name, const char *value) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:=,@%";
    qn_buf_printf(line, "%s--%s ", line->n ? " " : "", name);
    if (*value && !value[strspn(value, plain)]) {
        qn_buf_puts(line, value);
        return;
    }
    qn_buf_puts(line, "'");
    for (const char *c = value; *c; c++)
        if (*c == '\'')
            qn_buf_puts(line, "'\\''");
        else
            qn_buf_append(line, c, 1);
    qn_buf_puts(line, "'");
}

/* What decides the package's bytes and has no place of its own in the package, as options; thus a recipe and the options
 * that say the same give the same package. */
static void put_line(convert_plan *p) {
    const qn_convert_options *o = &p->options;
    for (int i = 0; i < N_PRECISIONS; i++)
        if (g_precisions[i].dtype == o->precision)
            put_option(&p->line, "precision", g_precisions[i].name);
    if (o->weights)
        put_option(&p->line, "weights", o->weights);
    for (int i = 0; i < o->n_weight_rules; i++) {
        qn_buf rule = QN_BUF_INIT;
        qn_buf_printf(&rule, "%s=%s", o->weight_rules[i].pattern, o->weight_rules[i].scheme);
        put_option(&p->line, "weights", rule.data ? rule.data : "");
        p->line.failed = p->line.failed || rule.failed;
        qn_buf_free(&rule);
    }
    if (o->activations)
        put_option(&p->line, "activations", o->activations);
    if (o->equalize > 0)
        qn_buf_printf(&p->line, " --equalize %g", o->equalize);
    if (o->correct_bias)
        qn_buf_puts(&p->line, " --bias-correction");
    if (o->min_compress_elems)
        qn_buf_printf(&p->line, " --min-elements %lld", (long long)o->min_compress_elems);
    for (int i = 0; i < o->n_keep_fp32; i++)
        put_option(&p->line, "keep-fp32", o->keep_fp32[i]);
    if (o->calibrate)
        put_option(&p->line, "calibrate", o->calibrate);
    if (o->stop_after)
        put_option(&p->line, "stop-after", o->stop_after);
    for (int i = 0; i < p->n_dims; i++)
        put_option(&p->line, "dim", p->dims[i]);
    if (o->no_passes)
        qn_buf_puts(&p->line, " --no-passes");
}

/* ---- both ------------------------------------------------------------------------------------------------ */

static qn_status read_options(qn_context *ctx, const cli_args *args, convert_plan *p) {
    long least = (long)p->options.min_compress_elems;
    qn_status status = read_precision(args, p);
    if (status != QN_OK)
        return status;
    if (!cli_int(args, "min-elements", 1, 0x7fffffffL, &least))
        return QN_USAGE;
    p->options.min_compress_elems = least;
    if (!cli_double(args, "equalize", &p->options.equalize))
        return QN_USAGE;
    p->options.correct_bias = p->options.correct_bias || cli_flag(args, "bias-correction");
    p->options.activations = cli_string(args, "activations", p->options.activations);
    p->options.licence = cli_string(args, "licence", p->options.licence);
    p->options.calibrate = cli_string(args, "calibrate", NULL);
    p->options.stop_after = cli_string(args, "stop-after", NULL);
    p->options.no_passes = cli_flag(args, "no-passes");
    p->options.ship = cli_flag(args, "ship");
    status = merge_weights(ctx, args, p);
    if (status == QN_OK)
        status = merge_dims(args, p);
    if (status == QN_OK)
        status = merge_keep(args, p);
    return status == QN_OK ? read_bounds(args, p) : status;
}

qn_status convert_plan_make(qn_context *ctx, const cli_args *args, convert_plan *p) {
    const char *recipe = cli_string(args, "recipe", NULL);
    *p = (convert_plan){.line = QN_BUF_INIT};
    qn_status status = recipe ? qn_recipe_load(ctx, recipe, &p->recipe) : QN_OK;
    if (status != QN_OK)
        return (qn_status)cli_fail(ctx, status);
    if (p->recipe)
        p->options = p->recipe->options;
    status = read_options(ctx, args, p);
    if (status != QN_OK)
        return status;
    put_line(p);
    status = qn_buf_check(ctx, &p->line);
    if (status != QN_OK)
        return (qn_status)cli_fail(ctx, status);
    p->options.recipe = p->line.data;
    return QN_OK;
}

void convert_plan_free(convert_plan *p) {
    qn_recipe_destroy(p->recipe);
    for (int i = 0; i < p->n_patterns; i++)
        free(p->patterns[i]);
    free(p->patterns);
    free(p->rules);
    free(p->dims);
    free(p->keep_fp32);
    free(p->keep_why);
    qn_buf_free(&p->line);
}
