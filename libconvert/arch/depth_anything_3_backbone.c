/* The encoder of Depth Anything 3: DINOv2 whose layers from `start` on turn queries and keys by the place of their patch.
 *
 *   layers before start     as they are in DINOv2, each view by itself
 *   at start                the class token gives way to a camera token, one for the reference view, one for the others
 *   from start on, even     each view by itself: patch (y, x) is at (y + 1, x + 1), the camera token at (0, 0)
 *   from start on, odd      all views of a scene at once: every patch is at (1, 1), camera tokens at (0, 0)
 *
 * A head of d elements, in quarters [a, b, c, e], has the pairs (a, b) turned by the angles of y and (c, e) by those of x.
 * Queries and keys are made in the order [a, c, b, e], by rows of their weights: the products of the two do not see it, and
 * what is left is the rotation of halves that RotaryEmbedding does, with the angles [y, x].
 */
#include "arch/depth_anything_3.h"

#define NORM_EPSILON 1e-5 /* of the norms that are not DINOv2's own */

static qn_value *number(qn_builder *b, int64_t v) { return qn_build_ints(b, &v, 1); }

/* ---- angles --------------------------------------------------------------------------------------------- */

/* Cosines and sines by position, and the position of each token. */
typedef struct rotation {
    qn_value *cos, *sin;  /* [P, d/2] */
    qn_value *positions;  /* int64 [S, N'], for x [S, N', D] */
} rotation;

/* What layers share. */
typedef struct tables {
    rotation own, all;             /* of a view's tokens, [V, T]; of all tokens of a scene, [B, N T] */
    qn_value *own_dims, *all_dims; /* int64 [3]: V, T, D and B, N T, D */
    qn_value *query_rows, *key_rows; /* of a packed weight [3 D, D] */
    qn_value *turned;              /* elements of a head, in the order that is turned */
} tables;

/* Positions 0 (the camera token) and 1 + p for patch p = y w + x: angles [1 + h w, d/2]. */
static qn_value *own_angles(qn_builder *b, const qn_da3_scene *scene, qn_value *patches, int64_t width) {
    const int64_t quarter = width / 4;
    qn_value *w = qn_layer_slice(b, NULL, scene->grid, 0, 1, 2), *p = qn_layer_range(b, patches), *one = number(b, 1);
    qn_value *y = qn_build_binary(b, QN_OP_Div, NULL, p, w);
    qn_value *x = qn_build_binary(b, QN_OP_Sub, NULL, p, qn_build_binary(b, QN_OP_Mul, NULL, y, w));
    qn_value *place[] = {y, x}, *angle[2], *f = qn_da3_frequencies(b, quarter);
    for (int i = 0; i < 2; i++) {
        qn_value *at = qn_layer_cast(b, NULL, qn_build_binary(b, QN_OP_Add, NULL, place[i], one), QN_F32);
        angle[i] = qn_build_binary(b, QN_OP_Mul, NULL, qn_build_binary(b, QN_OP_Unsqueeze, NULL, at, one), f);
    }
    const float zero = 0;
    qn_value *first[] = {qn_build_floats(b, &zero, 1), qn_build_ints(b, QN_DIMS(1, 2 * quarter))};
    qn_value *rows[] = {qn_build_op(b, QN_OP_Expand, NULL, first, 2, NULL, 0), qn_layer_concat(b, NULL, 1, angle, 2)};
    return qn_layer_concat(b, "rotary.angles", 0, rows, 2);
}

/* Angles [2, d/2] of positions 0 and 1, in both directions. */
static qn_value *all_angles(qn_builder *b, int64_t width) {
    qn_value *f = qn_da3_frequencies(b, width / 4), *both[] = {f, f};
    const float at[] = {0, 1};
    qn_value *place = qn_build_by_ints(b, QN_OP_Unsqueeze, NULL, qn_build_floats(b, at, 2), QN_DIMS(1));
    return qn_build_binary(b, QN_OP_Mul, "rotary.angles_of_scene", place, qn_layer_concat(b, NULL, 0, both, 2));
}

