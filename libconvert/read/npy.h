/* NumPy's .npy and .npz: arrays in, arrays out. */
#ifndef QN_READ_NPY_H
#define QN_READ_NPY_H

#include "base/arena.h"

typedef struct qn_npz_entry {
    const char *name; /**< without ".npy" */
    qn_tensor tensor;
} qn_npz_entry;

/** Read one array; data in the arena, C order (Fortran order is turned), native byte order. Versions 1 to 3. */
QN_MUST_USE qn_status qn_npy_read(qn_context *ctx, qn_arena *arena, const char *path, qn_tensor *out);
/** Parse the bytes of an .npy; `name` for messages. */
QN_MUST_USE qn_status qn_npy_parse(qn_context *ctx, qn_arena *arena, const char *name, const void *data, size_t n_bytes,
                                   qn_tensor *out);
/** All arrays of an .npz (stored or deflated), in archive order. Those whose name begins with `skip_prefix`
 *  (or NULL) are left out unread. */
QN_MUST_USE qn_status qn_npz_read(qn_context *ctx, qn_arena *arena, const char *path, const char *skip_prefix,
                                  qn_npz_entry **out, int32_t *n);
/** Write version 1.0. bfloat16 is written as float32. The file appears whole or not at all. */
QN_MUST_USE qn_status qn_npy_write(qn_context *ctx, const char *path, const qn_tensor *tensor);

#endif
