#include "quant/affine_impl.h"
