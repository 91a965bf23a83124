#include "base/context.h"
#include "base/pool.h"
#include "kernels/gemm/gemm.h"
#include "kernels/ref/real.h"
#include "kernels/resample/resample.h"

enum { PIECE = 32 << 10 };

bool qn_resample_accepts_global_pool(const qn_kernel_args *args) {
    return qn_is_real(args->in[0].dtype) && qn_is_real(args->out[0].dtype) && args->in[0].rank >= 2;
}

static qn_status run(const qn_kernel_args *args, bool max) {
    qn_global_pool p = {.x = &args->in[0], .y = &args->out[0], .size = 1, .max = max};
    for (int32_t i = 2; i < p.x->rank; i++)
        p.size *= p.x->dims[i];
    qn_parallel_for(args->ctx, qn_ref_numel(p.y), 1 + PIECE / (p.size + 1), QN_ISA_PICK(args->ctx, qn_global_pool), &p);
    return QN_OK;
}

qn_status qn_resample_global_average_pool(const qn_kernel_args *args) { return run(args, false); }
qn_status qn_resample_global_max_pool(const qn_kernel_args *args) { return run(args, true); }
