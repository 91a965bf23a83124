/* rows * vectors sums, a vector of positions for each vector and an element of a for each row: at most 32. */
#define CONV_TILES(X) X(1, 8) X(2, 8) X(3, 6) X(4, 5) X(5, 4) X(6, 3) X(7, 3) X(8, 2) X(9, 2) X(10, 2)
#define CONV_MAX_ROWS 10
#include "kernels/conv/conv_isa_impl.h"
