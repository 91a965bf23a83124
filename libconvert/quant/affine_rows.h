/* Affine codes of groups that are contiguous: rows of `size` numbers in blocks (the last of a row may be short). For each instruction
 * set; all have the same bits. */
#ifndef QN_QUANT_AFFINE_ROWS_H
#define QN_QUANT_AFFINE_ROWS_H

#include "quant/quant.h"

typedef struct qn_affine_rows {
    const float *x;           /**< [rows][size] */
    int64_t rows, size, block;
    float *least, *largest;   /**< [groups] of each block, 0 among them */
    float min, max;           /**< codes */
    const float *scales, *zeros; /**< [groups]; as stored; zeros NULL: 0 */
    int8_t *codes;            /**< [rows][size] low bytes */
    double signal, noise;     /**< sum x^2 and sum (x - stored)^2, added to */
} qn_affine_rows;

/** least and largest. False when a number is not finite. */
bool qn_affine_rows_range_scalar(const qn_affine_rows *r);
bool qn_affine_rows_range_neon(const qn_affine_rows *r);
bool qn_affine_rows_range_avx2(const qn_affine_rows *r);
bool qn_affine_rows_range_avx512(const qn_affine_rows *r);

/** codes = clamp(rne(x / scale) + zero) to min .. max, those of a scale of 0 the zero point; signal and noise. */
void qn_affine_rows_codes_scalar(qn_affine_rows *r);
void qn_affine_rows_codes_neon(qn_affine_rows *r);
void qn_affine_rows_codes_avx2(qn_affine_rows *r);
void qn_affine_rows_codes_avx512(qn_affine_rows *r);

#endif
