/* A Depth Anything 3 of a few thousand seeded numbers, of any number of views or monocular, written as a checkpoint. */
#ifndef QN_TESTS_ARCH_TINY_DA3_H
#define QN_TESTS_ARCH_TINY_DA3_H

#include <stdbool.h>

/** config.json: width 16, 2 heads, 6 layers, start at 2, a table of 4 x 4 positions; and 4 plain layers. */
extern const char tiny_da3_config[], tiny_da3_mono_config[];

/** How the tensors differ from those that belong to the configuration; NULL: not. */
typedef struct tiny_da3_change {
    const char *drop;   /**< the tensor of this name is not there */
    const char *turn;   /**< its dimensions are in reverse */
    const char *add;    /**< one more, [1] */
} tiny_da3_change;

/** Write a fresh folder NAME of this run with these tensors and `config` (NULL: as above) as config.json; its path, until the
 *  next call. `change` may be NULL. The test fails where this cannot be done. */
const char *tiny_da3_write(const char *name, bool mono, const char *config, const tiny_da3_change *change);

#endif
