/* Photos in, depth maps out. */
#include "api/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "image/colour.h"
#include "image/preprocess.h"
#include "image/resize.h"
#include "read/npy.h"
#include "read/picture.h"
#include "read/processor.h"

/* ---- photos in ------------------------------------------------------------------------------------ */

/* What qn_picture_load hands out: the picture first, so that one is the other. */
typedef struct loaded {
    qn_picture picture;
    qn_arena *arena;
} loaded;

qn_status qn_picture_load(qn_context *ctx, const char *path, qn_picture **out) {
    loaded *l = calloc(1, sizeof *l);
    qn_rgb rgb = {0};
    *out = NULL;
    qn_clear(ctx);
    if (l)
        l->arena = qn_arena_create();
    qn_status status = l && l->arena ? qn_picture_read(ctx, l->arena, path, &rgb) : qn_fail_memory(ctx, sizeof *l, path);
    if (status != QN_OK) {
        qn_picture_destroy(l ? &l->picture : NULL);
        return status;
    }
    l->picture = (qn_picture){(int32_t)rgb.height, (int32_t)rgb.width, rgb.data};
    *out = &l->picture;
    return QN_OK;
}

void qn_picture_destroy(qn_picture *picture) {
    loaded *l = (loaded *)picture;
    if (!l)
        return;
    qn_arena_destroy(l->arena);
    free(l);
}

bool qn_model_preprocess(const qn_model *model, qn_preprocess_info *out) {
    const qn_preprocess *p = model->graph->preprocess;
    if (!p)
        return false;
    *out = (qn_preprocess_info){.input = p->input, .size = qn_size_rule_name(p->size), .height = p->height,
                                .width = p->width, .multiple = p->multiple,
                                .interpolation = qn_interpolation_name(p->interpolation), .antialias = p->antialias,
                                .resize_last = p->resize_last, .rescale = p->rescale};
    memcpy(out->mean, p->mean, sizeof out->mean);
    memcpy(out->std, p->std, sizeof out->std);
    return true;
}

qn_status qn_model_set_processor(qn_context *ctx, qn_model *model, const char *path) {
    qn_preprocess p;
    qn_clear(ctx);
    qn_arena *scratch = qn_arena_create();
    if (!scratch)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = qn_processor_read(ctx, scratch, path, &p);
    qn_arena_destroy(scratch);
    QN_TRY(status);
    return qn_graph_set_preprocess(ctx, model->graph, &p);
}

/* The one size that all photos come to. */
static qn_status common_size(qn_context *ctx, const qn_preprocess *p, const qn_picture *const *pictures, int32_t n,
                             int64_t *height, int64_t *width) {
    for (int32_t i = 0; i < n; i++) {
        int64_t h, w;
        if (pictures[i]->height < 1 || pictures[i]->height > QN_MAX_SIDE || pictures[i]->width < 1 ||
            pictures[i]->width > QN_MAX_SIDE)
            return qn_fail(ctx, QN_USAGE, "photo %d has %d x %d pixels: a side is 1 to %d", (int)i + 1,
                           (int)pictures[i]->width, (int)pictures[i]->height, QN_MAX_SIDE);
        QN_TRY(qn_preprocess_size(ctx, p, pictures[i]->height, pictures[i]->width, &h, &w));
        if (i > 0 && (h != *height || w != *width))
            return qn_fail(ctx, QN_USAGE,
                           "photo 1 becomes %" PRId64 " x %" PRId64 " and photo %d %" PRId64 " x %" PRId64
                           ": photos of one run come to one size",
                           *width, *height, (int)i + 1, w, h);
        *height = h;
        *width = w;
    }
    return QN_OK;
}

static int32_t input_index(const qn_graph *graph, const char *name) {
    int32_t i = 0;
    while (strcmp(graph->inputs[i].name, name) != 0)
        i++; /* qn_graph_set_preprocess found it */
    return i;
}

qn_status qn_graph_picture_input(qn_context *ctx, const qn_graph *graph, const qn_picture *const *pictures, int32_t n,
                                 int32_t *index, qn_tensor *out) {
    const qn_preprocess *p = graph->preprocess;
    int64_t height = 0, width = 0, n_elems;
    *out = (qn_tensor){0};
    if (!p)
        return qn_fail(ctx, QN_USAGE, "the model does not say how a photo becomes its input");
    if (n < 1)
        return qn_fail(ctx, QN_USAGE, "no photos");
    QN_TRY(common_size(ctx, p, pictures, n, &height, &width));
    *index = input_index(graph, p->input);
    const bool views = graph->inputs[*index].value->type.rank == 5;
    const int64_t dims[5] = {1, n, 3, height, width};
    qn_tensor t = {.dtype = QN_F32, .rank = views ? 5 : 4};
    memcpy(t.dims, views ? dims : dims + 1, (size_t)t.rank * sizeof *dims);
    if (!qn_count_elems(dims, 5, &n_elems) || !qn_mul_size((size_t)n_elems, sizeof(float), &t.n_bytes))
        return qn_fail_memory(ctx, SIZE_MAX, "the photos");
    float *data = malloc(t.n_bytes);
    if (!data)
        return qn_fail_memory(ctx, t.n_bytes, "the photos");
    t.data = data;
    for (int32_t i = 0; i < n; i++) {
        qn_status status = qn_preprocess_photo(ctx, p, pictures[i]->rgb, pictures[i]->height, pictures[i]->width, height,
                                               width, data + i * 3 * height * width);
        if (status != QN_OK) {
            free(data);
            return status;
        }
    }
    *out = t;
    return QN_OK;
}

