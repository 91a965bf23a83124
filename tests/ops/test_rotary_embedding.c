#include "tests/ops/shape_case.h"

#define X "input %x: float32[b,4,n,8]\ninput %r: float32[b,n,32]\ninput %c: float32[9,4]\ninput %p: int64[b,n]\ninput %q: float32[b,n,4]\n"

QN_TEST(ops_rotary_embedding) {
    SHAPE(X, "%y = RotaryEmbedding(%x, %c, %c, %p)", "float32[b,4,n,8]");
    SHAPE(X, "%y = RotaryEmbedding(%r, %q, %q) {num_heads=4}", "float32[b,n,32]");
    MALFORMED(X, "%y = RotaryEmbedding(%r, %q, %q)", "needs num_heads");
    MALFORMED(X, "%y = RotaryEmbedding(%x, %c, %c, %p) {rotary_embedding_dim=3}", "3 elements turned");
    MALFORMED(X, "%y = RotaryEmbedding(%x, %c, %c)", "input 1 has rank 2, must have rank 3");
}
