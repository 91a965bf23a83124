/* The epilogue: a finished tile into the output's storage, for one instruction set. */
#include "kernels/gemm/gemm_isa.h"
#include "kernels/simd/activate.h"

VF_INLINE vf addend(const qn_addend *a, int64_t i, int64_t j, int64_t n) {
    if (a->col_stride == 0)
        return vf_set1(qn_read_float(a->dtype, a->data, i * a->row_stride));
    return vf_read_n(a->dtype, a->data, i * a->row_stride + j, n);
}

/* C's elements (i, j) .. (i, j + n - 1) from their sums. */
VF_INLINE void finish_vector(const qn_activation_kind kind, const qn_gemm_out *c, vf sum, int64_t i, int64_t j,
                             int64_t n) {
    vf x = vf_mul(sum, vf_set1(c->alpha));
    if (c->bias.data)
        x = vf_fma(vf_set1(c->beta), addend(&c->bias, i, j, n), x);
    x = vf_activate(kind, &c->act, x);
    if (c->residual.data)
        x = vf_add(x, addend(&c->residual, i, j, n));
    vf_write_n(c->dtype, c->data, i * c->row_stride + j, x, n);
}

VF_INLINE void finish_as(const qn_activation_kind kind, const qn_gemm_out *c, const float *tile, int64_t stride,
                         int64_t i0, int64_t j0, int mr, int64_t nr) {
    for (int i = 0; i < mr; i++)
        for (int64_t v = 0; v < nr; v += VF_LANES)
            finish_vector(kind, c, vf_load(tile + i * stride + v), i0 + i, j0 + v, nr - v);
}

/* Rows < mr and columns < nr of a tile of float32. */
static inline void finish(const qn_gemm_out *c, const float *tile, int64_t stride, int64_t i, int64_t j, int mr,
                          int64_t nr) {
    VF_BY_ACTIVATION(c->act.kind, finish_as(KIND, c, tile, stride, i, j, mr, nr))
}
