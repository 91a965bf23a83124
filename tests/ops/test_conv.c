/* Conv, ConvTranspose and pools. */
#include "tests/ops/shape_case.h"

#define XW(X, W) "input %x: float32" X "\ninput %w: float32" W

QN_TEST(ops_conv_shapes) {
    SHAPE(XW("[b,3,224,224]", "[8,3,3,3]"), "%y = Conv(%x, %w)", "float32[b,8,222,222]");
    SHAPE(XW("[b,3,224,225]", "[8,3,3,3]"), "%y = Conv(%x, %w) {pads=[1,1,1,1], strides=[2,2]}", "float32[b,8,112,113]");
    SHAPE(XW("[b,3,h,w]", "[8,3,14,14]"), "%y = Conv(%x, %w) {strides=[14,14]}", "float32[b,8,h//14,w//14]");
    SHAPE(XW("[b,3,h,w]", "[8,3,3,3]"), "%y = Conv(%x, %w) {pads=[1,1,1,1]}", "float32[b,8,h,w]");
    SHAPE(XW("[b,3,h,w]", "[8,3,3,3]"), "%y = Conv(%x, %w) {pads=[1,1,1,1], strides=[2,2]}", "float32[b,8,(h+1)//2,(w+1)//2]");
    SHAPE(XW("[b,3,h,w]", "[8,3,3,3]"), "%y = Conv(%x, %w) {auto_pad=\"SAME_UPPER\", strides=[2,3]}", "float32[b,8,(h+1)//2,(w+2)//3]");
    SHAPE(XW("[b,3,9,9]", "[8,3,3,3]"), "%y = Conv(%x, %w) {auto_pad=\"VALID\", pads=[5,5,5,5]}", "float32[b,8,7,7]");
    SHAPE(XW("[b,3,9,9]", "[8,3,3,3]"), "%y = Conv(%x, %w) {dilations=[2,4]}", "float32[b,8,5,1]");
    SHAPE(XW("[b,8,n]", "[8,1,5]") "\ninput %c: float32[8]", "%y = Conv(%x, %w, %c) {group=8, pads=[4,0]}", "float32[b,8,n]");
    SHAPE(XW("[b,c,h,w]", "[m,c,3,3]"), "%y = Conv(%x, %w)", "float32[b,m,h-2,w-2]");
    SHAPE(XW("[b,c,9,9]", "[m,c,p,q]"), "%y = Conv(%x, %w) {kernel_shape=[3,5]}", "float32[b,m,7,5]");
    SHAPE(XW("[...]", "[8,3,3,3]"), "%y = Conv(%x, %w)", "float32[y_0,8,y_2,y_3]");
    SHAPE(XW("[b,3,8,8]", "[8,3,3,3]") "\ninput %r: float32[b,8,6,6]", "%y = Conv(%x, %w, _, %r)", "float32[b,8,6,6]");
    SHAPE(XW("[0,3,8,8]", "[8,3,3,3]"), "%y = Conv(%x, %w)", "float32[0,8,6,6]");
}

QN_TEST(ops_conv_refusals) {
    MALFORMED(XW("[b,3,8,8]", "[8,4,3,3]"), "%y = Conv(%x, %w)", "input channels differ: 3 against 4");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3]"), "%y = Conv(%x, %w)", "rank 3, must have rank 4");
    MALFORMED(XW("[b,3]", "[8,3]"), "%y = Conv(%x, %w)", "at least 3");
    MALFORMED(XW("[b,4,8,8]", "[7,2,3,3]"), "%y = Conv(%x, %w) {group=2}", "7 output channels do not divide into 2 groups");
    MALFORMED(XW("[b,4,8,8]", "[8,2,3,3]"), "%y = Conv(%x, %w) {group=0}", "has 0 groups");
    MALFORMED(XW("[b,3,2,2]", "[8,3,3,3]"), "%y = Conv(%x, %w)", "a window of 3 does not fit the 2 elements");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3,3]"), "%y = Conv(%x, %w) {strides=[0,1]}", "strides has 0, must be at least 1");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3,3]"), "%y = Conv(%x, %w) {strides=[1]}", "strides has 1 numbers, must have 2");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3,3]"), "%y = Conv(%x, %w) {dilations=[-1,1]}", "dilations has -1");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3,3]"), "%y = Conv(%x, %w) {pads=[-1,0,0,0]}", "pads has -1");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3,3]"), "%y = Conv(%x, %w) {pads=[9223372036854775807,0,0,0]}", "overflows");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3,3]"), "%y = Conv(%x, %w) {dilations=[9223372036854775807,1]}", "overflows");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3,3]"), "%y = Conv(%x, %w) {kernel_shape=[3,5]}", "kernel_shape and the weight differ");
    MALFORMED(XW("[b,3,8,8]", "[8,3,0,3]"), "%y = Conv(%x, %w)", "a kernel of size 0");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3,3]"), "%y = Conv(%x, %w) {auto_pad=\"SAME\"}", "auto_pad 'SAME'");
    MALFORMED(XW("[b,3,8,8]", "[8,3,3,3]") "\ninput %c: float32[7]", "%y = Conv(%x, %w, %c)", "7 elements, must have 8");
    MALFORMED("input %x: int64[b,3,8,8]\ninput %w: float32[8,3,3,3]", "%y = Conv(%x, %w)", "input 0 is int64");
}

