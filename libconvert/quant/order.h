/* Bits of floats that order, unsigned, as the floats do; -0 just before 0, NaNs at the ends. */
#ifndef QN_QUANT_ORDER_H
#define QN_QUANT_ORDER_H

#include <stdint.h>
#include <string.h>

/** All bits of a negative one turned, the sign of others. */
static inline uint32_t qn_order_key(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u ^ ((u >> 31) ? 0xffffffffu : 0x80000000u);
}

static inline float qn_order_float(uint32_t key) {
    const uint32_t u = key ^ ((key >> 31) ? 0x80000000u : 0xffffffffu);
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

#endif
