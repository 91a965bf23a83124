#include "read/processor.h"

#include <float.h>
#include <inttypes.h>
#include <string.h>

#include "read/json.h"

/* A kind of processor: what its class does, and has where a file says nothing. */
typedef struct kind {
    const char *name;
    qn_size_rule size;          /* EXACT or SHORTEST: also what a size of one number means */
    int32_t side;
    qn_interpolation interpolation;
    bool resize_last, antialias;
    bool aspect;                /* knows keep_aspect_ratio and ensure_multiple_of */
    bool center_crop;
    double mean[3], std[3];
} kind;

#define HALVES {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}
#define CLIP {0.48145466, 0.4578275, 0.40821073}, {0.26862954, 0.26130258, 0.27577711}
#define DPT QN_SIZE_EXACT, 384, QN_INTERPOLATE_BICUBIC, false, true, true, false, HALVES
#define DEPTH_PRO QN_SIZE_EXACT, 1536, QN_INTERPOLATE_BILINEAR, true, false, false, false, HALVES
#define BIT QN_SIZE_SHORTEST, 224, QN_INTERPOLATE_BICUBIC, false, true, false, true, CLIP
#define VIT QN_SIZE_EXACT, 224, QN_INTERPOLATE_BILINEAR, false, true, false, false, HALVES

static const kind g_kinds[] = {
    {"DPTImageProcessor", DPT},
    {"DPTImageProcessorFast", DPT},
    {"DPTFeatureExtractor", DPT},
    {"DepthProImageProcessor", DEPTH_PRO},
    {"DepthProImageProcessorFast", DEPTH_PRO},
    {"BitImageProcessor", BIT},
    {"BitImageProcessorFast", BIT},
    {"ViTImageProcessor", VIT},
    {"ViTImageProcessorFast", VIT},
    {"ViTFeatureExtractor", VIT},
};

/* Keys that are read below, and keys that change no number of a picture in 8 bit RGB. What is neither may only be null or
 * false. */
static const char *const g_keys[] = {
    "do_resize", "size", "resample", "do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std",
    "do_center_crop", "do_pad", "data_format",
    "image_processor_type", "feature_extractor_type", "processor_class", "_valid_processor_keys", "crop_size",
    "size_divisor", "do_convert_rgb", "device", "return_tensors", "default_to_square",
};
static const char *const g_aspect_keys[] = {"keep_aspect_ratio", "ensure_multiple_of"};

