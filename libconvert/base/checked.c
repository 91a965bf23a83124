#include "base/checked.h"

bool qn_count_elems(const int64_t *dims, int32_t rank, int64_t *out) {
    int64_t n = 1;
    bool zero = false;
    for (int32_t i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return false;
        if (dims[i] == 0)
            zero = true;
        else if (!qn_mul_i64(n, dims[i], &n))
            return false;
    }
    *out = zero ? 0 : n;
    return true;
}
