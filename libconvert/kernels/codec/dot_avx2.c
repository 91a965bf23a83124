#include "kernels/codec/dot_impl.h"
