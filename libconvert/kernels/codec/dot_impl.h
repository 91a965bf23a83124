/* Dot products over codes of 1 to 8 bits whose rows are what is summed.
 *
 * A lane takes a dword of codes: `run` neighbours in k (dot_codes_impl.h). A step is VF_LANES dwords: vector i of the step
 * holds code i of each lane, and x is arranged to match (qn_dot). All codes of a lane are in one group, since blocks are
 * multiples of 16 and of the run; so each lane's sum over a step is multiplied by its scale:
 *
 *     acc[l] += scale[l] * sum over i of (number[l][i] - zero[l]) * x[l][i]
 *
 * Codes less zero points are exact in float32. Unsigned codes are read as signed ones with the highest bit turned,
 * their zero points too, which leaves the difference. */
#include "kernels/codec/codec.h"
#include "kernels/codec/dot_codes_impl.h"
#include "kernels/codec/scales_impl.h"

/* ---- rows --------------------------------------------------------------------------------------------------- */

enum {
    AHEAD = 2048,         /* bytes of codes from what is used to what is asked for, at least */
    X_BYTES = 16 << 10,   /* of rows of x that pass at a time */
    PASS_UNIT = 2048,     /* bytes of floats: of 512 codes, a multiple of every step */
    PASS_GROUPS = X_BYTES / 4 / 16 + VF_LANES
};

typedef struct matrix {
    const qn_const *c;
    const uint8_t *codes, *zero_points; /* zero_points NULL: 0 */
    const void *scales;                 /* NULL: loaded by load_scales */
    qn_dtype scale_dtype;
    int64_t row_bytes, n_groups, zero_bytes;
    int64_t row_groups;         /* from a row's first group to that of the next; 0: one group for all */
    int64_t ahead;              /* AHEAD in whole rows */
    int64_t steps, step_groups; /* after so many steps, so many groups on */
    int32_t lane_group[VF_LANES], lane_shift[VF_LANES]; /* each lane's group, less that of the step; in bits */
    uint32_t flip;                                      /* what turns unsigned codes into signed ones */
    const float *table;                                 /* INDICES of codes that have always the same; else NULL */
} matrix;

/* Zero points of the lanes of a step that begins with `group`; those of a step's groups are in 32 bits. */
VF_INLINE vf zeros_of(const int bits, const matrix *w, int64_t group) {
    uint64_t near = 0;
    const int64_t at = group * bits / 8, left = w->zero_bytes - at;
    if (left >= (int64_t)sizeof near)
        memcpy(&near, w->zero_points + at, sizeof near);
    else if (w->zero_points)
        memcpy(&near, w->zero_points + at, (size_t)left);
    const ints all = ints_set1((uint32_t)(near >> group * bits % 8) ^ w->flip);
    return numbers_of(INTEGERS, bits, ints_shift_right(all, ints_load(w->lane_shift)), 0, NULL);
}

/* sums[r] += row r of x, r < m, times row j of the matrix, lane by lane, over its bytes [begin, end): whole steps,
 * except at the row's end. */
VF_INLINE void dot_row(const code_kind kind, const int m, const int bits, const bool zeros, const matrix *w,
                       const qn_dot_rows *x, int64_t j, int64_t begin, int64_t end, vf *sums) {
    const int run = RUN(bits), bytes = LANE_BYTES(bits) * VF_LANES;
    const int64_t first = begin / bytes;
    const uint8_t *codes = w->codes + j * w->row_bytes;
    const float *at_x = x->x + first * run * VF_LANES;
    const ints lane_group = ints_load(w->lane_group);
    int64_t group = j * w->row_groups + first / w->steps * w->step_groups, step = first % w->steps;
    /* lanes behind the row's end have the scale 0, not one of the next row; `before`: groups that are not in `scales` */
    int64_t n_groups = w->row_groups > 1 ? (j + 1) * w->row_groups : w->n_groups, before = 0;
    const void *scales = w->scales;
    float loaded[PASS_GROUPS], table[256];
    const float *numbers = w->table;
    vf acc[QN_DOT_ROWS];
    if (kind == INDICES && !numbers) {
        load_table(w->c, w->c->lut_axis < 0 ? 0 : j / w->c->lut_group, 1 << bits, table);
        repeat_table(bits, table);
        numbers = table;
    }
    if (!scales) {
        const int64_t some = w->row_groups > 1 ? (first % w->steps + (end - begin + bytes - 1) / bytes + w->steps - 1) / w->steps *
                                                     w->step_groups : 1;
        before = group;
        load_scales(w->c, group, some < n_groups - group ? some : n_groups - group, loaded);
        scales = loaded;
    }
    VF_UNROLL
    for (int r = 0; r < m; r++)
        acc[r] = sums[r];
    for (int64_t at = begin; at < end; at += bytes, at_x += run * VF_LANES) {
        ints dwords = dwords_at(bits, codes + at, end - at);
        const int64_t index = group - before, left = n_groups - group;
        const vf scale = ints_pick(left >= VF_LANES ? vf_read_n(w->scale_dtype, scales, index, VF_LANES)
                                                    : vf_read_n(w->scale_dtype, scales, index, left),
                                   lane_group);
        vf zero = scale, sum[QN_DOT_ROWS];
        __builtin_prefetch((const void *)((uintptr_t)codes + (uintptr_t)(at + w->ahead)));
        if (zeros) {
            dwords = ints_xor(dwords, ints_set1(w->flip));
            zero = zeros_of(bits, w, group);
        }
        VF_UNROLL
        for (int i = 0; i < run; i++) {
            vf number = numbers_of(kind, bits, dwords, i, numbers);
            if (zeros)
                number = vf_sub(number, zero);
            VF_UNROLL
            for (int r = 0; r < m; r++) {
                const vf v = vf_load(at_x + r * x->stride + i * VF_LANES);
                sum[r] = i == 0 ? vf_mul(v, number) : vf_fma(v, number, sum[r]);
            }
        }
        if (kind == E4M3) {
            const vf nan = has_nan(dwords) ? nan_of(dwords) : vf_set1(0.0f);
            VF_UNROLL
            for (int r = 0; r < m; r++)
                sum[r] = vf_fma(sum[r], vf_set1(FACTOR(kind)), nan);
        }
        VF_UNROLL
        for (int r = 0; r < m; r++)
            acc[r] = vf_fma(scale, sum[r], acc[r]);
        if (++step == w->steps) {
            step = 0;
            group += w->step_groups;
        }
    }
    VF_UNROLL
    for (int r = 0; r < m; r++)
        sums[r] = acc[r];
}

