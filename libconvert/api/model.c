#include "api/model.h"

#include "arch/arch.h"
#include "ops/infer.h"
#include "read/onnx.h"

#include "base/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- loading ---------------------------------------------------------------------------------- */

static qn_status model_create(qn_context *ctx, const char *path, qn_model **out) {
    *out = NULL;
    qn_arena *arena = qn_arena_create();
    qn_model *model = arena ? qn_arena_alloc(arena, sizeof *model) : NULL;
    char *copy = model ? qn_arena_strdup(arena, path) : NULL;
    if (!copy) {
        qn_arena_destroy(arena);
        return qn_fail_memory(ctx, sizeof *model, "a model");
    }
    model->arena = arena;
    model->path = copy;
    *out = model;
    return QN_OK;
}

/* What the first bytes say: a package is a ZIP archive. */
static bool is_zip(const void *data, size_t n) { return n >= 4 && memcmp(data, "PK\3\4", 4) == 0; }

static qn_status sniff(qn_context *ctx, const char *path, qn_model_format *format) {
    *format = QN_FORMAT_SAFETENSORS;
    if (qn_path_ends_with(path, ".safetensors") || qn_path_is_folder(path))
        return QN_OK;
    char head[4] = {0};
    FILE *f = fopen(path, "rb");
    if (!f)
        return qn_fail(ctx, QN_SYSTEM, "%s: cannot open: %s", path, strerror(errno));
    size_t n = fread(head, 1, sizeof head, f);
    fclose(f);
    *format = is_zip(head, n) || qn_path_ends_with(path, ".quern") ? QN_FORMAT_QUERN : QN_FORMAT_ONNX;
    return QN_OK;
}

/* The graph of the file or folder at `path`. */
static qn_status read_graph(qn_context *ctx, const char *path, const qn_load_options *options, qn_model *model) {
    qn_arch_info info;
    switch (model->format) {
    case QN_FORMAT_QUERN:
        return qn_package_read(ctx, path, options && options->check_crc, &model->provenance, &model->graph);
    case QN_FORMAT_SAFETENSORS:
        QN_TRY(qn_arch_read(ctx, path, &model->graph, &info));
        model->dropped = info.dropped;
        model->n_dropped = info.n_dropped;
        return QN_OK;
    default:
        return qn_onnx_read(ctx, path, &model->graph);
    }
}

static uint64_t bytes_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Bytes of a package, or of all files that a source was read from. */
static void measure(qn_model *model) {
    const bool package = model->format == QN_FORMAT_QUERN;
    model->file_bytes = package ? bytes_of(model->path) : 0;
    for (int32_t i = 0; !package && i < model->graph->n_sources; i++)
        model->file_bytes += bytes_of(model->graph->sources[i]);
}

static qn_status finish(qn_context *ctx, qn_model *model, const qn_load_options *options) {
    if (options && options->n_dims) {
        QN_TRY(qn_graph_bind_dims(ctx, model->graph, options->dims, options->n_dims));
        QN_TRY(qn_infer_graph(ctx, model->graph));
    }
    return qn_model_describe(ctx, model);
}

qn_status qn_model_load(qn_context *ctx, const char *path, const qn_load_options *options, qn_model **out) {
    qn_model *model = NULL;
    qn_model_format format;
    *out = NULL;
    qn_clear(ctx);
    QN_TRY(sniff(ctx, path, &format));
    QN_TRY(model_create(ctx, path, &model));
    model->format = format;
    qn_status status = read_graph(ctx, path, options, model);
    if (status == QN_OK) {
        measure(model);
        status = finish(ctx, model, options);
        if (status != QN_OK)
            status = qn_fail_in(ctx, status, "%s", path);
    }
    if (status != QN_OK) {
        qn_model_destroy(model);
        return status;
    }
    *out = model;
    return QN_OK;
}

qn_status qn_model_load_bytes(qn_context *ctx, const char *name, const void *data, size_t n_bytes,
                              const qn_load_options *options, qn_model **out) {
    qn_model *model = NULL;
    *out = NULL;
    qn_clear(ctx);
    QN_TRY(model_create(ctx, name, &model));
    model->format = is_zip(data, n_bytes) ? QN_FORMAT_QUERN : QN_FORMAT_ONNX;
    model->file_bytes = n_bytes;
    qn_status status = model->format == QN_FORMAT_QUERN
                           ? qn_package_read_bytes(ctx, name, data, n_bytes, options && options->check_crc,
                                                   &model->provenance, &model->graph)
                           : qn_onnx_read_bytes(ctx, name, NULL, data, n_bytes, &model->graph);
    if (status == QN_OK) {
        status = finish(ctx, model, options);
        if (status != QN_OK)
            status = qn_fail_in(ctx, status, "%s", name);
    }
    if (status != QN_OK) {
        qn_model_destroy(model);
        return status;
    }
    *out = model;
    return QN_OK;
}

