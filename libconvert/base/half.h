/* float16 and bfloat16: IEEE 754 binary16 and the upper half of binary32. Round to nearest, ties to even. */
#ifndef QN_BASE_HALF_H
#define QN_BASE_HALF_H

#include <stddef.h>
#include <stdint.h>

/** Largest finite float16. */
#define QN_F16_MAX 65504.0f

/** binary16 bits of x: overflow gives infinity, NaN stays NaN (quiet), subnormals are kept. */
uint16_t qn_f32_to_f16(float x);
float qn_f16_to_f32(uint16_t h);
uint16_t qn_f32_to_bf16(float x);
static inline float qn_bf16_to_f32(uint16_t h) {
    union {
        uint32_t u;
        float f;
    } v = {(uint32_t)h << 16};
    return v.f;
}

/** n elements at once; vectorised where the machine can, the same bits everywhere. May not overlap. */
void qn_f32_to_f16_n(const float *src, uint16_t *dst, size_t n);
void qn_f16_to_f32_n(const uint16_t *src, float *dst, size_t n);
void qn_f32_to_bf16_n(const float *src, uint16_t *dst, size_t n);
void qn_bf16_to_f32_n(const uint16_t *src, float *dst, size_t n);

#endif
