/* The search for schemes, through quern.h: bounds that are kept, measured again here; bounds that cannot be; costs taken up again. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/api/small_model.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

enum { WIDTH = 64, HIDDEN = 128, CLASSES = 32, ROWS = 6, SAMPLES = 3, N_OUT = ROWS * CLASSES };

static void add_weight(qn_buf *graph, const char *name, uint64_t seed, int64_t k, int64_t n) {
    static float data[HIDDEN * HIDDEN];
    const int64_t dims[] = {k, n, -1};
    for (int64_t i = 0; i < k * n; i++)
        data[i] = (float)(qn_random_normal(&seed) / sqrt((double)k));
    pb_message(graph, OB_INITIALIZER, ob_tensor(name, QN_F32, dims, data, (size_t)(k * n) * sizeof *data));
}

/* logits = Relu(Relu(x a) b) c, three weights of 8192, 16384 and 4096 elements. */
static void write_model(const char *path) {
    qn_buf graph = QN_BUF_INIT;
    pb_string(&graph, 2, "tuned");
    pb_message(&graph, OB_NODE, ob_node("MatMul", "x,a", "p"));
    pb_message(&graph, OB_NODE, ob_node("Relu", "p", "q"));
    pb_message(&graph, OB_NODE, ob_node("MatMul", "q,b", "r"));
    pb_message(&graph, OB_NODE, ob_node("Relu", "r", "s"));
    pb_message(&graph, OB_NODE, ob_node("MatMul", "s,c", "logits"));
    add_weight(&graph, "a", 1, WIDTH, HIDDEN);
    add_weight(&graph, "b", 2, HIDDEN, HIDDEN);
    add_weight(&graph, "c", 3, HIDDEN, CLASSES);
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "rows,64"));
    pb_message(&graph, OB_OUTPUT, ob_value("logits", QN_F32, "rows,32"));
    qn_buf model = ob_model(17, graph);
    small_write(path, model.data, model.n);
    qn_buf_free(&model);
}

typedef struct fixture {
    qn_context *ctx;
    char source[256], package[256], folder[256], state[256];
    float x[SAMPLES][ROWS * WIDTH];
    double want[SAMPLES][N_OUT], got[SAMPLES][N_OUT];
} fixture;

static void run_all(fixture *f, const char *path, double (*out)[N_OUT]) {
    qn_model *model;
    qn_runner *runner;
    qn_tensor y;
    ASSERT_OK(f->ctx, qn_model_load(f->ctx, path, &(qn_load_options){.check_crc = true}, &model));
    ASSERT_OK(f->ctx, qn_runner_create(f->ctx, model, NULL, &runner));
    for (int i = 0; i < SAMPLES; i++) {
        const qn_tensor x = {QN_F32, 2, {ROWS, WIDTH}, f->x[i], sizeof f->x[i]};
        ASSERT_OK(f->ctx, qn_runner_run(runner, &x, 1, &y, 1));
        assert_int_equal(y.n_bytes, N_OUT * sizeof(float));
        ASSERT_OK(f->ctx, qn_tensor_to_f64(f->ctx, &y, out[i]));
    }
    qn_runner_destroy(runner);
    qn_model_destroy(model);
}

static fixture *begin(const char *name) {
    fixture *f = calloc(1, sizeof *f);
    uint64_t seed = 7;
    assert_non_null(f);
    f->ctx = qn_test_context();
    snprintf(f->source, sizeof f->source, "%s/tune_%s.onnx", qn_test_tmp(), name);
    snprintf(f->package, sizeof f->package, "%s/tune_%s.quern", qn_test_tmp(), name);
    snprintf(f->folder, sizeof f->folder, "%s/tune_%s", qn_test_tmp(), name);
    snprintf(f->state, sizeof f->state, "%s/tune_%s.json", qn_test_tmp(), name);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    write_model(f->source);
    for (int i = 0; i < SAMPLES; i++) {
        char path[300];
        const qn_tensor x = {QN_F32, 2, {ROWS, WIDTH}, f->x[i], sizeof f->x[i]};
        for (int k = 0; k < ROWS * WIDTH; k++)
            f->x[i][k] = (float)qn_random_normal(&seed);
        snprintf(path, sizeof path, "%s/%d.npy", f->folder, i);
        ASSERT_OK(f->ctx, qn_tensor_save(f->ctx, path, &x));
    }
    run_all(f, f->source, f->want);
    return f;
}

