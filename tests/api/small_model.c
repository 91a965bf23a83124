#include "tests/api/small_model.h"

#include <math.h>
#include <stdio.h>

#include "base/random.h"
#include "tests/read/onnx_build.h"
#include "tests/test.h"

/* Normal numbers with standard deviation 1/sqrt(rows), the statistics of trained weights. */
static void add_weight(qn_buf *graph, const char *name, uint64_t seed, int64_t rows, int64_t columns) {
    static float data[64 * 128];
    const int64_t matrix[] = {rows, columns, -1}, vector[] = {columns, -1};
    for (int64_t i = 0; i < rows * columns; i++)
        data[i] = (float)(qn_random_normal(&seed) / sqrt((double)rows));
    pb_message(graph, OB_INITIALIZER,
               ob_tensor(name, QN_F32, rows > 1 ? matrix : vector, data, (size_t)(rows * columns) * sizeof *data));
}

qn_buf small_model(void) {
    qn_buf graph = QN_BUF_INIT;
    pb_string(&graph, 2, "small");
    pb_message(&graph, OB_NODE, ob_node("Gather", "table,ids", "e"));
    pb_message(&graph, OB_NODE, ob_node("Add", "x,e", "s"));
    pb_message(&graph, OB_NODE, ob_node("MatMul", "s,w1", "m1"));
    pb_message(&graph, OB_NODE, ob_node("Add", "m1,b1", "h"));
    pb_message(&graph, OB_NODE, ob_node("Relu", "h", "r"));
    pb_message(&graph, OB_NODE, ob_node("MatMul", "r,w2", "y"));
    add_weight(&graph, "w1", 1, 64, 128);
    add_weight(&graph, "b1", 2, 1, 128);
    add_weight(&graph, "w2", 3, 128, 10);
    add_weight(&graph, "table", 4, 2, 64);
    pb_message(&graph, OB_INPUT, ob_value("x", QN_F32, "batch,seq,64"));
    pb_message(&graph, OB_INPUT, ob_value("ids", QN_I64, "batch,seq"));
    pb_message(&graph, OB_OUTPUT, ob_value("y", QN_F32, "batch,seq,10"));
    return ob_model(17, graph);
}

void small_write(const char *path, const void *data, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

void small_model_file(const char *name, char *path) {
    qn_buf model = small_model();
    snprintf(path, 256, "%s/%s", qn_test_tmp(), name);
    small_write(path, model.data, model.n);
    qn_buf_free(&model);
}
