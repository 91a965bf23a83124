/* The words of weight schemes, one row each: what a name stands for before its options. */
#ifndef QN_QUANT_SCHEME_WORDS_H
#define QN_QUANT_SCHEME_WORDS_H

#include "quant/quant.h"

typedef struct qn_scheme_name {
    const char *name;
    qn_encoding encoding;
    qn_dtype code_dtype, scale_dtype; /**< scale_dtype: of AFFINE as its blocks say, but for powers of two; of PALETTE: QN_NONE: none */
    bool symmetric, per_channel;
    int64_t block;
    int bits;
    qn_table_choice table;
} qn_scheme_name;
/** Ends with a row without a name. */
extern const qn_scheme_name qn_scheme_names[];

typedef struct qn_scheme_dtype {
    const char *name;
    qn_dtype dtype;
} qn_scheme_dtype;
/** What scale= takes; what super= and table= take. Each ends with a row without a name. */
extern const qn_scheme_dtype qn_scheme_scales[], qn_scheme_floats[];

#endif
