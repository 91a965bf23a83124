/* The vector forms of base/half.h, one set an instruction set. Each handles any n. */
#ifndef QN_BASE_HALF_IMPL_H
#define QN_BASE_HALF_IMPL_H

#include "base/half.h"

typedef struct qn_half_ops {
    void (*to_f16)(const float *src, uint16_t *dst, size_t n);
    void (*from_f16)(const uint16_t *src, float *dst, size_t n);
    void (*to_bf16)(const float *src, uint16_t *dst, size_t n);
    void (*from_bf16)(const uint16_t *src, float *dst, size_t n);
} qn_half_ops;

extern const qn_half_ops qn_half_ops_avx2;
extern const qn_half_ops qn_half_ops_avx512;
extern const qn_half_ops qn_half_ops_neon;

#endif
