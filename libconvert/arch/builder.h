/* A graph being built from a checkpoint: what the files of architectures are written with.
 *
 * Every call is allowed at any time: after a failure, calls do nothing and give NULL, and qn_builder_finish says what
 * went wrong. A tensor that is missing or has another shape is no failure yet: it is noted, and building goes on as if it
 * were there, so that one message can list all of them.
 *
 * The bytes of a package follow the order of calls. C leaves the order of a call's arguments to the compiler, so at most one
 * argument of a call makes nodes or constants.
 *
 * Values and nodes are called after the modules of the source, "backbone.encoder.layer.0.norm1": those are their origins.
 */
#ifndef QN_ARCH_BUILDER_H
#define QN_ARCH_BUILDER_H

#include "base/buf.h"
#include "ir/graph.h"
#include "ir/preprocess.h"
#include "read/checkpoint.h"

typedef struct qn_builder {
    qn_context *ctx;
    qn_graph *graph;
    const qn_checkpoint *source;
    qn_status status;         /**< of the first failure */
    qn_table *weights;        /**< name in the checkpoint -> qn_value of float32 */
    const char **unused;      /**< [n_unused] patterns over names that may be there and are not read */
    int32_t n_unused, cap_unused;
    bool in_float32;          /**< nodes made while it is set work in float32, and keep it, whatever a package's precision */
    qn_buf wrong;             /**< what is missing, and what has another shape or type */
    int32_t n_wrong;
    qn_preprocess photo;      /**< see qn_build_photo; height 0: there is none */
} qn_builder;

QN_MUST_USE qn_status qn_builder_start(qn_context *ctx, qn_graph *graph, const qn_checkpoint *source, qn_builder *b);
/** The graph is whole: infer and check it. QN_MALFORMED lists every tensor that is missing, misshapen or surplus;
 *  *dropped are those that were said to be unused, in the graph's arena. Ends the builder, whatever the result. */
QN_MUST_USE qn_status qn_builder_finish(qn_builder *b, const qn_convert_dropped **dropped, int32_t *n_dropped);
/** Fail as a call did; nothing when it did not. */
void qn_build_try(qn_builder *b, qn_status status);

/** A name, in the graph's arena; "" after a failure. */
QN_PRINTF(2, 3) const char *qn_build_name(qn_builder *b, const char *fmt, ...);

/* ---- ports ---------------------------------------------------------------------------------------- */

/** A dimension of that name, min..max in steps of `multiple`. */
qn_dim qn_build_symbol(qn_builder *b, const char *name, int64_t min, int64_t max, int64_t multiple);
/** A float32 input. */
qn_value *qn_build_input(qn_builder *b, const char *name, const qn_dim *dims, int32_t rank);
void qn_build_output(qn_builder *b, const char *name, qn_value *value);

/** How a photo becomes the input, when no preprocessor_config.json beside the tensors says it. */
void qn_build_photo(qn_builder *b, const qn_preprocess *photo);

/* ---- constants --------------------------------------------------------------------------------------- */

/** Dimensions and how many: QN_DIMS(2, 3) is a pointer and a count. */
#define QN_DIMS(...) (const int64_t[]){__VA_ARGS__}, (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/** The tensor of that name as float32, of exactly these dimensions; the same value each time. F16, BF16 and F64 are cast. */
qn_value *qn_build_weight(qn_builder *b, const char *name, const int64_t *dims, int32_t rank);
/** Tensors whose names fit the pattern (base/glob.h) may be there: the model has them, the graph does not need them. */
void qn_build_unused(qn_builder *b, const char *pattern);
/** int64 [n], float32 [n]; n < 0: of one number, []. */
qn_value *qn_build_ints(qn_builder *b, const int64_t *v, int64_t n);
qn_value *qn_build_floats(qn_builder *b, const float *v, int64_t n);
qn_value *qn_build_float(qn_builder *b, float v);

/* ---- nodes ------------------------------------------------------------------------------------------- */

#define QN_INT(NAME, V) {.name = (NAME), .kind = QN_ATTR_INT, .as = {.i = (V)}}
#define QN_FLOAT(NAME, V) {.name = (NAME), .kind = QN_ATTR_FLOAT, .as = {.f = (V)}}
#define QN_STRING(NAME, V) {.name = (NAME), .kind = QN_ATTR_STRING, .as = {.s = (V)}}
#define QN_INTS(NAME, N, V) {.name = (NAME), .kind = QN_ATTR_INTS, .n = (N), .as = {.ints = (V)}}

/** A node of one output, which is called `name`; inputs may be NULL where the op lets them be absent. */
qn_value *qn_build_op(qn_builder *b, qn_op op, const char *name, qn_value *const *in, int32_t n_in, const qn_attr *attrs,
                      int32_t n_attrs);
/** Of one or two inputs, without attributes; `name` NULL: made up. */
qn_value *qn_build_unary(qn_builder *b, qn_op op, const char *name, qn_value *x);
qn_value *qn_build_binary(qn_builder *b, qn_op op, const char *name, qn_value *x, qn_value *y);
/** Of x and a constant: one float32 number; int64 [n]. */
qn_value *qn_build_by_float(qn_builder *b, qn_op op, const char *name, qn_value *x, float v);
qn_value *qn_build_by_ints(qn_builder *b, qn_op op, const char *name, qn_value *x, const int64_t *v, int64_t n);

#endif
