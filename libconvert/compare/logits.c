#include "compare/logits.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/eval.h"

static double largest_of(const float *x, int64_t n) {
    double largest = -(double)INFINITY;
    for (int64_t i = 0; i < n; i++)
        largest = (double)x[i] > largest ? (double)x[i] : largest;
    return largest;
}

static double log_sum(const float *x, int64_t n) {
    const double largest = largest_of(x, n);
    double sum = 0;
    if (!isfinite(largest))
        return (double)NAN;
    for (int64_t i = 0; i < n; i++)
        sum += exp((double)x[i] - largest);
    return largest + log(sum);
}

double qn_logits_divergence(const float *reference, const float *variant, int64_t n) {
    const double lr = log_sum(reference, n), lv = log_sum(variant, n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double p = exp((double)reference[i] - lr);
        sum += p == 0 ? 0 : p * (((double)reference[i] - lr) - ((double)variant[i] - lv));
    }
    return isnan(sum) ? (double)INFINITY : sum;
}

/* ---- the largest ------------------------------------------------------------------------------------------------- */

/* Classes before i in the order of logits: larger ones, and of equal ones the first. */
static bool before(const float *x, int32_t a, int32_t b) { return x[a] > x[b] || (x[a] == x[b] && a < b); }

/* top[0..k): the classes of the k largest, in order. */
static void largest(const float *x, int64_t n, int32_t k, int32_t *top) {
    int32_t found = 0;
    for (int32_t i = 0; i < (int32_t)n; i++) {
        if (found == k && !before(x, i, top[k - 1]))
            continue;
        int32_t at = found < k ? found++ : k - 1;
        for (; at > 0 && before(x, i, top[at - 1]); at--)
            top[at] = top[at - 1];
        top[at] = i;
    }
}

static void add_tops(const float *r, const float *v, int64_t n, int32_t k, int32_t *tops, qn_logits_sums *sums) {
    largest(r, n, k, tops);
    largest(v, n, k, tops + k);
    sums->same_top += tops[0] == tops[k];
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < k; j++)
            sums->in_both += tops[i] == tops[k + j];
}

/* ---- positions ---------------------------------------------------------------------------------------------------- */

static qn_status check(qn_context *ctx, const qn_tensor *r, const qn_tensor *v, int32_t top_k, const qn_tensor *t) {
    if (!qn_dtype_is_float(r->dtype) || !qn_dtype_is_float(v->dtype) || r->rank < 1)
        return qn_fail(ctx, QN_USAGE, "logits are floating point numbers in one dimension or more");
    if (r->rank != v->rank || memcmp(r->dims, v->dims, (size_t)r->rank * sizeof *r->dims) != 0)
        return qn_fail(ctx, QN_USAGE, "logits of different shapes");
    const int64_t classes = r->dims[r->rank - 1];
    if (classes < 1 || classes > INT32_MAX)
        return qn_fail(ctx, QN_USAGE, "logits of %" PRId64 " classes", classes);
    if (top_k < 1 || top_k > classes)
        return qn_fail(ctx, QN_USAGE, "the %" PRId32 " largest of %" PRId64 " logits", top_k, classes);
    if (t && ((t->dtype != QN_I64 && t->dtype != QN_I32) || t->rank != r->rank - 1 ||
              memcmp(t->dims, r->dims, (size_t)t->rank * sizeof *t->dims) != 0))
        return qn_fail(ctx, QN_USAGE, "targets are int32 or int64 in the shape of the logits without their last dimension");
    return QN_OK;
}

static int64_t target_at(const qn_tensor *t, int64_t i) {
    int64_t wide;
    int32_t narrow;
    if (t->dtype == QN_I64) {
        memcpy(&wide, (const char *)t->data + (size_t)i * sizeof wide, sizeof wide);
        return wide;
    }
    memcpy(&narrow, (const char *)t->data + (size_t)i * sizeof narrow, sizeof narrow);
    return narrow;
}

static qn_status room_for(qn_context *ctx, qn_logits_sums *sums, int64_t more) {
    if (sums->n + more <= sums->room)
        return QN_OK;
    const int64_t room = 2 * (sums->n + more);
    double *kl = realloc(sums->kl, (size_t)room * sizeof *kl);
    if (!kl)
        return qn_fail_memory(ctx, (size_t)room * sizeof *kl, "the divergence of each position");
    sums->kl = kl;
    sums->room = room;
    return QN_OK;
}

/* Row `first` of a tensor as float32. */
static void row_of(const qn_tensor *t, int64_t row, int64_t n, float *out) {
    const qn_const c = {.dtype = t->dtype, .rank = 1, .dims = {(int64_t)(t->n_bytes / qn_dtype_bytes(t->dtype))}, .axis = -1,
                        .part = {{t->data, t->n_bytes}}};
    qn_const_elements(&c, row * n, n, out);
}

