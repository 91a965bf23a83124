/* A Depth Anything 3 of a few thousand seeded numbers, of any number of views or monocular, written as a checkpoint. */
#ifndef QN_TESTS_ARCH_TINY_DA3_H
#define QN_TESTS_ARCH_TINY_DA3_H

#include "tests/arch/checkpoint_build.h"

/** config.json: width 16, 2 heads, 6 layers, start at 2, a table of 4 x 4 positions; and 4 plain layers. */
extern const char tiny_da3_config[], tiny_da3_mono_config[];

/** Write the folder NAME of this run with these tensors and `config` (NULL: as above) as config.json; its path, until the
 *  next call. `change` may be NULL. */
const char *tiny_da3_write(const char *name, bool mono, const char *config, const ckpt_change *change);

#endif
