#include "base/glob.h"

#include <stddef.h>

/* A star first stands for nothing; on a mismatch the last one takes one byte more, and what follows it is tried again. A
 * star before it never needs to: the later one can take whatever it would leave. */
bool qn_glob_match(const char *pattern, const char *text) {
    const char *after_star = NULL, *retry = NULL;
    if (!text)
        return false;
    while (*text) {
        if (*pattern == '*') {
            after_star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (after_star) {
            pattern = after_star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}
