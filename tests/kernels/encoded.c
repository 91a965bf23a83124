#include "tests/kernels/encoded.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "base/random.h"
#include "tests/test.h"

/* ---- which encodings ------------------------------------------------------------------------------------ */

typedef struct scale_kind {
    qn_dtype dtype, super;
    int64_t super_block;
} scale_kind;
static const scale_kind g_scales[8] = {{QN_F32, QN_NONE, 0}, {QN_F16, QN_NONE, 0}, {QN_BF16, QN_NONE, 0}, {QN_F8E8M0, QN_NONE, 0},
                                       {QN_U8, QN_F32, 0},   {QN_I6, QN_F16, 3},   {QN_U4, QN_BF16, 8},   {QN_I3, QN_F32, 1}};
/* axis, block, axis2, block2 */
static const int64_t g_groups[9][4] = {{-1, 0, 0, 0}, {0, 0, 0, 0}, {1, 0, 0, 0},  {2, 0, 0, 0}, {2, 16, 0, 0},
                                       {2, 7, 0, 0},  {1, 2, 0, 0}, {1, 2, 2, 8}, {2, 3, 0, 2}};
static const qn_dtype g_codes[15] = {QN_I8, QN_U8, QN_I6, QN_U6, QN_I4, QN_U4, QN_I3, QN_U3, QN_I2, QN_U2,
                                     QN_F8E4M3, QN_F8E5M2, QN_F6E2M3, QN_F6E3M2, QN_F4E2M1};

static void set_scales(qn_const *f, int scales, int groups) {
    f->scale_dtype = g_scales[scales].dtype;
    f->super_dtype = g_scales[scales].super;
    f->super_block = g_scales[scales].super_block;
    f->axis = (int32_t)g_groups[groups][0];
    f->block = g_groups[groups][1];
    f->axis2 = (int32_t)g_groups[groups][2];
    f->block2 = g_groups[groups][3];
}

static int digit(int *i, int base) {
    const int d = *i % base;
    *i /= base;
    return d;
}

bool qn_test_encoding(int i, const int64_t dims[3], qn_const *fields) {
    static const int64_t masks[] = {0, 1, 4};
    const int whole = i;
    *fields = (qn_const){.dtype = QN_F32, .rank = 3, .axis = -1, .lut_axis = -1, .name = "w"};
    memcpy(fields->dims, dims, 3 * sizeof *dims);
    if (i < QN_TEST_AFFINE) {
        fields->encoding = QN_ENC_AFFINE;
        fields->code_dtype = g_codes[digit(&i, 15)];
        const int scales = digit(&i, 8), groups = digit(&i, 9);
        set_scales(fields, scales, groups);
        fields->symmetric = digit(&i, 2) == 0;
        fields->mask_block = masks[i];
    } else if ((i -= QN_TEST_AFFINE) < QN_TEST_PALETTES) {
        static const qn_dtype tables[] = {QN_F32, QN_F16, QN_BF16, QN_I8};
        static const int32_t axes[] = {-1, 0, 1, 2};
        static const int64_t runs[] = {1, 1, 2, 12};
        fields->encoding = QN_ENC_PALETTE;
        fields->bits = 1 + digit(&i, 8);
        fields->width = 1 << digit(&i, 3);
        const int axis = digit(&i, 4);
        fields->lut_axis = axes[axis];
        fields->lut_group = axis ? runs[axis] : 0;
        fields->lut_dtype = tables[digit(&i, 4)];
        if (i % 3) /* the rest: spread by numbers that have no factor in common with those before */
            set_scales(fields, whole * 5 % 8, whole * 7 % 9);
        fields->mask_block = i % 4 == 3 ? 1 << whole % 5 : 0;
    } else {
        static const qn_dtype values[] = {QN_F32, QN_F16, QN_BF16};
        i -= QN_TEST_PALETTES;
        fields->encoding = QN_ENC_SPARSE;
        fields->dtype = values[digit(&i, 3)];
        fields->mask_block = 1 << i;
    }
    fields->sparse = fields->mask_block > 0;
    return qn_const_encoding_fault(fields) == NULL;
}

