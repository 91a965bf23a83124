/* Divergence, agreement and loss of logits, against the formulas without the shift by the largest. */
#include "tests/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "compare/logits.h"

/* A position by the formulas: what small finite logits allow. */
static double brute_kl(const float *r, const float *v, int n) {
    double zr = 0, zv = 0, kl = 0;
    for (int i = 0; i < n; i++) {
        zr += exp((double)r[i]);
        zv += exp((double)v[i]);
    }
    for (int i = 0; i < n; i++) {
        const double p = exp((double)r[i]) / zr, q = exp((double)v[i]) / zv;
        kl += p * log(p / q);
    }
    return kl;
}

static double brute_loss(const float *x, int n, int64_t target) {
    double z = 0;
    for (int i = 0; i < n; i++)
        z += exp((double)x[i]);
    return -log(exp((double)x[target]) / z);
}

/* Is class c among the k largest? It is when fewer than k come before it. */
static bool in_top(const float *x, int n, int k, int c) {
    int before = 0;
    for (int i = 0; i < n; i++)
        before += x[i] > x[c] || (x[i] == x[c] && i < c);
    return before < k;
}

static double brute_overlap(const float *r, const float *v, int n, int k) {
    int both = 0;
    for (int i = 0; i < n; i++)
        both += in_top(r, n, k, i) && in_top(v, n, k, i);
    return (double)both / k;
}

static qn_tensor floats(float *data, int64_t rows, int64_t classes) {
    return (qn_tensor){QN_F32, 2, {rows, classes}, data, (size_t)(rows * classes) * sizeof *data};
}

static qn_tensor ids(int64_t *data, int64_t rows) { return (qn_tensor){QN_I64, 1, {rows}, data, (size_t)rows * sizeof *data}; }

static qn_logits_comparison compare(qn_tensor r, qn_tensor v, const qn_logits_options *options) {
    qn_context *ctx = qn_test_context();
    qn_logits_comparison c;
    ASSERT_OK(ctx, qn_tensor_compare_logits(ctx, &r, &v, options, &c));
    qn_context_destroy(ctx);
    return c;
}

static qn_logits_comparison compare_rows(float *r, float *v, int64_t rows, int64_t classes) {
    return compare(floats(r, rows, classes), floats(v, rows, classes), NULL);
}

/* Halves from -3 to 3, so that there are ties. */
static float tied(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)((*state >> 24) % 13) / 2 - 3;
}

enum { ROWS = 300, CLASSES = 17, IGNORED = -100 };

static void fill(float *r, float *v, int64_t *targets) {
    uint32_t state = 1;
    for (int i = 0; i < ROWS * CLASSES; i++) {
        r[i] = tied(&state);
        v[i] = r[i] + (i % 3 ? 0 : tied(&state) / 2);
    }
    for (int i = 0; i < ROWS; i++)
        targets[i] = i % 7 == 3 ? IGNORED : i % CLASSES;
}

/* Sums in double of 17 terms near 1, and logarithms of them, 300 times: the two ways are apart by some 1e-15, far less than 1e-12. */
QN_TEST(compare_logits_brute_force) {
    static float r[ROWS * CLASSES], v[ROWS * CLASSES];
    static int64_t targets[ROWS];
    static const int32_t ks[3] = {1, 4, CLASSES};
    fill(r, v, targets);
    for (int k = 0; k < 3; k++) {
        double kl = 0, kl_max = 0, overlap = 0, loss_reference = 0, loss = 0;
        int n_targets = 0, same = 0;
        for (int i = 0; i < ROWS; i++) {
            const float *a = r + i * CLASSES, *b = v + i * CLASSES;
            kl += brute_kl(a, b, CLASSES);
            kl_max = fmax(kl_max, brute_kl(a, b, CLASSES));
            overlap += brute_overlap(a, b, CLASSES, ks[k]);
            same += brute_overlap(a, b, CLASSES, 1) == 1;
            if (targets[i] == IGNORED)
                continue;
            n_targets++;
            loss_reference += brute_loss(a, CLASSES, targets[i]);
            loss += brute_loss(b, CLASSES, targets[i]);
        }
        const qn_tensor t = ids(targets, ROWS);
        const qn_logits_comparison c = compare(floats(r, ROWS, CLASSES), floats(v, ROWS, CLASSES),
                                               &(qn_logits_options){.top_k = ks[k], .targets = &t, .ignore_index = IGNORED});
        assert_true(c.positions == ROWS && c.targets == n_targets);
        assert_true(kl > 1 && fabs(c.kl_mean - kl / ROWS) < 1e-12 && fabs(c.kl_max - kl_max) < 1e-12);
        assert_true(same > 0 && same < ROWS && c.top1 == (double)same / ROWS);
        assert_true(fabs(c.topk - overlap / ROWS) < 1e-12 && (c.topk == 1) == (ks[k] == CLASSES));
        assert_true(fabs(c.loss_reference - loss_reference / n_targets) < 1e-12);
        assert_true(fabs(c.loss - loss / n_targets) < 1e-12);
    }
}

