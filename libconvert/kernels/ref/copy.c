#include "kernels/ref/copy.h"

#include "base/pool.h"

#include <string.h>

typedef struct copy {
    size_t bytes;
    int32_t rank; /* >= 1 */
    int64_t dims[QN_COPY_MAX_RANK], dst_stride[QN_COPY_MAX_RANK], src_stride[QN_COPY_MAX_RANK];
    char *dst;
    const char *src;
    int32_t split; /* the dimension handed out over the pool */
    qn_turn_fn turn; /* or NULL */
} copy;

void qn_ref_dense_strides(int32_t rank, const int64_t *dims, int64_t *stride) {
    int64_t step = 1;
    for (int32_t d = rank - 1; d >= 0; d--) {
        stride[d] = step;
        step *= dims[d];
    }
}

/* ---- the two innermost dimensions ------------------------------------------------------------------ */

/* Elements as bytes move them: at any address, whatever their type. */
typedef uint16_t __attribute__((aligned(1), may_alias)) any16;
typedef uint32_t __attribute__((aligned(1), may_alias)) any32;
typedef uint64_t __attribute__((aligned(1), may_alias)) any64;

enum { LINE_BYTES = 64, STRIP = 16 };
enum { NARROW = 3 }; /* rows so short that blocks would be mostly padding */

/* y[i * yi + j * yj] = x[i * xi + j * xj]. When the two sides run in different directions, square tiles of a cache line
 * a side go through a buffer: each line of source and destination is touched once, and whole, whatever the strides. They
 * are taken in strips of STRIP tiles along i, so that a page of the source serves several. */
#define PLANE(NAME, T)                                                                                               \
    static void NAME##_tile(T *y, int64_t yi, const T *x, int64_t xj) {                                              \
        enum { SIDE = LINE_BYTES / sizeof(T) };                                                                      \
        T tile[SIDE][SIDE], line[SIDE];                                                                              \
        for (int j = 0; j < SIDE; j++)                                                                               \
            memcpy(tile[j], x + j * xj, LINE_BYTES);                                                                 \
        for (int i = 0; i < SIDE; i++) {                                                                             \
            for (int j = 0; j < SIDE; j++)                                                                           \
                line[j] = tile[j][i];                                                                                \
            memcpy(y + i * yi, line, LINE_BYTES);                                                                    \
        }                                                                                                            \
    }                                                                                                                \
    static void NAME(int64_t ni, int64_t nj, void *y_, int64_t yi, int64_t yj, const void *x_, int64_t xi,           \
                     int64_t xj) {                                                                                   \
        enum { SIDE = LINE_BYTES / sizeof(T) };                                                                      \
        T *y = y_;                                                                                                   \
        const T *x = x_;                                                                                             \
        const bool turned = xi == 1 && yj == 1;                                                                      \
        const int64_t tiled_i = turned ? ni - ni % SIDE : 0, tiled_j = turned ? nj - nj % SIDE : 0;                  \
        for (int64_t strip = 0; strip < tiled_i; strip += STRIP * SIDE)                                              \
            for (int64_t j = 0; j < tiled_j; j += SIDE)                                                              \
                for (int64_t i = strip; i < tiled_i && i < strip + STRIP * SIDE; i += SIDE)                          \
                    NAME##_tile(y + i * yi + j, yi, x + i + j * xj, xj);                                             \
        for (int64_t i = 0; i < ni; i++)                                                                             \
            for (int64_t j = i < tiled_i ? tiled_j : 0; j < nj; j++)                                                 \
                y[i * yi + j * yj] = x[i * xi + j * xj];                                                             \
    }
PLANE(plane_8, uint8_t)
PLANE(plane_16, any16)
PLANE(plane_32, any32)
PLANE(plane_64, any64)

static void copy_plane(const copy *c, int64_t ni, int64_t nj, char *y, int64_t yi, int64_t yj, const char *x, int64_t xi,
                       int64_t xj) {
    if (yj == 1 && xj == 1) {
        const int64_t size = (int64_t)c->bytes;
        for (int64_t i = 0; i < ni; i++)
            memcpy(y + i * yi * size, x + i * xi * size, (size_t)nj * c->bytes);
    } else if (c->turn && xi == 1 && yj == 1 && ni > NARROW && nj > NARROW) {
        c->turn(c->bytes, ni, nj, y, yi, x, xj);
    } else if (c->bytes == 1) {
        plane_8(ni, nj, y, yi, yj, x, xi, xj);
    } else if (c->bytes == 2) {
        plane_16(ni, nj, y, yi, yj, x, xi, xj);
    } else if (c->bytes == 4) {
        plane_32(ni, nj, y, yi, yj, x, xi, xj);
    } else {
        plane_64(ni, nj, y, yi, yj, x, xi, xj);
    }
}

