/* Which scheme each weight gets: one for all, and rules by name and op, of which the most specific wins. */
#ifndef QN_PASSES_WEIGHT_RULES_H
#define QN_PASSES_WEIGHT_RULES_H

#include "passes/pass.h"
#include "quant/quant.h"

/** A rule with its scheme parsed. */
typedef struct qn_weight_choice {
    const char *pattern;  /**< NULL: the scheme of all weights */
    const char *text;     /**< of the scheme, as given */
    qn_scheme scheme;
    bool exact;           /**< the pattern is the name of the tensor that was asked for */
    bool used;            /**< some weight was given it, or would have been but for a reason */
} qn_weight_choice;

typedef struct qn_weight_rules {
    qn_weight_choice all; /**< text NULL: weights that no rule names stay as they are */
    qn_weight_choice *rows;
    int32_t n;
} qn_weight_rules;

/** The rules of the options, in `arena`. QN_USAGE: a scheme that is none, or an empty pattern. */
QN_MUST_USE qn_status qn_weight_rules_parse(qn_context *ctx, qn_arena *arena, const qn_pass_options *options, qn_weight_rules *out);
/** Do the options ask for any scheme? */
static inline bool qn_weight_rules_any(const qn_pass_options *options) {
    return options->weights != NULL || options->n_weight_rules > 0;
}

/** The choice for a constant value: of the rules whose pattern (*, ?) matches, in this order,
 *    1. one without * and ? that is the tensor's name, in the graph or the source, or that of a matrix that it was made from,
 *    2. one that matches a name of the tensor or of a node that reads it (its name, those of its source): of several the one with
 *       more characters that are not * or ?,
 *    3. one that is the name of the op of a node that reads it, "Conv" or "op:Conv";
 *  of equals the last given. Else the scheme of all; NULL: none. */
qn_weight_choice *qn_weight_rules_find(qn_weight_rules *rules, const qn_value *v);

#endif
