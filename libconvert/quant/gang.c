#include "quant/gang.h"

#include <math.h>
#include <string.h>

enum { LONG = 1024 }; /* elements of groups that are dealt out: sixteen shorter ones fit the first-level caches */

static int64_t least64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t ceil_div(int64_t n, int64_t by) { return n / by + (n % by != 0); }

qn_patch qn_patch_of(const qn_groups *s, int64_t numel, int64_t g) {
    if (s->block == 0 && s->n_groups == 1)
        return (qn_patch){0, 1, 0, numel, 1};
    if (s->block == 0)
        return (qn_patch){g * s->inner, numel / (s->n_groups * s->inner), s->n_groups * s->inner, s->inner, 1};
    const int64_t per = ceil_div(s->size, s->block);
    if (s->block2 == 0) {
        const int64_t i = g % s->inner, b = g / s->inner % per, o = g / s->inner / per;
        return (qn_patch){(o * s->size + b * s->block) * s->inner + i, 1, 0, least64(s->block, s->size - b * s->block), s->inner};
    }
    const int64_t per2 = ceil_div(s->size2, s->block2), between = s->inner / (s->size2 * s->inner2);
    const int64_t i = g % s->inner2, b2 = g / s->inner2 % per2, t = g / s->inner2 / per2 % between,
                  b = g / s->inner2 / per2 / between % per, o = g / s->inner2 / per2 / between / per;
    return (qn_patch){((o * s->size + b * s->block) * between + t) * s->size2 * s->inner2 + b2 * s->block2 * s->inner2 + i,
                      least64(s->block, s->size - b * s->block), s->inner, least64(s->block2, s->size2 - b2 * s->block2), s->inner2};
}

/* Elements of the largest group, which the first is. */
static int64_t longest(const qn_gang_source *s) {
    const qn_patch p = qn_patch_of(&s->groups, s->numel, 0);
    return s->numel ? p.n1 * p.n2 : 0;
}
static bool is_joined(const qn_gang_source *s) { return longest(s) > LONG; }
int64_t qn_gang_most(const qn_gang_source *s) { return is_joined(s) ? ceil_div(longest(s), QN_GANG) : longest(s); }
int64_t qn_gang_groups(const qn_gang_source *s) { return is_joined(s) ? 1 : QN_GANG; }

static float weight_of(const qn_gang_source *s, int64_t e) {
    if (s->mask && !(s->mask[e / 8] >> e % 8 & 1))
        return 0.0f;
    return s->importance ? s->importance[e / s->inner % s->size] : 1.0f;
}

/* A patch into every `step`th place of x and w. Returns how many. */
static int64_t load_patch(const qn_gang_source *s, const qn_patch *p, int64_t step, float *x, float *w) {
    int64_t to = 0;
    for (int64_t j = 0; j < p->n1; j++) {
        const int64_t row = p->base + j * p->stride1;
        if (step == 1 && p->stride2 == 1 && !w) {
            memcpy(x + to, s->x + row, (size_t)p->n2 * sizeof *x);
            to += p->n2;
            continue;
        }
        for (int64_t k = 0, e = row; k < p->n2; k++, e += p->stride2, to += step) {
            x[to] = s->x[e];
            if (!w)
                continue;
            w[to] = weight_of(s, e);
            if (s->mask && !(s->mask[e / 8] >> e % 8 & 1))
                x[to] = 0.0f;
        }
    }
    return to / step;
}

/* Lanes whose numbers are so large or so small that their squares are not numbers: into the middle. */
static void bring_near_one(qn_gang *g) {
    static const float far = 0x1p50f;
    float top[QN_GANG] = {0};
    float *x = g->own_x;
    for (int64_t k = 0; k < g->n; k++)
        for (int l = 0; l < QN_GANG; l++)
            top[l] = fabsf(x[k * QN_GANG + l]) > top[l] ? fabsf(x[k * QN_GANG + l]) : top[l];
    if (g->joined)
        for (int l = 1; l < QN_GANG; l++)
            top[0] = top[l] > top[0] ? top[l] : top[0];
    for (int l = 0; l < QN_GANG; l++) {
        const float most = top[g->joined ? 0 : l];
        g->exponent[l] = 0;
        if (most == 0 || (most < far && most > 1 / far))
            continue;
        (void)frexpf(most, &g->exponent[l]);
        for (int64_t k = 0; k < g->n; k++)
            x[k * QN_GANG + l] = ldexpf(x[k * QN_GANG + l], -g->exponent[l]);
    }
}

void qn_gang_load(const qn_gang_source *s, int64_t first, qn_gang *g) {
    float *w = s->importance || s->mask ? g->own_w : NULL;
    g->joined = is_joined(s);
    g->first = first;
    g->n_groups = (int)least64(s->groups.n_groups - first, qn_gang_groups(s));
    g->n = 0;
    g->x = g->own_x;
    g->w = w;
    for (int l = 0; l < g->n_groups; l++) {
        const qn_patch p = qn_patch_of(&s->groups, s->numel, first + l);
        const int64_t n = g->joined ? ceil_div(p.n1 * p.n2, QN_GANG) : p.n1 * p.n2;
        g->n = n > g->n ? n : g->n;
        g->count[l] = p.n1 * p.n2;
    }
    const bool full = g->n_groups == QN_GANG || g->joined;
    for (int l = 0; l < g->n_groups; l++) {
        const qn_patch p = qn_patch_of(&s->groups, s->numel, first + l);
        const int64_t step = g->joined ? 1 : QN_GANG, n = load_patch(s, &p, step, g->own_x + l, w ? w + l : NULL);
        for (int64_t k = n; k < (g->joined ? g->n * QN_GANG : g->n); k++) {
            g->own_x[k * step + l] = 0.0f;
            if (w)
                w[k * step + l] = 0.0f;
        }
    }
    for (int64_t k = 0; !full && k < g->n; k++)
        for (int l = g->n_groups; l < QN_GANG; l++) {
            g->own_x[k * QN_GANG + l] = 0.0f;
            if (w)
                w[k * QN_GANG + l] = 0.0f;
        }
    bring_near_one(g);
}

void qn_gang_unload(const qn_gang_source *s, const qn_gang *g, int8_t *codes) {
    const int64_t step = g->joined ? 1 : QN_GANG;
    for (int l = 0; l < g->n_groups; l++) {
        const qn_patch p = qn_patch_of(&s->groups, s->numel, g->first + l);
        const int8_t *from = g->codes + l;
        for (int64_t j = 0; j < p.n1; j++)
            for (int64_t k = 0, e = p.base + j * p.stride1; k < p.n2; k++, e += p.stride2, from += step)
                codes[e] = *from;
    }
}
