#include "base/half_impl.h"
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>

static uint32_t bits_of(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static float float_of(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

QN_TEST(base_half_every_f16_survives_the_round_trip) {
    for (uint32_t h = 0; h < 0x10000; h++) {
        float x = qn_f16_to_f32((uint16_t)h);
        uint16_t want = (uint16_t)h;
        if (isnan(x))
            want |= 0x200; /* quieted */
        assert_int_equal(qn_f32_to_f16(x), want);
    }
}

/* Between two neighbours lo < hi: everything below the middle goes to lo, above to hi, the middle to the even one. */
QN_TEST(base_half_f16_rounds_to_nearest_even) {
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float lo = qn_f16_to_f32((uint16_t)h), hi = qn_f16_to_f32((uint16_t)(h + 1));
        float mid = lo + (hi - lo) / 2; /* exact: one bit more than binary16 */
        assert_int_equal(qn_f32_to_f16(mid), h & 1 ? h + 1 : h);
        assert_int_equal(qn_f32_to_f16(nextafterf(mid, 0)), h);
        assert_int_equal(qn_f32_to_f16(nextafterf(mid, INFINITY)), h + 1);
        assert_int_equal(qn_f32_to_f16(-mid), (h & 1 ? h + 1 : h) | 0x8000u);
    }
    assert_int_equal(qn_f32_to_f16(65504.0f), 0x7bff);
    assert_int_equal(qn_f32_to_f16(65519.99f), 0x7bff);
    assert_int_equal(qn_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(qn_f32_to_f16(INFINITY), 0x7c00);
    assert_int_equal(qn_f32_to_f16(-3.4e38f), 0xfc00);
    assert_int_equal(qn_f32_to_f16(0x1p-25f), 0);
}

QN_TEST(base_half_bf16_rounds_to_nearest_even) {
    assert_int_equal(qn_f32_to_bf16(1.0f), 0x3f80);
    assert_int_equal(qn_f32_to_bf16(float_of(0x3f808000)), 0x3f80);
    assert_int_equal(qn_f32_to_bf16(float_of(0x3f808001)), 0x3f81);
    assert_int_equal(qn_f32_to_bf16(float_of(0x3f818000)), 0x3f82);
    assert_int_equal(qn_f32_to_bf16(float_of(0x7f7fffff)), 0x7f80);
    assert_int_equal(qn_f32_to_bf16(float_of(0x7f800001)), 0x7fc0);
    assert_int_equal(qn_f32_to_bf16(float_of(0xffc12345)), 0xffc1);
    assert_int_equal(qn_f32_to_bf16(float_of(0x00008001)), 1);
}

enum { N = 1 << 16 };

static void check_vectors(const qn_half_ops *v) {
    float *src = malloc(N * sizeof *src), *wide = malloc(N * sizeof *wide);
    uint16_t *half = malloc(N * sizeof *half);
    assert_true(src && wide && half);
    uint32_t r = 1;
    for (uint32_t i = 0; i < N; i++) {
        r = r * 1664525u + 1013904223u;
        /* all magnitudes, with the low bits at and around ties now and then, NaNs of either kind included */
        uint32_t u = r;
        if (i % 3 == 0)
            u = (u & ~0x1fffu) | 0x1000u;
        if (i % 3 == 1)
            u = (u & 0x87ffffffu) | (((i >> 8) % 48u + 100u) << 23);
        if (i % 17 == 0)
            u |= 0x7f800000u;
        src[i] = float_of(u);
    }
    v->to_f16(src, half, N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(half[i], qn_f32_to_f16(src[i]));
    v->to_bf16(src, half, N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(half[i], qn_f32_to_bf16(src[i]));
    for (uint32_t i = 0; i < N; i++)
        half[i] = (uint16_t)i;
    v->from_f16(half, wide, N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(bits_of(wide[i]), bits_of(qn_f16_to_f32((uint16_t)i)));
    v->from_bf16(half, wide, N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(bits_of(wide[i]), i << 16);
    /* lengths around the width of a vector, at addresses of no alignment, writing nothing beyond */
    for (size_t n = 0; n < 40; n++) {
        half[n + 1] = 0x1234;
        v->to_f16(src + 3, half + 1, n);
        assert_int_equal(half[n + 1], 0x1234);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(half[i + 1], qn_f32_to_f16(src[i + 3]));
        wide[n + 1] = 7;
        v->from_f16(half + 1, wide + 1, n);
        assert_true(wide[n + 1] == 7);
        v->to_bf16(src + 3, half + 1, n);
        assert_int_equal(half[n + 1], 0x1234);
        v->from_bf16(half + 1, wide + 1, n);
        assert_true(wide[n + 1] == 7);
    }
    free(src);
    free(wide);
    free(half);
}

QN_TEST(base_half_vectors_give_the_same_bits) {
    static const qn_half_ops chosen = {qn_f32_to_f16_n, qn_f16_to_f32_n, qn_f32_to_bf16_n, qn_bf16_to_f32_n};
    check_vectors(&chosen);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        check_vectors(&qn_half_ops_avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        check_vectors(&qn_half_ops_avx512);
#elif defined(__aarch64__)
    check_vectors(&qn_half_ops_neon);
#endif
}
