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

/* ---- few rows -------------------------------------------------------------------------------------------- */

enum { UNIT = 1 };
VF_INLINE vf acc_add(vf a, vf b) { return vf_add(a, b); }
VF_INLINE vf few_load(const qn_dtype dtype, const char *p, int64_t left) { return read_code(dtype, p, 0, left); }
VF_INLINE void few_finish(const qn_gemm *g, char *tile, int64_t j0, int64_t n, const qn_side *a, const qn_side *b) {
    float *t = (float *)(void *)tile;
    (void)a;
    for (int64_t i = 0; i < g->m && g->b.scales; i++)
        for (int64_t j = 0; j < NR; j += VF_LANES)
            vf_store(t + i * NR + j, vf_mul(vf_load(t + i * NR + j), vf_load(b->scale + j)));
    finish(&g->c, t, NR, 0, j0, (int)g->m, n);
}
#define FEW_COLUMN_SUMS 0
#include "kernels/gemm/few_rows_impl.h"

static void few_rows(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const qn_few_rows *f = arg;
#define AS(DT) few_rows_as(DT, f, begin, end)
    switch (f->g->b.dtype) {
    case QN_F16: AS(QN_F16); break;
    case QN_BF16: AS(QN_BF16); break;
    case QN_I8: AS(QN_I8); break;
    case QN_U8: AS(QN_U8); break;
    default: AS(QN_F32); break;
    }
}

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
                                          .finish = finish_tile,
                                          .few_rows = few_rows};
