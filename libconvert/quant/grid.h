/* The numbers that an encoding can store, element by element: what error compensation rounds to. */
#ifndef QN_QUANT_GRID_H
#define QN_QUANT_GRID_H

#include "quant/quant.h"

/** Scales and tables of a constant on its way, as numbers: an element is number(code) times the scale of its group. */
typedef struct qn_grid {
    const qn_const *c;        /**< AFFINE, or PALETTE of width 1; not sparse */
    const qn_code_type *type; /**< AFFINE */
    qn_groups groups;
    float *scales;            /**< [groups.n_groups], as they are stored; all 1 without scales */
    int32_t *zeros;           /**< [groups.n_groups]; all 0 when symmetric */
    float *super;             /**< of two-level scales, by super block; or NULL */
    bool integer;             /**< numbers are integers from least to most, less the zero point */
    int32_t least, most;
    int32_t count;            /**< else: numbers of a table */
    float *numbers;           /**< [tables][count], ascending */
    uint8_t codes[256];       /**< [count]: code of a number by its place in its table */
    int64_t table_inner, table_size, table_group; /**< the table of element e is e / inner % size / group */
} qn_grid;

/** Can c's elements be rounded one at a time, scales and tables given? NULL, or why not; static text. */
const char *qn_grid_fault(const qn_const *c);
/** The grid of c (qn_grid_fault is NULL) with the scales, zero points and tables in `part`, as qn_encode makes them; in `arena`. */
QN_MUST_USE qn_status qn_grid_make(qn_context *ctx, qn_arena *arena, const qn_const *c, const qn_bytes part[QN_MAX_PARTS],
                                   qn_grid *out);
static inline int64_t qn_grid_group(const qn_grid *g, int64_t e) { return qn_run_at(&g->groups, e, 1).group; }
/** The number, without the scale, whose product with `scale` is nearest to x for element e of `group`, and its code. */
float qn_grid_nearest(const qn_grid *g, int64_t e, int64_t group, float scale, float x, uint8_t *code);
/** What is nearest to `scale` of what `group` can store, its super scale unchanged; what it has when scale is not finite. */
float qn_grid_scale(const qn_grid *g, int64_t group, float scale);
/** The parts of c in `arena`: codes[numel], one a byte, and g's scales and zero points. part[] comes with what qn_grid_make had;
 *  tables and super scales stay. */
QN_MUST_USE qn_status qn_grid_store(qn_context *ctx, qn_arena *arena, const qn_grid *g, const uint8_t *codes,
                                    qn_bytes part[QN_MAX_PARTS]);

#endif
