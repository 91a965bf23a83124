#include "read/processor.h"

#include <math.h>
#include <stdio.h>

#include "tests/test.h"

static qn_status parse(qn_context *ctx, const char *text, qn_preprocess *out) {
    qn_arena *arena = qn_arena_create();
    qn_status status = qn_processor_parse(ctx, arena, "preprocessor_config.json", text, strlen(text), out);
    qn_arena_destroy(arena);
    return status;
}

QN_TEST(read_processor_depth_anything) {
    static const char text[] =
        "{\"do_normalize\": true, \"do_pad\": false, \"do_rescale\": true, \"do_resize\": true, \"ensure_multiple_of\": 14,"
        "\"image_mean\": [0.485, 0.456, 0.406], \"image_processor_type\": \"DPTImageProcessor\","
        "\"image_std\": [0.229, 0.224, 0.225], \"keep_aspect_ratio\": true, \"resample\": 3,"
        "\"rescale_factor\": 0.00392156862745098, \"size\": {\"height\": 518, \"width\": 518}, \"size_divisor\": null}";
    qn_context *ctx = qn_test_context();
    qn_preprocess p;
    ASSERT_OK(ctx, parse(ctx, text, &p));
    assert_null(p.input);
    assert_int_equal(p.size, QN_SIZE_ASPECT);
    assert_int_equal(p.height, 518);
    assert_int_equal(p.width, 518);
    assert_int_equal(p.multiple, 14);
    assert_int_equal(p.interpolation, QN_INTERPOLATE_BICUBIC);
    assert_true(p.antialias && !p.resize_last);
    assert_true(p.rescale == 0.00392156862745098);
    assert_true(p.mean[0] == 0.485 && p.mean[1] == 0.456 && p.mean[2] == 0.406);
    assert_true(p.std[0] == 0.229 && p.std[1] == 0.224 && p.std[2] == 0.225);
    qn_context_destroy(ctx);
}

/* What each class does where the file says nothing. */
QN_TEST(read_processor_defaults) {
    static const struct {
        const char *text;
        qn_size_rule size;
        int32_t side;
        qn_interpolation interpolation;
        bool antialias, resize_last;
        double mean;
    } rows[] = {
        {"\"DPTImageProcessorFast\"", QN_SIZE_EXACT, 384, QN_INTERPOLATE_BICUBIC, true, false, 0.5},
        {"\"DepthProImageProcessorFast\"", QN_SIZE_EXACT, 1536, QN_INTERPOLATE_BILINEAR, false, true, 0.5},
        {"\"ViTImageProcessor\", \"size\": 64", QN_SIZE_EXACT, 64, QN_INTERPOLATE_BILINEAR, true, false, 0.5},
        {"\"BitImageProcessor\", \"do_center_crop\": false", QN_SIZE_SHORTEST, 224, QN_INTERPOLATE_BICUBIC, true, false,
         0.48145466},
        {"\"BitImageProcessor\", \"do_center_crop\": false, \"size\": {\"shortest_edge\": 256}", QN_SIZE_SHORTEST, 256,
         QN_INTERPOLATE_BICUBIC, true, false, 0.48145466},
        {"\"ViTImageProcessor\", \"do_resize\": false", QN_SIZE_KEEP, 0, QN_INTERPOLATE_BILINEAR, true, false, 0.5},
        {"\"ViTImageProcessor\", \"resample\": 0", QN_SIZE_EXACT, 224, QN_INTERPOLATE_NEAREST, false, false, 0.5},
        {"\"ViTImageProcessor\", \"image_mean\": 0.25", QN_SIZE_EXACT, 224, QN_INTERPOLATE_BILINEAR, true, false, 0.25},
        {"\"ViTImageProcessor\", \"do_normalize\": false", QN_SIZE_EXACT, 224, QN_INTERPOLATE_BILINEAR, true, false, 0},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        qn_preprocess p;
        snprintf(text, sizeof text, "{\"image_processor_type\": %s}", rows[i].text);
        ASSERT_OK(ctx, parse(ctx, text, &p));
        if (p.size != rows[i].size || p.height != rows[i].side || p.width != rows[i].side || p.multiple != 1 ||
            p.interpolation != rows[i].interpolation || p.antialias != rows[i].antialias ||
            p.resize_last != rows[i].resize_last || !(p.mean[0] == rows[i].mean) || !(p.rescale == 1.0 / 255))
            fail_msg("row %zu: rule %d, side %d, filter %d", i, (int)p.size, (int)p.height, (int)p.interpolation);
    }
    qn_preprocess p;
    ASSERT_OK(ctx, parse(ctx, "{\"feature_extractor_type\": \"DPTFeatureExtractor\", \"do_rescale\": false}", &p));
    assert_true(p.rescale == 1);
    ASSERT_OK(ctx, parse(ctx, "{\"image_processor_type\": \"DPTImageProcessor\", \"new\": null, \"other\": false}", &p));
    qn_context_destroy(ctx);
}