QN_TEST(ops_conv_transpose) {
    SHAPE(XW("[b,8,h,w]", "[8,4,2,2]"), "%y = ConvTranspose(%x, %w) {strides=[2,2]}", "float32[b,4,2*h,2*w]");
    SHAPE(XW("[b,8,3,3]", "[8,2,3,3]"), "%y = ConvTranspose(%x, %w) {group=2, strides=[3,2], output_padding=[1,1], pads=[1,1,0,0]}",
          "float32[b,4,9,7]");
    SHAPE(XW("[b,8,3,h]", "[8,2,3,3]"), "%y = ConvTranspose(%x, %w) {auto_pad=\"SAME_UPPER\", strides=[3,2]}", "float32[b,2,9,2*h]");
    SHAPE(XW("[b,8,3,3]", "[8,2,3,3]"), "%y = ConvTranspose(%x, %w) {output_shape=[10,8], strides=[3,2]}", "float32[b,2,10,8]");
    SHAPE(XW("[b,8,3]", "[8,2,3]"), "%y = ConvTranspose(%x, %w) {dilations=[2]}", "float32[b,2,7]");
    MALFORMED(XW("[b,8,3,3]", "[7,2,3,3]"), "%y = ConvTranspose(%x, %w)", "8 against 7");
    MALFORMED(XW("[b,8,1,1]", "[8,2,1,1]"), "%y = ConvTranspose(%x, %w) {pads=[1,1,1,1]}", "comes to -1");
    MALFORMED(XW("[b,8,3,3]", "[8,2,3,3]"), "%y = ConvTranspose(%x, %w) {output_shape=[10]}", "output_shape has 1 numbers");
    MALFORMED(XW("[b,8,3,3]", "[8,2,3,3]"), "%y = ConvTranspose(%x, %w) {output_padding=[-1,0]}", "output_padding has -1");
    MALFORMED(XW("[b,8,3,3]", "[8,2,3,3]"), "%y = ConvTranspose(%x, %w) {strides=[9223372036854775807,1]}", "overflows");
}

QN_TEST(ops_pool) {
    SHAPE("input %x: float32[b,c,h,32]", "%y = MaxPool(%x) {kernel_shape=[2,2], strides=[2,2]}", "float32[b,c,h//2,16]");
    SHAPE("input %x: float32[b,c,h,32]", "%y, %i = MaxPool(%x) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]}\noutput %i",
          "int64[b,c,(h+1)//2,16]; float32[b,c,(h+1)//2,16]");
    SHAPE("input %x: float32[1,1,4,4]", "%y = AveragePool(%x) {kernel_shape=[3,3], strides=[2,2], ceil_mode=1}", "float32[1,1,2,2]");
    SHAPE("input %x: float32[1,1,2,2]", "%y = MaxPool(%x) {kernel_shape=[1,1], strides=[2,2], ceil_mode=1}", "float32[1,1,1,1]");
    SHAPE("input %x: float32[1,1,h,7]", "%y = MaxPool(%x) {kernel_shape=[2,2], strides=[2,2], ceil_mode=1}", "float32[1,1,(h+1)//2,4]");
    SHAPE("input %x: float32[b,c,h,w]", "%y = GlobalAveragePool(%x)", "float32[b,c,1,1]");
    SHAPE("input %x: float32[b,c,h,w]", "%y = GlobalMaxPool(%x)", "float32[b,c,1,1]");
    MALFORMED("input %x: float32[b,c,h,32]", "%y = MaxPool(%x)", "lacks the attribute kernel_shape");
    MALFORMED("input %x: float32[b,c,h,32]", "%y = AveragePool(%x) {kernel_shape=[0,2]}", "kernel_shape has 0");
    MALFORMED("input %x: float32[b,c,h,2]", "%y = AveragePool(%x) {kernel_shape=[2,3]}", "a window of 3 does not fit");
    MALFORMED("input %x: float32[b,c]", "%y = AveragePool(%x) {kernel_shape=[]}", "at least 3");
    MALFORMED("input %x: int64[b,c,h]", "%y = GlobalAveragePool(%x)", "input 0 is int64");
}
