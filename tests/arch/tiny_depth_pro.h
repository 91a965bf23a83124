/* A Depth Pro of a few thousand seeded numbers, as a folder: images of 256 pixels a side, 35 patches of 64, 4 x 4 tokens a
 * patch. Its finest level and its hooks are stitched to 12 cells a side and resized to 16; the other maps fit. */
#ifndef QN_TESTS_ARCH_TINY_DEPTH_PRO_H
#define QN_TESTS_ARCH_TINY_DEPTH_PRO_H

#include "tests/arch/checkpoint_build.h"

enum { TINY_DEPTH_PRO_SIZE = 256 };

/** The usual config.json. */
extern const char tiny_depth_pro_config[];

/** Write the folder NAME of this run, with `config` (NULL: the usual one) as config.json; its path is in path[256].
 *  `change` may be NULL. */
void tiny_depth_pro_write(const char *name, const char *config, const ckpt_change *change, char *path);

#endif
