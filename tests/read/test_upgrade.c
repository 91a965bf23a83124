/* Each older spelling, and what it becomes: lines that the graph's text must have. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/read/onnx_build.h"
#include "tests/test.h"

/* Read a model of one node; every line of `lines` (separated by '\n') must be in its text, in this order. */
static void becomes(int64_t opset, const char *inputs, qn_buf node, const char *outputs, const char *lines) {
    qn_status status;
    char *text = ob_read_text(ob_model_of_node(opset, inputs, node, outputs), &status);
    const char *at = text;
    if (status != QN_OK)
        fail_msg("status %d: %s", (int)status, text);
    for (const char *line = lines; *line;) {
        char want[256];
        size_t n = strcspn(line, "\n");
        snprintf(want, sizeof want, "%.*s", (int)n, line);
        const char *found = strstr(at, want);
        if (!found)
            fail_msg("'%s' is not in, or not at its place in:\n%s", want, text);
        else
            at = found + n;
        line += n + (line[n] != 0);
    }
    free(text);
}

static void refuses(int64_t opset, const char *inputs, qn_buf node, const char *outputs, qn_status wanted,
                    const char *message) {
    qn_status status;
    char *text = ob_read_text(ob_model_of_node(opset, inputs, node, outputs), &status);
    if (status != wanted || !strstr(text, message))
        fail_msg("status %d: %s", (int)status, text);
    free(text);
}

static qn_buf with_ints(qn_buf node, const char *name, int64_t a, int64_t b) {
    const int64_t v[2] = {a, b};
    ob_attr_ints(&node, name, v, 2);
    return node;
}

static qn_buf with_int(qn_buf node, const char *name, int64_t v) {
    ob_attr_int(&node, name, v);
    return node;
}

static qn_buf with_float(qn_buf node, const char *name, float v) {
    ob_attr_float(&node, name, v);
    return node;
}

static qn_buf with_string(qn_buf node, const char *name, const char *v) {
    ob_attr_string(&node, name, v);
    return node;
}

QN_TEST(read_upgrade_axes) {
    qn_buf n = with_ints(ob_node("Squeeze", "x", "y"), "axes", 1, 2);
    becomes(11, "x[2,1,1,3]", n, "y", "const %y/axes: int64[2] = {1, 2}\n%y: float32[2,3] = Squeeze(%x, %y/axes)");
    n = with_ints(ob_node("Unsqueeze", "x", "y"), "axes", 0, -1);
    becomes(11, "x[2]", n, "y", "{0, -1}\n%y: float32[1,2,1] = Unsqueeze(%x, %y/axes)");
    becomes(11, "x[2,1]", ob_node("Squeeze", "x", "y"), "y", "%y: float32[2] = Squeeze(%x)");
    static const char *const reductions[] = {"ReduceL2",   "ReduceMax",  "ReduceMean", "ReduceMin",
                                             "ReduceProd", "ReduceSum", "ReduceSumSquare"};
    for (size_t i = 0; i < sizeof reductions / sizeof reductions[0]; i++) {
        char want[128];
        n = with_int(with_ints(ob_node(reductions[i], "x", "y"), "axes", 1, 2), "keepdims", 0);
        snprintf(want, sizeof want, "{1, 2}\n%%y: float32[2] = %s(%%x, %%y/axes) {keepdims=0}", reductions[i]);
        becomes(12, "x[2,4,5]", n, "y", want);
        snprintf(want, sizeof want, "%%y: float32[1,1,1] = %s(%%x)", reductions[i]);
        becomes(12, "x[2,4,5]", ob_node(reductions[i], "x", "y"), "y", want);
    }
    n = with_ints(ob_node("ReduceL1", "x", "y"), "axes", 0, 1);
    becomes(13, "x[2,4]", n, "y", "Abs(%x)\n%y: float32[1,1] = ReduceSum(%y/Abs, %y/axes)");
    n = ob_node("ReduceLogSum", "x", "y");
    becomes(13, "x[2,4]", n, "y", "%y/ReduceSum: float32[1,1] = ReduceSum(%x)\n%y: float32[1,1] = Log(%y/ReduceSum)");
    refuses(18, "x[2]", with_ints(ob_node("ReduceMax", "x", "y"), "axes", 0, 1), "y", QN_UNSUPPORTED, "attribute 'axes'");
    refuses(11, "x[2]", ob_node("Unsqueeze", "x", "y"), "y", QN_MALFORMED, "attribute 'axes' is missing");
}

