/* Optimal intervals on a line: a grid of edges, made finer where boundaries may be, then the recurrence over what is
 * left (quant/intervals.h). */
#include "quant/intervals.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/layers.h"

enum {
    USUAL_ENTRIES = 1 << 21, /* edges of all boundaries kept at once: 85 MB */
    PRUNINGS = 4,            /* of one grid, each with the bounds of the one before */
};

/* Buffers of the slab. */
enum { POS, OPEN, SUM_S, SUM_W, BEFORE, AFTER, CUT_POS, CUT_OPEN, START, CUT_START, HULL, MADS, GAPS, CUT_GAPS, CAPS, SIDES };

/** Edges where boundaries 0..k may be: those of boundary j at [start[j], start[j + 1]), ascending. Boundary 0 is at 0, k
 *  at m. */
typedef struct grid {
    const qn_line *line;
    qn_slab *slab;
    int k;
    int64_t n, limit;         /* edges in all; at most */
    int64_t *start;           /* [k + 2] */
    uint32_t *pos;            /* point that the edge is before */
    uint8_t *open;            /* 1: the boundary may be between this edge and the next */
    double *s, *w;            /* the line's sums there */
    double *before, *after;   /* best gains of the intervals before and after, then their sum in `before` */
    double *mad, *gap;        /* of the block that begins here; what D of a boundary in it is at most */
    int64_t *lo, *hi;         /* [k + 1] where boundary j may be */
    double noise;             /* what rounding may do to a sum of gains */
} grid;

/* ---- the first grid ---------------------------------------------------------------------------- */

/** The first i with a[i] >= v, among n. */
static int64_t first_at_least(const double *a, int64_t n, double v) {
    int64_t lo = 0;
    while (n > 0) {
        const int64_t half = n / 2;
        if (a[lo + half] < v) {
            lo += half + 1;
            n -= half + 1;
        } else
            n = half;
    }
    return lo;
}
static int64_t first_x(const float *x, int64_t n, double v) {
    int64_t lo = 0;
    while (n > 0) {
        const int64_t half = n / 2;
        if ((double)x[lo + half] < v) {
            lo += half + 1;
            n -= half + 1;
        } else
            n = half;
    }
    return lo;
}

/** Edges 0 and m, and between them half of `blocks` at equal weights and half at equal distances: neither a crowd nor a
 *  long tail is one block. */
static int64_t first_edges(const qn_line *line, int64_t blocks, uint32_t *pos) {
    const int64_t m = line->m, half = blocks / 2;
    const double total = line->w[m], least = (double)line->x[0], width = (double)line->x[m - 1] - least;
    int64_t n = 0, a = 1, b = 1;
    pos[n++] = 0;
    while (a < half || b < half) {
        const int64_t by_weight = a < half ? first_at_least(line->w, m, total * (double)a / (double)half) : m;
        const int64_t by_width = b < half ? first_x(line->x, m, least + width * (double)b / (double)half) : m;
        const int64_t next = by_weight < by_width ? by_weight : by_width;
        a += a < half && by_weight <= by_width;
        b += b < half && by_width <= by_weight;
        if (next > pos[n - 1] && next < m)
            pos[n++] = (uint32_t)next;
    }
    pos[n++] = (uint32_t)m;
    return n;
}

/* ---- gains on a grid ------------------------------------------------------------------------------- */

static bool room(grid *g, int64_t n) {
    const size_t count = (size_t)n;
    g->n = n;
    g->pos = qn_slab_take(g->slab, POS, count, sizeof *g->pos);
    g->open = qn_slab_take(g->slab, OPEN, count, sizeof *g->open);
    g->s = qn_slab_take(g->slab, SUM_S, count, sizeof *g->s);
    g->w = qn_slab_take(g->slab, SUM_W, count, sizeof *g->w);
    g->before = qn_slab_take(g->slab, BEFORE, count, sizeof *g->before);
    g->after = qn_slab_take(g->slab, AFTER, count, sizeof *g->after);
    g->mad = qn_slab_take(g->slab, MADS, count, sizeof *g->mad);
    g->gap = qn_slab_take(g->slab, GAPS, count, sizeof *g->gap);
    return g->pos && g->open && g->s && g->w && g->before && g->after && g->mad && g->gap;
}