static void set_angles(qn_builder *b, rotation *r, qn_value *angles) {
    r->cos = qn_build_unary(b, QN_OP_Cos, NULL, angles);
    r->sin = qn_build_unary(b, QN_OP_Sin, NULL, angles);
}

/* Rows of queries (or keys) behind `first` in the packed weight, head by head in the turned order. */
static qn_value *turned_rows(qn_builder *b, int64_t first, int64_t heads, int64_t width) {
    const int64_t n = heads * width, quarter = width / 4;
    static const int order[] = {0, 2, 1, 3};
    int64_t *rows = qn_arena_array(b->graph->arena, (size_t)n, sizeof *rows);
    if (!rows) {
        qn_build_try(b, qn_fail_memory(b->ctx, sizeof *rows * (size_t)n, "rows"));
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t head = i / width, at = i % width;
        rows[i] = first + head * width + order[at / quarter] * quarter + at % quarter;
    }
    return qn_build_ints(b, rows, n);
}

static tables make_tables(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene) {
    const int64_t hidden = m->encoder.hidden, width = hidden / m->encoder.heads;
    qn_value *patches = qn_patch_count(b, scene->grid), *tokens = qn_build_by_ints(b, QN_OP_Add, NULL, patches, QN_DIMS(1));
    qn_value *of_scene = qn_build_binary(b, QN_OP_Mul, NULL, tokens, scene->views);
    qn_value *own_dims[] = {scene->all, tokens, number(b, hidden)}, *all_dims[] = {scene->batch, of_scene, number(b, hidden)};
    qn_value *views[] = {scene->batch, scene->views, tokens}; /* B, N, T */
    qn_value *place = qn_layer_range(b, tokens);
    tables t = {.own_dims = qn_layer_concat(b, NULL, 0, own_dims, 3), .all_dims = qn_layer_concat(b, NULL, 0, all_dims, 3)};
    b->in_float32 = true;
    set_angles(b, &t.own, own_angles(b, scene, patches, width));
    set_angles(b, &t.all, all_angles(b, width));
    b->in_float32 = false;
    t.own.positions = qn_build_binary(b, QN_OP_Expand, "rotary.positions", place, qn_layer_concat(b, NULL, 0, own_dims, 2));
    place = qn_build_by_ints(b, QN_OP_Min, NULL, place, QN_DIMS(1));
    place = qn_build_binary(b, QN_OP_Expand, NULL, place, qn_layer_concat(b, NULL, 0, views, 3));
    t.all.positions = qn_layer_reshape_parts(b, "rotary.positions_of_scene", place, all_dims, 2);
    t.query_rows = turned_rows(b, 0, m->encoder.heads, width);
    t.key_rows = turned_rows(b, hidden, m->encoder.heads, width);
    t.turned = turned_rows(b, 0, 1, width);
    return t;
}

/* ---- attention -------------------------------------------------------------------------------------------- */

typedef struct attention {
    const tables *tables;
    const rotation *rotation;
} attention;

/* A part of the packed projection, of rows as they are chosen. */
static qn_value *project(qn_builder *b, const char *name, qn_value *x, qn_value *const *packed, qn_value *rows) {
    qn_value *weight = qn_layer_gather(b, qn_build_name(b, "%s.weight", name), packed[0], rows, 0);
    qn_value *bias = qn_layer_gather(b, qn_build_name(b, "%s.bias", name), packed[1], rows, 0);
    return qn_layer_linear_by(b, name, x, weight, bias);
}

