/* Linear codes of a whole tensor: any type of codes, groups and scales; docs/compression.md has the formulas. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "base/pool.h"
#include "ir/groups.h"
#include "quant/encode.h"
#include "quant/scales.h"

typedef struct linear {
    qn_context *ctx;
    qn_arena *arena;
    const qn_const *c;
    const qn_encode_how *how; /* or NULL */
    const qn_code_type *type;
    const float *x;
    int64_t n, importance_size, importance_inner;
    qn_groups groups;
    float *least, *largest;   /* of each group, 0 among them */
    float *scales;
    int32_t *zeros;           /* 0 when symmetric */
    float levels;             /* codes from -levels to levels, or the largest number of a floating point type */
} linear;

/* Of each group while scales are searched. */
typedef struct search {
    double xq, qq, best;      /* sum w x q, sum w q^2; the best of (sum w x q)^2 / sum w q^2 */
    float scale;
    int32_t zero;
} search;

static float weight_of(const linear *l, int64_t e) {
    return l->how && l->how->importance ? l->how->importance[e / l->importance_inner % l->importance_size] : 1.0f;
}
static bool counts(const linear *l, int64_t e) { return !l->how || !l->how->mask || (l->how->mask[e / 8] >> e % 8 & 1); }

/* The number of the code of x under a scale, zero point taken off: an integer, or one of the type's. */
static float number_of(const qn_code_type *type, bool narrow, float x, float scale, int32_t zero) {
    if (scale == 0)
        return 0;
    if (!type->is_integer)
        return qn_code_number(type, qn_code_nearest(type, x / scale));
    const float lo = (float)((narrow ? -type->max : type->min) - zero), hi = (float)(type->max - zero), q = rintf(x / scale);
    return q < lo ? lo : q > hi ? hi : q;
}

/* Symmetric int8 leaves -128 out, so that x and -x have codes of one size: as 8 bit products want it. */
static bool is_narrow(const linear *l) { return l->c->symmetric && l->c->code_dtype == QN_I8; }

/* ---- ranges --------------------------------------------------------------------------------------------- */

static void find_ranges(linear *l) {
    qn_run run;
    for (int64_t e = 0; e < l->n; e += run.n) {
        run = qn_run_at(&l->groups, e, l->n - e);
        for (int64_t i = 0; i < run.n; i++) {
            const int64_t g = run.group + i * run.step;
            const float x = l->x[e + i];
            l->least[g] = x < l->least[g] ? x : l->least[g];
            l->largest[g] = x > l->largest[g] ? x : l->largest[g];
        }
    }
}

/* The share `percentile` of |x| of each group, instead of the largest. */
static qn_status clip_ranges(linear *l) {
    const int64_t n_groups = l->groups.n_groups;
    int64_t *ends;
    float *sorted;
    qn_run run;
    QN_NEW_ARRAY(l->ctx, l->arena, ends, n_groups + 1);
    QN_NEW_ARRAY(l->ctx, l->arena, sorted, l->n + 1);
    for (int64_t e = 0; e < l->n; e += run.n) {
        run = qn_run_at(&l->groups, e, l->n - e);
        for (int64_t i = 0; i < run.n; i++)
            ends[run.group + i * run.step] += counts(l, e + i);
    }
    for (int64_t g = 0, at = 0; g < n_groups; g++) {
        const int64_t n = ends[g];
        ends[g] = at;
        at += n;
    }
    for (int64_t e = 0; e < l->n; e += run.n) {
        run = qn_run_at(&l->groups, e, l->n - e);
        for (int64_t i = 0; i < run.n; i++)
            if (counts(l, e + i))
                sorted[ends[run.group + i * run.step]++] = fabsf(l->x[e + i]);
    }
    for (int64_t g = 0, begin = 0; g < n_groups; begin = ends[g++]) {
        if (ends[g] == begin)
            continue;
        const float limit = qn_percentile(sorted + begin, ends[g] - begin, l->how->scheme.percentile);
        l->least[g] = l->least[g] < -limit ? -limit : l->least[g];
        l->largest[g] = l->largest[g] > limit ? limit : l->largest[g];
    }
    return QN_OK;
}

/* ---- scales ------------------------------------------------------------------------------------------------ */

/* OCP Microscaling Formats 1.0, 6.3: 2^(floor(log2 max|x|) - emax), emax the exponent of the type's largest number. An int8 is
 * a number of 2^-6 steps there, which the scale here holds. */
