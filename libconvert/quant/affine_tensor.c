#include "quant/affine_tensor.h"

#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "quant/affine_levels.h"
#include "quant/scales.h"

/* ---- gangs of a tensor, shared among the threads --------------------------------------------------------- */

typedef struct walk {
    qn_tensor_fit *t;
    qn_gang_fn visit;
    void *arg;
} walk;

static size_t floats_of(const qn_tensor_fit *t) { return (size_t)t->most * QN_GANG; }

static void visit_gangs(void *arg, int64_t begin, int64_t end, int worker) {
    const walk *k = arg;
    qn_tensor_fit *t = k->t;
    const size_t n = floats_of(t);
    float *room = qn_scratch_take(t->ctx, n * (3 * sizeof(float) + 1));
    (void)worker;
    if (!room) {
        atomic_store(&t->no_memory, true);
        return;
    }
    qn_gang gang = {.own_x = room, .own_w = room + n, .numbers = room + 2 * n, .codes = (int8_t *)(room + 3 * n)};
    for (int64_t i = begin; i < end; i++) {
        qn_gang_load(&t->source, i * t->step, &gang);
        k->visit(t, &gang, k->arg);
    }
    qn_scratch_give(t->ctx, room);
}

qn_status qn_tensor_fit_each(qn_tensor_fit *t, qn_gang_fn visit, void *arg) {
    enum { GRAIN = 1 << 16 };
    walk k = {t, visit, arg};
    const int64_t gangs = t->source.groups.n_groups / t->step + (t->source.groups.n_groups % t->step != 0),
                  grain = GRAIN / (t->most * QN_GANG) + 1;
    if (t->source.numel > 0)
        qn_parallel_for(t->ctx, gangs, grain, visit_gangs, &k);
    return atomic_load(&t->no_memory) ? qn_fail_memory(t->ctx, floats_of(t) * sizeof(float), "the groups of a tensor") : QN_OK;
}

/* ---- scales of one level --------------------------------------------------------------------------------- */

/* By least squares, as stored; the plain way where that is not better. A power of two is the better of both neighbours, and of
 * that above. */
static void best_of_one_level(const qn_affine *affine, const qn_gang *gang, qn_fit *fit) {
    static const double clearly = 1 - 4e-6; /* errors are summed in float32 */
    qn_fit found, next;
    double least[QN_GANG], error[QN_GANG];
    qn_affine_error(affine, gang, fit, least);
    qn_affine_search(affine, gang, fit, &found);
    for (int i = affine->power ? -1 : 0; i <= (affine->power ? 1 : 0); i++) {
        next = found;
        for (int l = 0; l < QN_GANG; l++)
            next.scale[l] = qn_affine_rounded(affine, gang, l, found.scale[l], i);
        for (int way = 0; way < (affine->c->symmetric ? 1 : 2); way++) {
            if (way == 1)
                qn_affine_zeros(affine, gang, &next);
            qn_affine_error(affine, gang, &next, error);
            for (int l = 0; l < QN_GANG; l++)
                if (!(error[l] >= least[l] * clearly) && isfinite(next.scale[l])) {
                    least[l] = error[l];
                    fit->scale[l] = next.scale[l];
                    fit->zero[l] = next.zero[l];
                }
        }
    }
}

void qn_tensor_fit_put(qn_tensor_fit *t, const qn_gang *gang, const qn_fit *fit) {
    for (int l = 0; l < gang->n_groups; l++) {
        const int e = gang->exponent[l];
        t->scales[gang->first + l] = e ? ldexpf(fit->scale[l], e) : fit->scale[l];
        t->zeros[gang->first + l] = (int8_t)(int32_t)fit->zero[l];
    }
}

void qn_tensor_fit_get(const qn_tensor_fit *t, const qn_gang *gang, const float *scales, const int8_t *zeros,
                       qn_fit *fit) {
    for (int l = 0; l < QN_GANG; l++) {
        const int from = gang->joined ? 0 : l, e = gang->exponent[from];
        const bool used = from < gang->n_groups;
        const float scale = used ? scales[gang->first + from] : 0;
        fit->scale[l] = e ? ldexpf(scale, -e) : scale;
        fit->zero[l] = !used ? 0 : t->affine.type->is_signed ? (float)zeros[gang->first + from]
                                                             : (float)(uint8_t)zeros[gang->first + from];
    }
}