qn_status qn_model_picture_input(qn_context *ctx, const qn_model *model, const qn_picture *const *pictures, int32_t n,
                                 int32_t *index, qn_tensor *out) {
    qn_clear(ctx);
    const qn_status status = qn_graph_picture_input(ctx, model->graph, pictures, n, index, out);
    return status == QN_OK ? QN_OK : qn_fail_in(ctx, status, "%s", model->path);
}

/* ---- depth maps out -------------------------------------------------------------------------------- */

int64_t qn_depth_count(const qn_tensor *tensor) {
    int64_t n;
    return tensor->rank >= 2 && qn_count_elems(tensor->dims, tensor->rank - 2, &n) ? n : 0;
}

typedef struct map {
    float *data; /* [height, width], in the arena */
    int64_t height, width;
} map;

/* Map `index` as float32, at the size that is asked for. */
static qn_status take_map(qn_context *ctx, qn_arena *arena, const qn_tensor *tensor, int64_t index,
                          const qn_depth_options *o, map *out) {
    const int64_t h = tensor->dims[tensor->rank - 2], w = tensor->dims[tensor->rank - 1], n = h * w;
    const size_t width = qn_dtype_bytes(tensor->dtype);
    qn_tensor one = {.dtype = tensor->dtype, .rank = 1, .dims = {n}, .n_bytes = (size_t)n * width,
                     .data = (char *)tensor->data + (size_t)(index * n) * width};
    double *wide;
    float *data;
    QN_NEW_ARRAY(ctx, arena, wide, n);
    QN_NEW_ARRAY(ctx, arena, data, n);
    QN_TRY(qn_tensor_to_f64(ctx, &one, wide));
    for (int64_t i = 0; i < n; i++)
        data[i] = (float)wide[i];
    *out = (map){data, h, w};
    if (!o->height || (o->height == h && o->width == w))
        return QN_OK;
    *out = (map){.height = o->height, .width = o->width};
    QN_NEW_ARRAY(ctx, arena, out->data, out->height * out->width);
    return qn_resize(ctx, data, 1, h, w, out->data, out->height, out->width, QN_INTERPOLATE_BILINEAR, false);
}

static qn_status save_png(qn_context *ctx, qn_arena *arena, const char *path, const map *m, bool colour) {
    const int64_t n = m->height * m->width;
    float min, max;
    uint8_t *rgb = NULL;
    uint16_t *grey = NULL;
    char min_text[32], max_text[32];
    (void)qn_depth_range(m->data, n, &min, &max);
    if (colour) {
        QN_NEW_ARRAY(ctx, arena, rgb, 3 * n);
        qn_depth_colour(m->data, n, min, max, rgb);
    } else {
        QN_NEW_ARRAY(ctx, arena, grey, n);
        qn_depth_grey16(m->data, n, min, max, grey);
    }
    snprintf(min_text, sizeof min_text, "%.9g", (double)min);
    snprintf(max_text, sizeof max_text, "%.9g", (double)max);
    const qn_png_text texts[] = {{"depth_min", min_text}, {"depth_max", max_text}};
    const qn_png_image image = {.height = m->height, .width = m->width, .channels = colour ? 3 : 1, .bits = colour ? 8 : 16,
                                .data = colour ? (const void *)rgb : (const void *)grey, .texts = texts, .n_texts = 2};
    return qn_png_write(ctx, path, &image);
}

static qn_status save(qn_context *ctx, qn_arena *arena, const char *path, const qn_tensor *tensor, int64_t index,
                      const qn_depth_options *o) {
    map m = {0};
    QN_TRY(take_map(ctx, arena, tensor, index, o, &m));
    if (o->format != QN_DEPTH_NPY)
        return save_png(ctx, arena, path, &m, o->format == QN_DEPTH_COLOUR);
    const qn_tensor t = {.dtype = QN_F32, .rank = 2, .dims = {m.height, m.width}, .data = m.data,
                         .n_bytes = (size_t)(m.height * m.width) * sizeof(float)};
    return qn_npy_write(ctx, path, &t);
}

qn_status qn_depth_save(qn_context *ctx, const char *path, const qn_tensor *tensor, int64_t index,
                        const qn_depth_options *options) {
    const qn_depth_options none = {0}, *o = options ? options : &none;
    const int64_t n = qn_depth_count(tensor);
    qn_clear(ctx);
    if (index < 0 || index >= n)
        return qn_fail(ctx, QN_USAGE, "%s: map %" PRId64 " of a tensor with %" PRId64, path, index, n);
    for (int32_t k = tensor->rank - 2; k < tensor->rank; k++)
        if (tensor->dims[k] < 1 || tensor->dims[k] > INT32_MAX)
            return qn_fail(ctx, QN_USAGE, "%s: a map of %" PRId64 " x %" PRId64, path, tensor->dims[tensor->rank - 1],
                           tensor->dims[tensor->rank - 2]);
    if (o->height < 0 || o->width < 0 || !o->height != !o->width || (unsigned)o->format > QN_DEPTH_NPY)
        return qn_fail(ctx, QN_USAGE, "%s: format %d at %d x %d", path, (int)o->format, (int)o->width, (int)o->height);
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = save(ctx, arena, path, tensor, index, o);
    qn_arena_destroy(arena);
    return status;
}
