/* quern_convert.h: conversion and compression, a part of quern.h, which includes it. */
#ifndef QUERN_CONVERT_H
#define QUERN_CONVERT_H

#include "quern.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- conversion ------------------------------------------------------------------------------ */

/** The scheme of some weights. */
typedef struct qn_weight_rule {
    const char *pattern;           /**< glob (*, ?) over names of tensors and of the nodes that read them, or the name of an op */
    const char *scheme;            /**< "none": they stay as they are */
} qn_weight_rule;

/** Does `text` begin with the name of a weight scheme, options after it or not? So that "PATTERN=SCHEME" can be told from a scheme. */
QN_API bool qn_scheme_is_name(qn_context *ctx, const char *text);

typedef struct qn_convert_options {
    qn_dtype precision;            /**< QN_F32 (or QN_NONE), QN_F16, QN_BF16 */
    const char *weights;           /**< weight scheme, e.g. "int8", "int4:block=32"; NULL: as the precision says */
    const char *activations;       /**< "int8" (or "int8:dynamic"): products with int8 weights take their input as 8 bit codes
                                        scaled while the model runs (needs weights "int8"); "int8:static:OBSERVER": scaled by
                                        what calibration inputs show to an observer: minmax, average, percentile=P, entropy
                                        or mse (docs/compression.md); NULL: inputs as the precision says */
    double equalize;               /**< before weights are encoded, channels of activations are made more equal by factors that
                                        go to the weights: max|x|^equalize / max|w|^(1 - equalize), Xiao et al. 2022, arXiv
                                        2211.10438, eq. 4. 0: no; at most 1. Needs calibration inputs */
    bool correct_bias;             /**< biases take back what codes of weights move means of outputs by: Nagel et al. 2019, arXiv
                                        1906.04721, sec. 4.2. Needs calibration inputs */
    int64_t min_compress_elems;    /**< smaller weights are left alone; 0: 1024 */
    const char *const *keep_fp32;  /**< glob patterns (*, ?) over node names, source names and ops */
    int32_t n_keep_fp32;
    const char *const *keep_why;   /**< [n_keep_fp32], each may be NULL: why the pattern is there, for the report; or NULL */
    const char *calibrate;         /**< calibration inputs, or NULL: a folder of .npz, .npy, .png and .jpg, read in the order of
                                        their names, or one such file. An .npz holds an array for each input, called NAME or
                                        in.NAME (a golden is one); an .npy or a photo is the input of a model with one. Each
                                        is run in float32. With float16, what reaches a quarter of its largest number, or stays under
                                        its smallest normal one, is kept in float32; static activations get their ranges. Decides
                                        nothing else */
    const qn_tensor *samples;      /**< calibration inputs in memory, in place of `calibrate`: inputs of the first sample,
                                        of the second ...; [n_samples * inputs of the model], or NULL */
    int32_t n_samples;
    const char *stop_after;        /**< a pass's name, or a number of rewrites; NULL: all */
    bool no_passes;                /**< store the graph as it was read */
    const char *recipe;            /**< text kept in the package as the way it was made, or NULL */
    const char *licence;           /**< of the weights, kept in the package, or NULL */
    const qn_weight_rule *weight_rules; /**< [n_weight_rules]: the most specific that matches a weight wins over `weights`: the name of a
                                        tensor, then the pattern with most characters that are not * or ?, then an op; of equals the
                                        last */
    int32_t n_weight_rules;
    bool ship;                     /**< write the package in shipping form: the same, compressed without loss */
} qn_convert_options;

/** A tensor of the source that is not in the package, because nothing in the graph reads it. */
typedef struct qn_convert_dropped {
    const char *name;
    uint64_t bytes;
} qn_convert_dropped;

/** What was done to one share of the weights' bytes. */
typedef struct qn_convert_row {
    const char *treatment;   /**< "float16", "int8:per_channel", "kept float32" ... */
    const char *reason;      /**< why, e.g. "under 1024 elements", "norm scale"; "" when it is what was asked */
    int64_t tensors;
    uint64_t source_bytes, package_bytes;
} qn_convert_row;

typedef struct qn_convert_pass {
    const char *name;
    int64_t rewrites;
    double seconds;
} qn_convert_pass;

/** A node that works and stores in float32 though a narrow dtype was asked for. */
typedef struct qn_convert_kept {
    const char *node;        /**< its name when the precision was decided; element-wise nodes are fused after that */
    const char *op;
    const char *reason;      /**< "the square has an open range", "named by keep_fp32 'head.*'" ... */
    double max_abs;          /**< largest |x| of what it reads and makes on calibration inputs; of values that do not fit
                                  float16, where there are some; NAN: not observed */
    bool calibrated;         /**< ranges on calibration inputs decided it */
} qn_convert_kept;

/** Belongs to the model it was made from. */
typedef struct qn_convert_report {
    const qn_convert_row *rows;
    int32_t n_rows;
    const qn_convert_pass *passes;
    int32_t n_passes;
    const qn_convert_dropped *dropped; /**< of a checkpoint: what the model has and never uses; such bytes are in no row */
    int32_t n_dropped;
    const char *const *warnings;   /**< e.g. a constant clamped to float16's range, by name */
    int32_t n_warnings;
    const qn_convert_kept *kept;   /**< in graph order; none for float32 */
    int32_t n_kept;
    const qn_weight_info *weights; /**< as qn_model_weights has them */
    int32_t n_weights;
    uint64_t source_bytes;         /**< of the weights in the source */
    uint64_t package_bytes;        /**< of the file, or of the package that the shipping form expands to */
    uint64_t shipped_bytes;        /**< of the file in shipping form; 0: it is in none */
    double seconds;
} qn_convert_report;

