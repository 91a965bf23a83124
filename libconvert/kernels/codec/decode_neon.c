#include "kernels/codec/decode_impl.h"