/* Two classes, p = (3/4, 1/4) and q = (1/2, 1/2); log 3 is rounded to float32. */
QN_TEST(compare_logits_by_hand) {
    float r[2] = {(float)log(3), 0}, v[2] = {7, 7};
    const qn_logits_comparison c = compare_rows(r, v, 1, 2);
    assert_true(fabs(c.kl_mean - (0.75 * log(1.5) + 0.25 * log(0.5))) < 1e-7);
    assert_true(c.kl_p99 == c.kl_mean && c.kl_max == c.kl_mean && c.top1 == 1);
    assert_true(c.targets == 0 && isnan(c.loss) && isnan(c.loss_reference));
}

/* A number added to all logits changes nothing, and no size of them overflows. */
QN_TEST(compare_logits_shift_and_size) {
    float r[3] = {1, 2, 4}, shifted[3] = {101, 102, 104}, far[3] = {3e38f, -3e38f, 0};
    assert_true(compare_rows(r, r, 1, 3).kl_max == 0);
    assert_true(fabs(compare_rows(r, shifted, 1, 3).kl_max) < 1e-13); /* log-sum-exp near 100: some 1e-14 */
    assert_true(compare_rows(far, far, 1, 3).kl_mean == 0);
    assert_true(fabs(compare_rows(far, r, 1, 3).kl_mean - brute_loss(r, 3, 0)) < 1e-12); /* p is 1 for class 0 */
    const qn_logits_comparison c = compare_rows(r, far, 1, 3); /* log p - log q of class 2 is about 3e38 */
    assert_true(isfinite(c.kl_mean) && c.kl_mean > 1e38 && c.top1 == 0);
}

QN_TEST(compare_logits_ties) {
    float r[4] = {1, 5, 5, 5}, v[4] = {5, 5, 5, 1}, w[4] = {0, 5, 4, 4};
    const qn_logits_options two = {.top_k = 2}, three = {.top_k = 3};
    assert_true(compare(floats(r, 1, 4), floats(v, 1, 4), &two).topk == 0.5);        /* {1,2} and {0,1} */
    assert_true(compare(floats(r, 1, 4), floats(v, 1, 4), &three).topk == 2.0 / 3);  /* {1,2,3} and {0,1,2} */
    assert_true(compare(floats(r, 1, 4), floats(v, 1, 4), &two).top1 == 0);
    assert_true(compare(floats(r, 1, 4), floats(w, 1, 4), &three).topk == 1);
    assert_true(compare(floats(r, 1, 4), floats(w, 1, 4), &three).top1 == 1);
}

