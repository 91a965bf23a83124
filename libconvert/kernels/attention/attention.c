#include "kernels/attention/attention.h"

#include "base/checked.h"
#include "base/context.h"
#include "base/pool.h"

#include <math.h>
#include <string.h>

/* Bytes of packed keys and values at a time. */
enum { PACKED_BYTES = 16 << 20 };

static bool ranks_fit(const qn_tensor *t) { return t->rank == 3 || t->rank == 4; }

bool qn_attention_accepts(const qn_kernel_args *args) {
    for (int32_t i = 0; i < 3; i++)
        if (!qn_operand_accepts(args, i) || qn_encoded(args, i) || !ranks_fit(&args->in[i]))
            return false;
    return qn_addend_accepts(args, 3) && qn_is_real(args->out[0].dtype) && (!qn_has(args, 3) || args->in[3].rank <= 4);
}

static qn_status read_heads(const qn_kernel_args *args, int32_t i, int64_t H, int64_t D, const char *offset_name,
                            qn_heads *out) {
    const qn_tensor *t = &args->in[i];
    int64_t offset = qn_node_int(args->node, offset_name, 0);
    *out = (qn_heads){.dtype = t->dtype, .B = t->dims[0], .H = H, .D = D};
    if (t->rank == 3) {
        int64_t C = t->dims[2];
        if (D < 0 || offset < 0 || offset > C || (D > 0 && H > (C - offset) / D))
            return qn_kernel_fail(args, QN_MALFORMED, "input %d: %lld heads of %lld elements from %lld in rows of %lld",
                                  i, (long long)H, (long long)D, (long long)offset, (long long)C);
        out->N = t->dims[1];
        out->row = C;
        out->head = D;
        out->batch = out->N * C;
    } else {
        if (H != t->dims[1] || D != t->dims[3] || offset != 0)
            return qn_kernel_fail(args, QN_MALFORMED, "input %d: %lld heads of %lld elements, not %lld of %lld", i,
                                  (long long)t->dims[1], (long long)t->dims[3], (long long)H, (long long)D);
        out->N = t->dims[2];
        out->row = D;
        out->head = out->N * D;
        out->batch = H * out->head;
    }
    out->data = qn_elem(t->data, t->dtype, offset);
    return QN_OK;
}

/* The mask's steps over [B, H, Nq, Nk], 0 where it is repeated. */
static qn_status read_mask(const qn_kernel_args *args, qn_attention *a) {
    const qn_tensor *t = &args->in[3];
    const int64_t full[4] = {a->q.B, a->q.H, a->q.N, a->k.N};
    int64_t steps[4] = {0}, step = 1;
    for (int32_t i = 0; i < t->rank; i++) {
        int32_t from = t->rank - 1 - i, to = 3 - i;
        if (t->dims[from] != 1 && t->dims[from] != full[to])
            return qn_kernel_fail(args, QN_MALFORMED, "the mask does not broadcast to [%lld, %lld, %lld, %lld]",
                                  (long long)full[0], (long long)full[1], (long long)full[2], (long long)full[3]);
        steps[to] = t->dims[from] == 1 ? 0 : step;
        step *= t->dims[from];
    }
    a->mask =
        (qn_operand){.data = t->data, .dtype = t->dtype, .x_stride = steps[2], .k_stride = steps[3], .scale_run = 1};
    a->mask_batch = steps[0];
    a->mask_head = steps[1];
    return QN_OK;
}

static qn_status read(const qn_kernel_args *args, qn_attention *a) {
    const qn_node *node = args->node;
    const qn_tensor *in = args->in;
    int64_t H = qn_node_int(node, "num_heads", in[0].rank == 4 ? in[0].dims[1] : 0);
    int64_t Hk = qn_node_int(node, "kv_num_heads", in[1].rank == 4 ? in[1].dims[1] : H);
    if (H < 1 || Hk < 1 || H % Hk != 0)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld query heads and %lld key heads", (long long)H, (long long)Hk);
    int64_t D = qn_node_int(node, "head_dim", in[0].rank == 4 ? in[0].dims[3] : in[0].dims[2] / H);
    int64_t Dv = qn_node_int(node, "v_head_dim", in[2].rank == 4 ? in[2].dims[3] : D);
    *a = (qn_attention){
        .causal = qn_node_int(node, "causal", 0) != 0, .dtype = args->out[0].dtype, .y = args->out[0].data};
    QN_TRY(read_heads(args, 0, H, D, "q_offset", &a->q));
    QN_TRY(read_heads(args, 1, Hk, D, "k_offset", &a->k));
    QN_TRY(read_heads(args, 2, Hk, Dv, "v_offset", &a->v));
    if (a->k.B != a->q.B || a->v.B != a->q.B || a->v.N != a->k.N)
        return qn_kernel_fail(args, QN_MALFORMED, "batches of %lld, %lld and %lld; %lld keys and %lld values",
                              (long long)a->q.B, (long long)a->k.B, (long long)a->v.B, (long long)a->k.N,
                              (long long)a->v.N);
    a->scale = qn_node_attr(node, "scale") ? qn_node_float(node, "scale", 1) : (float)(1 / sqrt((double)D));
    return qn_has(args, 3) ? read_mask(args, a) : QN_OK;
}