const char *qn_test_encoding_text(const qn_const *c) {
    static char text[300];
    snprintf(text, sizeof text, "%d of rank %d [%lld,%lld,%lld] %s%s scales %s of %s/%lld axis %d:%lld %d:%lld bits %d width %d "
             "table %s %d:%lld mask %lld",
             (int)c->encoding, (int)c->rank, (long long)c->dims[0], (long long)c->dims[1], (long long)c->dims[2],
             qn_stored_name(c->code_dtype), c->symmetric ? "" : " with zero points", qn_stored_name(c->scale_dtype),
             qn_stored_name(c->super_dtype), (long long)c->super_block, (int)c->axis, (long long)c->block, (int)c->axis2,
             (long long)c->block2, c->bits, c->width, qn_stored_name(c->lut_dtype), (int)c->lut_axis, (long long)c->lut_group,
             (long long)c->mask_block);
    return text;
}

/* ---- made up ------------------------------------------------------------------------------------------------ */

/* n numbers of a floating point type, of both signs, in [-1, 1]. */
static void fill_floats(qn_dtype dtype, void *to, size_t bytes, uint64_t *seed) {
    for (size_t at = 0; at < bytes; at += qn_dtype_bytes(dtype)) {
        const float x = (float)(qn_random_uniform(seed) * 2 - 1);
        const uint16_t half = dtype == QN_F16 ? qn_f32_to_f16(x) : qn_f32_to_bf16(x);
        memcpy((char *)to + at, dtype == QN_F32 ? (const void *)&x : &half, qn_dtype_bytes(dtype));
    }
}

static void fill_bits(void *to, size_t bytes, uint64_t *seed) {
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = (uint8_t)qn_random_next(seed);
}

/* Bits behind the last of n codes are zero. */
static void trim(uint8_t *to, int64_t n, int bits) {
    if (n * bits % 8)
        to[n * bits / 8] = (uint8_t)(to[n * bits / 8] & ((1u << n * bits % 8) - 1));
}

static void make_mask(qn_test_encoded *t, uint64_t *seed) {
    const int64_t n = qn_const_numel(&t->c), bits = (n + t->c.mask_block - 1) / t->c.mask_block,
                  chunks = (n + QN_SPARSE_CHUNK - 1) / QN_SPARSE_CHUNK;
    uint8_t *mask = calloc(1, (size_t)(bits + 7) / 8);
    uint32_t *starts = calloc((size_t)chunks, sizeof *starts);
    assert_true(mask && starts);
    const uint64_t kind = qn_random_next(seed) % 4; /* none, all, most, half of them */
    for (int64_t e = 0; e < n; e++) {
        const int64_t bit = e / t->c.mask_block;
        if (e % QN_SPARSE_CHUNK == 0)
            starts[e / QN_SPARSE_CHUNK] = (uint32_t)t->c.n_kept;
        if (e % t->c.mask_block == 0 && kind > 0 && (kind == 1 || qn_random_next(seed) % 4 >= kind - 1))
            mask[bit / 8] = (uint8_t)(mask[bit / 8] | 1u << bit % 8);
        t->c.n_kept += mask[bit / 8] >> bit % 8 & 1;
    }
    t->bytes[QN_PART_MASK] = mask;
    t->bytes[QN_PART_STARTS] = starts;
}

static void fill_codes(qn_dtype dtype, uint8_t *to, size_t n, bool finite, uint64_t *seed) {
    fill_bits(to, n, seed);
    for (size_t i = 0; i < n && finite; i++)
        if (dtype == QN_F8E5M2 || dtype == QN_F8E4M3)
            to[i] &= 0xbf; /* half of the exponents */
        else if (dtype == QN_F8E8M0)
            to[i] = (uint8_t)(120 + to[i] % 12);
}

