#include "ir/opdef.h"

#include "tests/test.h"

static char kind(qn_op op, const char *name) { return qn_opdef_attr_kind(op, name, strlen(name)); }

QN_TEST(ir_opdef_columns) {
    assert_null(qn_opdef_row(QN_OP_NONE));
    assert_null(qn_opdef_row(QN_OP_COUNT));
    assert_string_equal(qn_opdef_name(QN_OP_Conv), "Conv");
    assert_string_equal(qn_opdef_name((qn_op)-1), "?");
    assert_int_equal(qn_opdef_row(QN_OP_Conv)->max_in, 4);
    for (int op = 1; op < QN_OP_COUNT; op++) {
        const char *name = qn_opdef_name((qn_op)op);
        assert_int_equal(qn_opdef_find(name, strlen(name)), op);
    }
    assert_int_equal(qn_opdef_find("Con", 3), QN_OP_NONE);
    assert_int_equal(qn_opdef_find("Convx", 5), QN_OP_NONE);
    assert_int_equal(qn_opdef_find("", 0), QN_OP_NONE);
    assert_int_equal(kind(QN_OP_Conv, "group"), 'i');
    assert_int_equal(kind(QN_OP_Conv, "pads"), 'I');
    assert_int_equal(kind(QN_OP_Conv, "auto_pad"), 's');
    assert_int_equal(kind(QN_OP_Conv, "pad"), 0);
    assert_int_equal(kind(QN_OP_Conv, "pads=I"), 0);
    assert_int_equal(kind(QN_OP_Relu, "alpha"), 0);
    assert_int_equal(kind(QN_OP_If, "then_branch"), 'g');
}

/* Every attribute column is "name=kind[:default] ...", kinds as in qn_attr_kind. */
QN_TEST(ir_opdef_attributes_are_well_formed) {
    for (int op = 1; op < QN_OP_COUNT; op++)
        for (const char *at = qn_opdef_row((qn_op)op)->attrs; *at;) {
            size_t name = strcspn(at, "= "), all = strcspn(at, " ");
            assert_true(name > 0 && at[name] == '=');
            assert_non_null(strchr("ifsIFStg", at[name + 1]));
            assert_true(at[name + 2] == ':' || at[name + 2] == ' ' || at[name + 2] == 0);
            at += all + (at[all] == ' ');
        }
}