void qn_model_destroy(qn_model *model) {
    if (!model)
        return;
    qn_graph_destroy(model->graph);
    qn_arena_destroy(model->arena);
}

/* ---- what it says of itself --------------------------------------------------------------------- */

static qn_status describe_port(qn_context *ctx, qn_model *model, const qn_port *port, qn_port_info *out) {
    const qn_type *type = &port->value->type;
    *out = (qn_port_info){.name = port->name, .dtype = type->dtype, .rank = type->rank};
    for (int32_t i = 0; i < type->rank; i++) {
        out->dims[i] = qn_dim_is_const(type->dims[i]) ? type->dims[i] : -1;
        out->dim_text[i] = qn_dim_format(model->arena, model->graph->symbols, type->dims[i]);
        if (!out->dim_text[i])
            return qn_fail_memory(ctx, 64, "a dimension");
    }
    return QN_OK;
}

static qn_status describe_ports(qn_context *ctx, qn_model *model, const qn_port *ports, int32_t n,
                                qn_port_info **out) {
    QN_NEW_ARRAY(ctx, model->arena, *out, n + 1);
    for (int32_t i = 0; i < n; i++)
        QN_TRY(describe_port(ctx, model, &ports[i], &(*out)[i]));
    return QN_OK;
}

static qn_status describe_dims(qn_context *ctx, qn_model *model) {
    const qn_symbols *symbols = model->graph->symbols;
    int32_t n = qn_symbols_count(symbols);
    bool *used;
    QN_NEW_ARRAY(ctx, model->arena, used, n + 1);
    QN_NEW_ARRAY(ctx, model->arena, model->dims, n + 1);
    model->n_dims = 0;
    for (int32_t i = 0; i < model->graph->n_inputs; i++) {
        const qn_type *type = &model->graph->inputs[i].value->type;
        for (int32_t k = 0; k < type->rank; k++) {
            int32_t s = qn_dim_symbol_index(symbols, type->dims[k]);
            if (s < 0 || used[s])
                continue;
            used[s] = true;
            model->dims[model->n_dims].name = qn_symbol_name(symbols, s);
            model->dims[model->n_dims++].range = qn_dim_range_format(model->arena, qn_symbol_range(symbols, s));
        }
    }
    return QN_OK;
}

qn_status qn_model_describe(qn_context *ctx, qn_model *model) {
    QN_TRY(describe_ports(ctx, model, model->graph->inputs, model->graph->n_inputs, &model->inputs));
    QN_TRY(describe_ports(ctx, model, model->graph->outputs, model->graph->n_outputs, &model->outputs));
    return describe_dims(ctx, model);
}

int32_t qn_model_n_inputs(const qn_model *model) { return model->graph->n_inputs; }
int32_t qn_model_n_outputs(const qn_model *model) { return model->graph->n_outputs; }
qn_port_info qn_model_input(const qn_model *model, int32_t index) { return model->inputs[index]; }
qn_port_info qn_model_output(const qn_model *model, int32_t index) { return model->outputs[index]; }
int32_t qn_model_n_dims(const qn_model *model) { return model->n_dims; }
qn_dim_info qn_model_dim(const qn_model *model, int32_t index) { return model->dims[index]; }

static const char *const g_formats[] = {
    [QN_FORMAT_ONNX] = "onnx", [QN_FORMAT_QUERN] = "quern", [QN_FORMAT_SAFETENSORS] = "safetensors"};

qn_source_info qn_model_source(const qn_model *model) {
    const qn_provenance *p = &model->provenance;
    return (qn_source_info){.format = g_formats[model->format], .producer = p->producer,
                            .version = p->quern_version, .recipe = p->recipe, .licence = p->licence,
                            .n_sources = p->n_sources, .source_names = p->source_names,
                            .source_hashes = p->source_hashes, .file_bytes = model->file_bytes,
                            .expanded_bytes = p->expanded_bytes};
}

qn_status qn_model_check_target(qn_context *ctx, const qn_model *model, const char *path) {
    struct stat target, source;
    if (stat(path, &target) != 0)
        return QN_OK;
    for (int32_t i = 0; i < model->graph->n_sources; i++)
        if (stat(model->graph->sources[i], &source) == 0 && source.st_dev == target.st_dev && source.st_ino == target.st_ino)
            return qn_fail(ctx, QN_USAGE, "%s would replace a file of the source", path);
    return QN_OK;
}
