#include "image/preprocess.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "read/npy.h"
#include "tests/test.h"

static const qn_preprocess g_plain = {.multiple = 1, .rescale = 1, .std = {1, 1, 1}};

/* Sizes, worked out by hand from the rules of docs/images.md. */
QN_TEST(image_preprocess_sizes) {
    static const struct {
        qn_size_rule rule;
        int32_t height, width, multiple;
        int64_t in[2], out[2];
    } rows[] = {
        {QN_SIZE_KEEP, 0, 0, 1, {3, 5}, {3, 5}},
        {QN_SIZE_EXACT, 384, 384, 1, {480, 640}, {384, 384}},
        {QN_SIZE_EXACT, 100, 90, 14, {7, 5}, {98, 84}},        /* 7.14 and 6.43 multiples */
        {QN_SIZE_EXACT, 49, 35, 14, {7, 5}, {56, 28}},         /* 3.5 and 2.5: half to even */
        {QN_SIZE_ASPECT, 518, 518, 14, {480, 640}, {518, 686}},  /* 518 / 480 is nearer to 1; 690.67 is 49.33 multiples */
        {QN_SIZE_ASPECT, 518, 518, 14, {1080, 1920}, {518, 924}}, /* 518 / 1080; 920.9 is 65.8 multiples */
        {QN_SIZE_ASPECT, 518, 518, 14, {1920, 1080}, {924, 518}},
        {QN_SIZE_ASPECT, 384, 384, 32, {100, 100}, {384, 384}},
        {QN_SIZE_LONGEST, 504, 504, 14, {1080, 1920}, {280, 504}}, /* 283.5 to 284 (even); 280 is nearer than 294 */
        {QN_SIZE_LONGEST, 504, 504, 14, {375, 500}, {378, 504}},
        {QN_SIZE_LONGEST, 504, 504, 14, {427, 504}, {434, 504}},   /* 427 = 30.5 multiples: the upper */
        {QN_SIZE_LONGEST, 504, 504, 14, {1, 504}, {1, 504}},       /* 0 is nearer than 14, and a side is at least 1 */
        {QN_SIZE_SHORTEST, 224, 224, 1, {480, 640}, {224, 298}},
        {QN_SIZE_SHORTEST, 224, 224, 1, {640, 480}, {298, 224}},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_preprocess p = g_plain;
        int64_t h, w;
        p.size = rows[i].rule;
        p.height = rows[i].height;
        p.width = rows[i].width;
        p.multiple = rows[i].multiple;
        ASSERT_OK(ctx, qn_preprocess_check(ctx, &p));
        ASSERT_OK(ctx, qn_preprocess_size(ctx, &p, rows[i].in[0], rows[i].in[1], &h, &w));
        if (h != rows[i].out[0] || w != rows[i].out[1])
            fail_msg("row %zu: %d x %d, not %d x %d", i, (int)h, (int)w, (int)rows[i].out[0], (int)rows[i].out[1]);
    }
    qn_context_destroy(ctx);
}

QN_TEST(image_preprocess_size_refusals) {
    qn_context *ctx = qn_test_context();
    qn_preprocess p = g_plain;
    int64_t h, w;
    p.size = QN_SIZE_ASPECT;
    p.height = p.width = 28;
    p.multiple = 14;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "a photo of 1000 x 10 becomes 28 x 0 by size rule 'aspect'",
                 qn_preprocess_size(ctx, &p, 10, 1000, &h, &w));
    p.size = QN_SIZE_SHORTEST;
    p.height = p.width = 60000;
    p.multiple = 1;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "a side is 1 to 65535", qn_preprocess_size(ctx, &p, 1, 1000, &h, &w));
    qn_clear(ctx);
    p.size = QN_SIZE_EXACT;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "becomes 60000 x 60000 by size rule 'exact': a side is 1 to 65535, and there are at most 268435456",
                 qn_preprocess_size(ctx, &p, 10, 10, &h, &w));
    qn_clear(ctx);
    /* 40000 x 1 in the end, but 60000 x 15000 on the way */
    p.size = QN_SIZE_LONGEST;
    p.multiple = 40000;
    ASSERT_FAILS(ctx, QN_UNSUPPORTED, "becomes 60000 x 15000 by size rule 'longest'",
                 qn_preprocess_size(ctx, &p, 10, 40, &h, &w));
    qn_context_destroy(ctx);
}

static void check_photo(qn_context *ctx, const qn_preprocess *p, const qn_tensor *photo, const qn_tensor *want) {
    int64_t h, w;
    ASSERT_OK(ctx, qn_preprocess_check(ctx, p));
    ASSERT_OK(ctx, qn_preprocess_size(ctx, p, photo->dims[0], photo->dims[1], &h, &w));
    assert_int_equal(h, want->dims[1]);
    assert_int_equal(w, want->dims[2]);
    float *got = malloc(want->n_bytes);
    ASSERT_OK(ctx, qn_preprocess_photo(ctx, p, photo->data, photo->dims[0], photo->dims[1], h, w, got));
    assert_memory_equal(got, want->data, want->n_bytes);
    free(got);
}

