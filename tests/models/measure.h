/* Real models in five precisions against their goldens: what to convert, what to run, the bounds, and the table. */
#ifndef QN_TESTS_MODELS_MEASURE_H
#define QN_TESTS_MODELS_MEASURE_H

#include "quern.h"

/** How a package is made and how far its outputs may be from the golden ones. */
typedef struct measure_variant {
    const char *name;
    qn_dtype precision;
    const char *weights, *activations;
    double min_cosine;
    double max_rel;     /**< largest difference over the output's largest magnitude; 0: not judged */
} measure_variant;

enum { MEASURE_VARIANTS = 5, MEASURE_PORTS = 32 };
extern const measure_variant measure_variants[MEASURE_VARIANTS];

/** The worst over the outputs of all runs of one package. */
typedef struct measure_worst {
    double cosine, max_rel, sqnr_db;
    int64_t n_outputs;   /**< compared */
    int64_t n_nan;       /**< outputs with a NaN or infinity that the golden has not */
    char where[96];      /**< output and golden of the lowest cosine */
} measure_worst;

/** A package, loaded and ready to run. */
typedef struct measure_package {
    qn_model *model;
    qn_runner *runner;
    uint64_t bytes;
} measure_package;

/** Convert `source` and open the package, written into the folder of this run. */
QN_MUST_USE qn_status measure_convert(qn_context *ctx, const char *source, const measure_variant *variant, measure_package *out);
/** A source model as it is, ready to run. */
QN_MUST_USE qn_status measure_open(qn_context *ctx, const char *source, measure_package *out);
void measure_close(measure_package *package);

/** Compare one output. `mask` [dims 0 and 1 of r] or NULL: positions that are 0 do not count. `where` for the table. */
QN_MUST_USE qn_status measure_output(qn_context *ctx, const qn_tensor *r, const qn_tensor *v, const qn_tensor *mask,
                                     const char *output, const char *where, measure_worst *worst);

/** Fresh counters. */
measure_worst measure_begin(void);
/** Print the row of a package when QUERN_TEST_VERBOSE is set; true when it is within the bounds of its variant, else
 *  the row is printed in any case. */
bool measure_end(const char *model, const measure_variant *variant, const measure_package *package, const measure_worst *worst);

/** The tensor `name` of a golden as a port of a model is called: "in.NAME", "out.NAME" or what the goldens of an
 *  encoder-decoder call it. NULL when there is none. */
const qn_tensor *measure_find(const qn_arrays *golden, const char *prefix, const char *name);

/** "PATH/golden2.npz" into buf; false when there is no such file. */
bool measure_golden_path(char *buf, size_t n, const char *folder, int index);

#endif
