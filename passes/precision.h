/* Which values of a float32 graph may be stored narrow (float16 or bfloat16), and which nodes must work in float32.
 *
 * Every float32 value that is no constant has a range class, found by one walk in topological order:
 *
 *   NORMAL   numbers such as activations are; they fit a narrow dtype
 *   EXACT    made from integers (Cast, Range): counts, positions, sizes, whose precision matters
 *   LARGE    may be far outside float16's range or be far from 1: powers, exponentials, squares, sums
 *   INVERSE  one over LARGE
 *
 * A node that reads or makes a class other than NORMAL works and stores in float32, until something brings the numbers
 * back: a quotient of two such values, a bounded function (Tanh, Sin ...), a norm, a product with weights. So a
 * decomposed norm or softmax, a rotary table and the arithmetic of masks stay in float32 from end to end. So does a node
 * whose compute is float32 already, because who built it knows better (arch/builder.h).
 *
 * Beside its class a value is *open* when its scale follows that of a LARGE one: made from it by products, sums, rectifiers
 * and moves, with no norm, gate, bounded function or quotient in between. An open value is stored narrow (rounding is
 * relative, and so are the errors of the products that read it), but in float16 an LSTM or GRU that reads one works and
 * stores in float32, weights included. A gate turns on an absolute amount of about 1, while the error of its sum is relative
 * to terms that grow with the signal: of sums of +-20000 (magnitudes of a spectrum that went through convolutions alone)
 * 2^-12 is 5, and a unit near its threshold flips. In bfloat16 the input itself is off by 2^-9, and wide weights gain
 * nothing.
 *
 * With ranges observed on calibration inputs (passes/ranges.h), a node that reads or makes a value that float16 would not
 * hold works and stores in float32 as well. They only ever add to what the classes keep: that a sample stayed within bounds
 * does not say that a square always will.
 */
#ifndef QN_PASSES_PRECISION_H
#define QN_PASSES_PRECISION_H

#include "passes/ranges.h"

typedef enum qn_range { QN_RANGE_NORMAL = 0, QN_RANGE_EXACT, QN_RANGE_INVERSE, QN_RANGE_LARGE } qn_range;

/** What a node asks of a float32 operand. */
typedef enum qn_demand {
    QN_DEMAND_ANY = 0, /**< as it is stored */
    QN_DEMAND_NARROW,
    QN_DEMAND_WIDE
} qn_demand;

/** How a node is done. */
typedef enum qn_width {
    QN_WIDTH_NONE = 0, /**< it has nothing to do with float32, or takes what it gets */
    QN_WIDTH_NARROW,   /**< narrow operands and results */
    QN_WIDTH_INSIDE,   /**< likewise, but the arithmetic inside is float32 (qn_node.compute) */
    QN_WIDTH_WIDE      /**< float32 operands and results */
} qn_width;

typedef struct qn_precision_plan {
    qn_width *node;      /**< by node id */
    qn_range *range;     /**< by value id */
    bool *open;          /**< by value id: its scale follows that of a LARGE value */
    bool *narrow;        /**< by value id: a float32 value of now that is to be stored narrow */
    bool *calibrated;    /**< by node id: wide because of `ranges` alone */
    const qn_ranges *ranges; /**< or NULL */
    uint32_t n_values, n_nodes; /**< bounds of the ids when the plan was made */
} qn_precision_plan;

/** Plan a graph and those inside it. `narrow` is options->precision. `ranges` (or NULL) lives as long as the plan. */
QN_MUST_USE qn_status qn_precision_analyse(qn_pass_run *run, const qn_ranges *ranges, qn_precision_plan *plan);

/** What the report calls a node: its name, or that of its first output. */
const char *qn_precision_name(const qn_node *node);

/** Add the nodes that the plan keeps in float32, and why, to options->kept (nothing when that is NULL). Before the graph is
 *  changed. */
QN_MUST_USE qn_status qn_precision_tell(qn_pass_run *run, const qn_precision_plan *plan);

/** What `node` asks of its float32 input i. */
qn_demand qn_precision_demand(const qn_precision_plan *plan, const qn_node *node, int32_t i);

/** Does a pattern match the node's name, one of its origins, or the name or origin of one of its outputs? */
bool qn_precision_names(const char *pattern, const qn_node *node);

/** The pattern of options->keep_fp32 that `node` matches: its name, one of its origins, its op, or the name or origin of
 *  one of its outputs. NULL: none. */
const char *qn_precision_kept(const qn_pass_options *options, const qn_node *node);

/** Why a node that reads a constant needs it in float32 whatever its own width ("norm statistics", "scales of Resize"), or
 *  NULL. */
const char *qn_precision_fixed_input(const qn_node *node, int32_t i);

#endif
