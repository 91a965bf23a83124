#define CONV_TILES(X) X(1, 8) X(2, 4) X(3, 3) X(4, 2) X(5, 2) X(6, 2)
#define CONV_MAX_ROWS 6
#include "kernels/conv/conv_isa_impl.h"
