#include "kernels/conv/pack_impl.h"
