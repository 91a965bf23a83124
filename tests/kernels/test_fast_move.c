/* Movement and casts of the move family against the reference: the same bits. */
#include "tests/kernels/fast_node.h"

#include "base/checked.h"

#include <math.h>
#include <stdio.h>

/* Element i has the bits of i + 1, cut to its size. */
static qn_tensor counted(node_test *t, qn_dtype dtype, int32_t rank, const int64_t *dims) {
    int64_t n;
    assert_true(qn_count_elems(dims, rank, &n));
    const size_t bytes = qn_dtype_bytes(dtype);
    char *data = qn_arena_array(t->arena, (size_t)n + 1, bytes);
    assert_non_null(data);
    for (int64_t i = 0; i < n; i++)
        for (size_t b = 0; b < bytes && b < 4; b++)
            data[(size_t)i * bytes + b] = (char)((uint64_t)(i + 1) >> 8 * b & 0xff);
    return tensor(dtype, n, data, rank, dims);
}

static const qn_dtype g_dtypes[] = {QN_F32, QN_I32, QN_U32, QN_F16, QN_BF16, QN_I16, QN_U16, QN_I8, QN_U8};
enum { N_DTYPES = sizeof g_dtypes / sizeof g_dtypes[0] };

/* Both sides of every block and line, 1 to 16 and 64 elements. */
QN_TEST(kernels_transpose_planes) {
    static const int64_t sides[] = {1, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 131};
    enum { N_SIDES = sizeof sides / sizeof sides[0] };
    node_test t = node_begin();
    for (size_t d = 0; d < N_DTYPES; d++)
        for (size_t i = 0; i < N_SIDES; i++)
            for (size_t j = d % 2; j < N_SIDES; j += 2)
                check_fast("Transpose", EXACT, 1, IN(counted(&t, g_dtypes[d], DIMS(sides[i], sides[j]))));
    node_end(&t);
}

QN_TEST(kernels_transpose_axes) {
    static const char *const perms[] = {"0,1,2,3", "0,2,1,3", "0,3,1,2", "0,2,3,1", "3,2,1,0", "1,0,3,2", "2,3,0,1"};
    node_test t = node_begin();
    for (size_t d = 0; d < N_DTYPES; d++)
        for (size_t p = 0; p < sizeof perms / sizeof perms[0]; p++) {
            char node[64];
            snprintf(node, sizeof node, "Transpose {perm=[%s]}", perms[p]);
            check_fast(node, EXACT, 1, IN(counted(&t, g_dtypes[d], DIMS(2, 21, 9, 40))));
            check_fast(node, EXACT, 1, IN(counted(&t, g_dtypes[d], DIMS(3, 1, 67, 5))));
        }
    check_fast("Transpose", EXACT, 1, IN(empty(QN_F32, DIMS(3, 0))));
    check_fast("Transpose", EXACT, 1, IN(counted(&t, QN_F32, SCALAR)));
    check_fast("Transpose", EXACT, 1, IN(counted(&t, QN_F32, DIMS(600, 512)))); /* several pieces */
    node_end(&t);
}

/* ---- Cast: the reference's bits ---------------------------------------------------------------------- */

static qn_tensor numbers(node_test *t, qn_dtype dtype, int64_t n) {
    qn_tensor x = counted(t, dtype, DIMS(n));
    static const int64_t ints[] = {0,
                                   1,
                                   -1,
                                   255,
                                   256,
                                   INT32_MAX,
                                   INT32_MIN,
                                   (1 << 24) + 1,
                                   -7,
                                   INT64_MAX,
                                   INT64_MIN,
                                   1LL << 33,
                                   (1LL << 40) + (1 << 16) + 1,
                                   0x7fffff4000000001};
    static const float floats[] = {
        0.0f, -0.0f, 1.0f,    NAN,      INFINITY,       -INFINITY, 0x1p-149f, -0.5f,          3e38f,          -3e38f,
        2.9f, -2.9f, 0x1p31f, -0x1p31f, 0x1.fffffep30f, 0x1p63f,   -0x1p63f,  0x1.fffffep62f, -0x1.fffffep62f};
    for (int64_t i = 0; i < n; i++) {
        const int64_t v = ints[i % (int64_t)(sizeof ints / sizeof ints[0])];
        if (dtype == QN_F32)
            ((float *)x.data)[i] = floats[i % (int64_t)(sizeof floats / sizeof floats[0])];
        else if (dtype == QN_I64)
            ((int64_t *)x.data)[i] = v;
        else if (dtype == QN_I32)
            ((int32_t *)x.data)[i] = (int32_t)(uint32_t)(uint64_t)v;
        else if (i % 3 == 0)
            ((uint8_t *)x.data)[i] = 0; /* a bool that is true may be any other byte */
    }
    return x;
}

QN_TEST(kernels_cast_pairs) {
    static const qn_dtype pairs[][2] = {{QN_BOOL, QN_F32}, {QN_BOOL, QN_I32}, {QN_BOOL, QN_I64}, {QN_U8, QN_F32},
                                        {QN_I8, QN_F32},   {QN_I32, QN_F32},  {QN_I64, QN_F32},  {QN_I64, QN_I32},
                                        {QN_I32, QN_I64},  {QN_F32, QN_BOOL}, {QN_I32, QN_BOOL}, {QN_I64, QN_BOOL},
                                        {QN_F32, QN_I32},  {QN_F32, QN_I64}};
    static const int64_t sizes[] = {0, 1, 3, 15, 16, 17, 64, 131, 70001};
    node_test t = node_begin();
    for (size_t p = 0; p < sizeof pairs / sizeof pairs[0]; p++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            char node[64];
            snprintf(node, sizeof node, "Cast {to=%s}", qn_dtype_name(pairs[p][1]));
            check_fast(node, EXACT, 1, IN(numbers(&t, pairs[p][0], sizes[i])));
        }
    node_end(&t);
}