/* Queries or keys x [S, N', D], normed head by head and turned. */
static qn_value *turn(qn_builder *b, const qn_dinov2 *d, const char *name, qn_value *x, const attention *a) {
    const int64_t width = d->hidden / d->heads;
    const qn_attr norm[] = {QN_INT("axis", -1), QN_FLOAT("epsilon", (float)NORM_EPSILON)};
    const qn_attr heads[] = {QN_INT("num_heads", d->heads)};
    qn_value *in[3] = {qn_layer_reshape(b, NULL, x, QN_DIMS(0, 0, d->heads, width))};
    in[1] = qn_layer_gather(b, NULL, qn_build_weight(b, qn_build_name(b, "%s.weight", name), QN_DIMS(width)), a->tables->turned, 0);
    in[2] = qn_layer_gather(b, NULL, qn_build_weight(b, qn_build_name(b, "%s.bias", name), QN_DIMS(width)), a->tables->turned, 0);
    x = qn_build_op(b, QN_OP_LayerNormalization, name, in, 3, norm, 2);
    x = qn_layer_reshape(b, NULL, x, QN_DIMS(0, 0, d->hidden));
    qn_value *rotary[] = {x, a->rotation->cos, a->rotation->sin, a->rotation->positions};
    return qn_build_op(b, QN_OP_RotaryEmbedding, qn_build_name(b, "%s.rotary", name), rotary, 4, heads, 1);
}

static qn_value *attend(qn_builder *b, const qn_dinov2 *d, const char *layer, qn_value *x, const void *user) {
    const attention *a = user;
    const int64_t hidden = d->hidden;
    const char *module = qn_build_name(b, "%s.%s", layer, d->names->qkv);
    qn_value *packed[] = {qn_build_weight(b, qn_build_name(b, "%s.weight", module), QN_DIMS(3 * hidden, hidden)),
                          qn_build_weight(b, qn_build_name(b, "%s.bias", module), QN_DIMS(3 * hidden))};
    qn_value *q = project(b, qn_build_name(b, "%s.query", module), x, packed, a->tables->query_rows);
    qn_value *k = project(b, qn_build_name(b, "%s.key", module), x, packed, a->tables->key_rows);
    qn_value *weight = qn_layer_slice(b, NULL, packed[0], 0, 2 * hidden, 3 * hidden);
    qn_value *bias = qn_layer_slice(b, NULL, packed[1], 0, 2 * hidden, 3 * hidden);
    qn_value *v = qn_layer_linear_by(b, qn_build_name(b, "%s.value", module), x, weight, bias);
    q = turn(b, d, qn_build_name(b, "%s.attn.q_norm", layer), q, a);
    k = turn(b, d, qn_build_name(b, "%s.attn.k_norm", layer), k, a);
    x = qn_layer_attention(b, qn_build_name(b, "%s.attention", layer), q, k, v, d->heads, hidden / d->heads);
    return qn_layer_linear(b, qn_build_name(b, "%s.%s", layer, d->names->projection), x, hidden, hidden, true);
}

/* ---- layers --------------------------------------------------------------------------------------------------- */

/* The states x [V, T, D] with camera tokens in place of the class tokens. */
static qn_value *put_camera_tokens(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *x) {
    const int64_t hidden = m->encoder.hidden;
    qn_value *known = qn_build_weight(b, qn_dinov2_name(b, &m->encoder, "camera_token"), QN_DIMS(1, 2, hidden));
    qn_value *which = qn_build_by_ints(b, QN_OP_Min, NULL, qn_layer_range(b, scene->views), QN_DIMS(1)); /* 0, 1, 1, ... */
    qn_value *dims[] = {scene->batch, scene->views, number(b, hidden)};
    qn_value *tokens = qn_layer_gather(b, NULL, known, which, 1); /* [1, N, D] */
    tokens = qn_build_binary(b, QN_OP_Expand, NULL, tokens, qn_layer_concat(b, NULL, 0, dims, 3));
    qn_value *flat[] = {scene->all, qn_build_ints(b, QN_DIMS(1, hidden))};
    qn_value *parts[] = {qn_layer_reshape_parts(b, NULL, tokens, flat, 2), qn_layer_slice(b, NULL, x, 1, 1, INT64_MAX)};
    return qn_layer_concat(b, qn_dinov2_name(b, &m->encoder, "camera_tokens"), 1, parts, 2);
}

