#include "read/utf8.h"

#include "tests/test.h"

QN_TEST(read_utf8_check) {
    static const char *const good[] = {"", "conv1/weight", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                       "\xed\x9f\xbf\xee\x80\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                                      "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xe2\x28\xa1",
                                      "\xf0\x9f\x98", "\xf0\x9f\x28\x80", "a\xc3("};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_null(qn_utf8_check((const uint8_t *)good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_string_equal(qn_utf8_check((const uint8_t *)bad[i], strlen(bad[i])), "text that is not UTF-8");
    assert_string_equal(qn_utf8_check((const uint8_t *)"a\0b", 3), "text with a zero byte");
}
