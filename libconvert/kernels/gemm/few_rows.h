/* Products with few rows over a B whose columns lie one after the other in memory (k_stride 1, as a Linear's weight
 * with trans_w): B is read once, where it lies, each column a run of memory. Every element is a dot product in lanes.
 */
#ifndef QN_KERNELS_GEMM_FEW_ROWS_H
#define QN_KERNELS_GEMM_FEW_ROWS_H

#include "kernels/gemm/gemm_isa.h"

/** Rows up to which reading B costs more than the rows' arithmetic: beyond, packing B pays. */
enum { QN_FEW_ROWS = 24 };

typedef struct qn_few_rows {
    const qn_gemm *g; /**< m in 1..QN_FEW_ROWS */
    char *a; /**< groups of half as many rows as a vector has units: [group][step][row][one vector], zeros where
                  rows or depth end */
    int64_t row_bytes; /**< of a row, its vectors counted: a multiple of the vector */
    char *rows;        /**< for each row row_bytes + 64 of room while it is packed */
    qn_side a_side;    /**< INT8: [m] */
} qn_few_rows;

/** Can `g` (one product) run so? B is dense of a real dtype, or symmetric codes with a scale for each column or one. */
bool qn_few_rows_fits(const qn_gemm *g);
QN_MUST_USE qn_status qn_few_rows_run(qn_context *ctx, const qn_gemm *g);

#endif
