/* y[i yi + j] = x[i + j xj] by square blocks that are turned in registers.
 *
 * Elements of 4 bytes with AVX2 or more: blocks of VF_LANES a side (vf_transpose), ragged ones too. Otherwise blocks of
 * 16 bytes a side, and what is left element by element. A tile of SIDE elements a side, LINE_BYTES long, is read and
 * written whole before the next, and tiles follow each other along the lines of y: lines of y that are a power of two
 * apart share sets of the caches, so few of them are open at a time. */
#include "kernels/move/turn.h"
#include "kernels/simd/simd.h"

enum { LINE_BYTES = 64 };
/* A function of its own has the registers to itself: inlined into the loops, a block would be spilled. */
#define OUT_OF_LINE __attribute__((noinline))

/* Elements as bytes move them: at any address, whatever their type. */
typedef uint8_t any8;
typedef uint16_t __attribute__((aligned(1), may_alias)) any16;
typedef uint32_t __attribute__((aligned(1), may_alias)) any32;

/* ---- 4 bytes ----------------------------------------------------------------------------------------- */

#if defined(__AVX2__)
VF_INLINE vf load_some(const any32 *p, int64_t n) { return vf_load_n((const float *)(const void *)p, n); }
VF_INLINE void store_some(any32 *p, vf v, int64_t n) { vf_store_n((float *)(void *)p, v, n); }

static OUT_OF_LINE void whole_block(any32 *y, int64_t yi, const any32 *x, int64_t xj) {
    vf r[VF_LANES];
    VF_UNROLL
    for (int j = 0; j < VF_LANES; j++)
        r[j] = load_some(x + j * xj, VF_LANES);
    vf_transpose(r);
    VF_UNROLL
    for (int i = 0; i < VF_LANES; i++)
        store_some(y + i * yi, r[i], VF_LANES);
}

/* The first ni columns of x and nj rows. */
static OUT_OF_LINE void ragged_block(int64_t ni, int64_t nj, any32 *y, int64_t yi, const any32 *x, int64_t xj) {
    vf r[VF_LANES];
    VF_UNROLL
    for (int j = 0; j < VF_LANES; j++)
        r[j] = j < nj ? load_some(x + j * xj, ni) : vf_set1(0.0f);
    vf_transpose(r);
    VF_UNROLL
    for (int i = 0; i < VF_LANES; i++)
        if (i < ni)
            store_some(y + i * yi, r[i], nj);
}

static void turn_32(int64_t ni, int64_t nj, any32 *y, int64_t yi, const any32 *x, int64_t xj) {
    enum { SIDE = LINE_BYTES / 4 };
    for (int64_t strip = 0; strip < ni; strip += SIDE) {
        const int64_t strip_end = strip + SIDE < ni ? strip + SIDE : ni;
        for (int64_t line = 0; line < nj; line += SIDE) {
            const int64_t line_end = line + SIDE < nj ? line + SIDE : nj;
            for (int64_t i = strip; i < strip_end; i += VF_LANES)
                for (int64_t j = line; j < line_end; j += VF_LANES)
                    if (i + VF_LANES <= ni && j + VF_LANES <= nj)
                        whole_block(y + i * yi + j, yi, x + i + j * xj, xj);
                    else
                        ragged_block(strip_end - i, line_end - j, y + i * yi + j, yi, x + i + j * xj, xj);
        }
    }
}

#endif

/* ---- 1 and 2 bytes, without AVX2 also 4 -------------------------------------------------------------- */

typedef uint8_t vec_8 __attribute__((vector_size(16)));
typedef uint16_t vec_16 __attribute__((vector_size(16)));
typedef uint32_t vec_32 __attribute__((vector_size(16)));
#if defined(__clang__)
#define SHUFFLE(V, A, B, ...) __builtin_shufflevector(A, B, __VA_ARGS__)
#else
#define SHUFFLE(V, A, B, ...) __builtin_shuffle(A, B, (V){__VA_ARGS__})
#endif
#define LOW_8(A, B)   SHUFFLE(vec_8, A, B, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH_8(A, B)  SHUFFLE(vec_8, A, B, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define LOW_16(A, B)  SHUFFLE(vec_16, A, B, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_16(A, B) SHUFFLE(vec_16, A, B, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW_32(A, B)  SHUFFLE(vec_32, A, B, 0, 4, 1, 5)
#define HIGH_32(A, B) SHUFFLE(vec_32, A, B, 2, 6, 3, 7)

