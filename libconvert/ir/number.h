/* Numbers of any dtype: stored from integers and reals, and as text. */
#ifndef QN_IR_NUMBER_H
#define QN_IR_NUMBER_H

#include "base/buf.h"
#include "ir/constant.h"

/** Store v as one element of `dtype` at `at` (no alignment asked), rounded to nearest; integers when v is in range. */
bool qn_store_f64(qn_dtype dtype, double v, void *at);
/** As above from an integer given as sign and magnitude; false when it does not fit. */
bool qn_store_int(qn_dtype dtype, bool negative, uint64_t magnitude, void *at);
/** Append element i of a ready constant. */
void qn_print_element(qn_buf *out, const qn_const *c, int64_t i);
/** Append the shortest text that reads back as this float32 ("1e-05", "0.5", "2.0", "inf", "nan"). */
void qn_print_f32(qn_buf *out, float v);

#endif
