/* Every byte of a package against its own records, and of a shipping form against what it expands to. A package is canonical: headers, order and padding follow from the
 * entries, model.pb and the weights are covered by their CRCs, and the padding between parts must be zero. So a package
 * that passes has no byte that could be another one unnoticed. */
#include <inttypes.h>
#include <string.h>

#include "base/map.h"
#include "package/proto.h"
#include "package/shipped.h"

static qn_status check_padding(qn_context *ctx, const qn_const *c) {
    size_t offset[QN_MAX_PARTS], n_bytes, n, at = 0;
    const uint8_t *bytes = NULL; /* the entry's: its first part that has any begins there */
    if (!qn_const_layout(c, offset, &n_bytes))
        return qn_fail(ctx, QN_MALFORMED, "constant '%s': its size does not fit 63 bits", c->name);
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        if (!qn_const_part_bytes(c, part, &n) || n == 0)
            continue;
        if (!bytes)
            bytes = c->part[part].data;
        for (; at < offset[part]; at++)
            if (bytes[at] != 0)
                return qn_fail(ctx, QN_MALFORMED, "constant '%s': padding byte %zu is not zero", c->name, at);
        at = offset[part] + n;
    }
    return QN_OK;
}

static qn_status verify(qn_context *ctx, qn_arena *arena, const qn_map *map, int64_t *n_entries) {
    qn_zip_entry *entries;
    qn_archive a = {.data = qn_map_data(map)};
    Quern__Package *package;
    qn_graph *graph;
    qn_const *consts;
    uint64_t total = 0, done = 0;
    QN_TRY(qn_zip_read(ctx, arena, a.data, qn_map_bytes(map), &entries, &a.n_entries));
    a.entries = entries;
    if (a.n_entries == 0 || strcmp(entries[0].name, QN_MODEL_ENTRY) != 0)
        return qn_fail(ctx, QN_MALFORMED, "not a package: the first entry is not '%s'", QN_MODEL_ENTRY);
    for (int64_t i = 0; i < a.n_entries; i++)
        total += entries[i].n_bytes;
    for (int64_t i = 0; i < a.n_entries; i++) {
        QN_TRY(qn_check_cancel(ctx));
        QN_TRY(qn_zip_check_crc(ctx, a.data, &entries[i]));
        qn_progress(ctx, "verifying", done += entries[i].n_bytes, total);
    }
    const uint8_t *model = a.data + entries[0].data;
    QN_TRY(qn_proto_check(ctx, model, (size_t)entries[0].n_bytes));
    QN_TRY(qn_proto_unpack(ctx, arena, model, (size_t)entries[0].n_bytes, &package));
    QN_TRY(qn_proto_read(ctx, arena, package, &a, NULL, &graph));
    qn_graph_destroy(graph);
    QN_NEW_ARRAY(ctx, arena, consts, package->n_constants);
    QN_TRY(qn_proto_constants(ctx, arena, arena, package, &a, consts));
    for (size_t i = 0; i < package->n_constants; i++)
        QN_TRY(check_padding(ctx, &consts[i]));
    *n_entries = a.n_entries;
    return QN_OK;
}

/** Of a shipping form: its own records, then those of the package in it. The entries are as many. */
static qn_status verify_either(qn_context *ctx, qn_arena *arena, const char *path, const qn_map *map, int64_t *n_entries) {
    const uint8_t *data = qn_map_data(map);
    qn_map *package;
    if (!qn_shipped_is(data, qn_map_bytes(map)))
        return verify(ctx, arena, map, n_entries);
    QN_TRY(qn_shipped_map(ctx, path, data, qn_map_bytes(map), true, path, &package));
    qn_status status = verify(ctx, arena, package, n_entries);
    qn_map_close(package);
    return status;
}

qn_status qn_package_verify(qn_context *ctx, const char *path, int64_t *n_entries, uint64_t *n_bytes) {
    qn_map *map;
    int64_t n = 0;
    QN_TRY(qn_map_open(ctx, path, &map));
    qn_arena *arena = qn_arena_create();
    qn_status status = arena ? verify_either(ctx, arena, path, map, &n) : qn_fail_memory(ctx, 0, "an arena");
    qn_arena_destroy(arena);
    if (status == QN_OK && n_entries)
        *n_entries = n;
    if (status == QN_OK && n_bytes)
        *n_bytes = qn_map_bytes(map);
    qn_map_close(map);
    return status == QN_OK ? QN_OK : qn_fail_in(ctx, status, "%s", path);
}
