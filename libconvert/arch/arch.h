/* Checkpoints to graphs: which architecture a checkpoint is of, and the graph that it stands for. */
#ifndef QN_ARCH_ARCH_H
#define QN_ARCH_ARCH_H

#include "arch/builder.h"

/** What was read beside the graph. Strings are in the graph's arena. */
typedef struct qn_arch_info {
    const char *name;           /**< "depth_anything_v2" */
    const qn_dropped *dropped;  /**< [n_dropped]: tensors that the model has and its graph does not need */
    int32_t n_dropped;
} qn_arch_info;

/** Build the graph of the checkpoint at `path` (read/checkpoint.h says what that may be). Weights stay in the mapped files,
 *  which the graph keeps. Types are inferred, origins are the names of modules. QN_UNSUPPORTED names an architecture that
 *  has no row in schemas/archs.def; QN_MALFORMED lists tensors that are missing, misshapen or surplus. */
QN_MUST_USE qn_status qn_arch_read(qn_context *ctx, const char *path, qn_graph **out, qn_arch_info *info);

/** A row of schemas/archs.def. */
typedef struct qn_arch {
    const char *name, *config, *example;
    /** Whether the checkpoint is of this architecture. */
    bool (*takes)(const qn_checkpoint *source);
    /** Build its graph; failures go to the builder. */
    void (*build)(qn_builder *b);
} qn_arch;
const qn_arch *qn_archs(int32_t *n);

#define QN_ARCH(NAME, CONFIG, EXAMPLE)                          \
    bool qn_arch_##NAME##_takes(const qn_checkpoint *source); \
    void qn_arch_##NAME##_build(qn_builder *b);
#include "archs.def"
#undef QN_ARCH

/** True when config.json's model_type is that. */
bool qn_arch_has_type(const qn_checkpoint *source, const char *model_type);

#endif
