/* Photos in and depth maps out through quern.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "quern.h"
#include "read/picture.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

enum { H = 6, W = 9 };
static uint8_t g_rgb[3 * H * W];

static void write_text(const char *name, const char *text, char path[200]) {
    snprintf(path, 200, "%s/%s", qn_test_tmp(), name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static const char *processor(void) {
    static char path[200];
    write_text("preprocessor_config.json",
               "{\"image_processor_type\": \"DPTImageProcessor\", \"size\": {\"height\": 4, \"width\": 8}, \"image_mean\": [0, 0, 0],"
               " \"image_std\": [1, 1, 1], \"resample\": 2}",
               path);
    return path;
}

static qn_model *model_of(qn_context *ctx, const char *input, qn_buf *bytes) {
    qn_model *model;
    char spec[64];
    snprintf(spec, sizeof spec, "x%s", input);
    *bytes = ob_model_of_node(17, spec, ob_node("Abs", "x", "y"), "y");
    ASSERT_OK(ctx, qn_model_load_bytes(ctx, "abs.onnx", bytes->data, bytes->n, NULL, &model));
    return model;
}

static void fill(void) {
    for (int i = 0; i < 3 * H * W; i++)
        g_rgb[i] = (uint8_t)(i * 11);
}

QN_TEST(api_picture_load) {
    qn_context *ctx = qn_test_context();
    qn_picture *p;
    char path[200];
    fill();
    snprintf(path, sizeof path, "%s/photo.png", qn_test_tmp());
    ASSERT_OK(ctx, qn_png_write(ctx, path, &(qn_png_image){.height = H, .width = W, .channels = 3, .bits = 8, .data = g_rgb}));
    ASSERT_OK(ctx, qn_picture_load(ctx, path, &p));
    assert_int_equal(p->height, H);
    assert_int_equal(p->width, W);
    assert_memory_equal(p->rgb, g_rgb, sizeof g_rgb);
    qn_picture_destroy(p);
    qn_picture_destroy(NULL);
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such.png", qn_picture_load(ctx, "no/such.png", &p));
    assert_null(p);
    qn_context_destroy(ctx);
}

/* Two photos: a batch where the input has four dimensions, views where it has five. */
QN_TEST(api_picture_input) {
    static const struct {
        const char *input;
        int32_t rank;
        int64_t dims[5];
    } rows[] = {{"[n,3,h,w]", 4, {2, 3, 4, 8, 0}}, {"[1,v,3,h,w]", 5, {1, 2, 3, 4, 8}}};
    qn_context *ctx = qn_test_context();
    fill();
    for (size_t r = 0; r < 2; r++) {
        qn_buf bytes;
        qn_model *model = model_of(ctx, rows[r].input, &bytes);
        qn_preprocess_info info;
        const qn_picture photo = {H, W, g_rgb}, *photos[2] = {&photo, &photo};
        qn_tensor t;
        int32_t index;
        assert_false(qn_model_preprocess(model, &info));
        ASSERT_FAILS(ctx, QN_USAGE, "abs.onnx: the model does not say how a photo becomes its input",
                     qn_model_picture_input(ctx, model, photos, 2, &index, &t));
        ASSERT_OK(ctx, qn_model_set_processor(ctx, model, processor()));
        assert_true(qn_model_preprocess(model, &info));
        assert_string_equal(info.input, "x");
        assert_string_equal(info.size, "exact");
        assert_string_equal(info.interpolation, "bilinear");
        assert_true(info.height == 4 && info.width == 8 && info.multiple == 1 && info.antialias && !info.resize_last);
        ASSERT_OK(ctx, qn_model_picture_input(ctx, model, photos, 2, &index, &t));
        assert_int_equal(index, 0);
        assert_int_equal(t.rank, rows[r].rank);
        assert_memory_equal(t.dims, rows[r].dims, (size_t)t.rank * sizeof *t.dims);
        const float *x = t.data;
        assert_memory_equal(x, x + 3 * 4 * 8, 3 * 4 * 8 * sizeof *x);
        for (int i = 0; i < 3 * 4 * 8; i++) { /* whole steps of 1 / 255 */
            const float step = x[i] * 255;
            assert_true(x[i] >= 0 && x[i] <= 1 && fabsf(step - rintf(step)) < 1e-4f);
        }
        free(t.data);
        ASSERT_FAILS(ctx, QN_USAGE, "no photos", qn_model_picture_input(ctx, model, photos, 0, &index, &t));
        qn_model_destroy(model);
        qn_buf_free(&bytes);
    }
    qn_context_destroy(ctx);
}

