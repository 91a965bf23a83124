#include "base/dtype.h"
#include "tests/test.h"

QN_TEST(base_dtype_names_and_sizes) {
    static const struct {
        qn_dtype dtype;
        const char *name;
        size_t bytes;
    } rows[] = {{QN_F32, "float32", 4}, {QN_F16, "float16", 2}, {QN_BF16, "bfloat16", 2}, {QN_F64, "float64", 8},
                {QN_I8, "int8", 1},     {QN_I16, "int16", 2},   {QN_I32, "int32", 4},     {QN_I64, "int64", 8},
                {QN_U8, "uint8", 1},    {QN_U16, "uint16", 2},  {QN_U32, "uint32", 4},    {QN_U64, "uint64", 8},
                {QN_BOOL, "bool", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const qn_dtype d = rows[i].dtype;
        assert_string_equal(qn_dtype_name(d), rows[i].name);
        assert_int_equal(qn_dtype_bytes(d), rows[i].bytes);
        assert_int_equal(qn_dtype_from_name(rows[i].name), d);
        assert_true(qn_dtype_is_float(d) == (qn_dtype_row(d)->kind == 'F'));
        assert_true(qn_dtype_is_int(d) == (qn_dtype_row(d)->kind == 'I' || qn_dtype_row(d)->kind == 'U'));
    }
}

/* Any number may come from a file. */
QN_TEST(base_dtype_unknown_codes) {
    for (int code = -5; code < 100; code++) {
        const qn_dtype d = (qn_dtype)code;
        if (qn_dtype_row(d))
            continue;
        assert_string_equal(qn_dtype_name(d), "none");
        assert_int_equal(qn_dtype_bytes(d), 0);
        assert_false(qn_dtype_is_float(d) || qn_dtype_is_int(d));
    }
    assert_int_equal(qn_dtype_from_name("float"), QN_NONE);
    assert_int_equal(qn_dtype_from_name(""), QN_NONE);
}
