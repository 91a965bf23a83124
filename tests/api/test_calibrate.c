/* Calibrated conversions through quern.h: a product that leaves float16, and each refusal with its message. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/random.h"
#include "tests/api/small_model.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

enum { N = 64, ROWS = 4 };

static qn_buf weight(const char *name, uint64_t seed, double scale) {
    static float data[N * N];
    const int64_t dims[] = {N, N, -1};
    for (int i = 0; i < N * N; i++)
        data[i] = (float)(scale * qn_random_normal(&seed));
    return ob_tensor(name, QN_F32, dims, data, sizeof data);
}

/* y = LayerNormalization(x big) small: with normal x and weights of deviation 3000, x big has a deviation of 3000 sqrt(64) =
 * 24000, and 256 of its elements reach three times that: 72000, finite in float32 and no float16. */
static void write_model(const char *path) {
    qn_buf graph = QN_BUF_INIT;
    float ones[N];
    for (int i = 0; i < N; i++)
        ones[i] = 1;
    pb_string(&graph, 2, "large");
    pb_message(&graph, OB_NODE, ob_node("MatMul", "x,big", "m"));
    pb_message(&graph, OB_NODE, ob_node("LayerNormalization", "m,ones", "n"));
    pb_message(&graph, OB_NODE, ob_node("MatMul", "n,small", "y"));
    pb_message(&graph, OB_INITIALIZER, weight("big", 1, 3000));
    pb_message(&graph, OB_INITIALIZER, weight("small", 2, 0.125));
    pb_message(&graph, OB_INITIALIZER, ob_tensor("ones", QN_F32, (const int64_t[]){N, -1}, ones, sizeof ones));
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "rows,64"));
    pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, "rows,64"));
    qn_buf model = ob_model(17, graph);
    small_write(path, model.data, model.n);
    qn_buf_free(&model);
}

typedef struct fixture {
    qn_context *ctx;
    char source[256], package[256], folder[256];
    float x[ROWS * N];
    qn_tensor input;
} fixture;

static void begin(fixture *f, const char *name) {
    uint64_t seed = 3;
    f->ctx = qn_test_context();
    snprintf(f->source, sizeof f->source, "%s/%s.onnx", qn_test_tmp(), name);
    snprintf(f->package, sizeof f->package, "%s/%s.quern", qn_test_tmp(), name);
    snprintf(f->folder, sizeof f->folder, "%s/%s", qn_test_tmp(), name);
    assert_int_equal(mkdir(f->folder, 0700), 0);
    write_model(f->source);
    for (int i = 0; i < ROWS * N; i++)
        f->x[i] = (float)qn_random_normal(&seed);
    f->input = (qn_tensor){.dtype = QN_F32, .rank = 2, .dims = {ROWS, N}, .data = f->x, .n_bytes = sizeof f->x};
}

static const char *file(const fixture *f, const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    return path;
}

static void run(const fixture *f, const char *path, double *out) {
    qn_model *model;
    qn_runner *runner;
    qn_tensor y;
    ASSERT_OK(f->ctx, qn_model_load(f->ctx, path, NULL, &model));
    ASSERT_OK(f->ctx, qn_runner_create(f->ctx, model, NULL, &runner));
    ASSERT_OK(f->ctx, qn_runner_run(runner, &f->input, 1, &y, 1));
    ASSERT_OK(f->ctx, qn_tensor_to_f64(f->ctx, &y, out));
    qn_runner_destroy(runner);
    qn_model_destroy(model);
}

static double sqnr(const double *want, const double *got) {
    double error = 0, power = 0;
    for (int i = 0; i < ROWS * N; i++) {
        error += (got[i] - want[i]) * (got[i] - want[i]);
        power += want[i] * want[i];
    }
    return 10 * log10(power / error);
}

/* Without calibration the product is infinite and its norm NaN; with it, what is left are the roundings of n and of `small`
 * to 11 bits: relative errors of up to 2^-12 each, 2^-11 / sqrt(3) in quadrature at the worst, over 66 dB. */
