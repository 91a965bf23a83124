/* Against what PyTorch made (tests/data/make_resize.py), bit for bit; and properties that need no other program. */
#include "image/resize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "image/axis.h"
#include "read/npy.h"
#include "tests/test.h"

static const qn_tensor *find(const qn_npz_entry *entries, int32_t n, const char *name) {
    for (int32_t i = 0; i < n; i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i].tensor;
    fail_msg("no array '%s'", name);
    return NULL;
}

static void check_case(qn_context *ctx, const char *name, const qn_tensor *in, const qn_tensor *out,
                       qn_interpolation interpolation, bool antialias) {
    float *got = malloc(out->n_bytes);
    assert_non_null(got);
    ASSERT_OK(ctx, qn_resize(ctx, in->data, in->dims[0], in->dims[1], in->dims[2], got, out->dims[1], out->dims[2],
                             interpolation, antialias));
    const float *want = out->data;
    for (size_t i = 0; i < out->n_bytes / sizeof *got; i++)
        if (memcmp(&got[i], &want[i], sizeof *got) != 0)
            fail_msg("%s: element %zu is %.9g, not %.9g", name, i, (double)got[i], (double)want[i]);
    free(got);
}

QN_TEST(image_resize_bits_of_pytorch) {
    static const struct {
        const char *name;
        qn_interpolation interpolation;
        bool antialias;
    } modes[] = {{"nearest", QN_INTERPOLATE_NEAREST, false},
                 {"bilinear", QN_INTERPOLATE_BILINEAR, false},
                 {"bicubic", QN_INTERPOLATE_BICUBIC, false},
                 {"bilinear_aa", QN_INTERPOLATE_BILINEAR, true},
                 {"bicubic_aa", QN_INTERPOLATE_BICUBIC, true}};
    enum { N_SIZES = 9 };
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    qn_npz_entry *entries;
    int32_t n;
    ASSERT_OK(ctx, qn_npz_read(ctx, arena, "tests/data/resize.npz", NULL, &entries, &n));
    for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++)
        for (int i = 0; i < N_SIZES; i++) {
            char in[64], out[64];
            snprintf(in, sizeof in, "in.%d", i);
            snprintf(out, sizeof out, "%s.%d", modes[m].name, i);
            check_case(ctx, out, find(entries, n, in), find(entries, n, out), modes[m].interpolation, modes[m].antialias);
        }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Columns that are whole blocks: means of 3 x 2 pixels, exact in float32 for small integers and these weights. */
QN_TEST(image_resize_area) {
    enum { H = 4, W = 8 };
    qn_context *ctx = qn_test_context();
    float in[H * W], out[2 * 2], grown[1 * 16];
    for (int i = 0; i < H * W; i++)
        in[i] = (float)(i * i % 61);
    ASSERT_OK(ctx, qn_resize(ctx, in, 1, H, W, out, 2, 2, QN_INTERPOLATE_AREA, false));
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 2; x++) {
            double sum = 0;
            for (int r = 0; r < 2; r++)
                for (int c = 0; c < 4; c++)
                    sum += (double)in[(2 * y + r) * W + 4 * x + c];
            assert_true((double)out[2 * y + x] == sum / 8); /* weights 1/4 and 1/2 */
        }
    /* a side that grows makes it bicubic without antialias */
    float cubic[1 * 16];
    ASSERT_OK(ctx, qn_resize(ctx, in, 1, H, W, grown, 1, 16, QN_INTERPOLATE_AREA, false));
    ASSERT_OK(ctx, qn_resize(ctx, in, 1, H, W, cubic, 1, 16, QN_INTERPOLATE_BICUBIC, false));
    assert_memory_equal(grown, cubic, sizeof grown);
    qn_context_destroy(ctx);
}

/* Weights of an output sum to 1: to 2^-20 where many are rounded and added in float32, 2 ULP of each otherwise. */
QN_TEST(image_resize_weights_sum_to_one) {
    static const int64_t sizes[] = {1, 2, 3, 7, 64, 100, 333, 1001};
    enum { N = sizeof sizes / sizeof sizes[0] };
    qn_context *ctx = qn_test_context();
    for (int a = 0; a < N * N; a++)
        for (int mode = 0; mode < 2 * QN_N_INTERPOLATIONS; mode++) {
            const int64_t n_in = sizes[a / N], n_out = sizes[a % N];
            const qn_interpolation interpolation = (qn_interpolation)(mode / 2);
            qn_arena *arena = qn_arena_create();
            qn_axis axis;
            if (interpolation != QN_INTERPOLATE_AREA || n_out <= n_in) {
                ASSERT_OK(ctx, qn_axis_make(ctx, arena, n_in, n_out, interpolation, mode % 2, &axis));
                for (int64_t i = 0; i < n_out; i++) {
                    double sum = 0;
                    assert_true(axis.n_taps[i] >= 1 && axis.n_taps[i] <= axis.max_taps);
                    for (int32_t k = 0; k < axis.n_taps[i]; k++) {
                        assert_in_range(axis.index[i * axis.max_taps + k], 0, n_in - 1);
                        sum += (double)axis.weight[i * axis.max_taps + k];
                    }
                    if (!(fabs(sum - 1) <= 0x1p-20))
                        fail_msg("%d to %d, mode %d: output %d has weights of %.9g", (int)n_in, (int)n_out, mode, (int)i, sum);
                }
            }
            qn_arena_destroy(arena);
        }
    qn_context_destroy(ctx);
}

/* Threads share rows; the numbers stay. */
QN_TEST(image_resize_threads) {
    enum { H = 90, W = 70, OUT_H = 61, OUT_W = 133 };
    static float in[3 * H * W], out[2][3 * OUT_H * OUT_W];
    for (int i = 0; i < 3 * H * W; i++)
        in[i] = sinf((float)i);
    for (int t = 0; t < 2; t++) {
        const qn_context_options options = {.threads = t ? 4 : 1};
        qn_context *ctx;
        assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
        ASSERT_OK(ctx, qn_resize(ctx, in, 3, H, W, out[t], OUT_H, OUT_W, QN_INTERPOLATE_BICUBIC, true));
        qn_context_destroy(ctx);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
}
