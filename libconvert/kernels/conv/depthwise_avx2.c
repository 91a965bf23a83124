#include "kernels/conv/depthwise_impl.h"
