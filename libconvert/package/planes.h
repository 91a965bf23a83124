/* Elements to byte planes and back: what compresses in a float is its exponent.
 *
 * `width` bytes make an element: 1, 2, 4 or 8. Plane p holds byte p of every element, the lowest first. Before that, of
 * elements of 2 bytes and more, the upper 16 bits turn left by one:
 *
 *     s eeeeeeee mmmmmmm   to   eeeeeeee mmmmmmm s        (bfloat16, and the upper half of float32)
 *
 * so that the last plane is the exponent of a bfloat16 or float32 (of a float16 its exponent and three bits more), which
 * has few likely values, and the planes below are mantissa and sign, which have none.
 */
#ifndef QN_PACKAGE_PLANES_H
#define QN_PACKAGE_PLANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QN_MAX_PLANES 8

/** True for the widths above. */
bool qn_planes_width_ok(uint64_t width);
/** n bytes, a multiple of `width`, to planes of n / width bytes, one after the other. Neither may overlap the other. */
void qn_planes_split(const uint8_t *data, size_t n, size_t width, uint8_t *planes);
/** The inverse; planes lie where they lie. */
void qn_planes_join(const uint8_t *const planes[QN_MAX_PLANES], size_t n, size_t width, uint8_t *data);

#endif