static float shared_power(const linear *l, float top) {
    if (top == 0)
        return 0;
    const int exponent = ilogbf(top) - ilogbf(l->levels);
    return ldexpf(1.0f, exponent < -127 ? -127 : exponent);
}

/* The scale and zero point that a range of numbers asks for. */
static void scale_of_range(const linear *l, float lo, float hi, float *scale, int32_t *zero) {
    const float top = -lo > hi ? -lo : hi;
    const bool sign = qn_scales_signed(l->c);
    *zero = 0;
    if (!l->c->symmetric) {
        const float span = (float)(l->type->max - l->type->min);
        *scale = hi / span - lo / span; /* each by itself: their difference may be too large */
    } else if (l->c->scale_dtype == QN_F8E8M0) {
        *scale = shared_power(l, top);
    } else if (l->type->is_integer && !is_narrow(l) && sign && l->type->is_signed) {
        *scale = (-lo >= hi ? lo : hi) / (float)l->type->min; /* the largest number has the code of the longer side */
    } else {
        *scale = top / l->levels;
    }
}

static int32_t zero_of(const linear *l, float lo, float scale) {
    if (l->c->symmetric)
        return 0;
    const float zero = scale > 0 ? rintf(-lo / scale) + (float)l->type->min : (float)l->type->min;
    return (int32_t)(zero < (float)l->type->min ? (float)l->type->min : zero > (float)l->type->max ? (float)l->type->max : zero);
}

static void ranges_to_scales(linear *l) {
    for (int64_t g = 0; g < l->groups.n_groups; g++)
        scale_of_range(l, l->least[g], l->largest[g], &l->scales[g], &l->zeros[g]);
}

/* Of ranges shrunk by two factors: the codes, and the scale of least squares for them. */
static void try_factors(const linear *l, float low, float high, bool flip, search *found) {
    const bool narrow = is_narrow(l);
    const int64_t n_groups = l->groups.n_groups;
    float scale = 0;
    int32_t zero = 0;
    qn_run run;
    for (int64_t g = 0; g < n_groups; g++)
        found[g].xq = found[g].qq = 0;
    for (int64_t e = 0; e < l->n; e += run.n) {
        run = qn_run_at(&l->groups, e, l->n - e);
        for (int64_t i = 0; i < run.n; i++) {
            const int64_t g = run.group + i * run.step;
            if (i == 0 || run.step) {
                scale_of_range(l, l->least[g] * low, l->largest[g] * high, &scale, &zero);
                scale = flip ? -scale : scale;
                zero = zero_of(l, l->least[g] * low, scale);
            }
            if (!counts(l, e + i))
                continue;
            const double q = (double)number_of(l->type, narrow, l->x[e + i], scale, zero), w = (double)weight_of(l, e + i);
            found[g].xq += w * (double)l->x[e + i] * q;
            found[g].qq += w * q * q;
        }
    }
    const bool sign = qn_scales_signed(l->c) && l->c->symmetric;
    for (int64_t g = 0; g < n_groups; g++) {
        search *f = &found[g];
        const double gain = f->qq > 0 && (sign || f->xq > 0) ? f->xq * f->xq / f->qq : 0;
        if (gain > f->best) {
            f->best = gain;
            f->scale = (float)(f->xq / f->qq);
            scale_of_range(l, l->least[g] * low, l->largest[g] * high, &scale, &zero);
            f->zero = zero_of(l, l->least[g] * low, flip ? -scale : scale);
        }
    }
}

/* Near what was found: scales times a factor, zero points as they are. */
static void try_near(const linear *l, const search *near, float factor, search *found) {
    const bool narrow = is_narrow(l), sign = qn_scales_signed(l->c) && l->c->symmetric;
    qn_run run;
    for (int64_t g = 0; g < l->groups.n_groups; g++)
        found[g].xq = found[g].qq = 0;
    for (int64_t e = 0; e < l->n; e += run.n) {
        run = qn_run_at(&l->groups, e, l->n - e);
        for (int64_t i = 0; i < run.n; i++) {
            const int64_t g = run.group + i * run.step;
            if (!counts(l, e + i))
                continue;
            const double q = (double)number_of(l->type, narrow, l->x[e + i], near[g].scale * factor, near[g].zero),
                         w = (double)weight_of(l, e + i);
            found[g].xq += w * (double)l->x[e + i] * q;
            found[g].qq += w * q * q;
        }
    }
    for (int64_t g = 0; g < l->groups.n_groups; g++) {
        search *f = &found[g];
        const double gain = f->qq > 0 && (sign || f->xq > 0) ? f->xq * f->xq / f->qq : 0;
        if (gain > f->best) {
            f->best = gain;
            f->scale = (float)(f->xq / f->qq);
            f->zero = near[g].zero;
        }
    }
}