static void end(fixture *f) {
    qn_context_destroy(f->ctx);
    free(f);
}

static const char *const g_few[] = {"int8", "int4", "int2"};

static qn_tune_options plain(const fixture *f) {
    return (qn_tune_options){.calibrate = f->folder, .schemes = g_few, .n_schemes = 3, .max_kl = NAN, .min_cosine = NAN, .min_sqnr = NAN};
}

/* What is found, in a model that the caller destroys. */
static qn_status tune(fixture *f, const qn_tune_options *options, const char *path, qn_model **model, const qn_tune_report **report) {
    qn_clear(f->ctx);
    ASSERT_OK(f->ctx, qn_model_load(f->ctx, f->source, NULL, model));
    return qn_model_tune(f->ctx, *model, options, path, report);
}

static int64_t size_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* Of all elements of all samples, in double: the same as the search means, by another way. */
static void measure(fixture *f, double *cosine, double *noise, double *kl) {
    double ab = 0, aa = 0, bb = 0, dd = 0, sum = 0;
    run_all(f, f->package, f->got);
    for (int i = 0; i < SAMPLES; i++)
        for (int row = 0; row < ROWS; row++) {
            const double *a = f->want[i] + row * CLASSES, *b = f->got[i] + row * CLASSES;
            double za = 0, zb = 0;
            for (int k = 0; k < CLASSES; k++) {
                ab += a[k] * b[k];
                aa += a[k] * a[k];
                bb += b[k] * b[k];
                dd += (a[k] - b[k]) * (a[k] - b[k]);
                za += exp(a[k]);
                zb += exp(b[k]);
            }
            for (int k = 0; k < CLASSES; k++)
                sum += exp(a[k]) / za * (a[k] - log(za) - b[k] + log(zb));
        }
    *cosine = ab / sqrt(aa * bb);
    *noise = dd / aa;
    *kl = sum / (SAMPLES * ROWS);
}

QN_TEST(api_tune_size) {
    fixture *f = begin("size");
    /* the weights take 114688 bytes in float32, 28672 in 8 bits, 14336 in 4 */
    static const double budgets[] = {24000, 40000, 200000};
    double cosine[3], noise, kl;
    for (int i = 0; i < 3; i++) {
        qn_model *model;
        const qn_tune_report *r;
        qn_tune_options options = plain(f);
        options.max_bytes = budgets[i];
        if (tune(f, &options, f->package, &model, &r) != QN_OK)
            fail_msg("%s", qn_context_message(f->ctx));
        assert_true(size_of(f->package) > 0 && (double)size_of(f->package) <= budgets[i]);
        assert_int_equal(size_of(f->package), (int64_t)r->package_bytes);
        ASSERT_OK(f->ctx, qn_package_check(f->ctx, f->package));
        measure(f, &cosine[i], &noise, &kl);
        /* decoded weights in the search, coded ones in the runner: sums in another order */
        assert_true(fabs(cosine[i] - r->cosine) < 1e-4 * (1 - r->cosine) + 1e-6);
        assert_true(r->n_choices == 3 && r->measured == 9 && r->resumed == 0);
        assert_string_equal(r->metric, "noise");
        assert_string_equal(r->points[r->n_points - 1].label, "tuned");
        qn_model_destroy(model);
    }
    assert_true(cosine[0] > 0.8 && cosine[0] < cosine[1] && cosine[1] < cosine[2] && cosine[2] > 1 - 1e-9);
    end(f);
}

