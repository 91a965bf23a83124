/* Pictures in files: PNG and JPEG to RGB of 8 bits, and PNG out.
 *
 * What becomes RGB: grey (the value three times), palettes, 16 bits (scaled, not cut). Alpha is dropped, as are colour
 * profiles and gamma. A JPEG is turned as its EXIF orientation says; CMYK and arithmetic coding are refused.
 */
#ifndef QN_READ_PICTURE_H
#define QN_READ_PICTURE_H

#include "ir/preprocess.h"

/** Most bytes of a picture file, and most pixels of a picture. */
#define QN_PICTURE_MAX_BYTES ((size_t)1 << 30)
#define QN_PICTURE_MAX_PIXELS QN_MAX_PIXELS

typedef struct qn_rgb {
    int64_t height, width; /**< each 1..65535 */
    uint8_t *data;         /**< [height, width, 3], in the arena */
} qn_rgb;

/** Parse the bytes of a PNG or JPEG, which the first of them tell apart; `name` for messages. QN_MALFORMED says what
 *  libpng or libjpeg said; QN_UNSUPPORTED for another format, CMYK, arithmetic coding, or more than `max_pixels`. */
QN_MUST_USE qn_status qn_picture_parse(qn_context *ctx, qn_arena *arena, const char *name, const void *data, size_t n_bytes,
                                       int64_t max_pixels, qn_rgb *out);
/** The two behind it; data begins as their format does. */
QN_MUST_USE qn_status qn_png_parse(qn_context *ctx, qn_arena *arena, const char *name, const uint8_t *data, size_t n_bytes,
                                   int64_t max_pixels, qn_rgb *out);
QN_MUST_USE qn_status qn_jpeg_parse(qn_context *ctx, qn_arena *arena, const char *name, const uint8_t *data, size_t n_bytes,
                                    int64_t max_pixels, qn_rgb *out);
/** QN_UNSUPPORTED when a picture of that size is too large. */
QN_MUST_USE qn_status qn_picture_check_size(qn_context *ctx, const char *name, int64_t height, int64_t width,
                                            int64_t max_pixels);
/** The same, and zeroed room for it. */
QN_MUST_USE qn_status qn_picture_alloc(qn_context *ctx, qn_arena *arena, const char *name, int64_t height, int64_t width,
                                       int64_t max_pixels, qn_rgb *out);
/** The file at `path`. */
QN_MUST_USE qn_status qn_picture_read(qn_context *ctx, qn_arena *arena, const char *path, qn_rgb *out);

/** A line of text in a PNG (a tEXt chunk). */
typedef struct qn_png_text {
    const char *key, *text; /**< Latin-1; key of 1 to 79 characters */
} qn_png_text;

/** What goes into a PNG. */
typedef struct qn_png_image {
    int64_t height, width;
    int channels;      /**< 3: RGB; 1: grey */
    int bits;          /**< of a channel: 8 (uint8_t) or 16 (uint16_t) */
    const void *data;  /**< [height, width, channels] */
    const qn_png_text *texts;
    int n_texts;
} qn_png_image;

/** Write a PNG; the file appears whole or not at all. */
QN_MUST_USE qn_status qn_png_write(qn_context *ctx, const char *path, const qn_png_image *image);

#endif