static bool is_among(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static qn_status unsupported(const qn_json *o, const char *key, const char *what) {
    return qn_fail(o->ctx, QN_UNSUPPORTED, "%s: %s%s %s", o->file, o->where, key, what);
}

static qn_status check_keys(const qn_json *o, const kind *k) {
    const char *key;
    json_t *value;
    json_object_foreach(o->value, key, value) {
        const bool known = is_among(g_keys, sizeof g_keys / sizeof g_keys[0], key) ||
                           (k->aspect && is_among(g_aspect_keys, sizeof g_aspect_keys / sizeof g_aspect_keys[0], key));
        if (!known && !json_is_null(value) && !json_is_false(value))
            return unsupported(o, key, "is not known, and may change the picture");
    }
    return QN_OK;
}

static qn_status find_kind(const qn_json *o, const kind **out) {
    const char *name = NULL;
    QN_TRY(qn_json_string(o, "image_processor_type", QN_JSON_MAY, &name));
    if (!name)
        QN_TRY(qn_json_string(o, "feature_extractor_type", QN_JSON_MAY, &name));
    if (!name)
        return qn_json_fail(o, "image_processor_type", "is missing");
    for (size_t i = 0; i < sizeof g_kinds / sizeof g_kinds[0]; i++)
        if (strcmp(g_kinds[i].name, name) == 0) {
            *out = &g_kinds[i];
            return QN_OK;
        }
    return qn_fail(o->ctx, QN_UNSUPPORTED, "%s: image_processor_type '%s' is not known", o->file, name);
}

static qn_status read_flag(const qn_json *o, const char *key, bool otherwise, bool *out) {
    *out = otherwise;
    return qn_json_bool(o, key, QN_JSON_MAY, out);
}

/* ---- size --------------------------------------------------------------------------------------------- */

static qn_status read_side(const qn_json *o, const char *key, int32_t *out) {
    int64_t n = 0;
    QN_TRY(qn_json_int(o, key, QN_JSON_MUST, 1, QN_MAX_SIDE, &n));
    *out = (int32_t)n;
    return QN_OK;
}

/* {"height": h, "width": w} or {"shortest_edge": n}, and nothing else in it. */
static qn_status read_sides(const qn_json *o, const kind *k, qn_preprocess *p) {
    qn_json size;
    const char *key;
    json_t *value;
    QN_TRY(qn_json_object(o, "size", QN_JSON_MUST, &size));
    const bool edge = qn_json_has(&size, "shortest_edge");
    json_object_foreach(size.value, key, value) {
        const bool known = edge ? strcmp(key, "shortest_edge") == 0 : !strcmp(key, "height") || !strcmp(key, "width");
        if (!known && !json_is_null(value))
            return unsupported(&size, key, "is not known, or not beside the others");
    }
    p->size = edge ? QN_SIZE_SHORTEST : QN_SIZE_EXACT;
    if (!edge) {
        QN_TRY(read_side(&size, "height", &p->height));
        return read_side(&size, "width", &p->width);
    }
    if (k->size != QN_SIZE_SHORTEST)
        return unsupported(&size, "shortest_edge", "is not a size of this processor");
    QN_TRY(read_side(&size, "shortest_edge", &p->height));
    p->width = p->height;
    return QN_OK;
}

static qn_status read_size(const qn_json *o, const kind *k, qn_preprocess *p) {
    bool resize, keep_aspect = false;
    int64_t multiple = 1;
    QN_TRY(read_flag(o, "do_resize", true, &resize));
    p->size = k->size;
    p->height = p->width = k->side;
    if (json_is_object(json_object_get(o->value, "size"))) {
        QN_TRY(read_sides(o, k, p));
    } else if (qn_json_has(o, "size")) {
        QN_TRY(read_side(o, "size", &p->height));
        p->width = p->height;
    }
    if (k->aspect) {
        QN_TRY(read_flag(o, "keep_aspect_ratio", false, &keep_aspect));
        QN_TRY(qn_json_int(o, "ensure_multiple_of", QN_JSON_MAY, 1, QN_MAX_SIDE, &multiple));
    }
    p->multiple = (int32_t)multiple;
    if (keep_aspect)
        p->size = QN_SIZE_ASPECT;
    if (!resize) {
        p->size = QN_SIZE_KEEP;
        p->height = p->width = 0;
        p->multiple = 1;
    }
    return QN_OK;
}

/* The codes of Pillow's resampling filters; NULL: those that are there. */
static qn_status read_interpolation(const qn_json *o, const kind *k, qn_preprocess *p) {
    static const struct {
        const char *unsupported;
        qn_interpolation interpolation;
    } rows[] = {{NULL, QN_INTERPOLATE_NEAREST}, {"Lanczos", 0}, {NULL, QN_INTERPOLATE_BILINEAR},
                {NULL, QN_INTERPOLATE_BICUBIC}, {"box", 0},     {"Hamming", 0}};
    int64_t code = -1;
    QN_TRY(qn_json_int(o, "resample", QN_JSON_MAY, 0, (int64_t)(sizeof rows / sizeof rows[0]) - 1, &code));
    if (code >= 0 && rows[code].unsupported)
        return qn_fail(o->ctx, QN_UNSUPPORTED, "%s: resample %" PRId64 " (%s): nearest 0, bilinear 2 and bicubic 3 are there",
                       o->file, code, rows[code].unsupported);
    p->interpolation = code >= 0 ? rows[code].interpolation : k->interpolation;
    p->antialias = k->antialias && p->interpolation != QN_INTERPOLATE_NEAREST;
    p->resize_last = k->resize_last;
    return QN_OK;
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

/* Three numbers, or one for all. */
static qn_status read_channels(const qn_json *o, const char *key, double out[3]) {
    if (!json_is_number(json_object_get(o->value, key)))
        return qn_json_numbers(o, key, QN_JSON_MAY, -FLT_MAX, FLT_MAX, 3, out);
    QN_TRY(qn_json_number(o, key, QN_JSON_MAY, -FLT_MAX, FLT_MAX, &out[0]));
    out[1] = out[2] = out[0];
    return QN_OK;
}

static qn_status read_numbers(const qn_json *o, const kind *k, qn_preprocess *p) {
    bool rescale, normalise;
    QN_TRY(read_flag(o, "do_rescale", true, &rescale));
    QN_TRY(read_flag(o, "do_normalize", true, &normalise));
    p->rescale = 1.0 / 255;
    memcpy(p->mean, k->mean, sizeof p->mean);
    memcpy(p->std, k->std, sizeof p->std);
    QN_TRY(qn_json_number(o, "rescale_factor", QN_JSON_MAY, -FLT_MAX, FLT_MAX, &p->rescale));
    QN_TRY(read_channels(o, "image_mean", p->mean));
    QN_TRY(read_channels(o, "image_std", p->std));
    if (!rescale)
        p->rescale = 1;
    for (int i = 0; i < 3 && !normalise; i++) {
        p->mean[i] = 0;
        p->std[i] = 1;
    }
    return QN_OK;
}

/* What would change the picture and is not done. */
static qn_status refuse(const qn_json *o, const kind *k) {
    bool crop, pad;
    const char *format = "channels_first";
    QN_TRY(read_flag(o, "do_center_crop", k->center_crop, &crop));
    QN_TRY(read_flag(o, "do_pad", false, &pad));
    QN_TRY(qn_json_string(o, "data_format", QN_JSON_MAY, &format));
    if (crop)
        return unsupported(o, "do_center_crop", qn_json_has(o, "do_center_crop") ? "true is not supported"
                                                                                 : "is true by default, which is not supported");
    if (pad)
        return unsupported(o, "do_pad", "true is not supported");
    if (strcmp(format, "channels_first") != 0)
        return unsupported(o, "data_format", "is not channels_first");
    return QN_OK;
}

static qn_status read_processor(const qn_json *o, qn_preprocess *out) {
    const kind *k = NULL;
    *out = (qn_preprocess){0};
    QN_TRY(find_kind(o, &k));
    QN_TRY(check_keys(o, k));
    QN_TRY(refuse(o, k));
    QN_TRY(read_size(o, k, out));
    QN_TRY(read_interpolation(o, k, out));
    QN_TRY(read_numbers(o, k, out));
    qn_status status = qn_preprocess_check(o->ctx, out);
    return status == QN_OK ? QN_OK : qn_fail_in(o->ctx, status, "%s", o->file);
}

qn_status qn_processor_parse(qn_context *ctx, qn_arena *arena, const char *file, const void *data, size_t n_bytes,
                             qn_preprocess *out) {
    qn_json json;
    QN_TRY(qn_json_parse(ctx, arena, file, data, n_bytes, &json));
    qn_status status = read_processor(&json, out);
    qn_json_close(&json);
    return status;
}

qn_status qn_processor_read(qn_context *ctx, qn_arena *arena, const char *path, qn_preprocess *out) {
    qn_json json;
    qn_status status = qn_json_open(ctx, arena, path, QN_PROCESSOR_MAX_BYTES, &json);
    if (status == QN_OK)
        status = read_processor(&json, out);
    qn_json_close(&json);
    return status;
}
