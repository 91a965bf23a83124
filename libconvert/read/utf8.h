/* Text from files: UTF-8 without zero bytes. */
#ifndef QN_READ_UTF8_H
#define QN_READ_UTF8_H

#include <stddef.h>
#include <stdint.h>

/** NULL when the n bytes are UTF-8 (RFC 3629: shortest forms, no surrogates) without a zero byte; else what is wrong. */
const char *qn_utf8_check(const uint8_t *text, size_t n);

#endif
