/* Scales of least squared error.
 *
 * Codes q (less the zero point) of a scale s have the least error when s = sum w x q / sum w q^2, and that error is
 * sum w x^2 - (sum w x q)^2 / sum w q^2: the best codes are those whose *gain* (sum w x q)^2 / sum w q^2 is largest. The codes
 * that x / s gives for every s of a range that holds the best one are tried, in equal steps of log s (and with zero points around
 * those by which the range is cut at its low end, at its high end, or equally); then the neighbourhood of the best, then codes
 * and least squares by turns. */
#include <math.h>
#include <string.h>

#include "quant/affine_work.h"

typedef struct best {
    qn_fit fit;
    double gain[QN_GANG];
} best;

/* The codes of `from`, and whether they gain more, with their least-squares scale. */
static void attempt(const qn_affine *affine, const qn_gang *gang, const qn_fit *from, best *b) {
    double wxq[QN_GANG], wqq[QN_GANG];
    qn_affine_score(affine, gang, from, wxq, wqq);
    for (int l = 0; l < QN_GANG; l++) {
        const double gain = wqq[l] > 0 ? wxq[l] * wxq[l] / wqq[l] : 0;
        if (gain <= b->gain[l] || (wxq[l] < 0 && !affine->sign))
            continue;
        b->gain[l] = gain;
        b->fit.scale[l] = (float)(wxq[l] / wqq[l]);
        b->fit.zero[l] = from->zero[l];
    }
}

static void settle(const qn_affine *affine, const qn_gang *gang, int turns, best *b) {
    for (int i = 0; i < turns; i++) {
        const qn_fit from = b->fit;
        attempt(affine, gang, &from, b);
    }
}

/* What is known of each lane's numbers. */
typedef struct shape {
    float lo[QN_GANG], hi[QN_GANG], rms[QN_GANG], deviation[QN_GANG];
} shape;

static void shape_of(const qn_affine *affine, const qn_gang *gang, shape *s) {
    double xx[QN_GANG], x[QN_GANG], w[QN_GANG];
    affine->kernels->moments(gang, s->lo, s->hi, xx, x, w);
    for (int l = 1; gang->joined && l < QN_GANG; l++) {
        s->lo[0] = s->lo[l] < s->lo[0] ? s->lo[l] : s->lo[0];
        s->hi[0] = s->hi[l] > s->hi[0] ? s->hi[l] : s->hi[0];
        xx[0] += xx[l], x[0] += x[l], w[0] += w[l];
    }
    for (int l = 0; l < QN_GANG; l++) {
        const int from = gang->joined ? 0 : l;
        const double n = w[from] > 0 ? w[from] : 1, mean = x[from] / n, square = xx[from] / n;
        s->lo[l] = s->lo[from];
        s->hi[l] = s->hi[from];
        s->rms[l] = (float)sqrt(square);
        s->deviation[l] = (float)sqrt(square > mean * mean ? square - mean * mean : 0);
    }
}

/* ---- symmetric ----------------------------------------------------------------------------------------- */

enum { CLIPS = 26, NEAR = 8 };

/* From what is more than the whole range to its root mean square: what is beyond that, and more, is never worth clamping. A
 * floating point type's relative error has the period of an octave. */
