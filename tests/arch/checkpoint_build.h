/* Checkpoints of seeded numbers, written as safetensors files with a config.json. The test fails where a call cannot do its
 * work. */
#ifndef QN_TESTS_ARCH_CHECKPOINT_BUILD_H
#define QN_TESTS_ARCH_CHECKPOINT_BUILD_H

#include "base/arena.h"

typedef struct ckpt_tensor {
    const char *name;
    int32_t rank;
    int64_t dims[QN_MAX_RANK];
    int64_t n;       /* elements */
    float *data;
} ckpt_tensor;

typedef struct ckpt {
    qn_arena *arena;
    ckpt_tensor *tensors;
    int32_t n, cap;
    uint64_t state;  /* of the numbers to come */
} ckpt;

ckpt ckpt_begin(uint64_t seed);
void ckpt_end(ckpt *c);

/** A tensor of mean + spread * (normal numbers); its data may be written over. */
ckpt_tensor *ckpt_add(ckpt *c, const char *name, double mean, double spread, const int64_t *dims, int32_t rank);
/** A module of PyTorch: PREFIX.weight of `dims`, spread so that sums over what it is multiplied with keep their size, and
 *  PREFIX.bias of dims[0]. */
void ckpt_add_module(ckpt *c, const char *prefix, bool bias, const int64_t *dims, int32_t rank);
/** PREFIX.weight and PREFIX.bias of a norm over n elements. */
void ckpt_add_norm(ckpt *c, const char *prefix, int64_t n);
/** NULL when there is none. */
ckpt_tensor *ckpt_find(const ckpt *c, const char *name);
void ckpt_remove(ckpt *c, const char *name);

/** How a checkpoint differs from the usual one of its kind; NULL: not. */
typedef struct ckpt_change {
    const char *without;   /* tensors that are not there: a pattern (base/glob.h) */
    const char *zero;      /* tensors whose elements are 0: a pattern */
    const char *longer;    /* the tensor whose first dimension is one longer */
    const char *reversed;  /* the tensor whose dimensions are in reverse */
    const char *surplus;   /* one more tensor, [2] */
} ckpt_change;
/** `change` may be NULL. */
void ckpt_apply(ckpt *c, const ckpt_change *change);

/** How a checkpoint is stored. */
typedef struct ckpt_storage {
    qn_dtype dtype;        /* QN_F32, QN_F16, QN_BF16, QN_F64 or QN_I32; QN_NONE: QN_F32 */
    const char *metadata;  /* of __metadata__, "{...}", or NULL */
    int pad;               /* blanks behind the header, over a multiple of 8 */
} ckpt_storage;
/** Write FOLDER/model.safetensors; `storage` may be NULL. */
void ckpt_write(const ckpt *c, const char *folder, const ckpt_storage *storage);
/** The same in n shards with an index; tensor i is in shard i % n. */
void ckpt_write_shards(const ckpt *c, const char *folder, int n);
/** Write the folder NAME of this run, config.json and model.safetensors in it; its path is in path[256]. */
void ckpt_write_folder(const ckpt *c, const char *name, const char *config, const ckpt_storage *storage, char *path);

/** A config.json with `key` of `section` ("backbone_config", or NULL: the top) set to the JSON text `value` (NULL: taken
 *  out). free() it. */
char *ckpt_config_with(const char *config, const char *section, const char *key, const char *value);

#endif