static qn_status add_target(qn_context *ctx, int64_t target, int64_t position, const float *r, const float *v, int64_t n,
                            qn_logits_sums *sums) {
    if (target < 0 || target >= n)
        return qn_fail(ctx, QN_USAGE, "target %" PRId64 " at position %" PRId64 " is none of %" PRId64 " classes", target, position, n);
    sums->loss_reference += log_sum(r, n) - (double)r[target];
    sums->loss += log_sum(v, n) - (double)v[target];
    sums->n_targets++;
    return QN_OK;
}

static qn_status add_rows(qn_context *ctx, const qn_tensor *reference, const qn_tensor *variant, int32_t top_k, const qn_tensor *targets,
                          int64_t ignore_index, const uint8_t *mask, float *rows, int32_t *tops, qn_logits_sums *sums) {
    const int64_t n = reference->dims[reference->rank - 1],
                  positions = (int64_t)(reference->n_bytes / qn_dtype_bytes(reference->dtype)) / n;
    float *r = rows, *v = rows + n;
    for (int64_t i = 0; i < positions; i++) {
        if (mask && !mask[i])
            continue;
        row_of(reference, i, n, r);
        row_of(variant, i, n, v);
        sums->kl[sums->n++] = qn_logits_divergence(r, v, n);
        add_tops(r, v, n, top_k, tops, sums);
        if (targets && target_at(targets, i) != ignore_index)
            QN_TRY(add_target(ctx, target_at(targets, i), i, r, v, n, sums));
    }
    return QN_OK;
}

qn_status qn_logits_add(qn_context *ctx, const qn_tensor *reference, const qn_tensor *variant, int32_t top_k, const qn_tensor *targets,
                        int64_t ignore_index, const uint8_t *mask, qn_logits_sums *sums) {
    QN_TRY(check(ctx, reference, variant, top_k, targets));
    const int64_t n = reference->dims[reference->rank - 1];
    QN_TRY(room_for(ctx, sums, (int64_t)(reference->n_bytes / qn_dtype_bytes(reference->dtype)) / n));
    float *rows = malloc(2 * (size_t)n * sizeof *rows);
    int32_t *tops = malloc(2 * (size_t)top_k * sizeof *tops);
    qn_status status = rows && tops ? add_rows(ctx, reference, variant, top_k, targets, ignore_index, mask, rows, tops, sums)
                                    : qn_fail_memory(ctx, 2 * (size_t)n * sizeof *rows, "a row of logits");
    free(rows);
    free(tops);
    return status;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void qn_logits_finish(qn_logits_sums *sums, int32_t top_k, qn_logits_comparison *out) {
    const double n = (double)sums->n, targets = (double)sums->n_targets, none = (double)NAN;
    double sum = 0;
    *out = (qn_logits_comparison){.positions = sums->n, .targets = sums->n_targets, .kl_mean = none, .kl_p99 = none, .kl_max = none,
                                  .top1 = none, .topk = none, .loss_reference = none, .loss = none};
    if (sums->n_targets) {
        out->loss_reference = sums->loss_reference / targets;
        out->loss = sums->loss / targets;
    }
    if (!sums->n)
        return;
    qsort(sums->kl, (size_t)sums->n, sizeof *sums->kl, by_value);
    for (int64_t i = 0; i < sums->n; i++)
        sum += sums->kl[i];
    out->kl_mean = sum / n;
    out->kl_p99 = sums->kl[(int64_t)floor(0.99 * (n - 1))];
    out->kl_max = sums->kl[sums->n - 1];
    out->top1 = (double)sums->same_top / n;
    out->topk = (double)sums->in_both / (n * top_k);
}

void qn_logits_free(qn_logits_sums *sums) {
    free(sums->kl);
    *sums = (qn_logits_sums){0};
}

qn_status qn_tensor_compare_logits(qn_context *ctx, const qn_tensor *reference, const qn_tensor *variant, const qn_logits_options *options,
                                   qn_logits_comparison *out) {
    const qn_logits_options plain = {.top_k = 1};
    qn_logits_sums sums = {0};
    options = options ? options : &plain;
    const int32_t top_k = options->top_k > 0 ? options->top_k : 1;
    qn_clear(ctx);
    qn_status status = qn_logits_add(ctx, reference, variant, top_k, options->targets, options->ignore_index, options->mask, &sums);
    if (status == QN_OK)
        qn_logits_finish(&sums, top_k, out);
    qn_logits_free(&sums);
    return status;
}
