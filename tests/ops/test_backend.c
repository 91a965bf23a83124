/* ONNX's own backend tests as a judge of shapes: what each node gives for the numbers of its test must be what the
 * test expects; and what inference says over symbols in place of the inputs' sizes must come to the same. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ops/infer.h"
#include "read/onnx.h"
#include "tests/test.h"

enum { MAX_PORTS = 64 };

typedef struct backend_case {
    qn_context *ctx;
    qn_arena *arena;
    qn_graph *graph;
    qn_tensor in[MAX_PORTS], out[MAX_PORTS];
} backend_case;

static bool exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

/* The tensors of data set 0; false when one is missing or cannot be read (sequences, strings, float8 ...). */
static bool read_ports(backend_case *c, const char *folder, const char *which, int32_t n, qn_tensor *out) {
    for (int32_t i = 0; i < n; i++) {
        char path[1200];
        const char *name;
        snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", folder, which, i);
        if (!exists(path) || qn_onnx_read_tensor(c->ctx, c->arena, path, &name, &out[i]) != QN_OK)
            return false;
    }
    return true;
}

static bool has_subgraph(const qn_graph *graph) {
    for (const qn_node *node = graph->first; node; node = node->next)
        for (int32_t i = 0; i < node->n_attrs; i++)
            if (node->attrs[i].kind == QN_ATTR_GRAPH)
                return true;
    return false;
}

/* ---- with numbers, as a plan is made ------------------------------------------------------------- */

typedef struct known {
    qn_type type;
    qn_content content;
    qn_tensor value;
} known;

static known known_of(const known *table, const qn_value *value) {
    if (!value)
        return (known){.type = {.rank = -1}};
    if (!value->constant)
        return table[value->id];
    known k = {.type = value->type, .content = {value->content, value->n_content}};
    if (qn_const_is_ready(value->constant)) {
        k.value = (qn_tensor){.dtype = value->constant->dtype, .rank = value->constant->rank};
        memcpy(k.value.dims, value->constant->dims, sizeof k.value.dims);
        k.value.data = (void *)(uintptr_t)value->constant->part[QN_PART_VALUES].data;
        k.value.n_bytes = value->constant->part[QN_PART_VALUES].n;
    }
    return k;
}

static void infer_numbers(backend_case *c, known *table, const char *folder) {
    for (const qn_node *node = c->graph->first; node; node = node->next) {
        qn_type in[MAX_PORTS], out[MAX_PORTS];
        qn_content in_content[MAX_PORTS], out_content[MAX_PORTS];
        qn_tensor value[MAX_PORTS];
        assert_true(node->n_in <= MAX_PORTS && node->n_out <= MAX_PORTS);
        for (int32_t i = 0; i < node->n_in; i++) {
            known k = known_of(table, node->in[i]);
            in[i] = k.type;
            in_content[i] = k.content;
            value[i] = k.value;
        }
        qn_infer inf = {.ctx = c->ctx, .symbols = c->graph->symbols, .node = node, .arena = c->arena, .n_in = node->n_in,
                        .n_out = node->n_out, .in = in, .in_content = in_content, .in_value = value, .out = out,
                        .out_content = out_content};
        if (qn_infer_node(&inf) != QN_OK)
            fail_msg("%s: %s", folder, qn_context_message(c->ctx));
        for (int32_t o = 0; o < node->n_out; o++)
            if (node->out[o])
                table[node->out[o]->id] = (known){.type = out[o], .content = out_content[o]};
    }
}

/* 1 when every output is known and as expected, 0 when some dimension is not known. */
static int judge_numbers(backend_case *c, const char *folder) {
    known *table = qn_arena_array(c->arena, qn_graph_value_bound(c->graph), sizeof *table);
    for (int32_t i = 0; i < c->graph->n_inputs; i++) {
        known *k = &table[c->graph->inputs[i].value->id];
        k->type = (qn_type){.dtype = c->in[i].dtype, .rank = c->in[i].rank};
        memcpy(k->type.dims, c->in[i].dims, sizeof c->in[i].dims);
        k->value = c->in[i];
    }
    infer_numbers(c, table, folder);
    for (int32_t o = 0; o < c->graph->n_outputs; o++) {
        const qn_type type = known_of(table, c->graph->outputs[o].value).type;
        const qn_tensor *want = &c->out[o];
        if (type.rank < 0 || type.dtype == QN_NONE)
            return 0;
        if (type.dtype != want->dtype || type.rank != want->rank)
            fail_msg("%s: output %d is %s of rank %d, wanted %s of rank %d", folder, o, qn_dtype_name(type.dtype), type.rank,
                     qn_dtype_name(want->dtype), want->rank);
        for (int32_t k = 0; k < type.rank; k++) {
            if (type.dims[k] == QN_DIM_UNKNOWN)
                return 0;
            if (type.dims[k] != want->dims[k])
                fail_msg("%s: dimension %d of output %d is %lld, wanted %lld", folder, k, o, (long long)type.dims[k],
                         (long long)want->dims[k]);
        }
    }
    return 1;
}