static void fit_gang(qn_tensor_fit *t, qn_gang *gang, void *arg) {
    (void)arg;
    qn_fit fit;
    qn_affine_plain(&t->affine, gang, &fit);
    if (t->affine.range == QN_RANGE_MSE)
        best_of_one_level(&t->affine, gang, &fit);
    qn_tensor_fit_put(t, gang, &fit);
}

static void encode_gang(qn_tensor_fit *t, qn_gang *gang, void *arg) {
    qn_fit fit;
    qn_tensor_fit_get(t, gang, t->scales, t->zeros, &fit);
    qn_affine_codes(&t->affine, gang, &fit);
    qn_gang_unload(&t->source, gang, arg);
}

/* ---- the tensor --------------------------------------------------------------------------------------------- */

/* Importance, its largest brought to 0.5 .. 1 by a power of two; none where none is positive and finite. */
static qn_status take_importance(qn_tensor_fit *t, qn_arena *arena, const qn_encode_how *how) {
    const qn_const *c = t->affine.c;
    const int64_t n = c->dims[how->importance_axis];
    float most = 0, *w;
    int exponent;
    for (int64_t i = 0; i < n; i++) {
        if (!(how->importance[i] >= 0) || isinf(how->importance[i]))
            return qn_fail(t->ctx, QN_USAGE, "tensor '%s': importance %lld is no positive number", c->name, (long long)i);
        most = how->importance[i] > most ? how->importance[i] : most;
    }
    if (most == 0)
        return QN_OK;
    (void)frexpf(most, &exponent);
    QN_NEW_ARRAY(t->ctx, arena, w, n);
    for (int64_t i = 0; i < n; i++)
        w[i] = ldexpf(how->importance[i], -exponent);
    t->source.importance = w;
    t->source.size = n;
    t->source.inner = 1;
    for (int32_t d = how->importance_axis + 1; d < c->rank; d++)
        t->source.inner *= c->dims[d];
    return QN_OK;
}

static qn_status prepare(qn_tensor_fit *t, qn_arena *arena, const qn_const *c, const float *x) {
    qn_affine_prepare(t->ctx, c, &t->affine);
    t->source = (qn_gang_source){.x = x, .numel = qn_const_numel(c), .groups = qn_const_groups(c),
                                 .mask = c->how ? c->how->mask : NULL};
    if (c->how && c->how->importance && t->source.numel > 0 && t->affine.range == QN_RANGE_MSE)
        QN_TRY(take_importance(t, arena, c->how));
    t->most = t->source.numel > 0 ? qn_gang_most(&t->source) : 1;
    t->step = t->source.numel > 0 ? qn_gang_groups(&t->source) : 1;
    QN_NEW_ARRAY(t->ctx, arena, t->scales, t->source.groups.n_groups + 1);
    QN_NEW_ARRAY(t->ctx, arena, t->zeros, t->source.groups.n_groups + 1);
    return QN_OK;
}

static qn_status pack(qn_tensor_fit *t, qn_arena *arena, const int8_t *codes, int64_t n, qn_bytes *part) {
    uint8_t *packed;
    QN_NEW_ARRAY(t->ctx, arena, packed, n + 1);
    *part = (qn_bytes){packed, qn_codes_pack(t->affine.type, codes, 0, n, packed)};
    return QN_OK;
}

qn_status qn_affine_parts(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    qn_tensor_fit t = {.ctx = ctx};
    int8_t *codes;
    for (int i = 0; i < QN_MAX_PARTS; i++)
        part[i] = (qn_bytes){NULL, 0};
    QN_TRY(prepare(&t, arena, c, x));
    if (c->super_dtype != QN_NONE) {
        QN_TRY(qn_affine_levels(&t, arena, &part[QN_PART_SCALES], &part[QN_PART_SUPER_SCALES]));
    } else {
        QN_TRY(qn_tensor_fit_each(&t, fit_gang, NULL));
        QN_TRY(qn_scales_store(ctx, arena, c, t.scales, t.source.groups.n_groups, &part[QN_PART_SCALES], &part[QN_PART_SUPER_SCALES]));
    }
    QN_NEW_ARRAY(ctx, arena, codes, t.source.numel + 1);
    QN_TRY(qn_tensor_fit_each(&t, encode_gang, codes));
    QN_TRY(pack(&t, arena, codes, t.source.numel, &part[QN_PART_CODES]));
    return c->symmetric ? QN_OK : pack(&t, arena, t.zeros, t.source.groups.n_groups, &part[QN_PART_ZERO_POINTS]);
}