/* A class that both mask adds nothing, one that only the reference masks adds nothing either; one that only the variant masks cannot be. */
QN_TEST(compare_logits_masked_classes) {
    const float inf = INFINITY;
    float masked[3] = {1, -inf, 2}, other[3] = {1, -inf, 3}, open[3] = {1, 0, 2}, none[3] = {-inf, -inf, -inf};
    float nan[3] = {1, NAN, 2}, certain[3] = {1, inf, 2};
    assert_true(fabs(compare_rows(masked, other, 1, 3).kl_mean - brute_kl((float[]){1, 2}, (float[]){1, 3}, 2)) < 1e-12);
    assert_true(isfinite(compare_rows(masked, open, 1, 3).kl_mean) && compare_rows(masked, open, 1, 3).kl_mean > 0);
    assert_true(compare_rows(open, masked, 1, 3).kl_mean == (double)inf && compare_rows(open, masked, 1, 3).top1 == 1);
    float *const undefined[3] = {none, nan, certain};
    for (int i = 0; i < 3; i++) {
        assert_true(compare_rows(open, undefined[i], 1, 3).kl_p99 == (double)inf);
        assert_true(compare_rows(undefined[i], open, 1, 3).kl_max == (double)inf);
    }
    int64_t target[1] = {1};
    const qn_tensor t = ids(target, 1);
    const qn_logits_options options = {.targets = &t, .ignore_index = IGNORED};
    const qn_logits_comparison c = compare(floats(open, 1, 3), floats(masked, 1, 3), &options);
    assert_true(isfinite(c.loss_reference) && c.loss == (double)inf);
}

QN_TEST(compare_logits_one_class_and_no_position) {
    float r[3] = {1, 2, 3}, v[3] = {3, -5, 0};
    int64_t targets[3] = {0, 0, 0};
    const qn_tensor t = ids(targets, 3), none = ids(targets, 0);
    const qn_logits_options options = {.targets = &t, .ignore_index = IGNORED}, empty = {.targets = &none};
    qn_logits_comparison c = compare(floats(r, 3, 1), floats(v, 3, 1), &options);
    assert_true(c.positions == 3 && c.kl_max == 0 && c.top1 == 1 && c.topk == 1 && c.loss == 0 && c.loss_reference == 0);
    c = compare(floats(r, 0, 2), floats(v, 0, 2), &empty);
    assert_true(c.positions == 0 && c.targets == 0 && isnan(c.kl_mean) && isnan(c.kl_p99) && isnan(c.kl_max));
    assert_true(isnan(c.top1) && isnan(c.topk) && isnan(c.loss));
}

/* 201 positions of divergence 0 but for the last in order: the percentile is number floor(0.99 * 200) = 198 of 0..200. */
QN_TEST(compare_logits_percentile) {
    float r[402] = {0}, v[402] = {0};
    v[0] = 3;
    v[20] = 3;
    assert_true(compare_rows(r, v, 201, 2).kl_p99 == 0 && compare_rows(r, v, 201, 2).kl_max > 0);
    v[200] = 1;
    const qn_logits_comparison c = compare_rows(r, v, 201, 2);
    assert_true(c.kl_p99 > 0 && c.kl_p99 < c.kl_max);
    assert_true(fabs(c.kl_p99 - brute_kl(r, (float[]){1, 0}, 2)) < 1e-15);
}

QN_TEST(compare_logits_mask_and_ignore_index) {
    float r[6] = {1, 2, 1, 2, 1, 2}, v[6] = {1, 2, 2, 1, 1, 2};
    int32_t targets[3] = {0, 1, 1};
    const uint8_t mask[3] = {1, 0, 1}, nothing[3] = {0};
    const qn_tensor t = {QN_I32, 1, {3}, targets, sizeof targets};
    qn_logits_options options = {.targets = &t, .ignore_index = IGNORED, .mask = mask};
    qn_logits_comparison c = compare(floats(r, 3, 2), floats(v, 3, 2), &options);
    assert_true(c.positions == 2 && c.kl_max == 0 && c.top1 == 1 && c.targets == 2 && c.loss == c.loss_reference);
    options = (qn_logits_options){.targets = &t, .ignore_index = 0};
    c = compare(floats(r, 3, 2), floats(v, 3, 2), &options);
    assert_true(c.positions == 3 && c.kl_max > 0 && c.top1 == 2.0 / 3 && c.targets == 2 && c.loss > c.loss_reference);
    options.mask = nothing;
    c = compare(floats(r, 3, 2), floats(v, 3, 2), &options);
    assert_true(c.positions == 0 && c.targets == 0 && isnan(c.kl_max) && isnan(c.loss));
    targets[1] = 2; /* a masked target is not looked at */
    options = (qn_logits_options){.targets = &t, .ignore_index = IGNORED, .mask = mask};
    assert_true(compare(floats(r, 3, 2), floats(v, 3, 2), &options).targets == 2);
}

