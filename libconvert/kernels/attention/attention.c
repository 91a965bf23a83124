#include "kernels/attention/attention.h"

#include "base/checked.h"
#include "base/context.h"

#include <string.h>

/* Of packed keys and values: at a time; and of a head that a worker packs for itself, when heads are many. */
enum { PACKED_BYTES = 16 << 20, LOCAL_BYTES = 256 << 10, MANY_HEADS = 16 };

/* The best that the context allows. Pairs of bfloat16 where that is what is stored, or asked for. */
static const qn_attention_isa *choose(const qn_kernel_args *args, const qn_attention *a) {
#if defined(__x86_64__)
    const bool stored = a->q.dtype == QN_BF16 && a->k.dtype == QN_BF16 && a->v.dtype == QN_BF16 &&
                        (!a->k.past || a->k.past_dtype == QN_BF16) && (!a->v.past || a->v.past_dtype == QN_BF16);
    if ((qn_context_isa(args->ctx) & QN_ISA_AVX512BF16) && (stored || args->node->compute == QN_BF16))
        return &qn_attention_isa_avx512bf16;
#else
    (void)a;
#endif
    return QN_ISA_PICK(args->ctx, &qn_attention_isa);
}

/* Scratch for `floats` numbers a worker at a->local and `shared` ones at *more. */
static qn_status take(qn_context *ctx, qn_attention *a, int64_t floats, int64_t shared, float **more) {
    size_t locals, bytes;
    int64_t shared_bytes, local_bytes;
    if (!qn_mul_i64(qn_attention_round_up(floats, 16), (int64_t)sizeof(float), &local_bytes) ||
        !qn_mul_i64(shared, (int64_t)sizeof(float), &shared_bytes) ||
        !qn_mul_size((size_t)local_bytes, (size_t)qn_pool_threads(ctx), &locals) ||
        !qn_add_size(locals, (size_t)shared_bytes, &bytes))
        return qn_fail_memory(ctx, SIZE_MAX, "attention");
    a->local_bytes = (size_t)local_bytes;
    a->local = qn_scratch_take(ctx, bytes);
    if (!a->local)
        return qn_fail_memory(ctx, bytes, "attention");
    *more = (float *)(void *)(a->local + locals);
    return QN_OK;
}

static qn_status run_few(qn_context *ctx, const qn_attention_isa *isa, qn_attention *a) {
    const int64_t n_kv = a->k.B * a->k.H, rows = a->group * a->q.N;
    int64_t floats;
    a->n_chunks = (a->k.N + QN_ATTENTION_CHUNK - 1) / QN_ATTENTION_CHUNK;
    if (!qn_mul_i64(n_kv * a->n_chunks, rows, &floats) || !qn_mul_i64(floats, 2 + a->v.D, &floats))
        return qn_fail_memory(ctx, SIZE_MAX, "attention");
    QN_TRY(take(ctx, a, qn_attention_round_up(a->q.D, isa->panel) + QN_ATTENTION_CHUNK, floats, &a->state));
    qn_parallel_for(ctx, n_kv * a->n_chunks, 1, isa->chunks, a);
    qn_parallel_for(ctx, n_kv * rows, 8, isa->merge, a);
    qn_scratch_give(ctx, a->local);
    return QN_OK;
}

static qn_status run_many(qn_context *ctx, const qn_attention_isa *isa, qn_attention *a) {
    const int64_t n_kv = a->k.B * a->k.H, panel = isa->panel;
    const int64_t d_units = qn_attention_units(a->k.D, isa->pair), E = qn_attention_round_up(a->v.D, panel);
    int64_t v_units, head_bytes, shared;
    if (!qn_mul_i64(qn_attention_round_up(a->k.N, panel), d_units, &a->k_units) ||
        !qn_mul_i64(E, qn_attention_units(a->k.N, isa->pair), &v_units) ||
        !qn_add_i64(a->k_units, v_units, &a->head_units) || !qn_mul_i64(a->head_units, 4, &head_bytes))
        return qn_fail_memory(ctx, SIZE_MAX, "attention");
    a->local_pack = n_kv >= MANY_HEADS && head_bytes <= LOCAL_BYTES;
    int64_t run = PACKED_BYTES / (head_bytes + 1);
    run = run < 1 ? 1 : run > n_kv || a->local_pack ? n_kv : run;
    if (!qn_mul_i64(run, a->head_units, &shared))
        return qn_fail_memory(ctx, SIZE_MAX, "attention");
    const int64_t tile = (QN_ATTENTION_STRIP * (d_units + E) + 2 * QN_ATTENTION_BLOCK) * isa->nr;
    QN_TRY(take(ctx, a, tile + (a->local_pack ? a->head_units : 0), a->local_pack ? 0 : shared, &a->packed));
    const int64_t tiles = (a->q.N + isa->nr - 1) / isa->nr * a->group;
    const int64_t strips = (tiles + QN_ATTENTION_STRIP - 1) / QN_ATTENTION_STRIP;
    const int64_t blocks = (a->k.N + QN_ATTENTION_BLOCK - 1) / QN_ATTENTION_BLOCK;
    for (a->first = 0; a->first < n_kv; a->first += run) {
        a->n_heads = n_kv - a->first < run ? n_kv - a->first : run;
        if (!a->local_pack)
            qn_parallel_for(ctx, a->n_heads * blocks, 1, isa->pack, a);
        qn_parallel_for(ctx, a->local_pack ? a->n_heads : a->n_heads * strips, 1, isa->tiles, a);
    }
    qn_scratch_give(ctx, a->local);
    return QN_OK;
}

qn_status qn_attention_MultiHeadAttention(const qn_kernel_args *args) {
    qn_attention a;
    QN_TRY(qn_attention_read(args, &a));
    const qn_tensor *y = &args->out[0];
    int64_t n = 1;
    for (int32_t i = 0; i < y->rank; i++)
        n *= y->dims[i];
    if (n != a.q.B * a.q.N * a.q.H * a.v.D)
        return qn_kernel_fail(args, QN_MALFORMED, "an output of %lld elements", (long long)n);
    if (n == 0)
        return QN_OK;
    if (a.k.N == 0) { /* sums of nothing */
        memset(y->data, 0, y->n_bytes);
        return QN_OK;
    }
    const qn_attention_isa *isa = choose(args, &a);
    return a.q.N <= QN_ATTENTION_FEW ? run_few(args->ctx, isa, &a) : run_many(args->ctx, isa, &a);
}
