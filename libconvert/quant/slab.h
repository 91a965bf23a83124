/* Buffers that grow and are used again: scratch memory of a worker that does the same many times. */
#ifndef QN_QUANT_SLAB_H
#define QN_QUANT_SLAB_H

#include <stddef.h>

enum { QN_SLAB_BUFFERS = 32 };

/** Zero it before the first use; a thread at a time. */
typedef struct qn_slab {
    void *data[QN_SLAB_BUFFERS];
    size_t n_bytes[QN_SLAB_BUFFERS];
} qn_slab;

/** Buffer `which` with room for count * size bytes, contents unspecified; what it held before is gone when it grows. NULL
 *  when out of memory. */
void *qn_slab_take(qn_slab *slab, int which, size_t count, size_t size);
void qn_slab_free(qn_slab *slab);

#endif
