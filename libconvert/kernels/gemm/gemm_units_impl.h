/* Panels of narrow numbers as units of four bytes: rows of units turned in registers. */
#include "kernels/gemm/gemm_pack_impl.h"

/* k contiguous, row x at base + x * row_bytes: n_bytes of each row, a last unit that is not whole filled with zeros. */
static inline void pack_unit_columns(const char *base, int64_t row_bytes, int64_t xn, int64_t n_bytes, int width,
                                     float *dst) {
    const int64_t whole = n_bytes / 4, rest = n_bytes % 4;
    if (width == 1) {
        memset(dst + whole, 0, rest ? sizeof *dst : 0);
        memcpy(dst, base, (size_t)n_bytes);
        return;
    }
    for (int64_t u = 0; u < whole; u += VF_LANES) {
        int64_t depth = whole - u < VF_LANES ? whole - u : VF_LANES;
        for (int v = 0; v < width; v += VF_LANES) {
            vf r[VF_LANES];
            VF_UNROLL
            for (int i = 0; i < VF_LANES; i++) {
                const void *p = base + (v + i) * row_bytes + 4 * u;
                r[i] = v + i < xn ? vf_read_n(QN_F32, p, 0, depth) : vf_set1(0.0f);
            }
            vf_transpose(r);
            store_turned(r, dst + u * width + v, width, v, depth, whole - u - VF_LANES);
        }
    }
    if (rest)
        for (int x = 0; x < width; x++) {
            float unit = 0;
            if (x < xn)
                memcpy(&unit, base + x * row_bytes + 4 * whole, (size_t)rest);
            memcpy(dst + whole * width + x, &unit, sizeof unit);
        }
}
