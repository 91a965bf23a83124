#include "tests/test.h"

#include "ops/op.h"

QN_TEST(ops_op_rows) {
    int rows = 0;
    for (int op = QN_OP_NONE + 1; op < QN_OP_COUNT; op++, rows++) {
        const qn_op_info *row = qn_op_row((qn_op)op);
        assert_non_null(row);
        assert_non_null(row->shape);
        assert_int_equal(qn_op_from_name(row->name), op);
        assert_true(row->min_in >= 0 && row->min_out >= 1);
        assert_true(row->max_in == -1 || row->max_in >= row->min_in);
        assert_true(row->max_out == -1 || row->max_out >= row->min_out);
    }
    assert_true(rows > 60);
    assert_null(qn_op_row(QN_OP_NONE));
    assert_null(qn_op_row(QN_OP_COUNT));
    assert_null(qn_op_row((qn_op)-1));
    assert_int_equal(qn_op_from_name("relu"), QN_OP_NONE);
    assert_int_equal(qn_op_from_name(""), QN_OP_NONE);
}

QN_TEST(ops_op_attribute_kinds) {
    assert_int_equal(qn_op_attr_kind(QN_OP_Gemm, "alpha"), 'f');
    assert_int_equal(qn_op_attr_kind(QN_OP_Gemm, "transB"), 'i');
    assert_int_equal(qn_op_attr_kind(QN_OP_Conv, "pads"), 'I');
    assert_int_equal(qn_op_attr_kind(QN_OP_Conv, "auto_pad"), 's');
    assert_int_equal(qn_op_attr_kind(QN_OP_ConstantOfShape, "value"), 't');
    assert_int_equal(qn_op_attr_kind(QN_OP_If, "else_branch"), 'g');
    assert_int_equal(qn_op_attr_kind(QN_OP_GRU, "activations"), 'S');
    assert_int_equal(qn_op_attr_kind(QN_OP_GRU, "activation"), 0);
    assert_int_equal(qn_op_attr_kind(QN_OP_Relu, "alpha"), 0);
    assert_int_equal(qn_op_attr_kind(QN_OP_Conv, ""), 0);
    assert_int_equal(qn_op_attr_kind(QN_OP_NONE, "axis"), 0);
}

/* Every attribute of every row is found again, with a kind that exists. */
QN_TEST(ops_op_attributes_parse) {
    for (int op = QN_OP_NONE + 1; op < QN_OP_COUNT; op++) {
        const char *at = qn_op_row((qn_op)op)->attrs;
        while (*at) {
            size_t n = strcspn(at, "=");
            char name[64];
            assert_true(n > 0 && n < sizeof name && at[n] == '=');
            memcpy(name, at, n);
            name[n] = 0;
            assert_non_null(strchr("ifsIFStg", at[n + 1]));
            assert_int_equal(qn_op_attr_kind((qn_op)op, name), at[n + 1]);
            at += strcspn(at, " ");
            at += strspn(at, " ");
        }
    }
}
