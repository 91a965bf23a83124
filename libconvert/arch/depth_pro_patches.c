#include "arch/depth_pro.h"

/* x without what is before `begin` and from `end` on, along two axes. */
static qn_value *cut(qn_builder *b, qn_value *x, const int64_t axes[2], const int64_t begin[2], const int64_t end[2]) {
    qn_value *inputs[] = {x, qn_build_ints(b, begin, 2), qn_build_ints(b, end, 2), qn_build_ints(b, axes, 2)};
    return qn_build_op(b, QN_OP_Slice, NULL, inputs, 4, NULL, 0);
}

qn_value *qn_depth_pro_resize(qn_builder *b, qn_value *x, int64_t size) {
    if (!x || (x->type.dims[2] == size && x->type.dims[3] == size))
        return x;
    return qn_layer_resize(b, NULL, x, qn_build_ints(b, QN_DIMS(size, size)), QN_BILINEAR);
}

qn_value *qn_depth_pro_map(qn_builder *b, qn_value *tokens, int64_t side, int64_t hidden) {
    qn_value *x = qn_layer_slice(b, NULL, tokens, 1, 1, INT64_MAX);     /* [B, side side, hidden] */
    return qn_tokens_to_map(b, NULL, x, hidden, qn_build_ints(b, QN_DIMS(side, side)));
}

/* ---- apart ------------------------------------------------------------------------------------------------------ */

/* Patches of a level [B, C, size, size], row by row, are added to list[*n]: each [B, C, P, P]. */
static void add_patches(qn_builder *b, const qn_depth_pro *m, const qn_depth_pro_level *level, qn_value *image,
                        qn_value **list, int32_t *n) {
    static const int64_t axes[] = {2, 3};
    if (level->size == m->window) {
        list[(*n)++] = image;
        return;
    }
    for (int64_t y = 0; y < level->patches; y++)
        for (int64_t x = 0; x < level->patches; x++) {
            const int64_t begin[] = {y * level->step, x * level->step};
            list[(*n)++] = cut(b, image, axes, begin, (const int64_t[]){begin[0] + m->window, begin[1] + m->window});
        }
}

/* Patches of all levels, the finest first: [n B, C, P, P], all images of a patch together. */
static qn_value *all_patches(qn_builder *b, const qn_depth_pro *m, qn_value *const *levels, int32_t total) {
    qn_value **list = qn_arena_array(b->graph->arena, (size_t)total, sizeof *list);
    int32_t n = 0;
    if (!list) {
        qn_build_try(b, qn_fail_memory(b->ctx, (size_t)total * sizeof *list, "patches"));
        return NULL;
    }
    for (int32_t i = m->n_levels - 1; i >= 0; i--)
        add_patches(b, m, &m->levels[i], levels[i], list, &n);
    return n > 1 ? qn_layer_concat(b, "depth_pro.encoder.patches", 0, list, n) : list[0];
}

/* ---- and together ------------------------------------------------------------------------------------------------ */

/* Patches that become one map: n a side, the first of which is `first`. */
typedef struct stitch {
    int64_t first, n, crop;
} stitch;

/* Cells that stay of n patches in a row, of `side` each: int64 [n side - 2 crop (n - 1)]. */
static qn_value *kept_cells(qn_builder *b, stitch s, int64_t side) {
    const int64_t n = s.n * side - 2 * s.crop * (s.n - 1);
    int64_t *cells = qn_arena_array(b->graph->arena, (size_t)n, sizeof *cells), k = 0;
    if (!cells) {
        qn_build_try(b, qn_fail_memory(b->ctx, (size_t)n * sizeof *cells, "cells"));
        return NULL;
    }
    for (int64_t i = 0; i < s.n; i++)
        for (int64_t cell = i ? s.crop : 0; cell < (i < s.n - 1 ? side - s.crop : side); cell++)
            cells[k++] = i * side + cell;
    return qn_build_ints(b, cells, n);
}