/* ---- with symbols --------------------------------------------------------------------------------- */

/* How many dimensions of outputs came out as expressions over the inputs' sizes; each is right. */
static int judge_symbols(backend_case *c, const char *folder) {
    qn_graph *g = c->graph;
    int64_t *values = qn_arena_array(c->arena, 4096, sizeof *values);
    for (int32_t i = 0; i < 4096; i++)
        values[i] = INT64_MIN;
    for (int32_t i = 0; i < g->n_inputs; i++) {
        qn_type *type = &g->inputs[i].value->type;
        *type = (qn_type){.dtype = c->in[i].dtype, .rank = c->in[i].rank};
        for (int32_t k = 0; k < type->rank; k++) {
            type->dims[k] = qn_dim_fresh(g->symbols, "size");
            values[qn_dim_symbol_index(g->symbols, type->dims[k])] = c->in[i].dims[k];
        }
    }
    for (qn_node *node = g->first; node; node = node->next)
        for (int32_t o = 0; o < node->n_out; o++)
            if (node->out[o]) {
                node->out[o]->type = (qn_type){.dtype = QN_NONE, .rank = -1};
                node->out[o]->content = NULL;
            }
    if (qn_infer_graph(c->ctx, g) != QN_OK)
        fail_msg("%s: with symbols: %s", folder, qn_context_message(c->ctx));
    int told = 0;
    for (int32_t o = 0; o < g->n_outputs; o++) {
        const qn_type *type = &g->outputs[o].value->type;
        if (type->rank >= 0 && type->rank != c->out[o].rank)
            fail_msg("%s: with symbols, output %d has rank %d", folder, o, type->rank);
        for (int32_t k = 0; k < type->rank; k++) {
            int64_t n;
            if (!qn_dim_eval(g->symbols, type->dims[k], values, &n))
                continue;
            told++;
            if (n != c->out[o].dims[k])
                fail_msg("%s: dimension %d of output %d is %s, which is %lld, wanted %lld", folder, k, o,
                         qn_dim_format(g->arena, g->symbols, type->dims[k]), (long long)n, (long long)c->out[o].dims[k]);
        }
    }
    return told;
}

/* ---- all of them -------------------------------------------------------------------------------------- */

typedef struct tally {
    int judged, unknown, symbolic;
} tally;

static void judge(const char *folder, tally *t) {
    char path[1200];
    backend_case c = {.ctx = qn_test_context(), .arena = qn_arena_create()};
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (exists(path) && qn_onnx_read(c.ctx, path, &c.graph) == QN_OK && !has_subgraph(c.graph) &&
        c.graph->n_inputs <= MAX_PORTS && c.graph->n_outputs <= MAX_PORTS &&
        read_ports(&c, folder, "input", c.graph->n_inputs, c.in) && read_ports(&c, folder, "output", c.graph->n_outputs, c.out)) {
        qn_clear(c.ctx);
        int known_all = judge_numbers(&c, folder);
        if (!known_all && c.graph->n_nodes == 1)
            fail_msg("%s: a shape is not known with all numbers given", folder);
        t->judged += known_all;
        t->unknown += !known_all;
        t->symbolic += judge_symbols(&c, folder);
    }
    qn_graph_destroy(c.graph);
    qn_arena_destroy(c.arena);
    qn_context_destroy(c.ctx);
}

QN_TEST(ops_backend_shapes) {
    static const char *const groups[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    const char *shared = qn_test_shared();
    tally t = {0, 0, 0};
    if (!shared) {
        qn_test_skip_shared();
        return;
    }
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        char path[512], folder[1100];
        struct dirent **names;
        snprintf(path, sizeof path, "%s/onnx-tests/%s", shared, groups[g]);
        int n = scandir(path, &names, NULL, alphasort);
        for (int i = 0; i < n; i++) {
            snprintf(folder, sizeof folder, "%s/%s", path, names[i]->d_name);
            if (names[i]->d_name[0] != '.')
                judge(folder, &t);
            free(names[i]);
        }
        if (n >= 0)
            free(names);
    }
    print_message("           %d tests judged, %d with sizes that depend on data, %d symbolic sizes right\n", t.judged,
                  t.unknown, t.symbolic);
    assert_true(t.judged > 300);
}