QN_TEST(read_upgrade_slice_and_pad) {
    qn_buf n = with_ints(with_ints(ob_node("Slice", "x", "y"), "starts", 0, 1), "ends", 2, 100);
    becomes(9, "x[3,5]", n, "y", "Slice(%x, %y/starts, %y/ends)");
    n = with_ints(with_ints(with_ints(ob_node("Slice", "x", "y"), "starts", 0, 1), "ends", 2, 100), "axes", 1, 0);
    becomes(9, "x[3,5]", n, "y", "%y: float32[2,2] = Slice(%x, %y/starts, %y/ends, %y/axes)");
    n = with_int(with_ints(ob_node("Slice", "x", "y"), "starts", 0, 1), "ends", 1);
    refuses(9, "x[3,5]", n, "y", QN_MALFORMED, "attribute 'ends' is not ints");
    n = with_ints(ob_node("Slice", "x", "y"), "starts", 0, 1);
    const int64_t one = 1;
    ob_attr_ints(&n, "ends", &one, 1);
    refuses(9, "x[3,5]", n, "y", QN_MALFORMED, "starts, ends and axes are not of one length");
    n = with_ints(ob_node("Pad", "x", "y"), "pads", 1, 2);
    becomes(10, "x[4]", n, "y", "%y: float32[7] = Pad(%x, %y/pads)");
    n = with_string(with_float(with_ints(ob_node("Pad", "x", "y"), "pads", 1, 2), "value", 0.5f), "mode", "constant");
    becomes(10, "x[4]", n, "y", "const %y/value: float32[] = 0.5\n%y: float32[7] = Pad(%x, %y/pads, %y/value)");
}

QN_TEST(read_upgrade_split) {
    qn_buf n = with_ints(ob_node("Split", "x", "y,z"), "split", 1, 2);
    becomes(11, "x[3]", n, "y,z", "%y: float32[1], %z: float32[2] = Split(%x, %y/split) {axis=0}");
    becomes(13, "x[4]", ob_node("Split", "x", "y,z"), "y,z", "%y: float32[2], %z: float32[2] = Split(%x) {axis=0, num_outputs=2}");
    becomes(11, "x[3]", ob_node("Split", "x", "y,,"), "y", "= Split(%x) {axis=0, num_outputs=3}");
    refuses(18, "x[4]", with_int(ob_node("Split", "x", "y,z"), "num_outputs", 3), "y,z", QN_MALFORMED, "num_outputs is 3");
}

QN_TEST(read_upgrade_softmax) {
    becomes(11, "x[2,3]", ob_node("Softmax", "x", "y"), "y", "%y: float32[2,3] = Softmax(%x) {axis=-1}");
    becomes(11, "x[2,3,4]", with_int(ob_node("LogSoftmax", "x", "y"), "axis", 2), "y", "= LogSoftmax(%x) {axis=-1}");
    becomes(11, "x[n,3,4]", ob_node("Softmax", "x", "y"), "y",
            "Shape(%x)\n%y/Flatten: float32[n,12] = Flatten(%x) {axis=1}\nSoftmax(%y/Flatten) {axis=-1}\n"
            "%y: float32[n,3,4] = Reshape(%y/Softmax, %y/Shape) {allowzero=1}");
    becomes(13, "x[2,3,4]", with_int(ob_node("Softmax", "x", "y"), "axis", 1), "y", "= Softmax(%x) {axis=1}");
}

