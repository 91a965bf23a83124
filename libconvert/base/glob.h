/* Patterns over names, as quern.h promises them: '*' is any text, '?' any one byte, all else is itself (names of nodes hold
 * brackets and backslashes). */
#ifndef QN_BASE_GLOB_H
#define QN_BASE_GLOB_H

#include <stdbool.h>

/** True when the whole of `text` fits `pattern`. A NULL text fits nothing. Time is at most their lengths' product. */
bool qn_glob_match(const char *pattern, const char *text);

#endif
