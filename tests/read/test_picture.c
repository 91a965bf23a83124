#include "read/picture.h"

#include <arpa/inet.h>
#include <libdeflate.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/read/picture_build.h"
#include "tests/test.h"

static const int64_t g_limit = 1 << 20;

static qn_status parse(qn_context *ctx, qn_arena *arena, const qn_buf *file, qn_rgb *out) {
    /* of its own allocation, so that a read past the end is seen */
    char *copy = malloc(file->n ? file->n : 1);
    assert_non_null(copy);
    if (file->n)
        memcpy(copy, file->data, file->n);
    qn_status status = qn_picture_parse(ctx, arena, "photo", copy, file->n, g_limit, out);
    free(copy);
    return status;
}

static void check_rgb(qn_context *ctx, qn_buf file, int height, int width, const uint8_t *want) {
    qn_arena *arena = qn_arena_create();
    qn_rgb rgb;
    ASSERT_OK(ctx, parse(ctx, arena, &file, &rgb));
    assert_int_equal(rgb.height, height);
    assert_int_equal(rgb.width, width);
    assert_memory_equal(rgb.data, want, (size_t)(3 * height * width));
    qn_arena_destroy(arena);
    qn_buf_free(&file);
}

/* Every kind of pixel that PNG has becomes RGB of 8 bits. */
QN_TEST(read_picture_png_kinds) {
    static const uint8_t rgb[] = {1, 2, 3, 250, 128, 0, 7, 7, 7, 0, 0, 255}; /* 2 x 2 */
    static const uint8_t rgba[] = {1, 2, 3, 0, 250, 128, 0, 255, 7, 7, 7, 9, 0, 0, 255, 128};
    static const uint8_t grey[] = {0, 9, 100, 255}, from_grey[] = {0, 0, 0, 9, 9, 9, 100, 100, 100, 255, 255, 255};
    static const uint8_t grey_alpha[] = {0, 1, 9, 2, 100, 3, 255, 4};
    static const uint8_t bits[] = {0x40, 0x80}, from_bits[] = {0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0};
    static const uint8_t indices[] = {0x01, 0x20}; /* 4 bits each: 0 1, 2 0 */
    static const uint8_t palette[3][3] = {{1, 2, 3}, {40, 50, 60}, {255, 0, 9}};
    static const uint8_t from_palette[] = {1, 2, 3, 40, 50, 60, 255, 0, 9, 1, 2, 3};
    /* 16 bits: round(x * 255 / 65535): 0x0080 is 0.498 of a step, 0x0081 0.502 */
    static const uint8_t wide[] = {0x00, 0x80, 0x00, 0x81, 0xff, 0xff, 0x12, 0x34}, from_wide[] = {0, 0, 0, 1, 1, 1, 255, 255, 255, 18, 18, 18};
    qn_context *ctx = qn_test_context();
    check_rgb(ctx, pb_make_png(&(pb_png){2, 2, 8, PNG_COLOR_TYPE_RGB, false, 0, NULL}, rgb, 6), 2, 2, rgb);
    check_rgb(ctx, pb_make_png(&(pb_png){2, 2, 8, PNG_COLOR_TYPE_RGB, true, 0, NULL}, rgb, 6), 2, 2, rgb);
    check_rgb(ctx, pb_make_png(&(pb_png){2, 2, 8, PNG_COLOR_TYPE_RGB_ALPHA, false, 0, NULL}, rgba, 8), 2, 2, rgb);
    check_rgb(ctx, pb_make_png(&(pb_png){4, 1, 8, PNG_COLOR_TYPE_GRAY, false, 0, NULL}, grey, 4), 1, 4, from_grey);
    check_rgb(ctx, pb_make_png(&(pb_png){1, 4, 8, PNG_COLOR_TYPE_GRAY_ALPHA, true, 0, NULL}, grey_alpha, 2), 4, 1, from_grey);
    check_rgb(ctx, pb_make_png(&(pb_png){2, 2, 1, PNG_COLOR_TYPE_GRAY, false, 0, NULL}, bits, 1), 2, 2, from_bits);
    check_rgb(ctx, pb_make_png(&(pb_png){2, 2, 4, PNG_COLOR_TYPE_PALETTE, false, 3, palette}, indices, 1), 2, 2, from_palette);
    check_rgb(ctx, pb_make_png(&(pb_png){2, 2, 16, PNG_COLOR_TYPE_GRAY, false, 0, NULL}, wide, 4), 2, 2, from_wide);
    qn_context_destroy(ctx);
}

enum { W = 24, H = 16 };