static qn_side side(const grid *g, int j, double *best) {
    const int64_t at = g->start[j];
    return (qn_side){g->start[j + 1] - at, g->pos + at, g->s + at, g->w + at, best + at};
}

static void gains(grid *g) {
    for (int64_t i = 0; i < g->n; i++) {
        g->s[i] = g->line->s[g->pos[i]];
        g->w[i] = g->line->w[g->pos[i]];
    }
    g->before[0] = 0;
    g->after[g->n - 1] = 0;
    for (int j = 1; j <= g->k; j++) {
        qn_side rows = side(g, j, g->before), columns = side(g, j - 1, g->before);
        qn_layer_before(&rows, &columns, false);
    }
    for (int j = g->k - 1; j >= 0; j--) {
        qn_side rows = side(g, j, g->after), columns = side(g, j + 1, g->after);
        qn_layer_after(&rows, &columns, false);
    }
    for (int64_t i = 0; i < g->n; i++)
        g->before[i] += g->after[i];
}

/* ---- what may be dropped ------------------------------------------------------------------------------ */

/** The sum of w |x - mean| over the points p..q-1: twice that of those below the mean. */
static double deviation(const qn_line *line, int64_t p, int64_t q) {
    if (q - p < 2)
        return 0;
    const double mean = (line->s[q] - line->s[p]) / (line->w[q] - line->w[p]);
    const int64_t t = p + first_x(line->x + p, q - p, mean + line->origin);
    const double mad = 2 * (mean * (line->w[t] - line->w[p]) - (line->s[t] - line->s[p]));
    return mad > 0 ? mad : 0;
}

static double mean_of(const qn_line *line, int64_t p, int64_t q) {
    return (line->s[q] - line->s[p]) / (line->w[q] - line->w[p]);
}

/** True when boundary j may be between edges i and i + 1, given what an edge must reach. */
static bool may_hold(const grid *g, int64_t i, double least) {
    return g->open[i] && (!(g->before[i] < least) || !(g->before[i + 1] < least));
}

/** lo and hi of each boundary. */
static void find_hulls(grid *g, double least) {
    for (int j = 0; j <= g->k; j++) {
        int64_t a = g->start[j], b = g->start[j + 1] - 1;
        while (a < b && g->before[a] < least && !may_hold(g, a, least))
            a++;
        while (b > a && g->before[b] < least && !may_hold(g, b - 1, least))
            b--;
        /* j intervals that are not empty are before boundary j, k - j after it */
        const int64_t least_pos = j, most_pos = g->line->m - (g->k - j);
        g->lo[j] = g->pos[a] < least_pos ? least_pos : g->pos[a] > most_pos ? most_pos : g->pos[a];
        g->hi[j] = g->pos[b] < least_pos ? least_pos : g->pos[b] > most_pos ? most_pos : g->pos[b];
    }
}

/** A: what moving all boundaries of the best intervals to edges may cost. */
static double allowance(const grid *g, double least) {
    double sum = 0;
    for (int j = 1; j < g->k; j++) {
        double top = 0;
        const int64_t lo = g->lo[j - 1], hi = g->hi[j + 1];
        for (int64_t i = g->start[j]; i + 1 < g->start[j + 1]; i++) {
            if (g->mad[i] == 0 || !may_hold(g, i, least))
                continue;
            const int64_t p = g->pos[i] > lo ? g->pos[i] : lo + 1, q = g->pos[i + 1] < hi ? g->pos[i + 1] : hi - 1;
            const double d = mean_of(g->line, q, hi) - mean_of(g->line, lo, p);
            const double cost = (d < g->gap[i] ? d : g->gap[i]) * g->mad[i];
            top = cost > top ? cost : top;
        }
        sum += top;
    }
    return sum;
}

/** Bound D by what one interval more could save (intervals.h), on the first grid, where all boundaries have the same edges.
 *  `allowed`: no error of k intervals is under that of the grid less this. */
