#include "quant/affine_rows_impl.h"
