#include "compare/metrics.h"

#include "base/checked.h"
#include "base/dtype.h"
#include "base/half.h"

#include <math.h>
#include <string.h>

double qn_tensor_element(const qn_tensor *t, int64_t i) {
    const char *at = (const char *)t->data + (size_t)i * qn_dtype_bytes(t->dtype);
    union { float f32; double f64; int8_t i8; uint8_t u8; int16_t i16; uint16_t u16; int32_t i32; uint32_t u32;
            int64_t i64; uint64_t u64; } v;
    memcpy(&v, at, qn_dtype_bytes(t->dtype));
    switch (t->dtype) {
    case QN_F32: return (double)v.f32;
    case QN_F64: return v.f64;
    case QN_F16: return (double)qn_f16_to_f32(v.u16);
    case QN_BF16: return (double)qn_bf16_to_f32(v.u16);
    case QN_I8: return (double)v.i8;
    case QN_U8: case QN_BOOL: return (double)v.u8;
    case QN_I16: return (double)v.i16;
    case QN_U16: return (double)v.u16;
    case QN_I32: return (double)v.i32;
    case QN_U32: return (double)v.u32;
    case QN_I64: return (double)v.i64;
    case QN_U64: return (double)v.u64;
    case QN_NONE: break;
    }
    return 0;
}

static const char *shape_text(const qn_tensor *t, char text[128]) {
    size_t at = 0;
    text[at++] = '[';
    for (int32_t i = 0; i < t->rank && at < 100; i++) {
        if (i)
            text[at++] = ',';
        char digits[24];
        int n = 0;
        int64_t d = t->dims[i];
        do
            digits[n++] = (char)('0' + d % 10);
        while ((d /= 10) > 0 && n < 20);
        while (n)
            text[at++] = digits[--n];
    }
    text[at++] = ']';
    text[at] = 0;
    return text;
}

/* Running sums; what is left at the end gives the metrics. */
typedef struct sums {
    double error2, ref2, var2, dot;
    double max_abs;
    int64_t n, n_mismatch, first_bad;
    double ref_max;
    bool broken; /* a NaN or infinity that the reference has not */
} sums;

static void add_pair(sums *s, double r, double v, int64_t i, double rtol, double atol) {
    s->n++;
    bool same = r == v || (isnan(r) && isnan(v));
    if (!isfinite(r) || !isfinite(v)) {
        if (same)
            return;
        s->broken = true;
        s->n_mismatch++;
        if (s->first_bad < 0)
            s->first_bad = i;
        return;
    }
    double error = fabs(v - r);
    s->error2 += error * error;
    s->ref2 += r * r;
    s->var2 += v * v;
    s->dot += r * v;
    if (error > s->max_abs)
        s->max_abs = error;
    if (fabs(r) > s->ref_max)
        s->ref_max = fabs(r);
    if (error > atol + rtol * fabs(r))
        s->n_mismatch++;
}

qn_status qn_metrics_compute(qn_context *ctx, const qn_tensor *r, const qn_tensor *v, const uint8_t *mask, double rtol,
                             double atol, qn_metrics *out) {
    int64_t n;
    if (r->rank != v->rank || memcmp(r->dims, v->dims, sizeof(int64_t) * (size_t)r->rank) != 0) {
        char a[128], b[128];
        return qn_fail(ctx, QN_USAGE, "shapes differ: %s and %s", shape_text(r, a), shape_text(v, b));
    }
    if (!qn_count_elems(r->dims, r->rank, &n))
        return qn_fail(ctx, QN_USAGE, "a tensor with negative dimensions");
    sums s = {.first_bad = -1};
    for (int64_t i = 0; i < n; i++)
        if (!mask || mask[i])
            add_pair(&s, qn_tensor_element(r, i), qn_tensor_element(v, i), i, rtol, atol);
    *out = (qn_metrics){.n = s.n, .max_abs = s.max_abs, .ref_max = s.ref_max, .first_bad = s.first_bad,
                        .n_mismatch = s.n_mismatch};
    out->rmse = s.n ? sqrt(s.error2 / (double)s.n) : 0;
    out->max_rel = s.max_abs == 0 ? 0 : s.max_abs / s.ref_max;
    out->sqnr_db = s.error2 == 0 ? INFINITY : 10 * log10(s.ref2 / s.error2);
    if (s.ref2 == 0 && s.var2 == 0)
        out->cosine = 1;
    else
        out->cosine = s.ref2 > 0 && s.var2 > 0 ? s.dot / (sqrt(s.ref2) * sqrt(s.var2)) : 0;
    if (out->cosine > 1)
        out->cosine = 1;
    if (s.broken) {
        out->max_abs = out->max_rel = out->rmse = INFINITY;
        out->sqnr_db = -INFINITY;
        out->cosine = 0;
    }
    return QN_OK;
}
