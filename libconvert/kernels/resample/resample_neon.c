#include "kernels/resample/resample_impl.h"