/** Rewrite `model` as the options ask (it stays usable: it is then the converted graph) and write it to `path`.
 *  The file appears whole or not at all; the same source, options and version give the same bytes (with calibration inputs:
 *  on the same instruction set, since what is observed is rounded by the runner's kernels). `options` and `report` may be
 *  NULL. QN_USAGE names a calibration input that breaks the model's contract or is missing, QN_MALFORMED an empty folder. */
QN_API QN_MUST_USE qn_status qn_model_convert(qn_context *ctx, qn_model *model, const qn_convert_options *options,
                                              const char *path, const qn_convert_report **report);

/** How far an output may be from its reference; NAN: not asked for. */
typedef struct qn_bounds {
    double min_cosine, min_sqnr; /**< least cosine; least SQNR in dB */
    double max_abs, max_rel;     /**< as in qn_comparison */
} qn_bounds;

/** A conversion as a YAML file says it; docs/recipes.md has the keys. Everything in it belongs to it. */
typedef struct qn_recipe {
    const char *description;     /**< or NULL */
    const char *source;          /**< where the model comes from, or NULL */
    qn_convert_options options;  /**< what the file does not give is zero, QN_NONE or NULL; so is `recipe` */
    const char *const *dims;     /**< "NAME=RANGE", for qn_load_options */
    int32_t n_dims;
    qn_bounds bounds;            /**< of `validate` */
} qn_recipe;

/** Read the recipe at `path`. QN_MALFORMED says where ("R.yaml:3:1: unknown key ..."), of a weight
 *  scheme that is none, too. End it with qn_recipe_destroy (NULL is fine), after the last use of its options. */
QN_API QN_MUST_USE qn_status qn_recipe_load(qn_context *ctx, const char *path, qn_recipe **out);
QN_API void qn_recipe_destroy(qn_recipe *recipe);

/** Check every byte of the package at `path` against its own records. */
QN_API QN_MUST_USE qn_status qn_package_check(qn_context *ctx, const char *path);
/** Write the package in the shipping form at `source` to `path`: the bytes that converting without `ship` gives. QN_USAGE
 *  when `source` is in no shipping form. The sizes of both may be NULL. */
QN_API QN_MUST_USE qn_status qn_package_unpack(qn_context *ctx, const char *source, const char *path,
                                               uint64_t *shipped_bytes, uint64_t *package_bytes);

/* ---- the search ------------------------------------------------------------------------------------------------ */

typedef struct qn_tune_options {
    qn_dtype precision;            /**< as of qn_convert_options; so are the next five */
    int64_t min_compress_elems;
    const char *const *keep_fp32;
    int32_t n_keep_fp32;
    const char *calibrate;         /**< required */
    const char *licence;
    const char *recipe;            /**< text kept in the package */
    const char *const *schemes;    /**< [n_schemes] weight schemes to choose from; NULL: a list from 8 bits to 2 (docs/compression.md) */
    int32_t n_schemes;
    double max_bytes;              /**< of the package; 0: not asked for. Bounds of quality may be given with it: all must hold */
    double max_kl;                 /**< mean KL divergence of `logits`, in nats; NAN: not asked for, as of the next two */
    double min_cosine;             /**< least cosine of an output, over all calibration inputs together */
    double min_sqnr;               /**< least SQNR of an output in dB, likewise */
    const char *logits;            /**< name of the output of max_kl; NULL: the first with two dimensions or more */
    const char *state;             /**< file that keeps what was measured, so that a search that is stopped goes on where it was; or NULL */
} qn_tune_options;

/** What one weight is stored as. */
typedef struct qn_tune_choice {
    const char *tensor, *scheme;   /**< scheme "none": as it is */
    double bytes;
    double cost;                   /**< measured with this weight alone so: KL, 1 - cosine, or noise over signal, by the bound */
} qn_tune_choice;

/** A size and what it costs. */
typedef struct qn_tune_point {
    const char *label;             /**< a scheme on all weights; "tuned": what was found; "": predicted, the sum of single costs */
    double bytes, cost;            /**< of the weights with schemes and all else that is stored; cost as above */
} qn_tune_point;

/** Belongs to the model. */
typedef struct qn_tune_report {
    const char *metric;            /**< "kl", "cosine" or "noise": what cost is */
    const qn_tune_choice *choices; /**< in graph order */
    int32_t n_choices;
    const qn_tune_point *points;
    int32_t n_points;
    int32_t measured, resumed;     /**< single costs measured, and taken from `state` */
    uint64_t package_bytes;
    double kl, cosine, sqnr_db;    /**< of the whole package on the calibration inputs; kl NAN without logits */
} qn_tune_report;

/** The smallest package within the bounds of quality, or the best one of at most max_bytes: each weight is measured alone under each
 *  scheme, the best choice for all is worked out from that, and the whole is measured before anything is written to `path` (NULL:
 *  nothing is). QN_BOUND: the bounds cannot be met, the message says how near it comes; nothing is written. `model` is then the tuned
 *  graph, or, after a failure, of no further use. */
QN_API QN_MUST_USE qn_status qn_model_tune(qn_context *ctx, qn_model *model, const qn_tune_options *options, const char *path,
                                           const qn_tune_report **report);

#ifdef __cplusplus
}
#endif
#endif
