#include "kernels/gemm/fake_quant_impl.h"
