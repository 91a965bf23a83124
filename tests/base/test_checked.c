#include "base/checked.h"
#include "tests/test.h"

QN_TEST(base_checked_sums_and_products) {
    size_t n;
    int64_t i;
    assert_true(qn_add_size(SIZE_MAX - 1, 1, &n) && n == SIZE_MAX);
    assert_false(qn_add_size(SIZE_MAX, 1, &n));
    assert_true(qn_mul_size(SIZE_MAX / 3, 3, &n));
    assert_false(qn_mul_size(SIZE_MAX / 3 + 1, 3, &n));
    assert_true(qn_add_i64(INT64_MAX, INT64_MIN, &i) && i == -1);
    assert_false(qn_add_i64(INT64_MAX, 1, &i));
    assert_false(qn_sub_i64(INT64_MIN, 1, &i));
    assert_false(qn_mul_i64(INT64_MIN, -1, &i));
}

QN_TEST(base_checked_align) {
    size_t n;
    assert_true(qn_align_size(0, 64, &n) && n == 0);
    assert_true(qn_align_size(1, 64, &n) && n == 64);
    assert_true(qn_align_size(64, 64, &n) && n == 64);
    assert_true(qn_align_size(SIZE_MAX - 63, 64, &n) && n == SIZE_MAX - 63);
    assert_false(qn_align_size(SIZE_MAX - 62, 64, &n));
}

/* floor, not truncation: q <= a / b < q + 1 for every sign. */
QN_TEST(base_checked_floordiv) {
    assert_int_equal(qn_floordiv_i64(7, 2), 3);
    assert_int_equal(qn_floordiv_i64(-7, 2), -4);
    assert_int_equal(qn_floordiv_i64(7, -2), -4);
    assert_int_equal(qn_floordiv_i64(-7, -2), 3);
    assert_int_equal(qn_floordiv_i64(-8, 2), -4);
    assert_true(qn_floordiv_i64(INT64_MIN, 1) == INT64_MIN);
}

QN_TEST(base_checked_count_elems) {
    int64_t n;
    assert_true(qn_count_elems(NULL, 0, &n) && n == 1);
    assert_true(qn_count_elems((int64_t[]){3, 0, 5}, 3, &n) && n == 0);
    assert_true(qn_count_elems((int64_t[]){2, 3, 5}, 3, &n) && n == 30);
    assert_false(qn_count_elems((int64_t[]){2, -1}, 2, &n));
    assert_false(qn_count_elems((int64_t[]){INT64_MAX, 2}, 2, &n));
    /* too many elements are too many, also when another dimension is 0: strides are products, too */
    assert_false(qn_count_elems((int64_t[]){INT64_MAX, 2, 0}, 3, &n));
}
