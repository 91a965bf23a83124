/* Packages to graphs. */
#include <string.h>

#include "base/map.h"
#include "package/proto.h"
#include "package/shipped.h"

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

/** The graph of a package's bytes, no shipping form. */
static qn_status read_plain(qn_context *ctx, const uint8_t *data, size_t n_bytes, bool check_crc, qn_provenance *provenance,
                            qn_graph **out) {
    qn_arena *scratch = qn_arena_create();
    if (!scratch)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = read_archive(ctx, scratch, data, n_bytes, check_crc, provenance, out);
    qn_arena_destroy(scratch);
    return status;
}

static void close_map(void *map) { qn_map_close(map); }

/** The graph of a mapped package, which keeps the map; on failure the map is closed. */
static qn_status read_map(qn_context *ctx, qn_map *map, bool check_crc, qn_provenance *provenance, qn_graph **out) {
    qn_graph *graph = NULL;
    qn_status status = read_plain(ctx, qn_map_data(map), qn_map_bytes(map), check_crc, provenance, &graph);
    if (status == QN_OK)
        status = qn_graph_keep(ctx, graph, map, close_map);
    if (status == QN_OK) {
        *out = graph;
        return QN_OK;
    }
    qn_graph_destroy(graph);
    qn_map_close(map);
    return status;
}

/** The graph of a shipping form, which keeps the map of what it expands to; its CRCs are checked on the way. */
static qn_status read_shipped(qn_context *ctx, const char *name, const char *beside, const uint8_t *data, size_t n_bytes,
                              bool check_crc, qn_provenance *provenance, qn_graph **out) {
    qn_map *map;
    QN_TRY(qn_shipped_map(ctx, name, data, n_bytes, check_crc, beside, &map));
    const uint64_t expanded = qn_map_bytes(map);
    QN_TRY(read_map(ctx, map, false, provenance, out));
    if (provenance)
        provenance->expanded_bytes = expanded;
    return QN_OK;
}

qn_status qn_package_read_bytes(qn_context *ctx, const char *name, const void *data, size_t n_bytes, bool check_crc,
                                qn_provenance *provenance, qn_graph **out) {
    *out = NULL;
    qn_status status = qn_shipped_is(data, n_bytes)
                           ? read_shipped(ctx, name, NULL, data, n_bytes, check_crc, provenance, out)
                           : read_plain(ctx, data, n_bytes, check_crc, provenance, out);
    return status == QN_OK ? QN_OK : qn_fail_in(ctx, status, "%s", name);
}

qn_status qn_package_read(qn_context *ctx, const char *path, bool check_crc, qn_provenance *provenance, qn_graph **out) {
    *out = NULL;
    qn_map *map;
    qn_status status;
    QN_TRY(qn_map_open(ctx, path, &map));
    if (qn_shipped_is(qn_map_data(map), qn_map_bytes(map))) {
        status = read_shipped(ctx, path, path, qn_map_data(map), qn_map_bytes(map), check_crc, provenance, out);
        qn_map_close(map);
    } else {
        status = read_map(ctx, map, check_crc, provenance, out);
    }
    return status == QN_OK ? QN_OK : qn_fail_in(ctx, status, "%s", path);
}
