/* What each arithmetic and instruction set gives the driver of gemm/gemm.c: one table a pair. */
#ifndef QN_KERNELS_GEMM_GEMM_ISA_H
#define QN_KERNELS_GEMM_GEMM_ISA_H

#include "kernels/gemm/gemm.h"

/** tile[i][j] (+)= sum over u < un of a[u][i] · b[u][j] (a unit's product, see gemm.h), for a panel a[un][a_width], a
 *  panel b[un][NR], tile[rows][NR] of float32 (INT8: int32). `add`: the tile's numbers are the start of the sums. */
typedef void (*qn_micro_fn)(int64_t un, const void *a, int64_t a_width, const void *b, void *tile, bool add);

/** INT8: what belongs to the x of a panel beside its units, each [width]. The sum of products of an element (m, n) is
 *  (tile - A.offset[m] * B.offset[n]) * A.scale[m] * B.scale[n]: an unsigned operand's offset is its zero point, a
 *  signed one's the sum of its codes over k. */
typedef struct qn_side {
    float *scale;
    int32_t *offset;
} qn_side;

/** Pack x0..x0+xn, k0..k0+kn of an operand (kn a multiple of the unit, except at the end of k_all) as units
 *  dst[ceil(kn / unit)][width]; what is not there is 0. INT8: fills `side` too (scales when k0 is 0; sums go on from
 *  one call to the next). */
typedef void (*qn_pack_units_fn)(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int64_t k_all,
                                 int width, void *dst, const qn_side *side);

enum { QN_GEMM_MAX_MR = 14, QN_GEMM_MAX_NV = 2, QN_GEMM_MAX_WIDTH = 32 }; /* the last: of a panel of either operand */

typedef struct qn_gemm_isa {
    int mr, nr, nv; /**< most rows and the columns of a tile; nr is nv vectors */
    int unit;       /**< elements of k in a unit */
    /** [rows][vectors], both >= 1: tiles with fewer rows or vectors (the tile's stride stays NR). */
    qn_micro_fn micro[QN_GEMM_MAX_MR + 1][QN_GEMM_MAX_NV + 1];
    /** INT8 where A is signed and B unsigned; else NULL. */
    qn_micro_fn turned[QN_GEMM_MAX_MR + 1][QN_GEMM_MAX_NV + 1];
    qn_pack_fn pack; /**< panels of float32 */
    qn_pack_units_fn pack_units;
    /** Finish rows < mr and columns < nr of a tile whose element (0, 0) is C's (i, j). INT8 reads the sides. */
    void (*finish)(const qn_gemm_out *c, void *tile, int64_t i, int64_t j, int mr, int64_t nr, const qn_side *a,
                   const qn_side *b);
    /** A qn_pool_fn over groups of NR columns; its argument is a qn_few_rows. */
    void (*few_rows)(void *few, int64_t begin, int64_t end, int worker);
} qn_gemm_isa;

extern const qn_gemm_isa qn_gemm_isa_scalar, qn_gemm_isa_neon, qn_gemm_isa_avx2, qn_gemm_isa_avx512;
extern const qn_gemm_isa qn_gemm_bf16_avx512bf16;
extern const qn_gemm_isa qn_gemm_int8_avx2, qn_gemm_int8_avx512, qn_gemm_int8_avx512vnni;
/** The best of F32 that the context allows. */
const qn_gemm_isa *qn_gemm_isa_of(const qn_context *ctx);
/** The best of an arithmetic; NULL when the machine has none. */
const qn_gemm_isa *qn_gemm_isa_for(const qn_context *ctx, qn_arith arith);

#endif
