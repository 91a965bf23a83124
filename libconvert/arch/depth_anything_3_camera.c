/* The cameras of Depth Anything 3: from the first token of each view nine numbers, and from these matrices.
 *
 *   pose_enc [B, N, 9] = [t (3), q (4: x, y, z, w), vertical and horizontal field of view], camera to world
 *   extrinsics [B, N, 3, 4] = [R^T | -R^T t], world to camera, with R the rotation of q, whatever its length
 *   intrinsics [B, N, 3, 3] = [[fx, 0, W/2], [0, fy, H/2], [0, 0, 1]], fy = (H/2) / max(tan(vertical / 2), 1e-6)
 *
 * R is 1 + (2 / q.q) times sums of products of the elements of q, so R^T is one product of all 16 of them with a constant
 * matrix. All but the token's own layers is in float32: it is next to nothing, and a pose is read to many digits.
 */
#include "arch/depth_anything_3.h"

static qn_value *op(qn_builder *b, qn_op kind, qn_value *x, qn_value *y) { return qn_build_binary(b, kind, NULL, x, y); }

static qn_value *constant(qn_builder *b, const float *v, int64_t rows, int64_t cols) {
    return qn_layer_reshape(b, NULL, qn_build_floats(b, v, rows * cols), QN_DIMS(rows, cols));
}

/* pose_enc of tokens [V, 1, 2 D]. */
static qn_value *make_pose(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *x) {
    const int64_t d = 2 * m->encoder.hidden;
    x = qn_build_unary(b, QN_OP_Relu, "model.cam_dec.backbone.1", qn_layer_linear(b, "model.cam_dec.backbone.0", x, d, d, true));
    x = qn_build_unary(b, QN_OP_Relu, "model.cam_dec.backbone.3", qn_layer_linear(b, "model.cam_dec.backbone.2", x, d, d, true));
    b->in_float32 = true;
    qn_value *parts[] = {qn_layer_linear(b, "model.cam_dec.fc_t", x, d, 3, true),
                         qn_layer_linear(b, "model.cam_dec.fc_qvec", x, d, 4, true),
                         qn_build_unary(b, QN_OP_Relu, "model.cam_dec.fc_fov.1",
                                        qn_layer_linear(b, "model.cam_dec.fc_fov.0", x, d, 2, true))};
    qn_value *dims[] = {scene->batch, scene->views, qn_build_ints(b, QN_DIMS(9))};
    x = qn_layer_reshape_parts(b, "pose_enc", qn_layer_concat(b, NULL, 2, parts, 3), dims, 3);
    b->in_float32 = false;
    return x;
}

/* R^T [B, N, 3, 3] of q [B, N, 4]. */
static qn_value *rotation_back(qn_builder *b, qn_value *q) {
    /* of R^T, row by row: what each product of elements adds, times 2 / q.q */
    static const struct term {
        int entry, a, b, sign;
    } terms[] = {{0, 1, 1, -1}, {0, 2, 2, -1}, {1, 0, 1, 1}, {1, 2, 3, 1},  {2, 0, 2, 1},  {2, 1, 3, -1},
                 {3, 0, 1, 1},  {3, 2, 3, -1}, {4, 0, 0, -1}, {4, 2, 2, -1}, {5, 1, 2, 1}, {5, 0, 3, 1},
                 {6, 0, 2, 1},  {6, 1, 3, 1},  {7, 1, 2, 1}, {7, 0, 3, -1}, {8, 0, 0, -1}, {8, 1, 1, -1}};
    static const float one[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    float sums[16 * 9] = {0};
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++)
        sums[(4 * terms[i].a + terms[i].b) * 9 + terms[i].entry] = 2 * (float)terms[i].sign;
    qn_value *column = qn_build_by_ints(b, QN_OP_Unsqueeze, NULL, q, QN_DIMS(3));
    qn_value *products = op(b, QN_OP_Mul, column, qn_build_by_ints(b, QN_OP_Unsqueeze, NULL, q, QN_DIMS(2))); /* [B, N, 4, 4] */
    products = qn_layer_reshape(b, NULL, products, QN_DIMS(0, 0, 16));
    products = op(b, QN_OP_Div, products, qn_build_by_ints(b, QN_OP_ReduceSumSquare, NULL, q, QN_DIMS(2)));
    qn_value *r = op(b, QN_OP_MatMul, products, constant(b, sums, 16, 9));
    return qn_layer_reshape(b, NULL, op(b, QN_OP_Add, r, qn_build_floats(b, one, 9)), QN_DIMS(0, 0, 3, 3));
}

/* [R^T | -R^T t] of pose_enc. */
static qn_value *make_extrinsics(qn_builder *b, qn_value *pose) {
    qn_value *r = rotation_back(b, qn_layer_slice(b, NULL, pose, 2, 3, 7));
    qn_value *t = qn_build_by_ints(b, QN_OP_Unsqueeze, NULL, qn_layer_slice(b, NULL, pose, 2, 0, 3), QN_DIMS(3));
    qn_value *parts[] = {r, qn_build_unary(b, QN_OP_Neg, NULL, op(b, QN_OP_MatMul, r, t))};
    return qn_layer_concat(b, "extrinsics", 3, parts, 2);
}

static qn_value *make_intrinsics(qn_builder *b, const qn_da3_scene *scene, qn_value *pose) {
    /* from [fy, fx], and from [H/2, W/2], to the nine entries */
    static const float focal_at[2 * 9] = {[4] = 1, [9 + 0] = 1}, middle_at[2 * 9] = {[5] = 1, [9 + 2] = 1};
    static const float corner[9] = {[8] = 1};
    qn_value *half = qn_build_by_float(b, QN_OP_Mul, NULL, qn_layer_cast(b, NULL, scene->size, QN_F32), 0.5f); /* [2] */
    qn_value *fov = qn_build_by_float(b, QN_OP_Mul, NULL, qn_layer_slice(b, NULL, pose, 2, 7, 9), 0.5f);
    qn_value *tan = qn_build_by_float(b, QN_OP_Max, NULL, qn_build_unary(b, QN_OP_Tan, NULL, fov), 1e-6f);
    qn_value *focal = op(b, QN_OP_Div, half, tan);                                                    /* [B, N, 2] */
    focal = op(b, QN_OP_MatMul, focal, constant(b, focal_at, 2, 9));                                  /* [B, N, 9] */
    qn_value *middle = op(b, QN_OP_MatMul, half, constant(b, middle_at, 2, 9));                      /* [9] */
    qn_value *k = op(b, QN_OP_Add, focal, op(b, QN_OP_Add, middle, qn_build_floats(b, corner, 9)));
    return qn_layer_reshape(b, "intrinsics", k, QN_DIMS(0, 0, 3, 3));
}

void qn_da3_cameras(qn_builder *b, const qn_da3 *m, const qn_da3_scene *scene, qn_value *camera) {
    qn_value *pose = make_pose(b, m, scene, camera);
    qn_build_output(b, "pose_enc", pose);
    b->in_float32 = true;
    qn_value *extrinsics = make_extrinsics(b, pose), *intrinsics = make_intrinsics(b, scene, pose);
    b->in_float32 = false;
    qn_build_output(b, "extrinsics", extrinsics);
    qn_build_output(b, "intrinsics", intrinsics);
}
