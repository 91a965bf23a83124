/* Identity: the elements as they are. Flatten, Reshape, Squeeze, Unsqueeze: the same elements under another shape. */
#include "kernels/kernel.h"

#include <string.h>

static qn_status same_elements(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *y = &args->out[0];
    if (x->n_bytes != y->n_bytes || x->dtype != y->dtype)
        return qn_kernel_fail(args, QN_MALFORMED, "%zu bytes do not fit a shape of %zu", x->n_bytes, y->n_bytes);
    if (y->n_bytes && y->data != x->data)
        memcpy(y->data, x->data, y->n_bytes);
    return QN_OK;
}

qn_status qn_ref_Identity(const qn_kernel_args *args) { return same_elements(args); }
qn_status qn_ref_Flatten(const qn_kernel_args *args) { return same_elements(args); }
qn_status qn_ref_Reshape(const qn_kernel_args *args) { return same_elements(args); }
qn_status qn_ref_Squeeze(const qn_kernel_args *args) { return same_elements(args); }
qn_status qn_ref_Unsqueeze(const qn_kernel_args *args) { return same_elements(args); }
