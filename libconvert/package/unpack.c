/* Shipping form to package, for good. */
#include "package/package.h"
#include "package/shipped.h"

/** What lies in the file now is a package that can be read. */
static qn_status check(qn_context *ctx, const char *source, const qn_outfile *file) {
    qn_map *map;
    qn_graph *graph = NULL;
    QN_TRY(qn_outfile_map(ctx, file, source, &map));
    qn_status status = qn_package_read_bytes(ctx, source, qn_map_data(map), qn_map_bytes(map), false, NULL, &graph);
    qn_graph_destroy(graph);
    qn_map_close(map);
    return status;
}

static qn_status expand(qn_context *ctx, const char *source, const qn_map *map, const char *path, uint64_t *n_bytes) {
    qn_outfile *file;
    if (!qn_shipped_is(qn_map_data(map), qn_map_bytes(map)))
        return qn_fail(ctx, QN_USAGE, "%s: not in shipping form: there is nothing to unpack", source);
    QN_TRY(qn_outfile_create(ctx, path, &file));
    qn_status status = qn_shipped_expand(ctx, qn_map_data(map), qn_map_bytes(map), true, file, n_bytes);
    status = status == QN_OK ? check(ctx, source, file) : qn_fail_in(ctx, status, "%s", source);
    if (status == QN_OK)
        return qn_outfile_commit(ctx, file);
    qn_outfile_destroy(file);
    return status;
}

qn_status qn_shipped_unpack(qn_context *ctx, const char *source, const char *path, uint64_t *shipped_bytes,
                            uint64_t *package_bytes) {
    qn_map *map;
    uint64_t n_bytes;
    QN_TRY(qn_map_open(ctx, source, &map));
    if (shipped_bytes)
        *shipped_bytes = qn_map_bytes(map);
    qn_status status = expand(ctx, source, map, path, &n_bytes);
    if (status == QN_OK && package_bytes)
        *package_bytes = n_bytes;
    qn_map_close(map);
    return status;
}
