#include "image/colour.h"

#include <math.h>

#include "tests/test.h"

/* OKLab's lightness of an sRGB colour, the other way round than colour.c computes. */
static double lightness(const uint8_t rgb[3]) {
    double x[3];
    for (int c = 0; c < 3; c++) {
        const double v = rgb[c] / 255.0;
        x[c] = v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
    }
    return 0.2104542553 * cbrt(0.4122214708 * x[0] + 0.5363325363 * x[1] + 0.0514459929 * x[2]) +
           0.7936177850 * cbrt(0.2119034982 * x[0] + 0.6806995451 * x[1] + 0.1073969566 * x[2]) -
           0.0040720468 * cbrt(0.0883024619 * x[0] + 0.2817188376 * x[1] + 0.6299787005 * x[2]);
}

/* Lightness is the line of colour.h but for rounding to 8 bits. A step of a channel is 1/255 in encoded sRGB, half of it the
 * error; grey's lightness moves by at most 1.1 of that above L = 0.2, and three channels that round alike move it as grey. */
QN_TEST(image_colour_lightness_is_even) {
    uint8_t map[QN_N_COLOURS][3];
    qn_colour_map(map);
    for (int i = 0; i < QN_N_COLOURS; i++) {
        const double want = 0.20 + 0.75 * i / 255.0, got = lightness(map[i]);
        if (!(fabs(got - want) <= 1.1 * 0.5 / 255))
            fail_msg("colour %d has lightness %.5f, not %.5f", i, got, want);
        if (i > 0 && !(got > lightness(map[i - 1])))
            fail_msg("colour %d is not lighter than the one before", i);
    }
}

QN_TEST(image_colour_range) {
    const float x[] = {NAN, 3, -INFINITY, -2, INFINITY, 0}, none[] = {NAN, INFINITY};
    float min, max;
    assert_true(qn_depth_range(x, 6, &min, &max));
    assert_true(min == -2 && max == 3);
    assert_false(qn_depth_range(none, 2, &min, &max));
    assert_true(min == 0 && max == 0);
    assert_false(qn_depth_range(x, 0, &min, &max));
    assert_true(qn_depth_scale(-2, -2, 3) == 0 && qn_depth_scale(3, -2, 3) == 1 && qn_depth_scale(0.5f, -2, 3) == 0.5);
    assert_true(qn_depth_scale(NAN, -2, 3) == 0 && qn_depth_scale(INFINITY, -2, 3) == 1 && qn_depth_scale(-INFINITY, -2, 3) == 0);
    assert_true(qn_depth_scale(7, 7, 7) == 0); /* a map of one number */
    assert_true(qn_depth_scale(3e38f, -3e38f, 3e38f) == 1); /* the difference does not fit float32 */
}

/* The number comes back within half a step of the scale. */
QN_TEST(image_colour_grey16_recovers) {
    enum { N = 1000 };
    float x[N], min, max;
    uint16_t grey[N];
    for (int i = 0; i < N; i++)
        x[i] = sinf((float)i) * 17 + 4;
    assert_true(qn_depth_range(x, N, &min, &max));
    qn_depth_grey16(x, N, min, max, grey);
    for (int i = 0; i < N; i++) {
        const double back = (double)min + grey[i] / 65535.0 * ((double)max - (double)min);
        assert_true(fabs(back - (double)x[i]) <= ((double)max - (double)min) / 131070 * 1.000001);
    }
}

QN_TEST(image_colour_pictures) {
    const float x[] = {0, 1, NAN, INFINITY, 0.5f};
    uint8_t rgb[5][3], map[QN_N_COLOURS][3];
    static const uint8_t black[3] = {0, 0, 0};
    qn_colour_map(map);
    qn_depth_colour(x, 5, 0, 1, rgb[0]);
    assert_memory_equal(rgb[0], map[0], 3);
    assert_memory_equal(rgb[1], map[255], 3);
    assert_memory_equal(rgb[2], black, 3);
    assert_memory_equal(rgb[3], black, 3);
    assert_memory_equal(rgb[4], map[128], 3); /* 127.5 away from zero */
}
