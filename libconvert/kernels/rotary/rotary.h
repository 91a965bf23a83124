/* RotaryEmbedding on vectors. */
#ifndef QN_KERNELS_ROTARY_ROTARY_H
#define QN_KERNELS_ROTARY_ROTARY_H

#include "kernels/ref/rotary_embedding.h"

typedef struct qn_rotary_work {
    qn_rotary shape;
    qn_tensor x, cos, sin, y; /**< float32, float16 or bfloat16 each */
} qn_rotary_work;

/** qn_pool_fn over B * S tokens; all heads of each. */
void qn_rotary_scalar(void *work, int64_t begin, int64_t end, int worker);
void qn_rotary_neon(void *work, int64_t begin, int64_t end, int worker);
void qn_rotary_avx2(void *work, int64_t begin, int64_t end, int worker);
void qn_rotary_avx512(void *work, int64_t begin, int64_t end, int worker);

#endif