/* The whole way against PyTorch, bit for bit: tests/data/make_resize.py has the same steps. */
QN_TEST(image_preprocess_bits_of_pytorch) {
    const qn_preprocess aspect = {.size = QN_SIZE_ASPECT, .height = 28, .width = 28, .multiple = 14,
                                  .interpolation = QN_INTERPOLATE_BICUBIC, .antialias = true, .rescale = 1.0 / 255,
                                  .mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225}};
    qn_preprocess last = aspect;
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_npz_entry *entries;
    int32_t n;
    last.size = QN_SIZE_EXACT;
    last.height = 24;
    last.width = 40;
    last.multiple = 1;
    last.interpolation = QN_INTERPOLATE_BILINEAR;
    last.antialias = false;
    last.resize_last = true;
    ASSERT_OK(ctx, qn_npz_read(ctx, arena, "tests/data/resize.npz", NULL, &entries, &n));
    int n_checked = 0;
    for (int32_t i = 0; i < n; i++) {
        const qn_tensor *photo = NULL;
        int number;
        char name[32];
        if (sscanf(entries[i].name, "aspect.%d", &number) != 1 && sscanf(entries[i].name, "last.%d", &number) != 1)
            continue;
        snprintf(name, sizeof name, "photo.%d", number);
        for (int32_t k = 0; k < n; k++)
            photo = strcmp(entries[k].name, name) == 0 ? &entries[k].tensor : photo;
        assert_non_null(photo);
        check_photo(ctx, entries[i].name[0] == 'a' ? &aspect : &last, photo, &entries[i].tensor);
        n_checked++;
    }
    assert_int_equal(n_checked, 4);
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Nothing asked for: the numbers as they are; a factor alone is a product. */
QN_TEST(image_preprocess_plain) {
    static const uint8_t rgb[2 * 3] = {0, 128, 255, 1, 2, 3};
    qn_context *ctx = qn_test_context();
    qn_preprocess p = g_plain;
    float out[6];
    static const float want[6] = {0, 1, 128, 2, 255, 3};
    ASSERT_OK(ctx, qn_preprocess_photo(ctx, &p, rgb, 1, 2, 1, 2, out));
    assert_memory_equal(out, want, sizeof out);
    p.rescale = 1.0 / 255;
    ASSERT_OK(ctx, qn_preprocess_photo(ctx, &p, rgb, 1, 2, 1, 2, out));
    for (int i = 0; i < 6; i++)
        assert_true(out[i] == want[i] * (float)(1.0 / 255));
    qn_context_destroy(ctx);
}

/* Two resizes, each rounded to 8 bits. */
QN_TEST(image_preprocess_longest_in_two_steps) {
    enum { H = 30, W = 60 };
    static uint8_t rgb[H * W * 3];
    qn_context *ctx = qn_test_context();
    qn_preprocess p = g_plain;
    p.size = QN_SIZE_LONGEST;
    p.height = p.width = 42;
    p.multiple = 14;
    p.interpolation = QN_INTERPOLATE_AREA;
    for (int i = 0; i < H * W * 3; i++)
        rgb[i] = (uint8_t)(i * 7 % 251);
    int64_t h, w;
    ASSERT_OK(ctx, qn_preprocess_size(ctx, &p, H, W, &h, &w));
    assert_int_equal(h, 28); /* 21 is 1.5 multiples: the upper */
    assert_int_equal(w, 42);
    float two[3 * 28 * 42], first[3 * 21 * 42], second[3 * 28 * 42];
    static uint8_t middle[21 * 42 * 3];
    ASSERT_OK(ctx, qn_preprocess_photo(ctx, &p, rgb, H, W, 28, 42, two));
    p.size = QN_SIZE_EXACT;
    p.multiple = 1;
    p.height = 21;
    ASSERT_OK(ctx, qn_preprocess_photo(ctx, &p, rgb, H, W, 21, 42, first));
    for (int i = 0; i < 21 * 42; i++)
        for (int c = 0; c < 3; c++) {
            assert_true(first[c * 21 * 42 + i] == rintf(first[c * 21 * 42 + i]));
            middle[3 * i + c] = (uint8_t)first[c * 21 * 42 + i];
        }
    p.height = 28;
    ASSERT_OK(ctx, qn_preprocess_photo(ctx, &p, middle, 21, 42, 28, 42, second));
    assert_memory_equal(two, second, sizeof two);
    qn_context_destroy(ctx);
}
