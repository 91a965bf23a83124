#include "base/buf.h"
#include "tests/test.h"

QN_TEST(base_buf_grows_and_ends_with_zero) {
    qn_buf buf = QN_BUF_INIT;
    char block[777];
    memset(block, 'x', sizeof block);
    size_t n = 0;
    for (int i = 0; i < 50; i++) {
        qn_buf_append(&buf, block, sizeof block);
        qn_buf_puts(&buf, "ab");
        qn_buf_printf(&buf, "%d", i);
        n += sizeof block + 2 + (i < 10 ? 1 : 2);
        assert_int_equal(buf.n, n);
        assert_int_equal(buf.data[n], 0);
    }
    assert_memory_equal(buf.data, block, sizeof block);
    assert_string_equal(buf.data + n - 4, "ab49");
    qn_buf_free(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.n, 0);
    qn_buf_puts(&buf, "again"); /* freed is empty */
    assert_string_equal(buf.data, "again");
    qn_buf_free(&buf);
}

QN_TEST(base_buf_append_nothing) {
    qn_buf buf = QN_BUF_INIT;
    qn_buf_append(&buf, NULL, 0);
    qn_buf_puts(&buf, "");
    qn_buf_printf(&buf, "%s", "");
    assert_string_equal(buf.data, "");
    qn_buf_free(&buf);
}

/* Running out is remembered, what was there stays, and the check says it. */
QN_TEST(base_buf_failure_is_looked_at_once) {
    qn_context *ctx = qn_test_context();
    qn_buf buf = QN_BUF_INIT;
    qn_buf_puts(&buf, "kept");
    ASSERT_OK(ctx, qn_buf_check(ctx, &buf));
    qn_buf_append(&buf, "", SIZE_MAX); /* the sum wraps: nothing is read */
    assert_true(buf.failed);
    qn_buf_puts(&buf, " and more");
    assert_string_equal(buf.data, "kept");
    ASSERT_FAILS(ctx, QN_SYSTEM, "out of memory", qn_buf_check(ctx, &buf));
    qn_buf_free(&buf);
    qn_context_destroy(ctx);
}
