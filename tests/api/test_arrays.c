/* Arrays from files: .npy, .npz, TensorProto and test_data_set folders. */
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/map.h"
#include "tests/api/small_model.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

static float g_numbers[6] = {1, -2, 3, 0.5f, 0, 6};
static const int64_t g_dims[] = {2, 3, -1};

static qn_tensor numbers(void) {
    return (qn_tensor){.dtype = QN_F32, .rank = 2, .dims = {2, 3}, .data = g_numbers, .n_bytes = sizeof g_numbers};
}

static void expect_numbers(const qn_tensor *t) {
    assert_non_null(t);
    assert_true(t->dtype == QN_F32 && t->rank == 2 && t->dims[0] == 2 && t->dims[1] == 3);
    assert_memory_equal(t->data, g_numbers, sizeof g_numbers);
}

QN_TEST(api_arrays_npy) {
    qn_context *ctx = qn_test_context();
    char path[256];
    qn_arrays *arrays;
    qn_tensor t = numbers();
    snprintf(path, sizeof path, "%s/pixel_values.npy", qn_test_tmp());
    ASSERT_OK(ctx, qn_tensor_save(ctx, path, &t));
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, &arrays));
    assert_int_equal(qn_arrays_count(arrays), 1);
    assert_string_equal(qn_arrays_name(arrays, 0), "pixel_values");
    expect_numbers(qn_arrays_tensor(arrays, 0));
    expect_numbers(qn_arrays_find(arrays, "pixel_values"));
    assert_null(qn_arrays_find(arrays, "pixel"));
    qn_arrays_destroy(arrays);
    qn_arrays_destroy(NULL);
    qn_context_destroy(ctx);
}

/* bfloat16, which NumPy has not, is written as float32. */
QN_TEST(api_arrays_bfloat16_becomes_float32) {
    qn_context *ctx = qn_test_context();
    char path[256];
    qn_arrays *arrays;
    uint16_t halves[2] = {0x3f80, 0xc000};
    const qn_tensor t = {.dtype = QN_BF16, .rank = 1, .dims = {2}, .data = halves, .n_bytes = 4};
    double wide[2];
    snprintf(path, sizeof path, "%s/bf16.npy", qn_test_tmp());
    ASSERT_OK(ctx, qn_tensor_save(ctx, path, &t));
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, &arrays));
    assert_int_equal(qn_arrays_tensor(arrays, 0)->dtype, QN_F32);
    ASSERT_OK(ctx, qn_tensor_to_f64(ctx, qn_arrays_tensor(arrays, 0), wide));
    assert_true(wide[0] == 1 && wide[1] == -2);
    ASSERT_OK(ctx, qn_tensor_to_f64(ctx, &t, wide));
    assert_true(wide[0] == 1 && wide[1] == -2);
    qn_arrays_destroy(arrays);
    qn_context_destroy(ctx);
}

static void write_tensor(const char *path, const char *name) {
    qn_buf t = ob_tensor(name, QN_F32, g_dims, g_numbers, sizeof g_numbers);
    small_write(path, t.data, t.n);
    qn_buf_free(&t);
}

QN_TEST(api_arrays_tensor_proto) {
    qn_context *ctx = qn_test_context();
    char path[256];
    qn_arrays *arrays;
    snprintf(path, sizeof path, "%s/tensor.pb", qn_test_tmp());
    write_tensor(path, "x");
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, &arrays));
    expect_numbers(qn_arrays_find(arrays, "x"));
    qn_arrays_destroy(arrays);
    qn_context_destroy(ctx);
}

/* A folder as ONNX's backend tests have them. */
QN_TEST(api_arrays_test_data_set) {
    qn_context *ctx = qn_test_context();
    char folder[256], path[512];
    qn_arrays *arrays;
    snprintf(folder, sizeof folder, "%s/test_data_set_0", qn_test_tmp());
    assert_int_equal(mkdir(folder, 0777), 0);
    ASSERT_FAILS(ctx, QN_MALFORMED, "no input_0.pb and no output_0.pb", qn_arrays_load(ctx, folder, &arrays));
    assert_null(arrays);
    snprintf(path, sizeof path, "%s/input_0.pb", folder);
    write_tensor(path, "x");
    snprintf(path, sizeof path, "%s/input_1.pb", folder);
    write_tensor(path, "");
    snprintf(path, sizeof path, "%s/output_0.pb", folder);
    write_tensor(path, "y");
    ASSERT_OK(ctx, qn_arrays_load(ctx, folder, &arrays));
    assert_int_equal(qn_arrays_count(arrays), 3);
    expect_numbers(qn_arrays_find(arrays, "in.x"));
    expect_numbers(qn_arrays_find(arrays, "in.#1"));
    expect_numbers(qn_arrays_find(arrays, "out.y"));
    /* for inputs: in.NAME, else NAME, else in.#INDEX */
    assert_ptr_equal(qn_arrays_input(arrays, "x", 0), qn_arrays_find(arrays, "in.x"));
    assert_ptr_equal(qn_arrays_input(arrays, "out.y", 1), qn_arrays_find(arrays, "out.y"));
    assert_ptr_equal(qn_arrays_input(arrays, "unnamed", 1), qn_arrays_find(arrays, "in.#1"));
    assert_null(qn_arrays_input(arrays, "unnamed", 2));
    qn_arrays_destroy(arrays);
    small_write(path, "\xff\xff", 2);
    ASSERT_FAILS(ctx, QN_MALFORMED, "output_0.pb", qn_arrays_load(ctx, folder, &arrays));
    qn_context_destroy(ctx);
}

