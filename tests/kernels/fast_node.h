/* Fast kernels against the reference: one call runs a node on every instruction set of the machine and with 1, 2 and 3
 * threads, checks that a fast kernel took it, that it agrees with the reference kernel, and that the thread count does
 * not change a bit. */
#ifndef QN_TESTS_KERNELS_FAST_NODE_H
#define QN_TESTS_KERNELS_FAST_NODE_H

#include "tests/kernels/run_node.h"

/** Elements agree within tol * max(1, |wanted|). */
void check_fast(const char *node, double tol, int32_t n_out, qn_tensor *in, int32_t n_in);

/** pattern() numbers are sixteenths below 2, so products are multiples of 2^-8 and sums of fewer than 2^14 of them are
 *  exact in float32 in any order: kernels that only multiply and add agree to the bit. */
#define EXACT 0.0

#endif
