/* PNG through libpng: its errors end in a jump back here with its own words, its warnings are left out. */
#include "read/picture.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

/* Deflate makes at most about 1032 bytes of one: a picture that its file cannot hold is refused before it has room. */
enum { MAX_RATIO = 1040, MAX_CHUNK = 8 << 20, REASON = 200 };

typedef struct decoder {
    jmp_buf jump;
    char reason[REASON];
    png_structp png;
    png_infop info;
    const uint8_t *data;
    size_t n, at;
    qn_outfile *file;    /* writing */
    uint64_t written;
    qn_context *ctx;
    qn_status status;    /* of what failed here, not in libpng */
} decoder;

static void on_error(png_structp png, png_const_charp message) {
    decoder *d = png_get_error_ptr(png);
    strncpy(d->reason, message, REASON - 1);
    longjmp(d->jump, 1);
}

static void on_warning(png_structp png, png_const_charp message) { (void)png, (void)message; }

/* ---- reading -------------------------------------------------------------------------------------------- */

static void take(png_structp png, png_bytep out, size_t n) {
    decoder *d = png_get_io_ptr(png);
    if (n > d->n - d->at)
        png_error(png, "the file is cut short");
    memcpy(out, d->data + d->at, n);
    d->at += n;
}

/* Between the setjmp and the end: only `d` and the arena are touched. */
static qn_status decode(decoder *d, qn_arena *arena, const char *name, int64_t max_pixels, qn_rgb *out, png_bytep **rows) {
    png_structp png = d->png;
    png_set_read_fn(png, d, take);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff); /* sizes are checked below, in our words */
    png_set_chunk_malloc_max(png, MAX_CHUNK);
    /* texts and profiles, which unpack to a thousand times their bytes, are skipped; -1: all but IHDR, PLTE, tRNS, IDAT, IEND */
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, d->info);
    const int64_t width = png_get_image_width(png, d->info), height = png_get_image_height(png, d->info);
    const size_t row_bytes = png_get_rowbytes(png, d->info);
    QN_TRY(qn_picture_check_size(d->ctx, name, height, width, max_pixels));
    if ((size_t)height * row_bytes / MAX_RATIO > d->n)
        return qn_fail(d->ctx, QN_MALFORMED, "%s: PNG: %zu bytes cannot hold %zu rows of %zu bytes", name, d->n, (size_t)height,
                       row_bytes);
    QN_TRY(qn_picture_alloc(d->ctx, arena, name, height, width, max_pixels, out));
    png_set_palette_to_rgb(png);
    png_set_expand_gray_1_2_4_to_8(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_strip_alpha(png);
    (void)png_set_interlace_handling(png);
    png_read_update_info(png, d->info);
    if (png_get_rowbytes(png, d->info) != (size_t)(3 * width))
        return qn_fail(d->ctx, QN_UNSUPPORTED, "%s: PNG: a kind of pixel that does not become RGB", name);
    QN_NEW_ARRAY(d->ctx, arena, *rows, height);
    for (int64_t y = 0; y < height; y++)
        (*rows)[y] = out->data + 3 * y * width;
    png_read_image(png, *rows);
    png_read_end(png, NULL);
    return QN_OK;
}

static qn_status guarded(decoder *d, qn_arena *arena, const char *name, int64_t max_pixels, qn_rgb *out) {
    png_bytep *rows = NULL;
    if (setjmp(d->jump))
        return qn_fail(d->ctx, QN_MALFORMED, "%s: PNG: %s", name, d->reason);
    return decode(d, arena, name, max_pixels, out, &rows);
}

qn_status qn_png_parse(qn_context *ctx, qn_arena *arena, const char *name, const uint8_t *data, size_t n_bytes,
                       int64_t max_pixels, qn_rgb *out) {
    decoder d = {.ctx = ctx, .data = data, .n = n_bytes};
    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    qn_status status = d.info ? guarded(&d, arena, name, max_pixels, out) : qn_fail_memory(ctx, 0, name);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    return status;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void put(png_structp png, png_bytep data, size_t n) {
    decoder *d = png_get_io_ptr(png);
    d->status = qn_outfile_write(d->ctx, d->file, d->written, data, n);
    if (d->status != QN_OK)
        png_error(png, "cannot be written");
    d->written += n;
}

static void flush(png_structp png) { (void)png; }

static qn_status encode(decoder *d, const char *path, const qn_png_image *image, uint8_t *row) {
    const int colour = image->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY;
    const size_t n_row = (size_t)(image->width * image->channels);
    if (setjmp(d->jump))
        return d->status != QN_OK ? d->status : qn_fail(d->ctx, QN_SYSTEM, "%s: PNG: %s", path, d->reason);
    png_set_write_fn(d->png, d, put, flush);
    png_set_IHDR(d->png, d->info, (png_uint_32)image->width, (png_uint_32)image->height, image->bits, colour,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < image->n_texts; i++) {
        png_text text = {.compression = PNG_TEXT_COMPRESSION_NONE, .key = (png_charp)(uintptr_t)image->texts[i].key,
                         .text = (png_charp)(uintptr_t)image->texts[i].text};
        png_set_text(d->png, d->info, &text, 1);
    }
    png_write_info(d->png, d->info);
    for (int64_t y = 0; y < image->height; y++) {
        if (image->bits == 8) {
            memcpy(row, (const uint8_t *)image->data + (size_t)y * n_row, n_row);
        } else { /* most significant byte first */
            const uint16_t *in = (const uint16_t *)image->data + (size_t)y * n_row;
            for (size_t i = 0; i < n_row; i++) {
                row[2 * i] = (uint8_t)(in[i] >> 8);
                row[2 * i + 1] = (uint8_t)(in[i] & 0xff);
            }
        }
        png_write_row(d->png, row);
    }
    png_write_end(d->png, NULL);
    return QN_OK;
}

static qn_status write_png(decoder *d, const char *path, const qn_png_image *image) {
    uint8_t *row = malloc((size_t)(image->width * image->channels * 2));
    d->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, d, on_error, on_warning);
    d->info = d->png ? png_create_info_struct(d->png) : NULL;
    qn_status status = d->info && row ? encode(d, path, image, row) : qn_fail_memory(d->ctx, 0, path);
    png_destroy_write_struct(&d->png, &d->info);
    free(row);
    return status;
}

qn_status qn_png_write(qn_context *ctx, const char *path, const qn_png_image *image) {
    decoder d = {.ctx = ctx, .status = QN_OK};
    QN_TRY(qn_outfile_create(ctx, path, &d.file));
    qn_status status = write_png(&d, path, image);
    if (status == QN_OK)
        return qn_outfile_commit(ctx, d.file);
    qn_outfile_destroy(d.file);
    return status;
}
