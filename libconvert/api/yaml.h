/* The small part of YAML that recipes are written in, event by event: one document, no anchors, aliases or tags. Plain scalars
 * are what YAML 1.2's core schema says, so that a number is no text and `no` is. What is refused is refused with its place. */
#ifndef QN_API_YAML_H
#define QN_API_YAML_H

#include <yaml.h>

#include "base/arena.h"

typedef struct qn_yaml {
    qn_context *ctx;
    const char *path, *data; /**< the file's name, for messages; its bytes, borrowed */
    qn_arena *arena;         /**< of texts handed out */
    yaml_parser_t parser;
    yaml_event_t event;      /**< the newest; owned */
} qn_yaml;

/** Begin to read `n_bytes` at y->data; ctx, path, data and arena are set. Ended by qn_yaml_end, also after a failure of what
 *  follows. */
QN_MUST_USE qn_status qn_yaml_begin(qn_yaml *y, size_t n_bytes);
void qn_yaml_end(qn_yaml *y);

/** The next event into y->event. QN_MALFORMED: no YAML, or what of YAML no recipe has. */
QN_MUST_USE qn_status qn_yaml_next(qn_yaml *y);
/** QN_MALFORMED at the newest event: "FILE:LINE:COLUMN: ...", counted from 1. */
QN_MUST_USE QN_PRINTF(2, 3) qn_status qn_yaml_refuse(qn_yaml *y, const char *fmt, ...);
/** A failure that the library already explained gets its place; a wrong argument is here a malformed file. */
QN_MUST_USE qn_status qn_yaml_locate(qn_yaml *y, qn_status status);
/** QN_MALFORMED: "'KEY' takes TAKES, not ..." about the newest event. */
QN_MUST_USE qn_status qn_yaml_wrong_kind(qn_yaml *y, const char *key, const char *takes);

/** The newest event, a scalar, as it is written; good until the next event. */
const char *qn_yaml_scalar(const qn_yaml *y);
/** How many of its bytes a message shows: few, cut between characters. */
int qn_yaml_shown(const qn_yaml *y);
/** The newest event as text that is not empty, in the arena. `numbers`: whole ones count as text. */
QN_MUST_USE qn_status qn_yaml_text(qn_yaml *y, const char *key, const char *takes, bool numbers, const char **out);
/** The newest event, a scalar, as a decimal number from min to max; `whole`: without a point or an exponent. */
QN_MUST_USE qn_status qn_yaml_number(qn_yaml *y, const char *key, const char *takes, bool whole, double min, double max,
                                     double *out);
/** The newest event, a scalar, as true or false. */
QN_MUST_USE qn_status qn_yaml_bool(qn_yaml *y, const char *key, const char *takes, bool *out);

#endif
