/* A Depth Anything V2 of a few thousand numbers, in Hugging Face's names and in those of the original release. */
#ifndef QN_TESTS_ARCH_TINY_DAV2_H
#define QN_TESTS_ARCH_TINY_DAV2_H

#include "tests/arch/checkpoint_build.h"

/** config.json: hidden_size 16, 2 heads, 4 layers, patches of 14, a table of 4 x 4 positions. */
extern const char tiny_dav2_config[];

/** The tensors of the configuration, the unused ones included. */
ckpt tiny_dav2(uint64_t seed);
/** The same numbers as the original release calls and stores them. */
ckpt tiny_dav2_original(const ckpt *hugging_face);

#endif