/* ---- all dimensions ---------------------------------------------------------------------------------- */

/* The dimension beside the last that makes a plane: the one the source runs along when the last is not it. */
static int32_t plane_dim(const copy *c) {
    const int32_t last = c->rank - 1;
    if (c->src_stride[last] != 1)
        for (int32_t d = 0; d < last; d++)
            if (c->src_stride[d] == 1)
                return d;
    return last - 1;
}

/* Indices [begin, end) of the split dimension. */
static void copy_piece(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const copy *c = arg;
    const int32_t last = c->rank - 1, other = plane_dim(c);
    const int64_t size = (int64_t)c->bytes;
    int64_t dims[QN_COPY_MAX_RANK], index[QN_COPY_MAX_RANK] = {0};
    memcpy(dims, c->dims, sizeof dims);
    dims[c->split] = end - begin;
    char *y = c->dst + begin * c->dst_stride[c->split] * size;
    const char *x = c->src + begin * c->src_stride[c->split] * size;
    for (;;) {
        copy_plane(c, other < 0 ? 1 : dims[other], dims[last], y, other < 0 ? 0 : c->dst_stride[other],
                   c->dst_stride[last], x, other < 0 ? 0 : c->src_stride[other], c->src_stride[last]);
        int32_t d = last - 1;
        for (; d >= 0; d--) {
            if (d == other)
                continue;
            y += c->dst_stride[d] * size;
            x += c->src_stride[d] * size;
            if (++index[d] < dims[d])
                break;
            y -= dims[d] * c->dst_stride[d] * size;
            x -= dims[d] * c->src_stride[d] * size;
            index[d] = 0;
        }
        if (d < 0)
            return;
    }
}

void qn_ref_copy(qn_context *ctx, size_t bytes, int32_t rank, const int64_t *dims, void *dst, const int64_t *dst_stride,
                 const void *src, const int64_t *src_stride) {
    qn_ref_copy_by(ctx, NULL, bytes, rank, dims, dst, dst_stride, src, src_stride);
}

void qn_ref_copy_by(qn_context *ctx, qn_turn_fn turn, size_t bytes, int32_t rank, const int64_t *dims, void *dst,
                    const int64_t *dst_stride, const void *src, const int64_t *src_stride) {
    copy c = {.bytes = bytes, .dst = dst, .src = src, .turn = turn};
    int64_t n = 1;
    for (int32_t d = 0; d < rank; d++) {
        n *= dims[d];
        if (dims[d] == 0)
            return;
        if (dims[d] == 1)
            continue;
        bool joins = c.rank > 0 && c.dst_stride[c.rank - 1] == dst_stride[d] * dims[d] &&
                     c.src_stride[c.rank - 1] == src_stride[d] * dims[d];
        int32_t at = joins ? c.rank - 1 : c.rank++;
        c.dims[at] = joins ? c.dims[at] * dims[d] : dims[d];
        c.dst_stride[at] = dst_stride[d];
        c.src_stride[at] = src_stride[d];
    }
    if (c.rank == 0) {
        memcpy(dst, src, bytes);
        return;
    }
    /* Hand out the first dimension that makes enough pieces, else the longest. */
    enum { PIECE_BYTES = 1 << 17, ENOUGH = 8 };
    for (int32_t d = 0; d < c.rank && c.dims[c.split] < ENOUGH; d++)
        if (c.dims[d] > c.dims[c.split])
            c.split = d;
    int64_t each = n / c.dims[c.split] * (int64_t)bytes;
    int64_t grain = each >= PIECE_BYTES ? 1 : PIECE_BYTES / each;
    if (c.src_stride[c.rank - 1] != 1 && (c.split == c.rank - 1 || c.split == plane_dim(&c))) {
        const int64_t side = LINE_BYTES / (int64_t)bytes; /* whole tiles of a transpose */
        grain += side - 1 - (grain - 1) % side;
    }
    qn_parallel_for(ctx, c.dims[c.split], grain, copy_piece, &c);
}
