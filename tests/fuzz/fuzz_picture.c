/* Any bytes as a picture: read or refused. */
#include <stdlib.h>

#include "read/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { MAX_PIXELS = 1 << 20 }; /* a progressive JPEG takes a pass over all of them for a few bytes */
    static qn_context *ctx;
    static const qn_context_options options = {.threads = 1};
    if (!ctx && qn_context_create(&options, &ctx) != QN_OK)
        abort();
    qn_arena *arena = qn_arena_create();
    qn_rgb rgb;
    if (arena && qn_picture_parse(ctx, arena, "fuzz", data, size, MAX_PIXELS, &rgb) != QN_OK)
        qn_clear(ctx);
    qn_arena_destroy(arena);
    return 0;
}