qn_test_encoded *qn_test_encoded_make(const qn_const *fields, uint64_t seed, bool finite) {
    qn_test_encoded *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->c = *fields;
    t->c.n_kept = 0;
    if (fields->sparse)
        make_mask(t, &seed);
    const int64_t n = fields->sparse ? t->c.n_kept : qn_const_numel(fields);
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        size_t bytes;
        assert_true(qn_const_part_bytes(&t->c, part, &bytes));
        if (part < QN_PART_MASK) {
            t->bytes[part] = malloc(bytes + (bytes == 0));
            assert_non_null(t->bytes[part]);
            const qn_dtype dtypes[] = {t->c.code_dtype, t->c.scale_dtype, t->c.code_dtype, t->c.lut_dtype, t->c.super_dtype};
            const qn_dtype dtype = part == 0 && t->c.encoding == QN_ENC_SPARSE ? t->c.dtype : dtypes[part];
            if (dtype == QN_F32 || dtype == QN_F16 || dtype == QN_BF16)
                fill_floats(dtype, t->bytes[part], bytes, &seed);
            else
                fill_codes(dtype, t->bytes[part], bytes, finite, &seed);
        }
        t->c.part[part] = (qn_bytes){bytes ? t->bytes[part] : NULL, bytes};
    }
    const qn_code_type *code = qn_code_type_of(t->c.code_dtype), *scale = qn_code_type_of(t->c.scale_dtype);
    const qn_bytes *scales = &t->c.part[QN_PART_SCALES], *zeros = &t->c.part[QN_PART_ZERO_POINTS];
    int64_t groups = 1;
    for (int d = 0; d < t->c.rank && t->c.axis >= 0; d++)
        if (t->c.block == 0)
            groups = t->c.dims[t->c.axis];
        else {
            const int64_t by = d == t->c.axis ? t->c.block : d == t->c.axis2 && t->c.block2 ? t->c.block2 : 1;
            groups *= (t->c.dims[d] + by - 1) / by;
        }
    if (code)
        trim(t->bytes[0], n, code->bits);
    if (t->c.encoding == QN_ENC_PALETTE)
        trim(t->bytes[0], (n + t->c.width - 1) / t->c.width, t->c.bits);
    if (scale && scales->n)
        trim(t->bytes[QN_PART_SCALES], groups, scale->bits);
    if (zeros->n)
        trim(t->bytes[QN_PART_ZERO_POINTS], groups, code->bits);
    return t;
}

void qn_test_encoded_free(qn_test_encoded *t) {
    for (int part = 0; part < QN_MAX_PARTS; part++)
        free(t->bytes[part]);
    free(t);
}

/* ---- docs/format.md -------------------------------------------------------------------------------------------- */

static unsigned bits_at(const void *data, int64_t i, int bits) {
    unsigned code = 0;
    for (int b = 0; b < bits; b++)
        code |= ((unsigned)((const uint8_t *)data)[(i * bits + b) / 8] >> (i * bits + b) % 8 & 1u) << b;
    return code;
}

static const struct {
    qn_dtype dtype;
    int bits, kind; /* 0 unsigned, 1 signed, else the bits of a mantissa + 2 */
} g_types[] = {{QN_I8, 8, 1}, {QN_U8, 8, 0}, {QN_I6, 6, 1}, {QN_U6, 6, 0}, {QN_I4, 4, 1}, {QN_U4, 4, 0}, {QN_I3, 3, 1}, {QN_U3, 3, 0},
               {QN_I2, 2, 1}, {QN_U2, 2, 0}, {QN_F8E4M3, 8, 5}, {QN_F8E5M2, 8, 4}, {QN_F6E2M3, 6, 5}, {QN_F6E3M2, 6, 4},
               {QN_F4E2M1, 4, 3}, {QN_F8E8M0, 8, 2}};

