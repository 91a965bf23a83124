/* The blocks of a pass's comment (passes/pass.h says how they are written) as graphs in text. */
#ifndef QN_TESTS_PASSES_COMMENT_H
#define QN_TESTS_PASSES_COMMENT_H

#include "base/arena.h"
#include "base/table.h"

typedef enum qn_block_kind { QN_BLOCK_BEFORE, QN_BLOCK_AFTER, QN_BLOCK_UNCHANGED } qn_block_kind;

typedef struct qn_block {
    qn_block_kind kind;
    const char *label;        /**< what stands in brackets: options or reason; "" */
    const char *text;         /**< complete: what it inherits is in it */
    const qn_table *any;      /**< AFTER: names that stand for any constant */
    int32_t before;           /**< index of the Before block that it belongs to */
    int32_t line;             /**< in the file, 1-based */
} qn_block;

/** The blocks of the first comment of `source`; the comment must begin with "NAME: ". NULL when all is well, else what
 *  is wrong, in the arena. */
const char *qn_comment_blocks(qn_arena *arena, const char *source, const char *name, const qn_block **blocks,
                              int32_t *n_blocks);

/** The whole file, 0-terminated, in the arena; NULL when it cannot be read. */
char *qn_comment_file(qn_arena *arena, const char *path);

#endif
