/* What each instruction set gives the driver of gemm/gemm.c. */
#ifndef QN_KERNELS_GEMM_GEMM_ISA_H
#define QN_KERNELS_GEMM_GEMM_ISA_H

#include "kernels/gemm/gemm.h"

/** tile[i][j] (+)= sum over k < kn of a[k][i] b[k][j], for a panel a[kn][MR], a panel b[kn][NR], tile[MR][NR].
 *  `add`: the tile's numbers are the start of the sums. */
typedef void (*qn_micro_fn)(int64_t kn, const float *a, const float *b, float *tile, bool add);

enum { QN_GEMM_MAX_MR = 14, QN_GEMM_MAX_NV = 2 };

typedef struct qn_gemm_isa {
    int mr, nr, nv;                                            /**< rows and columns of a tile; nr is nv vectors */
    qn_micro_fn micro[QN_GEMM_MAX_MR + 1][QN_GEMM_MAX_NV + 1]; /**< [rows][vectors], both >= 1: tiles with fewer rows or
                                                                   vectors (strides stay MR and NR) */
    qn_pack_fn pack;
    /** Finish rows < mr and columns < nr of a tile whose element (0, 0) is C's (i, j). */
    void (*finish)(const qn_gemm_out *c, const float *tile, int64_t i, int64_t j, int mr, int64_t nr);
} qn_gemm_isa;

extern const qn_gemm_isa qn_gemm_isa_scalar, qn_gemm_isa_avx2, qn_gemm_isa_avx512;
/** The best that the context allows. */
const qn_gemm_isa *qn_gemm_isa_of(const qn_context *ctx);

#endif
