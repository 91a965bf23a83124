/* The microkernel for one arithmetic and instruction set. Before including it define
 *
 *   GEMM_MR   rows of a tile
 *   GEMM_NV   vectors across a tile (1 or 2)
 *   GEMM_ROWS(X)  X(1) X(2) ... X(GEMM_MR)
 *   acc_vec, unit_vec            a vector of sums (float32 or int32), a vector of units
 *   acc_zero(), acc_load(p), acc_store(p, v)
 *   unit_load(p), unit_set1(p)   LANES units from memory; one unit in every lane
 *   unit_dot(acc, a, b)          acc + a · b, lane by lane
 *   LANES                        units in a vector
 *
 * A tile needs MR*NV accumulators, NV registers for the row of B and one for an element of A: 6*2+3 of AVX2's 16,
 * 14*2+3 of AVX-512's 32. For each step it makes MR*NV multiply-adds from NV vector loads and MR broadcasts, so loads
 * are never the bottleneck, and B's panel (64 bytes * NV) and A's (4 bytes * MR) together ask (NV*LANES + MR) * 4 bytes
 * for MR*NV multiply-adds: 184 bytes for 28 with AVX-512, which the second-level cache delivers. */
#include "kernels/gemm/gemm_isa.h"
#include "kernels/simd/simd.h"

enum { MR = GEMM_MR, NV = GEMM_NV, NR = NV * LANES };

VF_INLINE void micro(const int mr, const int nv, const bool turned, int64_t un, const char *a, int64_t a_width,
                     const char *b, char *tile, bool add) {
    acc_vec acc[MR][NV];
    if (add) {
        VF_UNROLL
        for (int i = 0; i < mr; i++) {
            VF_UNROLL
            for (int j = 0; j < nv; j++)
                acc[i][j] = acc_load(tile + 4 * (i * NR + j * LANES));
        }
    } else {
        VF_UNROLL
        for (int i = 0; i < mr; i++) {
            VF_UNROLL
            for (int j = 0; j < nv; j++)
                acc[i][j] = acc_zero();
        }
    }
    for (int64_t u = 0; u < un; u++) {
        unit_vec row[NV];
        VF_UNROLL
        for (int j = 0; j < nv; j++)
            row[j] = unit_load(b + 4 * j * LANES);
        VF_UNROLL
        for (int i = 0; i < mr; i++) {
            unit_vec x = unit_set1(a + 4 * i);
            VF_UNROLL
            for (int j = 0; j < nv; j++)
                acc[i][j] = turned ? unit_dot(acc[i][j], row[j], x) : unit_dot(acc[i][j], x, row[j]);
        }
        a += 4 * a_width;
        b += 4 * NR;
    }
    VF_UNROLL
    for (int i = 0; i < mr; i++) {
        VF_UNROLL
        for (int j = 0; j < nv; j++)
            acc_store(tile + 4 * (i * NR + j * LANES), acc[i][j]);
    }
}

#define MICRO_AS(NAME, ROWS, VECTORS, TURNED)                                                                          \
    static void NAME##_##ROWS##_##VECTORS(int64_t un, const void *a, int64_t a_width, const void *b, void *tile,       \
                                          bool add) {                                                                  \
        micro(ROWS, VECTORS, TURNED, un, a, a_width, b, tile, add);                                                    \
    }
#define MICRO(ROWS)      MICRO_AS(micro, ROWS, 1, false) MICRO_AS(micro, ROWS, 2, false)
#define TURNED(ROWS)     MICRO_AS(turned, ROWS, 1, true) MICRO_AS(turned, ROWS, 2, true)
#define MICRO_ROW(ROWS)  [ROWS] = {NULL, micro_##ROWS##_1, micro_##ROWS##_2},
#define TURNED_ROW(ROWS) [ROWS] = {NULL, turned_##ROWS##_1, turned_##ROWS##_2},
