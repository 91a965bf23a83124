/* How a test is written: QN_TEST(name) { ... } in tests/<folder>/test_<file>.c, with cmocka's assertions.
 * Tests register themselves; tests/main.c runs them all, or those whose name matches the pattern it is given. */
#ifndef QN_TESTS_TEST_H
#define QN_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

void qn_test_register(const char *name, CMUnitTestFunction fn);

#define QN_TEST(NAME)                                                                       \
    static void test_##NAME(void **state);                                                  \
    __attribute__((constructor)) static void register_##NAME(void) { qn_test_register(#NAME, test_##NAME); } \
    static void test_##NAME(void **state __attribute__((unused)))

/** The call succeeds on context `ctx`; its message is shown otherwise. */
#define ASSERT_OK(ctx, call)                                                                \
    do {                                                                                    \
        qn_status qn_test_status_ = (call);                                                 \
        if (qn_test_status_ != QN_OK)                                                       \
            fail_msg("%s: status %d: %s", #call, (int)qn_test_status_, qn_context_message(ctx)); \
    } while (0)

/** The call fails with `status` and a message that contains `text`. */
#define ASSERT_FAILS(ctx, status, text, call)                                               \
    do {                                                                                    \
        qn_status qn_test_status_ = (call);                                                 \
        if (qn_test_status_ != (status))                                                    \
            fail_msg("%s: status %d, wanted %d: %s", #call, (int)qn_test_status_, (int)(status), qn_context_message(ctx)); \
        if (!strstr(qn_context_message(ctx), (text)))                                       \
            fail_msg("%s: message '%s' lacks '%s'", #call, qn_context_message(ctx), (text)); \
    } while (0)

/** A context with the pool and instruction sets of this run (never NULL); destroy it. */
qn_context *qn_test_context(void);
/** The folder ../shared beside the checkout, or $QUERN_SHARED; NULL when there is none (the test then calls
 *  qn_test_skip_shared() and returns). */
const char *qn_test_shared(void);
void qn_test_skip_shared(void);
/** A fresh folder for this run's files under the build folder, removed when the run ends. */
const char *qn_test_tmp(void);

#endif
