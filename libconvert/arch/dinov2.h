/* DINOv2: the vision transformer that Depth Anything and Depth Pro see with.
 *
 *   pixels [B, 3, H, W] ─► tokens [B, 1 + h w, D], with h = H / patch, w = W / patch; the first is the class token
 *                       ─► layer ─► layer ─► ... each:  x += scale1 * attention(norm1(x));  x += scale2 * mlp(norm2(x))
 *
 * Oquab et al., DINOv2, 2023. The table of positions is resized bicubically to [h, w]: with these sizes, as Hugging Face's
 * Dinov2Embeddings does, or with an offset, as the original does.
 */
#ifndef QN_ARCH_DINOV2_H
#define QN_ARCH_DINOV2_H

#include "arch/layers.h"

/** What a release calls the parts; %d is the layer. */
typedef struct qn_dinov2_names {
    const char *cls_token, *mask_token, *positions, *patches, *layer, *norm;
    /* of a layer */
    const char *norm1, *query, *key, *value, *qkv, *projection, *scale1, *norm2, *fc1, *fc2, *scale2;
} qn_dinov2_names;
/** Hugging Face's, with query, key and value; the original's, with qkv. */
extern const qn_dinov2_names qn_dinov2_hugging_face, qn_dinov2_original;

typedef struct qn_dinov2 {
    const qn_dinov2_names *names;
    const char *prefix;      /**< of every name: "backbone." */
    int64_t hidden, heads, layers, mlp;
    int64_t channels, patch;
    int64_t side;            /**< of the table of positions, in patches */
    double epsilon;          /**< of the norms */
    bool qkv_bias;
    double offset;           /**< positions are sampled in steps of side / (h + offset): 0, or 0.1 of the original; a grid of
                              *   exactly side x side takes the table as it is */
    bool fixed_size;         /**< images are exactly side * patch on each side: the table is used as it is */
} qn_dinov2;

/** Read a Dinov2Config. QN_MALFORMED, or QN_UNSUPPORTED for what the layers here do not do; both name the key. names,
 *  prefix, offset and fixed_size are the caller's. */
QN_MUST_USE qn_status qn_dinov2_config(const qn_json *config, qn_dinov2 *out);

/** A name of the model: prefix and `part`. */
const char *qn_dinov2_name(qn_builder *b, const qn_dinov2 *d, const char *part);
/** Tokens of pixels [B, channels, H, W]: [B, 1 + h w, hidden]. */
qn_value *qn_dinov2_embed(qn_builder *b, const qn_dinov2 *d, qn_value *pixels);
/** One layer over x [B, N, hidden]. */
qn_value *qn_dinov2_layer(qn_builder *b, const qn_dinov2 *d, int64_t index, qn_value *x);
/** The same with another attention: `attend` gives what is to be scaled and added, [B, N, hidden], for the normed x; `layer`
 *  is the name of the layer, which the names of its parts follow after a dot. */
typedef qn_value *(*qn_dinov2_attend)(qn_builder *b, const qn_dinov2 *d, const char *layer, qn_value *x, const void *user);
qn_value *qn_dinov2_layer_with(qn_builder *b, const qn_dinov2 *d, int64_t index, qn_value *x, qn_dinov2_attend attend,
                               const void *user);
/** The last norm over x [B, N, hidden]. */
qn_value *qn_dinov2_norm(qn_builder *b, const qn_dinov2 *d, qn_value *x);
/** All layers: states[i] = what comes out of layer taps[i] (counted from 1), [B, N, hidden]; taps ascend. The last state. */
qn_value *qn_dinov2_run(qn_builder *b, const qn_dinov2 *d, qn_value *pixels, const int64_t *taps, int32_t n_taps,
                        qn_value **states);

/** Patches of `image` [B, C, H, W] along height and width: int64 [2], {H / patch, W / patch}. */
qn_value *qn_patch_grid(qn_builder *b, qn_value *image, int64_t patch);
/** h w of a grid {h, w}: int64 [1]. */
qn_value *qn_patch_count(qn_builder *b, qn_value *grid);
/** Tokens [B, h w, n] as a map [B, n, h, w]; `grid` is int64 [2], {h, w}. */
qn_value *qn_tokens_to_map(qn_builder *b, const char *name, qn_value *tokens, int64_t n, qn_value *grid);

#endif