/* Four quarters: red and green above, blue and white below. */
static void quarters(uint8_t *rgb) {
    static const uint8_t colours[4][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            memcpy(rgb + 3 * (y * W + x), colours[(y >= H / 2) * 2 + (x >= W / 2)], 3);
}

static char letter(const qn_rgb *p, int64_t y, int64_t x) {
    const uint8_t *c = p->data + 3 * (y * p->width + x);
    const int code = (c[0] > 127) * 4 + (c[1] > 127) * 2 + (c[2] > 127);
    return "?BG?R??W"[code];
}

/* What the EXIF standard (CIPA DC-008, tag 274) says is shown at the corners: top left and right, bottom left and right. */
QN_TEST(read_picture_jpeg_orientation) {
    static const char *const corners[9] = {"RGBW", "RGBW", "GRWB", "WBGR", "BWRG", "RBGW", "BRWG", "WGBR", "GWRB"};
    static uint8_t rgb[3 * H * W];
    qn_context *ctx = qn_test_context();
    quarters(rgb);
    for (int o = 0; o <= 8; o++) {
        qn_arena *arena = qn_arena_create();
        qn_rgb p;
        qn_buf file = pb_make_jpeg(W, H, 3, rgb, o, o % 2);
        ASSERT_OK(ctx, parse(ctx, arena, &file, &p));
        assert_int_equal(p.height, o >= 5 ? W : H);
        assert_int_equal(p.width, o >= 5 ? H : W);
        const char got[5] = {letter(&p, 0, 0), letter(&p, 0, p.width - 1), letter(&p, p.height - 1, 0),
                             letter(&p, p.height - 1, p.width - 1), 0};
        if (strcmp(got, corners[o]) != 0)
            fail_msg("orientation %d shows %s, not %s", o, got, corners[o]);
        qn_arena_destroy(arena);
        qn_buf_free(&file);
    }
    qn_context_destroy(ctx);
}

/* One grey: the transform has nothing to round but the mean. */
QN_TEST(read_picture_jpeg_grey) {
    static uint8_t grey[H * W], want[3 * H * W];
    qn_context *ctx = qn_test_context();
    memset(grey, 128, sizeof grey);
    memset(want, 128, sizeof want);
    check_rgb(ctx, pb_make_jpeg(W, H, 1, grey, 0, false), H, W, want);
    qn_context_destroy(ctx);
}

static void put_size(qn_buf *png, uint32_t width, uint32_t height) {
    for (int i = 0; i < 4; i++) {
        png->data[16 + i] = (char)(width >> (24 - 8 * i));
        png->data[20 + i] = (char)(height >> (24 - 8 * i));
    }
    /* the CRC of IHDR: bytes 12 to 28 */
    uint32_t crc = 0xffffffffu;
    for (int i = 12; i < 29; i++) {
        crc ^= (uint8_t)png->data[i];
        for (int b = 0; b < 8; b++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    for (int i = 0; i < 4; i++)
        png->data[29 + i] = (char)(~crc >> (24 - 8 * i));
}

/* Where the header of a baseline frame begins: marker, length, bits, height, width. */
static char *frame_of(const qn_buf *jpeg) {
    char *at = memmem(jpeg->data, jpeg->n, "\xff\xc0\x00\x11\x08", 5);
    assert_non_null(at);
    return at;
}

/* The chunk's length, type, data and CRC. */
static void put_chunk(qn_buf *out, const char *type, const void *data, size_t n) {
    uint32_t crc = libdeflate_crc32(libdeflate_crc32(0, type, 4), data, n), length = htonl((uint32_t)n);
    crc = htonl(crc);
    qn_buf_append(out, &length, 4);
    qn_buf_append(out, type, 4);
    qn_buf_append(out, data, n);
    qn_buf_append(out, &crc, 4);
}

/* 80 texts that unpack to 4 MiB each are skipped: were they kept, they would take 320 MiB. */
QN_TEST(read_picture_png_texts_are_skipped) {
    enum { N_TEXTS = 80, TEXT = 4 << 20, PACKED = 1 << 16, HEAD = 33, MOST_KIB = 160 << 10 };
    static const uint8_t rgb[3] = {1, 2, 3};
    static char packed[PACKED] = "key\0";
    qn_context *ctx = qn_test_context();
    struct rusage before, after;
    char *text = malloc(TEXT);
    assert_non_null(text);
    memset(text, 'a', TEXT);
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(9);
    const size_t n = libdeflate_zlib_compress(c, text, TEXT, packed + 5, PACKED - 5);
    libdeflate_free_compressor(c);
    free(text);
    assert_true(n > 0);
    qn_buf plain = pb_make_png(&(pb_png){1, 1, 8, PNG_COLOR_TYPE_RGB, false, 0, NULL}, rgb, 3), file = QN_BUF_INIT;
    qn_buf_append(&file, plain.data, HEAD);
    for (int i = 0; i < N_TEXTS; i++)
        put_chunk(&file, "zTXt", packed, n + 5);
    qn_buf_append(&file, plain.data + HEAD, plain.n - HEAD);
    assert_false(file.failed);
    getrusage(RUSAGE_SELF, &before);
    check_rgb(ctx, file, 1, 1, rgb);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < MOST_KIB);
    qn_buf_free(&plain);
    qn_context_destroy(ctx);
}

QN_TEST(read_picture_refusals) {
    static uint8_t rgb[3 * H * W], cmyk[4 * H * W];
    qn_context *ctx = qn_test_context();
    quarters(rgb);
    const pb_png how = {W, H, 8, PNG_COLOR_TYPE_RGB, false, 0, NULL};
    const struct {
        const char *what, *text;
        qn_status status;
    } rows[] = {
        {"text", "pictures come as PNG or JPEG", QN_UNSUPPORTED},
        {"nothing", "pictures come as PNG or JPEG", QN_UNSUPPORTED},
        {"png cut", "photo: PNG: the file is cut short", QN_MALFORMED},
        {"png crc", "photo: PNG: IDAT: ", QN_MALFORMED},
        {"png huge", "65536 x 2 pixels: at most 65535 a side", QN_UNSUPPORTED},
        {"png many", "2048 x 1024 pixels: at most 65535 a side and 1048576 in all", QN_UNSUPPORTED},
        {"png small", "cannot hold 1000 rows of 3000 bytes", QN_MALFORMED},
        {"jpeg cut", "photo: JPEG: Premature end of JPEG file", QN_MALFORMED},
        {"jpeg head", "photo: JPEG: ", QN_MALFORMED},
        {"jpeg noise", "photo: JPEG: Corrupt JPEG data", QN_MALFORMED},
        {"jpeg arithmetic", "arithmetic coding is not read", QN_UNSUPPORTED},
        {"jpeg small", "cannot hold 1024 x 1024 pixels", QN_MALFORMED},
        {"jpeg cmyk", "CMYK pictures are not read", QN_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *what = rows[i].what;
        qn_arena *arena = qn_arena_create();
        qn_rgb p;
        qn_buf file = strncmp(what, "png", 3) == 0  ? pb_make_png(&how, rgb, 3 * W)
                      : strcmp(what, "jpeg cmyk") == 0 ? pb_make_jpeg(W, H, 4, cmyk, 0, false)
                                                       : pb_make_jpeg(W, H, 3, rgb, 0, false);
        if (strcmp(what, "text") == 0)
            memcpy(file.data, "BM6", 3);
        else if (strcmp(what, "nothing") == 0)
            file.n = 0;
        else if (strcmp(what, "png cut") == 0)
            file.n -= 20;
        else if (strcmp(what, "png crc") == 0)
            file.data[file.n - 20] ^= 1;
        else if (strcmp(what, "png huge") == 0)
            put_size(&file, 65536, 2);
        else if (strcmp(what, "png many") == 0)
            put_size(&file, 2048, 1024);
        else if (strcmp(what, "png small") == 0)
            put_size(&file, 1000, 1000);
        else if (strcmp(what, "jpeg cut") == 0)
            file.n -= 40;
        else if (strcmp(what, "jpeg head") == 0)
            file.n = 30;
        else if (strcmp(what, "jpeg arithmetic") == 0)
            frame_of(&file)[1] = (char)0xc9;
        else if (strcmp(what, "jpeg small") == 0)
            memcpy(frame_of(&file) + 5, "\4\0\4", 4); /* height and width, most significant byte first */
        else if (strcmp(what, "jpeg noise") == 0)
            memset(file.data + file.n - 60, 0xff, 30);
        qn_status status = parse(ctx, arena, &file, &p);
        if (status != rows[i].status || !strstr(qn_context_message(ctx), rows[i].text))
            fail_msg("%s: status %d, '%s'", what, (int)status, qn_context_message(ctx));
        qn_clear(ctx);
        qn_arena_destroy(arena);
        qn_buf_free(&file);
    }
    qn_context_destroy(ctx);
}

/* Any byte changed, any length: read or refused, nothing else. */
QN_TEST(read_picture_damaged) {
    static uint8_t rgb[3 * H * W];
    qn_context *ctx = qn_test_context();
    quarters(rgb);
    for (int kind = 0; kind < 3; kind++) {
        qn_buf file = kind == 0 ? pb_make_png(&(pb_png){W, H, 8, PNG_COLOR_TYPE_RGB, true, 0, NULL}, rgb, 3 * W)
                                : pb_make_jpeg(W, H, 3, rgb, 6, kind == 2);
        const size_t n = file.n;
        int n_refused = 0;
        for (size_t i = 0; i < n; i++) {
            qn_arena *arena = qn_arena_create();
            qn_rgb p;
            file.data[i] ^= 0x55;
            n_refused += parse(ctx, arena, &file, &p) != QN_OK;
            qn_clear(ctx);
            file.data[i] ^= 0x55;
            file.n = i;
            assert_int_not_equal(parse(ctx, arena, &file, &p), QN_OK); /* no prefix is a whole picture ... */
            file.n = n;
            qn_clear(ctx);
            qn_arena_destroy(arena);
            if (kind > 0 && i == n - 2)
                break; /* ... but for JPEG's last byte, which says only that this is the end */
        }
        assert_true(n_refused > 0);
        qn_buf_free(&file);
    }
    qn_context_destroy(ctx);
}

QN_TEST(read_picture_write_and_read) {
    static uint8_t rgb[3 * H * W];
    static uint16_t grey[H * W];
    const qn_png_text texts[] = {{"depth_min", "-1.5"}, {"depth_max", "2"}};
    char path[200];
    struct stat st;
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_rgb p;
    quarters(rgb);
    for (int i = 0; i < H * W; i++)
        grey[i] = (uint16_t)(i * 171);
    snprintf(path, sizeof path, "%s/colour.png", qn_test_tmp());
    ASSERT_OK(ctx, qn_png_write(ctx, path, &(qn_png_image){.height = H, .width = W, .channels = 3, .bits = 8, .data = rgb}));
    ASSERT_OK(ctx, qn_picture_read(ctx, arena, path, &p));
    assert_memory_equal(p.data, rgb, sizeof rgb);
    snprintf(path, sizeof path, "%s/grey.png", qn_test_tmp());
    ASSERT_OK(ctx, qn_png_write(ctx, path, &(qn_png_image){.height = H, .width = W, .channels = 1, .bits = 16, .data = grey,
                                                          .texts = texts, .n_texts = 2}));
    ASSERT_OK(ctx, qn_picture_read(ctx, arena, path, &p));
    for (int i = 0; i < H * W; i++)
        assert_int_equal(p.data[3 * i], (grey[i] * 255 + 32767) / 65535);
    /* the 16 bits and the texts, by libpng itself */
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_textp found;
    int n_found;
    png_init_io(png, f);
    png_read_png(png, info, PNG_TRANSFORM_IDENTITY, NULL);
    assert_int_equal(png_get_text(png, info, &found, &n_found), 2);
    assert_string_equal(found[0].key, "depth_min");
    assert_string_equal(found[0].text, "-1.5");
    assert_string_equal(found[1].key, "depth_max");
    png_bytepp rows = png_get_rows(png, info);
    for (int i = 0; i < H * W; i++)
        assert_int_equal(rows[i / W][i % W * 2] << 8 | rows[i / W][i % W * 2 + 1], grey[i]);
    png_destroy_read_struct(&png, &info, NULL);
    fclose(f);
    /* whole or not at all */
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/folder/x.png",
                 qn_png_write(ctx, "no/folder/x.png", &(qn_png_image){.height = H, .width = W, .channels = 3, .bits = 8, .data = rgb}));
    qn_clear(ctx);
    snprintf(path, sizeof path, "%s/wrong.png", qn_test_tmp());
    ASSERT_FAILS(ctx, QN_SYSTEM, "wrong.png: PNG: ",
                 qn_png_write(ctx, path, &(qn_png_image){.height = H, .width = W, .channels = 3, .bits = 5, .data = rgb}));
    assert_int_not_equal(stat(path, &st), 0);
    qn_clear(ctx);
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such.png", qn_picture_read(ctx, arena, "no/such.png", &p));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* The fuzzer begins with these; all are whole, of 8 x 6 pixels before they are turned. */
QN_TEST(read_picture_seeds) {
    static const char *const names[] = {"rgb.png", "interlaced16.png", "palette.png", "turned.jpg", "progressive.jpg", "grey.jpg"};
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[100];
        qn_arena *arena = qn_arena_create();
        qn_rgb p;
        snprintf(path, sizeof path, "tests/data/fuzz/picture/%s", names[i]);
        ASSERT_OK(ctx, qn_picture_read(ctx, arena, path, &p));
        assert_int_equal(p.width * p.height, 48);
        assert_int_equal(p.width, strcmp(names[i], "turned.jpg") == 0 ? 6 : 8);
        qn_arena_destroy(arena);
    }
    qn_context_destroy(ctx);
}
