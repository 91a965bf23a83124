#include "image/resize.h"

#include <math.h>

#include "base/checked.h"
#include "base/pool.h"
#include "image/axis.h"

typedef struct job {
    qn_axis x, y;
    const float *in;  /* [planes, y.n_in, x.n_in] */
    float *rows;      /* [planes, y.n_in, x.n_out] */
    float *out;       /* [planes, y.n_out, x.n_out] */
} job;

/* Taps [0, n) of a filtered sum that are rounded before they are added: the first, and the groups of four after it. */
static int32_t n_rounded(int32_t n) { return 1 + (n - 1) / 4 * 4; }

static float filtered(const float *in, const int32_t *index, const float *weight, int32_t n) {
    const int32_t rounded = n_rounded(n);
    float t = in[index[0]] * weight[0];
    for (int32_t k = 1; k < rounded; k++)
        t += in[index[k]] * weight[k];
    for (int32_t k = rounded; k < n; k++)
        t = fmaf(in[index[k]], weight[k], t);
    return t;
}

static float plain(const float *in, const int32_t *index, const float *weight, int32_t n) {
    if (n == 1)
        return in[index[0]];
    float t = fmaf(in[index[0]], weight[0], in[index[1]] * weight[1]);
    for (int32_t k = 2; k < n; k++)
        t = fmaf(in[index[k]], weight[k], t);
    return t;
}

static void along_rows(void *arg, int64_t begin, int64_t end, int worker) {
    const job *j = arg;
    const qn_axis *x = &j->x;
    float (*const sum)(const float *, const int32_t *, const float *, int32_t) = x->filtered ? filtered : plain;
    (void)worker;
    for (int64_t r = begin; r < end; r++)
        for (int64_t i = 0; i < x->n_out; i++)
            j->rows[r * x->n_out + i] =
                sum(j->in + r * x->n_in, x->index + i * x->max_taps, x->weight + i * x->max_taps, x->n_taps[i]);
}

static void fma_row(float *out, const float *in, float weight, int64_t n) {
    for (int64_t c = 0; c < n; c++)
        out[c] = fmaf(in[c], weight, out[c]);
}

static void add_row(float *out, const float *in, float weight, int64_t n) {
    for (int64_t c = 0; c < n; c++)
        out[c] += in[c] * weight;
}

static void along_columns(void *arg, int64_t begin, int64_t end, int worker) {
    const job *j = arg;
    const qn_axis *y = &j->y;
    const int64_t width = j->x.n_out;
    (void)worker;
    for (int64_t r = begin; r < end; r++) {
        const float *in = j->rows + r / y->n_out * y->n_in * width;
        const int64_t at = r % y->n_out * y->max_taps;
        const int32_t n = y->n_taps[r % y->n_out], first = y->filtered || n == 1 ? 0 : 1;
        const int32_t rounded = y->filtered ? n_rounded(n) : 1;
        float *out = j->out + r * width;
        for (int64_t c = 0; c < width; c++)
            out[c] = in[y->index[at + first] * width + c] * y->weight[at + first];
        for (int32_t k = 1 - first; k < n; k++) {
            if (k != first)
                (k < rounded && k > 0 ? add_row : fma_row)(out, in + y->index[at + k] * width, y->weight[at + k], width);
        }
    }
}

static qn_status resize(qn_context *ctx, qn_arena *arena, job *j, int64_t planes, qn_interpolation interpolation,
                        bool antialias, int64_t height, int64_t width, int64_t out_height, int64_t out_width) {
    const int64_t dims[3] = {planes, height, out_width};
    int64_t n;
    /* as OpenCV does: a side that grows makes both bicubic */
    if (interpolation == QN_INTERPOLATE_AREA && (out_height > height || out_width > width))
        interpolation = QN_INTERPOLATE_BICUBIC;
    QN_TRY(qn_axis_make(ctx, arena, width, out_width, interpolation, antialias, &j->x));
    QN_TRY(qn_axis_make(ctx, arena, height, out_height, interpolation, antialias, &j->y));
    if (!qn_count_elems(dims, 3, &n))
        return qn_fail_memory(ctx, SIZE_MAX, "a picture");
    QN_NEW_ARRAY(ctx, arena, j->rows, n);
    qn_parallel_for(ctx, planes * height, 16, along_rows, j);
    qn_parallel_for(ctx, planes * out_height, 16, along_columns, j);
    return QN_OK;
}

qn_status qn_resize(qn_context *ctx, const float *in, int64_t planes, int64_t height, int64_t width, float *out,
                    int64_t out_height, int64_t out_width, qn_interpolation interpolation, bool antialias) {
    job j = {.in = in, .out = out};
    qn_arena *arena = qn_arena_create();
    if (!arena)
        return qn_fail_memory(ctx, 0, "an arena");
    qn_status status = resize(ctx, arena, &j, planes, interpolation, antialias, height, width, out_height, out_width);
    qn_arena_destroy(arena);
    return status;
}
