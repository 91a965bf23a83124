#define CONV_TILES(X)                                                                                                  \
    X(1, 8) X(2, 8) X(3, 6) X(4, 6) X(5, 4) X(6, 4) X(7, 3) X(8, 3) X(9, 3) X(10, 2) X(11, 2) X(12, 2) X(13, 2) X(14, 2)
#define CONV_MAX_ROWS 14
#include "kernels/conv/conv_isa_impl.h"
