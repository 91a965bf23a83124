/* Buffers that are used again. */
#include "quant/slab.h"

#include <stdlib.h>

#include "base/checked.h"

void *qn_slab_take(qn_slab *slab, int which, size_t count, size_t size) {
    size_t n;
    if (!qn_mul_size(count, size, &n) || !qn_add_size(n, 1, &n))
        return NULL;
    if (n > slab->n_bytes[which]) {
        free(slab->data[which]);
        slab->data[which] = malloc(n);
        slab->n_bytes[which] = slab->data[which] ? n : 0;
    }
    return slab->data[which];
}

void qn_slab_free(qn_slab *slab) {
    for (int i = 0; i < QN_SLAB_BUFFERS; i++)
        free(slab->data[i]);
    *slab = (qn_slab){0};
}