static double number_at(qn_dtype dtype, const void *data, int64_t i) {
    if (dtype == QN_F32) {
        float f;
        memcpy(&f, (const char *)data + i * 4, 4);
        return (double)f;
    }
    if (dtype == QN_F16 || dtype == QN_BF16) {
        uint16_t h;
        memcpy(&h, (const char *)data + i * 2, 2);
        return (double)(dtype == QN_F16 ? qn_f16_to_f32(h) : qn_bf16_to_f32(h));
    }
    int row = 0;
    while (g_types[row].dtype != dtype)
        row++;
    const int bits = g_types[row].bits, kind = g_types[row].kind;
    const int code = (int)bits_at(data, i, bits), half = 1 << (bits - 1);
    if (kind < 2)
        return kind == 1 && code >= half ? code - 2 * half : code;
    if (kind == 2)
        return code == 255 ? (double)NAN : pow(2, code - 127);
    const int mantissa = kind - 2, exponents = bits - 1 - mantissa, e = code % half >> mantissa, m = code & ((1 << mantissa) - 1);
    const double sign = code >= half ? -1 : 1, bias = (1 << (exponents - 1)) - 1;
    if (dtype == QN_F8E4M3 && code % half == 127)
        return (double)NAN;
    if (dtype == QN_F8E5M2 && e == 31)
        return m ? (double)NAN : sign * (double)INFINITY;
    return sign * (e ? pow(2, e - bias) * (1 + m / pow(2, mantissa)) : pow(2, 1 - bias) * m / pow(2, mantissa));
}

static int64_t ceil_div(int64_t n, int64_t by) { return (n + by - 1) / by; }

static int64_t group_of(const qn_const *c, const int64_t *at) {
    if (c->axis < 0)
        return 0;
    if (c->block == 0)
        return at[c->axis];
    int64_t group = 0;
    for (int d = 0; d < c->rank; d++) {
        const int64_t by = d == c->axis ? c->block : c->block2 && d == c->axis2 ? c->block2 : 1;
        group = group * ceil_div(c->dims[d], by) + at[d] / by;
    }
    return group;
}

float qn_test_element(const qn_const *c, int64_t e) {
    int64_t at[QN_MAX_RANK], rest = e, place = e;
    for (int d = c->rank - 1; d >= 0; d--) {
        at[d] = rest % c->dims[d];
        rest /= c->dims[d];
    }
    if (c->sparse) {
        if (!bits_at(c->part[QN_PART_MASK].data, e / c->mask_block, 1))
            return 0;
        place = 0;
        for (int64_t i = 0; i < e; i++)
            place += bits_at(c->part[QN_PART_MASK].data, i / c->mask_block, 1);
    }
    if (c->encoding == QN_ENC_SPARSE)
        return (float)number_at(c->dtype, c->part[0].data, place);
    const int64_t group = group_of(c, at);
    float scale = 1;
    if (c->scale_dtype != QN_NONE)
        scale = (float)number_at(c->scale_dtype, c->part[QN_PART_SCALES].data, group);
    if (c->super_dtype != QN_NONE)
        scale *= (float)number_at(c->super_dtype, c->part[QN_PART_SUPER_SCALES].data, c->super_block ? group / c->super_block : 0);
    if (c->encoding == QN_ENC_AFFINE) {
        const double zero = c->symmetric ? 0 : number_at(c->code_dtype, c->part[QN_PART_ZERO_POINTS].data, group);
        return (float)(number_at(c->code_dtype, c->part[0].data, place) - zero) * scale;
    }
    const int64_t table = c->lut_axis < 0 ? 0 : at[c->lut_axis] / c->lut_group,
                  index = bits_at(c->part[0].data, place / c->width, c->bits);
    const float x = (float)number_at(c->lut_dtype, c->part[QN_PART_LUT].data,
                                     ((table << c->bits) + index) * c->width + place % c->width);
    return c->scale_dtype == QN_NONE ? x : x * scale;
}

bool qn_test_same(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }
