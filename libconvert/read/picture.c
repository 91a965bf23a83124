#include "read/picture.h"

#include <inttypes.h>
#include <string.h>

#include "base/map.h"
#include "ir/preprocess.h"

qn_status qn_picture_check_size(qn_context *ctx, const char *name, int64_t height, int64_t width, int64_t max_pixels) {
    if (height < 1 || width < 1)
        return qn_fail(ctx, QN_MALFORMED, "%s: a picture of %" PRId64 " x %" PRId64 " pixels", name, width, height);
    if (height > QN_MAX_SIDE || width > QN_MAX_SIDE || height * width > max_pixels)
        return qn_fail(ctx, QN_UNSUPPORTED,
                       "%s: a picture of %" PRId64 " x %" PRId64 " pixels: at most %d a side and %" PRId64 " in all", name,
                       width, height, QN_MAX_SIDE, max_pixels);
    return QN_OK;
}

qn_status qn_picture_alloc(qn_context *ctx, qn_arena *arena, const char *name, int64_t height, int64_t width,
                           int64_t max_pixels, qn_rgb *out) {
    QN_TRY(qn_picture_check_size(ctx, name, height, width, max_pixels));
    *out = (qn_rgb){.height = height, .width = width};
    QN_NEW_ARRAY(ctx, arena, out->data, 3 * height * width);
    return QN_OK;
}

qn_status qn_picture_parse(qn_context *ctx, qn_arena *arena, const char *name, const void *data, size_t n_bytes,
                           int64_t max_pixels, qn_rgb *out) {
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, jpeg[3] = {0xff, 0xd8, 0xff};
    if (n_bytes >= sizeof png && memcmp(data, png, sizeof png) == 0)
        return qn_png_parse(ctx, arena, name, data, n_bytes, max_pixels, out);
    if (n_bytes >= sizeof jpeg && memcmp(data, jpeg, sizeof jpeg) == 0)
        return qn_jpeg_parse(ctx, arena, name, data, n_bytes, max_pixels, out);
    return qn_fail(ctx, QN_UNSUPPORTED, "%s: pictures come as PNG or JPEG", name);
}

qn_status qn_picture_read(qn_context *ctx, qn_arena *arena, const char *path, qn_rgb *out) {
    qn_map *map;
    QN_TRY(qn_map_open(ctx, path, &map));
    qn_status status = qn_map_bytes(map) > QN_PICTURE_MAX_BYTES
                           ? qn_fail(ctx, QN_UNSUPPORTED, "%s: a picture file of more than %zu bytes", path,
                                     QN_PICTURE_MAX_BYTES)
                           : qn_picture_parse(ctx, arena, path, qn_map_data(map), qn_map_bytes(map), QN_PICTURE_MAX_PIXELS, out);
    qn_map_close(map);
    return status;
}
