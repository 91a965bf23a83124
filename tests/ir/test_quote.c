#include "ir/quote.h"

#include "tests/test.h"

QN_TEST(ir_quote_round_trip) {
    char all[256], copy[1100];
    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    all[255] = 0;
    qn_buf quoted = QN_BUF_INIT, plain = QN_BUF_INIT;
    qn_quote(&quoted, all, 255);
    assert_null(strchr(quoted.data, '\n'));
    assert_true(quoted.n + 5 < sizeof copy);
    memcpy(copy, quoted.data, quoted.n);
    memcpy(copy + quoted.n, "rest", 5);
    const char *at = copy;
    assert_true(qn_unquote(&at, &plain));
    assert_string_equal(at, "rest");
    assert_int_equal(plain.n, 255);
    assert_memory_equal(plain.data, all, 255);
    at = copy;
    assert_true(qn_unquote(&at, NULL));
    assert_string_equal(at, "rest");
    qn_buf_free(&quoted);
    qn_buf_free(&plain);
}

QN_TEST(ir_quote_refusals) {
    static const char *const bad[] = {"", "x", "\"", "\"abc", "\"\\", "\"\\q\"", "\"\\x\"", "\"\\x4\"", "\"\\x4g\"",
                                      "\"\\x00\"", "\"a\\\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = bad[i];
        assert_false(qn_unquote(&at, NULL));
        assert_ptr_equal(at, bad[i]);
    }
}
