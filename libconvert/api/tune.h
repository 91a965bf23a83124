/* A search for the schemes of a model's weights: what its files share. */
#ifndef QN_API_TUNE_H
#define QN_API_TUNE_H

#include "api/calibrate.h"
#include "api/model.h"
#include "api/tune_quality.h"
#include "passes/weights.h"
#include "quant/assign.h"

/** A scheme to choose from. */
typedef struct qn_tune_scheme {
    const char *text;
    qn_scheme scheme;     /**< QN_ENC_DENSE: left as it is */
} qn_tune_scheme;

/** A weight to choose for. */
typedef struct qn_tune_weight {
    qn_value *value;
    qn_const *dense;      /**< as the passes left it */
    qn_weight weight;
} qn_tune_weight;

typedef enum qn_tune_metric { QN_TUNE_KL, QN_TUNE_COSINE, QN_TUNE_NOISE } qn_tune_metric;

typedef struct qn_tuner {
    qn_context *ctx;
    qn_model *model;
    const qn_tune_options *options;
    qn_pass_options passes;
    qn_judge *judge;
    qn_tune_metric metric;
    qn_tune_scheme *schemes;   /**< [n_schemes]; the first leaves weights as they are */
    int32_t n_schemes;
    qn_tune_weight *weights;   /**< [n_weights] */
    int32_t n_weights;
    qn_choice *cells;          /**< [n_weights][n_schemes] */
    double other_bytes;        /**< of what is stored beside the weights */
    struct qn_tune_state *state; /**< or NULL */
    int32_t measured, resumed;
} qn_tuner;

/** What a weight would be under a scheme, filled in, its parts in `arena`; *out NULL: it cannot be. */
QN_MUST_USE qn_status qn_tune_encode(qn_tuner *t, qn_arena *arena, const qn_tune_weight *w, const qn_tune_scheme *scheme, qn_const **out);
/** The number that bounds are on, by the metric. */
double qn_tune_cost(const qn_tuner *t, const qn_quality *q);
/** Fill in cells: each weight alone under each scheme. A cell that cannot be costs INFINITY. */
QN_MUST_USE qn_status qn_tune_measure(qn_tuner *t);

/** Results kept in a file: api/tune_state.c. `key` says of what; a file of something else is QN_USAGE. */
QN_MUST_USE qn_status qn_tune_state_open(qn_context *ctx, const char *path, const char *key, struct qn_tune_state **out);
void qn_tune_state_destroy(struct qn_tune_state *state);
bool qn_tune_state_get(const struct qn_tune_state *state, const char *tensor, const char *scheme, qn_choice *out);
/** Kept in memory until saved; the file appears whole. */
QN_MUST_USE qn_status qn_tune_state_put(qn_context *ctx, struct qn_tune_state *state, const char *tensor, const char *scheme, qn_choice cell);
QN_MUST_USE qn_status qn_tune_state_save(qn_context *ctx, struct qn_tune_state *state);

#endif
