#include "tests/ops/shape_case.h"

#define X "input %x: float32[b,n,8]\ninput %s: float32[8]\ninput %o: float32[9]\n"

QN_TEST(ops_norm_layer) {
    SHAPE(X, "%y = LayerNormalization(%x, %s)", "float32[b,n,8]");
    SHAPE(X, "%y, %m, %v = LayerNormalization(%x, %s, %s) {axis=1}\noutput %m\noutput %v",
          "float32[b,1,1]; float32[b,1,1]; float32[b,n,8]");
    SHAPE("input %x: float16[b,8]\ninput %s: float32[8]", "%y, _, %v = LayerNormalization(%x, %s)\noutput %v",
          "float32[b,1]; float16[b,8]");
    SHAPE(X, "%y = RMSNormalization(%x, %s)", "float32[b,n,8]");
    MALFORMED(X, "%y = LayerNormalization(%x, %o)", "scale: 9 cannot be broadcast to 8");
    MALFORMED(X, "%y = LayerNormalization(%x, %s, %o)", "bias: 9 cannot be broadcast to 8");
    MALFORMED(X, "%y = RMSNormalization(%x, %s) {axis=3}", "axis 3 is out of range");
    MALFORMED(X, "%y = LayerNormalization(%x, %s) {stash_type=7}", "stash_type 7");
}

#define C "input %x: float32[b,3,h,w]\ninput %s: float32[3]\ninput %o: float32[4]\n"

QN_TEST(ops_norm_channels) {
    SHAPE(C, "%y = BatchNormalization(%x, %s, %s, %s, %s)", "float32[b,3,h,w]");
    SHAPE(C, "%y = InstanceNormalization(%x, %s, %s)", "float32[b,3,h,w]");
    MALFORMED(C, "%y = BatchNormalization(%x, %s, %s, %s, %o)", "input 4 has 4 elements, must have 3");
    MALFORMED(C, "%y = InstanceNormalization(%x, %s, %o)", "input 2 has 4 elements, must have 3");
    MALFORMED(C, "%y = InstanceNormalization(%s, %s, %s)", "rank 1, must have at least 3");
    UNSUPPORTED(C, "%y = BatchNormalization(%x, %s, %s, %s, %s) {training_mode=1}", "training mode");
}

QN_TEST(ops_norm_softmax) {
    SHAPE(C, "%y = Softmax(%x)", "float32[b,3,h,w]");
    SHAPE(C, "%y = LogSoftmax(%x) {axis=1}", "float32[b,3,h,w]");
    MALFORMED(C, "%y = Softmax(%x) {axis=4}", "axis 4 is out of range");
    MALFORMED("input %x: int64[3]", "%y = Softmax(%x)", "input 0 is int64");
}