/* Patches of `tokens` [patches, B, 1 + side side, D] as a map [B, D, H, W]. */
static qn_value *stitched(qn_builder *b, const qn_depth_pro *m, qn_value *tokens, stitch s) {
    static const int64_t axes[] = {0, 2};
    const int64_t side = m->patch.side, hidden = m->patch.hidden;
    const int64_t begin[] = {s.first, 1}, end[] = {s.first + s.n * s.n, INT64_MAX};
    qn_value *x = cut(b, tokens, axes, begin, end);                                    /* [n n, B, side side, D] */
    if (s.n == 1) {
        x = qn_layer_reshape(b, NULL, x, QN_DIMS(-1, side, side, hidden));
        return qn_layer_transpose(b, NULL, x, QN_DIMS(0, 3, 1, 2));
    }
    x = qn_layer_reshape(b, NULL, x, QN_DIMS(s.n, s.n, -1, side, side, hidden));
    x = qn_layer_transpose(b, NULL, x, QN_DIMS(2, 0, 3, 1, 4, 5));                     /* [B, n, side, n, side, D] */
    x = qn_layer_reshape(b, NULL, x, QN_DIMS(0, s.n * side, s.n * side, hidden));
    if (s.crop) {
        qn_value *cells = kept_cells(b, s, side);
        x = qn_layer_gather(b, NULL, qn_layer_gather(b, NULL, x, cells, 1), cells, 2);
    }
    return qn_layer_transpose(b, NULL, x, QN_DIMS(0, 3, 1, 2));
}

static qn_value *unstack(qn_builder *b, const qn_depth_pro *m, qn_value *x, int64_t total) {
    return qn_layer_reshape(b, NULL, x, QN_DIMS(total, -1, 1 + m->patch.side * m->patch.side, m->patch.hidden));
}

/* The patches that the state of a hook is read of: the largest square of the first ones, which are the finest level's. */
static stitch hook_patches(const qn_depth_pro *m, int64_t total) {
    stitch s = {.n = 1, .crop = m->levels[m->n_levels - 1].crop};
    while ((s.n + 1) * (s.n + 1) <= total)
        s.n++;
    if (s.n == 1)
        s.crop = 0;
    return s;
}

/* The patch encoder: features of levels and hooks. */
static void encode_patches(qn_builder *b, const qn_depth_pro *m, qn_value *patches, int64_t total, qn_value **features) {
    const int64_t finest = m->base << (m->n_levels - 1);
    stitch s = hook_patches(m, total);
    qn_value *x = qn_dinov2_embed(b, &m->patch, patches);
    for (int64_t layer = 0; layer < m->patch.layers; layer++) {
        x = qn_dinov2_layer(b, &m->patch, layer, x);
        for (int32_t i = 0; i < m->n_hooks; i++)
            if (m->hooks[i].layer == layer)
                features[m->n_levels + i] = qn_depth_pro_resize(b, stitched(b, m, unstack(b, m, x, total), s), finest);
    }
    x = unstack(b, m, qn_dinov2_norm(b, &m->patch, x), total);
    s.first = 0;
    for (int32_t i = m->n_levels - 1; i >= 0; i--) {
        const qn_depth_pro_level *level = &m->levels[i];
        s.n = level->patches;
        s.crop = level->crop;
        features[i] = qn_depth_pro_resize(b, stitched(b, m, x, s), m->base << i);
        s.first += s.n * s.n;
    }
}

void qn_depth_pro_encode(qn_builder *b, const qn_depth_pro *m, qn_value *pixels, qn_value **features, qn_value **small) {
    qn_value *levels[QN_DEPTH_PRO_LEVELS];
    int64_t total = 0;
    for (int32_t i = 0; i < m->n_levels; i++) {
        levels[i] = qn_depth_pro_resize(b, pixels, m->levels[i].size);
        total += m->levels[i].patches * m->levels[i].patches;
    }
    *small = levels[0];
    encode_patches(b, m, all_patches(b, m, levels, (int32_t)total), total, features + 1);
    qn_value *x = qn_dinov2_norm(b, &m->image, qn_dinov2_run(b, &m->image, levels[0], NULL, 0, NULL));
    features[0] = qn_depth_pro_resize(b, qn_depth_pro_map(b, x, m->image.side, m->image.hidden), m->base);
}
