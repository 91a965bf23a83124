/* What the parser of graph text reads piece by piece. */
#ifndef QN_IR_LEX_H
#define QN_IR_LEX_H

#include "ir/graph.h"

typedef struct qn_lexer {
    qn_context *ctx;
    const char *text, *at;
    qn_graph *graph;       /* the outermost: its arena and symbols */
    qn_arena *scratch;
} qn_lexer;

/* QN_MALFORMED, "line 3, column 7: ..." at where the lexer is. */
QN_MUST_USE QN_PRINTF(2, 3) qn_status qn_lex_fail(const qn_lexer *lx, const char *fmt, ...);
/* Put the position before a message that another wrote. */
QN_MUST_USE qn_status qn_lex_fail_in(const qn_lexer *lx, qn_status status);

/* Move over white space and comments. */
void qn_lex_skip(qn_lexer *lx);
/* Take the punctuation `token` when it is next. */
bool qn_lex_take(qn_lexer *lx, const char *token);
QN_MUST_USE qn_status qn_lex_expect(qn_lexer *lx, const char *token);
/* The word [A-Za-z_][A-Za-z0-9_]* that is next, its length in *n (0: none); not taken. */
const char *qn_lex_word(qn_lexer *lx, size_t *n);
/* Take the word `word` when it is next. */
bool qn_lex_take_word(qn_lexer *lx, const char *word);
/* %name or %"name"; the name is in scratch. */
QN_MUST_USE qn_status qn_lex_name(qn_lexer *lx, const char **out);
/* "text", in scratch. */
QN_MUST_USE qn_status qn_lex_string(qn_lexer *lx, const char **out);
/* A number, its characters copied to token[64]. */
QN_MUST_USE qn_status qn_lex_number(qn_lexer *lx, char token[64]);
/* The int64 in a token; false when it is none or does not fit. */
bool qn_lex_i64(const char *token, int64_t *out);
/* Sign and magnitude of the integer in a token; false when it is none or does not fit. */
bool qn_lex_int(const char *token, bool *negative, uint64_t *magnitude);
/* The real number in a token; false when it is none. */
bool qn_lex_f64(const char *token, double *out);
/* "float32[batch,3]" */
QN_MUST_USE qn_status qn_lex_type(qn_lexer *lx, qn_type *out);

/* What stands behind "=" of a constant of that type, in the arena of the graph. */
QN_MUST_USE qn_status qn_lex_const(qn_lexer *lx, const qn_type *type, const char *name, qn_const **out);
/* A tensor: type and {numbers}. */
QN_MUST_USE qn_status qn_lex_tensor(qn_lexer *lx, qn_const **out);

#endif
