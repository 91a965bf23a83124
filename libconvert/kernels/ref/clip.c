/* Clip: min(max, max(min, x)); a bound that is absent does not bind. When min > max every element is max. NaN stays. */
#include "kernels/ref/iterate.h"

#include <string.h>

typedef union bound {
    float f32;
    double f64;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
} bound;

typedef struct bounds {
    bound lo, hi;
    bool has_lo, has_hi;
} bounds;

#define CLIP(S, T, W)                                       \
    static void clip_##S(const qn_span *s) {                \
        const bounds b = *(const bounds *)s->user;          \
        const T *x = s->x[0], lo = b.lo.S, hi = b.hi.S;     \
        T *y = s->y;                                        \
        const bool has_lo = b.has_lo, has_hi = b.has_hi;    \
        const int64_t n = s->n;                             \
        QN_IVDEP                                            \
        for (int64_t i = 0; i < n; i++) {                   \
            const T a = x[i];                               \
            const T v = has_lo && a < lo ? lo : a;          \
            y[i] = has_hi && v > hi ? hi : v;               \
        }                                                   \
    }
QN_EACH_FLOAT(CLIP)
QN_EACH_SIGNED(CLIP)
QN_EACH_UNSIGNED(CLIP)

static const qn_span_table g_clip = {QN_ROWS_NUMERIC(clip)};

static qn_status read_bound(const qn_kernel_args *args, int32_t i, bool *has, bound *out) {
    if (i >= args->n_in || args->in[i].dtype == QN_NONE)
        return QN_OK;
    const qn_tensor *t = &args->in[i];
    if (t->dtype != args->in[0].dtype || qn_ref_numel(t) != 1)
        return qn_kernel_fail(args, QN_MALFORMED, "%s is not one %s", i == 1 ? "min" : "max",
                              qn_dtype_name(args->in[0].dtype));
    memcpy(out, t->data, qn_dtype_bytes(t->dtype));
    *has = true;
    return QN_OK;
}

qn_status qn_ref_Clip(const qn_kernel_args *args) {
    bounds b = {.has_lo = false};
    QN_TRY(read_bound(args, 1, &b.has_lo, &b.lo));
    QN_TRY(read_bound(args, 2, &b.has_hi, &b.hi));
    return qn_ref_unary(args, g_clip, &b);
}
