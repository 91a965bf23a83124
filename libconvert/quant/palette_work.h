/* What the files of palettes share: a tensor on its way to a palette. */
#ifndef QN_QUANT_PALETTE_WORK_H
#define QN_QUANT_PALETTE_WORK_H

#include "ir/groups.h"
#include "quant/kmeans.h"
#include "quant/quant.h"

typedef struct qn_palette {
    qn_context *ctx;
    qn_arena *arena;
    const qn_const *c;
    const qn_encode_how *how;
    int64_t n;           /**< elements */
    const float *x;      /**< [n] */
    float *y;            /**< [n] x over its scale; x itself without scales */
    float *weight;       /**< [n] of squared errors in y, or NULL: 1 */
    int64_t importance_size, importance_inner; /**< element e has importance e / inner % size */
    int width, entries;
    int64_t n_tables, n_groups; /**< n_groups 0: no scales */
    qn_groups groups;
    float *lut;          /**< [n_tables][entries][width] as stored; scalar tables ascend */
    bool rounded;        /**< a table has other numbers than were asked for, by its type */
    float *scales;       /**< [n_groups] as stored */
    uint8_t *index;      /**< [ceil(n / width)] */
    qn_kmeans *kmeans;   /**< scratch memory */
} qn_palette;

/** The elements that a table serves: n_runs runs of `length` elements, `stride` apart. */
typedef struct qn_served {
    int64_t first, stride, n_runs, length;
} qn_served;
qn_served qn_palette_served(const qn_palette *p, int64_t table);

/** Weight of the squared error of element e, without scales. */
float qn_palette_weight(const qn_palette *p, int64_t e);

/** table[entries * width] of what table `t` serves, by how->scheme.table: palette_table.c. */
QN_MUST_USE qn_status qn_palette_table(qn_palette *p, int64_t t, float *table);
/** index[] of all: the nearest entries of the tables. */
void qn_palette_choose(qn_palette *p);
/** index[n / width]: the nearest entries of a table as stored to v[n], n a multiple of the width; of equally near ones the first. */
void qn_palette_nearest(const qn_palette *p, const float *table, const float *v, int64_t n, uint8_t *index);

/** scales[] to begin with, and after a turn: palette_scales.c. */
QN_MUST_USE qn_status qn_palette_first_scales(qn_palette *p);
QN_MUST_USE qn_status qn_palette_refine_scales(qn_palette *p);

#endif
