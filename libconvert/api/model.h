/* What a model holds, for the files of this folder. */
#ifndef QN_API_MODEL_H
#define QN_API_MODEL_H

#include "arch/arch.h"
#include "package/package.h"

typedef enum qn_model_format { QN_FORMAT_ONNX, QN_FORMAT_QUERN, QN_FORMAT_SAFETENSORS } qn_model_format;

struct qn_model {
    qn_graph *graph;
    qn_arena *arena;             /* of everything below; reset by nobody */
    char *path;
    qn_model_format format;
    const qn_convert_dropped *dropped;   /* [n_dropped] tensors of a checkpoint that its graph does not need; the graph's */
    int32_t n_dropped;
    qn_provenance provenance;
    uint64_t file_bytes;
    /* caches of the public getters */
    qn_port_info *inputs, *outputs;
    qn_dim_info *dims;
    int32_t n_dims;
};

/** (Re)make the caches of the getters after the graph changed. */
QN_MUST_USE qn_status qn_model_describe(qn_context *ctx, qn_model *model);

/** Names of the source's files in *p, to be hashed while the weights are written; a package that is converted again keeps what it has. */
QN_MUST_USE qn_status qn_model_record_sources(qn_context *ctx, qn_model *model, qn_provenance *p);

/** QN_USAGE when `path` is a file that the model is read from: weights would be lost to a package that takes its place. */
QN_MUST_USE qn_status qn_model_check_target(qn_context *ctx, const qn_model *model, const char *path);

/** As qn_model_picture_input, of a graph. */
QN_MUST_USE qn_status qn_graph_picture_input(qn_context *ctx, const qn_graph *graph, const qn_picture *const *pictures,
                                             int32_t n, int32_t *index, qn_tensor *out);

/** "float16", "int8 per channel": how a constant is stored. In the arena. */
const char *qn_const_storage(qn_arena *arena, const qn_const *c);

/** Each constant that a node or an output of the graph or its subgraphs reads, once, in graph order. */
QN_MUST_USE qn_status qn_graph_constants(qn_context *ctx, qn_arena *arena, const qn_graph *graph,
                                         const qn_value ***out, int32_t *n);

#endif
