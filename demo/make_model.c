/* make_model OUT.onnx [width [layers]]: a small vision transformer for depth, as ONNX, made from a seed.
 *
 *   pixel_values [batch,3,height,width] ── Conv 14x14 stride 14 ── tokens + position table (resized bicubically)
 *     ── layers x (LayerNorm, attention, layer scale, LayerNorm, GELU MLP, layer scale) ── LayerNorm
 *     ── back to an image ── Conv 3x3, Relu, Resize bilinear to height x width, Conv ── depth [batch,height,width]
 *
 * The graph is written the way PyTorch exports one: shape arithmetic on Shape, GELU by Erf, three projections, scores
 * divided by sqrt(head size). The weights have the statistics of trained ones: normal with standard deviation
 * 1/sqrt(fan-in), a few rows three times larger, norm scales 1 +- 0.1 with outlier channels.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"
#include "tests/read/onnx_build.h"

enum { PATCH = 14, GRID = 16, HEAD = 64 };

static qn_buf g_graph;
static uint64_t g_seed = 20260101;
static int g_counter;

/* ---- numbers --------------------------------------------------------------------------------- */

static const char *weight(const char *name, const int64_t *dims, double scale) {
    int64_t n = 1, rank = 0;
    for (; dims[rank] >= 0; rank++)
        n *= dims[rank];
    const int64_t row = n / dims[0];
    float *data = malloc((size_t)n * sizeof *data);
    for (int64_t i = 0; i < n; i++)
        data[i] = (float)(qn_random_normal(&g_seed) * scale * ((i / row) % 97 == 5 ? 3 : 1));
    pb_message(&g_graph, OB_INITIALIZER, ob_tensor(name, QN_F32, dims, data, (size_t)n * sizeof *data));
    free(data);
    return name;
}

static const char *vector(const char *name, int64_t n, double mean, double spread, double outlier) {
    const int64_t dims[] = {n, -1};
    float *data = malloc((size_t)n * sizeof *data);
    for (int64_t i = 0; i < n; i++)
        data[i] = (float)(i % 61 == 7 && outlier > 0 ? outlier : mean + spread * qn_random_normal(&g_seed));
    pb_message(&g_graph, OB_INITIALIZER, ob_tensor(name, QN_F32, dims, data, (size_t)n * sizeof *data));
    free(data);
    return name;
}

static const char *ints(const char *name, const int64_t *values, int64_t n) {
    const int64_t dims[] = {n, -1};
    pb_message(&g_graph, OB_INITIALIZER, ob_tensor(name, QN_I64, dims, values, (size_t)n * sizeof *values));
    return name;
}

static void scalar(const char *name, float value) {
    const int64_t dims[] = {-1};
    pb_message(&g_graph, OB_INITIALIZER, ob_tensor(name, QN_F32, dims, &value, sizeof value));
}

/* ---- nodes -------------------------------------------------------------------------------------- */

/* Names stay valid for the whole run, in an arena that main ends. */
static qn_arena *g_names;

static const char *kept(const char *text) {
    const char *name = qn_arena_strdup(g_names, text);
    if (!name)
        exit(5);
    return name;
}

/* A name of its own. */
static const char *fresh(const char *stem) {
    char text[128];
    snprintf(text, sizeof text, "%s_%d", stem, g_counter++);
    return kept(text);
}

static const char *name_of(const char *prefix, const char *suffix) {
    char text[256];
    snprintf(text, sizeof text, "%s.%s", prefix, suffix);
    return kept(text);
}

static void add(qn_buf node) { pb_message(&g_graph, OB_NODE, node); }

static const char *op(const char *type, const char *inputs) {
    const char *out = fresh(type);
    add(ob_node(type, inputs, out));
    return out;
}

static const char *op2(const char *type, const char *a, const char *b) {
    char inputs[512];
    snprintf(inputs, sizeof inputs, "%s,%s", a, b);
    return op(type, inputs);
}

static const char *transpose(const char *x, const int64_t *perm, size_t n) {
    const char *out = fresh("Transpose");
    qn_buf node = ob_node("Transpose", x, out);
    ob_attr_ints(&node, "perm", perm, n);
    add(node);
    return out;
}

static const char *concat(const char *inputs, int64_t axis) {
    const char *out = fresh("Concat");
    qn_buf node = ob_node("Concat", inputs, out);
    ob_attr_int(&node, "axis", axis);
    add(node);
    return out;
}

/* Dimension i of x as a tensor of one integer. */
static const char *dim(const char *x, const char *index, const char *zero_axis) {
    return op2("Unsqueeze", op2("Gather", op("Shape", x), index), zero_axis);
}

