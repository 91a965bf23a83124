/* What the search for scales does with all elements of a gang, for each instruction set; all have the same bits. */
#ifndef QN_QUANT_AFFINE_KERNELS_H
#define QN_QUANT_AFFINE_KERNELS_H

#include "quant/gang.h"

/** The numbers q that x / scale may become, less the zero point, in each lane: the integers, or those of a floating point type,
 *  of lo .. hi. */
typedef struct qn_affine_grid {
    bool is_integer;
    float lo[QN_GANG], hi[QN_GANG];
    float step, least; /**< floating point: 1.5 * 2^(23 - mantissa), the least power of two that is a normal number */
} qn_affine_grid;

/** Sums in double, in parts of 256 in float32. */
typedef struct qn_affine_kernels {
    /** least and largest number (and 0), sum w x^2, sum w x, sum w */
    void (*moments)(const qn_gang *gang, float *lo, float *hi, double *wxx, double *wx, double *w);
    /** sum w x q and sum w q^2 with q = nearest of the grid to x * inverse */
    void (*score)(const qn_gang *gang, const qn_affine_grid *grid, const float *inverse, double *wxq, double *wqq);
    /** sum w (x - q scale)^2 with q = nearest to x / scale */
    void (*error)(const qn_gang *gang, const qn_affine_grid *grid, const float *scale, double *wdd);
    /** gang->numbers = that q */
    void (*numbers)(const qn_gang *gang, const qn_affine_grid *grid, const float *scale);
} qn_affine_kernels;

extern const qn_affine_kernels qn_affine_kernels_scalar, qn_affine_kernels_neon, qn_affine_kernels_avx2, qn_affine_kernels_avx512;

#endif
