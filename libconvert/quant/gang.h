/* Sixteen groups side by side, one a lane, for loops that do to all what one needs: no sum goes across lanes, so that results have
 * the same bits for every width of vectors. A group of many elements is a gang of its own, its elements dealt to the lanes in turn. */
#ifndef QN_QUANT_GANG_H
#define QN_QUANT_GANG_H

#include "quant/quant.h"

enum { QN_GANG = 16 };

/** The elements of a group: base + j stride1 + k stride2 for j < n1, k < n2, in that order. */
typedef struct qn_patch {
    int64_t base, n1, stride1, n2, stride2;
} qn_patch;
/** Of group `g` of a tensor of `numel` elements. */
qn_patch qn_patch_of(const qn_groups *groups, int64_t numel, int64_t g);

/** A tensor on its way to codes. */
typedef struct qn_gang_source {
    const float *x;
    int64_t numel;
    qn_groups groups;
    const float *importance; /**< by index e / inner % size of element e, the largest in (0.5, 1]; or NULL */
    int64_t inner, size;
    const uint8_t *mask;     /**< as of qn_encode_how */
} qn_gang_source;

typedef struct qn_gang {
    const float *x;    /**< [n][16]; zeros behind the end of a group, and where the mask has no bit */
    const float *w;    /**< [n][16] weights of squared errors, 0 there; NULL: all 1, zeros then count for nothing as they have
                            no error */
    int64_t n;
    bool joined;       /**< one group in all lanes */
    int64_t first;     /**< group of lane 0 */
    int n_groups;      /**< lanes used, or 1 */
    int64_t count[QN_GANG]; /**< elements of each lane's group; of all of them in count[0] when joined */
    int exponent[QN_GANG]; /**< x is the numbers times 2^-exponent: not 0 only where they are very large or very small */
    float *own_x, *own_w;  /**< room, [most n][16] */
    int8_t *codes;         /**< room for codes, [most n][16] */
    float *numbers;        /**< room for a group, [most n][16] */
} qn_gang;

/** Most elements of a lane, and groups in a gang: 1 when groups are dealt out. */
int64_t qn_gang_most(const qn_gang_source *source);
int64_t qn_gang_groups(const qn_gang_source *source);
/** Fill gang, whose rooms are there, with the groups from `first` on. */
void qn_gang_load(const qn_gang_source *source, int64_t first, qn_gang *gang);
/** gang->codes to the places of their elements in codes[numel]. */
void qn_gang_unload(const qn_gang_source *source, const qn_gang *gang, int8_t *codes);

#endif
