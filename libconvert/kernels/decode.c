/* What each encoding means: elements of a filled constant as float32. */
#include "kernels/eval.h"

#include "base/half.h"
#include "kernels/ref/convert.h"

#include <string.h>

/* ---- dense ------------------------------------------------------------------------------------------- */

/* The bytes may lie anywhere in a mapped file: a few at a time go through aligned memory. */
static void decode_dense(const qn_const *c, int64_t first, int64_t n, float *out) {
    enum { CHUNK = 1024 };
    uint64_t aligned[CHUNK];
    size_t bytes = qn_dtype_bytes(c->dtype);
    const char *x = (const char *)c->part[QN_PART_VALUES].data + (size_t)first * bytes;
    if (c->dtype == QN_F32) {
        memcpy(out, x, (size_t)n * bytes);
        return;
    }
    for (int64_t at = 0; at < n; at += CHUNK) {
        int64_t m = n - at < CHUNK ? n - at : CHUNK;
        memcpy(aligned, x + (size_t)at * bytes, (size_t)m * bytes);
        qn_convert(c->dtype, aligned, QN_F32, out + at, m);
    }
}

/* ---- affine ------------------------------------------------------------------------------------------- */

typedef struct affine {
    const qn_code_type *type;
    bool half_scales;
    const uint8_t *codes, *zero_points;
    const char *scales;
} affine;

static float scale_at(const affine *a, int64_t group) {
    if (a->half_scales) {
        uint16_t h;
        memcpy(&h, a->scales + (size_t)group * sizeof h, sizeof h);
        return qn_f16_to_f32(h);
    }
    float f;
    memcpy(&f, a->scales + (size_t)group * sizeof f, sizeof f);
    return f;
}

/* n elements from `first` that share a group: (code - zero_point) * scale */
static void decode_run(const affine *a, int64_t first, int64_t n, int64_t group, float *out) {
    const float scale = scale_at(a, group);
    const int32_t zero = a->zero_points ? qn_code_at(a->type, a->zero_points, group) : 0;
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(qn_code_at(a->type, a->codes, first + i) - zero) * scale;
}

static void decode_affine(const qn_const *c, int64_t first, int64_t n, float *out) {
    const affine a = {.type = qn_code_type_of(c->code_dtype), .half_scales = c->scale_dtype == QN_F16,
                      .codes = c->part[QN_PART_CODES].data,
                      .zero_points = c->symmetric ? NULL : c->part[QN_PART_ZERO_POINTS].data,
                      .scales = c->part[QN_PART_SCALES].data};
    if (c->axis < 0) {
        decode_run(&a, first, n, 0, out);
        return;
    }
    /* The tensor is [outer, size, inner] around the axis; its groups are [outer, ceil(size / block), inner] with
     * blocks, [size] without. */
    int64_t size = c->dims[c->axis], inner = 1;
    for (int32_t d = c->axis + 1; d < c->rank; d++)
        inner *= c->dims[d];
    const int64_t block = c->block, blocks = block > 0 ? size / block + (size % block != 0) : 0;
    for (int64_t end = first + n; first < end;) {
        int64_t row = first / inner, col = first % inner, at = row % size, o = row / size;
        int64_t group, run;
        if (block == 0) {
            group = at;
            run = inner - col;
        } else {
            group = (o * blocks + at / block) * inner + col;
            run = inner > 1 ? 1 : block - at % block < size - at ? block - at % block : size - at;
        }
        run = run < end - first ? run : end - first;
        decode_run(&a, first, run, group, out);
        first += run;
        out += run;
    }
}

/* ---- palette ------------------------------------------------------------------------------------------ */

static void decode_palette(const qn_const *c, int64_t first, int64_t n, float *out) {
    const uint8_t *packed = c->part[QN_PART_INDICES].data;
    const char *lut = c->part[QN_PART_LUT].data;
    const size_t bytes = qn_dtype_bytes(c->dtype), entries = (size_t)1 << c->bits;
    int64_t size = 1, inner = 1;
    if (c->axis >= 0) {
        size = c->dims[c->axis];
        for (int32_t d = c->axis + 1; d < c->rank; d++)
            inner *= c->dims[d];
    }
    float table[256];
    int64_t loaded = -1;
    for (int64_t i = first; i < first + n; i++) {
        int64_t group = c->axis < 0 ? 0 : i / inner % size;
        if (group != loaded) {
            uint64_t aligned[256];
            memcpy(aligned, lut + (size_t)group * entries * bytes, entries * bytes);
            qn_convert(c->dtype, aligned, QN_F32, table, (int64_t)entries);
            loaded = group;
        }
        size_t bit = (size_t)i * (size_t)c->bits;
        unsigned word = packed[bit / 8];
        if (bit % 8 + (size_t)c->bits > 8)
            word |= (unsigned)packed[bit / 8 + 1] << 8;
        *out++ = table[word >> bit % 8 & (entries - 1)];
    }
}

typedef void (*elements_fn)(const qn_const *, int64_t, int64_t, float *);
static const elements_fn g_by_encoding[] = {
    [QN_ENC_DENSE] = decode_dense, [QN_ENC_AFFINE] = decode_affine, [QN_ENC_PALETTE] = decode_palette};

void qn_const_elements(const qn_const *c, int64_t first, int64_t n, float *out) {
    g_by_encoding[c->encoding](c, first, n, out);
}

qn_status qn_const_decode(qn_context *ctx, const qn_const *c, int64_t first, int64_t n, float *out) {
    const char *name = c->name ? c->name : "";
    if ((size_t)c->encoding >= sizeof g_by_encoding / sizeof g_by_encoding[0] || !qn_dtype_row(c->dtype))
        return qn_fail(ctx, QN_UNSUPPORTED, "constant '%s': encoding %d of dtype %d", name, (int)c->encoding,
                       (int)c->dtype);
    if (first < 0 || n < 0 || n > qn_const_numel(c) - first)
        return qn_fail(ctx, QN_USAGE, "constant '%s': elements %lld + %lld of %lld", name, (long long)first,
                       (long long)n, (long long)qn_const_numel(c));
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        size_t want;
        if (!qn_const_part_bytes(c, part, &want) || (want && (!c->part[part].data || c->part[part].n < want)))
            return qn_fail(ctx, QN_MALFORMED, "constant '%s': part %d has %zu bytes, its shape wants %zu", name, part,
                           c->part[part].data ? c->part[part].n : 0, want);
    }
    if (n > 0)
        qn_const_elements(c, first, n, out);
    return QN_OK;
}