QN_TEST(api_calibrate_keeps_what_overflows) {
    fixture f;
    double want[ROWS * N], got[ROWS * N];
    const qn_convert_report *r;
    begin(&f, "overflow");
    run(&f, f.source, want);
    ASSERT_OK(f.ctx, qn_tensor_save(f.ctx, file(&f, "a.npy"), &f.input));
    for (int how = 0; how < 4; how++) {
        qn_model *model;
        qn_convert_options options = {.precision = QN_F16};
        if (how == 1)
            options.calibrate = f.folder;
        if (how == 2)
            options.calibrate = file(&f, "a.npy");
        if (how == 3) {
            options.samples = &f.input;
            options.n_samples = 1;
        }
        ASSERT_OK(f.ctx, qn_model_load(f.ctx, f.source, NULL, &model));
        ASSERT_OK(f.ctx, qn_model_convert(f.ctx, model, &options, f.package, &r));
        run(&f, f.package, got);
        if (how == 0) {
            assert_int_equal(r->n_kept, 0);
            assert_true(isnan(sqnr(want, got)));
        } else {
            assert_true(sqnr(want, got) > 60);
            assert_int_equal(r->n_kept, 2);
            assert_string_equal(r->kept[0].op, "Linear");
            assert_true(r->kept[0].calibrated && r->kept[0].max_abs > 65504 && r->kept[0].max_abs < 1e6);
            assert_non_null(strstr(r->kept[0].reason, "|x| reaches "));
            assert_string_equal(r->kept[1].op, "LayerNormalization");
            assert_non_null(strstr(r->kept[1].reason, "|x| of what it reads reaches "));
            bool told = false;
            for (int32_t i = 0; i < r->n_rows; i++)
                told = told || strcmp(r->rows[i].reason, "range on calibration inputs (Linear)") == 0;
            assert_true(told);
        }
        qn_model_destroy(model);
    }
    qn_context_destroy(f.ctx);
}

QN_TEST(api_calibrate_refusals) {
    fixture f;
    qn_model *model, *two;
    char second[256];
    begin(&f, "refusals");
    assert_int_equal(mkdir(file(&f, "none"), 0700), 0);
    small_model_file("two.onnx", second);
    small_write(file(&f, "read.me"), "x", 1);
    ASSERT_OK(f.ctx, qn_model_load(f.ctx, f.source, NULL, &model));
    ASSERT_OK(f.ctx, qn_model_load(f.ctx, second, NULL, &two));
    qn_tensor narrow = f.input;
    narrow.dims[0] = 2 * ROWS;
    narrow.dims[1] = N / 2;
    ASSERT_OK(f.ctx, qn_tensor_save(f.ctx, file(&f, "narrow.npy"), &narrow));
    small_write(file(&f, "broken.npz"), "PK", 2);
    static const struct {
        const char *calibrate; /* in the folder */
        qn_status status;
        const char *message;
    } rows[] = {
        {"nothing.npz", QN_SYSTEM, "nothing.npz: No such file"},
        {"none", QN_MALFORMED, "none: no calibration inputs in this folder: no .npz, .npy, .png or .jpg"},
        {"read.me", QN_USAGE, "read.me: calibration inputs come as .npz, .npy, .png, .jpg or a folder of these"},
        {"broken.npz", QN_MALFORMED, "broken.npz"},
        {"narrow.npy", QN_USAGE, "narrow.npy: input 'x'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s", file(&f, rows[i].calibrate));
        const qn_convert_options options = {.precision = QN_F16, .calibrate = path};
        ASSERT_FAILS(f.ctx, rows[i].status, rows[i].message, qn_model_convert(f.ctx, model, &options, f.package, NULL));
        struct stat st;
        assert_int_not_equal(stat(f.package, &st), 0); /* nothing was written */
    }
    qn_convert_options options = {.precision = QN_F16, .calibrate = file(&f, "narrow.npy")};
    ASSERT_FAILS(f.ctx, QN_USAGE, "narrow.npy: an .npy is one array, the model has 2 inputs: give .npz files",
                 qn_model_convert(f.ctx, two, &options, f.package, NULL));
    options.samples = &f.input;
    ASSERT_FAILS(f.ctx, QN_USAGE, "or from memory, not from both", qn_model_convert(f.ctx, model, &options, f.package, NULL));
    options.calibrate = NULL;
    ASSERT_FAILS(f.ctx, QN_USAGE, "0 calibration inputs", qn_model_convert(f.ctx, model, &options, f.package, NULL));
    qn_model_destroy(two);
    qn_model_destroy(model);
    qn_context_destroy(f.ctx);
}
