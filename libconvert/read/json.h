/* JSON files of others: parsed whole with jansson, read key by key, refused by file and key. */
#ifndef QN_READ_JSON_H
#define QN_READ_JSON_H

#include <jansson.h>

#include "base/arena.h"

/** An object that is being read, and what messages call it. Borrowed from its document but for the outermost. */
typedef struct qn_json {
    qn_context *ctx;
    qn_arena *arena;     /**< of names */
    const char *file;    /**< "folder/config.json" */
    const char *where;   /**< "" at the top, else "backbone_config." */
    json_t *value;       /**< an object; NULL: absent */
} qn_json;

/** Parse the object in the file at `path`, of at most `limit` bytes. Duplicate keys are refused, and whatever follows the
 *  object. QN_MALFORMED says where ("config.json:3:7: ..."), QN_UNSUPPORTED more than 4,194,304 values (or commas and
 *  brackets in text), QN_SYSTEM. End it with qn_json_close. */
QN_MUST_USE qn_status qn_json_open(qn_context *ctx, qn_arena *arena, const char *path, size_t limit, qn_json *out);
/** The same from memory; `file` for messages. */
QN_MUST_USE qn_status qn_json_parse(qn_context *ctx, qn_arena *arena, const char *file, const void *data, size_t n_bytes,
                                    qn_json *out);
/** Only of what qn_json_open or qn_json_parse gave; an all-zero one is fine. */
void qn_json_close(qn_json *json);

/** QN_MALFORMED, "FILE: WHERE.KEY MESSAGE". */
QN_MUST_USE QN_PRINTF(3, 4) qn_status qn_json_fail(const qn_json *o, const char *key, const char *fmt, ...);
/** True when the key is there and not null. */
bool qn_json_has(const qn_json *o, const char *key);

/** Whether a key must be there. One that is absent or null leaves *out as it was. */
typedef enum qn_json_need { QN_JSON_MAY, QN_JSON_MUST } qn_json_need;

/** A whole number in min..max (2.0 is one). */
QN_MUST_USE qn_status qn_json_int(const qn_json *o, const char *key, qn_json_need need, int64_t min, int64_t max,
                                  int64_t *out);
/** A finite number in min..max. */
QN_MUST_USE qn_status qn_json_number(const qn_json *o, const char *key, qn_json_need need, double min, double max,
                                     double *out);
QN_MUST_USE qn_status qn_json_bool(const qn_json *o, const char *key, qn_json_need need, bool *out);
/** Text; it belongs to the document. */
QN_MUST_USE qn_status qn_json_string(const qn_json *o, const char *key, qn_json_need need, const char **out);
/** An object; absent: out->value is NULL. */
QN_MUST_USE qn_status qn_json_object(const qn_json *o, const char *key, qn_json_need need, qn_json *out);
/** Exactly n whole numbers, or finite numbers. */
QN_MUST_USE qn_status qn_json_ints(const qn_json *o, const char *key, qn_json_need need, int64_t min, int64_t max,
                                   int32_t n, int64_t *out);
QN_MUST_USE qn_status qn_json_numbers(const qn_json *o, const char *key, qn_json_need need, double min, double max,
                                      int32_t n, double *out);

#endif
