#include "quant/nearest_impl.h"