/* Of N rows of N elements, row k and row k + N/2 by turns become rows 2k and 2k + 1: the index (row, column), log2(N)
 * bits each, is rotated by one bit. log2(N) times is the transpose. Blocks gather to a tile, which is written by lines.
 */
#define TURN(BITS, STAGES, BLOCK)                                                                                      \
    BLOCK void block_##BITS(any##BITS *y, const any##BITS *x, int64_t xj) {                                            \
        enum { N = 128 / BITS, SIDE = 8 * LINE_BYTES / BITS };                                                         \
        vec_##BITS a[N], b[N];                                                                                         \
        VF_UNROLL                                                                                                      \
        for (int j = 0; j < N; j++)                                                                                    \
            memcpy(&a[j], x + j * xj, 16);                                                                             \
        VF_UNROLL                                                                                                      \
        for (int s = 0; s < STAGES; s++) {                                                                             \
            VF_UNROLL                                                                                                  \
            for (int k = 0; k < N / 2; k++) {                                                                          \
                b[2 * k] = LOW_##BITS(a[k], a[k + N / 2]);                                                             \
                b[2 * k + 1] = HIGH_##BITS(a[k], a[k + N / 2]);                                                        \
            }                                                                                                          \
            VF_UNROLL                                                                                                  \
            for (int k = 0; k < N; k++)                                                                                \
                a[k] = b[k];                                                                                           \
        }                                                                                                              \
        VF_UNROLL                                                                                                      \
        for (int i = 0; i < N; i++)                                                                                    \
            memcpy(y + i * SIDE, &a[i], 16);                                                                           \
    }                                                                                                                  \
    static OUT_OF_LINE void tile_##BITS(any##BITS *y, int64_t yi, const any##BITS *x, int64_t xj) {                    \
        enum { N = 128 / BITS, SIDE = 8 * LINE_BYTES / BITS };                                                         \
        any##BITS tile[SIDE * SIDE];                                                                                   \
        for (int j = 0; j < SIDE; j += N)                                                                              \
            for (int i = 0; i < SIDE; i += N)                                                                          \
                block_##BITS(tile + i * SIDE + j, x + i + j * xj, xj);                                                 \
        for (int i = 0; i < SIDE; i++)                                                                                 \
            memcpy(y + i * yi, tile + i * SIDE, LINE_BYTES);                                                           \
    }                                                                                                                  \
    static void turn_##BITS(int64_t ni, int64_t nj, any##BITS *y, int64_t yi, const any##BITS *x, int64_t xj) {        \
        enum { SIDE = 8 * LINE_BYTES / BITS };                                                                         \
        const int64_t whole_i = ni - ni % SIDE, whole_j = nj - nj % SIDE;                                              \
        for (int64_t i = 0; i < whole_i; i += SIDE)                                                                    \
            for (int64_t j = 0; j < whole_j; j += SIDE)                                                                \
                tile_##BITS(y + i * yi + j, yi, x + i + j * xj, xj);                                                   \
        for (int64_t i = 0; i < ni; i++)                                                                               \
            for (int64_t j = i < whole_i ? whole_j : 0; j < nj; j++)                                                   \
                y[i * yi + j] = x[i + j * xj];                                                                         \
    }
TURN(8, 4, static OUT_OF_LINE)
TURN(16, 3, static OUT_OF_LINE)
#if !defined(__AVX2__)
TURN(32, 2, VF_INLINE)
#endif

void VF_NAME(qn_turn)(size_t bytes, int64_t ni, int64_t nj, void *y, int64_t yi, const void *x, int64_t xj) {
    if (bytes == 1)
        turn_8(ni, nj, y, yi, x, xj);
    else if (bytes == 2)
        turn_16(ni, nj, y, yi, x, xj);
    else
        turn_32(ni, nj, y, yi, x, xj);
}