QN_TEST(api_tune_quality) {
    fixture *f = begin("quality");
    double cosine, noise, kl;
    int64_t sizes[4];
    for (int i = 0; i < 4; i++) {
        qn_model *model;
        const qn_tune_report *r;
        qn_tune_options options = plain(f);
        options.min_cosine = i == 0 ? 0.99 : i == 1 ? 0.9995 : (double)NAN;
        options.max_kl = i == 2 ? 0.01 : (double)NAN;
        options.min_sqnr = i == 3 ? 25 : (double)NAN;
        if (tune(f, &options, f->package, &model, &r) != QN_OK)
            fail_msg("%s", qn_context_message(f->ctx));
        measure(f, &cosine, &noise, &kl);
        sizes[i] = size_of(f->package);
        assert_true(sizes[i] < 114688); /* something was compressed */
        if (i < 2)
            assert_true(cosine >= options.min_cosine - 1e-6);
        assert_true(i != 2 || kl <= 0.01 + 1e-6);
        assert_true(i != 3 || -10 * log10(noise) >= 25 - 1e-3);
        assert_true(fabs(r->kl - kl) < 1e-5 && fabs(r->cosine - cosine) < 1e-5);
        assert_string_equal(r->metric, i < 2 ? "cosine" : i == 2 ? "kl" : "noise");
        qn_model_destroy(model);
    }
    assert_true(sizes[0] < sizes[1]);
    end(f);
}

/* Nothing is written, and what was there stays. */
QN_TEST(api_tune_impossible_bounds) {
    fixture *f = begin("impossible");
    for (int i = 0; i < 3; i++) {
        qn_model *model;
        const qn_tune_report *r;
        qn_tune_options options = plain(f);
        char beside[300];
        options.max_bytes = i == 0 ? 2000 : 20000;
        if (i == 1)
            options.min_cosine = 0.9999;
        if (i == 2) {
            options.max_kl = 1e-9;
            small_write(f->package, "mine", 4);
        }
        ASSERT_FAILS(f->ctx, QN_BOUND, "the bounds cannot be met", tune(f, &options, f->package, &model, &r));
        qn_model_destroy(model);
        assert_int_equal(size_of(f->package), i == 2 ? 4 : -1);
        snprintf(beside, sizeof beside, "%s.tuning", f->package);
        assert_int_equal(size_of(beside), -1);
    }
    end(f);
}

QN_TEST(api_tune_goes_on) {
    fixture *f = begin("resume");
    qn_tune_options options = plain(f);
    char chosen[2][3][64] = {{{0}}};
    options.min_cosine = 0.995;
    options.state = f->state;
    for (int i = 0; i < 2; i++) {
        qn_model *model;
        const qn_tune_report *r;
        if (tune(f, &options, NULL, &model, &r) != QN_OK)
            fail_msg("%s", qn_context_message(f->ctx));
        assert_int_equal(r->measured, i == 0 ? 9 : 0);
        assert_int_equal(r->resumed, i == 0 ? 0 : 9);
        assert_int_equal(r->package_bytes, 0);
        for (int k = 0; k < 3; k++)
            snprintf(chosen[i][k], sizeof chosen[i][k], "%s", r->choices[k].scheme);
        qn_model_destroy(model);
    }
    assert_memory_equal(chosen[0], chosen[1], sizeof chosen[0]);
    /* a scheme more: only it is measured; another precision, output or bound: another search */
    static const char *const more[] = {"int8", "int4", "int2", "int6"}, *const keep[] = {"logits"};
    for (int i = 0; i < 4; i++) {
        qn_model *model;
        const qn_tune_report *r;
        qn_tune_options other = options;
        if (i == 0) {
            other.schemes = more;
            other.n_schemes = 4;
        } else if (i == 1) {
            other.precision = QN_BF16;
        } else if (i == 2) {
            other.min_sqnr = 20;
            other.min_cosine = NAN;
        } else {
            other.keep_fp32 = keep;
            other.n_keep_fp32 = 1;
        }
        const qn_status status = tune(f, &other, NULL, &model, &r);
        assert_int_equal(status, i == 0 ? QN_OK : QN_USAGE);
        if (i == 0)
            assert_true(r->measured == 3 && r->resumed == 9);
        else
            assert_non_null(strstr(qn_context_message(f->ctx), "is of another search"));
        qn_model_destroy(model);
    }
    small_write(f->state, "{\"tune\": 3", 10);
    qn_model *model;
    ASSERT_FAILS(f->ctx, QN_MALFORMED, ".json", tune(f, &options, NULL, &model, NULL));
    qn_model_destroy(model);
    end(f);
}

