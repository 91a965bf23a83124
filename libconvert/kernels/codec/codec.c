#include "kernels/codec/codec.h"

#include "base/context.h"
#include "base/pool.h"
#include "kernels/eval.h"

/* The definition. What it refuses was refused before. */
static void decode_defined(const qn_const *c, int64_t first, int64_t n, float *out) {
    qn_const_elements(c, first, n, out);
}

/* Integers of 8 or 4 bits; with zero points where those of many groups are not needed at once. */
static bool is_simple(const qn_const *c) {
    return qn_const_is_plain_affine(c) && (c->symmetric || c->axis < 0 || (c->axis == c->rank - 1) == (c->block > 0));
}

static bool is_encoded(const qn_const *c) {
    return c->encoding == QN_ENC_AFFINE || c->encoding == QN_ENC_PALETTE ||
           (c->encoding == QN_ENC_SPARSE && (c->dtype == QN_F32 || c->dtype == QN_F16 || c->dtype == QN_BF16));
}

/* The first row that reads a constant is taken. */
static const struct {
    bool (*reads)(const qn_const *c);
    unsigned isa;
    qn_decode_fn decode;
    const qn_dot *(*dot_of)(const qn_const *c);
} g_codecs[] = {
#if defined(__x86_64__)
    {is_simple, QN_ISA_AVX512, qn_decode_affine_avx512, qn_dot_encoded_avx512},
    {is_encoded, QN_ISA_AVX512, qn_decode_encoded_avx512, qn_dot_encoded_avx512},
    {is_simple, QN_ISA_AVX2, qn_decode_affine_avx2, qn_dot_encoded_avx2},
    {is_encoded, QN_ISA_AVX2, qn_decode_encoded_avx2, qn_dot_encoded_avx2},
#elif defined(__aarch64__)
    {is_simple, QN_ISA_NEON, qn_decode_affine_neon, qn_dot_encoded_neon},
    {is_encoded, QN_ISA_NEON, qn_decode_encoded_neon, qn_dot_encoded_neon},
#endif
    {is_simple, 0, qn_decode_affine_scalar, qn_dot_encoded_scalar},
    {is_encoded, 0, qn_decode_encoded_scalar, qn_dot_encoded_scalar},
};

qn_coded qn_coded_of(const qn_context *ctx, const qn_const *c) {
    const unsigned isa = qn_context_isa(ctx);
    for (size_t i = 0; i < sizeof g_codecs / sizeof g_codecs[0]; i++)
        if ((g_codecs[i].isa & ~isa) == 0 && g_codecs[i].reads(c))
            return (qn_coded){c, g_codecs[i].decode, g_codecs[i].dot_of(c)};
    return (qn_coded){c, decode_defined, NULL};
}

void qn_dot_arrange(const qn_dot *dot, const float *x, int64_t k, float *dst) {
    const int64_t step = (int64_t)dot->run * dot->lanes;
    for (int64_t at = 0; at < k; at += step, dst += step)
        for (int l = 0; l < dot->lanes; l++)
            for (int i = 0; i < dot->run; i++) {
                const int64_t from = at + l * dot->run + i;
                dst[i * dot->lanes + l] = from < k ? x[from] : 0.0f;
            }
}

typedef struct expansion {
    const qn_coded *coded;
    int64_t first;
    float *out;
} expansion;

static void expand(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const expansion *e = arg;
    e->coded->decode(e->coded->c, e->first + begin, end - begin, e->out + begin);
}

void qn_codec_expand(qn_context *ctx, const qn_coded *coded, int64_t first, int64_t n, float *out) {
    enum { GRAIN = 1 << 15 };
    expansion e = {coded, first, out};
    qn_parallel_for(ctx, n, GRAIN, expand, &e);
}
