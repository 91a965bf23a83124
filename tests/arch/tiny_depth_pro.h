/* A Depth Pro of a few thousand seeded numbers, as a folder: images of 256 pixels a side, 35 patches of 64, 4 x 4 tokens a
 * patch. Its finest level and its hooks are stitched to 12 cells a side and resized to 16; the other maps fit. */
#ifndef QN_TESTS_ARCH_TINY_DEPTH_PRO_H
#define QN_TESTS_ARCH_TINY_DEPTH_PRO_H

#include <stdint.h>

enum { TINY_DEPTH_PRO_SIZE = 256 };

/** What is other than usual in the tensors; NULL: nothing. */
typedef struct tiny_depth_pro_change {
    const char *without;   /* a pattern of names that are left out */
    const char *zero;      /* a pattern of names whose elements are 0 */
    const char *longer;    /* a name whose first dimension is one longer */
    const char *surplus;   /* a name of [2] more */
} tiny_depth_pro_change;

/** Write NAME/model.safetensors and NAME/config.json into the tests' folder; `config` NULL: the usual one. The test fails
 *  where that fails. The path of the folder is in path[256]. */
void tiny_depth_pro_write(const char *name, const char *config, tiny_depth_pro_change change, char *path);

/** The usual config.json with `key` of `section` ("fov_model_config", or NULL: the top) set to the JSON text `value` (NULL:
 *  taken out). free() it. */
char *tiny_depth_pro_config(const char *section, const char *key, const char *value);

#endif