QN_TEST(read_upgrade_resize) {
    const float scales[4] = {1, 1, 2, 2};
    const char *spelling = "Resize(%x, _, %y/scales) {mode=\"nearest\", coordinate_transformation_mode=\"asymmetric\", "
                           "nearest_mode=\"floor\"}";
    qn_buf n = with_string(ob_node("Upsample", "x", "y"), "mode", "nearest");
    ob_attr_floats(&n, "scales", scales, 4);
    becomes(8, "x[1,3,4,5]", n, "y", spelling);
    n = with_string(ob_node("Upsample", "x,s", "y"), "mode", "linear");
    becomes(9, "x[1,3,4,5],s[4]", n, "y", "Resize(%x, _, %s) {mode=\"linear\", coordinate_transformation_mode=\"asymmetric\"");
    becomes(10, "x[1,3,4,5],s[4]", ob_node("Resize", "x,s", "y"), "y", "Resize(%x, _, %s) {mode=\"nearest\"");
    becomes(13, "x[1,3,4,5],s[4]", ob_node("Resize", "x,,s", "y"), "y", "Resize(%x, _, %s)");
    becomes(11, "x[1,3,4,5],r[8],s[4]", ob_node("Resize", "x,r,s", "y"), "y", "Resize(%x, _, %s)");
    n = with_string(ob_node("Resize", "x,r,s", "y"), "coordinate_transformation_mode", "tf_crop_and_resize");
    becomes(11, "x[1,3,4,5],r[8],s[4]", n, "y", "Resize(%x, %r, %s)");
    n = with_string(ob_node("Resize", "x,,s", "y"), "coordinate_transformation_mode", "tf_half_pixel_for_nn");
    becomes(11, "x[1,3,4,5],s[4]", n, "y", "coordinate_transformation_mode=\"half_pixel\", nearest_mode=\"ceil\"");
    n = with_string(with_string(ob_node("Resize", "x,,s", "y"), "coordinate_transformation_mode", "tf_half_pixel_for_nn"),
                    "nearest_mode", "ceil");
    refuses(11, "x[1,3,4,5],s[4]", n, "y", QN_UNSUPPORTED, "tf_half_pixel_for_nn with nearest_mode 'ceil'");
    refuses(13, "x[1,3,4,5]", ob_node("Resize", "x", "y"), "y", QN_MALFORMED, "neither scales nor sizes");
    refuses(13, "x[1,3,4,5],s[4]", ob_node("Resize", "x,,s,s", "y"), "y", QN_MALFORMED, "scales and sizes");
    refuses(10, "x[1,3,4,5],s[4]", with_string(ob_node("Resize", "x,s", "y"), "mode", "cubic"), "y", QN_UNSUPPORTED, "mode 'cubic'");
}

QN_TEST(read_upgrade_norms) {
    const char *inputs = "x[n,4,5],s[4],b[4],m[4],v[4]";
    qn_buf n = with_float(ob_node("BatchNormalization", "x,s,b,m,v", "y"), "momentum", 0.5f);
    becomes(9, inputs, n, "y", "%y: float32[n,4,5] = BatchNormalization(%x, %s, %b, %m, %v)");
    n = with_int(ob_node("BatchNormalization", "x,s,b,m,v", "y"), "spatial", 0);
    refuses(7, inputs, n, "y", QN_UNSUPPORTED, "spatial is 0");
    n = with_int(ob_node("BatchNormalization", "x,s,b,m,v", "y,rm,rv"), "training_mode", 1);
    refuses(14, inputs, n, "y", QN_UNSUPPORTED, "training mode");
    becomes(9, inputs, ob_node("BatchNormalization", "x,s,b,m,v", "y,rm,,sm"), "y", "%y: float32[n,4,5] = BatchNormalization(");
    refuses(9, inputs, ob_node("BatchNormalization", "x,s,b,m,v", "y,rm"), "y,rm", QN_UNSUPPORTED, "training mode");
    n = with_int(ob_node("GroupNormalization", "x,s,b", "y"), "num_groups", 2);
    becomes(21, "x[n,4,5],s[4],b[4]", n, "y", "= InstanceNormalization(\n= Reshape(\n= Mul(\n%y: float32[n,4,5] = Add(");
    n = with_int(ob_node("GroupNormalization", "x,s,b", "y"), "num_groups", 0);
    refuses(21, "x[n,4,5],s[4],b[4]", n, "y", QN_MALFORMED, "num_groups is 0");
    becomes(13, "x[n,2,3,3]", ob_node("MeanVarianceNormalization", "x", "y"), "y", "const %y/axes: int64[3] = {0, 2, 3}\n%y: float32[n,2,3,3] = Div(");
    refuses(13, "x[3]", with_int(ob_node("LpNormalization", "x", "y"), "p", 3), "y", QN_MALFORMED, "attribute 'p' is 3");
}

