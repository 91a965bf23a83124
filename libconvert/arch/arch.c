#include "arch/arch.h"

#include <string.h>

#include "base/path.h"

static const qn_arch g_archs[] = {
#define QN_ARCH(NAME, CONFIG, EXAMPLE) {#NAME, CONFIG, EXAMPLE, qn_arch_##NAME##_takes, qn_arch_##NAME##_build},
#include "archs.def"
#undef QN_ARCH
};
enum { N_ARCHS = sizeof g_archs / sizeof g_archs[0] };

const qn_arch *qn_archs(int32_t *n) {
    *n = N_ARCHS;
    return g_archs;
}

bool qn_arch_has_type(const qn_checkpoint *source, const char *model_type) {
    const char *type = json_string_value(json_object_get(source->config.value, "model_type"));
    return type && strcmp(type, model_type) == 0;
}

/* What is known of a checkpoint that no row takes. */
static qn_status refuse(qn_context *ctx, const qn_checkpoint *source) {
    const char *type = json_string_value(json_object_get(source->config.value, "model_type"));
    qn_buf known = QN_BUF_INIT;
    for (int i = 0; i < N_ARCHS; i++)
        qn_buf_printf(&known, "%s%s", i ? ", " : "", g_archs[i].name);
    qn_status status = qn_buf_check(ctx, &known);
    if (status == QN_OK && !source->config.value)
        status = qn_fail(ctx, QN_UNSUPPORTED, "%s: no config.json beside the tensors, and their names are of no known release; "
                         "there are: %s", source->path, known.data);
    else if (status == QN_OK)
        status = qn_fail(ctx, QN_UNSUPPORTED, "%s: model_type '%.60s' is no architecture of this version; there are: %s",
                         source->config.file, type ? type : "", known.data);
    qn_buf_free(&known);
    return status;
}

static qn_status add_sources(qn_context *ctx, qn_graph *graph, const qn_checkpoint *source) {
    if (source->config.value)
        QN_TRY(qn_graph_add_source(ctx, graph, source->config.file));
    for (int32_t i = 0; i < source->n_files; i++)
        QN_TRY(qn_graph_add_source(ctx, graph, source->files[i].path));
    return QN_OK;
}

static qn_status build(qn_context *ctx, qn_graph *graph, const qn_checkpoint *source, qn_arch_info *info) {
    const qn_arch *arch = NULL;
    qn_builder b;
    for (int i = 0; i < N_ARCHS && !arch; i++)
        if (g_archs[i].takes(source))
            arch = &g_archs[i];
    if (!arch)
        return refuse(ctx, source);
    info->name = arch->name;
    QN_TRY(add_sources(ctx, graph, source));
    QN_TRY(qn_builder_start(ctx, graph, source, &b));
    arch->build(&b);
    return qn_builder_finish(&b, &info->dropped, &info->n_dropped);
}

static void close_checkpoint(void *source) { qn_checkpoint_close(source); }

/* A graph that keeps the checkpoint. */
static qn_status start_graph(qn_context *ctx, qn_checkpoint *source, qn_graph **out) {
    qn_status status = qn_graph_create(ctx, qn_path_name(source->path), out);
    if (status == QN_OK)
        status = qn_graph_keep(ctx, *out, source, close_checkpoint);
    if (status != QN_OK) {
        qn_graph_destroy(*out);
        *out = NULL;
        qn_checkpoint_close(source);
    }
    return status;
}

qn_status qn_arch_read(qn_context *ctx, const char *path, qn_graph **out, qn_arch_info *info) {
    qn_checkpoint *source;
    qn_graph *graph = NULL;
    *out = NULL;
    *info = (qn_arch_info){0};
    QN_TRY(qn_checkpoint_open(ctx, path, &source));
    QN_TRY(start_graph(ctx, source, &graph));
    const qn_status status = build(ctx, graph, source, info);
    if (status != QN_OK) {
        qn_graph_destroy(graph);
        return status;
    }
    *out = graph;
    return QN_OK;
}
