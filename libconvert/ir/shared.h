/* What all graphs of one outermost graph have in common; for ir's own files. */
#ifndef QN_IR_SHARED_H
#define QN_IR_SHARED_H

#include "ir/graph.h"

typedef struct qn_kept {
    struct qn_kept *next;
    void *ptr;
    void (*close)(void *);
} qn_kept;

struct qn_graph_shared {
    qn_table *names;        /* value name -> qn_value */
    qn_table *stems;        /* stem of a made-up name -> uint32_t: the last suffix given to it */
    uint32_t n_values, n_nodes;
    qn_kept *kept;
    qn_graph *graphs;       /* by next_graph */
};

/* Give `v` the name `stem` or, when that is taken, stem.1, stem.2 ...; it is registered. */
QN_MUST_USE qn_status qn_value_name(qn_context *ctx, qn_value *v, const char *stem);
/* Room for `more` uses. */
QN_MUST_USE qn_status qn_value_reserve_uses(qn_context *ctx, qn_value *v, int32_t more);
/* True when the node is in the list of a graph that is held: only then do its inputs count as uses. */
bool qn_node_is_live(const qn_node *node);
/* A live node gains or loses the subgraph. */
QN_MUST_USE qn_status qn_graph_hold(qn_context *ctx, qn_graph *sub);
void qn_graph_release(qn_graph *sub);

#endif
