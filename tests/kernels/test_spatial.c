/* The taps of a window, against every tap tried one by one. */
#include "kernels/spatial.h"
#include "tests/test.h"

#include <stdlib.h>

enum { ROOM = 64 };

typedef struct brute {
    int64_t n, in[ROOM], kernel[ROOM];
} brute;

/* Taps of both axes that pass `fits`, the last axis fastest. */
static void try_all(const qn_spatial *w, const int64_t *pos, bool transposed, brute *b) {
    b->n = 0;
    for (int64_t k = 0; k < w->axis[0].kernel * w->axis[1].kernel; k++) {
        int64_t tap[2] = {k / w->axis[1].kernel, k % w->axis[1].kernel}, in[2];
        bool inside = true;
        for (int i = 0; i < 2; i++) {
            const qn_spatial_axis *a = &w->axis[i];
            if (transposed) {
                int64_t scaled = pos[i] + a->pad_begin - tap[i] * a->dilation;
                inside = inside && scaled >= 0 && scaled % a->stride == 0;
                in[i] = scaled / a->stride;
            } else {
                in[i] = pos[i] * a->stride - a->pad_begin + tap[i] * a->dilation;
            }
            inside = inside && in[i] >= 0 && in[i] < a->in;
        }
        if (!inside)
            continue;
        b->in[b->n] = in[0] * w->axis[1].in + in[1];
        b->kernel[b->n++] = k;
    }
}

static int smaller_first(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return x[0] < y[0] ? -1 : x[0] > y[0];
}

static void compare(const qn_spatial *w, const int64_t *pos, bool transposed) {
    int64_t in[ROOM], kernel[ROOM];
    qn_taps taps = {0, in, kernel};
    brute b;
    try_all(w, pos, transposed, &b);
    (transposed ? qn_spatial_taps_transposed : qn_spatial_taps)(w, pos, &taps);
    assert_int_equal(taps.n, b.n);
    int64_t got[ROOM][2], want[ROOM][2];
    for (int64_t i = 0; i < b.n; i++) {
        got[i][0] = taps.kernel[i];
        got[i][1] = taps.in[i];
        want[i][0] = b.kernel[i];
        want[i][1] = b.in[i];
    }
    qsort(got, (size_t)b.n, sizeof got[0], smaller_first);
    for (int64_t i = 0; i < b.n; i++) {
        assert_int_equal(got[i][0], want[i][0]);
        assert_int_equal(got[i][1], want[i][1]);
    }
}

QN_TEST(kernels_spatial_taps) {
    for (int code = 0; code < 5 * 4 * 4 * 4 * 3; code++) {
        qn_spatial w = {.n = 2};
        w.axis[0] = (qn_spatial_axis){.in = 1 + code % 5, .kernel = 1 + code / 5 % 4, .stride = 1 + code / 20 % 4,
                                      .dilation = 1 + code / 80 % 4, .pad_begin = code / 320 % 3};
        w.axis[1] = (qn_spatial_axis){.in = 4, .kernel = 3, .stride = 2, .dilation = 1, .pad_begin = 1};
        for (int64_t y = 0; y < 12; y++)
            for (int64_t x = 0; x < 4; x++)
                for (int transposed = 0; transposed < 2; transposed++)
                    compare(&w, (int64_t[]){y, x}, transposed != 0);
    }
}

QN_TEST(kernels_spatial_padded_taps) {
    qn_spatial w = {.n = 1};
    w.axis[0] = (qn_spatial_axis){.in = 5, .kernel = 3, .stride = 2, .dilation = 1, .pad_begin = 1, .pad_end = 1};
    /* windows at -1, 1, 3 and 5; the padded input ends after 5 */
    static const double want[4] = {3, 3, 3, 1};
    for (int64_t o = 0; o < 4; o++)
        assert_true(qn_spatial_padded_taps(&w, &o) == want[o]);
}
