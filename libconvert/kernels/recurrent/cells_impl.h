/* One step of an LSTM or GRU cell over a row of gates, for one instruction set. */
#include "kernels/recurrent/recurrent.h"
#include "kernels/simd/math.h"

VF_INLINE vf at(const float *p, int64_t i, int64_t n) { return vf_read_n(QN_F32, p, i, n); }

static void lstm(int64_t H, const float *gates, float *h, float *c) {
    for (int64_t j = 0; j < H; j += VF_LANES) {
        int64_t n = H - j;
        vf i = vf_sigmoid(at(gates, j, n)), o = vf_sigmoid(at(gates + H, j, n)),
           f = vf_sigmoid(at(gates + 2 * H, j, n));
        vf next = vf_fma(f, at(c, j, n), vf_mul(i, vf_tanh(at(gates + 3 * H, j, n))));
        vf_write_n(QN_F32, c, j, next, n);
        vf_write_n(QN_F32, h, j, vf_mul(o, vf_tanh(next)), n);
    }
}

static void reset(int64_t H, const float *x, const float *s, const float *h, float *rh) {
    for (int64_t j = 0; j < H; j += VF_LANES) {
        int64_t n = H - j;
        vf r = vf_sigmoid(vf_add(at(x + H, j, n), at(s + H, j, n)));
        vf_write_n(QN_F32, rh, j, vf_mul(r, at(h, j, n)), n);
    }
}

static void gru(int64_t H, const float *x, const float *s, const float *bias, float *h) {
    for (int64_t j = 0; j < H; j += VF_LANES) {
        int64_t n = H - j;
        vf z = vf_sigmoid(vf_add(at(x, j, n), at(s, j, n))), state = at(s + 2 * H, j, n);
        if (bias) {
            vf r = vf_sigmoid(vf_add(at(x + H, j, n), at(s + H, j, n)));
            state = vf_mul(r, vf_add(state, at(bias, j, n)));
        }
        vf next = vf_tanh(vf_add(at(x + 2 * H, j, n), state));
        vf keep = vf_mul(z, at(h, j, n));
        vf_write_n(QN_F32, h, j, vf_fma(vf_sub(vf_set1(1.0f), z), next, keep), n);
    }
}

const qn_cells VF_NAME(qn_cells) = {lstm, reset, gru};
