#include "package/planes.h"

#include <string.h>

bool qn_planes_width_ok(uint64_t width) { return width == 1 || width == 2 || width == 4 || width == 8; }

/* The two upper bytes of an element, turned. */
static inline unsigned turn(unsigned low, unsigned high) {
    const unsigned word = high << 8 | low;
    return (word << 1 | word >> 15) & 0xffff;
}

static inline unsigned turn_back(unsigned low, unsigned high) {
    const unsigned word = high << 8 | low;
    return (word >> 1 | word << 15) & 0xffff;
}

/* Inlined below with a width that the compiler knows. */
static inline __attribute__((always_inline)) void split(const uint8_t *restrict data, size_t count, size_t width,
                                                        uint8_t *restrict planes) {
    for (size_t i = 0; i < count; i++) {
        const uint8_t *element = data + i * width;
        const unsigned top = turn(element[width - 2], element[width - 1]);
        for (size_t p = 0; p + 2 < width; p++)
            planes[p * count + i] = element[p];
        planes[(width - 2) * count + i] = (uint8_t)top;
        planes[(width - 1) * count + i] = (uint8_t)(top >> 8);
    }
}

static inline __attribute__((always_inline)) void join(const uint8_t *const planes[QN_MAX_PLANES], size_t count,
                                                       size_t width, uint8_t *restrict data) {
    const uint8_t *const low = planes[width - 2], *const high = planes[width - 1];
    for (size_t i = 0; i < count; i++) {
        uint8_t *element = data + i * width;
        const unsigned top = turn_back(low[i], high[i]);
        for (size_t p = 0; p + 2 < width; p++)
            element[p] = planes[p][i];
        element[width - 2] = (uint8_t)top;
        element[width - 1] = (uint8_t)(top >> 8);
    }
}

void qn_planes_split(const uint8_t *data, size_t n, size_t width, uint8_t *planes) {
    if (width == 1)
        memcpy(planes, data, n);
    else if (width == 2)
        split(data, n / 2, 2, planes);
    else if (width == 4)
        split(data, n / 4, 4, planes);
    else
        split(data, n / 8, 8, planes);
}

void qn_planes_join(const uint8_t *const planes[QN_MAX_PLANES], size_t n, size_t width, uint8_t *data) {
    if (width == 1)
        memcpy(data, planes[0], n);
    else if (width == 2)
        join(planes, n / 2, 2, data);
    else if (width == 4)
        join(planes, n / 4, 4, data);
    else
        join(planes, n / 8, 8, data);
}
