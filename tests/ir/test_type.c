#include "ir/type.h"

#include "tests/test.h"

QN_TEST(ir_type_all) {
    qn_arena *arena = qn_arena_create();
    qn_symbols *s = qn_symbols_create(arena);
    qn_dim b = qn_dim_symbol(s, "batch");
    qn_type t = {QN_F32, 3, {b, 3, 5}}, same = t, unknown = {QN_I64, -1, {0}}, scalar = {QN_BOOL, 0, {0}};
    same.dims[4] = 9; /* behind the rank: not looked at */
    assert_true(qn_type_equal(&t, &same));
    same.dims[1] = 4;
    assert_false(qn_type_equal(&t, &same));
    assert_false(qn_type_equal(&t, &unknown));
    assert_false(qn_type_equal(&t, &(qn_type){QN_F16, 3, {b, 3, 5}}));
    assert_false(qn_type_is_static(&t));
    assert_false(qn_type_is_static(&unknown));
    assert_true(qn_type_is_static(&scalar));
    assert_true(qn_type_numel(s, &t) == qn_dim_mul(s, b, 15));
    assert_true(qn_type_numel(s, &unknown) == QN_DIM_UNKNOWN);
    assert_int_equal(qn_type_numel(NULL, &scalar), 1);
    assert_string_equal(qn_type_format(arena, s, &t), "float32[batch,3,5]");
    assert_string_equal(qn_type_format(arena, s, &unknown), "int64[...]");
    assert_string_equal(qn_type_format(arena, s, &scalar), "bool[]");
    t.dims[0] = QN_DIM_UNKNOWN;
    assert_string_equal(qn_type_format(arena, s, &t), "float32[?,3,5]");
    qn_arena_destroy(arena);
}
