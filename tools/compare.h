/* What the files of the compare command share. */
#ifndef QN_TOOLS_COMPARE_H
#define QN_TOOLS_COMPARE_H

#include "tools/cli.h"

typedef struct compare_bounds {
    double min_cosine, min_sqnr, max_abs, max_rel, rtol, atol; /* NAN: not asked for */
    double max_kl, min_top1, max_loss_increase;                 /* of logits */
} compare_bounds;

typedef struct compare_row {
    const char *name;     /* of the output; of the layer in the source */
    const char *node;     /* layers: what made it in the variant */
    qn_comparison numbers;
    bool has_logits;      /* these are logits, and compared as such */
    qn_logits_comparison logits;
    bool pass;
    char why[160];        /* the first bound that broke; "" */
} compare_row;

typedef struct compare_variant {
    const char *file;
    double bytes;
    bool pass;
    compare_row *outputs, *layers;
    int n_outputs, n_layers;
    char **names;         /* copies, once compare_keep_names was called */
    int n_names;
    double load_ms, run_ms;
} compare_variant;

typedef struct compare_result {
    const char *reference;
    double reference_bytes, reference_load_ms, reference_ms; /* bytes 0: a golden */
    compare_variant *variants;
    int n_variants;
    compare_bounds bounds;
    int32_t top_k;
    bool pass;
} compare_result;

/* What a run left: outputs by name, and with layers every intermediate value by its name in the source. */
typedef struct compare_run compare_run;

/* Load and run `path`; its inputs come from the options and the golden (or NULL), or from the run `like`. */
qn_status compare_run_model(qn_context *ctx, const cli_args *args, const char *path, const qn_arrays *golden,
                            const compare_run *like, bool layers, compare_run **out);
/* The stored outputs of a golden as a run. */
qn_status compare_run_golden(const qn_arrays *golden, compare_run **out);
void compare_run_free(compare_run *run);
double compare_run_ms(const compare_run *run);
double compare_load_ms(const compare_run *run);
/** Of the model's files; 0 for a golden. */
double compare_bytes(const compare_run *run);
/* What --logits, --targets and --top-k ask for. */
typedef struct compare_logits {
    const char *output;   /* name of the output, or "*": the first floating point one with two dimensions or more; NULL: none */
    qn_arrays *arrays;    /* what targets point into */
    qn_logits_options options;
} compare_logits;

/* Compare what both have; `mask` (or NULL) covers leading dimensions, and its zeros do not count. QN_USAGE when they
 * have no output in common. */
qn_status compare_runs(qn_context *ctx, const cli_args *args, const compare_run *reference, const compare_run *variant,
                       const qn_tensor *mask, const compare_bounds *bounds, const compare_logits *logits, compare_variant *out);

/* Set pass and why of a row whose numbers are there. */
void compare_judge(compare_row *row, const compare_bounds *bounds);
/* A bound broke: the first is kept. */
void compare_broke(compare_row *row, const char *what, double value, const char *relation, double bound);

qn_status compare_logits_read(qn_context *ctx, const cli_args *args, compare_logits *out);
void compare_logits_free(compare_logits *logits);
/* Fill in logits of a row, when its output is the one; judge it. */
qn_status compare_logits_row(qn_context *ctx, const compare_logits *logits, const compare_bounds *bounds, const qn_tensor *reference,
                             const qn_tensor *variant, const uint8_t *mask, bool *done, compare_row *row);
void compare_logits_print(const compare_row *row, int32_t top_k);
void compare_logits_json(const compare_row *row, json_t *to);

/* Copy the names that the rows borrow from their run, so that the run can go. */
qn_status compare_keep_names(compare_variant *variant);
void compare_variant_free(compare_variant *variant);

/* A line a file; with `details` also a line an output and a layer. */
void compare_print(const compare_result *result, bool details);
int compare_print_json(const compare_result *result);
qn_status compare_write_html(qn_context *ctx, const char *path, const compare_result *result);

#endif