static qn_status search_scales(linear *l) {
    static const float near_factors[] = {1.0f, 0.98f, 1.02f, 0.96f, 1.04f};
    static const float symmetric[] = {1.0f, 0.97f, 0.94f, 0.91f, 0.88f, 0.84f, 0.80f, 0.75f, 0.70f, 0.65f, 0.60f, 0.55f,
                                      0.50f, 0.45f, 0.40f, 1.04f, 1.08f, 1.12f},
                       asymmetric[] = {1.0f, 0.92f, 0.84f, 0.75f, 0.65f, 1.06f};
    search *found, *near;
    QN_NEW_ARRAY(l->ctx, l->arena, found, l->groups.n_groups + 1);
    QN_NEW_ARRAY(l->ctx, l->arena, near, l->groups.n_groups + 1);
    const bool flips = l->c->symmetric && l->type->is_integer && !is_narrow(l) && qn_scales_signed(l->c);
    for (size_t i = 0; l->c->symmetric && i < sizeof symmetric / sizeof *symmetric; i++)
        for (int flip = 0; flip <= flips; flip++)
            try_factors(l, symmetric[i], symmetric[i], flip, found);
    for (size_t i = 0; !l->c->symmetric && i < sizeof asymmetric / sizeof *asymmetric; i++)
        for (size_t k = 0; k < sizeof asymmetric / sizeof *asymmetric; k++)
            try_factors(l, asymmetric[i], asymmetric[k], false, found);
    for (size_t i = 0; i < sizeof near_factors / sizeof *near_factors; i++) {
        memcpy(near, found, (size_t)l->groups.n_groups * sizeof *near);
        try_near(l, near, near_factors[i], found);
    }
    for (int64_t g = 0; g < l->groups.n_groups; g++)
        if (found[g].best > 0) {
            l->scales[g] = found[g].scale;
            l->zeros[g] = found[g].zero;
        }
    return QN_OK;
}

/* ---- codes ----------------------------------------------------------------------------------------------------- */

/* Weighted squared error of the tensor under the scales as they are stored. */
static double error_of(const linear *l) {
    const bool narrow = is_narrow(l);
    double sum = 0;
    qn_run run;
    for (int64_t e = 0; e < l->n; e += run.n) {
        run = qn_run_at(&l->groups, e, l->n - e);
        for (int64_t i = 0; i < run.n; i++) {
            const int64_t g = run.group + i * run.step;
            const float stored = number_of(l->type, narrow, l->x[e + i], l->scales[g], l->zeros[g]) * l->scales[g];
            const double d = (double)l->x[e + i] - (double)stored;
            if (counts(l, e + i))
                sum += (double)weight_of(l, e + i) * d * d;
        }
    }
    return sum;
}

static void put_code(int bits, uint32_t code, uint8_t *bytes, int64_t i) {
    const size_t bit = (size_t)i * (size_t)bits;
    const uint32_t word = (code & ((1u << bits) - 1)) << bit % 8;
    bytes[bit / 8] = (uint8_t)(bytes[bit / 8] | word);
    if (bit % 8 + (size_t)bits > 8)
        bytes[bit / 8 + 1] = (uint8_t)(bytes[bit / 8 + 1] | word >> 8);
}

