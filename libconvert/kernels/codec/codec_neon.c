#include "kernels/codec/codec_impl.h"
