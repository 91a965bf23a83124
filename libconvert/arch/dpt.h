/* DPT, the decoder of the depth models: token states of four layers become maps of four sizes, which are fused from the
 * coarsest to the finest. Ranftl et al., Vision Transformers for Dense Prediction, 2021.
 *
 *   states of layers  ─► reassemble ─► maps 0..3: 4, 2, 1 and 1/2 times the patches' grid
 *   map 3 ─► fuse ─► + map 2 ─► fuse ─► + map 1 ─► fuse ─► + map 0 ─► fuse ─► [B, fusion, 8 h, 8 w]
 */
#ifndef QN_ARCH_DPT_H
#define QN_ARCH_DPT_H

#include "arch/layers.h"

enum { QN_DPT_LEVELS = 4 };

/** What a release calls the parts. */
typedef struct qn_dpt_names {
    const char *project[QN_DPT_LEVELS], *resize[QN_DPT_LEVELS], *conv[QN_DPT_LEVELS];
    const char *fuse[QN_DPT_LEVELS];   /**< in the order in which they run, the coarsest first */
    /* of a fusion */
    const char *lateral, *body, *conv1, *conv2, *out;
} qn_dpt_names;
/** Hugging Face's, and the original's. */
extern const qn_dpt_names qn_dpt_hugging_face, qn_dpt_original;

typedef struct qn_dpt {
    const qn_dpt_names *names;
    const char *prefix;                /**< of every name: "neck." */
    int64_t hidden;                    /**< channels of the states */
    int64_t channels[QN_DPT_LEVELS];   /**< of the maps */
    double factors[QN_DPT_LEVELS];     /**< of the maps' sizes to the grid: whole numbers, or 1 over one */
    int64_t fusion;                    /**< channels while fusing */
} qn_dpt;

/** A name of the decoder: prefix and `part`. */
const char *qn_dpt_name(qn_builder *b, const qn_dpt *d, const char *part);
/** A map of the grid [B, hidden, h, w] projected and resized, before `conv`: [B, channels[level], h', w']. `between` (or
 *  NULL) is applied to what the projection gives. */
qn_value *qn_dpt_reassemble(qn_builder *b, const qn_dpt *d, int level, qn_value *map,
                            qn_value *(*between)(void *user, qn_value *map), void *user);
/** `conv` of a level, to the channels of fusion. */
qn_value *qn_dpt_conv(qn_builder *b, const qn_dpt *d, int level, qn_value *map);

/** x + conv2(relu(conv1(relu(x)))) for x [B, channels, H, W]; `module` holds conv1 and conv2; `bias`: of both. */
qn_value *qn_dpt_residual(qn_builder *b, const qn_dpt_names *names, const char *module, qn_value *x, int64_t channels,
                          bool bias);
/** Fuse x [B, fusion, H, W] (and the next finer map, or NULL) and resize to sizes, int64 [2] (NULL: twice as large).
 *  `module` holds the parts. */
qn_value *qn_dpt_fuse(qn_builder *b, const qn_dpt *d, const char *module, qn_value *x, qn_value *lateral, qn_value *sizes);
/** All fusions over maps[level] [B, fusion, ...], named by names->fuse with `suffix` behind; out[k] (or NULL) receives what
 *  fusion k makes. The last of them. */
qn_value *qn_dpt_fuse_all(qn_builder *b, const qn_dpt *d, const char *suffix, qn_value *const *maps, qn_value **out);

#endif
