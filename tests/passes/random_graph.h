/* Random graphs as text, for tests that hold for every graph. */
#ifndef QN_TESTS_PASSES_RANDOM_GRAPH_H
#define QN_TESTS_PASSES_RANDOM_GRAPH_H

#include "base/buf.h"

/** Append the text of a graph of at most `n_nodes` small nodes (movement, element-wise ops, reductions, products,
 *  convolutions) with two outputs, the same for the same seed. Some dimensions are symbols; the sizes that
 *  qn_test_random_inputs gives them are those that the graph was made for. */
void qn_test_random_graph(qn_buf *out, uint64_t seed, int n_nodes);

#endif
