/* Filling a padded band of the input (qn_band), for one instruction set. */
#include "kernels/conv/conv_isa.h"
#include "kernels/simd/simd.h"

static int64_t clamp64(int64_t x, int64_t lo, int64_t hi) { return x < lo ? lo : x > hi ? hi : x; }

/* The row's columns, phase by phase, phase p to to + p * phase. */
static void split(const qn_band *b, const float *line, float *to, int64_t phase) {
    if (b->sw == 2) {
        for (int64_t i = 0; i < b->pitch; i += VF_LANES) {
            vf even, odd;
            vf_part(vf_load(line + 2 * i), vf_load(line + 2 * i + VF_LANES), &even, &odd);
            vf_write_n(QN_F32, to, i, even, b->pitch - i);
            if (b->phases_w > 1)
                vf_write_n(QN_F32, to + phase, i, odd, b->pitch - i);
        }
    } else if (b->sw == 4) {
        for (int64_t i = 0; i < b->pitch; i += VF_LANES) {
            const float *from = line + 4 * i;
            vf even[2], odd[2], p[4];
            vf_part(vf_load(from), vf_load(from + VF_LANES), &even[0], &odd[0]);
            vf_part(vf_load(from + 2 * VF_LANES), vf_load(from + 3 * VF_LANES), &even[1], &odd[1]);
            vf_part(even[0], even[1], &p[0], &p[2]);
            vf_part(odd[0], odd[1], &p[1], &p[3]);
            VF_UNROLL
            for (int k = 0; k < 4; k++)
                if (k < b->phases_w)
                    vf_write_n(QN_F32, to + k * phase, i, p[k], b->pitch - i);
        }
    } else {
        for (int64_t p = 0; p < b->phases_w; p++)
            for (int64_t i = 0; i < b->pitch; i++)
                to[p * phase + i] = line[i * b->sw + p];
    }
}

/* n zeros; `loose`: up to a vector more. */
VF_INLINE void zeros(float *to, int64_t n, bool loose) {
    const vf zero = vf_set1(0.0f);
    for (int64_t j = 0; j < n; j += VF_LANES)
        if (loose)
            vf_store(to + j, zero);
        else
            vf_write_n(QN_F32, to, j, zero, n - j);
}

VF_INLINE void fill_as(const qn_dtype dtype, const qn_band *b, const void *plane, int64_t row, int64_t column,
                       float *line, float *to) {
    const int64_t width = b->pitch * b->sw, phase = b->rows * b->pitch, in_plane = b->in_h * b->in_w;
    /* columns [lo, hi) are of the image */
    const int64_t lo = clamp64(-column, 0, width), hi = clamp64(b->in_w - column, lo, width);
    for (int64_t p = 0; p < b->phases_h; p++)
        for (int64_t i = 0; i < b->rows; i++) {
            float *first = to + (p * b->phases_w * b->rows + i) * b->pitch, *linear = b->sw == 1 ? first : line;
            const int64_t y = row + i * b->sh + p;
            if (y < 0 || y >= b->in_h) {
                for (int64_t k = 0; k < b->phases_w; k++)
                    zeros(first + k * phase, b->pitch, false);
                continue;
            }
            /* what lies behind a row is written after it, except behind the last row of a phase */
            const bool loose = b->sw > 1 || i + 1 < b->rows || b->phases_h == 1;
            const int64_t from = y * b->in_w + column;
            zeros(linear, lo, loose);
            if (loose && dtype == QN_F32 && from + hi + VF_LANES <= in_plane)
                for (int64_t j = lo; j < hi; j += VF_LANES)
                    vf_store(linear + j, vf_load((const float *)plane + from + j));
            else
                for (int64_t j = lo; j < hi; j += VF_LANES)
                    vf_write_n(QN_F32, linear, j, vf_read_n(dtype, plane, from + j, hi - j), hi - j);
            zeros(linear + hi, width - hi, loose);
            if (b->sw > 1)
                split(b, line, first, phase);
        }
}

static void fill(const qn_band *b, const void *plane, int64_t row, int64_t column, float *line, float *to) {
    switch (b->dtype) {
    case QN_F16: fill_as(QN_F16, b, plane, row, column, line, to); break;
    case QN_BF16: fill_as(QN_BF16, b, plane, row, column, line, to); break;
    default: fill_as(QN_F32, b, plane, row, column, line, to); break;
    }
}
