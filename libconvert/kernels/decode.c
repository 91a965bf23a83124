/* What each encoding means: elements of a filled constant as float32. */
#include "kernels/eval.h"

#include "ir/groups.h"
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

/* ---- encoded -------------------------------------------------------------------------------------------- */

/* Where elements of a constant are: of those that are stored, the place in part 0. */
typedef struct place {
    const qn_const *c;
    qn_groups groups;
    int64_t next; /* sparse: the place of the next kept element */
} place;

/* The place of element e, which comes after the ones asked for before; -1 when it is not stored. */
static int64_t place_of(place *p, int64_t e) {
    if (!p->c->sparse)
        return e;
    return qn_const_is_kept(p->c, e) ? p->next++ : -1;
}

static place place_at(const qn_const *c, int64_t first) {
    return (place){c, qn_const_groups(c), c->sparse ? qn_const_kept_before(c, first) : first};
}

static void decode_affine(const qn_const *c, int64_t first, int64_t n, float *out) {
    const qn_code_type *type = qn_code_type_of(c->code_dtype);
    const uint8_t *codes = c->part[QN_PART_CODES].data, *zeros = c->part[QN_PART_ZERO_POINTS].data;
    float numbers[256];
    place p = place_at(c, first);
    qn_code_numbers(type, numbers);
    for (int64_t i = 0; i < n;) {
        const qn_run run = qn_run_at(&p.groups, first + i, n - i);
        float scale = 0, zero = 0;
        for (int64_t k = 0; k < run.n; k++, i++) {
            const int64_t group = run.group + k * run.step;
            if (k == 0 || run.step) {
                scale = qn_const_scale(c, group);
                zero = c->symmetric ? 0.0f : (float)qn_code_at(type, zeros, group);
            }
            const int64_t at = place_of(&p, first + i);
            out[i] = at < 0 ? 0.0f : (numbers[qn_code_bits(type->bits, codes, at)] - zero) * scale;
        }
    }
}

static void decode_palette(const qn_const *c, int64_t first, int64_t n, float *out) {
    const uint8_t *indices = c->part[QN_PART_INDICES].data;
    const char *lut = c->part[QN_PART_LUT].data;
    const int64_t width = c->width > 1 ? c->width : 1, entries = width << c->bits;
    const size_t bytes = (size_t)entries * qn_dtype_bytes(c->lut_dtype);
    int64_t inner = 1, loaded = -1;
    uint64_t aligned[1024 * sizeof(float) / sizeof(uint64_t)];
    float table[1024];
    place p = place_at(c, first);
    for (int32_t d = c->lut_axis + 1; c->lut_axis >= 0 && d < c->rank; d++)
        inner *= c->dims[d];
    for (int64_t i = 0; i < n; i++) {
        const int64_t e = first + i, at = place_of(&p, e),
                      used = c->lut_axis < 0 ? 0 : e / inner % c->dims[c->lut_axis] / c->lut_group;
        if (used != loaded) {
            memcpy(aligned, lut + (size_t)used * bytes, bytes);
            qn_convert(c->lut_dtype, aligned, QN_F32, table, entries);
            loaded = used;
        }
        if (at < 0)
            out[i] = 0.0f;
        else
            out[i] = table[qn_code_bits(c->bits, indices, at / width) * (uint32_t)width + (uint32_t)(e % width)];
        if (at >= 0 && c->scale_dtype != QN_NONE)
            out[i] *= qn_const_scale(c, qn_run_at(&p.groups, e, 1).group);
    }
}

static void decode_sparse(const qn_const *c, int64_t first, int64_t n, float *out) {
    place p = place_at(c, first);
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = place_of(&p, first + i);
        out[i] = 0.0f;
        if (at >= 0)
            decode_dense(c, at, 1, out + i);
    }
}

typedef void (*elements_fn)(const qn_const *, int64_t, int64_t, float *);
static const elements_fn g_by_encoding[] = {[QN_ENC_DENSE] = decode_dense,
                                            [QN_ENC_AFFINE] = decode_affine,
                                            [QN_ENC_PALETTE] = decode_palette,
                                            [QN_ENC_SPARSE] = decode_sparse};

void qn_const_elements(const qn_const *c, int64_t first, int64_t n, float *out) {
    g_by_encoding[c->encoding](c, first, n, out);
}

qn_status qn_const_decode(qn_context *ctx, const qn_const *c, int64_t first, int64_t n, float *out) {
    const char *name = c->name ? c->name : "";
    if ((size_t)c->encoding >= sizeof g_by_encoding / sizeof g_by_encoding[0] || !qn_dtype_row(c->dtype))
        return qn_fail(ctx, QN_UNSUPPORTED, "constant '%s': encoding %d of dtype %d", name, (int)c->encoding,
                       (int)c->dtype);
    const char *fault = qn_const_encoding_fault(c);
    if (fault)
        return qn_fail(ctx, QN_MALFORMED, "constant '%s' has %s", name, fault);
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
