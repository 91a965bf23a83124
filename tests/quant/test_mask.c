/* Pruning: what is kept, against a choice made one element at a time, and masks as they are stored. */
#include "quant/mask.h"

#include "tests/test.h"

#include <math.h>

enum { N = 6 * 35 };

static uint32_t next(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u; }

static void numbers(float *x, int n, uint32_t seed) {
    for (int i = 0; i < n; i++) /* few distinct magnitudes: ties are met */
        x[i] = ((float)(next(&seed) >> 27) - 16) * 0.25f;
}

static qn_const sparse(qn_scheme *scheme, int64_t mask_block) {
    qn_const c = {.dtype = QN_F32, .rank = 2, .dims = {6, 35}, .axis = -1, .encoding = QN_ENC_SPARSE, .sparse = true,
                  .mask_block = mask_block, .name = "w"};
    c.n_kept = qn_mask_kept(scheme, c.rank, c.dims, 1);
    return c;
}

static bool kept(const uint8_t *mask, int64_t i) { return mask[i / 8] >> i % 8 & 1; }

/* How many come before element i in the order of keeping: larger scores, and of equal ones the earlier. */
static int rank_of(const double *score, int n, int step, int first, int i) {
    int before = 0;
    for (int k = 0; k < n; k++) {
        const double other = score[first + k * step];
        before += other > score[i] || (other == score[i] && first + k * step < i);
    }
    return before;
}

QN_TEST(quant_mask_magnitude) {
    qn_context *ctx = qn_test_context();
    float x[N], importance[35];
    double score[N];
    static const double shares[] = {0, 0.1, 0.5, 0.77, 1};
    numbers(x, N, 7);
    for (int i = 0; i < 35; i++)
        importance[i] = (float)(i % 5) * 0.5f;
    for (int weighted = 0; weighted < 2; weighted++)
        for (int k = 0; k < 5; k++) {
            qn_arena *arena = qn_arena_create();
            qn_encode_how how = {.scheme = {.prune = QN_PRUNE_MAGNITUDE, .pruned = shares[k], .prune_block = 1},
                                 .importance = weighted ? importance : NULL, .importance_axis = 1};
            const qn_const c = sparse(&how.scheme, 1);
            uint8_t mask[(N + 7) / 8] = {0};
            assert_int_equal(c.n_kept, N - (int)floor(shares[k] * N));
            ASSERT_OK(ctx, qn_mask_choose(ctx, arena, &c, &how, x, mask));
            for (int i = 0; i < N; i++)
                score[i] = (weighted ? (double)importance[i % 35] : 1.0) * (double)x[i] * (double)x[i];
            for (int i = 0; i < N; i++)
                assert_int_equal(kept(mask, i), rank_of(score, N, 1, 0, i) < c.n_kept);
            qn_arena_destroy(arena);
        }
    qn_context_destroy(ctx);
}

QN_TEST(quant_mask_blocks) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    float x[N];
    double score[N / 4];
    numbers(x, N, 3);
    qn_encode_how how = {.scheme = {.prune = QN_PRUNE_MAGNITUDE, .pruned = 0.5, .prune_block = 4}};
    const qn_const c = sparse(&how.scheme, 4); /* 53 blocks, the last of two elements */
    uint8_t mask[7] = {0};
    assert_int_equal(c.n_kept, 26 * 4 + 2);
    ASSERT_OK(ctx, qn_mask_choose(ctx, arena, &c, &how, x, mask));
    for (int b = 0; b < 52; b++) {
        score[b] = 0;
        for (int i = 0; i < 4; i++)
            score[b] += (double)x[4 * b + i] * (double)x[4 * b + i];
    }
    for (int b = 0; b < 52; b++)
        assert_int_equal(kept(mask, b), rank_of(score, 52, 1, 0, b) < 26);
    assert_true(kept(mask, 52));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

