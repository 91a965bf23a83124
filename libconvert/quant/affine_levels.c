/* Scales that are codes under super scales.
 *
 * A super scale is r(largest |scale| / largest code). A group's code is one of the two next to scale / super, of whose
 * own element codes the one with less error is kept. For the least error scales are those of affine_search.c, two more codes are
 * tried on either side, and super scales are refined by least squares, sum c w x q / sum c^2 w q^2 over all elements under one, by
 * turns with the codes; of all turns and the plain way a super block keeps the best. */
#include "quant/affine_levels.h"

#include <math.h>
#include <string.h>

#include "base/half.h"
#include "quant/scales.h"

typedef struct solution {
    const float *ideal;        /* [n_groups] the scales that codes are near to */
    const int8_t *ideal_zeros; /* [n_groups] */
    float *super;              /* [n_super], as stored */
    int8_t *codes, *zeros;     /* [n_groups] */
    double *error, *wxq, *wqq; /* [n_groups] */
    bool wide;                 /* more codes and zero points */
} solution;

typedef struct levels {
    qn_tensor_fit *t;
    const qn_code_type *type; /* of scales */
    int64_t n, n_super, block;
} levels;

static int64_t end_of(const levels *v, int64_t s) { return v->n - s * v->block < v->block ? v->n : (s + 1) * v->block; }

/* ---- codes under super scales --------------------------------------------------------------------------- */

static void keep_better(const qn_affine *affine, const qn_gang *gang, const qn_fit *fit, const float *code, qn_fit *best, float *best_code,
                        double *least) {
    double error[QN_GANG];
    qn_affine_error(affine, gang, fit, error);
    for (int l = 0; l < QN_GANG; l++)
        if (!(error[l] >= least[l])) {
            least[l] = error[l];
            best->scale[l] = fit->scale[l];
            best->zero[l] = fit->zero[l];
            best_code[l] = code[l];
        }
}

/* The k-th zero point for a scale that is fixed. */
static bool next_zeros(const qn_affine *affine, const qn_gang *gang, const qn_fit *ideal, bool wide, int k, qn_fit *fit) {
    if (k == 0) {
        qn_affine_zeros(affine, gang, fit);
        return true;
    }
    if (k > 3 || !wide || affine->c->symmetric)
        return false;
    for (int l = 0; l < QN_GANG; l++) {
        const float zero = ideal->zero[l] + (float)(k - 2);
        fit->zero[l] = zero < affine->min ? affine->min : zero > affine->max ? affine->max : zero;
    }
    return true;
}

typedef struct choice {
    const levels *v;
    const solution *s;
} choice;

static void choose_codes(qn_tensor_fit *t, qn_gang *gang, void *arg) {
    const choice *k = arg;
    const solution *s = k->s;
    const float max = (float)k->v->type->max, min = k->v->type->is_signed ? -max : 0;
    const int around = s->wide ? 1 : 0;
    float super[QN_GANG] = {0}, below[QN_GANG] = {0}, code[QN_GANG], kept[QN_GANG] = {0};
    double least[QN_GANG], wxq[QN_GANG], wqq[QN_GANG];
    qn_fit ideal, fit = {{0}, {0}}, best = {{0}, {0}};
    qn_tensor_fit_get(t, gang, s->ideal, s->ideal_zeros, &ideal);
    for (int l = 0; l < QN_GANG; l++) {
        const int from = gang->joined ? 0 : l;
        least[l] = INFINITY;
        if (from >= gang->n_groups)
            continue;
        const int64_t g = gang->first + from;
        super[l] = s->super[g / k->v->block];
        below[l] = super[l] > 0 ? floorf(s->ideal[g] / super[l]) : 0;
    }
    for (int c = -around; c <= 1 + around; c++) {
        for (int l = 0; l < QN_GANG; l++) {
            code[l] = below[l] + (float)c;
            code[l] = code[l] < min ? min : code[l] > max ? max : code[l];
            fit.scale[l] = ldexpf(code[l] * super[l], -gang->exponent[l]);
        }
        for (int z = 0; next_zeros(&t->affine, gang, &ideal, s->wide, z, &fit); z++)
            keep_better(&t->affine, gang, &fit, code, &best, kept, least);
    }
    qn_affine_score(&t->affine, gang, &best, wxq, wqq);
    for (int l = 0; l < gang->n_groups; l++) {
        const int64_t g = gang->first + l;
        s->codes[g] = (int8_t)(int32_t)kept[l];
        s->zeros[g] = (int8_t)(int32_t)best.zero[l];
        s->error[g] = ldexp(least[l], 2 * gang->exponent[l]);
        s->wxq[g] = ldexp(wxq[l], gang->exponent[l]);
        s->wqq[g] = wqq[l];
    }
}

static qn_status choose(const levels *v, const solution *s) {
    choice k = {v, s};
    return qn_tensor_fit_each(v->t, choose_codes, &k);
}

/* ---- super scales ------------------------------------------------------------------------------------------- */

static qn_status first_super(const levels *v, solution *s) {
    for (int64_t i = 0; i < v->n_super; i++) {
        float largest = 0;
        for (int64_t g = i * v->block; g < end_of(v, i); g++)
            largest = fabsf(s->ideal[g]) > largest ? fabsf(s->ideal[g]) : largest;
        s->super[i] = qn_scale_rounded(v->t->affine.c->super_dtype, largest / (float)v->type->max);
        if (!isfinite(s->super[i]))
            return qn_scales_too_large(v->t->ctx, v->t->affine.c, i * v->block);
    }
    return QN_OK;
}

