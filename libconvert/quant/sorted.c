/* Sorting by digits, and counting where there are few values. */
#include "quant/sorted.h"

#include <string.h>

#include "base/half.h"
#include "quant/order.h"

enum {
    DIGIT = 11, /* bits: three passes of 2048 counters */
    BINS = 1 << DIGIT,
    PASSES = 3,
    HALVES = 1 << 16,
    FEW = 1 << 15, /* under so many, going through HALVES counters takes longer than sorting */
    CHUNK = 2048,
};
enum { KEYS_A, KEYS_B, COUNTS, X, WEIGHT };

static uint32_t key_of(float x) { return qn_order_key(x + 0.0f); } /* -0 + 0 is 0 */

static bool take(qn_slab *slab, int64_t m, bool weighted, qn_sorted *out) {
    out->x = qn_slab_take(slab, X, (size_t)m, sizeof *out->x);
    out->weight = weighted ? qn_slab_take(slab, WEIGHT, (size_t)m, sizeof *out->weight) : NULL;
    return out->x && (!weighted || out->weight);
}

/* ---- by counting ------------------------------------------------------------------------------------ */

/** halves[n] of values[n]; false when one is no float16 or not finite. */
static bool as_halves(const float *values, int64_t n, uint16_t *halves) {
    float back[CHUNK];
    qn_f32_to_f16_n(values, halves, (size_t)n);
    qn_f16_to_f32_n(halves, back, (size_t)n);
    if (memcmp(back, values, (size_t)n * sizeof *back) != 0)
        return false;
    uint32_t infinite = 0;
    for (int64_t i = 0; i < n; i++)
        infinite |= (halves[i] & 0x7c00u) == 0x7c00u;
    return !infinite;
}

/** 1: done; 0: not all are halves; -1: out of memory. */
static int by_halves(qn_slab *slab, const float *values, const float *weights, int64_t n, qn_sorted *out) {
    uint16_t halves[CHUNK];
    if (!as_halves(values, n < CHUNK ? n : CHUNK, halves))
        return 0;
    double *sums = qn_slab_take(slab, COUNTS, HALVES, sizeof *sums);
    if (!sums)
        return -1;
    memset(sums, 0, HALVES * sizeof *sums);
    for (int64_t at = 0; at < n; at += CHUNK) {
        const int64_t take_n = n - at < CHUNK ? n - at : CHUNK;
        if (!as_halves(values + at, take_n, halves))
            return 0;
        for (int64_t i = 0; i < take_n; i++)
            sums[halves[i]] += weights ? (double)weights[at + i] : 1;
    }
    sums[0] += sums[0x8000];
    sums[0x8000] = 0;
    if (!take(slab, HALVES, true, out))
        return -1;
    int64_t m = 0;
    for (uint32_t i = 0; i < HALVES; i++) { /* from the most negative to -0, then from 0 on */
        const uint32_t h = i < HALVES / 2 ? 0xffffu - i : i - HALVES / 2;
        if (sums[h] > 0) {
            out->x[m] = qn_f16_to_f32((uint16_t)h);
            out->weight[m++] = sums[h];
        }
    }
    out->m = m;
    return 1;
}

/* ---- by digits ---------------------------------------------------------------------------------------- */

typedef struct digits {
    size_t count[PASSES][BINS];
} digits;

static uint32_t digit(uint32_t key, int pass) { return key >> (DIGIT * pass) & (BINS - 1); }

/** Counts to where each digit begins; false when one digit has all, so that the pass changes nothing. */
static bool begin(size_t *count, int64_t n) {
    size_t at = 0;
    for (int b = 0; b < BINS; b++) {
        const size_t here = count[b];
        if (here == (size_t)n)
            return false;
        count[b] = at;
        at += here;
    }
    return true;
}

/** A key in the lower half of 64 bits, the bits of its weight in the upper. Stable: equal keys stay in their order. */
static bool sort_pairs(qn_slab *slab, digits *d, const float *values, const float *weights, int64_t n, uint64_t **sorted) {
    uint64_t *a = qn_slab_take(slab, KEYS_A, (size_t)n, sizeof *a), *b = qn_slab_take(slab, KEYS_B, (size_t)n, sizeof *b);
    if (!a || !b)
        return false;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t key = key_of(values[i]);
        uint32_t w;
        memcpy(&w, &weights[i], sizeof w);
        a[i] = (uint64_t)w << 32 | key;
        for (int p = 0; p < PASSES; p++)
            d->count[p][digit(key, p)]++;
    }
    for (int p = 0; p < PASSES; p++) {
        if (!begin(d->count[p], n))
            continue;
        for (int64_t i = 0; i < n; i++)
            b[d->count[p][digit((uint32_t)a[i], p)]++] = a[i];
        uint64_t *t = a;
        a = b;
        b = t;
    }
    *sorted = a;
    return true;
}

static bool sort_keys(qn_slab *slab, digits *d, const float *values, int64_t n, uint32_t **sorted) {
    uint32_t *a = qn_slab_take(slab, KEYS_A, (size_t)n, sizeof *a), *b = qn_slab_take(slab, KEYS_B, (size_t)n, sizeof *b);
    if (!a || !b)
        return false;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t key = a[i] = key_of(values[i]);
        for (int p = 0; p < PASSES; p++)
            d->count[p][digit(key, p)]++;
    }
    for (int p = 0; p < PASSES; p++) {
        if (!begin(d->count[p], n))
            continue;
        for (int64_t i = 0; i < n; i++)
            b[d->count[p][digit(a[i], p)]++] = a[i];
        uint32_t *t = a;
        a = b;
        b = t;
    }
    *sorted = a;
    return true;
}

static bool by_digits(qn_slab *slab, const float *values, const float *weights, int64_t n, qn_sorted *out) {
    digits *d = qn_slab_take(slab, COUNTS, 1, sizeof *d);
    uint64_t *pairs = NULL;
    uint32_t *keys = NULL;
    if (!d)
        return false;
    memset(d, 0, sizeof *d);
    if (weights ? !sort_pairs(slab, d, values, weights, n, &pairs) : !sort_keys(slab, d, values, n, &keys))
        return false;
    bool repeats = weights != NULL;
    for (int64_t i = 1; i < n && !repeats; i++)
        repeats = keys[i] == keys[i - 1];
    if (!take(slab, n, repeats, out))
        return false;
    int64_t m = 0;
    for (int64_t i = 0; i < n;) {
        const uint32_t key = weights ? (uint32_t)pairs[i] : keys[i];
        double sum = 0;
        if (weights)
            for (; i < n && (uint32_t)pairs[i] == key; i++) {
                const uint32_t bits = (uint32_t)(pairs[i] >> 32);
                float w;
                memcpy(&w, &bits, sizeof w);
                sum += (double)w;
            }
        else
            for (; i < n && keys[i] == key; i++)
                sum += 1;
        if (!(sum > 0))
            continue;
        out->x[m] = qn_order_float(key);
        if (repeats)
            out->weight[m] = sum;
        m++;
    }
    out->m = m;
    return true;
}

bool qn_sort_merge(qn_slab *slab, const float *values, const float *weights, int64_t n, qn_sorted *out) {
    *out = (qn_sorted){0};
    if (n >= FEW) {
        const int done = by_halves(slab, values, weights, n, out);
        if (done != 0)
            return done > 0;
    }
    return by_digits(slab, values, weights, n, out);
}