/* ---- packing ---------------------------------------------------------------------------------------- */

typedef struct packing {
    const qn_attention *a;
    const qn_gemm_isa *isa;
    int64_t blocks, block; /* of keys, in a head */
} packing;

static qn_operand head_of(const qn_heads *h, int64_t index, bool keys_are_x) {
    return (qn_operand){.data = qn_elem(h->data, h->dtype, index / h->H * h->batch + index % h->H * h->head),
                        .dtype = h->dtype,
                        .x_stride = keys_are_x ? h->row : 1,
                        .k_stride = keys_are_x ? 1 : h->row,
                        .scale_run = 1};
}

static void pack_block(void *arg, int64_t begin, int64_t end, int worker) {
    (void)worker;
    const packing *p = arg;
    const qn_attention *a = p->a;
    const int mr = p->isa->mr;
    for (int64_t i = begin; i < end; i++) {
        int64_t head = i / p->blocks, j0 = i % p->blocks * p->block;
        int64_t n = a->k.N - j0 < p->block ? a->k.N - j0 : p->block;
        float *keys = a->packed + head * a->head_floats, *values = keys + a->v_floats;
        qn_operand k = head_of(&a->k, a->first + head, true), v = head_of(&a->v, a->first + head, false);
        for (int64_t j = 0; j < n; j += mr)
            p->isa->pack(&k, j0 + j, n - j < mr ? n - j : mr, 0, a->k.D, mr, keys + (j0 + j) * a->k.D);
        for (int64_t d = 0; d < a->v.D; d += mr)
            p->isa->pack(&v, d, a->v.D - d < mr ? a->v.D - d : mr, j0, n, mr, values + d * a->k.N + j0 * mr);
    }
}

/* ---- running ------------------------------------------------------------------------------------------- */

static int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

int64_t qn_attention_local_floats(const qn_attention *a, const qn_gemm_isa *isa) {
    int64_t block = (int64_t)isa->mr * QN_ATTENTION_PANELS;
    return (a->q.D + 2 * block + a->v.D) * isa->nr + a->v.D;
}

static qn_pool_fn tiles_fn(const qn_gemm_isa *isa) {
#if defined(__x86_64__)
    if (isa == &qn_gemm_isa_avx512)
        return qn_attention_avx512;
    if (isa == &qn_gemm_isa_avx2)
        return qn_attention_avx2;
#else
    (void)isa;
#endif
    return qn_attention_scalar;
}

qn_status qn_attention_MultiHeadAttention(const qn_kernel_args *args) {
    qn_attention a;
    QN_TRY(read(args, &a));
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
    const qn_gemm_isa *isa = qn_gemm_isa_of(args->ctx);
    const int64_t mr = isa->mr, threads = qn_pool_threads(args->ctx), n_kv = a.k.B * a.k.H;
    /* keys and values exist, so these are at most MR times what fits in memory */
    int64_t k_floats, v_floats, head_bytes, chunk, packed;
    if (!qn_mul_i64(round_up(a.k.N, mr), a.k.D, &k_floats) || !qn_mul_i64(round_up(a.v.D, mr), a.k.N, &v_floats) ||
        !qn_add_i64(k_floats, v_floats, &a.head_floats) ||
        !qn_mul_i64(a.head_floats, (int64_t)sizeof(float), &head_bytes))
        return qn_fail_memory(args->ctx, SIZE_MAX, "attention");
    a.v_floats = k_floats;
    chunk = PACKED_BYTES / head_bytes;
    chunk = chunk < 1 ? 1 : chunk > n_kv ? n_kv : chunk;
    a.local_bytes = (size_t)round_up(qn_attention_local_floats(&a, isa), 32) * sizeof(float);
    size_t bytes, locals;
    if (!qn_mul_i64(chunk, head_bytes, &packed) || !qn_mul_size(a.local_bytes, (size_t)threads, &locals) ||
        !qn_add_size((size_t)packed, locals, &bytes))
        return qn_fail_memory(args->ctx, SIZE_MAX, "attention");
    a.local = qn_scratch_take(args->ctx, bytes);
    if (!a.local)
        return qn_fail_memory(args->ctx, bytes, "attention");
    a.packed = (float *)(void *)(a.local + locals);
    packing p = {&a, isa, 0, mr * 16};
    p.blocks = (a.k.N + p.block - 1) / p.block;
    const int64_t tiles = (a.q.N + isa->nr - 1) / isa->nr, group = a.q.H / a.k.H;
    for (a.first = 0; a.first < n_kv; a.first += chunk) {
        a.n_heads = n_kv - a.first < chunk ? n_kv - a.first : chunk;
        qn_parallel_for(args->ctx, a.n_heads * p.blocks, 1, pack_block, &p);
        qn_parallel_for(args->ctx, a.n_heads * group * tiles, 1, tiles_fn(isa), &a);
    }
    qn_scratch_give(args->ctx, a.local);
    return QN_OK;
}
