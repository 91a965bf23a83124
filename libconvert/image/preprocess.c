#include "image/preprocess.h"

#include <inttypes.h>
#include <math.h>

#include "base/checked.h"
#include "image/resize.h"

/* ---- sizes, in double like the Python that they come from -------------------------------------------- */

typedef struct size {
    double height, width;
} size;

/* rint: half to even, as Python's round. */
static double nearest_multiple(double x, double multiple) { return rint(x / multiple) * multiple; }

static size exact(const qn_preprocess *p, double height, double width) {
    return (size){nearest_multiple(p->height / height * height, p->multiple),
                  nearest_multiple(p->width / width * width, p->multiple)};
}

static size aspect(const qn_preprocess *p, double height, double width) {
    const double by_height = p->height / height, by_width = p->width / width;
    const double scale = fabs(1 - by_width) < fabs(1 - by_height) ? by_width : by_height;
    return (size){nearest_multiple(scale * height, p->multiple), nearest_multiple(scale * width, p->multiple)};
}

/* The first of the two resizes of QN_SIZE_LONGEST. */
static size longest_side(const qn_preprocess *p, double height, double width) {
    const double scale = p->height / fmax(height, width);
    return (size){fmax(rint(height * scale), 1), fmax(rint(width * scale), 1)};
}

/* Of two multiples equally near, the upper. */
static double longest_multiple(double x, double multiple) {
    const double down = floor(x / multiple) * multiple, up = down + multiple;
    return fmax(up - x <= x - down ? up : down, 1);
}

static size longest(const qn_preprocess *p, double height, double width) {
    const size s = longest_side(p, height, width);
    return (size){longest_multiple(s.height, p->multiple), longest_multiple(s.width, p->multiple)};
}

static size shortest(const qn_preprocess *p, double height, double width) {
    const double n = p->height;
    return height < width ? (size){n, floor(n * width / height)} : (size){floor(n * height / width), n};
}

static size keep(const qn_preprocess *p, double height, double width) {
    (void)p;
    return (size){height, width};
}

typedef size (*rule)(const qn_preprocess *p, double height, double width);
static const rule g_rules[QN_N_SIZE_RULES] = {
    [QN_SIZE_KEEP] = keep,       [QN_SIZE_EXACT] = exact,       [QN_SIZE_ASPECT] = aspect,
    [QN_SIZE_LONGEST] = longest, [QN_SIZE_SHORTEST] = shortest,
};

static bool is_sound(size s) {
    return s.height >= 1 && s.height <= QN_MAX_SIDE && s.width >= 1 && s.width <= QN_MAX_SIDE &&
           s.height * s.width <= (double)QN_MAX_PIXELS;
}

qn_status qn_preprocess_size(qn_context *ctx, const qn_preprocess *p, int64_t height, int64_t width, int64_t *out_height,
                             int64_t *out_width) {
    const size last = g_rules[p->size](p, (double)height, (double)width);
    const size first = p->size == QN_SIZE_LONGEST ? longest_side(p, (double)height, (double)width) : last;
    const size s = is_sound(first) ? last : first;
    if (!is_sound(s))
        return qn_fail(ctx, QN_UNSUPPORTED,
                       "a photo of %" PRId64 " x %" PRId64 " becomes %.0f x %.0f by size rule '%s': a side is 1 to %d, and there "
                       "are at most %" PRId64 " pixels", width, height, s.width, s.height, qn_size_rule_name(p->size),
                       QN_MAX_SIDE, QN_MAX_PIXELS);
    *out_height = (int64_t)s.height;
    *out_width = (int64_t)s.width;
    return QN_OK;
}

/* ---- numbers ------------------------------------------------------------------------------------------ */

static void normalise(const qn_preprocess *p, float *planes, int64_t n) {
    const float inverse = (float)(1.0 / p->rescale), factor = (float)p->rescale;
    bool plain = true;
    for (int c = 0; c < 3; c++)
        plain = plain && p->mean[c] == 0 && p->std[c] == 1;
    for (int c = 0; c < 3; c++) {
        const float mean = (float)p->mean[c] * inverse, std = (float)p->std[c] * inverse;
        for (int64_t i = c * n; i < (c + 1) * n; i++)
            planes[i] = plain ? planes[i] * factor : (planes[i] - mean) / std;
    }
}

static void to_eight_bits(float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        x[i] = rintf(fminf(fmaxf(x[i], 0), 255)); /* half to even */
}

typedef struct planes {
    float *data; /* [3, height, width] */
    int64_t height, width;
} planes;

/* To another size, in the arena; nothing to do when it is that size already. */
static qn_status resize(qn_context *ctx, qn_arena *arena, const qn_preprocess *p, int64_t height, int64_t width,
                        planes *io) {
    const int64_t dims[3] = {3, height, width};
    float *out;
    int64_t n;
    if (io->height == height && io->width == width)
        return QN_OK;
    if (!qn_count_elems(dims, 3, &n))
        return qn_fail_memory(ctx, SIZE_MAX, "a picture");
    QN_NEW_ARRAY(ctx, arena, out, n);
    QN_TRY(qn_resize(ctx, io->data, 3, io->height, io->width, out, height, width, p->interpolation, p->antialias));
    if (!p->resize_last)
        to_eight_bits(out, n);
    *io = (planes){out, height, width};
    return QN_OK;
}

static qn_status process(qn_context *ctx, qn_arena *arena, const qn_preprocess *p, const uint8_t *rgb, int64_t height,
                         int64_t width, int64_t out_height, int64_t out_width, float *out) {
    const int64_t n = height * width, n_out = out_height * out_width;
    planes io = {.height = height, .width = width};
    QN_NEW_ARRAY(ctx, arena, io.data, 3 * n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < 3; c++)
            io.data[c * n + i] = rgb[3 * i + c];
    if (p->resize_last)
        normalise(p, io.data, n);
    if (p->size == QN_SIZE_LONGEST) {
        const size s = longest_side(p, (double)height, (double)width);
        QN_TRY(resize(ctx, arena, p, (int64_t)s.height, (int64_t)s.width, &io));
    }
    QN_TRY(resize(ctx, arena, p, out_height, out_width, &io));
    if (!p->resize_last)
        normalise(p, io.data, n_out);
    for (int64_t i = 0; i < 3 * n_out; i++)
        out[i] = io.data[i];
    return QN_OK;
}

qn_status qn_preprocess_photo(qn_context *ctx, const qn_preprocess *p, const uint8_t *rgb, int64_t height, int64_t width,
                              int64_t out_height, int64_t out_width, float *out) {
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = process(ctx, arena, p, rgb, height, width, out_height, out_width, out);
    qn_arena_destroy(arena);
    return status;
}
