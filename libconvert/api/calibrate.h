/* Calibration inputs of a conversion: a folder of arrays, one file of them, or tensors of the caller. */
#ifndef QN_API_CALIBRATE_H
#define QN_API_CALIBRATE_H

#include "passes/pass.h"

typedef struct qn_calibration qn_calibration;

/** The samples that `options` name (options->calibrate, options->samples), their files listed but not yet read; NULL in *out
 *  when it names none. QN_USAGE: both are given, or samples without a count; QN_MALFORMED: nothing to read in the folder;
 *  QN_SYSTEM: no such file. Ended by qn_calibration_destroy. */
QN_MUST_USE qn_status qn_calibration_open(qn_context *ctx, const qn_convert_options *options, qn_calibration **out);
/** NULL is fine. */
void qn_calibration_destroy(qn_calibration *c);

/** For qn_pass_options; belongs to `c`. NULL for NULL. */
const qn_samples *qn_calibration_samples(const qn_calibration *c);

#endif