/* float16 and float64 hold these exactly: all dtypes say the same. */
QN_TEST(compare_logits_dtypes) {
    uint16_t half[2] = {0x3c00, 0x4000}, brain[2] = {0x3f80, 0x4000};
    double wide[2] = {1, 2}, less[2] = {2, 2};
    float r[2] = {1, 2}, v[2] = {2, 2};
    const qn_tensor h = {QN_F16, 2, {1, 2}, half, sizeof half}, b = {QN_BF16, 2, {1, 2}, brain, sizeof brain};
    const qn_tensor w = {QN_F64, 2, {1, 2}, less, sizeof less}, d = {QN_F64, 2, {1, 2}, wide, sizeof wide};
    const double kl = compare_rows(r, v, 1, 2).kl_mean;
    assert_true(kl > 0 && compare(h, w, NULL).kl_mean == kl && compare(d, w, NULL).kl_mean == kl && compare(b, w, NULL).kl_mean == kl);
}

/* Samples one by one are what they are at once. */
QN_TEST(compare_logits_samples) {
    static float r[ROWS * CLASSES], v[ROWS * CLASSES];
    static int64_t targets[ROWS];
    enum { PART = 100 };
    qn_context *ctx = qn_test_context();
    qn_logits_sums sums = {0};
    qn_logits_comparison c;
    fill(r, v, targets);
    for (int i = 0; i < ROWS; i += PART) {
        const qn_tensor a = floats(r + i * CLASSES, PART, CLASSES), b = floats(v + i * CLASSES, PART, CLASSES), t = ids(targets + i, PART);
        ASSERT_OK(ctx, qn_logits_add(ctx, &a, &b, 3, &t, IGNORED, NULL, &sums));
    }
    qn_logits_finish(&sums, 3, &c);
    qn_logits_free(&sums);
    const qn_tensor t = ids(targets, ROWS);
    const qn_logits_options options = {.top_k = 3, .targets = &t, .ignore_index = IGNORED};
    const qn_logits_comparison whole = compare(floats(r, ROWS, CLASSES), floats(v, ROWS, CLASSES), &options);
    assert_memory_equal(&c, &whole, sizeof c);
    qn_context_destroy(ctx);
}

QN_TEST(compare_logits_refusals) {
    float f[6] = {1, 2, 3, 4, 5, 6};
    int64_t id[6] = {0, 2, 0, 0, 0, 0};
    qn_context *ctx = qn_test_context();
    qn_logits_comparison c;
    qn_tensor r = {QN_F32, 3, {1, 3, 2}, f, sizeof f}, other = floats(f, 3, 2), scalar = {QN_F32, 0, {0}, f, 4};
    qn_tensor empty = floats(f, 3, 0), whole = {QN_I64, 3, {1, 3, 2}, id, sizeof id};
    qn_tensor targets = {QN_I64, 2, {1, 3}, id, 3 * sizeof *id}, flat = ids(id, 3), kinds = {QN_F32, 2, {1, 3}, f, 12};
    qn_logits_options options = {.targets = &targets, .ignore_index = IGNORED};
    ASSERT_FAILS(ctx, QN_USAGE, "logits of different shapes", qn_tensor_compare_logits(ctx, &r, &other, NULL, &c));
    ASSERT_FAILS(ctx, QN_USAGE, "logits are floating point numbers", qn_tensor_compare_logits(ctx, &whole, &whole, NULL, &c));
    ASSERT_FAILS(ctx, QN_USAGE, "in one dimension or more", qn_tensor_compare_logits(ctx, &scalar, &scalar, NULL, &c));
    ASSERT_FAILS(ctx, QN_USAGE, "logits of 0 classes", qn_tensor_compare_logits(ctx, &empty, &empty, NULL, &c));
    ASSERT_FAILS(ctx, QN_USAGE, "target 2 at position 1 is none of 2 classes", qn_tensor_compare_logits(ctx, &r, &r, &options, &c));
    id[1] = -1;
    ASSERT_FAILS(ctx, QN_USAGE, "target -1 at position 1 is none", qn_tensor_compare_logits(ctx, &r, &r, &options, &c));
    options.targets = &flat;
    ASSERT_FAILS(ctx, QN_USAGE, "in the shape of the logits without their last", qn_tensor_compare_logits(ctx, &r, &r, &options, &c));
    options.targets = &kinds;
    ASSERT_FAILS(ctx, QN_USAGE, "targets are int32 or int64", qn_tensor_compare_logits(ctx, &r, &r, &options, &c));
    options = (qn_logits_options){.top_k = 3};
    ASSERT_FAILS(ctx, QN_USAGE, "the 3 largest of 2 logits", qn_tensor_compare_logits(ctx, &r, &r, &options, &c));
    qn_context_destroy(ctx);
}

