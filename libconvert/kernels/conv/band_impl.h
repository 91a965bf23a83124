/* Filling a padded band of the input (qn_band), and the reverse, weaving rows together, for one instruction set. */
#include "kernels/conv/conv_isa.h"
#include "kernels/simd/simd.h"

static int64_t clamp64(int64_t x, int64_t lo, int64_t hi) { return x < lo ? lo : x > hi ? hi : x; }

/* A row of the image under a row of the band: columns [lo, hi) of the band's row are elements from + column of the
 * plane, the others zero. */
typedef struct source {
    const void *plane;
    int64_t from, lo, hi;
} source;

/* VF_LANES columns from j on. What lies before the row in memory may be read, as long as it is the plane's. */
VF_INLINE vf columns(const qn_dtype dtype, const source *s, int64_t j) {
    if (j >= s->lo)
        return s->hi > j ? vf_read_n(dtype, s->plane, s->from + j, s->hi - j) : vf_set1(0.0f);
    float lane[VF_LANES];
    if (s->from + j < 0) {
        for (int64_t l = 0; l < VF_LANES; l++)
            lane[l] = j + l < s->lo || j + l >= s->hi ? 0.0f : qn_read_float(dtype, s->plane, s->from + j + l);
        return vf_load(lane);
    }
    if (s->hi <= s->lo || j + VF_LANES <= s->lo)
        return vf_set1(0.0f);
    static const float number[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return vf_select_lt(vf_load(number), vf_set1((float)(s->lo - j)), vf_set1(0.0f),
                        vf_read_n(dtype, s->plane, s->from + j, s->hi - j));
}

/* n floats; `loose`: up to a vector more. */
VF_INLINE void put(float *to, vf v, int64_t n, bool loose) {
    if (loose)
        vf_store(to, v);
    else
        vf_write_n(QN_F32, to, 0, v, n);
}

/* The row's columns, phase by phase, phase p to to + p * phase. */
VF_INLINE void split(const qn_dtype dtype, const qn_band *b, const source *s, float *to, int64_t phase, bool loose) {
    const int64_t n = b->pitch;
    if (b->sw == 1) {
        for (int64_t i = 0; i < n; i += VF_LANES)
            put(to + i, columns(dtype, s, i), n - i, loose);
    } else if (b->sw == 2) {
        for (int64_t i = 0; i < n; i += VF_LANES) {
            vf even, odd;
            vf_part(columns(dtype, s, 2 * i), columns(dtype, s, 2 * i + VF_LANES), &even, &odd);
            put(to + i, even, n - i, loose);
            if (b->phases_w > 1)
                put(to + phase + i, odd, n - i, loose);
        }
    } else if (b->sw == 4) {
        for (int64_t i = 0; i < n; i += VF_LANES) {
            vf even[2], odd[2], p[4];
            VF_UNROLL
            for (int k = 0; k < 2; k++)
                vf_part(columns(dtype, s, 4 * i + 2 * k * VF_LANES), columns(dtype, s, 4 * i + (2 * k + 1) * VF_LANES),
                        &even[k], &odd[k]);
            vf_part(even[0], even[1], &p[0], &p[2]);
            vf_part(odd[0], odd[1], &p[1], &p[3]);
            VF_UNROLL
            for (int k = 0; k < 4; k++)
                if (k < b->phases_w)
                    put(to + k * phase + i, p[k], n - i, loose);
        }
    } else {
        for (int64_t p = 0; p < b->phases_w; p++)
            for (int64_t i = 0, j = p; i < n; i++, j += b->sw)
                to[p * phase + i] = j < s->lo || j >= s->hi ? 0.0f : qn_read_float(dtype, s->plane, s->from + j);
    }
}

VF_INLINE void fill_as(const qn_dtype dtype, const qn_band *b, const void *plane, int64_t row, int64_t column,
                       float *to) {
    const int64_t width = b->pitch * b->sw, phase = b->rows * b->pitch;
    source s = {.plane = plane, .lo = clamp64(-column, 0, width)};
    s.hi = clamp64(b->in_w - column, s.lo, width);
    for (int64_t p = 0; p < b->phases_h; p++)
        for (int64_t i = 0; i < b->rows; i++) {
            float *first = to + (p * b->phases_w * b->rows + i) * b->pitch;
            const int64_t y = row + i * b->sh + p;
            if (y < 0 || y >= b->in_h) {
                for (int64_t k = 0; k < b->phases_w; k++)
                    memset(first + k * phase, 0, (size_t)b->pitch * sizeof *to);
                continue;
            }
            s.from = y * b->in_w + column;
            /* what lies behind a row is written after it, as far as the phase goes on */
            split(dtype, b, &s, first, phase, (b->rows - 1 - i) * b->pitch >= VF_LANES);
        }
}

static void fill(const qn_band *b, const void *plane, int64_t row, int64_t column, float *to) {
    switch (b->dtype) {
    case QN_F16: fill_as(QN_F16, b, plane, row, column, to); break;
    case QN_BF16: fill_as(QN_BF16, b, plane, row, column, to); break;
    default: fill_as(QN_F32, b, plane, row, column, to); break;
    }
}

static void weave(const float *from, int64_t plane, int64_t s, int64_t n, float bias, float *to) {
    const vf b = vf_set1(bias);
    int64_t i = 0;
    if (s == 2) {
        for (; i + VF_LANES <= n; i += VF_LANES) {
            vf r[2];
            vf_zip(vf_load(from + i), vf_load(from + plane + i), &r[0], &r[1]);
            vf_store(to + 2 * i, vf_add(r[0], b));
            vf_store(to + 2 * i + VF_LANES, vf_add(r[1], b));
        }
    } else if (s == 4) {
        for (; i + VF_LANES <= n; i += VF_LANES) {
            vf even[2], odd[2], r[4];
            vf_zip(vf_load(from + i), vf_load(from + 2 * plane + i), &even[0], &even[1]);
            vf_zip(vf_load(from + plane + i), vf_load(from + 3 * plane + i), &odd[0], &odd[1]);
            vf_zip(even[0], odd[0], &r[0], &r[1]);
            vf_zip(even[1], odd[1], &r[2], &r[3]);
            VF_UNROLL
            for (int k = 0; k < 4; k++)
                vf_store(to + 4 * i + k * VF_LANES, vf_add(r[k], b));
        }
    }
    for (; i < n; i++)
        for (int64_t k = 0; k < s; k++)
            to[i * s + k] = from[k * plane + i] + bias;
}