static void search_symmetric(const qn_affine *affine, const qn_gang *gang, best *b) {
    const float end = -affine->min > affine->max ? -affine->min : affine->max, over = affine->grid.is_integer ? 1.25f : 2.0f;
    const int signs = affine->both_ends && affine->sign ? 2 : 1;
    float first[QN_GANG], ratio[QN_GANG];
    shape s;
    shape_of(affine, gang, &s);
    for (int l = 0; l < QN_GANG; l++) {
        const float top = -s.lo[l] > s.hi[l] ? -s.lo[l] : s.hi[l], least = 0.9f * s.rms[l] < 0.5f * top ? 0.9f * s.rms[l] : 0.5f * top;
        first[l] = top * over / end;
        ratio[l] = top > 0 && least > 0 ? (float)pow((double)least / (double)(top * over), 1.0 / (CLIPS - 1)) : 1;
    }
    for (int sign = 0; sign < signs; sign++) {
        qn_fit from = {{0}, {0}};
        for (int l = 0; l < QN_GANG; l++)
            from.scale[l] = sign ? -first[l] : first[l];
        for (int i = 0; i < CLIPS; i++) {
            attempt(affine, gang, &from, b);
            for (int l = 0; l < QN_GANG; l++)
                from.scale[l] *= ratio[l];
        }
    }
    settle(affine, gang, 2, b);
    const best centre = *b;
    for (int i = 1; i <= NEAR; i++) {
        qn_fit from = centre.fit;
        const double power = (i % 2 ? 1 : -1) * (i + 1) / 2 * 2.0 / (NEAR + 2);
        for (int l = 0; l < QN_GANG; l++)
            from.scale[l] *= (float)pow((double)ratio[l], power);
        attempt(affine, gang, &from, b);
    }
    settle(affine, gang, 3, b);
}

/* ---- asymmetric ------------------------------------------------------------------------------------------- */

enum { SPANS = 18 };

static float clamped(const qn_affine *affine, float zero) {
    return zero < affine->min ? affine->min : zero > affine->max ? affine->max : zero;
}

/* Zero points by which a range is cut: all of them where there are few. */
static int zeros_to_try(const qn_affine *affine) { return affine->type->bits <= 3 ? 1 << affine->type->bits : 5; }

static float zero_to_try(const qn_affine *affine, const shape *s, int l, float scale, int i) {
    if (affine->type->bits <= 3)
        return affine->min + (float)i;
    if (!(scale > 0))
        return 0;
    const float low = rintf(-s->lo[l] / scale) + affine->min, high = affine->max - rintf(s->hi[l] / scale), middle = rintf((low + high) / 2);
    switch (i) {
    case 0: return clamped(affine, low);
    case 1: return clamped(affine, high);
    case 2: return clamped(affine, middle);
    case 3: return clamped(affine, middle - 1);
    default: return clamped(affine, middle + 1);
    }
}

static void search_asymmetric(const qn_affine *affine, const qn_gang *gang, best *b) {
    const float levels = affine->max - affine->min;
    float ratio[QN_GANG];
    qn_fit from = {{0}, {0}};
    shape s;
    shape_of(affine, gang, &s);
    for (int l = 0; l < QN_GANG; l++) {
        const float span = s.hi[l] - s.lo[l], first = span * 1.15f, least = 1.7f * s.deviation[l] < 0.5f * span ? 1.7f * s.deviation[l] : 0.5f * span;
        from.scale[l] = first / levels;
        ratio[l] = span > 0 && least > 0 ? (float)pow((double)least / (double)first, 1.0 / (SPANS - 1)) : 1;
    }
    for (int i = 0; i < SPANS; i++) {
        for (int k = 0; k < zeros_to_try(affine); k++) {
            for (int l = 0; l < QN_GANG; l++)
                from.zero[l] = zero_to_try(affine, &s, l, from.scale[l], k);
            attempt(affine, gang, &from, b);
        }
        for (int l = 0; l < QN_GANG; l++)
            from.scale[l] *= ratio[l];
    }
    settle(affine, gang, 2, b);
    for (int i = 0; i < 9; i++) { /* finer steps, by three zero points */
        if (i == 4)
            continue;
        qn_fit next = b->fit;
        for (int l = 0; l < QN_GANG; l++) {
            next.scale[l] *= (float)pow((double)ratio[l], (i / 3 - 1) / 3.0);
            next.zero[l] = clamped(affine, next.zero[l] + (float)(i % 3 - 1));
        }
        attempt(affine, gang, &next, b);
    }
    settle(affine, gang, 3, b);
}

void qn_affine_search(const qn_affine *affine, const qn_gang *gang, const qn_fit *plain, qn_fit *out) {
    best b = {.fit = *plain};
    attempt(affine, gang, plain, &b);
    if (affine->c->symmetric)
        search_symmetric(affine, gang, &b);
    else
        search_asymmetric(affine, gang, &b);
    *out = b.fit;
}
