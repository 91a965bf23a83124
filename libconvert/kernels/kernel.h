/* Kernels: what each op computes.
 *
 * qn_ref_NAME (kernels/ref/) is the meaning of an op: plain loops, total. Reference kernels see float32 or float64
 * where an op is about floats (float16 and bfloat16 operands are widened before and rounded after by qn_kernel_run),
 * the full set of integer dtypes where ONNX has them, and any dtype where they only move elements.
 * The fast families beside it are rows of kernels.def: {op, name, predicate, function}; the first row that accepts a
 * node wins, the reference kernel is the last row of every op.
 */
#ifndef QN_KERNELS_KERNEL_H
#define QN_KERNELS_KERNEL_H

#include "base/context.h"
#include "ops/op.h"

typedef struct qn_kernel_args {
    qn_context *ctx;
    const qn_node *node;
    int32_t n_in, n_out;
    const qn_tensor *in;             /**< [n_in]; dtype QN_NONE: absent. data NULL: encoded, see in_const */
    const qn_const *const *in_const; /**< [n_in]; the constant behind input i when it is encoded, else NULL */
    qn_tensor *out;                  /**< [n_out]; shaped and placed; dtype QN_NONE: not wanted. Never overlaps an
                                          input, unless the kernel's row says in_place */
    qn_arena *scratch;               /**< zeroed memory, given back after the call */
} qn_kernel_args;

typedef qn_status (*qn_kernel_fn)(const qn_kernel_args *);

#define QN_KERNEL_ENCODED 1u  /**< reads encoded constants itself (qn_const_decode) */
#define QN_KERNEL_HALF 2u     /**< reads and writes float16 and bfloat16 itself */
#define QN_KERNEL_IN_PLACE 4u /**< output 0 may be the buffer of input 0 when shapes and dtypes agree */
#define QN_KERNEL_IN_PLACE_ANY 12u /**< or of any other input, likewise */

typedef struct qn_kernel {
    qn_op op;
    const char *name;            /**< "ref", "gemm.avx512", ... */
    unsigned flags;
    /** True when it takes this node; in/out carry dtypes and concrete shapes (data not looked at). NULL: always. */
    bool (*accepts)(const qn_kernel_args *args);
    qn_kernel_fn run;
} qn_kernel;

/** The kernel for a node whose shapes are concrete. Never NULL for an op of ops.def, except If. `reference`: only
 *  the reference kernel. */
const qn_kernel *qn_kernel_choose(const qn_kernel_args *args, bool reference);
/** Run it: widens and rounds half floats, expands encoded constants, as the kernel's flags ask. */
QN_MUST_USE qn_status qn_kernel_run(const qn_kernel *kernel, const qn_kernel_args *args);

/** Fail with the node's label before the message. */
QN_MUST_USE QN_PRINTF(3, 4) qn_status qn_kernel_fail(const qn_kernel_args *args, qn_status status, const char *fmt, ...);

/** Fast kernels, one a row of kernels.def. */
#define QN_KERNEL(OP, NAME, ISA, FLAGS, ACCEPTS, RUN) \
    bool ACCEPTS(const qn_kernel_args *);             \
    qn_status RUN(const qn_kernel_args *);
#include "kernels/kernels.def"
#undef QN_KERNEL

/** Reference kernels, one a row. */
#define QN_OP(NAME, ...) qn_status qn_ref_##NAME(const qn_kernel_args *args);
#include "ops.def"
#undef QN_OP

#endif