static int32_t code_at(const levels *v, const int8_t *codes, int64_t g) { return v->type->is_signed ? codes[g] : (uint8_t)codes[g]; }

static void least_squares_super(const levels *v, solution *s) {
    for (int64_t i = 0; i < v->n_super; i++) {
        double xq = 0, qq = 0;
        for (int64_t g = i * v->block; g < end_of(v, i); g++) {
            const double c = code_at(v, s->codes, g);
            xq += c * s->wxq[g];
            qq += c * c * s->wqq[g];
        }
        const float super = qq > 0 ? qn_scale_rounded(v->t->affine.c->super_dtype, (float)(xq / qq)) : 0;
        if (super > 0 && isfinite(super))
            s->super[i] = super;
    }
}

/* `to` takes over what is better in `from`, a super block at a time. */
static void merge(const levels *v, const solution *from, solution *to) {
    for (int64_t i = 0; i < v->n_super; i++) {
        const int64_t first = i * v->block, end = end_of(v, i);
        double old = 0, new = 0;
        for (int64_t g = first; g < end; g++) {
            old += to->error[g];
            new += from->error[g];
        }
        if (!(new < old * (1 - 4e-6))) /* errors are summed in float32 */
            continue;
        to->super[i] = from->super[i];
        memcpy(to->codes + first, from->codes + first, (size_t)(end - first));
        memcpy(to->zeros + first, from->zeros + first, (size_t)(end - first));
        memcpy(to->error + first, from->error + first, (size_t)(end - first) * sizeof *to->error);
    }
}

static qn_status make_room(const levels *v, qn_arena *arena, solution *s) {
    qn_context *ctx = v->t->ctx;
    QN_NEW_ARRAY(ctx, arena, s->super, v->n_super + 1);
    QN_NEW_ARRAY(ctx, arena, s->codes, v->n + 1);
    QN_NEW_ARRAY(ctx, arena, s->zeros, v->n + 1);
    QN_NEW_ARRAY(ctx, arena, s->error, v->n + 1);
    QN_NEW_ARRAY(ctx, arena, s->wxq, v->n + 1);
    QN_NEW_ARRAY(ctx, arena, s->wqq, v->n + 1);
    return QN_OK;
}

/* ---- bytes --------------------------------------------------------------------------------------------------- */

static qn_status store(const levels *v, qn_arena *arena, const solution *s, qn_bytes *part_scales, qn_bytes *part_super) {
    qn_tensor_fit *t = v->t;
    const qn_dtype dtype = t->affine.c->super_dtype;
    uint8_t *packed;
    uint16_t *half;
    QN_NEW_ARRAY(t->ctx, arena, packed, v->n + 1);
    QN_NEW_ARRAY(t->ctx, arena, half, v->n_super + 1);
    *part_scales = (qn_bytes){packed, qn_codes_pack(v->type, s->codes, 0, v->n, packed)};
    if (dtype == QN_F16)
        qn_f32_to_f16_n(s->super, half, (size_t)v->n_super);
    else
        qn_f32_to_bf16_n(s->super, half, (size_t)v->n_super);
    *part_super = dtype == QN_F32 ? (qn_bytes){s->super, (size_t)v->n_super * sizeof *s->super}
                                  : (qn_bytes){half, (size_t)v->n_super * sizeof *half};
    for (int64_t g = 0; g < v->n; g++)
        t->scales[g] = (float)code_at(v, s->codes, g) * s->super[g / v->block];
    memcpy(t->zeros, s->zeros, (size_t)v->n);
    return QN_OK;
}

static void fit_plain(qn_tensor_fit *t, qn_gang *gang, void *arg) {
    qn_fit fit;
    (void)arg;
    qn_affine_plain(&t->affine, gang, &fit);
    qn_tensor_fit_put(t, gang, &fit);
}
static void fit_search(qn_tensor_fit *t, qn_gang *gang, void *arg) {
    qn_fit plain, fit;
    (void)arg;
    qn_affine_plain(&t->affine, gang, &plain);
    qn_affine_search(&t->affine, gang, &plain, &fit);
    qn_tensor_fit_put(t, gang, &fit);
}

qn_status qn_affine_levels(qn_tensor_fit *t, qn_arena *arena, qn_bytes *part_scales, qn_bytes *part_super) {
    enum { TURNS = 3 };
    const qn_const *c = t->affine.c;
    const int64_t n = t->source.groups.n_groups;
    levels v = {.t = t, .type = qn_code_type_of(c->scale_dtype), .n = n, .block = c->super_block > 0 ? c->super_block : n > 0 ? n : 1};
    v.n_super = n / v.block + (n % v.block != 0);
    solution best = {.ideal = t->scales, .ideal_zeros = t->zeros}, s = {.ideal = t->scales, .ideal_zeros = t->zeros, .wide = true};
    QN_TRY(make_room(&v, arena, &best));
    QN_TRY(qn_tensor_fit_each(t, fit_plain, NULL));
    QN_TRY(first_super(&v, &best));
    QN_TRY(choose(&v, &best));
    if (t->affine.range == QN_RANGE_MSE) {
        QN_TRY(make_room(&v, arena, &s));
        QN_TRY(qn_tensor_fit_each(t, fit_search, NULL));
        QN_TRY(first_super(&v, &s));
        for (int turn = 0; turn < TURNS; turn++) {
            if (turn > 0)
                least_squares_super(&v, &s);
            QN_TRY(choose(&v, &s));
            merge(&v, &s, &best);
        }
    }
    return store(&v, arena, &best, part_scales, part_super);
}
