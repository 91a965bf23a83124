/* Histograms that grow: the counts of one made at once, whatever the order. */
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "quant/histogram.h"

static int64_t total(const qn_histogram *h) {
    int64_t n = 0;
    for (int i = 0; i < QN_HISTOGRAM_BINS; i++)
        n += h->counts[i];
    return n;
}

/* Each number is in the bin that begins at or before it. */
static void check_counts(const qn_histogram *h, const float *x, int64_t n) {
    int64_t counts[QN_HISTOGRAM_BINS] = {0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t bin = (int64_t)floor((double)x[i] / h->width) - h->first;
        assert_in_range(bin, 0, QN_HISTOGRAM_BINS - 1);
        counts[bin]++;
    }
    assert_memory_equal(counts, h->counts, sizeof counts);
    assert_int_equal(total(h), n);
    assert_int_equal(h->n, n);
}

QN_TEST(quant_histogram_is_one_made_at_once) {
    enum { N = 4000 };
    static float x[N];
    uint64_t seed = 17;
    static const int64_t cuts[] = {0, 1, 2, 7, 100, 1200, 3999, N};
    for (int round = 0; round < 40; round++) {
        qn_histogram pieces = {0}, whole = {0};
        const double offset = round % 3 ? 40.0 * (round % 5 - 2) : 0;
        for (int i = 0; i < N; i++)
            x[i] = (float)((qn_random_uniform(&seed) - 0.5) * exp2(i / 300.0) + offset);
        for (size_t c = 0; c + 1 < sizeof cuts / sizeof cuts[0]; c++)
            qn_histogram_add(&pieces, x + cuts[c], cuts[c + 1] - cuts[c]);
        qn_histogram_add(&whole, x, N);
        check_counts(&whole, x, N);
        assert_memory_equal(&pieces, &whole, sizeof whole);
        /* the width is the smallest: half of it would not do */
        assert_true(floor((double)whole.largest / whole.width * 2) - floor((double)whole.least / whole.width * 2) >= QN_HISTOGRAM_BINS);
    }
}

QN_TEST(quant_histogram_edges) {
    const float same[] = {3, 3, 3}, tiny[] = {0x1p-149f, 0, -0x1p-149f}, huge[] = {-3e38f, 3e38f, 0};
    qn_histogram h = {0};
    qn_histogram_add(&h, same, 0);
    assert_true(h.width == 0 && h.n == 0);
    qn_histogram_add(&h, same, 3);
    check_counts(&h, same, 3);
    assert_true(qn_histogram_edge(&h, 0) == 3 && h.width <= 3 * 0x1p-29);
    h = (qn_histogram){0};
    qn_histogram_add(&h, tiny, 3);
    check_counts(&h, tiny, 3);
    qn_histogram_add(&h, huge, 3); /* widths double over the whole range of float32 */
    assert_int_equal(total(&h), 6);
    assert_true(h.width == exp2(ceil(log2(6e38 / QN_HISTOGRAM_BINS))) || h.width == 2 * exp2(ceil(log2(6e38 / QN_HISTOGRAM_BINS))));
}