/* Rows of x pass in pieces that stay in the first-level cache while those of the matrix pass by. */
VF_INLINE void dot_rows(const code_kind kind, const int m, const int bits, const bool zeros, matrix *w, const qn_dot_rows *x,
                        int64_t j, int64_t n, float *out, int64_t out_stride) {
    enum { COLUMNS = 32 };
    const int64_t piece = X_BYTES / m / PASS_UNIT * PASS_UNIT / 32 * bits, /* bytes of codes: whole steps */
        passing = piece < w->row_bytes ? piece : w->row_bytes;
    w->ahead = (AHEAD + passing - 1) / passing * w->row_bytes;
    for (int64_t c0 = 0; c0 < n; c0 += COLUMNS) {
        const int64_t cn = n - c0 < COLUMNS ? n - c0 : COLUMNS;
        vf sums[COLUMNS][QN_DOT_ROWS];
        for (int64_t c = 0; c < cn; c++)
            for (int r = 0; r < m; r++)
                sums[c][r] = vf_set1(0.0f);
        for (int64_t begin = 0; begin < w->row_bytes; begin += piece)
            for (int64_t c = 0; c < cn; c++)
                dot_row(kind, m, bits, zeros, w, x, j + c0 + c, begin,
                        w->row_bytes - begin < piece ? w->row_bytes : begin + piece, sums[c]);
        for (int64_t c = 0; c < cn; c++)
            for (int r = 0; r < m; r++)
                out[r * out_stride + c0 + c] = vf_sum(sums[c][r]);
    }
}

/* ---- constants ------------------------------------------------------------------------------------------------- */

/* The highest bit of each code of a dword. */
static uint32_t highest_bits(int bits) {
    uint32_t all = 0;
    for (int i = 0; i < RUN(bits); i++)
        all |= 1u << (i * bits + bits - 1);
    return all;
}

static matrix matrix_of(const code_kind kind, const int bits, const qn_const *c) {
    static const float one[VF_LANES] = {1};
    static const float e2m1[16] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
    const bool scaled = c->scale_dtype != QN_NONE, loaded = qn_code_type_of(c->scale_dtype) != NULL;
    const int64_t K = c->dims[1], step = RUN(bits) * VF_LANES;
    const qn_groups g = scaled ? qn_const_groups(c) : (qn_groups){.n_groups = 1, .inner = 1};
    const qn_code_type *type = c->encoding == QN_ENC_AFFINE ? qn_code_type_of(c->code_dtype) : NULL;
    const bool has_zeros = type && !c->symmetric;
    matrix w = {.c = c,
                .codes = c->part[QN_PART_CODES].data,
                .zero_points = has_zeros ? c->part[QN_PART_ZERO_POINTS].data : NULL,
                .scales = !scaled ? one : loaded ? NULL : c->part[QN_PART_SCALES].data,
                .scale_dtype = !scaled || loaded ? QN_F32 : c->scale_dtype,
                .row_bytes = K * bits / 8,
                .n_groups = g.n_groups,
                .zero_bytes = has_zeros ? (int64_t)c->part[QN_PART_ZERO_POINTS].n : 0,
                .steps = INT64_MAX,
                .flip = type && !type->is_signed ? highest_bits(bits) : 0,
                .table = kind == INDICES && type ? e2m1 : NULL};
    if (g.block > 0) {
        w.row_groups = K / g.block + (K % g.block != 0);
        w.steps = g.block < step ? 1 : g.block / step;
        w.step_groups = g.block < step ? step / g.block : 1;
    } else if (g.n_groups > 1)
        w.row_groups = 1;
    for (int l = 0; l < VF_LANES && g.block > 0 && g.block < step; l++) {
        w.lane_group[l] = (int32_t)(RUN(bits) * l / g.block);
        w.lane_shift[l] = w.lane_group[l] * bits;
    }
    return w;
}

