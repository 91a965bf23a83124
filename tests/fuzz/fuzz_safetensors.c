/* Any bytes as a safetensors file: read or refused, and what is read lies in the file.
 *
 * Bytes that begin with '{' are taken as the header alone, with as many zero bytes of elements as it asks for: lengths and
 * places would keep mutations from getting further. */
#include <stdlib.h>
#include <string.h>

#include "read/safetensors.h"
#include "tests/read/safetensors_fit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const qn_safetensors *file, const uint8_t *data, size_t size) {
    size_t n_bytes = 0;
    for (int32_t i = 0; i < file->n_tensors; i++) {
        const qn_safetensors_tensor *t = &file->tensors[i];
        if (t->data < data || t->n_bytes > size || (size_t)(t->data - data) > size - t->n_bytes || t->rank < 0 ||
            t->rank > QN_MAX_RANK || qn_table_get(file->by_name, t->name) != t)
            abort();
        n_bytes += t->n_bytes;
    }
    if (n_bytes > size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static qn_context *ctx;
    static const qn_context_options options = {.threads = 1};
    if (!ctx && qn_context_create(&options, &ctx) != QN_OK)
        abort();
    qn_safetensors file;
    qn_arena *arena = qn_arena_create();
    qn_buf made = QN_BUF_INIT;
    if (size && data[0] == '{') {
        made = st_fit(data, size);
        data = (const uint8_t *)made.data;
        size = made.n;
    }
    if (!arena || made.failed)
        abort();
    if (qn_safetensors_parse(ctx, arena, "fuzz.safetensors", data, size, &file) == QN_OK) {
        check(&file, data, size);
        qn_safetensors_close(&file);
    } else if (!qn_context_message(ctx)[0]) {
        abort();
    }
    qn_buf_free(&made);
    qn_arena_destroy(arena);
    qn_clear(ctx);
    return 0;
}