QN_TEST(api_tune_refusals) {
    fixture *f = begin("refusals");
    static const char *const gptq[] = {"int4:gptq"}, *const unknown[] = {"int5"};
    struct {
        qn_tune_options options;
        qn_status status;
        const char *message, *path;
    } rows[] = {
        {plain(f), QN_USAGE, "a search needs calibration inputs", f->package},
        {plain(f), QN_USAGE, "a search needs a bound", f->package},
        {plain(f), QN_USAGE, "a cosine over 1", f->package},
        {plain(f), QN_USAGE, "'scores'", f->package},
        {plain(f), QN_USAGE, "schemes without compensation", f->package},
        {plain(f), QN_USAGE, "int5", f->package},
        {plain(f), QN_SYSTEM, "nowhere", f->package},
        {plain(f), QN_USAGE, "would replace a file of the source", f->source},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        rows[i].options.max_bytes = i == 1 ? 0 : 40000;
    rows[0].options.calibrate = NULL;
    rows[2].options.min_cosine = 1.5;
    rows[3].options.logits = "scores";
    rows[4].options.schemes = gptq;
    rows[5].options.schemes = unknown;
    rows[4].options.n_schemes = rows[5].options.n_schemes = 1;
    rows[6].options.calibrate = "nowhere";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        qn_model *model;
        ASSERT_FAILS(f->ctx, rows[i].status, rows[i].message, tune(f, &rows[i].options, rows[i].path, &model, NULL));
        qn_model_destroy(model);
        assert_int_equal(size_of(f->package), -1);
    }
    end(f);
}

/* What is found, said as rules to a conversion, is the same package but for what it says of its making: the same weights to the bit. */
QN_TEST(api_tune_rules_make_it_again) {
    fixture *f = begin("rules");
    qn_model *model, *again;
    const qn_tune_report *r;
    const qn_convert_report *c;
    qn_tune_options options = plain(f);
    qn_weight_rule rules[3];
    char path[300];
    options.max_bytes = 26000;
    if (tune(f, &options, f->package, &model, &r) != QN_OK)
        fail_msg("%s", qn_context_message(f->ctx));
    bool mixed = false;
    for (int32_t i = 0; i < 3; i++) {
        rules[i] = (qn_weight_rule){r->choices[i].tensor, r->choices[i].scheme};
        mixed |= strcmp(r->choices[i].scheme, r->choices[0].scheme) != 0;
    }
    assert_true(mixed);
    snprintf(path, sizeof path, "%s.again", f->package);
    ASSERT_OK(f->ctx, qn_model_load(f->ctx, f->source, NULL, &again));
    ASSERT_OK(f->ctx, qn_model_convert(f->ctx, again, &(qn_convert_options){.weight_rules = rules, .n_weight_rules = 3}, path, &c));
    for (int32_t i = 0; i < c->n_warnings; i++)
        fail_msg("%s", c->warnings[i]);
    for (int32_t i = 0; i < c->n_weights; i++)
        assert_string_equal(c->weights[i].scheme, rules[i].scheme);
    run_all(f, f->package, f->want);
    run_all(f, path, f->got);
    assert_memory_equal(f->want, f->got, sizeof f->want);
    qn_model_destroy(model);
    qn_model_destroy(again);
    end(f);
}
