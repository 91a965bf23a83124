/* Running one node in a test: the node is written as text, its outputs are shaped by its shape function.
 *
 *     node_test t = node_begin();
 *     qn_tensor x = pattern(&t, 1, DIMS(1, 3, 8, 8)), w = pattern(&t, 2, DIMS(4, 3, 3, 3));
 *     const qn_tensor *y = run_ref(&t, "Conv {pads=[1,1,1,1]}", 1, IN(x, w));
 *     expect(&y[0], 1e-6, F32(1, 2, 3), DIMS(1, 3));
 *     node_end(&t);
 */
#ifndef QN_TESTS_KERNELS_RUN_NODE_H
#define QN_TESTS_KERNELS_RUN_NODE_H

#include "base/arena.h"
#include "kernels/kernel.h"
#include "tests/test.h"

typedef struct node_test {
    qn_context *ctx;
    qn_arena *arena;           /* of tensors and graphs: until node_end */
    const qn_kernel *kernel;   /* that ran last */
    const qn_const *const *consts; /* of the inputs, where they are encoded (their tensors have no data); or NULL */
    size_t scratch_bytes;      /* that the last run took from its arena */
} node_test;

node_test node_begin(void);
/* With QUERN_ISA as given, e.g. "avx2" or "scalar". */
node_test node_begin_isa(const char *isa);
void node_end(node_test *t);

/* ---- tensors: tensor(F32(1, 2, 3, 4), DIMS(2, 2)) -------------------------------------------- */

#define VALUES(DTYPE, T, ...) DTYPE, (int64_t)(sizeof((T[]){__VA_ARGS__}) / sizeof(T)), (T[]){__VA_ARGS__}
#define F32(...) VALUES(QN_F32, float, __VA_ARGS__)
#define F64(...) VALUES(QN_F64, double, __VA_ARGS__)
#define I32(...) VALUES(QN_I32, int32_t, __VA_ARGS__)
#define I64(...) VALUES(QN_I64, int64_t, __VA_ARGS__)
#define U8(...) VALUES(QN_U8, uint8_t, __VA_ARGS__)
#define I8(...) VALUES(QN_I8, int8_t, __VA_ARGS__)
#define U32(...) VALUES(QN_U32, uint32_t, __VA_ARGS__)
#define DIMS(...) (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__}
#define SCALAR 0, (int64_t[]){0}
#define ABSENT ((qn_tensor){.dtype = QN_NONE, .rank = -1})
#define IN(...) (qn_tensor[]){__VA_ARGS__}, (int32_t)(sizeof((qn_tensor[]){__VA_ARGS__}) / sizeof(qn_tensor))

/* The values (as many as the dims say) as a tensor; borrowed. */
qn_tensor tensor(qn_dtype dtype, int64_t n, void *values, int32_t rank, const int64_t *dims);
/* A tensor without elements: some dimension is 0. */
qn_tensor empty(qn_dtype dtype, int32_t rank, const int64_t *dims);
/* float32 element i = ((37 i + 101 seed + i^2 mod 53) mod 61 - 30) / 16, which Python says in one line too. */
qn_tensor pattern(node_test *t, int64_t seed, int32_t rank, const int64_t *dims);
/* The same numbers as another float dtype. */
qn_tensor pattern_as(node_test *t, qn_dtype dtype, int64_t seed, int32_t rank, const int64_t *dims);
/* x with every element multiplied, in place. */
qn_tensor scaled(qn_tensor x, double factor);
/* float32 numbers from a normal distribution. */
qn_tensor normal(node_test *t, uint64_t seed, int32_t rank, const int64_t *dims);

/* ---- running ------------------------------------------------------------------------------------ */

/* `node`: "OP" or "OP {attributes}" as in ir/text.h. An ABSENT input is left out. Returns the outputs [n_out]; the test
 * fails when the node does. Buffers of the outputs start as 0xA5 bytes. */
const qn_tensor *run_ref(node_test *t, const char *node, int32_t n_out, qn_tensor *in, int32_t n_in);
/* The same with the kernel that a session would choose; it is in t->kernel. */
const qn_tensor *run_best(node_test *t, const char *node, int32_t n_out, qn_tensor *in, int32_t n_in);
/* The same as a status; outputs in out[n_out]. */
qn_status try_node(node_test *t, bool reference, const char *node, qn_tensor *out, int32_t n_out, qn_tensor *in,
                   int32_t n_in);

/* What a reference kernel may be off from an independent computation in float64: one rounding to float32 (6e-8 of the
 * value), nine printed digits, and the sums of a few dozen terms of magnitude 1 that came before. */
#define REF_TOL 1e-6

/* ---- judging ------------------------------------------------------------------------------------ */

/* dtype, shape, and every element within tol * max(1, |wanted|) (integers: equal). NaN equals NaN. */
void expect(const qn_tensor *got, double tol, qn_dtype dtype, int64_t n, void *wanted, int32_t rank,
            const int64_t *dims);
/* The same against another tensor. */
void expect_tensor(const qn_tensor *got, double tol, const qn_tensor *wanted);
/* Only the shape. */
void expect_dims(const qn_tensor *got, int32_t rank, const int64_t *dims);
/* Element i as a number. */
double element(const qn_tensor *t, int64_t i);

#endif