/* Rows of [n, seq] int64 as an input [BATCH, seq]. */
enum { BATCH = 4 };
static qn_tensor rows_at(const qn_tensor *t, int64_t row) {
    const size_t bytes = (size_t)t->dims[1] * sizeof(int64_t);
    return (qn_tensor){QN_I64, 2, {BATCH, t->dims[1]}, (char *)t->data + (size_t)row * bytes, BATCH * bytes};
}

/* The loss of a trained language model on text that it has not seen: 1.1223 nats a byte, as its training in another framework
 * measured it. Rounding of float32 moves it by less than 1e-5; four decimals were given. */
QN_TEST(compare_logits_trained_model) {
    char path[3][512];
    static const char *const files[] = {"model.onnx", "eval_ids.npy", "eval_next.npy"};
    if (!qn_test_shared()) {
        qn_test_skip_shared();
        return;
    }
    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof path[i], "%s/checkpoints/trained-gpt2/%s", qn_test_shared(), files[i]);
    qn_context *ctx = qn_test_context();
    qn_model *model;
    qn_runner *runner;
    qn_arrays *inputs, *next;
    qn_logits_sums sums = {0};
    qn_logits_comparison c;
    ASSERT_OK(ctx, qn_model_load(ctx, path[0], NULL, &model));
    ASSERT_OK(ctx, qn_runner_create(ctx, model, NULL, &runner));
    ASSERT_OK(ctx, qn_arrays_load(ctx, path[1], &inputs));
    ASSERT_OK(ctx, qn_arrays_load(ctx, path[2], &next));
    const qn_tensor *ids_all = qn_arrays_tensor(inputs, 0), *next_all = qn_arrays_tensor(next, 0);
    const int64_t n = ids_all->dims[0], seq = ids_all->dims[1];
    assert_true(ids_all->dtype == QN_I64 && n % BATCH == 0 && next_all->dtype == QN_I64);
    int64_t *ones = malloc((size_t)(BATCH * seq) * sizeof *ones), *places = malloc((size_t)(BATCH * seq) * sizeof *places);
    assert_true(ones && places);
    for (int64_t i = 0; i < BATCH * seq; i++) {
        ones[i] = 1;
        places[i] = i % seq;
    }
    for (int64_t row = 0; row < n; row += BATCH) {
        const qn_tensor in[3] = {rows_at(ids_all, row),
                                 {QN_I64, 2, {BATCH, seq}, ones, (size_t)(BATCH * seq) * sizeof *ones},
                                 {QN_I64, 2, {BATCH, seq}, places, (size_t)(BATCH * seq) * sizeof *places}};
        const qn_tensor targets = rows_at(next_all, row);
        qn_tensor out;
        ASSERT_OK(ctx, qn_runner_run(runner, in, 3, &out, 1));
        ASSERT_OK(ctx, qn_logits_add(ctx, &out, &out, 5, &targets, IGNORED, NULL, &sums));
    }
    qn_logits_finish(&sums, 5, &c);
    assert_true(c.positions == n * seq && c.targets == n * seq && c.kl_max == 0 && c.top1 == 1 && c.topk == 1);
    if (fabs(c.loss - 1.1223) > 0.0002)
        fail_msg("the loss is %.6f", c.loss);
    assert_true(c.loss == c.loss_reference);
    qn_logits_free(&sums);
    free(ones);
    free(places);
    qn_arrays_destroy(inputs);
    qn_arrays_destroy(next);
    qn_runner_destroy(runner);
    qn_model_destroy(model);
    qn_context_destroy(ctx);
}
