/* Depth Anything 3 in parts: what its files share. depth_anything_3.c says what the model is.
 *
 * B is the batch, N the views of one scene, V = B N all views, h and w the patches of a view, T = 1 + h w its tokens, D the
 * width of the encoder.
 */
#ifndef QN_ARCH_DEPTH_ANYTHING_3_H
#define QN_ARCH_DEPTH_ANYTHING_3_H

#include "arch/dinov2.h"
#include "arch/dpt.h"

typedef struct qn_da3 {
    qn_dinov2 encoder;
    qn_dpt dpt;
    int64_t taps[QN_DPT_LEVELS];  /**< layers whose states the head reads, counted from 0; they ascend */
    int64_t start;                /**< first layer with rotary positions, from where odd layers see all views; -1: monocular */
} qn_da3;

/** The input and what is known of it. */
typedef struct qn_da3_scene {
    qn_value *image;    /**< [B, N, 3, H, W] */
    qn_value *pixels;   /**< [V, 3, H, W] */
    qn_value *batch, *views, *all;  /**< int64 [1]: B, N, V */
    qn_value *size;     /**< int64 [2]: H, W */
    qn_value *grid;     /**< int64 [2]: h, w */
} qn_da3_scene;

/** Frequencies of positions, 100^(-i / n) for i = 0 .. n - 1: float32 [n]. */
qn_value *qn_da3_frequencies(qn_builder *b, int64_t n);

/** The encoder: features[i] [V, h w, 2 D] of each tap, and *camera [V, 1, 2 D], the first token of the last one. Of a
 *  monocular model features are [V, h w, D], and *camera is NULL. */
void qn_da3_encode(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value **features, qn_value **camera);

/** An order of views: int64 [V], for Gather on the first axis of [V, ...], and the order that undoes it. */
typedef struct qn_da3_order {
    qn_value *there, *back;
} qn_da3_order;
/** The reference view first, the others as they were; with one or two views all as they were. Chosen from the states x
 *  [V, T, D]. */
qn_da3_order qn_da3_reference_view(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *x);

/** The head, to outputs: depth, depth_conf, ray and ray_conf; of a monocular model depth and sky. */
void qn_da3_decode(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *const *features);
/** The camera decoder, to outputs: pose_enc, extrinsics, intrinsics. */
void qn_da3_cameras(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *camera);

#endif
