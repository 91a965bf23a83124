/* quant/nearest.h with the vectors of this instruction set: a vector to a lane. */
#include "kernels/simd/simd.h"
#include "quant/nearest.h"

VF_INLINE void nearest_of(const float *planes, int dim, const float *centres, int k, uint8_t *index, float *distance) {
    float rows[VF_LANES];
    for (int64_t i = 0; i < QN_NEAREST_CHUNK; i += VF_LANES) {
        vf x[QN_NEAREST_DIMS], best = vf_set1(0), row = best;
        for (int d = 0; d < dim; d++)
            x[d] = vf_load(planes + d * QN_NEAREST_CHUNK + i);
        for (int c = 0; c < k; c++) {
            const float *centre = centres + (int64_t)c * dim;
            vf sum = vf_sub(x[0], vf_set1(centre[0]));
            sum = vf_mul(sum, sum);
            for (int d = 1; d < dim; d++) {
                const vf t = vf_sub(x[d], vf_set1(centre[d]));
                sum = vf_add(sum, vf_mul(t, t));
            }
            if (c == 0) {
                best = sum;
                continue;
            }
            row = vf_select_lt(sum, best, vf_set1((float)c), row);
            best = vf_select_lt(sum, best, sum, best);
        }
        vf_store(distance + i, best);
        vf_store(rows, row);
        for (int j = 0; j < VF_LANES; j++)
            index[i + j] = (uint8_t)rows[j];
    }
}

void VF_NAME(qn_nearest)(const float *planes, int dim, const float *centres, int k, uint8_t *index, float *distance) {
    if (dim == 2)
        nearest_of(planes, 2, centres, k, index, distance);
    else if (dim == 4)
        nearest_of(planes, 4, centres, k, index, distance);
    else
        nearest_of(planes, dim, centres, k, index, distance);
}