static const char *conv(const char *prefix, const char *x, int64_t in, int64_t out, int64_t k, int64_t stride,
                        int64_t pad) {
    const int64_t dims[] = {out, in, k, k, -1}, kernel[] = {k, k}, strides[] = {stride, stride},
                  pads[] = {pad, pad, pad, pad};
    const char *w = weight(name_of(prefix, "weight"), dims, 1 / sqrt((double)(in * k * k)));
    const char *b = vector(name_of(prefix, "bias"), out, 0, 0.05, 0);
    const char *y = fresh("Conv");
    char inputs[512];
    snprintf(inputs, sizeof inputs, "%s,%s,%s", x, w, b);
    qn_buf node = ob_node("Conv", inputs, y);
    ob_attr_ints(&node, "kernel_shape", kernel, 2);
    ob_attr_ints(&node, "strides", strides, 2);
    ob_attr_ints(&node, "pads", pads, 4);
    add(node);
    return y;
}

static const char *resize(const char *x, const char *sizes, const char *mode) {
    const char *out = fresh("Resize");
    char inputs[512];
    snprintf(inputs, sizeof inputs, "%s,,,%s", x, sizes);
    qn_buf node = ob_node("Resize", inputs, out);
    ob_attr_string(&node, "mode", mode);
    ob_attr_string(&node, "coordinate_transformation_mode", "half_pixel");
    add(node);
    return out;
}

static const char *layer_norm(const char *prefix, const char *x, int64_t width) {
    const char *out = fresh("LayerNormalization");
    char inputs[512];
    snprintf(inputs, sizeof inputs, "%s,%s,%s", x, vector(name_of(prefix, "weight"), width, 1, 0.1, 3.5),
             vector(name_of(prefix, "bias"), width, 0, 0.1, 0));
    qn_buf node = ob_node("LayerNormalization", inputs, out);
    ob_attr_int(&node, "axis", -1);
    ob_attr_float(&node, "epsilon", 1e-6f);
    add(node);
    return out;
}

static const char *linear(const char *prefix, const char *x, int64_t in, int64_t out) {
    const int64_t dims[] = {in, out, -1};
    const char *w = weight(name_of(prefix, "weight"), dims, 1 / sqrt((double)in));
    return op2("Add", vector(name_of(prefix, "bias"), out, 0, 0.05, 0), op2("MatMul", x, w));
}

/* ---- the model ------------------------------------------------------------------------------------- */

static const char *heads(const char *x, const char *shape, bool keys) {
    static const int64_t queries[] = {0, 2, 1, 3}, turned[] = {0, 2, 3, 1};
    return transpose(op2("Reshape", x, shape), keys ? turned : queries, 4);
}

static const char *attention(const char *prefix, const char *x, int64_t width, const char *split, const char *join) {
    static const int64_t back[] = {0, 2, 1, 3};
    const char *q = heads(linear(name_of(prefix, "query"), x, width, width), split, false);
    const char *k = heads(linear(name_of(prefix, "key"), x, width, width), split, true);
    const char *v = heads(linear(name_of(prefix, "value"), x, width, width), split, false);
    const char *scores = op2("Div", op2("MatMul", q, k), "root_head");
    const char *out = fresh("Softmax");
    qn_buf softmax = ob_node("Softmax", scores, out);
    ob_attr_int(&softmax, "axis", -1);
    add(softmax);
    const char *joined = op2("Reshape", transpose(op2("MatMul", out, v), back, 4), join);
    return linear(name_of(prefix, "output"), joined, width, width);
}

static const char *mlp(const char *prefix, const char *x, int64_t width) {
    const char *h = linear(name_of(prefix, "fc1"), x, width, 4 * width);
    const char *gate = op2("Add", op("Erf", op2("Div", h, "root_2")), "one");
    return linear(name_of(prefix, "fc2"), op2("Mul", op2("Mul", h, gate), "half"), 4 * width, width);
}

static const char *block(int index, const char *x, int64_t width, const char *split, const char *join) {
    char prefix[64];
    snprintf(prefix, sizeof prefix, "encoder.layer.%d", index);
    const char *a =
        attention(name_of(prefix, "attention"), layer_norm(name_of(prefix, "norm1"), x, width), width, split, join);
    x = op2("Add", op2("Mul", a, vector(name_of(prefix, "scale1"), width, 0.5, 0.1, 0)), x);
    const char *m = mlp(name_of(prefix, "mlp"), layer_norm(name_of(prefix, "norm2"), x, width), width);
    return op2("Add", op2("Mul", m, vector(name_of(prefix, "scale2"), width, 0.5, 0.1, 0)), x);
}

