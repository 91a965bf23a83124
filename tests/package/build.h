/* Packages for the tests: made from text, taken apart, changed and put together again. */
#ifndef QN_TESTS_PACKAGE_BUILD_H
#define QN_TESTS_PACKAGE_BUILD_H

#include "package/package.h"
#include "package/proto.h"

/** One graph with most of what a package can hold: symbolic dimensions, constants of several dtypes, inline and not, an
 *  affine one, a branch, an attribute that is a tensor. */
qn_graph *qn_test_rich_graph(qn_context *ctx);
/** Give the constant `name` of the graph symmetric int8 codes along `axis`. */
void qn_test_encode(qn_context *ctx, qn_graph *graph, const char *name, int32_t axis);

/** Provenance with something in every field. */
extern const qn_provenance qn_test_provenance;

/** Write the graph to a new file of the run's folder; its path (static, for the next few calls). */
const char *qn_test_write_package(qn_context *ctx, const qn_graph *graph);

/** qn_fill: the parts of a constant that has them already, as they are. */
qn_status qn_test_fill_parts(void *user, qn_context *ctx, qn_arena *arena, const qn_const *c, qn_part_sink put, void *sink);

/** Write the package at `path` in shipping form to another new file; its path, as above. */
const char *qn_test_ship(qn_context *ctx, const char *path);

typedef struct qn_test_bytes {
    uint8_t *data;   /**< of its own allocation, exactly n bytes: free() */
    size_t n;
} qn_test_bytes;
qn_test_bytes qn_test_read_bytes(const char *path);
/** An archive of these entries (names; n_bytes; data[i]). */
qn_test_bytes qn_test_archive(qn_zip_entry *entries, uint8_t *const *data, int64_t n);
/** The package with its model.pb changed by `change` and, when `drop` is not NULL, without the entry of that name. */
qn_test_bytes qn_test_change(qn_context *ctx, qn_test_bytes package, void (*change)(Quern__Package *, void *), void *arg,
                             const char *drop);
/** The graph and provenance as the lines that read_quern.py prints. malloc'ed. */
char *qn_test_dump(qn_context *ctx, const qn_graph *graph, const qn_provenance *provenance);

#endif
