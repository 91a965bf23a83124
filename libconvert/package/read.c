/* Packages to graphs. */
#include <string.h>

#include "base/map.h"
#include "package/proto.h"

/** CRCs of the weights, each entry's pages leaving resident memory once it is checked. */
static qn_status check_crcs(qn_context *ctx, const qn_archive *a) {
    uint64_t total = 0, done = 0;
    for (int64_t i = 0; i < a->n_entries; i++)
        total += a->entries[i].n_bytes;
    for (int64_t i = 0; i < a->n_entries; i++) {
        const qn_zip_entry *e = &a->entries[i];
        QN_TRY(qn_check_cancel(ctx));
        QN_TRY(qn_zip_check_crc(ctx, a->data, e));
        qn_progress(ctx, "checking", done += e->n_bytes, total);
    }
    return QN_OK;
}

static qn_status read_archive(qn_context *ctx, qn_arena *scratch, const uint8_t *data, size_t n_bytes, bool check_crc,
                              qn_provenance *provenance, qn_graph **out) {
    qn_zip_entry *entries;
    qn_archive a = {.data = data};
    Quern__Package *package;
    QN_TRY(qn_zip_read(ctx, scratch, data, n_bytes, &entries, &a.n_entries));
    a.entries = entries;
    if (a.n_entries == 0 || strcmp(entries[0].name, QN_MODEL_ENTRY) != 0)
        return qn_fail(ctx, QN_MALFORMED, "not a package: the first entry is not '%s'", QN_MODEL_ENTRY);
    const uint8_t *model = data + entries[0].data;
    QN_TRY(qn_zip_check_crc(ctx, data, &entries[0]));
    if (check_crc)
        QN_TRY(check_crcs(ctx, &a));
    QN_TRY(qn_proto_check(ctx, model, (size_t)entries[0].n_bytes));
    QN_TRY(qn_proto_unpack(ctx, scratch, model, (size_t)entries[0].n_bytes, &package));
    return qn_proto_read(ctx, scratch, package, &a, provenance, out);
}

qn_status qn_package_read_bytes(qn_context *ctx, const char *name, const void *data, size_t n_bytes, bool check_crc,
                                qn_provenance *provenance, qn_graph **out) {
    *out = NULL;
    qn_arena *scratch = qn_arena_create();
    if (!scratch)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = read_archive(ctx, scratch, data, n_bytes, check_crc, provenance, out);
    qn_arena_destroy(scratch);
    return status == QN_OK ? QN_OK : qn_fail_in(ctx, status, "%s", name);
}

static void close_map(void *map) { qn_map_close(map); }

qn_status qn_package_read(qn_context *ctx, const char *path, bool check_crc, qn_provenance *provenance, qn_graph **out) {
    *out = NULL;
    qn_map *map;
    qn_graph *graph;
    QN_TRY(qn_map_open(ctx, path, &map));
    qn_status status =
        qn_package_read_bytes(ctx, path, qn_map_data(map), qn_map_bytes(map), check_crc, provenance, &graph);
    if (status != QN_OK) {
        qn_map_close(map);
        return status;
    }
    status = qn_graph_keep(ctx, graph, map, close_map);
    if (status != QN_OK) {
        qn_graph_destroy(graph);
        qn_map_close(map);
        return status;
    }
    *out = graph;
    return QN_OK;
}
