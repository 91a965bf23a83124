/* The transforms of F(4x4, 3x3) for one instruction set, a vector of tiles (or of output channels) at a time.
 *
 * With the points 0, ±a, ±b, ∞ and s = a² + b², ab = 1 (A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural
 * Networks", 2015, section 4.3 has a = 1, b = 2; winograd.c says why these are better):
 *
 *        | 1   0    -s  0  1 0 |        | 1/(a²b²)                  |
 *        | 0 -ab²  -b²  a  1 0 |        | g(a)  / (2a² (a² - b²))   |         | 1 1   1  1   1  0 |
 *   Bᵀ = | 0  ab²  -b² -a  1 0 |   G  = | g(-a) / (2a² (a² - b²))   |   Aᵀ  = | 0 a  -a  b  -b  0 |
 *        | 0 -ba²  -a²  b  1 0 |        | g(b)  / (2b² (b² - a²))   |         | 0 a²  a² b²  b² 0 |
 *        | 0  ba²  -a² -b  1 0 |        | g(-b) / (2b² (b² - a²))   |         | 0 a³ -a³ b³ -b³ 1 |
 *        | 0   1    0  -s  0 1 |        | 0 0 1                     |
 *
 * where g(p) is the row (1, p, p²). */
#include "kernels/conv/conv_isa.h"
#include "kernels/simd/simd.h"

#define WA   (2.0f / 3.0f)
#define WB   (3.0f / 2.0f)
#define WA2  (4.0f / 9.0f)
#define WB2  (9.0f / 4.0f)
#define WA3  (8.0f / 27.0f)
#define WB3  (27.0f / 8.0f)
#define WS   (97.0f / 36.0f)   /* a² + b² */
#define WG_A (-81.0f / 130.0f) /* 1 / (2a² (a² - b²)) */
#define WG_B (8.0f / 65.0f)    /* 1 / (2b² (b² - a²)) */

/* o = Bᵀ d */
VF_INLINE void input_1d(vf d0, vf d1, vf d2, vf d3, vf d4, vf d5, vf o[6]) {
    const vf s = vf_set1(-WS), a2 = vf_set1(-WA2), b2 = vf_set1(-WB2);
    o[0] = vf_add(vf_fma(s, d2, d0), d4);
    vf even = vf_fma(b2, d2, d4), odd = vf_mul(vf_set1(WA), vf_fma(b2, d1, d3));
    o[1] = vf_add(even, odd);
    o[2] = vf_sub(even, odd);
    even = vf_fma(a2, d2, d4), odd = vf_mul(vf_set1(WB), vf_fma(a2, d1, d3));
    o[3] = vf_add(even, odd);
    o[4] = vf_sub(even, odd);
    o[5] = vf_add(vf_fma(s, d3, d1), d5);
}

/* o = Aᵀ m */
VF_INLINE void output_1d(vf m0, vf m1, vf m2, vf m3, vf m4, vf m5, vf o[4]) {
    vf sa = vf_add(m1, m2), da = vf_sub(m1, m2), sb = vf_add(m3, m4), db = vf_sub(m3, m4);
    o[0] = vf_add(m0, vf_add(sa, sb));
    o[1] = vf_fma(vf_set1(WA), da, vf_mul(vf_set1(WB), db));
    o[2] = vf_fma(vf_set1(WA2), sa, vf_mul(vf_set1(WB2), sb));
    o[3] = vf_add(m5, vf_fma(vf_set1(WA3), da, vf_mul(vf_set1(WB3), db)));
}

/* o = G g */
VF_INLINE void weights_1d(vf g0, vf g1, vf g2, vf o[6]) {
    o[0] = g0;
    vf even = vf_fma(vf_set1(WA2), g2, g0), odd = vf_mul(vf_set1(WA), g1), n = vf_set1(WG_A);
    o[1] = vf_mul(n, vf_add(even, odd));
    o[2] = vf_mul(n, vf_sub(even, odd));
    even = vf_fma(vf_set1(WB2), g2, g0), odd = vf_mul(vf_set1(WB), g1), n = vf_set1(WG_B);
    o[3] = vf_mul(n, vf_add(even, odd));
    o[4] = vf_mul(n, vf_sub(even, odd));
    o[5] = g2;
}

static void winograd_weights(const float *w, int64_t kn, int rows, float *u, int64_t plane) {
    for (int64_t k = 0; k < kn; k++)
        for (int i = 0; i < rows; i += VF_LANES) {
            const int n = rows - i;
            vf t[6][3];
            VF_UNROLL
            for (int x = 0; x < 3; x++) { /* along the columns of g */
                vf g[3], o[6];
                VF_UNROLL
                for (int y = 0; y < 3; y++)
                    g[y] = vf_read_n(QN_F32, w, (k * 9 + y * 3 + x) * rows + i, n);
                weights_1d(g[0], g[1], g[2], o);
                VF_UNROLL
                for (int y = 0; y < 6; y++)
                    t[y][x] = o[y];
            }
            VF_UNROLL
            for (int y = 0; y < 6; y++) {
                vf o[6];
                weights_1d(t[y][0], t[y][1], t[y][2], o);
                VF_UNROLL
                for (int x = 0; x < 6; x++)
                    vf_write_n(QN_F32, u, (y * 6 + x) * plane + k * rows + i, o[x], n);
            }
        }
}

static void winograd_input(const float *band, const int32_t *offsets, int64_t n, float *v, int64_t plane) {
    for (int64_t t = 0; t < n; t += VF_LANES) {
        vf d[6][6];
        VF_UNROLL
        for (int x = 0; x < 6; x++) {
            vf c[6], o[6];
            VF_UNROLL
            for (int y = 0; y < 6; y++)
                c[y] = vf_load(band + offsets[y * 6 + x] + t);
            input_1d(c[0], c[1], c[2], c[3], c[4], c[5], o);
            VF_UNROLL
            for (int y = 0; y < 6; y++)
                d[y][x] = o[y];
        }
        VF_UNROLL
        for (int y = 0; y < 6; y++) {
            vf o[6];
            input_1d(d[y][0], d[y][1], d[y][2], d[y][3], d[y][4], d[y][5], o);
            VF_UNROLL
            for (int x = 0; x < 6; x++)
                vf_store(v + (y * 6 + x) * plane + t, o[x]);
        }
    }
}

static void winograd_output(const float *m, int64_t plane, int64_t n, float *rows, int64_t stride) {
    for (int64_t t = 0; t < n; t += VF_LANES) {
        vf half[4][6];
        VF_UNROLL
        for (int x = 0; x < 6; x++) {
            vf c[6], o[4];
            VF_UNROLL
            for (int y = 0; y < 6; y++)
                c[y] = vf_load(m + (y * 6 + x) * plane + t);
            output_1d(c[0], c[1], c[2], c[3], c[4], c[5], o);
            VF_UNROLL
            for (int y = 0; y < 4; y++)
                half[y][x] = o[y];
        }
        VF_UNROLL
        for (int y = 0; y < 4; y++) {
            vf o[4], even[2], odd[2], r[4];
            output_1d(half[y][0], half[y][1], half[y][2], half[y][3], half[y][4], half[y][5], o);
            vf_zip(o[0], o[2], &even[0], &even[1]);
            vf_zip(o[1], o[3], &odd[0], &odd[1]);
            vf_zip(even[0], odd[0], &r[0], &r[1]);
            vf_zip(even[1], odd[1], &r[2], &r[3]);
            VF_UNROLL
            for (int x = 0; x < 4; x++)
                vf_store(rows + (y * stride + t) * 4 + x * VF_LANES, r[x]);
        }
    }
}
