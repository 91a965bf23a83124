/* A plan: the steps that compute a graph for one binding of its dimensions.
 *
 * A plan is made in stages. A stage walks the nodes in order, infers concrete shapes, computes at once what depends on
 * known numbers only (shape arithmetic), steps into the taken branch of an If, and ends where a shape or a condition
 * depends on numbers that only running can tell. When a stage has run, the next one is planned with those numbers at
 * hand. Nearly every model is one stage, which is kept; later stages are planned anew in each run.
 *
 *   slots[value id]   where each value is: a constant, known, an input, placed in the stage's buffer
 *   steps[]           node, kernel, tensors
 *   walk              where the stage ended
 */
#ifndef QN_RUN_PLAN_H
#define QN_RUN_PLAN_H

#include "kernels/eval.h"
#include "run/session.h"

enum { QN_WALK_DEPTH = 64 };
#define QN_STEP_FOREVER INT32_MAX

typedef enum qn_slot_kind {
    QN_SLOT_NONE = 0, /**< not computed yet */
    QN_SLOT_CONST,
    QN_SLOT_KNOWN,    /**< computed while planning, or by an earlier stage */
    QN_SLOT_INPUT,
    QN_SLOT_PLACED
} qn_slot_kind;

typedef struct qn_slot {
    qn_slot_kind kind;
    uint32_t root;         /**< the value whose buffer this one shares (itself, unless a view or in place) */
    qn_tensor tensor;      /**< shape always; data as the kind says (INPUT: set by each run) */
    int32_t first, last;   /**< steps between which the buffer of a root is needed; last QN_STEP_FOREVER: kept */
    int32_t n_seen;        /**< uses met so far */
    int32_t pending;       /**< of a PLACED root: uses not met yet of all the values that share its buffer */
    size_t offset;         /**< of a PLACED root in the stage's buffer */
    int32_t input;         /**< INPUT: index of the graph input */
} qn_slot;

typedef struct qn_step {
    const qn_node *node;
    const qn_kernel *kernel;
    qn_tensor *in, *out;          /**< [n_in], [n_out] */
    const qn_const **in_const;    /**< [n_in] */
    int32_t *in_input;            /**< [n_in]: graph input whose data this is, or -1 */
    int32_t n_in, n_out;
} qn_step;

typedef struct qn_walk {
    struct {
        const qn_graph *graph;
        const qn_node *node;      /**< next to visit; NULL: the graph is done */
        const qn_node *owner;     /**< the If whose branch it is, or NULL */
    } frame[QN_WALK_DEPTH];
    int32_t depth;                /**< frames in use; 0: everything is planned */
} qn_walk;

typedef struct qn_stage {
    qn_step *steps;
    int32_t n_steps, cap_steps;
    void *buffer;                 /**< of the placed values; aligned_alloc */
    size_t buffer_bytes, live_bytes;
} qn_stage;

/** What planning needs of the session. */
typedef struct qn_planner {
    qn_context *ctx;
    const qn_graph *graph;
    qn_arena *arena;              /**< of the plan */
    qn_arena *scratch;            /**< reset freely */
    qn_arena *constants;          /**< of the session: expanded and realigned constants */
    qn_tensor *expanded;          /**< [value bound] of the session; data NULL: not yet */
    size_t *expanded_bytes;
    bool reference;
    const bool *keep;             /**< [value bound]: probed values and outputs */
    void (*observe)(void *, const qn_value *, const qn_tensor *); /**< told of values known while planning, or NULL */
    void *observe_user;
    qn_slot *slots;               /**< [value bound] */
    qn_walk walk;
} qn_planner;

/** Slots of constants and inputs; the walk at the first node. */
QN_MUST_USE qn_status qn_plan_begin(qn_planner *p, const qn_tensor *inputs);
/** Plan from p->walk on, as far as it goes. QN_UNSUPPORTED when nothing more can be planned. */
QN_MUST_USE qn_status qn_plan_stage(qn_planner *p, qn_stage *stage);
/** Offsets for the PLACED roots of a stage (run/place.c): those alive together do not overlap. */
QN_MUST_USE qn_status qn_plan_place(qn_planner *p, qn_stage *stage);

/** The dense, aligned value of a constant, expanded once for the session. */
QN_MUST_USE qn_status qn_plan_constant(qn_planner *p, const qn_value *value, qn_tensor *out);

#endif
