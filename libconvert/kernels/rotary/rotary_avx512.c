#include "kernels/rotary/rotary_impl.h"