static void bound_gaps(grid *g, double allowed) {
    const qn_line *line = g->line;
    const double best = g->before[g->n - 1], least = line->squares - best - allowed - g->noise;
    double saves = INFINITY;
    for (int j = 1; j < g->k; j++) {
        const double error = line->squares - g->before[g->start[j + 1] - 1] + g->noise;
        const double each = (error - (least > 0 ? least : 0)) / (g->k - j);
        saves = each < saves ? each : saves;
    }
    const int64_t first = g->start[1], n = g->start[2] - first;
    for (int64_t b = 0; b + 1 < n; b++) {
        const double low = (double)line->x[g->pos[first + b]], high = (double)line->x[g->pos[first + b + 1] - 1];
        double gap = INFINITY;
        for (int64_t r = 0; r < 8 && b - r >= 0 && b + r + 1 < n; r++) {
            const int64_t p = g->pos[first + b - r], q = g->pos[first + b + r + 1];
            const double down = high - (double)line->x[p], up = (double)line->x[q - 1] - low, reach = up > down ? up : down;
            const double here = 2 * (reach + sqrt(reach * reach + saves / (line->w[q] - line->w[p])));
            gap = here < gap ? here : gap;
        }
        g->gap[first + b] = gap;
    }
    g->gap[first + n - 1] = 0;
    for (int j = 2; j < g->k; j++)
        memcpy(g->gap + g->start[j], g->gap + first, (size_t)n * sizeof *g->gap);
}

/** Drop edges that are ends of no block where a boundary may be. */
static void prune(grid *g, bool first_time) {
    const double best = g->before[g->n - 1];
    double least = -INFINITY;
    for (int turn = 0; turn < PRUNINGS; turn++) {
        find_hulls(g, least);
        if (first_time)
            bound_gaps(g, best - least);
        const double next = best - allowance(g, least) - g->noise;
        if (!(next > least))
            break;
        least = next;
    }
    int64_t n = 0;
    for (int j = 0; j <= g->k; j++) {
        const int64_t first = g->start[j], end = g->start[j + 1];
        bool was = false; /* the block before edge i is kept */
        g->start[j] = n;
        for (int64_t i = first; i < end; i++) {
            const bool open = i + 1 < end && may_hold(g, i, least);
            if (was || open || !(g->before[i] < least)) {
                /* block i looks at edges i and i + 1 only, which n <= i has not overwritten */
                g->pos[n] = g->pos[i];
                g->gap[n] = g->gap[i];
                g->open[n++] = open;
            }
            was = open;
        }
    }
    g->start[g->k + 1] = g->n = n;
}

/* ---- finer -------------------------------------------------------------------------------------------- */

/** Cut the blocks into `pieces` each. False when out of memory. */
static bool refine(grid *g, int64_t pieces, int64_t n) {
    uint32_t *pos = qn_slab_take(g->slab, CUT_POS, (size_t)n, sizeof *pos);
    uint8_t *open = qn_slab_take(g->slab, CUT_OPEN, (size_t)n, sizeof *open);
    double *gap = qn_slab_take(g->slab, CUT_GAPS, (size_t)n, sizeof *gap);
    if (!pos || !open || !gap)
        return false;
    int64_t at = 0;
    for (int j = 0; j <= g->k; j++) {
        const int64_t first = g->start[j], end = g->start[j + 1];
        g->start[j] = at;
        for (int64_t i = first; i < end; i++) {
            pos[at] = g->pos[i];
            gap[at] = g->gap[i];
            open[at++] = g->open[i];
            if (!g->open[i])
                continue;
            const int64_t points = (int64_t)g->pos[i + 1] - g->pos[i], parts = points < pieces ? points : pieces;
            for (int64_t c = 1; c < parts; c++) {
                pos[at] = (uint32_t)(g->pos[i] + points * c / parts);
                gap[at] = g->gap[i];
                open[at++] = 1;
            }
        }
    }
    g->start[g->k + 1] = at;
    if (!room(g, at))
        return false;
    for (int64_t i = 0; i < at; i++) {
        g->pos[i] = pos[i];
        g->open[i] = open[i];
        g->gap[i] = gap[i];
        g->mad[i] = open[i] ? deviation(g->line, pos[i], pos[i + 1]) : 0;
    }
    return true;
}

