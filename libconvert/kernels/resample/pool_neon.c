#include "kernels/resample/pool_impl.h"