static qn_value *norm_of(qn_builder *b, const qn_da3 *m, qn_value *x) {
    return qn_layer_norm(b, qn_dinov2_name(b, &m->encoder, m->encoder.names->norm), x, m->encoder.hidden, NORM_EPSILON);
}

/* The last state that a view made by itself and the normed state, side by side: [V, h w, 2 D]. */
static qn_value *make_features(qn_builder *b, const qn_da3 *m, qn_value *own, qn_value *x, const qn_da3_order *order) {
    qn_value *parts[] = {own, norm_of(b, m, x)};
    x = qn_layer_concat(b, NULL, 2, parts, 2);
    if (order)
        x = qn_layer_gather(b, NULL, x, order->back, 0);
    return qn_layer_slice(b, NULL, x, 1, 1, INT64_MAX);
}

/* The first tokens of both, as they are: [V, 1, 2 D]. */
static qn_value *make_camera(qn_builder *b, qn_value *own, qn_value *x, const qn_da3_order *order) {
    qn_value *parts[] = {qn_layer_slice(b, NULL, own, 1, 0, 1), qn_layer_slice(b, NULL, x, 1, 0, 1)};
    x = qn_layer_concat(b, NULL, 2, parts, 2);
    return order ? qn_layer_gather(b, "camera", x, order->back, 0) : x;
}

static void encode_views(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value **features, qn_value **camera) {
    const tables t = make_tables(b, m, scene);
    qn_da3_order order;
    bool ordered = false;
    qn_value *x = qn_dinov2_embed(b, &m->encoder, scene->pixels), *own = x;
    for (int64_t i = 0, next = 0; i < m->encoder.layers && b->status == QN_OK; i++) {
        if (i == m->start - 1) {
            order = qn_da3_reference_view(b, m, scene, x);
            ordered = true;
            x = qn_layer_gather(b, "views_in_order", x, order.there, 0);
        }
        if (i == m->start)
            x = put_camera_tokens(b, m, scene, x);
        const bool across = i >= m->start && i % 2 == 1;
        const attention a = {&t, across ? &t.all : &t.own};
        if (across)
            x = qn_layer_reshape_to(b, NULL, x, t.all_dims);
        x = i < m->start ? qn_dinov2_layer(b, &m->encoder, i, x) : qn_dinov2_layer_with(b, &m->encoder, i, x, attend, &a);
        if (across)
            x = qn_layer_reshape_to(b, NULL, x, t.own_dims);
        else
            own = x;
        if (next < QN_DPT_LEVELS && m->taps[next] == i) {
            features[next++] = make_features(b, m, own, x, ordered ? &order : NULL);
            if (next == QN_DPT_LEVELS)
                *camera = make_camera(b, own, x, ordered ? &order : NULL);
        }
    }
}

static void encode_alone(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value **features) {
    int64_t taps[QN_DPT_LEVELS];
    for (int i = 0; i < QN_DPT_LEVELS; i++)
        taps[i] = m->taps[i] + 1;
    (void)qn_dinov2_run(b, &m->encoder, scene->pixels, taps, QN_DPT_LEVELS, features);
    for (int i = 0; i < QN_DPT_LEVELS; i++)
        features[i] = qn_layer_slice(b, NULL, norm_of(b, m, features[i]), 1, 1, INT64_MAX);
}

void qn_da3_encode(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value **features, qn_value **camera) {
    *camera = NULL;
    for (int i = 0; i < QN_DPT_LEVELS; i++)
        features[i] = NULL;
    if (m->start >= 0)
        encode_views(b, m, scene, features, camera);
    else
        encode_alone(b, m, scene, features);
}