/** Edges after cutting into `pieces`, and the points where boundaries may be. */
static int64_t count(const grid *g, int64_t pieces, int64_t *points) {
    int64_t n = g->n;
    *points = g->n;
    for (int64_t i = 0; i < g->n; i++)
        if (g->open[i]) {
            const int64_t inside = (int64_t)g->pos[i + 1] - g->pos[i];
            n += (inside < pieces ? inside : pieces) - 1;
            *points += inside - 1;
        }
    return n;
}

/* ---- the points that are left ---------------------------------------------------------------------------- */

/** What the recurrence over points needs: three boundaries' edges. */
typedef struct last {
    const grid *g;
    qn_side side[3]; /* const members point into own */
    uint32_t *pos[3];
    double *s[3], *w[3];
    uint32_t *bounds;
} last;

/** All places of boundary j strictly between the points p0 and p1. */
static void list(last *l, int which, int j, int64_t p0, int64_t p1) {
    const grid *g = l->g;
    int64_t n = 0;
    for (int64_t i = g->start[j]; i < g->start[j + 1]; i++) {
        const int64_t from = g->pos[i], to = g->open[i] ? (int64_t)g->pos[i + 1] : from + 1;
        for (int64_t p = from > p0 ? from : p0 + 1; p < to && p < p1; p++) {
            l->pos[which][n] = (uint32_t)p;
            l->s[which][n] = g->line->s[p];
            l->w[which][n++] = g->line->w[p];
        }
    }
    l->side[which].n = n;
}

static void lone(last *l, int which, int64_t p) {
    l->pos[which][0] = (uint32_t)p;
    l->s[which][0] = l->g->line->s[p];
    l->w[which][0] = l->g->line->w[p];
    l->side[which].best[0] = 0;
    l->side[which].n = 1;
}

/** Boundaries between j0, at point p0, and j1, at p1: the middle one from the gains before and after it, then those on both
 *  sides. Memory is that of three boundaries, and the work twice that of one pass. */
static void halve(last *l, int j0, int64_t p0, int j1, int64_t p1) {
    if (j1 - j0 < 2)
        return;
    const int mid = j0 + (j1 - j0) / 2;
    int now = 0;
    lone(l, now, p0);
    for (int j = j0 + 1; j <= mid; j++, now = 1 - now) {
        list(l, 1 - now, j, p0, p1);
        qn_layer_before(&l->side[1 - now], &l->side[now], true);
    }
    const int kept = now;
    int spare = 1 - now;
    now = 2;
    lone(l, now, p1);
    for (int j = j1 - 1; j >= mid; j--) {
        list(l, spare, j, p0, p1);
        qn_layer_after(&l->side[spare], &l->side[now], true);
        const int t = now;
        now = spare;
        spare = t;
    }
    const int64_t low = p0 + (mid - j0), high = p1 - (j1 - mid);
    int64_t at = low;
    double best = -INFINITY;
    for (int64_t i = 0; i < l->side[kept].n; i++) {
        const double v = l->side[kept].best[i] + l->side[now].best[i];
        if (v > best && l->pos[kept][i] >= low && l->pos[kept][i] <= high) {
            best = v;
            at = l->pos[kept][i];
        }
    }
    l->bounds[mid] = (uint32_t)at;
    halve(l, j0, p0, mid, at);
    halve(l, mid, at, j1, p1);
}

