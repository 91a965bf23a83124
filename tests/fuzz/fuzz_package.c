/* Any bytes as a package: read or refused, and what is read passes the checker and infers or says why not.
 *
 * Bytes that begin as a ZIP archive are read as a package. Those that begin as an entry in shipping form are expanded as the
 * only one of an archive. All others are taken as model.pb, in an archive that has the
 * entries that it asks for: CRCs and headers would keep mutations from getting that far. */
#include <stdlib.h>
#include <string.h>

#include "ir/check.h"
#include "ops/infer.h"
#include "package/proto.h"
#include "package/shipped.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_WEIGHT = 1 << 16 };
static uint8_t g_weights[MAX_WEIGHT];

/** The bytes that the constant would take, or 0 when that is too much. */
static uint64_t weight_bytes(const Quern__Constant *m) {
    size_t offset[QN_MAX_PARTS], n;
    qn_const c = {.dtype = (qn_dtype)m->dtype, .rank = (int32_t)m->n_dims, .axis = (int32_t)m->axis - 1, .block = m->block};
    if (m->n_dims > QN_MAX_RANK || m->axis > m->n_dims || m->block < 0)
        return 0;
    for (size_t i = 0; i < m->n_dims; i++) {
        c.dims[i] = m->dims[i];
        if (m->dims[i] < 0)
            return 0;
    }
    if (m->encoding == QUERN__ENCODING__AFFINE) {
        c.encoding = QN_ENC_AFFINE;
        c.code_dtype = (qn_dtype)m->code_dtype;
        c.scale_dtype = (qn_dtype)m->scale_dtype;
        c.symmetric = m->symmetric != 0;
    }
    return qn_const_layout(&c, offset, &n) && n <= MAX_WEIGHT ? n : 0;
}

static qn_status read_model(qn_context *ctx, qn_arena *arena, const uint8_t *data, size_t size, qn_graph **graph) {
    Quern__Package *m;
    qn_archive archive = {.data = g_weights};
    qn_zip_entry *entries;
    QN_TRY(qn_proto_check(ctx, data, size));
    QN_TRY(qn_proto_unpack(ctx, arena, data, size, &m));
    QN_NEW_ARRAY(ctx, arena, entries, m->n_constants + 1);
    entries[archive.n_entries++].name = QN_MODEL_ENTRY;
    for (size_t i = 0; i < m->n_constants; i++)
        if (m->constants[i]->entry[0])
            entries[archive.n_entries++] = (qn_zip_entry){.name = m->constants[i]->entry, .n_bytes = weight_bytes(m->constants[i])};
    archive.entries = entries;
    qn_provenance provenance;
    return qn_proto_read(ctx, arena, m, &archive, &provenance, graph);
}

/** Expand an archive whose one entry has these bytes; it is CRCs of entries that mutations would not get past. */
static qn_status expand(qn_context *ctx, const uint8_t *data, size_t size) {
    qn_zip_entry e = {.name = QN_SHIPPED_MODEL, .n_bytes = size};
    uint64_t central;
    if (!qn_zip_place(&e, 1, &central))
        abort();
    const size_t n = (size_t)central + qn_zip_central_bytes(&e) + QN_ZIP_END_BYTES;
    uint8_t *archive = calloc(1, n);
    qn_map *map = NULL;
    if (!archive)
        abort();
    memcpy(archive + e.data, data, size);
    qn_zip_put_local(&e, archive);
    qn_zip_put_central(&e, archive + central);
    qn_zip_put_end(1, central, qn_zip_central_bytes(&e), archive + n - QN_ZIP_END_BYTES);
    qn_status status = qn_shipped_map(ctx, "fuzz", archive, n, false, NULL, &map);
    if (status == QN_OK)
        qn_map_close(map);
    free(archive);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static qn_context *ctx;
    static const qn_context_options options = {.threads = 1};
    if (!ctx && qn_context_create(&options, &ctx) != QN_OK)
        abort();
    qn_graph *graph = NULL;
    qn_arena *arena = qn_arena_create();
    qn_status status;
    if (!arena)
        abort();
    if (size >= 2 && memcmp(data, "PK", 2) == 0)
        status = qn_package_read_bytes(ctx, "fuzz.quern", data, size, true, NULL, &graph);
    else if (size >= 4 && memcmp(data, "Qsh1", 4) == 0)
        status = expand(ctx, data, size);
    else
        status = read_model(ctx, arena, data, size, &graph);
    if ((status != QN_OK && graph) || (graph && qn_graph_check(ctx, graph) != QN_OK))
        abort();
    if (graph)
        status = qn_infer_graph(ctx, graph);
    if (status != QN_OK && !qn_context_message(ctx)[0])
        abort();
    qn_graph_destroy(graph);
    qn_arena_destroy(arena);
    qn_clear(ctx);
    return 0;
}
