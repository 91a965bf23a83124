#include "tests/read/picture_build.h"

#include <png.h>
#include <stdio.h> /* jpeglib.h wants it */
#include <stdlib.h>

#include <jpeglib.h>

#include "tests/test.h"

static void append(png_structp png, png_bytep data, size_t n) { qn_buf_append(png_get_io_ptr(png), data, n); }
static void flush(png_structp png) { (void)png; }

qn_buf pb_make_png(const pb_png *how, const uint8_t *rows, size_t row_bytes) {
    qn_buf out = QN_BUF_INIT;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_bytep *pointers = calloc((size_t)how->height, sizeof *pointers);
    png_color palette[256];
    assert_non_null(pointers);
    png_set_write_fn(png, &out, append, flush);
    png_set_IHDR(png, info, (png_uint_32)how->width, (png_uint_32)how->height, how->bits, how->colour_type,
                 how->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < how->n_palette; i++)
        palette[i] = (png_color){how->palette[i][0], how->palette[i][1], how->palette[i][2]};
    if (how->n_palette)
        png_set_PLTE(png, info, palette, how->n_palette);
    for (int y = 0; y < how->height; y++)
        pointers[y] = (png_bytep)(uintptr_t)rows + (size_t)y * row_bytes;
    png_write_info(png, info);
    png_write_image(png, pointers);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    free(pointers);
    return out;
}

/* TIFF header, most significant byte first, and a directory of one entry. */
static void write_orientation(struct jpeg_compress_struct *jpeg, int orientation) {
    uint8_t exif[] = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1,
                      0,   (uint8_t)orientation, 0, 0, 0, 0, 0, 0};
    jpeg_write_marker(jpeg, JPEG_APP0 + 1, exif, sizeof exif);
}

qn_buf pb_make_jpeg(int width, int height, int channels, const uint8_t *pixels, int orientation, bool progressive) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long n = 0;
    qn_buf out = QN_BUF_INIT;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &n);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = channels;
    jpeg.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (orientation)
        write_orientation(&jpeg, orientation);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)pixels + (size_t)jpeg.next_scanline * (size_t)(width * channels);
        (void)jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    qn_buf_append(&out, data, n);
    free(data);
    return out;
}