QN_TEST(read_upgrade_elementwise) {
    qn_buf n = with_float(with_float(ob_node("Clip", "x", "y"), "min", 0), "max", 6);
    becomes(10, "x[3]", n, "y", "float32[] = 0\nfloat32[] = 6\n%y: float32[3] = Clip(%x, %y/min, %y/max)");
    becomes(10, "x[3]", with_float(ob_node("Clip", "x", "y"), "max", 6), "y", "Clip(%x, _, %y/max)");
    becomes(10, "x[3]", ob_node("Clip", "x", "y"), "y", "Clip(%x)");
    becomes(13, "x[3],a[],b[]", ob_node("Clip", "x,,b", "y"), "y", "Clip(%x, _, %b)");
    becomes(8, "x[3]", ob_node("Dropout", "x", "y,mask"), "y", "%y: float32[3] = Identity(%x)");
    refuses(8, "x[3]", ob_node("Dropout", "x", "y,mask"), "y,mask", QN_UNSUPPORTED, "the mask is used");
    becomes(13, "x[n,3]", ob_node("Dropout", "x", "y,mask"), "y,mask", "%y: float32[n,3] = Identity(%x)\n%mask: bool[n,3] = ConstantOfShape(");
    refuses(13, "x[3],r[],t[]", ob_node("Dropout", "x,r,t", "y"), "y", QN_UNSUPPORTED, "training mode");
    becomes(13, "x[3],a[3],b[3]", ob_node("Sum", "x,a,b", "y"), "y", "Add(%x, %a)\n%y: float32[3] = Add(");
    becomes(13, "x[3]", ob_node("Sum", "x", "y"), "y", "Identity(%x)");
    becomes(13, "x[3],a[3]", ob_node("Mean", "x,a", "y"), "y", "Add(%x, %a)\nfloat32[] = 2\n%y: float32[3] = Div(");
    n = with_int(with_int(ob_node("Cast", "x", "y"), "to", 10), "saturate", 1);
    becomes(19, "x[3]", n, "y", "%y: float16[3] = Cast(%x) {to=10}");
    becomes(15, "x[3],t[1]", ob_node("CastLike", "x,t", "y"), "y", "%y: float32[3] = Cast(%x) {to=1}");
    becomes(13, "x[3]", ob_node("IsNaN", "x", "y"), "y", "Equal(%x, %x)\n%y: bool[3] = Not(");
    becomes(18, "x[3]", ob_node("Mish", "x", "y"), "y", "Softplus(%x)\nTanh(\n%y: float32[3] = Mul(%x, ");
}

