#include "tests/ops/shape_case.h"

QN_TEST(ops_attention_shapes) {
    SHAPE("input %x: float32[b,n,192]", "%y = MultiHeadAttention(%x, %x, %x) {num_heads=4, head_dim=16, k_offset=64, v_offset=128}",
          "float32[b,n,64]");
    SHAPE("input %q: float32[b,4,n,16]\ninput %k: float32[b,2,m,16]\ninput %v: float32[b,2,m,24]\ninput %z: float32[b,1,1,m]",
          "%y = MultiHeadAttention(%q, %k, %v, %z) {num_heads=4, kv_num_heads=2, head_dim=16, v_head_dim=24}", "float32[b,n,96]");
    /* the mask spans the past too */
    SHAPE("input %x: float32[2,3,32]\ninput %z: float32[2,1,3,8]\ninput %k: float32[2,2,5,16]\ninput %v: float32[2,2,5,16]",
          "%y = MultiHeadAttention(%x, %x, %x, %z, %k, %v) {num_heads=2, head_dim=16}", "float32[2,3,32]");
}

QN_TEST(ops_attention_past_refusals) {
    MALFORMED("input %x: float32[2,3,32]\ninput %k: float32[2,2,5,16]\ninput %v: float32[2,2,6,16]",
              "%y = MultiHeadAttention(%x, %x, %x, _, %k, %v) {num_heads=2, head_dim=16}", "5 against 6");
    MALFORMED("input %x: float32[2,3,32]\ninput %k: float32[2,2,5,16]", "%y = MultiHeadAttention(%x, %x, %x, _, %k) {num_heads=2, head_dim=16}",
              "a past of keys or of values alone");
    MALFORMED("input %x: float32[2,3,32]\ninput %k: float32[2,1,5,16]", "%y = MultiHeadAttention(%x, %x, %x, _, %k, %k) {num_heads=2, head_dim=16}",
              "heads differ");
}

QN_TEST(ops_attention_refusals) {
    MALFORMED("input %x: float32[b,n,191]", "%y = MultiHeadAttention(%x, %x, %x) {num_heads=4, head_dim=16, k_offset=64, v_offset=128}",
              "input 2 has rows of 191, 4 heads of 16 from 128 on need 192");
    MALFORMED("input %x: float32[b,n,64]", "%y = MultiHeadAttention(%x, %x, %x) {num_heads=4, kv_num_heads=3, head_dim=16}", "4 heads over 3");
    MALFORMED("input %x: float32[b,n,64]", "%y = MultiHeadAttention(%x, %x, %x) {head_dim=16}", "0 heads");
    MALFORMED("input %x: float32[b,n,64]", "%y = MultiHeadAttention(%x, %x, %x) {num_heads=4}", "heads of 0");
    MALFORMED("input %x: float32[b,n,64]", "%y = MultiHeadAttention(%x, %x, %x) {num_heads=4, head_dim=16, q_offset=-1}", "q_offset is -1");
    MALFORMED("input %x: float32[b,4,n,16]", "%y = MultiHeadAttention(%x, %x, %x) {num_heads=4, head_dim=16, q_offset=1}", "heads apart");
    MALFORMED("input %x: float32[b,4,n,16]\ninput %k: float32[b,4,5,16]\ninput %v: float32[b,4,6,16]",
              "%y = MultiHeadAttention(%x, %k, %v) {num_heads=4, head_dim=16}", "5 against 6");
    MALFORMED("input %x: float32[b,8,64]\ninput %z: float32[b,1,8,9]", "%y = MultiHeadAttention(%x, %x, %x, %z) {num_heads=4, head_dim=16}",
              "mask: 9 cannot be broadcast to 8");
    MALFORMED("input %x: float32[b,n,64]", "%y = MultiHeadAttention(%x, %x, %x) {num_heads=4611686018427387904, head_dim=16}", "overflows");
}