VF_INLINE void dots(const code_kind kind, const int bits, const bool zeros, const qn_const *c, const qn_dot_rows *x, int64_t j,
                    int64_t n, float *out, int64_t out_stride) {
    matrix w = matrix_of(kind, bits, c);
    switch (x->m) {
    case 1: dot_rows(kind, 1, bits, zeros, &w, x, j, n, out, out_stride); break;
    case 2: dot_rows(kind, 2, bits, zeros, &w, x, j, n, out, out_stride); break;
    case 3: dot_rows(kind, 3, bits, zeros, &w, x, j, n, out, out_stride); break;
    default: dot_rows(kind, 4, bits, zeros, &w, x, j, n, out, out_stride); break;
    }
}

/* NAME, kind, bits, zeros */
#define DOTS(ROW)                                                                                                          \
    ROW(integers2, INTEGERS, 2, false) ROW(integers3, INTEGERS, 3, false) ROW(integers4, INTEGERS, 4, false)               \
    ROW(integers6, INTEGERS, 6, false) ROW(integers8, INTEGERS, 8, false)                                                  \
    ROW(zeros2, INTEGERS, 2, true) ROW(zeros3, INTEGERS, 3, true) ROW(zeros4, INTEGERS, 4, true)                           \
    ROW(zeros6, INTEGERS, 6, true) ROW(zeros8, INTEGERS, 8, true)                                                          \
    ROW(indices1, INDICES, 1, false) ROW(indices2, INDICES, 2, false) ROW(indices3, INDICES, 3, false)                     \
    ROW(indices4, INDICES, 4, false) ROW(indices6, INDICES, 6, false) ROW(indices8, INDICES, 8, false)                     \
    ROW(e4m3, E4M3, 8, false) ROW(e5m2, E5M2, 8, false)

#define FUNCTION(NAME, KIND, BITS, ZEROS)                                                                                  \
    static void NAME(const qn_const *c, const qn_dot_rows *x, int64_t j, int64_t n, float *out, int64_t stride) {          \
        dots(KIND, BITS, ZEROS, c, x, j, n, out, stride);                                                                  \
    }
DOTS(FUNCTION)

static const struct {
    code_kind kind;
    int bits;
    bool zeros;
    qn_dot dot;
} g_dots[] = {
#define ROW(NAME, KIND, BITS, ZEROS) {KIND, BITS, ZEROS, {NAME, RUN(BITS), VF_LANES}},
    DOTS(ROW)
#undef ROW
};

/* Groups that the lanes of a step can follow: one, a row, or blocks of a row. */
static bool groups_fit(const qn_const *c, int64_t run, int64_t step) {
    if (c->scale_dtype == QN_NONE || c->axis < 0 || (c->axis == 0 && c->block == 0))
        return true;
    return c->axis == 1 && c->block > 0 && c->block2 == 0 && c->block % 16 == 0 && c->block % run == 0 &&
           (step % c->block == 0 || c->block % step == 0);
}

static bool code_fits(const qn_const *c, code_kind *kind, int *bits) {
    if (c->encoding == QN_ENC_PALETTE) {
        *kind = INDICES;
        *bits = c->bits;
        return c->width <= 1 && c->lut_axis <= 0;
    }
    if (c->encoding != QN_ENC_AFFINE)
        return false;
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    *bits = type->bits;
    *kind = type->is_integer                ? INTEGERS
            : type->dtype == QN_F8E4M3      ? E4M3
            : type->dtype == QN_F8E5M2      ? E5M2
                                            : INDICES;
    return type->is_integer || type->bits != 6;
}

const qn_dot *VF_NAME(qn_dot_encoded)(const qn_const *c) {
    code_kind kind;
    int bits;
    if (c->rank != 2 || c->sparse || !code_fits(c, &kind, &bits) || c->dims[1] < 1 || c->dims[1] * bits % 8 != 0 ||
        !groups_fit(c, RUN(bits), RUN(bits) * VF_LANES))
        return NULL;
    const bool zeros = kind == INTEGERS && (!c->symmetric || !qn_code_type_of(c->code_dtype)->is_signed);
    for (size_t i = 0; i < sizeof g_dots / sizeof g_dots[0]; i++)
        if (g_dots[i].kind == kind && g_dots[i].bits == bits && g_dots[i].zeros == zeros)
            return &g_dots[i].dot;
    return NULL;
}
