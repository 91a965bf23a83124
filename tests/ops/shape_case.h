/* A graph of a few lines, and what inference says about its outputs. */
#ifndef QN_TESTS_OPS_SHAPE_CASE_H
#define QN_TESTS_OPS_SHAPE_CASE_H

#include "tests/test.h"

/** Infer the graph `before` + `node` + "output %y" and compare the type of %y, followed by " = {content}" where one is
 *  known, to `want`. `node` may be several lines; a line "output %z" in it adds "; " and the type of %z before that of
 *  %y. Inference runs twice: it must not change its mind. */
void qn_expect_shape(const char *file, int line, const char *before, const char *node, const char *want);
/** Inference fails with `status` and a message that contains `want`. */
void qn_expect_refusal(const char *file, int line, int status, const char *before, const char *node, const char *want);

#define SHAPE(BEFORE, NODE, WANT) qn_expect_shape(__FILE__, __LINE__, BEFORE, NODE, WANT)
#define MALFORMED(BEFORE, NODE, WANT) qn_expect_refusal(__FILE__, __LINE__, QN_MALFORMED, BEFORE, NODE, WANT)
#define UNSUPPORTED(BEFORE, NODE, WANT) qn_expect_refusal(__FILE__, __LINE__, QN_UNSUPPORTED, BEFORE, NODE, WANT)

#endif