QN_TEST(read_processor_refusals) {
    static const struct {
        qn_status status;
        const char *message, *text; /* text: what stands in the object */
    } rows[] = {
        {QN_MALFORMED, "image_processor_type is missing", "\"do_resize\": true"},
        {QN_UNSUPPORTED, "image_processor_type 'CLIPImageProcessor' is not known",
         "\"image_processor_type\": \"CLIPImageProcessor\""},
        {QN_UNSUPPORTED, "do_pad true is not supported", "\"image_processor_type\": \"DPTImageProcessor\", \"do_pad\": true"},
        {QN_UNSUPPORTED, "do_center_crop true is not supported",
         "\"image_processor_type\": \"ViTImageProcessor\", \"do_center_crop\": true"},
        {QN_UNSUPPORTED, "do_center_crop is true by default", "\"image_processor_type\": \"BitImageProcessor\""},
        {QN_UNSUPPORTED, "resample 1 (Lanczos)", "\"image_processor_type\": \"DPTImageProcessor\", \"resample\": 1"},
        {QN_MALFORMED, "resample is 6, not in 0..5", "\"image_processor_type\": \"DPTImageProcessor\", \"resample\": 6"},
        {QN_UNSUPPORTED, "data_format is not channels_first",
         "\"image_processor_type\": \"DPTImageProcessor\", \"data_format\": \"channels_last\""},
        {QN_UNSUPPORTED, "do_flip is not known", "\"image_processor_type\": \"DPTImageProcessor\", \"do_flip\": true"},
        {QN_UNSUPPORTED, "keep_aspect_ratio is not known",
         "\"image_processor_type\": \"ViTImageProcessor\", \"keep_aspect_ratio\": true"},
        {QN_UNSUPPORTED, "size.shortest_edge is not a size of this processor",
         "\"image_processor_type\": \"DPTImageProcessor\", \"size\": {\"shortest_edge\": 5}"},
        {QN_UNSUPPORTED, "size.longest_edge is not known",
         "\"image_processor_type\": \"DPTImageProcessor\", \"size\": {\"longest_edge\": 5}"},
        {QN_UNSUPPORTED, "size.longest_edge is not known",
         "\"image_processor_type\": \"BitImageProcessor\", \"do_center_crop\": false, "
         "\"size\": {\"shortest_edge\": 5, \"longest_edge\": 9}"},
        {QN_MALFORMED, "size.width is missing", "\"image_processor_type\": \"DPTImageProcessor\", \"size\": {\"height\": 5}"},
        {QN_MALFORMED, "size is 0, not in 1..65535", "\"image_processor_type\": \"DPTImageProcessor\", \"size\": 0"},
        {QN_MALFORMED, "image_mean has 2 entries, not 3",
         "\"image_processor_type\": \"DPTImageProcessor\", \"image_mean\": [1, 2]"},
        {QN_MALFORMED, "image_std is no list", "\"image_processor_type\": \"DPTImageProcessor\", \"image_std\": \"x\""},
        {QN_MALFORMED, "preprocessor_config.json: preprocessing: channel 2 has mean 0.5 and std 0",
         "\"image_processor_type\": \"DPTImageProcessor\", \"image_std\": [1, 1, 0]"},
        {QN_MALFORMED, "rescale factor 0", "\"image_processor_type\": \"DPTImageProcessor\", \"rescale_factor\": 0"},
        {QN_MALFORMED, "ensure_multiple_of is 0", "\"image_processor_type\": \"DPTImageProcessor\", \"ensure_multiple_of\": 0"},
        {QN_MALFORMED, "do_resize is neither true nor false",
         "\"image_processor_type\": \"DPTImageProcessor\", \"do_resize\": 1"},
    };
    qn_context *ctx = qn_test_context();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[400];
        qn_preprocess p;
        snprintf(text, sizeof text, "{%s}", rows[i].text);
        ASSERT_FAILS(ctx, rows[i].status, rows[i].message, parse(ctx, text, &p));
        ASSERT_FAILS(ctx, rows[i].status, "preprocessor_config.json", parse(ctx, text, &p));
        qn_clear(ctx);
    }
    qn_arena *arena = qn_arena_create();
    qn_preprocess p;
    ASSERT_FAILS(ctx, QN_SYSTEM, "no/such.json", qn_processor_read(ctx, arena, "no/such.json", &p));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
