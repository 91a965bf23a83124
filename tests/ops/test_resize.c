#include "tests/ops/shape_case.h"

#define X "input %x: float32[b,c,h,w]\n"
#define N "input %x: float32[1,1,5,7]\n"

QN_TEST(ops_resize_scales) {
    SHAPE(X "const %k: float32[4] = {1, 1, 2, 2}", "%y = Resize(%x, _, %k)", "float32[b,c,2*h,2*w]");
    SHAPE(X "const %k: float32[4] = {1, 1, 0.5, 1.5}", "%y = Resize(%x, _, %k)", "float32[b,c,h//2,(3*w)//2]");
    SHAPE(X "const %k: float32[2] = {2, 3}", "%y = Resize(%x, _, %k) {axes=[2,-1]}", "float32[b,c,2*h,3*w]");
    SHAPE(N "const %k: float32[4] = {1, 1, 0.6, 0.6}", "%y = Resize(%x, _, %k)", "float32[1,1,3,4]");
    /* 3 * float32(1/3) is 1 in float32, though the product is a little more */
    SHAPE("input %x: float32[3]\nconst %k: float32[1] = {0.33333334}", "%y = Resize(%x, _, %k)", "float32[1]");
    SHAPE(X "const %k: float32[4] = {1, 1, 0.3, 0.3}", "%y = Resize(%x, _, %k)", "float32[b,c,y_2,y_3]");
    SHAPE(X "input %k: float32[4]", "%y = Resize(%x, _, %k)", "float32[y_0,y_1,y_2,y_3]");
    SHAPE(N "const %k: float32[4] = {1, 1, 1, 1}\nconst %r: float32[8] = {0, 0, 0, 0, 1, 1, 0.8, 1}",
          "%y = Resize(%x, %r, %k) {coordinate_transformation_mode=\"tf_crop_and_resize\"}", "float32[1,1,4,7]");
    MALFORMED(N "const %k: float32[4] = {1, 1, 1, 1}",
              "%y = Resize(%x, _, %k) {coordinate_transformation_mode=\"tf_crop_and_resize\"}", "crops without a roi");
    MALFORMED(N "input %r: float32[7]\nconst %k: int64[4] = {1, 1, 5, 7}",
              "%y = Resize(%x, %r, _, %k) {coordinate_transformation_mode=\"tf_crop_and_resize\"}", "input 1 has 7 elements, must have 8");
    MALFORMED(X "const %k: float32[3] = {1, 2, 2}", "%y = Resize(%x, _, %k)", "3 scales for 4 axes");
    MALFORMED(N "const %k: float32[4] = {1, 1, 0, 1}", "%y = Resize(%x, _, %k)", "by a factor of 0");
    MALFORMED(N "const %k: float32[4] = {1, 1, -1, 1}", "%y = Resize(%x, _, %k)", "by a factor of -1");
    MALFORMED(N "const %k: float32[4] = {1, 1, 1e30, 1}", "%y = Resize(%x, _, %k)", "which is too much");
}

QN_TEST(ops_resize_sizes) {
    SHAPE(X "const %k: int64[4] = {1, 8, 37, 37}\nconst %e: float32[0] = {}", "%y = Resize(%x, _, %e, %k)", "float32[1,8,37,37]");
    SHAPE(X "const %k: int64[2] = {37, 30}", "%y = Resize(%x, _, _, %k) {axes=[3,2]}", "float32[b,c,30,37]");
    SHAPE(X "input %k: int64[4]", "%y = Resize(%x, _, _, %k)", "float32[y_0,y_1,y_2,y_3]");
    SHAPE(N "const %k: int64[2] = {10, 10}", "%y = Resize(%x, _, _, %k) {axes=[2,3], keep_aspect_ratio_policy=\"not_larger\"}",
          "float32[1,1,7,10]");
    SHAPE(N "const %k: int64[2] = {10, 10}", "%y = Resize(%x, _, _, %k) {axes=[2,3], keep_aspect_ratio_policy=\"not_smaller\"}",
          "float32[1,1,10,14]");
    MALFORMED(N "const %k: int64[2] = {10, 10}", "%y = Resize(%x, _, _, %k) {axes=[2,3], keep_aspect_ratio_policy=\"fit\"}", "'fit'");
    MALFORMED(N "const %k: int64[4] = {1, 1, -1, 1}", "%y = Resize(%x, _, _, %k)", "resizes axis 2 to -1");
    MALFORMED(N "const %k: int64[2] = {1, 1}", "%y = Resize(%x, _, _, %k) {axes=[2,2]}", "given twice");
    MALFORMED(N "const %k: int64[2] = {1, 1}", "%y = Resize(%x, _, _, %k) {axes=[2,4]}", "axis 4 is out of range");
    MALFORMED(N, "%y = Resize(%x)", "neither scales nor sizes");
    MALFORMED(N "const %k: float32[4] = {1, 1, 1, 1}\nconst %z: int64[4] = {1, 1, 5, 7}", "%y = Resize(%x, _, %k, %z)", "both");
    MALFORMED(N "const %z: float32[4] = {1, 1, 5, 7}", "%y = Resize(%x, _, _, %z)", "int64 or int32");
}
