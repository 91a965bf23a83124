#include "ir/groups.h"

#include "tests/test.h"

/* Group of the element at these indices: the tensor of groups in C order. */
static int64_t brute(const qn_const *c, int64_t e) {
    int64_t at[QN_MAX_RANK], group = 0;
    for (int d = c->rank - 1; d >= 0; d--) {
        at[d] = e % c->dims[d];
        e /= c->dims[d];
    }
    if (c->axis < 0)
        return 0;
    if (c->block == 0)
        return at[c->axis];
    for (int d = 0; d < c->rank; d++) {
        const int64_t by = d == c->axis ? c->block : c->block2 > 0 && d == c->axis2 ? c->block2 : 1;
        group = group * ((c->dims[d] + by - 1) / by) + at[d] / by;
    }
    return group;
}

/* Every run that begins at every element: as long as it can be, and all of it in the groups that it says. */
static void check(const qn_const *c) {
    const qn_groups g = qn_const_groups(c);
    const int64_t n = qn_const_numel(c);
    int64_t largest = -1;
    for (int64_t e = 0; e < n; e++) {
        const qn_run run = qn_run_at(&g, e, n - e);
        assert_true(run.n >= 1 && run.n <= n - e && (run.step == 0 || run.step == 1));
        for (int64_t i = 0; i < run.n; i++)
            if (brute(c, e + i) != run.group + i * run.step)
                fail_msg("axis %d block %lld, axis %d block %lld: element %lld is in group %lld", (int)c->axis, (long long)c->block,
                         (int)c->axis2, (long long)c->block2, (long long)(e + i), (long long)brute(c, e + i));
        assert_int_equal(qn_run_at(&g, e, 1).group, run.group);
        largest = brute(c, e) > largest ? brute(c, e) : largest;
    }
    assert_int_equal(g.n_groups, largest + 1);
    size_t bytes;
    assert_true(qn_const_part_bytes(c, QN_PART_SCALES, &bytes));
    assert_int_equal(bytes, (size_t)g.n_groups * sizeof(float));
}

static qn_const of(int32_t axis, int64_t block, int32_t axis2, int64_t block2) {
    return (qn_const){.dtype = QN_F32, .rank = 4, .dims = {3, 5, 4, 6}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8,
                      .scale_dtype = QN_F32, .symmetric = true, .axis = axis, .block = block, .axis2 = axis2, .block2 = block2};
}

QN_TEST(ir_groups_one_axis) {
    for (int32_t axis = -1; axis < 4; axis++)
        for (int64_t block = 0; block < (axis < 0 ? 1 : 8); block++) {
            const qn_const c = of(axis, block, 0, 0);
            check(&c);
        }
}

QN_TEST(ir_groups_two_axes) {
    for (int32_t axis = 0; axis < 4; axis++)
        for (int32_t axis2 = 0; axis2 < 4; axis2++)
            for (int64_t block = 1; block < 8 && axis != axis2; block++)
                for (int64_t block2 = 1; block2 < 8; block2++) {
                    const qn_const c = of(axis, block, axis2, block2);
                    check(&c);
                }
}

QN_TEST(ir_groups_of_a_tensor_without_elements) {
    qn_const c = of(1, 2, 3, 4);
    c.dims[2] = 0;
    assert_int_equal(qn_const_groups(&c).n_groups, 0);
}
