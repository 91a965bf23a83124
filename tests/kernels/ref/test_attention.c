/* Expected numbers: PyTorch 1.13 or NumPy, in float64, on the same patterns. */
#include "tests/kernels/run_node.h"

#include <math.h>

QN_TEST(kernels_ref_attention_mask) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(&t, "MultiHeadAttention {num_heads=2, head_dim=2, v_head_dim=3, scale=0.5}", 1,
                                 IN(pattern(&t, 1, DIMS(2, 3, 4)), pattern(&t, 2, DIMS(2, 5, 4)),
                                    pattern(&t, 3, DIMS(2, 5, 6)), pattern(&t, 4, DIMS(2, 1, 1, 5))));
    expect(&y[0], REF_TOL,
           F32(1.1506106f, -1.11258786f, -1.13474792f, 0.8933954f, 0.204234041f, 0.39674447f, 1.27771163f, -1.35530017f,
               -1.17266642f, 0.870513743f, 0.166414308f, 0.439452075f, 1.32062728f, -0.923143267f, -1.09617504f,
               0.20751606f, -0.0368908102f, 0.527234208f, 0.038649717f, 0.479737538f, -0.983843945f, 0.548924343f,
               -0.0074765632f, -0.812534095f, -0.263417726f, 0.507526403f, -0.622694617f, 0.471877801f, -0.00151643266f,
               -0.803272972f, -0.0592557723f, 0.877601333f, -0.605127218f, 0.0861270048f, 0.218884645f, -1.02120254f),
           DIMS(2, 3, 6));
    node_end(&t);
}

QN_TEST(kernels_ref_attention_grouped_queries_causal) {
    node_test t = node_begin();
    const qn_tensor *y =
        run_ref(&t, "MultiHeadAttention {num_heads=4, kv_num_heads=2, head_dim=2, causal=1}", 1,
                IN(pattern(&t, 1, DIMS(1, 3, 8)), pattern(&t, 2, DIMS(1, 4, 4)), pattern(&t, 3, DIMS(1, 4, 4))));
    expect(&y[0], REF_TOL,
           F32(1.25723639f, 0.0535315943f, 1.62278959f, 0.265167656f, -1.01927459f, 0.16104093f, -1.0303437f,
               -0.0455824449f, 0.484550031f, 0.545520066f, 0.544966719f, 0.387695888f, -0.512986062f, 0.20846356f,
               -0.834731004f, -0.127352245f, 0.467093084f, -0.32573416f, 1.40319743f, 0.165570396f, -0.517521612f,
               0.109642196f, 0.159954753f, 0.683598437f),
           DIMS(1, 3, 8));
    node_end(&t);
}

QN_TEST(kernels_ref_attention_packed) {
    node_test t = node_begin();
    qn_tensor qkv = pattern(&t, 1, DIMS(1, 3, 12));
    const qn_tensor *y =
        run_ref(&t, "MultiHeadAttention {num_heads=2, head_dim=2, k_offset=4, v_offset=8}", 1, IN(qkv, qkv, qkv));
    expect(&y[0], REF_TOL,
           F32(-0.095527888f, -0.39805639f, -0.00186650069f, 0.509457586f, -0.304615808f, 0.0880564689f, -0.501611131f,
               0.279627206f, -0.00660941748f, -0.309189836f, -0.324843719f, 0.477066373f),
           DIMS(1, 3, 4));
    node_end(&t);
}

QN_TEST(kernels_ref_attention_heads_apart) {
    node_test t = node_begin();
    const qn_tensor *y = run_ref(
        &t, "MultiHeadAttention {num_heads=2, head_dim=2, v_head_dim=3, scale=0.25}", 1,
        IN(pattern(&t, 1, DIMS(1, 2, 3, 2)), pattern(&t, 2, DIMS(1, 2, 4, 2)), pattern(&t, 3, DIMS(1, 2, 4, 3))));
    expect(&y[0], REF_TOL,
           F32(1.179758f, 0.349364415f, -0.115611928f, 1.28246293f, -0.841015841f, 0.183399758f, 1.25476567f,
               0.365559674f, -0.180795963f, 1.18082849f, -0.875840721f, 0.130226707f, 1.0117001f, 0.202242028f,
               -0.219659409f, 1.12454955f, -0.873739839f, 0.139775765f),
           DIMS(1, 3, 6));
    node_end(&t);
}

QN_TEST(kernels_ref_attention_refuses) {
    node_test t = node_begin();
    qn_tensor q = pattern(&t, 1, DIMS(1, 3, 8)), y;
    assert_int_not_equal(
        try_node(&t, true, "MultiHeadAttention {num_heads=3, kv_num_heads=2, head_dim=2}", &y, 1, IN(q, q, q)), QN_OK);
    assert_int_not_equal(
        try_node(&t, true, "MultiHeadAttention {num_heads=4, head_dim=2, v_offset=2}", &y, 1, IN(q, q, q)), QN_OK);
    node_end(&t);
}

/* One key head of one element; q = 1 + 2^-9 rounds to 1 and k = 1 + 2^-7 is a bfloat16. Scores 2 k: 2.015625 and 0, so
 * the second has exp(-2.015625) = 0.1332371, near the bfloat16 0.1328125; v = 257 rounds to 256. */
QN_TEST(kernels_ref_attention_bfloat16_products) {
    node_test t = node_begin();
    qn_tensor q = tensor(F32(1.001953125f), DIMS(1, 1, 1)), k = tensor(F32(1.0078125f, 0), DIMS(1, 2, 1));
    qn_tensor v = tensor(F32(257, 1), DIMS(1, 2, 1));
    const qn_tensor *y = run_ref(&t, "MultiHeadAttention@bfloat16 {num_heads=1, head_dim=1, scale=2.0}", 1, IN(q, k, v));
    const double e = 0.13323710415, rounded = 0.1328125;
    expect(&y[0], 1e-6, F32((float)((256 + rounded) / (1 + e))), DIMS(1, 1, 1));
    y = run_ref(&t, "MultiHeadAttention {num_heads=1, head_dim=1, scale=2.0}", 1, IN(q, k, v));
    const double f = 0.13271361175;
    expect(&y[0], 1e-6, F32((float)((257 + f) / (1 + f))), DIMS(1, 1, 1));
    node_end(&t);
}