static void put(qn_buf *b, uint64_t v, int n) {
    for (int i = 0; i < n; i++)
        qn_buf_append(b, &(char){(char)(i < 8 ? v >> 8 * i : 0)}, 1);
}

/* A ZIP archive of one file, stored, under each of the names; as NumPy's savez makes it. */
static qn_buf npz_of(const char *file, size_t n, const char *const *names, int n_names) {
    qn_buf out = QN_BUF_INIT, directory = QN_BUF_INIT;
    const uint32_t crc = libdeflate_crc32(0, file, n);
    for (int i = 0; i < n_names; i++) {
        const size_t at = out.n;
        put(&out, 0x04034b50, 4), put(&out, 20, 2), put(&out, 0, 8), put(&out, crc, 4), put(&out, n, 4), put(&out, n, 4);
        put(&out, strlen(names[i]), 2), put(&out, 0, 2), qn_buf_puts(&out, names[i]), qn_buf_append(&out, file, n);
        put(&directory, 0x02014b50, 4), put(&directory, 20, 2), put(&directory, 20, 2), put(&directory, 0, 8);
        put(&directory, crc, 4), put(&directory, n, 4), put(&directory, n, 4), put(&directory, strlen(names[i]), 2);
        put(&directory, 0, 12), put(&directory, at, 4), qn_buf_puts(&directory, names[i]);
    }
    const size_t begin = out.n;
    qn_buf_append(&out, directory.data, directory.n);
    put(&out, 0x06054b50, 4), put(&out, 0, 4), put(&out, (uint64_t)n_names, 2), put(&out, (uint64_t)n_names, 2);
    put(&out, directory.n, 4), put(&out, begin, 4), put(&out, 0, 2);
    qn_buf_free(&directory);
    return out;
}

QN_TEST(api_arrays_npz) {
    static const char *const names[] = {"in.x.npy", "mid.encoder.layer.0.npy", "out.y.npy"};
    qn_context *ctx = qn_test_context();
    char path[256], *file;
    size_t n;
    qn_arrays *arrays;
    const qn_tensor t = numbers();
    snprintf(path, sizeof path, "%s/entry.npy", qn_test_tmp());
    ASSERT_OK(ctx, qn_tensor_save(ctx, path, &t));
    ASSERT_OK(ctx, qn_read_file(ctx, path, 4096, &file, &n));
    qn_buf zip = npz_of(file, n, names, 3);
    free(file);
    snprintf(path, sizeof path, "%s/golden.npz", qn_test_tmp());
    small_write(path, zip.data, zip.n);
    ASSERT_OK(ctx, qn_arrays_load(ctx, path, &arrays));
    assert_int_equal(qn_arrays_count(arrays), 3);
    assert_string_equal(qn_arrays_name(arrays, 1), "mid.encoder.layer.0");
    expect_numbers(qn_arrays_find(arrays, "in.x"));
    expect_numbers(qn_arrays_find(arrays, "out.y"));
    /* for inputs: in.NAME, else NAME, else in.#INDEX */
    assert_ptr_equal(qn_arrays_input(arrays, "x", 0), qn_arrays_find(arrays, "in.x"));
    assert_ptr_equal(qn_arrays_input(arrays, "out.y", 1), qn_arrays_find(arrays, "out.y"));
    assert_ptr_equal(qn_arrays_input(arrays, "unnamed", 1), qn_arrays_find(arrays, "in.#1"));
    assert_null(qn_arrays_input(arrays, "unnamed", 2));
    qn_arrays_destroy(arrays);
    small_write(path, zip.data, zip.n - 1);
    ASSERT_FAILS(ctx, QN_MALFORMED, "golden.npz", qn_arrays_load(ctx, path, &arrays));
    qn_buf_free(&zip);
    qn_context_destroy(ctx);
}

QN_TEST(api_arrays_refusals) {
    qn_context *ctx = qn_test_context();
    char path[256];
    qn_arrays *arrays;
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such.npy: No such file", qn_arrays_load(ctx, "no/such.npy", &arrays));
    snprintf(path, sizeof path, "%s/array.txt", qn_test_tmp());
    small_write(path, "1 2 3", 5);
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "arrays come as", qn_arrays_load(ctx, path, &arrays));
    snprintf(path, sizeof path, "%s/short.npy", qn_test_tmp());
    small_write(path, "\x93NUMPY", 6);
    ASSERT_FAILS(ctx, QN_MALFORMED, "short.npy", qn_arrays_load(ctx, path, &arrays));
    const qn_tensor t = numbers();
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such/folder", qn_tensor_save(ctx, "no/such/folder/x.npy", &t));
    const qn_tensor odd = {.dtype = QN_F32, .rank = 1, .dims = {-1}};
    double none;
    ASSERT_FAILS(ctx, QN_USAGE, "negative dimensions", qn_tensor_to_f64(ctx, &odd, &none));
    qn_context_destroy(ctx);
}