QN_TEST(api_picture_input_refusals) {
    qn_context *ctx = qn_test_context();
    qn_buf bytes;
    qn_model *model = model_of(ctx, "[n,3,h,w]", &bytes);
    const qn_picture photo = {H, W, g_rgb}, turned = {W, H, g_rgb}, none = {0, W, g_rgb};
    const qn_picture *two[2] = {&photo, &turned}, *bad[1] = {&none};
    char path[200];
    qn_tensor t;
    int32_t index;
    write_text("keep.json", "{\"image_processor_type\": \"ViTImageProcessor\", \"do_resize\": false}", path);
    ASSERT_OK(ctx, qn_model_set_processor(ctx, model, path));
    ASSERT_FAILS(ctx, QN_USAGE, "photo 1 becomes 9 x 6 and photo 2 6 x 9",
                 qn_model_picture_input(ctx, model, two, 2, &index, &t));
    assert_null(t.data);
    ASSERT_FAILS(ctx, QN_USAGE, "photo 1 has 9 x 0 pixels", qn_model_picture_input(ctx, model, bad, 1, &index, &t));
    qn_model_destroy(model);
    qn_buf_free(&bytes);
    model = model_of(ctx, "[n,4,h,w]", &bytes);
    ASSERT_FAILS(ctx, QN_MALFORMED, "the model has no input float32 [n,3,h,w]", qn_model_set_processor(ctx, model, path));
    qn_model_destroy(model);
    qn_buf_free(&bytes);
    qn_context_destroy(ctx);
}

/* The package keeps it, whatever the conversion does to the numbers. */
QN_TEST(api_picture_package_keeps_it) {
    static const qn_dtype precisions[] = {QN_F32, QN_F16, QN_BF16};
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; i++) {
        qn_buf bytes;
        qn_model *model = model_of(ctx, "[n,3,h,w]", &bytes), *back;
        const qn_convert_options options = {.precision = precisions[i]};
        qn_preprocess_info a, b;
        char path[200];
        snprintf(path, sizeof path, "%s/photo-%zu.quern", qn_test_tmp(), i);
        ASSERT_OK(ctx, qn_model_set_processor(ctx, model, processor()));
        ASSERT_OK(ctx, qn_model_convert(ctx, model, &options, path, NULL));
        ASSERT_OK(ctx, qn_model_load(ctx, path, NULL, &back));
        assert_true(qn_model_preprocess(model, &a) && qn_model_preprocess(back, &b));
        assert_string_equal(a.input, b.input);
        assert_true(a.height == b.height && a.width == b.width && a.rescale == b.rescale);
        qn_model_destroy(back);
        qn_model_destroy(model);
        qn_buf_free(&bytes);
    }
    qn_context_destroy(ctx);
}

static const qn_tensor *load_npy(qn_context *ctx, const char *path, qn_arrays **arrays) {
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, arrays));
    return qn_arrays_tensor(*arrays, 0);
}