QN_TEST(quant_mask_n_of_m) {
    qn_context *ctx = qn_test_context();
    float x[N];
    double score[N];
    numbers(x, N, 11);
    for (int i = 0; i < N; i++)
        score[i] = (double)x[i] * (double)x[i];
    static const struct {
        int n, m;
    } cases[] = {{2, 4}, {1, 4}, {4, 8}, {3, 3}, {1, 100}};
    for (int32_t axis = 0; axis < 2; axis++)
        for (int k = 0; k < 5; k++) {
            qn_arena *arena = qn_arena_create();
            const int n = cases[k].n, m = cases[k].m, size = axis ? 35 : 6, step = axis ? 1 : 35;
            qn_encode_how how = {.scheme = {.prune = QN_PRUNE_N_OF_M, .prune_n = n, .prune_m = m}, .importance_axis = axis};
            qn_const c = sparse(&how.scheme, 1);
            c.n_kept = qn_mask_kept(&how.scheme, c.rank, c.dims, axis);
            uint8_t mask[(N + 7) / 8] = {0};
            ASSERT_OK(ctx, qn_mask_choose(ctx, arena, &c, &how, x, mask));
            for (int i = 0; i < N; i++) {
                const int along = axis ? i % 35 : i / 35, begin = along / m * m, some = size - begin < m ? size - begin : m;
                assert_int_equal(kept(mask, i), rank_of(score, some, step, i - (along - begin) * step, i) < n);
            }
            qn_arena_destroy(arena);
        }
    qn_context_destroy(ctx);
}

QN_TEST(quant_mask_threshold) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    float x[N];
    numbers(x, N, 5);
    qn_encode_how how = {.scheme = {.prune = QN_PRUNE_THRESHOLD, .threshold = 1.0}};
    qn_const c = sparse(&how.scheme, 1);
    uint8_t mask[(N + 7) / 8] = {0};
    assert_int_equal(c.n_kept, -1);
    c.n_kept = 0;
    for (int i = 0; i < N; i++)
        c.n_kept += fabsf(x[i]) >= 1.0f;
    ASSERT_OK(ctx, qn_mask_choose(ctx, arena, &c, &how, x, mask));
    for (int i = 0; i < N; i++)
        assert_int_equal(kept(mask, i), fabsf(x[i]) >= 1.0f);
    c.n_kept++;
    memset(mask, 0, sizeof mask);
    ASSERT_FAILS(ctx, QN_USAGE, "elements are kept, ", qn_mask_choose(ctx, arena, &c, &how, x, mask));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Starts and packed codes of the kept, against a walk over single bits. */
QN_TEST(quant_mask_stored) {
    enum { MANY = 1300 };
    uint8_t mask[MANY / 8 + 1] = {0}, codes[MANY] = {0}, out[MANY], want[MANY];
    uint32_t starts[3], seed = 9;
    for (int64_t block = 1; block <= 8; block *= 8)
        for (size_t bits = 1; bits <= 32; bits = bits == 8 ? 32 : bits + 1) {
            const int n = bits == 32 ? 300 : MANY, blocks = (int)((n + block - 1) / block);
            memset(mask, 0, sizeof mask);
            memset(out, 0, sizeof out);
            memset(want, 0, sizeof want);
            for (int i = 0; i < blocks; i++)
                if (next(&seed) >> 31)
                    mask[i / 8] = (uint8_t)(mask[i / 8] | 1u << i % 8);
            for (int i = 0; i < MANY; i++)
                codes[i] = (uint8_t)(next(&seed) >> 24);
            qn_mask_compact(mask, block, n, bits, codes, out);
            size_t to = 0;
            for (int i = 0; i < n; i++)
                for (size_t b = 0; b < bits && kept(mask, i / block); b++, to++)
                    want[to / 8] = (uint8_t)(want[to / 8] | (unsigned)kept(codes, (int64_t)((size_t)i * bits + b)) << to % 8);
            assert_memory_equal(out, want, sizeof want);
            qn_mask_starts(mask, n, block, starts);
            for (int chunk = 0; chunk * QN_SPARSE_CHUNK < n; chunk++) {
                uint32_t before = 0;
                for (int i = 0; i < chunk * QN_SPARSE_CHUNK; i++)
                    before += kept(mask, i / block);
                assert_int_equal(starts[chunk], before);
            }
        }
}
