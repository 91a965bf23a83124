/* Pictures for the tests, encoded here by libpng and libjpeg. */
#ifndef QN_TESTS_READ_PICTURE_BUILD_H
#define QN_TESTS_READ_PICTURE_BUILD_H

#include "base/buf.h"

typedef struct pb_png {
    int width, height, bits, colour_type; /**< PNG_COLOR_TYPE_* */
    bool interlaced;
    int n_palette;
    const uint8_t (*palette)[3];
} pb_png;
/** `rows`: the packed bytes of each row, row_bytes each; 16 bits most significant byte first. */
qn_buf pb_make_png(const pb_png *how, const uint8_t *rows, size_t row_bytes);

/** A JPEG of quality 95 without subsampling. channels 1: grey; 3: RGB; 4: CMYK. orientation 1..8 is written as EXIF, 0: no
 *  EXIF. */
qn_buf pb_make_jpeg(int width, int height, int channels, const uint8_t *pixels, int orientation, bool progressive);

#endif
