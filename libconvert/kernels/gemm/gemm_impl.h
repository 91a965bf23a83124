/* Float32 arithmetic for one instruction set. Before including it define GEMM_MR, GEMM_NV and GEMM_ROWS
 * (gemm_micro_impl.h). */
#include "kernels/gemm/gemm_finish_impl.h"
#include "kernels/gemm/gemm_pack_impl.h"

typedef vf acc_vec;
typedef vf unit_vec;
enum { LANES = VF_LANES };
VF_INLINE const float *as_floats(const char *p) { return (const float *)(const void *)p; }
VF_INLINE vf acc_zero(void) { return vf_set1(0.0f); }
VF_INLINE vf acc_load(const char *p) { return vf_load(as_floats(p)); }
VF_INLINE void acc_store(char *p, vf v) { vf_store((float *)(void *)p, v); }
VF_INLINE vf unit_load(const char *p) { return vf_load(as_floats(p)); }
VF_INLINE vf unit_set1(const char *p) { return vf_set1(*as_floats(p)); }
VF_INLINE vf unit_dot(vf acc, vf a, vf b) { return vf_fma(a, b, acc); }
#include "kernels/gemm/gemm_micro_impl.h"
GEMM_ROWS(MICRO)

static void pack_units(const qn_operand *op, int64_t x0, int64_t xn, int64_t k0, int64_t kn, int64_t k_all, int width,
                       void *dst, const qn_side *side) {
    (void)k_all;
    (void)side;
    pack(op, x0, xn, k0, kn, width, dst);
}

static void finish_tile(const qn_gemm_out *c, void *tile, int64_t i, int64_t j, int mr, int64_t nr, const qn_side *a,
                        const qn_side *b) {
    (void)a;
    (void)b;
    finish(c, tile, NR, i, j, mr, nr);
}

const qn_gemm_isa VF_NAME(qn_gemm_isa) = {.mr = MR,
                                          .nr = NR,
                                          .nv = NV,
                                          .unit = 1,
                                          .micro = {GEMM_ROWS(MICRO_ROW)},
                                          .pack = pack,
                                          .pack_units = pack_units,
                                          .finish = finish_tile};
