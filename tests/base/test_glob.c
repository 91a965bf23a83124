#include "base/glob.h"
#include "tests/test.h"

QN_TEST(base_glob_star_and_question_mark) {
    assert_true(qn_glob_match("", ""));
    assert_false(qn_glob_match("", "a"));
    assert_true(qn_glob_match("*", ""));
    assert_true(qn_glob_match("*", "encoder/layer.0"));
    assert_true(qn_glob_match("LayerNorm*", "LayerNormalization"));
    assert_false(qn_glob_match("LayerNorm", "LayerNormalization"));
    assert_true(qn_glob_match("*norm?", "blocks.3.norm1"));
    assert_false(qn_glob_match("*norm?", "blocks.3.norm"));
    assert_true(qn_glob_match("*a*b*c", "xxaxxbxxbxxc"));
    assert_false(qn_glob_match("*a*b*c", "xxaxxcxxb"));
    assert_true(qn_glob_match("**x**", "x"));
    assert_false(qn_glob_match("?", ""));
    assert_false(qn_glob_match("*", NULL));
}

/* Nothing else is special: a name can be given as it stands. */
QN_TEST(base_glob_other_characters_are_themselves) {
    assert_true(qn_glob_match("layers[0]/MatMul", "layers[0]/MatMul"));
    assert_false(qn_glob_match("layers[0]", "layers0"));
    assert_true(qn_glob_match("a\\b", "a\\b"));
    assert_true(qn_glob_match("\xff?", "\xff\xfe"));
}

/* Many stars against a text that never fits end soon. */
QN_TEST(base_glob_time) {
    static char text[20001];
    memset(text, 'a', sizeof text - 1);
    assert_false(qn_glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}
