/* Rows of the tables have what belongs to them: an op a test of its kernel, a pass a comment that shows it, an op of our
 * own a section in docs/ops.md. (That a row has its functions, the linker says.) */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "ops/op.h"
#include "passes/pass.h"
#include "tests/structure/tree.h"
#include "tests/test.h"

static void gather(void *arg, const char *path, const char *text) {
    (void)path;
    qn_buf_puts(arg, text);
}

/* A string that begins with the op: "Conv", "Conv {pads=..." ; or text of a graph: "%y = If(%c". */
static bool is_tested(const char *tests, const char *op) {
    const size_t n = strlen(op);
    for (const char *at = tests; (at = strstr(at, op)); at++) {
        const char before = at > tests ? at[-1] : 0, after = at[n];
        if ((before == '"' && (after == '"' || after == ' ')) || (before == ' ' && after == '('))
            return true;
    }
    return false;
}

QN_TEST(structure_tables_every_op_is_tested) {
    static const char *const endings[] = {".c", NULL};
    qn_buf tests = QN_BUF_INIT;
    int missing = 0;
    tree_each("tests/kernels", endings, gather, &tests);
    tree_each("tests/run", endings, gather, &tests);
    assert_false(tests.failed);
    for (int op = 1; op < QN_OP_COUNT; op++)
        if (!is_tested(tests.data, qn_op_row((qn_op)op)->name)) {
            print_message("           %s has no test in tests/kernels/ or tests/run/\n", qn_op_row((qn_op)op)->name);
            missing++;
        }
    qn_buf_free(&tests);
    assert_int_equal(missing, 0);
}

QN_TEST(structure_tables_every_pass_is_shown) {
    int32_t n;
    const qn_pass *passes = qn_passes(&n);
    for (int32_t i = 0; i < n; i++) {
        char path[256], head[256];
        snprintf(path, sizeof path, "passes/%s.c", passes[i].name);
        snprintf(head, sizeof head, "/* %s: ", passes[i].name);
        char *text = tree_read(path);
        if (strncmp(text, head, strlen(head)) != 0)
            fail_msg("%s does not open with '%s'", path, head);
        if (!strstr(text, "\n * Before") || !strstr(text, "\n * Unchanged"))
            fail_msg("%s: its comment shows no Before or no Unchanged", path);
        free(text);
    }
}

/* In onnx_ops.def, as an operator by itself. */
QN_TEST(structure_tables_own_ops_are_documented) {
    char *onnx = tree_read("schemas/onnx_ops.def"), *docs = tree_read("docs/ops.md");
    for (int op = 1; op < QN_OP_COUNT; op++) {
        char row[128], heading[128];
        const char *name = qn_op_row((qn_op)op)->name;
        snprintf(row, sizeof row, "QN_ONNX_OP(%s,", name);
        snprintf(heading, sizeof heading, "# %s\n", name);
        if (!strstr(onnx, row) && !strstr(docs, heading))
            fail_msg("%s is no operator of ONNX and has no section in docs/ops.md", name);
    }
    free(onnx);
    free(docs);
}
