/* JPEG through libjpeg: its errors, and those of its warnings that mean damage, end in a jump back here with its own
 * words. */
#include "read/picture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h wants it */
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

enum { EXIF_MARKER = JPEG_APP0 + 1, MAX_SCANS = 500, ROWS_AT_ONCE = 1 };

/* Huffman's codes take at least a bit for the mean of each block of 8 x 8. A unit of at most 32 x 32 pixels that has three
 * components has at least 9 blocks (4 x 1, 1 x 4 and one), and one of grey is a block: 1024 pixels in 9 bits. A picture that
 * its file cannot hold is refused before it has room. */
enum { MAX_PIXELS_A_BYTE = 1024 };

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    char reason[JMSG_LENGTH_MAX];
    qn_context *ctx;
} decoder;

static void on_error(j_common_ptr jpeg) {
    decoder *d = (decoder *)jpeg->client_data;
    jpeg->err->format_message(jpeg, d->reason);
    longjmp(d->jump, 1);
}

/* msg_level -1 is a warning: the data is damaged, and libjpeg would go on with a guess. */
static void on_message(j_common_ptr jpeg, int msg_level) {
    const int code = jpeg->err->msg_code;
    if (msg_level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR)
        on_error(jpeg);
}

/* A progressive file of a few bytes can ask for any number of passes over a large picture. */
static void on_progress(j_common_ptr jpeg) {
    decoder *d = (decoder *)jpeg->client_data;
    if (d->jpeg.input_scan_number <= MAX_SCANS)
        return;
    snprintf(d->reason, sizeof d->reason, "more than %d scans", MAX_SCANS);
    longjmp(d->jump, 1);
}

/* ---- orientation ----------------------------------------------------------------------------------------- */

static unsigned number(const uint8_t *p, int n, bool little) {
    unsigned v = 0;
    for (int i = 0; i < n; i++)
        v |= (unsigned)p[i] << 8 * (little ? i : n - 1 - i);
    return v;
}

/* Tag 0x0112 of the first directory of EXIF data (TIFF 6.0): 1..8; 1 when it is not there or makes no sense. */
static int exif_orientation(const uint8_t *p, size_t n) {
    static const uint8_t exif[6] = {'E', 'x', 'i', 'f', 0, 0};
    enum { ENTRY = 12, TAG = 0x0112, SHORT = 3 };
    if (n < 14 || memcmp(p, exif, sizeof exif) != 0)
        return 1;
    p += sizeof exif;
    n -= sizeof exif;
    const bool little = p[0] == 'I';
    const size_t at = number(p + 4, 4, little);
    if (p[0] != p[1] || (p[0] != 'I' && p[0] != 'M') || number(p + 2, 2, little) != 42 || at > n - 2)
        return 1;
    const size_t count = number(p + at, 2, little);
    for (size_t i = 0; i < count && at + 2 + (i + 1) * ENTRY <= n; i++) {
        const uint8_t *entry = p + at + 2 + i * ENTRY;
        if (number(entry, 2, little) != TAG || number(entry + 2, 2, little) != SHORT || number(entry + 4, 4, little) != 1)
            continue;
        const unsigned v = number(entry + 8, 2, little);
        return v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}

static int orientation_of(const struct jpeg_decompress_struct *jpeg) {
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next) {
        const int v = m->marker == EXIF_MARKER ? exif_orientation(m->data, m->data_length) : 1;
        if (v != 1)
            return v;
    }
    return 1;
}

/* Which stored pixel is shown at row y, column x: 5 to 8 swap rows and columns first. */
static qn_status turn(qn_context *ctx, qn_arena *arena, int orientation, qn_rgb *io) {
    static const struct {
        bool swap, flip_rows, flip_columns; /* of the stored picture */
    } ways[9] = {[2] = {false, false, true}, [3] = {false, true, true}, [4] = {false, true, false}, [5] = {true, false, false},
                 [6] = {true, true, false},  [7] = {true, true, true},  [8] = {true, false, true}};
    qn_rgb out = *io;
    if (orientation == 1)
        return QN_OK;
    if (ways[orientation].swap) {
        out.height = io->width;
        out.width = io->height;
    }
    QN_NEW_ARRAY(ctx, arena, out.data, 3 * out.height * out.width);
    for (int64_t y = 0; y < out.height; y++)
        for (int64_t x = 0; x < out.width; x++) {
            int64_t row = ways[orientation].swap ? x : y, column = ways[orientation].swap ? y : x;
            row = ways[orientation].flip_rows ? io->height - 1 - row : row;
            column = ways[orientation].flip_columns ? io->width - 1 - column : column;
            memcpy(out.data + 3 * (y * out.width + x), io->data + 3 * (row * io->width + column), 3);
        }
    *io = out;
    return QN_OK;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

static qn_status decode(decoder *d, qn_arena *arena, const char *name, const uint8_t *data, size_t n_bytes,
                        int64_t max_pixels, qn_rgb *out, int *orientation) {
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    if (setjmp(d->jump))
        return qn_fail(d->ctx, QN_MALFORMED, "%s: JPEG: %s", name, d->reason);
    jpeg_create_decompress(jpeg);
    jpeg->progress = &d->progress;
    jpeg_mem_src(jpeg, data, n_bytes);
    jpeg_save_markers(jpeg, EXIF_MARKER, 0xffff);
    (void)jpeg_read_header(jpeg, TRUE);
    if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK)
        return qn_fail(d->ctx, QN_UNSUPPORTED, "%s: JPEG: CMYK pictures are not read, only RGB and grey", name);
    const int64_t height = jpeg->image_height, width = jpeg->image_width;
    QN_TRY(qn_picture_check_size(d->ctx, name, height, width, max_pixels));
    if (jpeg->arith_code)
        return qn_fail(d->ctx, QN_UNSUPPORTED, "%s: JPEG: arithmetic coding is not read, only Huffman's", name);
    if ((size_t)(height * width) / MAX_PIXELS_A_BYTE > n_bytes)
        return qn_fail(d->ctx, QN_MALFORMED, "%s: JPEG: %zu bytes cannot hold %" PRId64 " x %" PRId64 " pixels", name, n_bytes,
                       width, height);
    QN_TRY(qn_picture_alloc(d->ctx, arena, name, height, width, max_pixels, out));
    jpeg->out_color_space = JCS_RGB;
    (void)jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = out->data + (size_t)3 * jpeg->output_scanline * (size_t)out->width;
        (void)jpeg_read_scanlines(jpeg, &row, ROWS_AT_ONCE);
    }
    *orientation = orientation_of(jpeg);
    (void)jpeg_finish_decompress(jpeg);
    return QN_OK;
}

qn_status qn_jpeg_parse(qn_context *ctx, qn_arena *arena, const char *name, const uint8_t *data, size_t n_bytes,
                        int64_t max_pixels, qn_rgb *out) {
    decoder *d;
    int orientation = 1;
    QN_NEW(ctx, arena, d);
    d->ctx = ctx;
    d->jpeg.err = jpeg_std_error(&d->errors);
    d->jpeg.client_data = d;
    d->errors.error_exit = on_error;
    d->errors.emit_message = on_message;
    d->progress.progress_monitor = on_progress;
    qn_status status = decode(d, arena, name, data, n_bytes, max_pixels, out, &orientation);
    jpeg_destroy_decompress(&d->jpeg);
    return status == QN_OK ? turn(ctx, arena, orientation, out) : status;
}