/* The position table [1, GRID*GRID, width] resized to the grid of patches. */
static const char *positions(int64_t width, const char *rows, const char *columns) {
    static const int64_t to_image[] = {0, 3, 1, 2}, to_tokens[] = {0, 2, 3, 1};
    const int64_t dims[] = {1, GRID, GRID, width, -1}, flat[] = {1, -1, width}, head[] = {1, width};
    const char *table = transpose(weight("position_embeddings", dims, 0.3), to_image, 4);
    char sizes[256];
    snprintf(sizes, sizeof sizes, "%s,%s,%s", ints("position_head", head, 2), rows, columns);
    const char *resized = resize(table, concat(sizes, 0), "cubic");
    return op2("Reshape", transpose(resized, to_tokens, 4), ints("position_flat", flat, 3));
}

static const char *model(int64_t width, int layers) {
    static const int64_t tokens_first[] = {0, 2, 1};
    static const int64_t index[] = {0, 2, 3};
    const int64_t scalar_dims[] = {-1}, zero = 0, flat[] = {0, 0, -1}, split[] = {0, 0, width / HEAD, HEAD},
                  join[] = {0, 0, width}, one_axis[] = {1};
    static const char *const index_names[] = {"index_batch", "index_height", "index_width"};
    for (int i = 0; i < 3; i++)
        pb_message(&g_graph, OB_INITIALIZER,
                   ob_tensor(index_names[i], QN_I64, scalar_dims, &index[i], sizeof index[i]));
    ints("axis_0", &zero, 1);
    ints("axis_1", one_axis, 1);
    ints("shape_flat", flat, 3);
    ints("shape_split", split, 4);
    ints("shape_join", join, 3);
    scalar("root_head", sqrtf((float)HEAD));
    scalar("root_2", sqrtf(2.0f));
    scalar("one", 1);
    scalar("half", 0.5f);
    const char *patches = conv("patch", "pixel_values", 3, width, PATCH, PATCH, 0);
    const char *batch = dim(patches, "index_batch", "axis_0");
    const char *rows = dim(patches, "index_height", "axis_0"), *columns = dim(patches, "index_width", "axis_0");
    const char *x = transpose(op2("Reshape", patches, "shape_flat"), tokens_first, 3);
    x = op2("Add", x, positions(width, rows, columns));
    for (int i = 0; i < layers; i++)
        x = block(i, x, width, "shape_split", "shape_join");
    x = layer_norm("norm", x, width);
    char shape[512];
    const int64_t channels[] = {width};
    snprintf(shape, sizeof shape, "%s,%s,%s,%s", batch, ints("channels", channels, 1), rows, columns);
    const char *image = op2("Reshape", transpose(x, tokens_first, 3), concat(shape, 0));
    image = op("Relu", conv("head.conv1", image, width, 32, 3, 1, 1));
    const char *height = dim("pixel_values", "index_height", "axis_0"),
               *across = dim("pixel_values", "index_width", "axis_0");
    const int64_t head_channels[] = {32};
    snprintf(shape, sizeof shape, "%s,%s,%s,%s", batch, ints("head_channels", head_channels, 1), height, across);
    image = resize(image, concat(shape, 0), "linear");
    image = op("Relu", conv("head.conv2", image, 32, 1, 3, 1, 1));
    return op2("Squeeze", image, "axis_1");
}

int main(int argc, char **argv) {
    const int64_t width = argc > 2 ? atoll(argv[2]) : 384;
    const int layers = argc > 3 ? atoi(argv[3]) : 6;
    if (argc < 2 || width < HEAD || width % HEAD != 0 || layers < 1) {
        fprintf(stderr, "usage: make_model OUT.onnx [width, a multiple of %d [layers]]\n", HEAD);
        return 2;
    }
    g_names = qn_arena_create();
    if (!g_names)
        return 5;
    const char *depth = model(width, layers);
    add(ob_node("Identity", depth, "depth"));
    pb_message(&g_graph, OB_INPUT, ob_value("pixel_values", QN_F32, "batch,3,height,width"));
    pb_message(&g_graph, OB_OUTPUT, ob_value("depth", QN_F32, NULL));
    qn_buf file = ob_model(17, g_graph);
    FILE *f = fopen(argv[1], "wb");
    const bool good = f && fwrite(file.data, 1, file.n, f) == file.n;
    if (!f || fclose(f) != 0 || !good) {
        perror(argv[1]);
        return 5;
    }
    qn_buf_free(&file);
    qn_arena_destroy(g_names);
    return 0;
}
