/* Every op that reads encoded weights, with every kind of encoding, against the same op over the dense numbers: no fast
 * kernel refuses them and none expands them. All numbers are small multiples of a power of two, so that sums are exact in
 * any order and the results are the same bits. */
#include "base/context.h"
#include "tests/kernels/encoded.h"
#include "tests/kernels/fast_node.h"

#include "kernels/eval.h"

/* A weight of this shape: numbers that are eighths below 2. */
enum { INT8_ROWS, INT4_BLOCKS, INT3_FLAT, UINT6_ZEROS, FP4_TWO_AXES, PALETTE4, PALETTE8_VECTORS, PALETTE2_MASKED, SPARSE, N_KINDS };

static qn_test_encoded *weight(int kind, int32_t rank, const int64_t *dims) {
    qn_const f = {.dtype = QN_F32, .rank = rank, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I4, .scale_dtype = QN_F8E8M0,
                  .symmetric = true, .axis = -1, .lut_axis = -1, .name = "w"};
    memcpy(f.dims, dims, (size_t)rank * sizeof *dims);
    if (kind == INT8_ROWS) {
        f.code_dtype = QN_I8;
        f.scale_dtype = QN_F32;
        f.axis = 0;
    } else if (kind == INT4_BLOCKS) {
        f.axis = rank - 1;
        f.block = 16;
    } else if (kind == INT3_FLAT) {
        f.code_dtype = QN_I3;
    } else if (kind == UINT6_ZEROS) {
        f.code_dtype = QN_U6;
        f.symmetric = false;
        f.axis = 1;
    } else if (kind == FP4_TWO_AXES) {
        f.code_dtype = QN_F4E2M1;
        f.axis = 0, f.block = 2;
        f.axis2 = 1, f.block2 = 4;
    } else if (kind == SPARSE || kind == PALETTE2_MASKED) {
        f.sparse = true;
        f.mask_block = kind == SPARSE ? 1 : 4;
    }
    if (kind >= PALETTE4) {
        f.encoding = kind == SPARSE ? QN_ENC_SPARSE : QN_ENC_PALETTE;
        f.code_dtype = f.scale_dtype = QN_NONE;
        f.symmetric = false;
        f.bits = kind == PALETTE4 ? 4 : kind == PALETTE8_VECTORS ? 8 : kind == SPARSE ? 0 : 2;
        f.width = kind == PALETTE8_VECTORS ? 4 : 1;
        f.lut_dtype = kind == SPARSE ? QN_NONE : QN_F32;
    }
    qn_test_encoded *t = qn_test_encoded_make(&f, (uint64_t)kind + 5, true);
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        const bool numbers = part == QN_PART_LUT || (part == 0 && kind == SPARSE) || (part == QN_PART_SCALES && kind == INT8_ROWS);
        for (size_t i = 0; i < t->c.part[part].n; i++)
            if (numbers && i % 4 == 0) {
                const float x = part == QN_PART_SCALES ? (i / 4 % 2 ? 0.125f : 0.0625f) : (float)((int)(i / 4) * 7 % 31 - 15) / 8;
                memcpy((char *)t->bytes[part] + i, &x, sizeof x);
            } else if (part == 0 && kind == INT8_ROWS) {
                ((int8_t *)t->bytes[0])[i] = (int8_t)((int)(i * 7 % 31) - 15);
            } else if (part == QN_PART_SCALES && kind != INT8_ROWS) {
                ((uint8_t *)t->bytes[part])[i] = (uint8_t)(123 + i % 2); /* 1/16 and 1/8 */
            }
    }
    return t;
}