QN_TEST(read_upgrade_depth) {
    becomes(13, "x[n,8,h,w]", with_int(ob_node("DepthToSpace", "x", "y"), "blocksize", 2), "y", "%y: float32[n,2,2*h,2*w] = Reshape(");
    becomes(13, "x[n,2,4,6]", with_int(ob_node("SpaceToDepth", "x", "y"), "blocksize", 2), "y", "%y: float32[n,8,2,3] = Reshape(");
    refuses(13, "x[n,7,h,w]", with_int(ob_node("DepthToSpace", "x", "y"), "blocksize", 2), "y", QN_MALFORMED, "7 channels for blocksize 2");
    refuses(13, "x[n,c,h,w]", with_int(ob_node("DepthToSpace", "x", "y"), "blocksize", 2), "y", QN_UNSUPPORTED, "the channels of its input are not known");
    refuses(13, "x[n,4,h,w]", with_int(ob_node("DepthToSpace", "x", "y"), "blocksize", 0), "y", QN_MALFORMED, "blocksize is 0");
}

QN_TEST(read_upgrade_constant) {
    const int64_t v[2] = {3, 4};
    const float f[2] = {0.5f, 2};
    qn_buf n = ob_node("Constant", "", "y");
    ob_attr_ints(&n, "value_ints", v, 2);
    becomes(13, "", n, "y", "const %y: int64[2] = {3, 4}\noutput %y");
    becomes(13, "", with_int(ob_node("Constant", "", "y"), "value_int", 7), "y", "const %y: int64[] = 7");
    becomes(13, "", with_float(ob_node("Constant", "", "y"), "value_float", 0.5f), "y", "const %y: float32[] = 0.5");
    n = ob_node("Constant", "", "y");
    ob_attr_floats(&n, "value_floats", f, 2);
    becomes(13, "", n, "y", "const %y: float32[2] = {0.5, 2.0}");
    n = ob_node("Constant", "", "y");
    ob_attr_tensor(&n, "value", ob_tensor("t", QN_F32, (const int64_t[]){2, -1}, f, sizeof f));
    becomes(13, "", n, "y", "const %y: float32[2] = {0.5, 2.0}");
    refuses(13, "", with_string(ob_node("Constant", "", "y"), "value_string", "s"), "y", QN_UNSUPPORTED, "attribute 'value_string'");
    refuses(13, "", ob_node("Constant", "", "y"), "y", QN_MALFORMED, "0 values; one is needed");
    n = with_int(with_float(ob_node("Constant", "", "y"), "value_float", 1), "value_int", 1);
    refuses(13, "", n, "y", QN_MALFORMED, "2 values; one is needed");
    n = ob_node("Constant", "", "y");
    qn_buf a = QN_BUF_INIT;
    pb_string(&a, 1, "sparse_value");
    pb_int(&a, 20, 11);
    pb_message(&n, 5, a);
    refuses(13, "", n, "y", QN_UNSUPPORTED, "attribute 'sparse_value'");
}

/* Numbers that an integer type does not have become the nearest that it has. */
QN_TEST(read_upgrade_integer_scalars) {
    static const struct {
        qn_dtype dtype;
        float v;
        const char *line;
    } rows[] = {{QN_I8, -3e34f, "const %y/lambd: int8[] = -128"},
                {QN_U8, 3e34f, "const %y/lambd: uint8[] = 255"},
                {QN_U8, -1, "const %y/lambd: uint8[] = 0"},
                {QN_I64, 3e34f, "const %y/lambd: int64[] = 9223372036854775807"},
                {QN_I64, -3e34f, "const %y/lambd: int64[] = -9223372036854775808"},
                {QN_I32, 7.9f, "const %y/lambd: int32[] = 7"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        qn_buf graph = QN_BUF_INIT;
        qn_status status;
        pb_message(&graph, OB_INPUT, ob_value("x", rows[i].dtype, "3"));
        pb_message(&graph, OB_NODE, with_float(ob_node("Shrink", "x", "y"), "lambd", rows[i].v));
        pb_message(&graph, OB_OUTPUT, ob_value("y", rows[i].dtype, NULL));
        char *text = ob_read_text(ob_model(13, graph), &status);
        if (status != QN_OK || !strstr(text, rows[i].line))
            fail_msg("status %d: '%s' is not in:\n%s", (int)status, rows[i].line, text);
        free(text);
    }
}
