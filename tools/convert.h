/* What the files of the convert command share. */
#ifndef QN_TOOLS_CONVERT_H
#define QN_TOOLS_CONVERT_H

#include "base/buf.h"
#include "tools/compare.h"

/* A conversion as recipe and command line say it together; what the command line gives wins. */
typedef struct convert_plan {
    qn_convert_options options;
    const char **dims; /* "NAME=RANGE" */
    int n_dims;
    compare_bounds bounds;   /* of --validate */
    /* what the above points into */
    qn_recipe *recipe;
    const char **keep_fp32, **keep_why;
    qn_weight_rule *rules;    /* of recipe and command line */
    char **patterns;          /* [n_patterns], each may be NULL: those of the command line */
    int n_patterns;
    qn_buf line;             /* the options that say all of it, kept in the package */
} convert_plan;

/* Read the options and the recipe that they name. Says what is wrong on stderr. End it with convert_plan_free. */
qn_status convert_plan_make(qn_context *ctx, const cli_args *args, convert_plan *plan);
void convert_plan_free(convert_plan *plan);

/* Run source and package on the same seeded inputs, print what they are apart (or put it into `report`, when there is
 * one, as "validation"); QN_BOUND when a bound of the plan is broken. */
qn_status convert_validate(qn_context *ctx, const cli_args *args, const convert_plan *plan, json_t *report);

/* The nodes that stay in fp32 and why; one reason of many nodes takes one entry unless `all` is set. */
void convert_kept_print(const qn_convert_report *report, bool all);
/* The same as rows {node, op, reason, max_abs}; the caller owns the array. */
json_t *convert_kept_json(const qn_convert_report *report);

#endif
