#include "quant/histogram.h"

#include <math.h>
#include <string.h>

/** The least width: subnormal numbers are all in the bin of 0, or the one below it. */
#define LEAST_WIDTH 0x1p-126
/** Largest magnitude of a bin's number: numbers alike, far from 0, are not told apart by more than their own bits. */
#define FARTHEST 0x1p30

static int64_t bin_of(double x, double width) { return (int64_t)floor(x / width); }

static bool fits(double least, double largest, double width) {
    return fmax(fabs(least), fabs(largest)) / width < FARTHEST &&
           floor(largest / width) - floor(least / width) < QN_HISTOGRAM_BINS;
}

/** Bins in pairs: bin j of twice the width is bins 2j and 2j + 1. */
static void merge_pairs(qn_histogram *h) {
    const int64_t first = h->first >> 1; /* floor, also of negative numbers */
    const int64_t odd = h->first - 2 * first;
    int64_t merged[QN_HISTOGRAM_BINS] = {0};
    for (int64_t i = 0; i < QN_HISTOGRAM_BINS; i++)
        merged[(i + odd) / 2] += h->counts[i];
    memcpy(h->counts, merged, sizeof merged);
    h->first = first;
    h->width *= 2;
}

/** The window begins at bin `first`; what it leaves is empty. */
static void slide(qn_histogram *h, int64_t first) {
    const int64_t by = h->first - first; /* counts move up by that many */
    int64_t moved[QN_HISTOGRAM_BINS] = {0};
    for (int64_t i = 0; i < QN_HISTOGRAM_BINS; i++)
        if (h->counts[i] && i + by >= 0 && i + by < QN_HISTOGRAM_BINS)
            moved[i + by] = h->counts[i];
    memcpy(h->counts, moved, sizeof moved);
    h->first = first;
}

void qn_histogram_cover(qn_histogram *h, float least, float largest) {
    if (h->width > 0) {
        least = least < h->least ? least : h->least;
        largest = largest > h->largest ? largest : h->largest;
        while (!fits((double)least, (double)largest, h->width))
            merge_pairs(h);
    } else {
        h->width = LEAST_WIDTH;
        while (!fits((double)least, (double)largest, h->width))
            h->width *= 2;
        h->first = bin_of((double)least, h->width);
    }
    h->least = least;
    h->largest = largest;
    if (h->first != bin_of((double)least, h->width))
        slide(h, bin_of((double)least, h->width));
}

void qn_histogram_count(const qn_histogram *h, const float *x, int64_t n, int64_t *counts) {
    const double inverse = 1 / h->width; /* exact: a power of two */
    for (int64_t i = 0; i < n; i++) {
        const double at = (double)x[i] * inverse;
        const int64_t towards_zero = (int64_t)at;
        counts[towards_zero - (at < (double)towards_zero) - h->first]++;
    }
}

void qn_histogram_add(qn_histogram *h, const float *x, int64_t n) {
    if (n <= 0)
        return;
    float least = x[0], largest = x[0];
    for (int64_t i = 1; i < n; i++) {
        least = x[i] < least ? x[i] : least;
        largest = x[i] > largest ? x[i] : largest;
    }
    qn_histogram_cover(h, least, largest);
    qn_histogram_count(h, x, n, h->counts);
    h->n += n;
}
