#include <stdio.h>
#include <stdlib.h>

#include "base/path.h"
#include "tests/test.h"

static void check_folder(const char *path, const char *folder) {
    char *got = qn_path_folder(path);
    assert_string_equal(got, folder);
    free(got);
}

QN_TEST(base_path_parts) {
    assert_string_equal(qn_path_name("model.onnx"), "model.onnx");
    assert_string_equal(qn_path_name("a/b/model.onnx"), "model.onnx");
    assert_string_equal(qn_path_name("a/"), "");
    check_folder("model.onnx", ".");
    check_folder("a/b/model.onnx", "a/b");
    check_folder("/model.onnx", "/");
    check_folder("./model.onnx", ".");
    assert_true(qn_path_ends_with("x.npz", ".npz"));
    assert_true(qn_path_ends_with(".npz", ".npz"));
    assert_false(qn_path_ends_with("npz", ".npz"));
    assert_false(qn_path_ends_with("x.npz.old", ".npz"));
}

QN_TEST(base_path_what_is_there) {
    char path[512];
    snprintf(path, sizeof path, "%s/here", qn_test_tmp());
    assert_false(qn_path_is_file(path));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    assert_true(qn_path_is_file(path));
    assert_false(qn_path_is_folder(path));
    assert_true(qn_path_is_folder(qn_test_tmp()));
    assert_false(qn_path_is_file(qn_test_tmp()));
}

QN_TEST(base_path_inside) {
    assert_true(qn_path_is_inside("/a/b", "/a/b/c"));
    assert_true(qn_path_is_inside("/a/b", "/a/b/c/d"));
    assert_true(qn_path_is_inside("/", "/a"));
    assert_false(qn_path_is_inside("/a/b", "/a/bc"));
    assert_false(qn_path_is_inside("/a/b", "/a/b"));
    assert_false(qn_path_is_inside("/a/b", "/a"));
}
