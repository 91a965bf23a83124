/* Any bytes as an .npy file: read or refused. */
#include <stdlib.h>

#include "read/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static qn_context *ctx;
    static const qn_context_options options = {.threads = 1};
    if (!ctx && qn_context_create(&options, &ctx) != QN_OK)
        abort();
    qn_arena *arena = qn_arena_create();
    qn_tensor tensor;
    if (arena && qn_npy_parse(ctx, arena, "fuzz.npy", data, size, &tensor) != QN_OK)
        qn_clear(ctx);
    qn_arena_destroy(arena);
    return 0;
}
