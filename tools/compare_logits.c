/* Outputs that are logits: divergence, agreement and loss. */
#include "tools/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

enum { IGNORE = -100, DEFAULT_TOP_K = 5, MOST_TOP_K = 1000 };

qn_status compare_logits_read(qn_context *ctx, const cli_args *args, compare_logits *out) {
    static const char *const implying[] = {"targets", "top-k", "max-kl", "min-top1", "max-loss-increase"};
    const char *targets = cli_string(args, "targets", NULL);
    long top_k = DEFAULT_TOP_K;
    out->output = cli_string(args, "logits", NULL);
    for (size_t i = 0; i < sizeof implying / sizeof *implying && !out->output; i++)
        out->output = cli_flag(args, implying[i]) ? "*" : NULL;
    if (!cli_int(args, "top-k", 1, MOST_TOP_K, &top_k))
        return QN_USAGE;
    if (cli_flag(args, "max-loss-increase") && !targets)
        return (qn_status)cli_usage("compare: --max-loss-increase needs --targets");
    out->options = (qn_logits_options){.top_k = (int32_t)top_k, .ignore_index = IGNORE};
    if (!targets)
        return QN_OK;
    qn_status status = qn_arrays_load(ctx, targets, &out->arrays);
    if (status != QN_OK)
        return (qn_status)cli_fail(ctx, status);
    if (qn_arrays_count(out->arrays) != 1)
        return (qn_status)cli_usage("compare: --targets %s: one array of class ids is wanted, it has %d", targets, (int)qn_arrays_count(out->arrays));
    out->options.targets = qn_arrays_tensor(out->arrays, 0);
    return QN_OK;
}

void compare_logits_free(compare_logits *logits) { qn_arrays_destroy(logits->arrays); }

static bool is_the_one(const compare_logits *logits, const char *name, const qn_tensor *t) {
    const bool is_float = t->dtype == QN_F32 || t->dtype == QN_F16 || t->dtype == QN_BF16 || t->dtype == QN_F64;
    return logits->output && is_float && (strcmp(logits->output, "*") == 0 ? t->rank >= 2 : strcmp(logits->output, name) == 0);
}

static void judge(compare_row *row, const compare_bounds *b) {
    const qn_logits_comparison *c = &row->logits;
    if (!isnan(b->max_kl) && !(c->kl_mean <= b->max_kl))
        compare_broke(row, "KL", c->kl_mean, "<=", b->max_kl);
    if (!isnan(b->min_top1) && !(c->top1 >= b->min_top1))
        compare_broke(row, "top-1 agreement", c->top1, ">=", b->min_top1);
    if (!isnan(b->max_loss_increase) && !(c->loss - c->loss_reference <= b->max_loss_increase))
        compare_broke(row, "loss increase", c->loss - c->loss_reference, "<=", b->max_loss_increase);
}

qn_status compare_logits_row(qn_context *ctx, const compare_logits *logits, const compare_bounds *bounds, const qn_tensor *reference,
                             const qn_tensor *variant, const uint8_t *mask, bool *done, compare_row *row) {
    if (*done || !is_the_one(logits, row->name, reference))
        return QN_OK;
    qn_logits_options options = logits->options;
    const int64_t classes = reference->rank > 0 ? reference->dims[reference->rank - 1] : 0;
    const int64_t n = classes > 0 ? (int64_t)(reference->n_bytes / qn_dtype_bytes(reference->dtype)) / classes : 0;
    uint8_t *positions = mask ? malloc((size_t)n + 1) : NULL;
    if (mask && !positions)
        return qn_fail_memory(ctx, (size_t)n + 1, "which positions count");
    for (int64_t i = 0; positions && i < n; i++)
        positions[i] = mask[i * classes];
    options.mask = positions;
    if (options.top_k > classes && classes > 0)
        options.top_k = (int32_t)classes;
    *done = true;
    qn_status status = qn_tensor_compare_logits(ctx, reference, variant, &options, &row->logits);
    free(positions);
    if (status != QN_OK)
        return status;
    row->has_logits = true;
    judge(row, bounds);
    return QN_OK;
}

void compare_logits_print(const compare_row *row, int32_t top_k) {
    const qn_logits_comparison *c = &row->logits;
    if (!row->has_logits)
        return;
    printf("  %s as logits: KL %.6g nats (99%% of positions under %.6g, most %.6g), same first class %.2f %%, of the first %d %.2f %%\n",
           row->name, c->kl_mean, c->kl_p99, c->kl_max, 100 * c->top1, (int)top_k, 100 * c->topk);
    if (c->targets > 0)
        printf("  loss %.6f nats, perplexity %.4f (reference %.6f, %.4f)\n", c->loss, exp(c->loss), c->loss_reference, exp(c->loss_reference));
}

void compare_logits_json(const compare_row *row, json_t *to) {
    const qn_logits_comparison *c = &row->logits;
    if (!row->has_logits)
        return;
    json_t *kl = json_object();
    json_object_set_new(kl, "mean", cli_json_real(c->kl_mean));
    json_object_set_new(kl, "p99", cli_json_real(c->kl_p99));
    json_object_set_new(kl, "max", cli_json_real(c->kl_max));
    json_object_set_new(to, "kl", kl);
    json_object_set_new(to, "top1", cli_json_real(c->top1));
    json_object_set_new(to, "topk", cli_json_real(c->topk));
    if (c->targets == 0)
        return;
    json_object_set_new(to, "loss", cli_json_real(c->loss));
    json_object_set_new(to, "perplexity", cli_json_real(exp(c->loss)));
    json_object_set_new(to, "reference_loss", cli_json_real(c->loss_reference));
    json_object_set_new(to, "reference_perplexity", cli_json_real(exp(c->loss_reference)));
}
