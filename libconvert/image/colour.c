#include "image/colour.h"

#include <math.h>
#include <string.h>

/* OKLab to linear sRGB: the two matrices of Ottosson's definition. False when a channel leaves 0..1. */
static bool linear_of(double L, double a, double b, double out[3]) {
    const double l = L + 0.3963377774 * a + 0.2158037573 * b, m = L - 0.1055613458 * a - 0.0638541728 * b,
                 s = L - 0.0894841775 * a - 1.2914855480 * b;
    const double l3 = l * l * l, m3 = m * m * m, s3 = s * s * s;
    out[0] = 4.0767416621 * l3 - 3.3077115913 * m3 + 0.2309699292 * s3;
    out[1] = -1.2684380046 * l3 + 2.6097574011 * m3 - 0.3413193965 * s3;
    out[2] = -0.0041960863 * l3 - 0.7034186147 * m3 + 1.7076147010 * s3;
    bool inside = true;
    for (int c = 0; c < 3; c++)
        inside = inside && out[c] >= 0 && out[c] <= 1;
    return inside;
}

/* The transfer function of sRGB (IEC 61966-2-1). */
static double encoded(double x) { return x <= 0.0031308 ? 12.92 * x : 1.055 * pow(x, 1 / 2.4) - 0.055; }

/* The most chroma that is inside sRGB, by halving. */
static double most_chroma(double L, double cos_h, double sin_h) {
    double low = 0, high = 0.5, out[3];
    for (int i = 0; i < 40; i++) {
        const double c = (low + high) / 2;
        if (linear_of(L, c * cos_h, c * sin_h, out))
            low = c;
        else
            high = c;
    }
    return low;
}

void qn_colour_map(uint8_t rgb[QN_N_COLOURS][3]) {
    const double degree = acos(-1.0) / 180;
    for (int i = 0; i < QN_N_COLOURS; i++) {
        const double t = i / (QN_N_COLOURS - 1.0), L = 0.20 + 0.75 * t, h = (285 + 185 * t) * degree;
        const double chroma = 0.9 * most_chroma(L, cos(h), sin(h));
        double out[3];
        (void)linear_of(L, chroma * cos(h), chroma * sin(h), out);
        for (int c = 0; c < 3; c++)
            rgb[i][c] = (uint8_t)lround(255 * encoded(out[c]));
    }
}

bool qn_depth_range(const float *x, int64_t n, float *min, float *max) {
    bool any = false;
    *min = *max = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            continue;
        *min = any ? fminf(*min, x[i]) : x[i];
        *max = any ? fmaxf(*max, x[i]) : x[i];
        any = true;
    }
    return any;
}

double qn_depth_scale(float x, float min, float max) {
    if (isnan(x) || !(max > min))
        return 0;
    return fmin(fmax(((double)x - min) / ((double)max - min), 0), 1);
}

void qn_depth_grey16(const float *x, int64_t n, float min, float max, uint16_t *grey) {
    for (int64_t i = 0; i < n; i++)
        grey[i] = (uint16_t)lround(65535 * qn_depth_scale(x[i], min, max));
}

void qn_depth_colour(const float *x, int64_t n, float min, float max, uint8_t *rgb) {
    static const uint8_t black[3] = {0, 0, 0};
    uint8_t map[QN_N_COLOURS][3];
    qn_colour_map(map);
    for (int64_t i = 0; i < n; i++)
        memcpy(rgb + 3 * i, isfinite(x[i]) ? map[lround(255 * qn_depth_scale(x[i], min, max))] : black, 3);
}
