/* Depth maps to pictures: one number a pixel to the photo's size, to grey of 16 bits, to colours. */
#ifndef QN_IMAGE_COLOUR_H
#define QN_IMAGE_COLOUR_H

#include "base/status.h"

#define QN_N_COLOURS 256

/** The colour map, dark to light, as sRGB of 8 bits. It is a path through OKLCH (Ottosson, "A perceptual color space for
 *  image processing", 2020), t = i / 255:
 *      lightness L = 0.20 + 0.75 t           even steps, so that equal differences of depth look equal
 *      hue       h = 285 + 185 t degrees     violet, magenta, red, orange, yellow
 *      chroma    C = 0.9 of the most that sRGB has at that lightness and hue */
void qn_colour_map(uint8_t rgb[QN_N_COLOURS][3]);

/** Least and largest finite number of x[0..n). False when none is finite (then both are 0). */
bool qn_depth_range(const float *x, int64_t n, float *min, float *max);
/** x on the scale that takes min to 0 and max to 1, clamped to it; 0 for a NaN, and where min == max. */
double qn_depth_scale(float x, float min, float max);
/** grey[i] = round(65535 * scale): x = min + grey / 65535 * (max - min) gives it back. */
void qn_depth_grey16(const float *x, int64_t n, float min, float max, uint16_t *grey);
/** rgb[i] = the colour at round(255 * scale); black for what is not finite. */
void qn_depth_colour(const float *x, int64_t n, float min, float max, uint8_t *rgb);

#endif
