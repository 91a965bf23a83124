#include "read/onnx.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/path.h"
#include "ops/infer.h"
#include "read/import.h"

/* Reduce, unpack and import, with an arena for what is only needed meanwhile. */
static qn_status read_model(qn_context *ctx, qn_graph *graph, const char *folder, const uint8_t *data, size_t n_bytes) {
    qn_import im = {.ctx = ctx, .graph = graph, .scratch = qn_arena_create()};
    if (!im.scratch)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_reduced reduced;
    qn_status status = qn_reduce(ctx, im.scratch, &qn_onnx__model_proto__descriptor, data, n_bytes, &reduced);
    if (status == QN_OK) {
        if (reduced.n_unknown)
            qn_log(ctx, QN_LOG_DEBUG, "%lld documentation, metadata or unknown fields are left out",
                   (long long)reduced.n_unknown);
        im.model = (const QnOnnx__ModelProto *)reduced.message;
        im.source = (qn_onnx_source){.ctx = ctx,
                                     .arena = graph->arena,
                                     .cuts = reduced.cuts,
                                     .n_cuts = reduced.n_cuts,
                                     .folder = folder,
                                     .keeper = graph};
        if (im.model->producer_name && im.model->producer_name[0])
            graph->producer = qn_arena_printf(graph->arena, "%s %s", im.model->producer_name,
                                              im.model->producer_version ? im.model->producer_version : "");
        status = qn_import_model(&im);
    }
    qn_arena_destroy(im.scratch);
    /* Scanning touched the pages between the weights; they are not needed any more. */
    qn_map_release(data, n_bytes);
    return status == QN_OK ? qn_infer_graph(ctx, graph) : status;
}

qn_status qn_onnx_read_bytes(qn_context *ctx, const char *name, const char *folder, const void *data, size_t n_bytes,
                             qn_graph **out) {
    qn_graph *graph = NULL;
    *out = NULL;
    QN_TRY(qn_graph_create(ctx, qn_path_name(name), &graph));
    qn_status status = read_model(ctx, graph, folder, data, n_bytes);
    if (status != QN_OK) {
        qn_graph_destroy(graph);
        return qn_fail_in(ctx, status, "%s", name);
    }
    *out = graph;
    return QN_OK;
}

static void close_map(void *map) { qn_map_close(map); }

qn_status qn_onnx_read(qn_context *ctx, const char *path, qn_graph **out) {
    qn_map *map = NULL;
    *out = NULL;
    QN_TRY(qn_map_open(ctx, path, &map));
    char *folder = qn_path_folder(path);
    qn_status status = folder ? qn_onnx_read_bytes(ctx, path, folder, qn_map_data(map), qn_map_bytes(map), out)
                              : qn_fail_memory(ctx, strlen(path), "a path");
    free(folder);
    if (status == QN_OK)
        status = qn_graph_add_source(ctx, *out, path);
    if (status == QN_OK)
        status = qn_graph_keep(ctx, *out, map, close_map);
    if (status != QN_OK) {
        qn_graph_destroy(*out);
        *out = NULL;
        qn_map_close(map);
    }
    return status;
}

static qn_status read_tensor(qn_context *ctx, qn_arena *arena, const uint8_t *data, size_t n_bytes, const char **name,
                             qn_tensor *out) {
    qn_reduced reduced;
    qn_const *c = NULL;
    QN_TRY(qn_reduce(ctx, arena, &qn_onnx__tensor_proto__descriptor, data, n_bytes, &reduced));
    const QnOnnx__TensorProto *tensor = (const QnOnnx__TensorProto *)reduced.message;
    qn_onnx_source source = {.ctx = ctx, .arena = arena, .cuts = reduced.cuts, .n_cuts = reduced.n_cuts, .copy = true};
    QN_TRY(qn_tensor_read(&source, tensor, "tensor", &c));
    *name = c->name;
    *out = (qn_tensor){.dtype = c->dtype, .rank = c->rank, .n_bytes = c->part[QN_PART_VALUES].n};
    memcpy(out->dims, c->dims, sizeof out->dims);
    /* place_elements copied: the bytes are the arena's own. */
    union { const void *from; void *to; } bytes = {c->part[QN_PART_VALUES].data};
    out->data = bytes.to;
    return QN_OK;
}

qn_status qn_onnx_read_tensor(qn_context *ctx, qn_arena *arena, const char *path, const char **name, qn_tensor *out) {
    qn_map *map = NULL;
    QN_TRY(qn_map_open(ctx, path, &map));
    qn_status status = read_tensor(ctx, arena, qn_map_data(map), qn_map_bytes(map), name, out);
    qn_map_close(map);
    return status == QN_OK ? QN_OK : qn_fail_in(ctx, status, "%s", path);
}
