#include "quant/observe.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = QN_HISTOGRAM_BINS, LEVELS = 256 };

/* ---- the text form -------------------------------------------------------------------------------------- */

static const char g_what[] = "int8, int8:dynamic or int8:static with minmax, average, percentile=P, entropy or mse";

static const struct {
    const char *name;
    qn_observer observer;
} g_observers[] = {
    {"minmax", QN_OBSERVE_MINMAX},
    {"average", QN_OBSERVE_AVERAGE},
    {"entropy", QN_OBSERVE_ENTROPY},
    {"mse", QN_OBSERVE_MSE},
};

static qn_status parse_observer(qn_context *ctx, const char *text, const char *name, qn_activation_scheme *out) {
    static const char percentile[] = "percentile=";
    for (size_t i = 0; i < sizeof g_observers / sizeof g_observers[0]; i++)
        if (strcmp(name, g_observers[i].name) == 0) {
            out->observer = g_observers[i].observer;
            return QN_OK;
        }
    if (strncmp(name, percentile, sizeof percentile - 1) != 0)
        return qn_fail(ctx, QN_USAGE, "activations '%s': '%s' is no observer; there is %s", text, name, g_what);
    const char *number = name + sizeof percentile - 1;
    char *end;
    errno = 0;
    out->percentile = strtod(number, &end);
    out->observer = QN_OBSERVE_PERCENTILE;
    if (end == number || *end || errno || !(out->percentile > 50 && out->percentile <= 100))
        return qn_fail(ctx, QN_USAGE, "activations '%s': a percentile is over 50 and at most 100", text);
    return QN_OK;
}

qn_status qn_activation_scheme_parse(qn_context *ctx, const char *text, qn_activation_scheme *out) {
    static const char fixed[] = "int8:static";
    const size_t n = sizeof fixed - 1;
    *out = (qn_activation_scheme){.observer = QN_OBSERVE_MINMAX};
    if (strcmp(text, "int8") == 0 || strcmp(text, "int8:dynamic") == 0)
        return QN_OK;
    if (strncmp(text, fixed, n) != 0 || (text[n] && text[n] != ':'))
        return qn_fail(ctx, QN_USAGE, "activations '%s': there is %s", text, g_what);
    out->is_static = true;
    return text[n] ? parse_observer(ctx, text, text + n + 1, out) : QN_OK;
}

/* ---- percentile ------------------------------------------------------------------------------------------- */

static void percentile_range(const qn_histogram *h, double percentile, double *lo, double *hi) {
    const double cut = (1 - percentile / 100) / 2 * (double)h->n;
    int64_t below = 0, above = 0;
    int first = 0, last = BINS - 1;
    while (first < BINS - 1 && (double)(below + h->counts[first]) <= cut)
        below += h->counts[first++];
    while (last > first && (double)(above + h->counts[last]) <= cut)
        above += h->counts[last--];
    *lo = qn_histogram_edge(h, first);
    *hi = qn_histogram_edge(h, last + 1);
}

/* ---- entropy ------------------------------------------------------------------------------------------------ */

/** Kullback-Leibler divergence of bins [from, to), the tails beyond added to its ends, from its form of LEVELS levels, each
 *  spread over its bins that are not empty. INFINITY when a bin that only a tail fills meets an empty level. */
static double divergence(const qn_histogram *h, int from, int to) {
    double left = 0, right = 0, inside = 0, sum = 0;
    for (int i = 0; i < from; i++)
        left += (double)h->counts[i];
    for (int i = to; i < BINS; i++)
        right += (double)h->counts[i];
    for (int i = from; i < to; i++)
        inside += (double)h->counts[i];
    for (int level = 0, at = from; level < LEVELS; level++) {
        const int end = from + (int)((int64_t)(to - from) * (level + 1) / LEVELS);
        double mass = 0;
        int filled = 0;
        for (int i = at; i < end; i++) {
            mass += (double)h->counts[i];
            filled += h->counts[i] > 0;
        }
        for (; at < end; at++) {
            const double p = (double)h->counts[at] + (at == from ? left : 0) + (at == to - 1 ? right : 0);
            if (p > 0 && h->counts[at] == 0)
                return (double)INFINITY;
            if (p > 0)
                sum += p / (double)h->n * log(p / (double)h->n / (mass / filled / inside));
        }
    }
    return sum;
}

static int clamp_bin(double bin) { return bin < 0 ? 0 : bin > BINS ? BINS : (int)bin; }

/** Zeros have a code of their own, so a bin full of them must not weigh on the level that it is in: it is no higher than the
 *  bins beside it. */
static void flatten_zeros(qn_histogram *h) {
    const int64_t zero = -h->first;
    if (zero < 0 || zero >= BINS)
        return;
    const int64_t before = zero > 0 ? h->counts[zero - 1] : 0, after = zero < BINS - 1 ? h->counts[zero + 1] : 0;
    const int64_t most = before > after ? before : after, taken = h->counts[zero] > most ? h->counts[zero] - most : 0;
    h->counts[zero] -= taken;
    h->n -= taken;
}

