/* Which activations a weight is multiplied by. */
#ifndef QN_PASSES_MEETS_H
#define QN_PASSES_MEETS_H

#include "passes/pass.h"

/** What a weight meets at one of its readers. */
typedef struct qn_meets {
    const qn_value *input;   /**< activations whose channels the weight's summed axis indexes */
    int32_t axis;            /**< of those channels; negative counts from the end */
    int64_t n_channels;
    int64_t groups;          /**< of a convolution: channel c meets index c % (n_channels / groups) of the summed axis */
    bool rows;               /**< each row of the weight is multiplied by all channels of a place, and by nothing else */
    const char *reason;      /**< input NULL: why nothing is known of it; static text */
} qn_meets;

/** What use of a constant of those dims meets. */
qn_meets qn_weight_meets(const qn_use *use, const qn_const *c);

#endif
