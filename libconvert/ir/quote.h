/* Quoted text: "..." with \" \\ \n \r \t \xHH; every other byte stands for itself. */
#ifndef QN_IR_QUOTE_H
#define QN_IR_QUOTE_H

#include "base/buf.h"

/** Append n bytes of `text`, quoted. */
void qn_quote(qn_buf *out, const char *text, size_t n);
/** *at is at the opening quote; append what is meant and move *at behind the closing quote. False when the text, which
 *  ends at its 0, is not well-formed. `out` may be NULL. */
bool qn_unquote(const char **at, qn_buf *out);

#endif