static bool solve_points(const grid *g, uint32_t *bounds) {
    int64_t most = 1;
    for (int j = 0; j <= g->k; j++) {
        int64_t n = 0;
        for (int64_t i = g->start[j]; i < g->start[j + 1]; i++)
            n += g->open[i] ? (int64_t)g->pos[i + 1] - g->pos[i] : 1;
        most = n > most ? n : most;
    }
    last l = {.g = g, .bounds = bounds};
    for (int i = 0; i < 3; i++) {
        l.pos[i] = qn_slab_take(g->slab, SIDES + 4 * i, (size_t)most, sizeof *l.pos[i]);
        l.s[i] = qn_slab_take(g->slab, SIDES + 4 * i + 1, (size_t)most, sizeof *l.s[i]);
        l.w[i] = qn_slab_take(g->slab, SIDES + 4 * i + 2, (size_t)most, sizeof *l.w[i]);
        double *best = qn_slab_take(g->slab, SIDES + 4 * i + 3, (size_t)most, sizeof *best);
        if (!l.pos[i] || !l.s[i] || !l.w[i] || !best)
            return false;
        l.side[i] = (qn_side){0, l.pos[i], l.s[i], l.w[i], best};
    }
    halve(&l, 0, 0, g->k, g->line->m);
    return true;
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

/** What rounding may do to a sum of k gains; see the bound in intervals.h. */
static double noise(const qn_line *line, int k) {
    const double a = fabs((double)line->x[0] - line->origin), b = fabs((double)line->x[line->m - 1] - line->origin);
    const double x = a > b ? a : b, below = line->s[first_x(line->x, line->m, line->origin)];
    const double spread = line->s[line->m] - 2 * below; /* sum of w |x - origin| */
    return 8 * DBL_EPSILON * k * x * (spread + (line->whole ? 0 : x * line->w[line->m]));
}

static bool first_grid(grid *g, int64_t blocks) {
    uint32_t *pos = qn_slab_take(g->slab, CUT_POS, (size_t)blocks + 2, sizeof *pos);
    if (!pos)
        return false;
    const int64_t n = first_edges(g->line, blocks, pos);
    if (!room(g, (g->k - 1) * n + 2))
        return false;
    for (int j = 0; j <= g->k; j++)
        g->start[j + 1] = j < g->k ? 1 + j * n : g->n;
    g->start[0] = 0;
    for (int64_t e = 0; e < n; e++) {
        const double mad = e + 1 < n ? deviation(g->line, pos[e], pos[e + 1]) : 0;
        for (int j = 1; j < g->k; j++) {
            const int64_t i = g->start[j] + e;
            g->pos[i] = pos[e];
            g->open[i] = e + 1 < n;
            g->mad[i] = mad;
        }
    }
    const int64_t ends[2] = {0, g->n - 1};
    for (int e = 0; e < 2; e++) {
        g->pos[ends[e]] = (uint32_t)(e ? g->line->m : 0);
        g->open[ends[e]] = 0;
        g->mad[ends[e]] = 0;
    }
    return true;
}

bool qn_intervals(qn_slab *slab, const qn_line *line, int k, int64_t entries, uint32_t *bounds) {
    grid g = {.line = line, .slab = slab, .k = k, .limit = entries > 0 ? entries : USUAL_ENTRIES};
    bounds[0] = 0;
    bounds[k] = (uint32_t)line->m;
    if (k == 1 || k == line->m) {
        for (int j = 1; j < k; j++)
            bounds[j] = (uint32_t)j;
        return true;
    }
    const int64_t pieces = 4;
    int64_t blocks = 8 * (int64_t)k;
    blocks = blocks < 64 ? 64 : blocks > 2048 ? 2048 : blocks;
    g.start = qn_slab_take(slab, START, (size_t)k + 2, sizeof *g.start);
    g.lo = qn_slab_take(slab, HULL, 2 * ((size_t)k + 1), sizeof *g.lo);
    if (!g.start || !g.lo)
        return false;
    g.hi = g.lo + k + 1;
    g.noise = noise(line, k);
    if (!first_grid(&g, blocks))
        return false;
    for (bool first_time = true;;) {
        int64_t points;
        (void)count(&g, pieces, &points);
        if (points <= 3 * g.n)
            break;
        gains(&g);
        prune(&g, first_time);
        first_time = false;
        const int64_t n = count(&g, pieces, &points);
        if (points <= 2 * n || n > g.limit)
            break;
        if (!refine(&g, pieces, n))
            return false;
    }
    return solve_points(&g, bounds);
}