static qn_status put_codes(linear *l, qn_bytes part[QN_MAX_PARTS]) {
    const bool narrow = is_narrow(l);
    uint8_t *codes, *zeros;
    qn_run run;
    if (!qn_const_part_bytes(l->c, QN_PART_CODES, &part[QN_PART_CODES].n) ||
        !qn_const_part_bytes(l->c, QN_PART_ZERO_POINTS, &part[QN_PART_ZERO_POINTS].n))
        return qn_fail(l->ctx, QN_USAGE, "tensor '%s': its codes have no size", l->c->name);
    QN_NEW_ARRAY(l->ctx, l->arena, codes, part[QN_PART_CODES].n + 1);
    QN_NEW_ARRAY(l->ctx, l->arena, zeros, part[QN_PART_ZERO_POINTS].n + 1);
    for (int64_t e = 0; e < l->n; e += run.n) {
        run = qn_run_at(&l->groups, e, l->n - e);
        for (int64_t i = 0; i < run.n; i++) {
            const int64_t g = run.group + i * run.step;
            const float scale = l->scales[g], x = l->x[e + i];
            if (l->type->is_integer)
                put_code(l->type->bits, (uint32_t)((int32_t)number_of(l->type, narrow, x, scale, l->zeros[g]) + l->zeros[g]), codes, e + i);
            else
                put_code(l->type->bits, scale != 0 ? qn_code_nearest(l->type, x / scale) : 0, codes, e + i);
        }
    }
    for (int64_t g = 0; !l->c->symmetric && g < l->groups.n_groups; g++)
        put_code(l->type->bits, (uint32_t)l->zeros[g], zeros, g);
    part[QN_PART_CODES].data = codes;
    part[QN_PART_ZERO_POINTS].data = part[QN_PART_ZERO_POINTS].n ? zeros : NULL;
    return QN_OK;
}

/* ---- the tensor --------------------------------------------------------------------------------------------------- */

/* Scales as they are stored, and zero points that follow them. */
static qn_status store(linear *l, bool from_ranges, qn_bytes part[QN_MAX_PARTS]) {
    QN_TRY(qn_scales_store(l->ctx, l->arena, l->c, l->scales, l->groups.n_groups, &part[QN_PART_SCALES], &part[QN_PART_SUPER_SCALES]));
    for (int64_t g = 0; from_ranges && g < l->groups.n_groups; g++)
        l->zeros[g] = zero_of(l, l->least[g], l->scales[g]);
    return QN_OK;
}

/* The search's scales where they are better than the ranges', once both are rounded. */
static qn_status choose(linear *l, qn_bytes part[QN_MAX_PARTS]) {
    const size_t n = (size_t)l->groups.n_groups;
    float *scales;
    int32_t *zeros;
    QN_NEW_ARRAY(l->ctx, l->arena, scales, n + 1);
    QN_NEW_ARRAY(l->ctx, l->arena, zeros, n + 1);
    QN_TRY(store(l, true, part));
    const double plain = error_of(l);
    memcpy(scales, l->scales, n * sizeof *scales);
    memcpy(zeros, l->zeros, n * sizeof *zeros);
    QN_TRY(search_scales(l));
    QN_TRY(store(l, false, part));
    if (error_of(l) <= plain)
        return QN_OK;
    memcpy(l->scales, scales, n * sizeof *scales);
    memcpy(l->zeros, zeros, n * sizeof *zeros);
    return qn_scales_store(l->ctx, l->arena, l->c, l->scales, l->groups.n_groups, &part[QN_PART_SCALES], &part[QN_PART_SUPER_SCALES]);
}

qn_status qn_linear_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, qn_bytes part[QN_MAX_PARTS]) {
    linear l = {.ctx = ctx, .arena = arena, .c = c, .how = c->how, .x = x, .n = qn_const_numel(c), .importance_size = 1,
                .importance_inner = 1, .groups = qn_const_groups(c), .type = qn_code_type_of(c->code_dtype)};
    const qn_range_choice range = c->how ? c->how->scheme.range : QN_RANGE_MINMAX;
    l.levels = l.type->is_integer ? (float)(is_narrow(&l) || !l.type->is_signed ? l.type->max : -l.type->min) : qn_code_largest(l.type);
    if (l.type->is_integer && l.type->is_signed && !qn_scales_signed(c))
        l.levels = (float)l.type->max; /* the longer side serves one sign only */
    if (l.how && l.how->importance) {
        l.importance_size = c->dims[l.how->importance_axis];
        for (int32_t d = l.how->importance_axis + 1; d < c->rank; d++)
            l.importance_inner *= c->dims[d];
    }
    QN_NEW_ARRAY(ctx, arena, l.least, l.groups.n_groups + 1);
    QN_NEW_ARRAY(ctx, arena, l.largest, l.groups.n_groups + 1);
    QN_NEW_ARRAY(ctx, arena, l.scales, l.groups.n_groups + 1);
    QN_NEW_ARRAY(ctx, arena, l.zeros, l.groups.n_groups + 1);
    find_ranges(&l);
    if (range == QN_RANGE_PERCENTILE)
        QN_TRY(clip_ranges(&l));
    ranges_to_scales(&l);
    QN_TRY(range == QN_RANGE_MSE && l.n > 0 ? choose(&l, part) : store(&l, true, part));
    return put_codes(&l, part);
}