/* `node` with input `at` encoded: the bits of the same with it dense, within `tol` where the way is another. */
static void check(const char *node, double tol, int32_t n_out, qn_tensor *in, int32_t n_in, int32_t at) {
    static const char *const isas[] = {"scalar", "avx2", "avx512", "neon"};
    for (size_t isa = 0; isa < sizeof isas / sizeof isas[0]; isa++)
        for (int kind = 0; kind < N_KINDS; kind++) {
            qn_test_encoded *w = weight(kind, in[at].rank, in[at].dims);
            node_test t = node_begin_isa(isas[isa]), dense = node_begin_isa(isas[isa]);
            const qn_const *consts[8] = {NULL};
            void *kept = in[at].data;
            ASSERT_OK(t.ctx, qn_const_decode(t.ctx, &w->c, 0, qn_const_numel(&w->c), kept));
            const qn_tensor *wanted = run_best(&dense, node, n_out, in, n_in);
            const size_t before = dense.scratch_bytes;
            consts[at] = &w->c;
            t.consts = consts;
            in[at].data = NULL;
            const qn_tensor *got = run_best(&t, node, n_out, in, n_in);
            if (strcmp(t.kernel->name, "ref") == 0)
                fail_msg("%s of %s: the reference kernel was chosen", node, qn_test_encoding_text(&w->c));
            for (int32_t o = 0; o < n_out; o++)
                expect_tensor(&got[o], tol, &wanted[o]);
            /* an arena grows by blocks: one more is no copy of the weight */
            if (t.scratch_bytes > before + (96 << 10) && in[at].n_bytes > 192 << 10)
                fail_msg("%s of %s: %zu bytes of scratch for %zu of a weight", node, qn_test_encoding_text(&w->c),
                         t.scratch_bytes, in[at].n_bytes);
            in[at].data = kept;
            node_end(&dense);
            node_end(&t);
            qn_test_encoded_free(w);
        }
}

QN_TEST(kernels_encoded_operands_matmul) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(3, 70)), w = pattern(&t, 2, DIMS(70, 33));
    check("MatMul", EXACT, 1, IN(x, w), 1);
    x = pattern(&t, 1, DIMS(40, 300)), w = pattern(&t, 2, DIMS(300, 250));
    check("MatMul", EXACT, 1, IN(x, w), 1);
    /* the weight first */
    x = pattern(&t, 1, DIMS(300, 17)), w = pattern(&t, 2, DIMS(250, 300));
    check("MatMul", EXACT, 1, IN(w, x), 0);
    x = pattern(&t, 1, DIMS(2, 40, 9));
    w = pattern(&t, 2, DIMS(24, 40));
    check("MatMul", EXACT, 1, IN(w, x), 0);
    /* a weight for each batch, or some */
    x = pattern(&t, 1, DIMS(3, 5, 40)), w = pattern(&t, 2, DIMS(3, 40, 24));
    check("MatMul", EXACT, 1, IN(x, w), 1);
    x = pattern(&t, 1, DIMS(2, 3, 2, 40)), w = pattern(&t, 2, DIMS(3, 40, 24));
    check("MatMul", EXACT, 1, IN(x, w), 1);
    x = pattern(&t, 1, DIMS(3, 5, 200)), w = pattern(&t, 2, DIMS(3, 300, 200));
    check("BatchMatMul {trans_b=1}", EXACT, 1, IN(x, w), 1);
    node_end(&t);
}

QN_TEST(kernels_encoded_operands_gemm) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(7, 64)), w = pattern(&t, 2, DIMS(64, 40)), turned = pattern(&t, 2, DIMS(40, 64));
    check("Gemm", EXACT, 1, IN(x, w), 1);
    check("Gemm {transB=1}", EXACT, 1, IN(x, turned), 1);
    check("Gemm", EXACT, 1, IN(turned, w), 0);
    check("Gemm {transA=1}", EXACT, 1, IN(w, w), 0);
    check("Linear", EXACT, 1, IN(x, w), 1);
    check("Linear {trans_w=1}", EXACT, 1, IN(x, turned), 1);
    qn_tensor many = pattern(&t, 1, DIMS(2, 50, 400)), large = pattern(&t, 2, DIMS(300, 400));
    check("Linear {trans_w=1}", EXACT, 1, IN(many, large), 1);
    node_end(&t);
}

