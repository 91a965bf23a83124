/* Byte planes: what lies where, and back. */
#include "package/planes.h"

#include <stdlib.h>

#include "tests/test.h"

QN_TEST(package_planes_widths) {
    for (uint64_t w = 0; w < 20; w++)
        assert_int_equal(qn_planes_width_ok(w), w == 1 || w == 2 || w == 4 || w == 8);
    assert_false(qn_planes_width_ok(((uint64_t)1 << 32) + 4));
}

/* 1.0 and -1.0 in bfloat16 and float32: exponent 127, no mantissa, and the sign in the lowest bit of the plane before. */
QN_TEST(package_planes_exponent_is_last) {
    static const uint8_t bf16[4] = {0x80, 0x3f, 0x80, 0xbf}, f32[8] = {0x12, 0x34, 0x80, 0x3f, 0x56, 0x78, 0x81, 0xbf};
    static const uint8_t bf16_planes[4] = {0, 1, 127, 127}, f32_planes[8] = {0x12, 0x56, 0x34, 0x78, 0, 3, 127, 127};
    uint8_t planes[8];
    qn_planes_split(bf16, sizeof bf16, 2, planes);
    assert_memory_equal(planes, bf16_planes, sizeof bf16);
    qn_planes_split(f32, sizeof f32, 4, planes);
    assert_memory_equal(planes, f32_planes, sizeof f32);
}

QN_TEST(package_planes_round_trip) {
    enum { MOST = 8 * 131 };
    uint8_t data[MOST], planes[MOST], back[MOST];
    for (size_t i = 0; i < MOST; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 11);
    for (size_t width = 1; width <= 8; width *= 2)
        for (size_t count = 0; count <= 131; count++) {
            const uint8_t *at[QN_MAX_PLANES] = {NULL};
            const size_t n = count * width;
            qn_planes_split(data, n, width, planes);
            for (size_t p = 0; p < width; p++)
                at[p] = planes + p * count;
            memset(back, 0xee, sizeof back);
            qn_planes_join(at, n, width, back);
            if (memcmp(back, data, n) != 0 || (n < MOST && back[n] != 0xee))
                fail_msg("%zu elements of %zu bytes", count, width);
        }
}
