#include "kernels/codec/codec.h"

#include "base/context.h"
#include "base/pool.h"
#include "kernels/eval.h"

/* The definition. What it refuses was refused before. */
static void decode_defined(const qn_const *c, int64_t first, int64_t n, float *out) {
    qn_const_elements(c, first, n, out);
}

static const struct {
    qn_encoding encoding;
    unsigned isa;
    qn_decode_fn decode;
} g_codecs[] = {
#if defined(__x86_64__)
    {QN_ENC_AFFINE, QN_ISA_AVX512, qn_decode_affine_avx512},
    {QN_ENC_AFFINE, QN_ISA_AVX2, qn_decode_affine_avx2},
#elif defined(__aarch64__)
    {QN_ENC_AFFINE, QN_ISA_NEON, qn_decode_affine_neon},
#endif
    {QN_ENC_AFFINE, 0, qn_decode_affine_scalar},
};

qn_decode_fn qn_codec_of(const qn_context *ctx, const qn_const *c) {
    const unsigned isa = qn_context_isa(ctx);
    for (size_t i = 0; i < sizeof g_codecs / sizeof g_codecs[0]; i++)
        if (g_codecs[i].encoding == c->encoding && (g_codecs[i].isa & ~isa) == 0)
            return g_codecs[i].decode;
    return decode_defined;
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