QN_TEST(kernels_encoded_operands_conv) {
    node_test t = node_begin();
    qn_tensor x = pattern(&t, 1, DIMS(1, 24, 9, 11));
    qn_tensor point = pattern(&t, 2, DIMS(20, 24, 1, 1)), w = pattern(&t, 2, DIMS(18, 24, 5, 3));
    qn_tensor by = pattern(&t, 2, DIMS(24, 1, 3, 3)), groups = pattern(&t, 2, DIMS(16, 12, 3, 3));
    qn_tensor wide = pattern(&t, 3, DIMS(1, 128, 6, 6)), many = pattern(&t, 2, DIMS(64, 128, 3, 3));
    check("Conv", EXACT, 1, IN(x, point), 1);
    check("Conv {pads=[2,1,2,1]}", EXACT, 1, IN(x, w), 1);
    check("Conv {group=24, pads=[1,1,1,1]}", EXACT, 1, IN(x, by), 1);
    check("Conv {group=2, strides=[2,2]}", EXACT, 1, IN(x, groups), 1);
    /* Winograd's sums of quarters: as tests of convolution allow */
    check("Conv {pads=[1,1,1,1]}", 1e-4, 1, IN(wide, many), 1);
    qn_tensor up = pattern(&t, 2, DIMS(24, 10, 2, 2)), halves = pattern(&t, 2, DIMS(24, 5, 3, 3));
    check("ConvTranspose {strides=[2,2]}", EXACT, 1, IN(x, up), 1);
    check("ConvTranspose {group=2, strides=[2,1], pads=[1,1,1,1]}", EXACT, 1, IN(x, halves), 1);
    node_end(&t);
}

QN_TEST(kernels_encoded_operands_gather) {
    node_test t = node_begin();
    qn_tensor w = pattern(&t, 2, DIMS(900, 70)), at = tensor(I64(5, 0, -1, 899, 5, 77), DIMS(2, 3));
    check("Gather", EXACT, 1, IN(w, at), 0);
    node_end(&t);
}

/* Gates are sums of exact products, and the rest is the same arithmetic. */
QN_TEST(kernels_encoded_operands_recurrent) {
    node_test t = node_begin();
    for (int64_t steps = 1; steps <= 30; steps += 29) {
        qn_tensor x = pattern(&t, 1, DIMS(steps, 2, 40));
        for (int both = 1; both <= 2; both++) {
            qn_tensor w = pattern(&t, 2, DIMS(both, 4 * 24, 40)), r = pattern(&t, 3, DIMS(both, 4 * 24, 24));
            const char *node = both == 2 ? "LSTM {hidden_size=24, direction=\"bidirectional\"}" : "LSTM {hidden_size=24}";
            check(node, EXACT, 3, IN(x, w, r), 1);
            check(node, EXACT, 3, IN(x, w, r), 2);
            w = pattern(&t, 2, DIMS(both, 3 * 24, 40)), r = pattern(&t, 3, DIMS(both, 3 * 24, 24));
            node = both == 2 ? "GRU {hidden_size=24, direction=\"bidirectional\"}" : "GRU {hidden_size=24, linear_before_reset=1}";
            check(node, EXACT, 2, IN(x, w, r), 1);
            check(node, EXACT, 2, IN(x, w, r), 2);
        }
        qn_tensor loud = scaled(pattern(&t, 1, DIMS(steps, 1, 300)), 1000), w = pattern(&t, 2, DIMS(1, 4 * 24, 300)),
                  r = pattern(&t, 3, DIMS(1, 4 * 24, 24)); /* sums that are done again in float64 */
        check("LSTM {hidden_size=24}", EXACT, 3, IN(loud, w, r), 1);
    }
    node_end(&t);
}
