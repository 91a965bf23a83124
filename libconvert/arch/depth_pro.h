/* Depth Pro, in parts: its sizes (depth_pro_config.c), the encoders over patches and image (depth_pro_patches.c), the
 * field of view (depth_pro_fov.c), and what makes depth of them (depth_pro.c). Bochkovskii et al., Depth Pro, 2024.
 *
 *   image [B, C, S, S] ─► levels, the image at some ratios, cut into overlapping patches of P pixels a side
 *     patches, finest level first ─► patch encoder ─► stitched together again: a map for each level, and for each hook
 *                                                     (a layer whose raw state is read) one of the finest level
 *     coarsest level, P pixels a side ─► image encoder ─► one map;   ─► the encoder of the field of view
 */
#ifndef QN_ARCH_DEPTH_PRO_H
#define QN_ARCH_DEPTH_PRO_H

#include "arch/dinov2.h"

enum { QN_DEPTH_PRO_LEVELS = 8, QN_DEPTH_PRO_HOOKS = 8, QN_DEPTH_PRO_FEATURES = 1 + QN_DEPTH_PRO_LEVELS + QN_DEPTH_PRO_HOOKS };

/** The image at one ratio. */
typedef struct qn_depth_pro_level {
    int64_t size;      /**< pixels of a side */
    int64_t step;      /**< from patch to patch, in pixels */
    int64_t patches;   /**< along a side */
    int64_t crop;      /**< cells that a patch loses where it meets another */
    int64_t channels;
} qn_depth_pro_level;

/** A layer of the patch encoder whose state is read. */
typedef struct qn_depth_pro_hook {
    int64_t layer;     /**< counted from 0 */
    int64_t channels;
} qn_depth_pro_hook;

typedef struct qn_depth_pro {
    qn_dinov2 patch, image, fov;
    qn_depth_pro_level levels[QN_DEPTH_PRO_LEVELS];  /**< [n_levels], the coarsest first; that is one patch */
    qn_depth_pro_hook hooks[QN_DEPTH_PRO_HOOKS];     /**< [n_hooks], as they are fused */
    int32_t n_levels, n_hooks;
    int64_t window;           /**< P: pixels of a side that an encoder sees */
    int64_t size;             /**< S: pixels of the image's side */
    int64_t base;             /**< cells of the coarsest map's side */
    int64_t fusion;           /**< channels while fusing */
    bool residual_bias;       /**< of the convolutions of the residual units */
    bool use_fov;
    int64_t n_fov_layers;     /**< convolutions of stride 2 in the head of the field of view */
} qn_depth_pro;

/** Read a DepthProConfig. QN_MALFORMED, or QN_UNSUPPORTED for what is not built; both name the key. */
QN_MUST_USE qn_status qn_depth_pro_config(const qn_json *config, qn_depth_pro *out);

/** x [B, C, H, W] bilinearly to [B, C, size, size], align_corners=False; x itself when it is that. */
qn_value *qn_depth_pro_resize(qn_builder *b, qn_value *x, int64_t size);
/** Tokens [B, 1 + side side, hidden] of an image as a map [B, hidden, side, side]. */
qn_value *qn_depth_pro_map(qn_builder *b, qn_value *tokens, int64_t side, int64_t hidden);

/** Features of an image [B, C, S, S], in the order in which they are fused:
 *  [0] the image encoder's [B, image.hidden, base, base]; [1 + i] of level i [B, patch.hidden, base 2^i, base 2^i];
 *  [1 + n_levels + i] of hook i, as large as the finest level's. *small: the coarsest level, [B, C, P, P]. */
void qn_depth_pro_encode(qn_builder *b, const qn_depth_pro *m, qn_value *pixels, qn_value **features, qn_value **small);

/** Field of view [B], in degrees, of the coarsest level [B, C, P, P] and the lowest fused feature
 *  [B, fusion, 2 base, 2 base]. */
qn_value *qn_depth_pro_fov(qn_builder *b, const qn_depth_pro *m, qn_value *small, qn_value *lowest);

#endif