static void entropy_range(const qn_histogram *given, double *lo, double *hi) {
    qn_histogram flat = *given;
    const qn_histogram *h = &flat;
    flatten_zeros(&flat);
    const double least = (double)h->least / h->width, largest = (double)h->largest / h->width;
    const double farthest = ceil(fmax(fabs(least), fabs(largest)));
    double best = (double)INFINITY;
    for (double t = farthest; t >= 1; t -= 1) { /* in bins */
        const int from = clamp_bin(floor(fmax(least, -t)) - (double)h->first);
        const int to = clamp_bin(fmin(floor(largest) + 1, t) - (double)h->first);
        if (to - from < LEVELS && t < farthest)
            break;
        const double d = divergence(h, from, to);
        if (t == farthest || d < best) {
            best = d;
            *lo = qn_histogram_edge(h, from);
            *hi = qn_histogram_edge(h, to);
        }
    }
}

/* ---- mean square -------------------------------------------------------------------------------------------- */

/** Sums over bins [0, i): of counts, of their middles, of squares of those; and of squared rounding errors for one scale. */
typedef struct sums {
    double n[BINS + 1], x[BINS + 1], xx[BINS + 1], rounding[BINS + 1];
} sums;

static double middle(const qn_histogram *h, int i) { return qn_histogram_edge(h, i) + h->width / 2; }

static void sum_moments(const qn_histogram *h, sums *s) {
    s->n[0] = s->x[0] = s->xx[0] = 0;
    for (int i = 0; i < BINS; i++) {
        const double n = (double)h->counts[i], x = middle(h, i);
        s->n[i + 1] = s->n[i] + n;
        s->x[i + 1] = s->x[i] + n * x;
        s->xx[i + 1] = s->xx[i] + n * x * x;
    }
}

/** Numbers even over a bin: the middle's error and their variance, or that of a step where a bin has several. */
static void sum_rounding(const qn_histogram *h, double step, sums *s) {
    s->rounding[0] = 0;
    for (int i = 0; i < BINS; i++) {
        const double x = middle(h, i), e = x - step * rint(x / step), even = fmin(h->width, step);
        const double square = h->width < step ? e * e + even * even / 12 : even * even / 12;
        s->rounding[i + 1] = s->rounding[i] + (double)h->counts[i] * square;
    }
}

/** Sum over bins [from, to) of (x - at)^2. */
static double squares_from(const sums *s, int from, int to, double at) {
    const double n = s->n[to] - s->n[from], x = s->x[to] - s->x[from], xx = s->xx[to] - s->xx[from];
    return xx - 2 * at * x + at * at * n;
}

static void mse_range(const qn_histogram *h, double *lo, double *hi) {
    const double full_lo = fmin((double)h->least, 0), full_hi = fmax((double)h->largest, 0);
    sums s;
    double best = (double)INFINITY;
    sum_moments(h, &s);
    for (int k = 0; k < QN_OBSERVE_STEPS; k++) {
        const double step = (full_hi - full_lo) / (LEVELS - 1) * (1 - (double)k / QN_OBSERVE_STEPS);
        sum_rounding(h, step, &s);
        for (int zero = 0; zero < LEVELS; zero++) {
            const double a = -zero * step, b = (LEVELS - 1 - zero) * step;
            /* bins whose middle is inside */
            const int from = clamp_bin(ceil(a / h->width - 0.5) - (double)h->first);
            const int to = clamp_bin(floor(b / h->width - 0.5) + 1 - (double)h->first);
            if (to < from)
                continue;
            const double e = squares_from(&s, 0, from, a) + s.rounding[to] - s.rounding[from] + squares_from(&s, to, BINS, b);
            if (e < best) {
                best = e;
                *lo = a;
                *hi = b;
            }
        }
    }
}

/* ---- all ------------------------------------------------------------------------------------------------------ */

void qn_observe(qn_observer observer, double percentile, const qn_histogram *h, float *lo, float *hi) {
    double least = (double)h->least, largest = (double)h->largest, a = least, b = largest;
    *lo = *hi = 0;
    if (h->n == 0)
        return;
    switch (observer) {
    case QN_OBSERVE_PERCENTILE: percentile_range(h, percentile, &a, &b); break;
    case QN_OBSERVE_ENTROPY: entropy_range(h, &a, &b); break;
    case QN_OBSERVE_MSE: mse_range(h, &a, &b); break;
    default: break;
    }
    /* Bins end beyond the numbers; the zero point of mse may leave room on one side. */
    if (observer != QN_OBSERVE_MSE) {
        a = fmax(a, least);
        b = fmin(b, largest);
    }
    *lo = (float)fmin(a, 0);
    *hi = (float)fmax(b, 0);
}