QN_TEST(api_picture_depth) {
    float maps[2][1][2][3] = {{{{0, 1, 2}, {3, 4, 5}}}, {{{NAN, -1, 7}, {7, 7, INFINITY}}}};
    const qn_tensor t = {.dtype = QN_F32, .rank = 4, .dims = {2, 1, 2, 3}, .data = maps, .n_bytes = sizeof maps};
    qn_context *ctx = qn_test_context();
    qn_picture *p;
    qn_arrays *arrays;
    char path[200];
    assert_int_equal(qn_depth_count(&t), 2);
    snprintf(path, sizeof path, "%s/depth.png", qn_test_tmp());
    ASSERT_OK(ctx, qn_depth_save(ctx, path, &t, 1, NULL));
    ASSERT_OK(ctx, qn_picture_load(ctx, path, &p));
    assert_true(p->height == 2 && p->width == 3);
    assert_true(p->rgb[0] == 0 && p->rgb[1] == 0 && p->rgb[2] == 0); /* NaN */
    assert_true(p->rgb[3 * 2 + 1] > p->rgb[3 * 1 + 1]);             /* 7 is lighter than -1 */
    assert_memory_equal(p->rgb + 3 * 2, p->rgb + 3 * 3, 3);
    qn_picture_destroy(p);
    ASSERT_OK(ctx, qn_depth_save(ctx, path, &t, 0, &(qn_depth_options){.format = QN_DEPTH_GREY16, .height = 4, .width = 6}));
    ASSERT_OK(ctx, qn_picture_load(ctx, path, &p));
    assert_true(p->height == 4 && p->width == 6 && p->rgb[0] == 0 && p->rgb[3 * 23] == 255);
    qn_picture_destroy(p);
    snprintf(path, sizeof path, "%s/depth.npy", qn_test_tmp());
    ASSERT_OK(ctx, qn_depth_save(ctx, path, &t, 0, &(qn_depth_options){.format = QN_DEPTH_NPY}));
    const qn_tensor *back = load_npy(ctx, path, &arrays);
    assert_int_equal(back->rank, 2);
    assert_memory_equal(back->data, maps[0], sizeof maps[0]);
    qn_arrays_destroy(arrays);
    /* to twice the width: half-pixel centres, worked out by hand */
    ASSERT_OK(ctx, qn_depth_save(ctx, path, &t, 0, &(qn_depth_options){.format = QN_DEPTH_NPY, .height = 2, .width = 6}));
    static const float wide[6] = {0, 0.25f, 0.75f, 1.25f, 1.75f, 2};
    back = load_npy(ctx, path, &arrays);
    assert_memory_equal(back->data, wide, sizeof wide);
    qn_arrays_destroy(arrays);
    /* other floats */
    static const uint16_t halves[2] = {0x3c00, 0xc000}; /* 1, -2 */
    const qn_tensor h = {.dtype = QN_F16, .rank = 2, .dims = {1, 2}, .data = (void *)(uintptr_t)halves, .n_bytes = sizeof halves};
    ASSERT_OK(ctx, qn_depth_save(ctx, path, &h, 0, &(qn_depth_options){.format = QN_DEPTH_NPY}));
    back = load_npy(ctx, path, &arrays);
    assert_true(((const float *)back->data)[0] == 1 && ((const float *)back->data)[1] == -2);
    qn_arrays_destroy(arrays);
    qn_context_destroy(ctx);
}

QN_TEST(api_picture_depth_refusals) {
    float x[2] = {1, 2};
    const qn_tensor map = {.dtype = QN_F32, .rank = 2, .dims = {1, 2}, .data = x, .n_bytes = sizeof x};
    const qn_tensor row = {.dtype = QN_F32, .rank = 1, .dims = {2}, .data = x, .n_bytes = sizeof x};
    const qn_tensor empty = {.dtype = QN_F32, .rank = 2, .dims = {0, 2}, .data = x, .n_bytes = 0};
    struct stat st;
    char path[200];
    qn_context *ctx = qn_test_context();
    snprintf(path, sizeof path, "%s/refused.png", qn_test_tmp());
    assert_int_equal(qn_depth_count(&row), 0);
    ASSERT_FAILS(ctx, QN_USAGE, "map 0 of a tensor with 0", qn_depth_save(ctx, path, &row, 0, NULL));
    ASSERT_FAILS(ctx, QN_USAGE, "map 1 of a tensor with 1", qn_depth_save(ctx, path, &map, 1, NULL));
    ASSERT_FAILS(ctx, QN_USAGE, "map -1 of a tensor with 1", qn_depth_save(ctx, path, &map, -1, NULL));
    ASSERT_FAILS(ctx, QN_USAGE, "a map of 2 x 0", qn_depth_save(ctx, path, &empty, 0, NULL));
    ASSERT_FAILS(ctx, QN_USAGE, "format 0 at 0 x 5", qn_depth_save(ctx, path, &map, 0, &(qn_depth_options){.height = 5}));
    ASSERT_FAILS(ctx, QN_USAGE, "format 3 at",
                 qn_depth_save(ctx, path, &map, 0, &(qn_depth_options){.format = (qn_depth_format)3}));
    assert_int_not_equal(stat(path, &st), 0);
    qn_context_destroy(ctx);
}
